"""The values that travel between tensors, packets and files; all immutable.

Pictures hold integer codes, packets hold coded bytes, and settings say how one becomes the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

import torch
from torch import Tensor

from hwcodec.errors import UnsupportedConfig

# What the fields of an MP4 file hold: sides in 16 bits, the two terms of a frame rate in 32.
LARGEST_SIDE = (1 << 16) - 1
LARGEST_RATE_TERM = (1 << 32) - 1


class Codec(Enum):
    """Coding standards a bitstream may follow; the values are the names used in manifests."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"
    RAW = "raw"


class Chroma(Enum):
    """Which planes accompany the luma plane: none, or two of half size."""

    GRAY = "gray"
    YUV420 = "yuv420p"


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """Chroma sampling and bit depth of a picture; codes are full range, 0 to ``max_code``."""

    chroma: Chroma
    bit_depth: int

    def __post_init__(self) -> None:
        if self.bit_depth not in {8, 10, 12, 16}:
            raise UnsupportedConfig(
                f"bit depth is {self.bit_depth}, expected 8, 10, 12 or 16; "
                "choose one of these in PixelFormat"
            )

    @property
    def name(self) -> str:
        """Short name, such as ``yuv420p`` or ``yuv420p10``."""
        return self.chroma.value + ("" if self.bit_depth == 8 else str(self.bit_depth))

    @property
    def dtype(self) -> torch.dtype:
        """Tensor type of a plane: uint8 up to 8 bits, uint16 above (codes in the low bits)."""
        return torch.uint8 if self.bit_depth == 8 else torch.uint16

    @property
    def max_code(self) -> int:
        """Largest code a plane may hold."""
        return (1 << self.bit_depth) - 1

    @property
    def neutral_code(self) -> int:
        """The chroma code that means "no color"."""
        return 1 << (self.bit_depth - 1)

    def plane_shapes(self, width: int, height: int) -> tuple[tuple[int, int], ...]:
        """Shapes (rows, columns) of every plane of a picture, luma first."""
        if self.chroma is Chroma.GRAY:
            return ((height, width),)
        half = (height // 2, width // 2)
        return ((height, width), half, half)

    def neutral_plane(self, rows: int, columns: int) -> Tensor:
        """A chroma plane without color, on the processor."""
        codes = torch.full((rows, columns), self.neutral_code, dtype=torch.int32)
        return codes.to(self.dtype)


YUV420P8 = PixelFormat(Chroma.YUV420, 8)
YUV420P10 = PixelFormat(Chroma.YUV420, 10)
GRAY8 = PixelFormat(Chroma.GRAY, 8)
GRAY16 = PixelFormat(Chroma.GRAY, 16)


@dataclass(frozen=True, slots=True)
class PictureGeometry:
    """What all pictures of one bitstream share; width and height in codes of the luma plane."""

    format: PixelFormat
    width: int
    height: int
    frame_rate: Fraction = Fraction(30)

    def __post_init__(self) -> None:
        sides = self.width, self.height
        if not all(2 <= side <= LARGEST_SIDE and side % 2 == 0 for side in sides):
            raise UnsupportedConfig(
                f"picture is {self.width}x{self.height}, expected even width and height of 2 to "
                f"{LARGEST_SIDE}; pad it, as PlaneLayout does"
            )
        if not 0 < self.frame_rate <= 1000:
            raise UnsupportedConfig(
                f"frame rate is {self.frame_rate}, expected more than 0 and at most 1000 Hz; "
                "pass a Fraction such as Fraction(30)"
            )
        if max(self.frame_rate.as_integer_ratio()) > LARGEST_RATE_TERM:
            raise UnsupportedConfig(
                f"frame rate is {self.frame_rate}, expected a numerator and denominator of at most "
                f"{LARGEST_RATE_TERM}; round it with Fraction.limit_denominator(1001)"
            )

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes (rows, columns) of every plane, luma first."""
        return self.format.plane_shapes(self.width, self.height)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Picture:
    """Integer codes of one frame as the codec sees them.

    ``planes`` holds the luma plane (rows, columns) alone, which for ``yuv420p`` means neutral
    chroma, or every plane of the format. The picture owns its tensors, so writing into them harms
    nobody, unless they were borrowed from a decoder by request. ``pts`` counts frames from the
    start of the bitstream.
    """

    planes: tuple[Tensor, ...]
    format: PixelFormat
    pts: int

    @property
    def luma(self) -> Tensor:
        """The plane that carries the data, (rows, columns)."""
        return self.planes[0]

    def __repr__(self) -> str:
        shapes = ", ".join("x".join(map(str, plane.shape)) for plane in self.planes)
        return f"Picture(pts={self.pts}, {self.format.name}, planes={shapes})"


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded picture; ``pts`` and ``dts`` count frames, and ``dts`` never exceeds ``pts``."""

    data: bytes = field(repr=False)
    pts: int
    dts: int
    is_key: bool


@dataclass(frozen=True, slots=True)
class Bitstream:
    """Packets of one stream in decoding order, with what a decoder must know beforehand.

    Every key packet starts a closed group of pictures. ``extradata`` is the codec's configuration
    record as MP4 stores it (avcC, hvcC, av1C), and packets are length-prefixed accordingly.
    """

    codec: Codec
    geometry: PictureGeometry
    extradata: bytes = field(repr=False)
    packets: tuple[Packet, ...] = field(repr=False)

    @property
    def format(self) -> PixelFormat:
        """Pixel format of the decoded pictures."""
        return self.geometry.format

    @property
    def width(self) -> int:
        """Columns of the luma plane."""
        return self.geometry.width

    @property
    def height(self) -> int:
        """Rows of the luma plane."""
        return self.geometry.height

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second."""
        return self.geometry.frame_rate

    @property
    def size_bytes(self) -> int:
        """Coded bytes of all packets, without container and extradata."""
        return sum(len(packet.data) for packet in self.packets)


@dataclass(frozen=True, slots=True)
class ConstantQp:
    """A fixed quantization parameter on the encoder's own scale (0..51, or 1..63 for AV1)."""

    qp: int


@dataclass(frozen=True, slots=True)
class ConstantQuality:
    """Constant rate factor on the encoder's own scale; smaller is better and larger files."""

    crf: float


@dataclass(frozen=True, slots=True)
class TargetBitrate:
    """An average bit rate for the whole bitstream."""

    bits_per_second: int


@dataclass(frozen=True, slots=True)
class Lossless:
    """Exact codes back, whatever the size."""


RateControl = ConstantQp | ConstantQuality | TargetBitrate | Lossless


@dataclass(frozen=True, slots=True)
class GopStructure:
    """How pictures predict each other; groups of pictures are always closed.

    ``length`` is the distance of key frames (None: one group for the whole bitstream).
    ``b_frame_count`` is the most consecutive B pictures (0: none, no reordering).
    ``intra_ratio`` and ``bidirectional_ratio`` are quantizer step ratios I to P and B to P of
    libx264 and libx265; other encoders have their own rule. The defaults 1.4 and 1.3 are theirs;
    8 B pictures were measured best on slowly changing data, 3 on fast motion.
    """

    length: int | None = None
    b_frame_count: int = 8
    reference_count: int = 4
    intra_ratio: float = 1.4
    bidirectional_ratio: float = 1.3


@dataclass(frozen=True, slots=True)
class Tuning:
    """Encoder effort: a preset name, threads, and options from the encoder's own whitelist.

    ``preset`` None takes the encoder's default. ``thread_count`` is fixed rather than taken from
    the machine, since it can change the coded bytes.
    """

    preset: str | None = None
    thread_count: int = 4
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Everything that decides the coded bytes, apart from the pictures."""

    encoder: str
    geometry: PictureGeometry
    rate: RateControl
    gop: GopStructure = GopStructure()
    tuning: Tuning = field(default_factory=Tuning)


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """Which encoder will run, for which requested one, and why it differs if it does."""

    requested: str
    encoder: str
    backend: str
    codec: Codec
    reason: str

    @property
    def is_fallback(self) -> bool:
        """True when another encoder than the requested one was chosen."""
        return self.requested != self.encoder


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """Where pictures go and how they get there; ``thread_count`` None lets the decoder decide.

    ``borrow`` allows pictures whose planes are the decoder's own memory: cheaper, never written.
    """

    device: str = "cpu"
    thread_count: int | None = None
    with_chroma: bool = False
    borrow: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one backend can do on this machine; ``refused`` maps an encoder to its reason."""

    backend: str
    encodes: tuple[str, ...]
    decodes: tuple[Codec, ...]
    refused: Mapping[str, str]
