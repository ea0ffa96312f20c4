"""What each packet holds: its kind of picture, and what does not belong there.

Sources: ITU-T H.264, table 7-1; ITU-T H.265, table 7-1; AV1 specification, 6.2.2 and 7.20.
"""

from dataclasses import dataclass

from hwcodec.errors import BitstreamError
from hwcodec.headers import nal_units
from hwcodec.syntax import av1, h264, hevc
from hwcodec.syntax.parameters import SequenceParameters
from hwcodec.types import Codec

_H264_IDR = 5
_H264_SLICES = {1: "non-IDR", 2: "data partition", _H264_IDR: "IDR"}
_H264_OTHER = {6, 9, 10, 11, 12}  # messages, delimiters, ends, filler
_HEVC_IDR = {19, 20}
_HEVC_SLICES = {
    **dict.fromkeys(range(6), "trailing"),
    **dict.fromkeys((6, 7), "RADL"),
    **dict.fromkeys((8, 9), "RASL"),
    **dict.fromkeys((16, 17, 18), "BLA"),
    19: "IDR_W_RADL",
    20: "IDR_N_LP",
    21: "CRA",
}
_HEVC_OTHER = {35, 36, 37, 38, 39, 40}
_AV1_FRAME_HEADERS, _AV1_OTHER = {3, 6}, {2, 4, 5, 7, 15}
_SET_NAMES = {
    (Codec.H264, 7): "SPS",
    (Codec.H264, 8): "PPS",
    (Codec.HEVC, 32): "VPS",
    (Codec.HEVC, 33): "SPS",
    (Codec.HEVC, 34): "PPS",
}


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """The content of one packet.

    ``kinds`` names every picture in it (one in a sound packet), ``is_instant`` says that decoding
    may start here and nothing before is needed any more, ``strays`` names units that may not be in
    packets, and ``picture_sets`` the picture parameter sets that its slices refer to.
    """

    kinds: tuple[str, ...]
    is_instant: bool
    strays: tuple[str, ...] = ()
    picture_sets: frozenset[int] = frozenset()
    sequences: tuple[SequenceParameters, ...] = ()


def coded_picture(codec: Codec, packet: bytes) -> CodedPicture:
    """What a packet of H.264, HEVC or AV1 holds.

    Raises:
        BitstreamError: if its units do not add up or one of them is cut.
    """
    match codec:
        case Codec.H264:
            return _h264_picture(packet)
        case Codec.HEVC:
            return _hevc_picture(packet)
        case Codec.AV1:
            return _av1_picture(packet)
    raise BitstreamError(f"{codec.value} packets have no units, expected H.264, HEVC or AV1")


def _h264_picture(packet: bytes) -> CodedPicture:
    kinds, strays, sets, types = [], [], set(), set()
    for unit in nal_units(packet):
        kind = unit[0] & 31
        if kind in _H264_SLICES and not unit[0] & 0x80:
            is_first, picture_set = h264.slice_start(unit)
            sets.add(picture_set)
            types.add(kind)
            if is_first:
                kinds.append(_H264_SLICES[kind])
        elif kind not in _H264_OTHER or unit[0] & 0x80:
            strays.append(_stray(Codec.H264, kind))
    return CodedPicture(tuple(kinds), types == {_H264_IDR}, tuple(strays), frozenset(sets))


def _hevc_picture(packet: bytes) -> CodedPicture:
    kinds, strays, sets, types = [], [], set(), set()
    for unit in nal_units(packet):
        # The first bit is 0, and so is the number of the layer in every stream of one layer.
        kind, is_plain = unit[0] >> 1 & 63, len(unit) > 2 and not (unit[0] & 0x81 or unit[1] >> 3)
        if kind in _HEVC_SLICES and is_plain:
            is_first, picture_set = hevc.slice_start(unit, kind)
            sets.add(picture_set)
            types.add(kind)
            if is_first:
                kinds.append(_HEVC_SLICES[kind])
        elif kind not in _HEVC_OTHER:
            strays.append(_stray(Codec.HEVC, kind))
    is_instant = bool(types) and types <= _HEVC_IDR
    return CodedPicture(tuple(kinds), is_instant, tuple(strays), frozenset(sets))


def _av1_picture(packet: bytes) -> CodedPicture:
    kinds, strays = [], []
    sequences: list[SequenceParameters] = []
    first_is_key = None
    for kind, payload in av1.units(packet):
        if kind in _AV1_FRAME_HEADERS:
            is_shown, is_key = av1.frame_start(payload)
            if first_is_key is None:
                first_is_key = is_key and bool(sequences)
            if is_shown:
                kinds.append("key" if is_key else "inter")
        elif kind == av1.SEQUENCE_HEADER:
            sequences.append(av1.sequence_parameters(payload))
        elif kind not in _AV1_OTHER:
            strays.append(_stray(Codec.AV1, kind))
    return CodedPicture(tuple(kinds), bool(first_is_key), tuple(strays), sequences=tuple(sequences))


def _stray(codec: Codec, kind: int) -> str:
    return _SET_NAMES.get((codec, kind), f"unit of type {kind}")
