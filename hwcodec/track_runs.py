"""Packets of one track as the runs of its fragments list them; `bitstream` makes a stream of them.

Source: ISO/IEC 14496-12, 8.8.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hwcodec.boxes import Box, Reader, children, find
from hwcodec.errors import BitstreamError

# Flags of a track run whose samples have fields: duration, size, flags, time offset.
_PER_SAMPLE = 0xF00


@dataclass(frozen=True, slots=True)
class Sample:
    """One packet in a file; times in ticks of the track's scale."""

    data: bytes
    decode_time: int
    duration: int
    offset: int
    is_sync: bool


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for a packet that says nothing else."""

    duration: int
    size: int
    flags: int


def read_timing(data: bytes, movie: Box) -> tuple[int, Defaults]:
    """Ticks per second of the track, and the defaults of all its packets.

    Raises:
        BitstreamError: if a box is missing or damaged.
    """
    header = Reader(data, find(data, movie, "trak", "mdia", "mdhd"))
    version, _ = header.version_and_flags()
    header.skip(16 if version else 8)
    scale = header.take("I")
    extends = Reader(data, find(data, movie, "mvex", "trex"))
    extends.skip(12)
    return scale, Defaults(extends.take("I"), extends.take("I"), extends.take("I"))


def read_samples(data: bytes, top: list[Box], defaults: Defaults) -> list[Sample]:
    """Samples of all fragments, which together are no larger than the file.

    Otherwise a small file could name the same bytes any number of times.

    Raises:
        BitstreamError: if a fragment is damaged, or names more bytes than there are.
    """
    samples, left = [], len(data)
    for fragment in (entry for entry in top if entry.kind == "moof"):
        for sample in _samples(data, fragment, defaults):
            left -= len(sample.data)
            if left < 0:
                raise BitstreamError(
                    f"packets take more than the {len(data)} bytes of the stream file, expected "
                    "each to have its own; it is damaged, fetch it again"
                )
            samples.append(sample)
    return samples


def _samples(data: bytes, fragment: Box, defaults: Defaults) -> Iterator[Sample]:
    track = find(data, fragment, "traf")
    here = _fragment_defaults(data, find(data, track, "tfhd"), defaults)
    clock = Reader(data, find(data, track, "tfdt"))
    version, _ = clock.version_and_flags()
    time = clock.take("Q" if version else "I")
    for run in children(data, track.body, track.end):
        if run.kind != "trun":
            continue
        for sample in _run(data, run, fragment.start, here):
            yield replace(sample, decode_time=time)
            time += sample.duration


def _fragment_defaults(data: bytes, header: Box, defaults: Defaults) -> Defaults:
    fields = Reader(data, header)
    _, flags = fields.version_and_flags()
    fields.skip(4 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0))
    duration = fields.take("I") if flags & 8 else defaults.duration
    size = fields.take("I") if flags & 16 else defaults.size
    return Defaults(duration, size, fields.take("I") if flags & 32 else defaults.flags)


def _run(data: bytes, run: Box, base: int, defaults: Defaults) -> Iterator[Sample]:
    """Samples of one track run; the caller fills in their decode times."""
    fields = Reader(data, run)
    _, flags = fields.version_and_flags()
    count = fields.take("I")
    position = base + (fields.take("i") if flags & 1 else 0)
    first_flags = fields.take("I") if flags & 4 else None
    # Without fields of their own and without bytes, nothing in the file would bound their number.
    if count and not flags & _PER_SAMPLE and not defaults.size:
        raise BitstreamError(
            f"a run of {count} packets has no sizes, expected one for each or a default; "
            "the stream file is damaged, fetch it again"
        )
    for index in range(count):
        duration = fields.take("I") if flags & 0x100 else defaults.duration
        size = fields.take("I") if flags & 0x200 else defaults.size
        own_flags = fields.take("I") if flags & 0x400 else defaults.flags
        if index == 0 and first_flags is not None:
            own_flags = first_flags
        offset = fields.take("i") if flags & 0x800 else 0
        if not base < position <= position + size <= len(data):
            raise BitstreamError(
                f"packet of {size} bytes at offset {position} lies outside the stream file of "
                f"{len(data)} bytes; it is truncated, fetch it again"
            )
        sync = not own_flags & 0x10000
        yield Sample(data[position : position + size], 0, duration, offset, sync)
        position += size
