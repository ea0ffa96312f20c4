"""What every known encoder accepts, as data, and the check of settings against it.

Encoder libraries ignore what they do not know and rescale what does not fit, so all of it is
checked here first. Nothing in this file touches a library or a device.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwcodec.errors import UnsupportedConfig
from hwcodec.types import (
    YUV420P8,
    YUV420P10,
    Chroma,
    Codec,
    ConstantQp,
    ConstantQuality,
    EncoderSettings,
    Lossless,
    PixelFormat,
    RateControl,
    TargetBitrate,
)

MACROBLOCK_LIMIT = 36864
"""Most 16x16 blocks per picture that common hardware decoders accept (4096x2304)."""

THREAD_LIMIT = 64


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Smallest and largest luma planes, in codes; ``block_limit`` counts 16x16 blocks."""

    min_width: int
    min_height: int
    max_side: int = 4096
    block_limit: int = MACROBLOCK_LIMIT


@dataclass(frozen=True, slots=True)
class Presets:
    """Names of the speed presets, fastest to slowest or as the library has them."""

    names: tuple[str, ...]
    default: str | None


@dataclass(frozen=True, slots=True)
class Quality:
    """Ranges of the quality scales (inclusive); None where the scale does not exist."""

    qp: tuple[int, int] | None
    crf: tuple[float, float] | None
    lossless_depths: tuple[int, ...] = ()
    bitrate: bool = True


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """One encoder: its standard, who runs it (the preferred backend first), and what it accepts.

    ``options`` maps each option that may be passed through ``Tuning.options`` to its inclusive
    integer range. ``fallback`` names the software encoder of the same standard.
    """

    codec: Codec
    backends: tuple[str, ...]
    formats: tuple[PixelFormat, ...]
    sizes: SizeLimits
    presets: Presets
    quality: Quality
    options: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    fallback: str | None = None

    @property
    def is_hardware(self) -> bool:
        """True for encoders that need a device besides the processor."""
        return self.fallback is not None


_FFMPEG, _NVIDIA = ("ffmpeg",), ("nvidia", "ffmpeg")
_DEPTHS_8 = (YUV420P8,)
_DEPTHS_10 = (YUV420P8, YUV420P10)
_X26X_SPEEDS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast",
    "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
_X26X_PRESETS = Presets(_X26X_SPEEDS, "medium")
_NVENC_PRESETS = Presets(tuple(f"p{level}" for level in range(1, 8)), "p5")
_SVT_PRESETS = Presets(tuple(str(level) for level in range(14)), "6")
# Quantizer 0 makes libx264 switch to a profile that hardware cannot decode, so it starts at 1.
_X264_QUALITY = Quality(qp=(1, 51), crf=(1.0, 51.0))
_X265_QUALITY = Quality(qp=(0, 51), crf=(0.0, 51.0), lossless_depths=(8, 10))
# SVT-AV1 4.1 in lossless mode is off by up to 2 codes at 10 bits, so only 8 is offered.
_SVT_QUALITY = Quality(qp=(1, 63), crf=(1.0, 63.0), lossless_depths=(8,))
_RAW_FORMATS = tuple(
    PixelFormat(chroma, depth)
    for chroma in (Chroma.GRAY, Chroma.YUV420)
    for depth in (8, 10, 12, 16)
)

_X264_OPTIONS = {
    "aq-mode": (0, 3),
    "b-adapt": (0, 2),
    "b-pyramid": (0, 2),
    "cabac": (0, 1),
    "deadzone-inter": (0, 32),
    "deadzone-intra": (0, 32),
    "merange": (4, 512),
    "no-deblock": (0, 1),
    "rc-lookahead": (0, 250),
    "subme": (0, 11),
    "trellis": (0, 2),
    "weightp": (0, 2),
}
_X265_OPTIONS = {
    "aq-mode": (0, 4),
    "b-adapt": (0, 2),
    "bframe-bias": (-90, 100),
    "deblock": (0, 1),
    "merange": (0, 32768),
    "psy-rd": (0, 5),
    "psy-rdoq": (0, 50),
    "rc-lookahead": (0, 250),
    "rd": (1, 6),
    "rdoq-level": (0, 2),
    "sao": (0, 1),
    "strong-intra-smoothing": (0, 1),
    "subme": (0, 7),
    "weightp": (0, 1),
}
_SVT_OPTIONS = {
    "enable-cdef": (0, 1),
    "enable-dlf": (0, 2),
    "enable-restoration": (0, 1),
    "enable-tf": (0, 2),
    "fast-decode": (0, 2),
    "hierarchical-levels": (2, 5),
    "sharpness": (-7, 7),
}
_NVENC_OPTIONS = {"b_ref_mode": (0, 2), "rc-lookahead": (0, 32), "spatial-aq": (0, 1)}

