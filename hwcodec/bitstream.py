"""One bitstream as one fragmented MP4 file: a fragment per closed group of pictures.

The file starts at presentation time 0, has no edit list, and says in its header what a browser
must know. FORMAT.md describes the bytes; nothing here needs a codec library.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hwcodec.boxes import Box, Reader, box, children, find, full_box
from hwcodec.errors import BitstreamError, UnsupportedConfig
from hwcodec.headers import pixel_format
from hwcodec.types import Bitstream, Codec, Packet, PictureGeometry

_ENTRIES = {
    Codec.H264: ("avc1", "avcC"),
    Codec.HEVC: ("hvc1", "hvcC"),
    Codec.AV1: ("av01", "av1C"),
    Codec.RAW: ("vrfr", "vrfC"),
}
_SYNC, _NON_SYNC = 0x02000000, 0x01010000
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_ENTRY_BYTES = 78


@dataclass(frozen=True, slots=True)
class _Sample:
    data: bytes
    decode_time: int
    duration: int
    offset: int
    is_sync: bool


@dataclass(frozen=True, slots=True)
class _Defaults:
    duration: int
    size: int
    flags: int


def check_packets(bitstream: Bitstream) -> None:
    """Refuse packets that cannot form a playable stream.

    Raises:
        BitstreamError: if there are none, the first is no key, or frame numbers have gaps.
    """
    packets = bitstream.packets
    if not packets:
        raise BitstreamError("bitstream has no packets, expected at least one; encode it again")
    if not packets[0].is_key:
        raise BitstreamError(
            "first packet is no key frame, expected one; cut bitstreams with split_gops()"
        )
    numbers = sorted(packet.pts for packet in packets)
    if numbers != list(range(len(packets))):
        raise BitstreamError(
            f"packets carry frame numbers {numbers[:8]}..., expected 0 to {len(packets) - 1} "
            "without gaps; a packet is missing or comes from another stream"
        )
    if packets[0].pts != 0:
        raise BitstreamError(
            f"first packet shows frame {packets[0].pts}, expected frame 0; its group is open, "
            "encode with closed groups"
        )


def split_gops(bitstream: Bitstream) -> tuple[Bitstream, ...]:
    """Cut at key packets; each part decodes alone, with ``pts`` starting at 0 again.

    Raises:
        BitstreamError: if a packet belongs before its own group, so that it is not closed.
    """
    check_packets(bitstream)
    parts = []
    for start, end in _gop_ranges(bitstream.packets):
        packets = tuple(
            replace(packet, pts=packet.pts - start, dts=packet.dts - start)
            for packet in bitstream.packets[start:end]
        )
        parts.append(replace(bitstream, packets=packets))
        check_packets(parts[-1])
    return tuple(parts)


def mux(bitstream: Bitstream) -> bytes:
    """The bitstream as a fragmented MP4 file.

    Raises:
        BitstreamError: if the packets do not form a playable stream.
    """
    check_packets(bitstream)
    parts = [_file_type(bitstream.codec), _movie(bitstream)]
    ranges = _gop_ranges(bitstream.packets)
    if all(packet.is_key for packet in bitstream.packets):
        ranges = [(0, len(bitstream.packets))]
    for number, (start, end) in enumerate(ranges, start=1):
        parts.append(_fragment(bitstream, number, start, end))
    return b"".join(parts)


def demux(data: bytes) -> Bitstream:
    """Read a fragmented MP4 file with one video track, ours or another writer's.

    Frame numbers come from the order of presentation times, which must be evenly spaced; edit
    lists are ignored.

    Raises:
        BitstreamError: if the file is truncated, damaged, or not such a file.
    """
    top = list(children(data))
    movie = next((entry for entry in top if entry.kind == "moov"), None)
    if movie is None:
        raise BitstreamError("stream file has no moov box, expected a fragmented MP4 file")
    try:
        codec, extradata, size = _sample_entry(data, movie)
        scale, defaults = _timing(data, movie)
        samples = [
            sample
            for entry in top
            if entry.kind == "moof"
            for sample in _samples(data, entry, defaults)
        ]
        duration = samples[0].duration if samples else defaults.duration
        rate = Fraction(scale, duration)
        geometry = PictureGeometry(pixel_format(codec, extradata), *size, rate)
    except (struct.error, IndexError, ZeroDivisionError, UnsupportedConfig) as error:
        raise BitstreamError(
            f"stream file is not readable: {error}; it is damaged, fetch it again"
        ) from error
    bitstream = Bitstream(codec, geometry, extradata, _packets(samples, duration))
    check_packets(bitstream)
    return bitstream


def _gop_ranges(packets: tuple[Packet, ...]) -> list[tuple[int, int]]:
    starts = [index for index, packet in enumerate(packets) if packet.is_key]
    return list(zip(starts, [*starts[1:], len(packets)], strict=True))


def _file_type(codec: Codec) -> bytes:
    brands = b"iso6isommp41" if codec is not Codec.RAW else b"iso6"
    return box("ftyp", b"iso6", struct.pack(">I", 0), brands)


def _movie(bitstream: Bitstream) -> bytes:
    scale, duration = bitstream.frame_rate.numerator, bitstream.frame_rate.denominator
    header = full_box(
        "mvhd", 0, 0, struct.pack(">5IH10x", 0, 0, scale, 0, 0x10000, 0x100),
        _MATRIX, bytes(24), struct.pack(">I", 2),
    )  # fmt: skip
    all_key = all(packet.is_key for packet in bitstream.packets)
    flags = _SYNC if all_key else _NON_SYNC
    extends = full_box("trex", 0, 0, struct.pack(">5I", 1, 1, duration, 0, flags))
    return box("moov", header, _track(bitstream, scale), box("mvex", extends))


def _track(bitstream: Bitstream, scale: int) -> bytes:
    size = struct.pack(">2I", bitstream.width << 16, bitstream.height << 16)
    header = full_box(
        "tkhd", 0, 3, struct.pack(">5I8x4H", 0, 0, 1, 0, 0, 0, 0, 0, 0), _MATRIX, size
    )
    media_header = full_box("mdhd", 0, 0, struct.pack(">4I2H", 0, 0, scale, 0, 0x55C4, 0))
    handler = full_box("hdlr", 0, 0, struct.pack(">I4s12x", 0, b"vide"), b"video\0")
    reference = full_box("dref", 0, 0, struct.pack(">I", 1), full_box("url ", 0, 1))
    tables = [full_box(kind, 0, 0, bytes(4)) for kind in ("stts", "stsc", "stco")]
    tables.append(full_box("stsz", 0, 0, bytes(8)))
    description = full_box("stsd", 0, 0, struct.pack(">I", 1), _entry(bitstream))
    information = box(
        "minf", full_box("vmhd", 0, 1, bytes(8)), box("dinf", reference),
        box("stbl", description, *tables),
    )  # fmt: skip
    return box("trak", header, box("mdia", media_header, handler, information))


def _entry(bitstream: Bitstream) -> bytes:
    kind, config = _ENTRIES[bitstream.codec]
    size = struct.pack(">2H", bitstream.width, bitstream.height)
    fixed = struct.pack(">6xH16x", 1) + size
    fixed += struct.pack(">3IH32x2H", 0x480000, 0x480000, 0, 1, 24, 0xFFFF)
    # BT.709 primaries, transfer and matrix, full range.
    color = box("colr", b"nclx", struct.pack(">3HB", 1, 1, 1, 0x80))
    return box(kind, fixed, box(config, bitstream.extradata), color)


def _fragment(bitstream: Bitstream, number: int, start: int, end: int) -> bytes:
    packets = bitstream.packets[start:end]
    duration = bitstream.frame_rate.denominator
    offsets = [(packet.pts - start - index) * duration for index, packet in enumerate(packets)]
    has_offsets = any(offsets)
    rows = [
        struct.pack(">I", len(packet.data)) + (struct.pack(">i", offset) if has_offsets else b"")
        for packet, offset in zip(packets, offsets, strict=True)
    ]
    flags = 0x205 | (0x800 if has_offsets else 0)
    header = full_box("mfhd", 0, 0, struct.pack(">I", number))
    fixed = full_box("tfhd", 0, 0x20000, struct.pack(">I", 1))
    time = full_box("tfdt", 1, 0, struct.pack(">Q", start * duration))

    def moof(data_offset: int) -> bytes:
        counts = struct.pack(">IiI", len(packets), data_offset, _SYNC)
        run = full_box("trun", 1, flags, counts, *rows)
        return box("moof", header, box("traf", fixed, time, run))

    data = box("mdat", *(packet.data for packet in packets))
    return moof(len(moof(0)) + 8) + data


def _sample_entry(data: bytes, movie: Box) -> tuple[Codec, bytes, tuple[int, int]]:
    description = find(data, movie, "trak", "mdia", "minf", "stbl", "stsd")
    entry = next(children(data, description.body + 8, description.end))
    for codec, (kind, config) in _ENTRIES.items():
        if entry.kind != kind:
            continue
        inner = Box(kind, entry.start, entry.body + _ENTRY_BYTES, entry.end)
        record = find(data, inner, config)
        size: tuple[int, int] = struct.unpack_from(">2H", data, entry.body + 24)
        return codec, data[record.body : record.end], size
    raise BitstreamError(
        f"stream file holds {entry.kind!r}, expected one of "
        f"{[kind for kind, _ in _ENTRIES.values()]}; it was not written by this package"
    )


def _timing(data: bytes, movie: Box) -> tuple[int, _Defaults]:
    header = Reader(data, find(data, movie, "trak", "mdia", "mdhd"))
    version, _ = header.version_and_flags()
    header.skip(16 if version else 8)
    scale = header.take("I")
    extends = Reader(data, find(data, movie, "mvex", "trex"))
    extends.skip(12)
    return scale, _Defaults(extends.take("I"), extends.take("I"), extends.take("I"))


def _samples(data: bytes, fragment: Box, defaults: _Defaults) -> Iterator[_Sample]:
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


def _fragment_defaults(data: bytes, header: Box, defaults: _Defaults) -> _Defaults:
    fields = Reader(data, header)
    _, flags = fields.version_and_flags()
    fields.skip(4 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0))
    duration = fields.take("I") if flags & 8 else defaults.duration
    size = fields.take("I") if flags & 16 else defaults.size
    return _Defaults(duration, size, fields.take("I") if flags & 32 else defaults.flags)


def _run(data: bytes, run: Box, base: int, defaults: _Defaults) -> Iterator[_Sample]:
    """Samples of one track run; the caller fills in their decode times."""
    fields = Reader(data, run)
    _, flags = fields.version_and_flags()
    count = fields.take("I")
    position = base + (fields.take("i") if flags & 1 else 0)
    first_flags = fields.take("I") if flags & 4 else None
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
        yield _Sample(data[position : position + size], 0, duration, offset, sync)
        position += size


def _packets(samples: list[_Sample], duration: int) -> tuple[Packet, ...]:
    times = [sample.decode_time + sample.offset for sample in samples]
    start = min(times, default=0)
    numbers = [Fraction(time - start, duration) for time in times]
    if any(number.denominator != 1 for number in numbers):
        raise BitstreamError(
            "presentation times are not whole frames apart, expected a constant frame rate; "
            "the stream file is damaged or was written by something else"
        )
    delay = max((index - number for index, number in enumerate(numbers)), default=0)
    return tuple(
        Packet(sample.data, int(number), index - int(delay), sample.is_sync)
        for index, (sample, number) in enumerate(zip(samples, numbers, strict=True))
    )
