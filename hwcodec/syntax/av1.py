"""AV1 sequence and frame headers, as far as a decoder must know them to start.

Source: AV1 bitstream and decoding process specification, 5.3 (units), 5.5 (sequence header), 5.9.2
(frame header), annex A (profiles and levels); AV1 codec ISO media file format binding, 2.4.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hwcodec.errors import BitstreamError
from hwcodec.syntax.bits import BitReader
from hwcodec.syntax.parameters import CHROMA, Profile, SequenceParameters, Size
from hwcodec.types import Codec

SEQUENCE_HEADER = 1
_PROFILES = (
    Profile(0, "Main", (8, 10), is_interchange=True),
    Profile(1, "High"),
    Profile(2, "Professional"),
)
_SELECTED = 2
_HIGH_TIER_FROM = 7


@dataclass(frozen=True, slots=True)
class _Color:
    bit_depth: int
    chroma: str
    is_full_range: bool


@dataclass(frozen=True, slots=True)
class _DecoderModel:
    """Lengths, in bits, of the delays of a hypothetical decoder."""

    delay_bits: int


@dataclass(frozen=True, slots=True)
class _Grade:
    level: int
    is_high_tier: bool


def units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of every unit; the last one may leave its size out.

    Raises:
        BitstreamError: if their sizes do not add up.
    """
    position = 0
    while position < len(data):
        header = data[position]
        position += 2 if header & 4 else 1
        size = len(data) - position
        if header & 2:
            size, position = _leb128(data, position)
        if header & 0x80 or size < 0 or position + size > len(data):
            raise BitstreamError(
                f"AV1 unit claims {size} bytes, expected at most {len(data) - position}; the "
                "packet is truncated or damaged"
            )
        yield header >> 3 & 15, data[position : position + size]
        position += size


def sequence_parameters(payload: bytes) -> SequenceParameters:
    """The content of a sequence header.

    Raises:
        BitstreamError: if it ends early or holds what no stream may say.
    """
    bits = BitReader(payload, "AV1 sequence header")
    number = bits.u(3)
    if number >= len(_PROFILES):
        raise bits.refused(f"profile {number}", "0 to 2")
    is_still, is_reduced = bits.flag(), bits.flag()
    grade = _Grade(bits.u(5), is_high_tier=False) if is_reduced else _operating_points(bits)
    size = _size(bits)
    _skip_tools(bits, is_reduced=is_reduced)
    color = _color(bits, number)
    oddities = ["still picture"] if is_still else []
    if bits.flag():
        oddities.append("film grain")
    tier = "H" if grade.is_high_tier else "M"
    return SequenceParameters(
        codec=Codec.AV1,
        codec_string=f"av01.{number}.{grade.level:02d}{tier}.{color.bit_depth:02d}",
        profile=_PROFILES[number],
        level=grade.level,
        chroma=color.chroma,
        bit_depths=(color.bit_depth, color.bit_depth),
        size=size,
        coded_size=size,
        is_full_range=color.is_full_range,
        oddities=tuple(oddities),
    )


def frame_start(payload: bytes) -> tuple[bool, bool]:
    """Whether a frame header shows a frame, and whether that is a key frame of its own.

    Raises:
        BitstreamError: if the header is empty.
    """
    bits = BitReader(payload, "AV1 frame header")
    if bits.flag():
        return True, False
    frame_type = bits.u(2)
    is_shown = bits.flag()
    return is_shown, is_shown and frame_type == 0


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[position : position + 8]):
        value |= (byte & 127) << (7 * index)
        if not byte & 128:
            return value, position + index + 1
    raise BitstreamError("AV1 unit has no readable size; the packet is truncated or damaged")


def _operating_points(bits: BitReader) -> _Grade:
    """Level and tier of the first operating point, which decoders choose."""
    model = _timing(bits) if bits.flag() else None
    has_display_delay = bits.flag()
    grades = [
        _operating_point(bits, model, has_display_delay=has_display_delay)
        for _ in range(1 + bits.u(5))
    ]
    return grades[0]


def _timing(bits: BitReader) -> _DecoderModel | None:
    bits.skip(64)
    if bits.flag():
        bits.ue()  # uvlc is written like an Exp-Golomb number
    if not bits.flag():
        return None
    model = _DecoderModel(1 + bits.u(5))
    bits.skip(32 + 5 + 5)
    return model


def _operating_point(
    bits: BitReader, model: _DecoderModel | None, *, has_display_delay: bool
) -> _Grade:
    bits.skip(12)
    level = bits.u(5)
    grade = _Grade(level, level > _HIGH_TIER_FROM and bits.flag())
    if model is not None and bits.flag():
        bits.skip(2 * model.delay_bits + 1)
    if has_display_delay and bits.flag():
        bits.skip(4)
    return grade


def _size(bits: BitReader) -> Size:
    width_bits, height_bits = 1 + bits.u(4), 1 + bits.u(4)
    return Size(1 + bits.u(width_bits), 1 + bits.u(height_bits))


def _skip_tools(bits: BitReader, *, is_reduced: bool) -> None:
    if not is_reduced and bits.flag():
        bits.skip(4 + 3)
    bits.skip(3)
    if not is_reduced:
        _skip_inter_tools(bits)
    bits.skip(3)


def _skip_inter_tools(bits: BitReader) -> None:
    bits.skip(4)
    has_order = bits.flag()
    if has_order:
        bits.skip(2)
    screen_content = _SELECTED if bits.flag() else bits.u(1)
    if screen_content and not bits.flag():
        bits.skip(1)
    if has_order:
        bits.skip(3)


def _color(bits: BitReader, profile: int) -> _Color:
    is_deep = bits.flag()
    depth = 10 if is_deep else 8
    if profile == 2 and is_deep and bits.flag():
        depth = 12
    is_gray = profile != 1 and bits.flag()
    description = (bits.u(8), bits.u(8), bits.u(8)) if bits.flag() else (2, 2, 2)
    if is_gray:
        return _Color(depth, CHROMA[0], bits.flag())
    if description == (1, 13, 0):
        # BT.709 primaries with the sRGB transfer and no matrix: RGB, which is always full range.
        bits.skip(1)
        return _Color(depth, CHROMA[3], is_full_range=True)
    is_full_range = bits.flag()
    chroma = _subsampling(bits, profile, depth)
    bits.skip(3 if chroma == CHROMA[1] else 1)
    return _Color(depth, chroma, is_full_range)


def _subsampling(bits: BitReader, profile: int, depth: int) -> str:
    if profile < 2:
        return CHROMA[1] if profile == 0 else CHROMA[3]
    if depth < 12:
        return CHROMA[2]
    if not bits.flag():
        return CHROMA[3]
    return CHROMA[1] if bits.flag() else CHROMA[2]
