"""The video track of any MP4 file, fragmented or not, as it lies there: nothing is believed yet.

`bitstream.demux` reads what this package writes; this reads what anybody writes, so that it can be
told what is wrong with it. Source: ISO/IEC 14496-12.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from hwcodec.boxes import Box, Reader, children, find
from hwcodec.errors import BitstreamError
from hwcodec.fragments import Sample, fragment_samples
from hwcodec.sample_tables import table_samples
from hwcodec.types import Bitstream, Codec, Packet, PictureGeometry

_ENTRIES = {
    "avc1": (Codec.H264, "avcC"),
    "avc3": (Codec.H264, "avcC"),
    "hvc1": (Codec.HEVC, "hvcC"),
    "hev1": (Codec.HEVC, "hvcC"),
    "av01": (Codec.AV1, "av1C"),
    "vrfr": (Codec.RAW, "vrfC"),
}
_ENTRY_BYTES = 78
_START_CODES = (b"\0\0\0\1", b"\0\0\1")


@dataclass(frozen=True, slots=True)
class Track:
    """One video track: its sample entry, its configuration record, and its samples in file order.

    ``fragment_starts`` are the indices of the first sample of every fragment; a file without
    fragments has none. ``is_full_range`` is what a ``colr`` box says, None without one.
    """

    entry: str
    codec: Codec
    record: bytes
    size: tuple[int, int]
    is_full_range: bool | None
    time_scale: int
    samples: tuple[Sample, ...]
    fragment_starts: tuple[int, ...] = ()

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second.

        Raises:
            BitstreamError: if presentation times are not evenly spaced.
        """
        times = sorted(sample.presentation_time for sample in self.samples)
        steps = {later - earlier for earlier, later in pairwise(times)}
        steps = steps or {self.samples[0].duration}
        if len(steps) > 1 or min(steps) < 1 or not self.time_scale:
            raise BitstreamError(
                f"pictures are {sorted(steps)[:4]} ticks of 1/{self.time_scale} s apart, expected "
                "one distance for all; encode with a constant frame rate"
            )
        return Fraction(self.time_scale, steps.pop())

    def frame_numbers(self) -> tuple[int, ...]:
        """Rank in presentation order of every sample, in file order."""
        times = [sample.presentation_time for sample in self.samples]
        order = sorted(range(len(times)), key=times.__getitem__)
        ranks = [0] * len(order)
        for rank, index in enumerate(order):
            ranks[index] = rank
        return tuple(ranks)

    def bitstream(self, geometry: PictureGeometry) -> Bitstream:
        """The track as packets, for a decoder."""
        numbers = self.frame_numbers()
        delay = max(index - number for index, number in enumerate(numbers))
        packets = tuple(
            Packet(sample.data, number, index - delay, sample.is_key)
            for index, (sample, number) in enumerate(zip(self.samples, numbers, strict=True))
        )
        return Bitstream(self.codec, geometry, self.record, packets)


def read_track(data: bytes) -> Track:
    """The video track of an MP4 file.

    Raises:
        BitstreamError: if it is no MP4 file, damaged, or without exactly one video track whose
            codec is known.
    """
    _check_beginning(data)
    top = tuple(children(data))
    movie = next((entry for entry in top if entry.kind == "moov"), None)
    if movie is None:
        raise BitstreamError(
            "file has no moov box, expected an MP4 file with one; it is truncated, or a fragment "
            "without its header: copy or mux it again"
        )
    track = _video_track(data, movie)
    scale = _time_scale(data, track)
    fragments = [entry for entry in top if entry.kind == "moof"]
    if fragments:
        runs = [list(run) for run in fragment_samples(data, movie, track, fragments)]
    else:
        runs = [table_samples(data, track)]
    samples = tuple(sample for run in runs for sample in run)
    if not samples:
        raise BitstreamError(
            "video track has no samples, expected at least one; mux the stream again"
        )
    starts = [sum(len(run) for run in runs[:index]) for index, run in enumerate(runs) if run]
    return _described(data, track, scale, samples, tuple(starts) if fragments else ())


def _described(
    data: bytes, track: Box, scale: int, samples: tuple[Sample, ...], starts: tuple[int, ...]
) -> Track:
    description = find(data, track, "mdia", "minf", "stbl", "stsd")
    entries = list(children(data, description.body + 8, description.end))
    kinds = [entry.kind for entry in entries]
    if len(entries) != 1 or kinds[0] not in _ENTRIES:
        raise BitstreamError(
            f"sample entries are {kinds}, expected one of avc1, hvc1 or av01; "
            "encode as H.264, HEVC or AV1, one configuration per file"
        )
    (entry,) = entries
    codec, kind = _ENTRIES[entry.kind]
    fixed = Reader(data, entry)
    fixed.skip(24)
    size = (fixed.take("H"), fixed.take("H"))
    inner = {
        box.kind: data[box.body : box.end]
        for box in children(data, min(entry.body + _ENTRY_BYTES, entry.end), entry.end)
    }
    color = inner.get("colr", b"")
    is_full = color[10] >= 0x80 if color[:4] == b"nclx" and len(color) > 10 else None
    return Track(entry.kind, codec, inner.get(kind, b""), size, is_full, scale, samples, starts)


def _check_beginning(data: bytes) -> None:
    if data.startswith(_START_CODES):
        what = "an elementary stream (H.264 or HEVC with start codes)"
    elif data[4:8] in {b"ftyp", b"moov", b"styp", b"free", b"mdat", b"skip", b"wide"}:
        return
    else:
        what = f"{len(data)} bytes that begin with {data[:8]!r}"
    raise BitstreamError(
        f"file is {what}, expected MP4; mux it without encoding again, as with "
        "`ffmpeg -i FILE -c copy -tag:v hvc1 OUT.mp4` (the tag for HEVC alone)"
    )


def _video_track(data: bytes, movie: Box) -> Box:
    tracks = [
        track
        for track in children(data, movie.body, movie.end)
        if track.kind == "trak" and _handler(data, track) == b"vide"
    ]
    if len(tracks) != 1:
        raise BitstreamError(
            f"file has {len(tracks)} video tracks, expected exactly one; "
            "write every stream to a file of its own"
        )
    return tracks[0]


def _handler(data: bytes, track: Box) -> bytes:
    header = find(data, track, "mdia", "hdlr")
    return data[header.body + 8 : min(header.body + 12, header.end)]


def _time_scale(data: bytes, track: Box) -> int:
    header = Reader(data, find(data, track, "mdia", "mdhd"))
    version, _ = header.version_and_flags()
    header.skip(16 if version else 8)
    return header.take("I")
