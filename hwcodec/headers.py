"""Codec headers read and mended as bytes: codec strings, levels, parameter sets, stray messages.

Sources: ISO/IEC 14496-15 (avcC, hvcC), ITU-T H.264 and H.265 (NAL units), the
AV1 bitstream and AV1-in-ISOBMFF specifications, WebCodecs registrations for codec strings.
"""

import struct
from collections.abc import Iterator

from hwcodec.errors import BitstreamError
from hwcodec.levels import Demand, lowest_level
from hwcodec.types import Chroma, Codec, PictureGeometry, PixelFormat

RAW_CONFIG_VERSION = 1
_RAW_CHROMA = (Chroma.GRAY, Chroma.YUV420)
_H264_SEI, _H264_USER_DATA = 6, 5
_AV1_SEQUENCE_HEADER = 1
_HEVC_VPS, _HEVC_SPS = 32, 33

# The least level of lossless streams: their bit rates are high, and every decoder has level 5.1.
_LOSSLESS_LEVEL, _HIGHEST_LEVEL = 153, 186


def codec_string(codec: Codec, extradata: bytes) -> str:
    """The string that WebCodecs and media types use for this configuration record.

    Raises:
        BitstreamError: if the record is too short.
    """
    record = _record(codec, extradata)
    match codec:
        case Codec.H264:
            return f"avc1.{record[1]:02X}{record[2]:02X}{record[3]:02X}"
        case Codec.HEVC:
            return _hevc_string(record)
        case Codec.AV1:
            tier = "H" if record[2] >> 7 else "M"
            depth = 10 if record[2] & 0x40 else 8
            return f"av01.{record[1] >> 5}.{record[1] & 31:02d}{tier}.{depth:02d}"
        case Codec.RAW:
            return f"vrfr.{record[0]}"


def pixel_format(codec: Codec, extradata: bytes) -> PixelFormat:
    """Chroma and bit depth according to the configuration record.

    Raises:
        BitstreamError: if the record is too short or says something we never write.
    """
    record = _record(codec, extradata)
    match codec:
        case Codec.H264:
            return _yuv420(*_avc_chroma_and_depth(record))
        case Codec.HEVC:
            return _yuv420(record[16] & 3, 8 + (record[17] & 7))
        case Codec.AV1:
            return _yuv420(_av1_chroma(record[2]), 10 if record[2] & 0x40 else 8)
        case Codec.RAW:
            return _raw_format(record)


def raw_config(pixel_format_: PixelFormat, plane_count: int) -> bytes:
    """The configuration record of the raw codec (FORMAT.md, "Raw pictures")."""
    chroma = _RAW_CHROMA.index(pixel_format_.chroma)
    return bytes((RAW_CONFIG_VERSION, chroma, pixel_format_.bit_depth, plane_count))


def nal_units(data: bytes) -> Iterator[bytes]:
    """Units of a packet whose units carry 4-byte lengths.

    Raises:
        BitstreamError: if the lengths do not add up.
    """
    position = 0
    while position < len(data):
        if position + 4 > len(data):
            raise BitstreamError("packet ends inside a NAL unit length; it is truncated")
        size = struct.unpack_from(">I", data, position)[0]
        if size == 0 or position + 4 + size > len(data):
            raise BitstreamError(
                f"NAL unit claims {size} bytes, expected at most {len(data) - position - 4}; "
                "the packet is truncated or damaged"
            )
        yield data[position + 4 : position + 4 + size]
        position += 4 + size


def without_user_data(packet: bytes) -> bytes:
    """An H.264 packet without the encoder's own text message, which decoders ignore."""
    kept = [unit for unit in nal_units(packet) if not _is_user_data(unit)]
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in kept)


def with_sequence_header(extradata: bytes, packet: bytes) -> bytes:
    """An av1C record that repeats the sequence header really used by the first packet."""
    for kind, unit in _obus(packet):
        if kind == _AV1_SEQUENCE_HEADER:
            return extradata[:4] + unit
    return extradata