BUILTIN: Mapping[str, EncoderSpec] = {
    "libx264": EncoderSpec(
        Codec.H264, _FFMPEG, _DEPTHS_8, SizeLimits(16, 16), _X26X_PRESETS, _X264_QUALITY,
        _X264_OPTIONS,
    ),
    "libx265": EncoderSpec(
        Codec.HEVC, _FFMPEG, _DEPTHS_10, SizeLimits(16, 16), _X26X_PRESETS, _X265_QUALITY,
        _X265_OPTIONS,
    ),
    "libsvtav1": EncoderSpec(
        Codec.AV1, _FFMPEG, _DEPTHS_10, SizeLimits(64, 64), _SVT_PRESETS, _SVT_QUALITY,
        _SVT_OPTIONS,
    ),
    "h264_nvenc": EncoderSpec(
        Codec.H264, _NVIDIA, _DEPTHS_8, SizeLimits(146, 50), _NVENC_PRESETS, _X264_QUALITY,
        _NVENC_OPTIONS, "libx264",
    ),
    "hevc_nvenc": EncoderSpec(
        Codec.HEVC, _NVIDIA, _DEPTHS_10, SizeLimits(130, 34), _NVENC_PRESETS, _X265_QUALITY,
        _NVENC_OPTIONS, "libx265",
    ),
    "av1_nvenc": EncoderSpec(
        Codec.AV1, _FFMPEG, _DEPTHS_10, SizeLimits(192, 128), _NVENC_PRESETS,
        Quality(qp=(1, 255), crf=(1.0, 63.0)), _NVENC_OPTIONS, "libsvtav1",
    ),
    "raw": EncoderSpec(
        Codec.RAW, ("raw",), _RAW_FORMATS, SizeLimits(2, 2, 16384, 1 << 20), Presets((), None),
        Quality(qp=None, crf=None, lossless_depths=(8, 10, 12, 16), bitrate=False),
    ),
}  # fmt: skip
"""Every encoder this package knows by itself, in the order tables print them."""


def check_settings(settings: EncoderSettings, spec: EncoderSpec) -> None:
    """Refuse settings that ``spec`` would not carry out to the letter.

    Raises:
        UnsupportedConfig: naming the field, the accepted values and a way out.
    """
    check_format(settings.encoder, settings.geometry.format, spec)
    _check_size(settings, spec.sizes)
    _check_rate(settings, spec)
    _check_gop(settings)
    if settings.encoder == "libsvtav1" and settings.gop.length == 1:
        _check_intra_only(settings)
    _check_tuning(settings, spec)


def check_format(encoder: str, pixel_format: PixelFormat, spec: EncoderSpec) -> None:
    """Refuse a pixel format the encoder does not take.

    Raises:
        UnsupportedConfig: listing the formats it does take.
    """
    if pixel_format not in spec.formats:
        raise UnsupportedConfig(
            f"{encoder} got pixel format {pixel_format.name}, expected one of "
            f"{sorted(known.name for known in spec.formats)}; change the format or the encoder"
        )


