"""H.264 and HEVC as hardware sessions speak them: units behind start codes, headers in the stream.

Our bitstreams carry units behind their lengths and the parameter sets in a configuration record, as
MP4 does (ISO/IEC 14496-15); NVIDIA's parser and encoder want Annex B of ITU-T H.264 and H.265.
"""

import struct
from collections.abc import Iterator, Sequence

from hwcodec.errors import BitstreamError
from hwcodec.headers import nal_units
from hwcodec.types import Bitstream, Codec, PixelFormat

START = b"\0\0\0\1"
_H264_IDR, _H264_SPS, _H264_PPS = 5, 7, 8
_H264_KEPT = frozenset(range(1, 6))
_HEVC_SETS = (32, 33, 34)  # video, sequence and picture parameter sets
_HEVC_IDR = (19, 20)
_HEVC_LAST_SLICE = 31


def to_annex_b(stream: Bitstream) -> Iterator[bytes]:
    """Each packet of an H.264 or HEVC stream with start codes, key packets after their headers.

    AV1 packets pass unchanged: their key packets hold the sequence header already.

    Raises:
        BitstreamError: if a packet or the configuration record is damaged.
    """
    if stream.codec is Codec.AV1:
        yield from (packet.data for packet in stream.packets)
        return
    header = b"".join(START + unit for unit in record_units(stream.codec, stream.extradata))
    for packet in stream.packets:
        body = b"".join(START + unit for unit in nal_units(packet.data))
        yield header + body if packet.is_key else body


def split_annex_b(data: bytes) -> list[bytes]:
    """The units of a piece of an Annex B stream, without start codes and trailing zeros."""
    parts = data.split(b"\0\0\1")
    return [unit for part in parts[1:] if (unit := part.rstrip(b"\0"))]


def record_units(codec: Codec, extradata: bytes) -> list[bytes]:
    """The parameter sets of an avcC or hvcC record, in its order.

    Raises:
        BitstreamError: if the record ends too early.
    """
    try:
        return _avc_units(extradata) if codec is Codec.H264 else _hevc_units(extradata)
    except (IndexError, struct.error) as error:
        raise BitstreamError(
            f"{codec.value} configuration record of {len(extradata)} bytes ends inside a parameter "
            "set; the stream header is damaged, fetch it again"
        ) from error


def packet_units(codec: Codec, units: Sequence[bytes]) -> tuple[list[bytes], bool]:
    """The units of an encoder's output that belong into a packet, and whether it is a key packet.

    Parameter sets go into the configuration record, messages and delimiters nowhere.
    """
    if codec is Codec.H264:
        kept = [unit for unit in units if unit[0] & 31 in _H264_KEPT]
        return kept, any(unit[0] & 31 == _H264_IDR for unit in kept)
    kept = [unit for unit in units if unit[0] >> 1 & 63 <= _HEVC_LAST_SLICE]
    return kept, any(unit[0] >> 1 & 63 in _HEVC_IDR for unit in kept)


def with_lengths(units: Sequence[bytes]) -> bytes:
    """Units as an MP4 packet holds them, each behind its 4-byte length."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def configuration_record(codec: Codec, units: Sequence[bytes], pixel_format: PixelFormat) -> bytes:
    """The avcC or hvcC record for parameter sets found in a stream.

    Raises:
        BitstreamError: if one kind of parameter set is missing.
    """
    if codec is Codec.H264:
        return _avc_record(units)
    return _hevc_record(units, pixel_format)


def _avc_units(record: bytes) -> list[bytes]:
    units, position = [], 5
    for mask in (31, 255):
        count, position = record[position] & mask, position + 1
        found, position = _sized_units(record, position, count)
        units += found
    return units


def _hevc_units(record: bytes) -> list[bytes]:
    units, position = [], 23
    for _ in range(record[22]):
        count = struct.unpack_from(">H", record, position + 1)[0]
        found, position = _sized_units(record, position + 3, count)
        units += found
    return units


def _sized_units(record: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    units = []
    for _ in range(count):
        size = struct.unpack_from(">H", record, position)[0]
        unit = record[position + 2 : position + 2 + size]
        if len(unit) < size or not unit:
            raise IndexError
        units.append(unit)
        position += 2 + size
    return units, position


def _avc_record(units: Sequence[bytes]) -> bytes:
    kinds = {
        kind: [unit for unit in units if unit[0] & 31 == kind] for kind in (_H264_SPS, _H264_PPS)
    }
    _check_found({"sequence": kinds[_H264_SPS], "picture": kinds[_H264_PPS]})
    sequence = kinds[_H264_SPS][0]
    parts = [b"\1", sequence[1:4], b"\xff", bytes((0xE0 | len(kinds[_H264_SPS]),))]
    parts += [struct.pack(">H", len(unit)) + unit for unit in kinds[_H264_SPS]]
    parts.append(bytes((len(kinds[_H264_PPS]),)))
    parts += [struct.pack(">H", len(unit)) + unit for unit in kinds[_H264_PPS]]
    if sequence[1] >= 100:
        # Chroma 4:2:0, 8 bits for luma and chroma, no extensions.
        parts.append(b"\xfd\xf8\xf8\0")
    return b"".join(parts)


def _hevc_record(units: Sequence[bytes], pixel_format: PixelFormat) -> bytes:
    arrays = {kind: [unit for unit in units if unit[0] >> 1 & 63 == kind] for kind in _HEVC_SETS}
    _check_found(dict(zip(("video", "sequence", "picture"), arrays.values(), strict=True)))
    # Profile, tier and level: 12 bytes behind the unit header and one byte of layer counts.
    plain = arrays[33][0].replace(b"\0\0\3", b"\0\0")
    depth = 0xF8 | pixel_format.bit_depth - 8
    # Reserved bits are ones; one temporal layer, nested; lengths take four bytes.
    fixed = b"\1" + plain[3:15] + bytes((0xF0, 0, 0xFC, 0xFD, depth, depth, 0, 0, 0x0F, 3))
    parts = [fixed]
    for kind, found in arrays.items():
        parts.append(struct.pack(">BH", 0x80 | kind, len(found)))
        parts += [struct.pack(">H", len(unit)) + unit for unit in found]
    return b"".join(parts)


def _check_found(sets: dict[str, list[bytes]]) -> None:
    missing = [name for name, found in sets.items() if not found]
    if missing:
        raise BitstreamError(
            f"encoder delivered no {' and no '.join(missing)} parameter set, expected every kind "
            "before the first picture; this build of the encoder is not usable here"
        )
