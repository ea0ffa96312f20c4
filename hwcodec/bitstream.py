"""One bitstream as one fragmented MP4 file: a fragment per closed group of pictures.

The file starts at presentation time 0, has no edit list, and says in its header what a browser
must know. FORMAT.md describes the bytes; nothing here needs a codec library.
"""

import struct
from dataclasses import replace
from fractions import Fraction

from hwcodec.boxes import Box, box, children, find, full_box
from hwcodec.errors import BitstreamError, UnsupportedConfig
from hwcodec.headers import pixel_format
from hwcodec.track_runs import Sample, read_samples, read_timing
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
        BitstreamError: if the packets do not form a playable stream, or MP4 has no room for their
            times or sizes.
    """
    check_packets(bitstream)
    ranges = _gop_ranges(bitstream.packets)
    if all(packet.is_key for packet in bitstream.packets):
        ranges = [(0, len(bitstream.packets))]
    parts = [_file_type(bitstream.codec), _movie(bitstream)]
    try:
        for number, (start, end) in enumerate(ranges, start=1):
            parts.append(_fragment(bitstream, number, start, end))
    except struct.error as error:
        raise BitstreamError(
            f"packets do not fit MP4's fields: {error}, expected packets below 4 GiB and times of "
            "31 bits; take a frame rate of smaller numbers, such as 30000/1001"
        ) from error
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
        scale, defaults = read_timing(data, movie)
        samples = read_samples(data, top, defaults)
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
    body = len(data) - sum(len(packet.data) for packet in packets)
    return moof(len(moof(0)) + body) + data


def _sample_entry(data: bytes, movie: Box) -> tuple[Codec, bytes, tuple[int, int]]:
    description = find(data, movie, "trak", "mdia", "minf", "stbl", "stsd")
    entry = next(children(data, description.body + 8, description.end), None)
    if entry is None:
        raise BitstreamError(
            "stream file has no sample entry, expected one that names its codec; "
            "it is damaged, fetch it again"
        )
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


def _packets(samples: list[Sample], duration: int) -> tuple[Packet, ...]:
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