def _check_size(settings: EncoderSettings, sizes: SizeLimits) -> None:
    width, height = settings.geometry.width, settings.geometry.height
    if width < sizes.min_width or height < sizes.min_height:
        raise UnsupportedConfig(
            f"{settings.encoder} got pictures of {width}x{height}, expected at least "
            f"{sizes.min_width}x{sizes.min_height}; pad them or use another encoder"
        )
    blocks = -(-width // 16) * -(-height // 16)
    if max(width, height) > sizes.max_side or blocks > sizes.block_limit:
        raise UnsupportedConfig(
            f"{settings.encoder} got pictures of {width}x{height}, expected at most "
            f"{sizes.max_side} on a side and {sizes.block_limit} blocks of 16x16; "
            "split the channels over several streams"
        )


def _check_rate(settings: EncoderSettings, spec: EncoderSpec) -> None:
    rate, quality = settings.rate, spec.quality
    match rate:
        case ConstantQp(qp=value):
            _check_scale(settings.encoder, rate, value, quality.qp)
        case ConstantQuality(crf=value):
            _check_scale(settings.encoder, rate, value, quality.crf)
        case TargetBitrate(bits_per_second=value):
            _check_scale(settings.encoder, rate, value, (1000, 10**9) if quality.bitrate else None)
        case Lossless():
            _check_lossless(settings, quality)


def _check_scale(
    encoder: str, rate: RateControl, value: float, limits: tuple[float, float] | None
) -> None:
    if limits is None:
        raise UnsupportedConfig(
            f"{encoder} got {rate}, which it does not have; use Lossless() or another encoder"
        )
    if not limits[0] <= value <= limits[1]:
        raise UnsupportedConfig(
            f"{encoder} got {rate}, expected a value from {limits[0]} to {limits[1]}; "
            "for exact codes use Lossless() with libx265"
        )


def _check_lossless(settings: EncoderSettings, quality: Quality) -> None:
    depth = settings.geometry.format.bit_depth
    if depth not in quality.lossless_depths:
        raise UnsupportedConfig(
            f"{settings.encoder} got Lossless() at {depth} bits, expected one of "
            f"{list(quality.lossless_depths)} bits; use libx265 (HEVC Main stays exact) or raw"
        )


def _check_gop(settings: EncoderSettings) -> None:
    gop = settings.gop
    ranges: tuple[tuple[str, float, float, float], ...] = (
        ("gop.length", 1 if gop.length is None else gop.length, 1, 100_000),
        ("gop.b_frame_count", gop.b_frame_count, 0, 16),
        ("gop.reference_count", gop.reference_count, 1, 16),
        ("gop.intra_ratio", gop.intra_ratio, 0.5, 4.0),
        ("gop.bidirectional_ratio", gop.bidirectional_ratio, 0.5, 4.0),
    )
    for name, value, lowest, highest in ranges:
        if not lowest <= value <= highest:
            raise UnsupportedConfig(
                f"{name} is {value}, expected {lowest} to {highest}; see GopStructure"
            )


def _check_intra_only(settings: EncoderSettings) -> None:
    if isinstance(settings.rate, TargetBitrate):
        raise UnsupportedConfig(
            f"libsvtav1 got {settings.rate} with gop.length 1, which it cannot combine; "
            "use ConstantQp or ConstantQuality, or longer groups"
        )


def _check_tuning(settings: EncoderSettings, spec: EncoderSpec) -> None:
    tuning, presets = settings.tuning, spec.presets
    if tuning.preset is not None and tuning.preset not in presets.names:
        raise UnsupportedConfig(
            f"{settings.encoder} got preset {tuning.preset!r}, expected one of "
            f"{list(presets.names)}; None takes {presets.default!r}"
        )
    if not 1 <= tuning.thread_count <= THREAD_LIMIT:
        raise UnsupportedConfig(
            f"tuning.thread_count is {tuning.thread_count}, expected 1 to {THREAD_LIMIT}; "
            "the default is 4"
        )
    for name, value in tuning.options.items():
        _check_option(settings.encoder, name, value, spec.options)


def _check_option(
    encoder: str, name: str, value: int, options: Mapping[str, tuple[int, int]]
) -> None:
    if name not in options:
        raise UnsupportedConfig(
            f"{encoder} got option {name!r}, expected one of {sorted(options)}; "
            "encoders ignore unknown options silently, so only these pass"
        )
    lowest, highest = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise UnsupportedConfig(
            f"{encoder} option {name!r} is {value!r}, expected a whole number from "
            f"{lowest} to {highest}"
        )
