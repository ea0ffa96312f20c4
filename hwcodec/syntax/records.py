"""Configuration records of MP4 (avcC, hvcC, av1C), taken apart into parameter sets.

Sources: ISO/IEC 14496-15, 5.3.3 and 8.3.3; AV1 codec ISO media file format binding, 2.3.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hwcodec.errors import BitstreamError
from hwcodec.syntax import av1, h264, hevc
from hwcodec.syntax.bits import BitReader
from hwcodec.syntax.parameters import PictureParameters, SequenceParameters
from hwcodec.types import Codec

_AVC_BYTES, _HEVC_BYTES, _AV1_BYTES = 7, 23, 4


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """What a decoder is told before the first packet.

    ``claims`` are codec strings that other parts of the record state: all must be the same.
    ``length_bytes`` is how NAL units tell their size; 0 where packets are no NAL units.
    """

    parameters: SequenceParameters
    pictures: Mapping[int, PictureParameters]
    claims: tuple[str, ...]
    length_bytes: int = 0


def read_config(codec: Codec, record: bytes) -> DecoderConfig:
    """The content of a configuration record of H.264, HEVC or AV1.

    Raises:
        BitstreamError: if it is damaged, or a parameter set is missing or refers to a missing one.
    """
    match codec:
        case Codec.H264:
            return _avc_config(record)
        case Codec.HEVC:
            return _hevc_config(record)
        case Codec.AV1:
            return _av1_config(record)
    raise BitstreamError(f"{codec.value} has no parameter sets, expected H.264, HEVC or AV1")


def _avc_config(record: bytes) -> DecoderConfig:
    _check_size(record, _AVC_BYTES, "avcC")
    bits = BitReader(record, "avcC record")
    _check_version(bits.u(8), "avcC")
    claim = f"avc1.{record[1]:02X}{record[2]:02X}{record[3]:02X}"
    bits.skip(24 + 6)
    length_bytes = 1 + bits.u(2)
    bits.skip(3)
    sequences = dict(h264.sequence_parameters(unit) for unit in _units(bits, record, bits.u(5)))
    found = [h264.picture_parameters(unit) for unit in _units(bits, record, bits.u(8))]
    pictures = {one.number: one for one in found}
    return DecoderConfig(_only(sequences, pictures), pictures, (claim,), length_bytes)


def _hevc_config(record: bytes) -> DecoderConfig:
    _check_size(record, _HEVC_BYTES, "hvcC")
    _check_version(record[0], "hvcC")
    units: dict[int, list[bytes]] = {hevc.VPS: [], hevc.SPS: [], hevc.PPS: []}
    bits = BitReader(record, "hvcC record")
    bits.skip(8 * (_HEVC_BYTES - 1))
    for _ in range(bits.u(8)):
        kind, count = bits.u(8) & 63, bits.u(16)
        units.setdefault(kind, []).extend(_units(bits, record, count))
    if not units[hevc.VPS]:
        raise _missing("video parameter set")
    claims = [hevc.video_parameters(unit)[1].codec_string for unit in units[hevc.VPS]]
    claims.append(_hevc_claim(record))
    sequences = dict(hevc.sequence_parameters(unit) for unit in units[hevc.SPS])
    found = [hevc.picture_parameters(unit) for unit in units[hevc.PPS]]
    pictures = {one.number: one for one in found}
    parameters = _only(sequences, pictures)
    return DecoderConfig(parameters, pictures, tuple(claims), 1 + (record[21] & 3))


def _av1_config(record: bytes) -> DecoderConfig:
    _check_size(record, _AV1_BYTES, "av1C")
    _check_version(record[0] & 127, "av1C")
    found = [
        av1.sequence_parameters(payload)
        for kind, payload in av1.units(record[_AV1_BYTES:])
        if kind == av1.SEQUENCE_HEADER
    ]
    if not found:
        raise _missing("sequence header")
    if len(set(found)) > 1:
        raise _several(len(found), "sequence headers")
    tier = "H" if record[2] >> 7 else "M"
    depth = (12 if record[2] & 0x20 else 10) if record[2] & 0x40 else 8
    claim = f"av01.{record[1] >> 5}.{record[1] & 31:02d}{tier}.{depth:02d}"
    return DecoderConfig(found[0], {}, (claim,))


def _hevc_claim(record: bytes) -> str:
    """The codec string of the record itself: its first bytes are laid out as in the sets."""
    return hevc.profile_tier_level(BitReader(record[1:13], "hvcC record"), 1).codec_string


def _units(bits: BitReader, record: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        size = bits.u(16)
        start = bits.position // 8
        bits.skip(8 * size)
        if not size:
            raise bits.refused("an empty parameter set", "at least one byte")
        yield record[start : start + size]


def _only(
    sequences: Mapping[int, SequenceParameters], pictures: Mapping[int, PictureParameters]
) -> SequenceParameters:
    """The one description that every sequence parameter set gives."""
    if not sequences:
        raise _missing("sequence parameter set")
    if not pictures:
        raise _missing("picture parameter set")
    strangers = {one.sequence_number for one in pictures.values()} - sequences.keys()
    if strangers:
        raise BitstreamError(
            f"picture parameter sets refer to sequence parameter sets {sorted(strangers)}, "
            f"expected {sorted(sequences)}; the record is damaged, encode the stream again"
        )
    different = set(sequences.values())
    if len(different) > 1:
        raise _several(len(different), "sequence parameter sets")
    return different.pop()


def _check_size(record: bytes, least: int, name: str) -> None:
    if len(record) < least:
        raise BitstreamError(
            f"{name} record has {len(record)} bytes, expected at least {least}; "
            "the stream header is missing or damaged, mux the stream again"
        )


def _check_version(version: int, name: str) -> None:
    if version != 1:
        raise BitstreamError(
            f"{name} record has version {version}, expected 1; the stream header is damaged"
        )


def _missing(what: str) -> BitstreamError:
    return BitstreamError(
        f"configuration record holds no {what}, expected one; a player cannot start a decoder "
        "without it, so mux with global headers (in FFmpeg: -flags +global_header)"
    )


def _several(count: int, what: str) -> BitstreamError:
    return BitstreamError(
        f"configuration record holds {count} different {what}, expected one; "
        "write pictures of another size or format to a stream of their own"
    )
