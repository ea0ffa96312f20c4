"""H.264 parameter sets and slice headers, as far as a decoder must know them to start.

Source: ITU-T H.264, 7.3.1 (NAL units), 7.3.2.1 (sequence parameter set), 7.3.2.2 (picture
parameter set), 7.3.3 (slice header), annexes A.2 (profiles) and E.1 (usability information).
"""

from hwcodec.errors import BitstreamError
from hwcodec.syntax.bits import BitReader, without_emulation_prevention
from hwcodec.syntax.parameters import (
    CHROMA,
    Buffering,
    PictureParameters,
    Profile,
    SequenceParameters,
    Size,
    read_cropping,
    read_video_signal,
    skip_aspect_and_overscan,
    skip_chroma_location,
)
from hwcodec.types import Codec

SPS, PPS = 7, 8
"""Types of the NAL units that hold parameter sets."""

_PROFILES = {
    66: Profile(66, "Baseline"),
    77: Profile(77, "Main", (8,), is_interchange=True),
    88: Profile(88, "Extended"),
    100: Profile(100, "High", (8,), is_interchange=True),
    110: Profile(110, "High 10"),
    122: Profile(122, "High 4:2:2"),
    244: Profile(244, "High 4:4:4 Predictive"),
    44: Profile(44, "CAVLC 4:4:4 Intra"),
    83: Profile(83, "Scalable Baseline"),
    86: Profile(86, "Scalable High"),
    118: Profile(118, "Multiview High"),
    128: Profile(128, "Stereo High"),
}
_CONSTRAINED_BASELINE = Profile(66, "Constrained Baseline", (8,), is_interchange=True)
# Profiles whose sequence parameter set tells chroma and depth; the others are 4:2:0 at 8 bits.
_WITH_CHROMA = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_BLOCK = 16


def sequence_parameters(unit: bytes) -> tuple[int, SequenceParameters]:
    """The number and the content of a sequence parameter set (NAL unit type 7).

    Raises:
        BitstreamError: if it ends early or holds what no stream may say.
    """
    bits = BitReader(without_emulation_prevention(unit), "H.264 sequence parameter set")
    _expect_type(bits, SPS)
    number, constraints, level = bits.u(8), bits.u(8), bits.u(8)
    identity = bits.ue(31)
    oddities: list[str] = []
    chroma, depths = _chroma_and_depths(bits, oddities) if number in _WITH_CHROMA else (1, (8, 8))
    _skip_picture_order(bits)
    reference_count = bits.ue(16)
    bits.skip(1)
    coded, is_frame_only = _coded_size(bits)
    if not is_frame_only:
        oddities.append("interlaced coding")
    # Cropping counts chroma samples, and pairs of rows where fields may be coded.
    units = (2 if chroma in {1, 2} else 1, (2 if chroma == 1 else 1) * (2 - is_frame_only))
    size = read_cropping(bits).applied(coded, units)
    is_full_range, buffering = _usability(bits, reference_count)
    return identity, SequenceParameters(
        codec=Codec.H264,
        codec_string=f"avc1.{number:02X}{constraints:02X}{level:02X}",
        profile=_profile(number, constraints),
        level=level,
        chroma=CHROMA[chroma],
        bit_depths=depths,
        size=size,
        coded_size=coded,
        is_full_range=is_full_range,
        buffering=buffering,
        oddities=tuple(oddities),
    )


def picture_parameters(unit: bytes) -> PictureParameters:
    """The content of a picture parameter set (NAL unit type 8).

    Raises:
        BitstreamError: if it ends early or holds what no stream may say.
    """
    bits = BitReader(without_emulation_prevention(unit), "H.264 picture parameter set")
    _expect_type(bits, PPS)
    number, sequence_number = bits.ue(255), bits.ue(31)
    bits.skip(2)
    if bits.ue(7):
        return PictureParameters(number, sequence_number, ("slice groups",))
    bits.ue(31)
    bits.ue(31)
    bits.skip(3)
    for _ in range(3):
        bits.se()
    bits.skip(2)
    oddities = ("redundant pictures",) if bits.flag() else ()
    return PictureParameters(number, sequence_number, oddities)


def slice_start(unit: bytes) -> tuple[bool, int]:
    """Whether a slice is the first of its picture, and its picture parameter set's number.

    Raises:
        BitstreamError: if the slice header ends early.
    """
    bits = BitReader(without_emulation_prevention(unit[:32]), "H.264 slice")
    bits.skip(8)
    first_block = bits.ue()
    bits.ue(9)
    return first_block == 0, bits.ue(255)


def _expect_type(bits: BitReader, kind: int) -> None:
    found = bits.u(8) & 31
    if found != kind:
        raise bits.refused(f"a unit of type {found}", f"type {kind}")


def _profile(number: int, constraints: int) -> Profile:
    # constraint_set1_flag: no flexible macroblock order and no data partitions.
    if number == 66 and constraints & 0x40:
        return _CONSTRAINED_BASELINE
    return _PROFILES.get(number, Profile(number, f"profile {number}"))


def _chroma_and_depths(bits: BitReader, oddities: list[str]) -> tuple[int, tuple[int, int]]:
    chroma = bits.ue(3)
    if chroma == 3 and bits.flag():
        oddities.append("separate color planes")
    depths = (8 + bits.ue(6), 8 + bits.ue(6))
    if bits.flag():
        oddities.append("lossless transform bypass")
    if bits.flag():
        for index in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, depths


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_picture_order(bits: BitReader) -> None:
    bits.ue(12)
    match bits.ue(2):
        case 0:
            bits.ue(12)
        case 1:
            bits.skip(1)
            bits.se()
            bits.se()
            for _ in range(bits.ue(255)):
                bits.se()


def _coded_size(bits: BitReader) -> tuple[Size, bool]:
    width, units = 1 + bits.ue(), 1 + bits.ue()
    is_frame_only = bits.flag()
    if not is_frame_only:
        bits.skip(1)
    bits.skip(1)
    return Size(_BLOCK * width, _BLOCK * units * (2 - is_frame_only)), is_frame_only


def _usability(bits: BitReader, reference_count: int) -> tuple[bool | None, Buffering]:
    """The full-range flag and the buffers, from the usability information if there is any."""
    if not bits.flag():
        return None, Buffering(reference_count)
    skip_aspect_and_overscan(bits)
    is_full_range = read_video_signal(bits)
    skip_chroma_location(bits)
    if bits.flag():
        bits.skip(65)  # timing
    has_schedule = [_skip_schedule(bits), _skip_schedule(bits)]
    if any(has_schedule):
        bits.skip(1)
    bits.skip(1)
    if not bits.flag():
        return is_full_range, Buffering(reference_count)
    bits.skip(1)
    for _ in range(4):
        bits.ue()
    reorder_count, buffer_count = bits.ue(16), bits.ue(16)
    if reorder_count > buffer_count:
        raise BitstreamError(
            f"H.264 sequence parameter set reorders {reorder_count} pictures, expected at most the "
            f"{buffer_count} that it buffers; it is damaged, encode the stream again"
        )
    return is_full_range, Buffering(max(buffer_count, reference_count), reorder_count)


def _skip_schedule(bits: BitReader) -> bool:
    """Parameters of a hypothetical decoder (E.1.2); whether there were any."""
    if not bits.flag():
        return False
    count = 1 + bits.ue(31)
    bits.skip(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.skip(1)
    bits.skip(20)
    return True
