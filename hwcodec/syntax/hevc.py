"""HEVC parameter sets and slice headers, as far as a decoder must know them to start.

Source: ITU-T H.265, 7.3.1 (NAL units), 7.3.2.1 to 7.3.2.3 (video, sequence and picture parameter
sets), 7.3.3 (profile, tier and level), 7.3.6.1 (slice header), annexes A.3 (profiles) and E.2
(usability information); `hevc_lists` passes over the parts in between.
"""

from dataclasses import dataclass

from hwcodec.syntax.bits import BitReader, without_emulation_prevention
from hwcodec.syntax.hevc_lists import skip_reference_sets, skip_scaling_lists, skip_schedules
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

VPS, SPS, PPS = 32, 33, 34
"""Types of the NAL units that hold parameter sets."""

_PROFILES = {
    1: Profile(1, "Main", (8,), is_interchange=True),
    2: Profile(2, "Main 10", (8, 10), is_interchange=True),
    3: Profile(3, "Main Still Picture"),
    4: Profile(4, "RExt (format range extensions)"),
    5: Profile(5, "High Throughput"),
    6: Profile(6, "Multiview Main"),
    7: Profile(7, "Scalable Main"),
    8: Profile(8, "3D Main"),
    9: Profile(9, "SCC (screen content coding)"),
    10: Profile(10, "Scalable RExt"),
    11: Profile(11, "High Throughput SCC"),
}
_EXTENSIONS = ("range", "multilayer", "3D", "screen content")
_FIRST_KEY_TYPE, _LAST_KEY_TYPE = 16, 23


@dataclass(frozen=True, slots=True)
class ProfileTierLevel:
    """Profile, level, and the codec string that both together with the tier make."""

    profile: Profile
    level: int
    codec_string: str
    is_progressive: bool


def video_parameters(unit: bytes) -> tuple[int, ProfileTierLevel]:
    """The number of a video parameter set (NAL unit type 32), and what it claims of the stream.

    Raises:
        BitstreamError: if it ends early or holds what no stream may say.
    """
    bits = BitReader(without_emulation_prevention(unit), "HEVC video parameter set")
    _expect_type(bits, VPS)
    number = bits.u(4)
    bits.skip(2 + 6)
    layer_count = 1 + bits.u(3)
    bits.skip(1 + 16)
    return number, profile_tier_level(bits, layer_count)


def sequence_parameters(unit: bytes) -> tuple[int, SequenceParameters]:
    """The number and the content of a sequence parameter set (NAL unit type 33).

    Raises:
        BitstreamError: if it ends early or holds what no stream may say.
    """
    bits = BitReader(without_emulation_prevention(unit), "HEVC sequence parameter set")
    _expect_type(bits, SPS)
    bits.skip(4)
    layer_count = 1 + bits.u(3)
    bits.skip(1)
    claim = profile_tier_level(bits, layer_count)
    number, chroma = bits.ue(15), bits.ue(3)
    oddities = ["separate color planes"] if chroma == 3 and bits.flag() else []
    coded = Size(bits.ue(), bits.ue())
    units = (2 if chroma in {1, 2} else 1, 2 if chroma == 1 else 1)
    size = read_cropping(bits).applied(coded, units)
    depths = (8 + bits.ue(8), 8 + bits.ue(8))
    order_bits = 4 + bits.ue(12)
    buffering = _buffering(bits, layer_count)
    _skip_tools(bits, order_bits)
    is_full_range = _usability(bits, layer_count, oddities) if bits.flag() else None
    oddities += _extensions(bits)
    if not claim.is_progressive:
        oddities.append("interlaced source")
    return number, SequenceParameters(
        codec=Codec.HEVC,
        codec_string=claim.codec_string,
        profile=claim.profile,
        level=claim.level,
        chroma=CHROMA[chroma],
        bit_depths=depths,
        size=size,
        coded_size=coded,
        is_full_range=is_full_range,
        buffering=buffering,
        oddities=tuple(oddities),
    )