def hevc_level(geometry: PictureGeometry, picture_count: int = 1) -> int:
    """Lowest ``general_level_idc`` (30 times the level) from 5.1 up that fits size and rate.

    ``picture_count`` is how many pictures a decoder must keep.
    """
    # Levels count coded samples, and sides are coded as multiples of 8.
    width, height = (8 * -(-side // 8) for side in (geometry.width, geometry.height))
    demand = Demand(width, height, geometry.frame_rate, picture_count)
    level = lowest_level(Codec.HEVC, demand)
    return max(_LOSSLESS_LEVEL, level.number if level else _HIGHEST_LEVEL)


def with_hevc_level(extradata: bytes, level: int) -> bytes:
    """An hvcC record whose own level and whose parameter sets say ``level``.

    libx265 writes level 8.5 for lossless streams, which hardware decoders refuse, and accepts no
    level of ours together with lossless coding.
    """
    record = bytearray(_record(Codec.HEVC, extradata))
    record[12] = level
    parts, position = [bytes(record[:23])], 23
    for _ in range(record[22]):
        kind, count = record[position] & 63, struct.unpack_from(">H", record, position + 1)[0]
        parts.append(bytes(record[position : position + 3]))
        position += 3
        for _ in range(count):
            size = struct.unpack_from(">H", record, position)[0]
            unit = bytes(record[position + 2 : position + 2 + size])
            mended = _unit_with_level(unit, kind, level)
            parts.append(struct.pack(">H", len(mended)) + mended)
            position += 2 + size
    return b"".join(parts)


def _unit_with_level(unit: bytes, kind: int, level: int) -> bytes:
    # Offsets of general_level_idc: 2 header bytes, 4 (video) or 1 (sequence) bytes, 11 of profile.
    offsets = {_HEVC_VPS: 17, _HEVC_SPS: 14}
    if kind not in offsets:
        return unit
    plain = bytearray(_unescape(unit))
    plain[offsets[kind]] = level
    return _escape(bytes(plain))


def _unescape(unit: bytes) -> bytes:
    return unit.replace(b"\0\0\3", b"\0\0")


def _escape(plain: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in plain:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(out)


def _is_user_data(unit: bytes) -> bool:
    return unit[0] & 31 == _H264_SEI and len(unit) > 1 and unit[1] == _H264_USER_DATA


def _obus(packet: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(packet):
        header = packet[position]
        start, position = position, position + (2 if header & 4 else 1)
        size, position = _leb128(packet, position)
        position += size
        yield header >> 3 & 15, packet[start:position]


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        if position + index >= len(data):
            break
        byte = data[position + index]
        value |= (byte & 127) << (7 * index)
        if not byte & 128:
            return value, position + index + 1
    raise BitstreamError("AV1 unit has no readable size; the packet is truncated or damaged")


def _record(codec: Codec, extradata: bytes) -> bytes:
    shortest = {Codec.H264: 7, Codec.HEVC: 23, Codec.AV1: 4, Codec.RAW: 4}[codec]
    if len(extradata) < shortest:
        raise BitstreamError(
            f"{codec.value} configuration record has {len(extradata)} bytes, expected at least "
            f"{shortest}; the stream header is damaged, fetch it again"
        )
    return extradata


def _hevc_string(record: bytes) -> str:
    space = ("", "A", "B", "C")[record[1] >> 6]
    tier = "H" if record[1] & 0x20 else "L"
    flags = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:X}" for byte in record[6:12].rstrip(b"\0"))
    return f"hvc1.{space}{record[1] & 31}.{flags:X}.{tier}{record[12]}{constraints}"


def _avc_chroma_and_depth(record: bytes) -> tuple[int, int]:
    # Profiles below High end after the picture parameter sets: 4:2:0 and 8 bits by definition.
    if record[1] < 100:
        return 1, 8
    try:
        position = _past_sets(record, 6, record[5] & 31)
        position = _past_sets(record, position + 1, record[position])
        return record[position] & 3, 8 + (record[position + 1] & 7)
    except (IndexError, struct.error) as error:
        raise BitstreamError(
            f"h264 configuration record ends after {len(record)} bytes, expected its parameter "
            "sets, chroma and bit depth; the stream header is truncated, fetch it again"
        ) from error


def _past_sets(record: bytes, position: int, count: int) -> int:
    """Where ``count`` parameter sets that begin at ``position`` end."""
    for _ in range(count):
        position += 2 + struct.unpack_from(">H", record, position)[0]
    return position


def _av1_chroma(flags: int) -> int:
    # Bits: monochrome 0x10, subsampling x 0x08 and y 0x04.
    return 1 if flags & 0x1C == 0x0C else 0


def _yuv420(chroma: int, bit_depth: int) -> PixelFormat:
    if chroma != 1 or bit_depth not in {8, 10}:
        raise BitstreamError(
            f"stream header says chroma {chroma} at {bit_depth} bits, expected 4:2:0 at 8 or 10; "
            "it is damaged or was written by something else"
        )
    return PixelFormat(Chroma.YUV420, bit_depth)


def _raw_format(record: bytes) -> PixelFormat:
    version, chroma, bit_depth, _ = record[:4]
    if (
        version != RAW_CONFIG_VERSION
        or chroma >= len(_RAW_CHROMA)
        or bit_depth not in {8, 10, 12, 16}
    ):
        raise BitstreamError(
            f"raw configuration is {record[:4].hex()}, expected version {RAW_CONFIG_VERSION}; "
            "it is damaged or newer than this package"
        )
    return PixelFormat(_RAW_CHROMA[chroma], bit_depth)
