"""A 3D transform codec for cubes of texel values, and the prediction loop around it, after ReRF.

values --8^3 cubes--> channels --PCA--> components --DCT--> coefficients --divide, round--> levels

Source: ReRF (Wang et al., CVPR 2023, arXiv 2304.04452), its section on compression, written from
its description. Cubes are kept where the density, or the one before, is above a threshold. Features
of a residual are turned into their principal components, whose second half is coded one quality
lower. An orthonormal DCT follows, and division by a table times a factor that JPEG's quality sets.
Here cubes that are not kept are empty, whatever was predicted.

Density and features count in one unit, as they do there: a value is multiplied by 255 and divided
by the range of features, so that features span what samples of 8-bit pictures do.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bake.losses import dct_basis
from benchmarks.baselines.cubes import SIDE
from benchmarks.baselines.warping import Warp, motion_of

# A vertex above this, after softplus, makes its cube worth keeping: it stops 18 % of the light over
# half a voxel.
OCCUPIED = 0.4

PEAK = 255.0

# Divisors at a distance from the mean's place: at 0 to 7 the first row of the published table, in
# between its least value and at the far corner its largest.
_DISTANCES = (0, 1, math.sqrt(2), 2, 3, 4, 5, 6, 7, 7 * math.sqrt(3))
_DIVISORS = (16, 12.3, 11.69, 12.1, 14.1, 18, 23.4, 37.1, 54.1, 120)

Integers = NDArray[np.int32]


def divisors() -> Tensor:
    """Divisors (512,) of the coefficients of a cube at factor 1, float32.

    Our own construction with the properties that the description states: symmetric, as a function
    of the distance from the mean's place, with the stated first row, least and largest value.
    """
    axis = np.arange(SIDE) ** 2
    squared = axis[:, None, None] + axis[:, None] + axis
    table = np.interp(np.sqrt(squared), _DISTANCES, _DIVISORS)
    return torch.from_numpy(table.ravel().astype(np.float32))


def quality_factor(quality: float) -> float:
    """What divisors are multiplied by at a quality in 1..99, as in JPEG: 1 at 50, 0.02 at 99."""
    return (200 - 2 * quality) / 100 if quality >= 50 else 50 / quality


def transform(cubes: Tensor, *, inverse: bool = False) -> Tensor:
    """Orthonormal 3D DCT-II of cubes (..., 512), or back."""
    basis = dct_basis(SIDE)
    step = basis if inverse else basis.T
    blocks = cubes.reshape(-1, SIDE, SIDE, SIDE)
    for _ in range(3):  # Each turn transforms the last axis and brings the next one there.
        blocks = (blocks @ step).permute(0, 3, 1, 2)
    return blocks.reshape(cubes.shape)


def principal_components(blocks: Tensor, used: Tensor) -> NDArray[np.float16]:
    """Orthonormal components (features, features) by column, the strongest first.

    Of the feature channels of blocks (cubes, 1 + features, 512) at the places in use (cubes, 512),
    about zero, as a residual's mean is part of what is coded.
    """
    rows = blocks[:, 1:].transpose(1, 2)[used].double().numpy()
    _, vectors = np.linalg.eigh(rows.T @ rows)
    vectors = vectors[:, ::-1]
    # Either sign would do; fixing it makes the bytes repeat.
    largest = vectors[np.abs(vectors).argmax(0), np.arange(len(vectors))]
    return (vectors * np.where(largest < 0, -1, 1)).astype(np.float16)


def rotate(blocks: Tensor, basis: NDArray[np.float16], *, inverse: bool = False) -> Tensor:
    """Features of blocks (cubes, 1 + features, 512) as components, or back; density stays."""
    matrix = torch.from_numpy(basis.astype(np.float32))
    turned = (matrix if inverse else matrix.T) @ blocks[:, 1:]
    return torch.cat([blocks[:, :1], turned], 1)


def coarse_channel(channels: int) -> int:
    """The first channel that a residual codes at one quality less: half of the components."""
    return 1 + channels // 2


@dataclass(frozen=True, slots=True, eq=False)
class CodedFrame:
    """A frame as numbers.

    Attributes:
        kept: bool (cubes,), which cubes are coded; the others are empty.
        levels: int32 (kept cubes, channels, 512), quantized coefficients.
        motion: int32 (kept cubes, 3), see `warping`; (0, 3) for a frame that stands alone.
        basis: float16 (features, features), principal components of the residual by column;
            (0, 0) for a frame that stands alone.
    """

    kept: NDArray[np.bool_]
    levels: Integers
    motion: Integers
    basis: NDArray[np.float16]

    @property
    def is_alone(self) -> bool:
        """Whether it needs no other frame."""
        return not self.basis.size


@dataclass(frozen=True, slots=True)
class CubeScale:
    """Limits of density and features, and the quality that they are coded at, 2..99."""

    density_limit: float
    feature_limit: float
    quality: float

    @property
    def unit(self) -> float:
        """Units of the codec that a value of 1 spans."""
        return PEAK / (2 * self.feature_limit)

    def steps(self, channels: int, *, is_alone: bool) -> Tensor:
        """Quantizer steps (channels, 512), in units."""
        factors = torch.full((channels,), quality_factor(self.quality))
        if not is_alone:
            factors[coarse_channel(channels) :] = quality_factor(self.quality - 1)
        return factors[:, None] * divisors()


class CubeCodec:
    """Turns the values (texels, channels) of one group's frames into numbers and back.

    Encoder and decoder share `values`, so that both predict from the same values.
    """

    def __init__(self, warp: Warp, scale: CubeScale) -> None:
        self.layout, self._warp, self._scale = warp.layout, warp, scale
        self._used = warp.layout.used()

    def alone(self, values: Tensor) -> CodedFrame:
        """A frame that needs no other."""
        kept = self._kept(values[:, 0])
        blocks = self._blocks(values - self._empty(values), kept)
        levels = self._levels(blocks, kept, is_alone=True)
        return CodedFrame(kept.numpy(), levels, np.zeros((0, 3), np.int32), np.zeros((0, 0), "<f2"))

    def against(self, values: Tensor, previous: Tensor, motion: Integers) -> CodedFrame:
        """A frame by its difference to the decoded one before, moved by ``motion`` (cubes, 3).

        Where motion does not lower the energy of a cube's difference, it is set to zero.
        """
        kept = self._kept(torch.maximum(values[:, 0], previous[:, 0]))
        moved, still = (self._warped(previous, codes) for codes in (motion, np.zeros_like(motion)))
        errors = [self.layout.sums((values - one).square().sum(1)) for one in (moved, still)]
        is_moving = (errors[0] < errors[1]) & kept
        codes = np.where(is_moving.numpy()[:, None], motion, 0).astype(np.int32)
        blocks = self._blocks(values - self._warped(previous, codes), kept)
        basis = principal_components(blocks, self._used[kept])
        levels = self._levels(rotate(blocks, basis), kept, is_alone=False)
        return CodedFrame(kept.numpy(), levels, codes[kept.numpy()], basis)

    def values(self, frame: CodedFrame, previous: Tensor | None = None) -> Tensor:
        """What a decoder has of a frame, (texels, channels) within the limits.

        ``previous`` are the decoded values of the frame before, for one that does not stand alone.
        """
        kept, channels = torch.from_numpy(frame.kept), frame.levels.shape[1]
        steps = self._scale.steps(channels, is_alone=frame.is_alone)
        blocks = transform(torch.from_numpy(frame.levels).float() * steps, inverse=True)
        if not frame.is_alone:
            blocks = rotate(blocks, frame.basis, inverse=True)
        everywhere = blocks.new_zeros(len(kept), *blocks.shape[1:])
        everywhere[kept] = blocks
        change = self.layout.scatter(everywhere) / self._scale.unit
        empty = self._empty(change)
        if previous is None:
            found = empty + change
        else:
            codes = np.zeros((len(kept), 3), np.int32)
            codes[frame.kept] = frame.motion
            found = self._warped(previous, codes) + change
        limits = torch.full((channels,), self._scale.feature_limit)
        limits[0] = self._scale.density_limit
        inside = self.layout.spread(kept)[:, None]
        return torch.where(inside, found.clamp(-limits, limits), empty)

    def _kept(self, density: Tensor) -> Tensor:
        """Cubes (cubes,) with an occupied vertex."""
        occupied = torch.nn.functional.softplus(density) > OCCUPIED
        return self.layout.sums(occupied.float()) > 0

    def _empty(self, values: Tensor) -> Tensor:
        """Values (channels,) of empty space."""
        empty = values.new_zeros(values.shape[1])
        empty[0] = -self._scale.density_limit
        return empty

    def _warped(self, previous: Tensor, codes: Integers) -> Tensor:
        return self._warp.moved(self._warp.source(previous), motion_of(codes))

    def _blocks(self, differences: Tensor, kept: Tensor) -> Tensor:
        return self.layout.gather(differences * self._scale.unit)[kept]

    def _levels(self, blocks: Tensor, kept: Tensor, *, is_alone: bool) -> Integers:
        """Quantized coefficients; free places repeat the mean of those in use."""
        used = self._used[kept][:, None]
        means = blocks.sum(2) / used.sum(2)
        filled = torch.where(used, blocks, means[:, :, None])
        steps = self._scale.steps(blocks.shape[1], is_alone=is_alone)
        return (transform(filled) / steps).round().to(torch.int32).numpy()