def picture_parameters(unit: bytes) -> PictureParameters:
    """The numbers in a picture parameter set (NAL unit type 34).

    Raises:
        BitstreamError: if it ends early or holds what no stream may say.
    """
    bits = BitReader(without_emulation_prevention(unit), "HEVC picture parameter set")
    _expect_type(bits, PPS)
    return PictureParameters(bits.ue(63), bits.ue(15))


def slice_start(unit: bytes, kind: int) -> tuple[bool, int]:
    """Whether a slice is the first of its picture, and its picture parameter set's number.

    Raises:
        BitstreamError: if the slice header ends early.
    """
    bits = BitReader(without_emulation_prevention(unit[:32]), "HEVC slice")
    bits.skip(16)
    is_first = bits.flag()
    if _FIRST_KEY_TYPE <= kind <= _LAST_KEY_TYPE:
        bits.skip(1)
    return is_first, bits.ue(63)


def profile_tier_level(bits: BitReader, layer_count: int) -> ProfileTierLevel:
    """What a stream claims to need, as video and sequence parameter sets and records have it.

    Raises:
        BitstreamError: if it ends early.
    """
    space, is_high_tier, number = bits.u(2), bits.flag(), bits.u(5)
    flags, constraints = bits.u(32), bits.u(48)
    level = bits.u(8)
    present = [(bits.flag(), bits.flag()) for _ in range(layer_count - 1)]
    if present:
        bits.skip(2 * (8 - len(present)))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    # Progressive unless the source is said to be interlaced and not progressive.
    is_progressive = constraints >> 46 != 0b01
    text = "".join(f".{byte:X}" for byte in constraints.to_bytes(6, "big").rstrip(b"\0"))
    prefix = f"hvc1.{('', 'A', 'B', 'C')[space]}{number}.{int(f'{flags:032b}'[::-1], 2):X}"
    return ProfileTierLevel(
        _PROFILES.get(number, Profile(number, f"profile {number}")),
        level,
        f"{prefix}.{'H' if is_high_tier else 'L'}{level}{text}",
        is_progressive,
    )


def _expect_type(bits: BitReader, kind: int) -> None:
    found = bits.u(16) >> 9
    if found != kind:
        raise bits.refused(f"a unit of type {found}", f"type {kind}")


def _buffering(bits: BitReader, layer_count: int) -> Buffering:
    """Buffers of the highest temporal layer, which is the whole stream."""
    found = Buffering()
    for _ in range(layer_count if bits.flag() else 1):
        found = Buffering(1 + bits.ue(15), bits.ue(15))
        bits.ue()
    return found


def _skip_tools(bits: BitReader, order_bits: int) -> None:
    for _ in range(6):
        bits.ue()
    if bits.flag() and bits.flag():
        skip_scaling_lists(bits)
    bits.skip(2)
    if bits.flag():
        bits.skip(8)
        bits.ue()
        bits.ue()
        bits.skip(1)
    skip_reference_sets(bits)
    if bits.flag():
        bits.skip(bits.ue(32) * (order_bits + 1))
    bits.skip(2)


def _usability(bits: BitReader, layer_count: int, oddities: list[str]) -> bool | None:
    skip_aspect_and_overscan(bits)
    is_full_range = read_video_signal(bits)
    skip_chroma_location(bits)
    bits.skip(1)
    if bits.flag():
        oddities.append("field coding")
    bits.skip(1)
    read_cropping(bits)  # default display window, a hint
    if bits.flag():
        bits.skip(64)
        if bits.flag():
            bits.ue()
        if bits.flag():
            skip_schedules(bits, layer_count)
    if bits.flag():
        bits.skip(3)
        for _ in range(5):
            bits.ue()
    return is_full_range


def _extensions(bits: BitReader) -> list[str]:
    if not bits.flag():
        return []
    return [f"{name} extension" for name in _EXTENSIONS if bits.flag()]
