"""The codec inside the training: frames see what a decoder will show, not what is being trained.

    texels -> atlas image -> codes -> plane -> coded and decoded -> codes -> texels as decoded

Coding takes far longer than a step, so it is done every so many steps; in between, rays see the
trained values plus what coding last did to them, and gradients pass straight through to the values.
Estimated bits are those of the change to the frame before as decoded, since that is what is sent.
Source of the idea: CATRF (arXiv 2605.18054), which refreshes every 128 steps.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import torch
from torch import Tensor

import bake.limits as bounds
from bake.codec_rate import QP_OFFSETS
from bake.codec_rounding import round_plane
from bake.losses import quantizer_step
from bake.picture_plans import PictureKind
from bake.profiles import EXPORT_PROFILES, value_limits
from bake.value_range import ValueRange
from hwcodec import (
    ConstantQp,
    EncoderSettings,
    GopStructure,
    Picture,
    PictureGeometry,
    PlaneLayout,
    Quantizer,
    Tuning,
    decode,
    encode,
)
from hwcodec.records import finite_number, whole_number
from render.mapping import MappingTable

CODECS = ("none", "rounding", "libx265")
_PROFILE = EXPORT_PROFILES["hq10"]
# Codes of the profile in one code of 8 bits.
_SCALE = 1 << (_PROFILE.codes.bit_depth - 8)


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """Which codec is in the loop, at which QP, and how often it runs.

    Attributes:
        codec: ``rounding`` for `bake.codec_rounding`, ``libx265`` for that encoder itself, or
            ``none``: frames are trained against each other as they are.
        qp: quantization parameter of the codec.
        every: steps from one run to the next.
        start: share of a frame's steps after which it runs first. From half the steps on, values
            that still move fast follow an error that is no longer theirs: on fast motion that cost
            more than the loop saved.

    Raises:
        ValueError: if there is no such codec, or a number is out of range.
    """

    codec: str = "none"
    qp: int = 30
    every: int = 8
    start: float = 0.75

    def __post_init__(self) -> None:
        """Refuse what no loop can do."""
        if self.codec not in CODECS:
            raise ValueError(f"codec is {self.codec!r}, expected one of {', '.join(CODECS)}")
        whole_number("qp", self.qp, 1, bounds.MOST_QP)
        whole_number("every", self.every, 1, bounds.MOST_ITERATIONS)
        finite_number("start", self.start, 0, 1)


class PictureChain(Protocol):
    """A codec within a group: it tries a plane as often as it is asked, and then goes on by one.

    Planes are (rows, columns), float32 in codes of 8 bits, with fractions.
    """

    def decoded(self, plane: Tensor) -> Tensor:
        """The plane as it would be decoded if it came next."""

    def follow(self, plane: Tensor) -> Tensor:
        """The plane that did come next, as decoded."""


class RoundingChain:
    """The encoder that writes nothing; every plane is predicted from the one before."""

    def __init__(self, qp: int) -> None:
        self._steps = [
            quantizer_step(qp + QP_OFFSETS[kind])
            for kind in (PictureKind.INTRA, PictureKind.FORWARD)
        ]
        self._last: Tensor | None = None

    def decoded(self, plane: Tensor) -> Tensor:
        """The plane as decoded."""
        return round_plane(plane, self._last, self._steps[self._last is not None])

    def follow(self, plane: Tensor) -> Tensor:
        """The plane as decoded, from which the next one is predicted."""
        self._last = self.decoded(plane)
        return self._last


class EncoderChain:
    """A real software encoder and decoder at a quick preset, the group from its start each time."""

    def __init__(self, encoder: str, qp: int) -> None:
        self._encoder, self._qp = encoder, qp
        self._before: list[Tensor] = []

    def decoded(self, plane: Tensor) -> Tensor:
        """The plane as decoded."""
        planes = [*self._before, plane]
        rows, columns = plane.shape
        settings = EncoderSettings(
            self._encoder,
            PictureGeometry(_PROFILE.format, columns, rows, Fraction(30)),
            ConstantQp(self._qp),
            GopStructure(b_frame_count=0),
            Tuning(preset="veryfast"),
        )
        pictures = [
            Picture((_whole_codes(each),), _PROFILE.format, pts) for pts, each in enumerate(planes)
        ]
        shown = max(decode(encode(pictures, settings)), key=lambda picture: picture.pts)
        return shown.luma.to(torch.float32) / _SCALE

    def follow(self, plane: Tensor) -> Tensor:
        """The plane as decoded; kept as it was before coding."""
        shown = self.decoded(plane)
        self._before.append(plane)
        return shown


def chain_of(config: LoopConfig) -> PictureChain | None:
    """The codec that a configuration names, at the start of a group, or None for none."""
    if config.codec == "none":
        return None
    if config.codec == "rounding":
        return RoundingChain(config.qp)
    return EncoderChain(config.codec, config.qp)


class CodecLoop:
    """Texels of one group, frame after frame, through a codec and back."""

    def __init__(
        self, mapping: MappingTable, limits: ValueRange, feature_count: int, chain: PictureChain
    ) -> None:
        self._mapping, self._chain = mapping, chain
        limit = value_limits(limits, feature_count, _PROFILE)
        self._quantizer = Quantizer.of(-limit, limit, _PROFILE.codes)
        self._layout = PlaneLayout.plan(1 + feature_count, mapping.rows, mapping.columns)
        self._shown: Tensor | None = None

    @property
    def shown(self) -> Tensor | None:
        """The group's last frame (texels, channels) as decoded, on the processor, if it has one."""
        return self._shown

    def decoded(self, texels: Tensor) -> Tensor:
        """Values (texels, channels) as decoded if their frame came next, on the processor."""
        return self._texels(self._chain.decoded(self._plane(texels)))

    def follow(self, texels: Tensor) -> None:
        """Go on to the frame after this one."""
        self._shown = self._texels(self._chain.follow(self._plane(texels)))

    def _plane(self, texels: Tensor) -> Tensor:
        """The plane (rows, columns) in codes of 8 bits, float32."""
        image = self._mapping.to_image(texels.float().cpu())
        plane = self._layout.pack(self._quantizer.quantize(image))
        return plane.to(torch.float32) / _SCALE

    def _texels(self, plane: Tensor) -> Tensor:
        """The values (texels, channels) of a decoded plane."""
        codes = self._layout.unpack(_whole_codes(plane))
        return self._mapping.from_image(self._quantizer.dequantize(codes))


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What coding does to a frame's values while it trains, and when it is looked at."""

    loop: CodecLoop
    config: LoopConfig

    def is_due(self, iteration: int, iterations: int) -> bool:
        """Whether coding runs after this step."""
        first = int(self.config.start * iterations)
        return iteration >= first and (iteration - first) % self.config.every == 0

    def of(self, texels: Tensor) -> Tensor:
        """Decoded minus trained values (texels, channels), where the values lie."""
        return self.loop.decoded(texels).to(texels.device) - texels


def _whole_codes(plane: Tensor) -> Tensor:
    """Codes of the profile, as pictures carry them, from codes of 8 bits with fractions."""
    low, high = _PROFILE.codes.lowest_code, _PROFILE.codes.highest_code
    codes = (plane * _SCALE).round().clamp(low, high)
    return codes.to(torch.int32).to(torch.uint16)
