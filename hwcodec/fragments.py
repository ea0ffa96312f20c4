"""Samples of one track in movie fragments, wherever a writer puts their defaults.

Source: ISO/IEC 14496-12, 8.8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hwcodec.boxes import Box, Reader, children, find
from hwcodec.errors import BitstreamError

_NON_SYNC = 0x10000


@dataclass(frozen=True, slots=True)
class Sample:
    """One packet in a file; times in ticks of the track's scale."""

    data: bytes
    decode_time: int
    offset: int
    duration: int
    is_key: bool

    @property
    def presentation_time(self) -> int:
        """When it is shown, before any edit list."""
        return self.decode_time + self.offset


@dataclass(frozen=True, slots=True)
class _Defaults:
    duration: int
    size: int
    flags: int


@dataclass(frozen=True, slots=True)
class _Head:
    """What the header of a track fragment says, and where data offsets count from."""

    track_number: int
    base: int
    defaults: _Defaults


class Extent:
    """Hands out the bytes of samples and refuses more of them than the file can hold."""

    __slots__ = ("_data", "_left")

    def __init__(self, data: bytes) -> None:
        self._data, self._left = data, len(data)

    def take(self, position: int, size: int) -> bytes:
        """The bytes of one sample.

        Raises:
            BitstreamError: if it is empty, outside the file, or overlaps others.
        """
        self._left -= size
        if size < 1 or position < 0 or position + size > len(self._data) or self._left < 0:
            raise BitstreamError(
                f"sample of {size} bytes at offset {position} does not fit into the file of "
                f"{len(self._data)} bytes; the file is truncated or damaged, copy or mux it again"
            )
        return self._data[position : position + size]


def fragment_samples(
    data: bytes, movie: Box, track: Box, fragments: Sequence[Box]
) -> Iterator[Iterator[Sample]]:
    """The samples of ``track`` in each fragment, in file order.

    Raises:
        BitstreamError: if the file is damaged.
    """
    number = _track_number(data, track)
    general, extent = _movie_defaults(data, movie, number), Extent(data)
    clock = 0
    for fragment in fragments:
        samples = []
        for part in children(data, fragment.body, fragment.end):
            if part.kind != "traf":
                continue
            head = _head(data, find(data, part, "tfhd"), fragment.start, general)
            if head.track_number == number:
                clock = _start(data, part, clock)
                samples += list(_runs(data, part, head, extent))
        for index, sample in enumerate(samples):
            samples[index] = replace(sample, decode_time=clock)
            clock += sample.duration
        yield iter(samples)


def _track_number(data: bytes, track: Box) -> int:
    header = Reader(data, find(data, track, "tkhd"))
    version, _ = header.version_and_flags()
    header.skip(16 if version else 8)
    return header.take("I")


def _movie_defaults(data: bytes, movie: Box, number: int) -> _Defaults:
    extends = find(data, movie, "mvex")
    for entry in children(data, extends.body, extends.end):
        if entry.kind == "trex":
            fields = Reader(data, entry)
            fields.version_and_flags()
            if fields.take("I") == number:
                fields.skip(4)
                return _Defaults(fields.take("I"), fields.take("I"), fields.take("I"))
    return _Defaults(0, 0, 0)


def _head(data: bytes, header: Box, start: int, general: _Defaults) -> _Head:
    fields = Reader(data, header)
    _, flags = fields.version_and_flags()
    number = fields.take("I")
    base = fields.take("Q") if flags & 1 else start
    fields.skip(4 if flags & 2 else 0)
    duration = fields.take("I") if flags & 8 else general.duration
    size = fields.take("I") if flags & 16 else general.size
    own_flags = fields.take("I") if flags & 32 else general.flags
    return _Head(number, base, _Defaults(duration, size, own_flags))


def _start(data: bytes, part: Box, clock: int) -> int:
    """When the fragment starts: at its own time, or else where the one before ended."""
    for entry in children(data, part.body, part.end):
        if entry.kind == "tfdt":
            fields = Reader(data, entry)
            version, _ = fields.version_and_flags()
            return fields.take("Q" if version else "I")
    return clock


def _runs(data: bytes, part: Box, head: _Head, extent: Extent) -> Iterator[Sample]:
    position = head.base
    for run in children(data, part.body, part.end):
        if run.kind != "trun":
            continue
        fields = Reader(data, run)
        _, flags = fields.version_and_flags()
        count = fields.take("I")
        position = head.base + fields.take("i") if flags & 1 else position
        first_flags = fields.take("I") if flags & 4 else None
        for index in range(count):
            duration = fields.take("I") if flags & 0x100 else head.defaults.duration
            size = fields.take("I") if flags & 0x200 else head.defaults.size
            own_flags = fields.take("I") if flags & 0x400 else head.defaults.flags
            if index == 0 and first_flags is not None:
                own_flags = first_flags
            offset = fields.take("i") if flags & 0x800 else 0
            content = extent.take(position, size)
            yield Sample(content, 0, offset, duration, not own_flags & _NON_SYNC)
            position += size
