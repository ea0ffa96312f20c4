"""What parameter sets of any of the three standards come down to, as one type."""

from dataclasses import dataclass

from hwcodec.errors import BitstreamError
from hwcodec.syntax.bits import BitReader
from hwcodec.types import Codec

CHROMA = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")
_STANDARDS = {Codec.H264: "H.264", Codec.HEVC: "HEVC", Codec.AV1: "AV1"}


@dataclass(frozen=True, slots=True)
class Size:
    """Columns and rows of the luma plane."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile by its number and name; ``is_interchange`` where every hardware decoder has it.

    ``depths`` are the bit depths that it allows.
    """

    number: int
    name: str
    depths: tuple[int, ...] = ()
    is_interchange: bool = False


@dataclass(frozen=True, slots=True)
class Buffering:
    """Pictures that a decoder must keep, and how many it may have to hold back for reordering.

    None where the stream does not say.
    """

    picture_count: int | None = None
    reorder_count: int | None = None


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """One sequence parameter set (H.264, HEVC) or sequence header (AV1).

    ``level`` is as coded, ``size`` after cropping and ``coded_size`` before. ``is_full_range`` is
    None where nothing is said, which means limited range. ``oddities`` names tools that the
    interchange profile excludes.
    """

    codec: Codec
    codec_string: str
    profile: Profile
    level: int
    chroma: str
    bit_depths: tuple[int, int]
    size: Size
    coded_size: Size
    is_full_range: bool | None
    buffering: Buffering = Buffering()
    oddities: tuple[str, ...] = ()

    @property
    def format_name(self) -> str:
        """Standard, profile, chroma and depth, such as ``H.264 High, 4:2:0 8-bit``."""
        depth = "/".join(str(depth) for depth in dict.fromkeys(self.bit_depths))
        return f"{_STANDARDS[self.codec]} {self.profile.name}, {self.chroma} {depth}-bit"


@dataclass(frozen=True, slots=True)
class PictureParameters:
    """One picture parameter set, and the sequence parameter set that it refers to."""

    number: int
    sequence_number: int
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cropping:
    """Samples that are coded and not shown, in units of the chroma grid."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def applied(self, coded: Size, units: tuple[int, int]) -> Size:
        """The size that is left.

        Raises:
            BitstreamError: if nothing is.
        """
        width = coded.width - units[0] * (self.left + self.right)
        height = coded.height - units[1] * (self.top + self.bottom)
        if width < 1 or height < 1:
            raise BitstreamError(
                f"sequence parameter set crops {coded} to {width}x{height}, expected at least one "
                "sample; it is damaged, encode the stream again"
            )
        return Size(width, height)


def read_cropping(bits: BitReader) -> Cropping:
    """A flag and, where it is set, four distances."""
    if not bits.flag():
        return Cropping()
    return Cropping(bits.ue(), bits.ue(), bits.ue(), bits.ue())


def read_video_signal(bits: BitReader) -> bool | None:
    """The part of the usability information about color: the full-range flag, or None."""
    if not bits.flag():
        return None
    bits.skip(3)  # video_format
    is_full_range = bits.flag()
    if bits.flag():
        bits.skip(24)  # primaries, transfer, matrix
    return is_full_range


def skip_aspect_and_overscan(bits: BitReader) -> None:
    """The start of the usability information, which H.264 and HEVC share."""
    extended_aspect = 255
    if bits.flag() and bits.u(8) == extended_aspect:
        bits.skip(32)
    if bits.flag():
        bits.skip(1)


def skip_chroma_location(bits: BitReader) -> None:
    """Where chroma samples lie; neutral chroma lies everywhere."""
    if bits.flag():
        bits.ue()
        bits.ue()
