"""Gradients of the losses that look at the atlas itself, block by block, where the field lies.

On the processor they are compiled (`bake.atlas_kernels`), on a device they are torch operations;
`bake.losses` has the losses themselves.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import bake.atlas_kernels as kernels
from bake.losses import LossConfig, dct_basis, quantizer_step, transform_bits
from bake.value_range import ValueRange
from render.field import Field


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """What each loss counts for, and the quantizer step at which bits are estimated."""

    spatial: float
    temporal: float
    per_bit: float
    step: float


class BlockLoss:
    """The block losses of one frame.

    ``block_side`` is the side of those blocks in texels; ``previous`` is the field of the frame
    before within the group, or None.
    """

    def __init__(
        self, config: LossConfig, block_side: int, limits: ValueRange, previous: Field | None
    ) -> None:
        self.config = config
        self._side = block_side
        self._previous = previous
        self._extra: Field | None = None
        step = quantizer_step(config.target_qp) / 255
        self._steps = (2 * limits.density * step, 2 * limits.feature * step)

    def gradient(self, field: Field) -> Field | None:
        """The gradient as a pair shaped like the field, or None when every weight is 0.

        The pair is this object's own and overwritten by the next call.
        """
        active = self._weights
        if not any(active):
            return None
        if self._extra is None:
            shaped = (torch.empty_like(field.density), torch.empty_like(field.features))
            self._extra = Field(field.geometry, *shaped, field.step)
        self._extra.density.zero_()
        self._extra.features.zero_()
        count = field.density.numel() + field.features.numel()
        add = add_compiled if field.density.device.type == "cpu" else add_plainly
        for part, step in enumerate(self._steps):
            blocks, slopes = (_blocks(f, part, self._side) for f in (field, self._extra))
            spatial, temporal, per_bit = (weight / count for weight in active)
            weights = BlockWeights(spatial, temporal, per_bit, step)
            add(blocks, self._before(part), slopes, weights)
        return self._extra

    def bits(self, field: Field) -> float:
        """Estimated bits of the whole atlas or, within a group, of its change."""
        total = 0.0
        for part, step in enumerate(self._steps):
            blocks, before = _blocks(field, part, self._side), self._before(part)
            shape = (-1, self._side, self._side, blocks.shape[2])
            cost = transform_bits(
                blocks.view(shape),
                None if before is None else before.view(shape),
                torch.full((blocks.shape[2],), step, device=blocks.device),
            )
            total += cost.item() * blocks.numel()
        return total

    @property
    def _weights(self) -> tuple[float, float, float]:
        """Spatial, temporal and per-bit weight of this frame."""
        config = self.config
        if self._previous is None:
            return config.spatial, 0.0, config.intra_bits
        return config.spatial, config.temporal, config.inter_bits

    def _before(self, part: int) -> Tensor | None:
        """The previous frame's blocks, if there is one."""
        return None if self._previous is None else _blocks(self._previous, part, self._side)


def add_compiled(
    blocks: Tensor, before: Tensor | None, slopes: Tensor, weights: BlockWeights
) -> None:
    """Adds the weighted gradients to ``slopes``; all are (blocks, side * side, channels)."""
    values, into = blocks.numpy(), slopes.numpy()
    previous = values[:0] if before is None else before.numpy()
    side = math.isqrt(blocks.shape[1])
    if weights.spatial:
        kernels.add_spatial_variation(values, side, np.float32(weights.spatial), into)
    if weights.temporal:
        kernels.add_temporal_difference(values, previous, np.float32(weights.temporal), into)
    if weights.per_bit:
        inverse = np.full(blocks.shape[2], 1 / weights.step, np.float32)
        per_bit = np.float32(weights.per_bit)
        kernels.add_transform_bits(values, previous, inverse, _bases(side), per_bit, into)


def add_plainly(
    blocks: Tensor, before: Tensor | None, slopes: Tensor, weights: BlockWeights
) -> None:
    """The same in torch operations, on any device."""
    side, channels = math.isqrt(blocks.shape[1]), blocks.shape[2]
    if weights.spatial:
        shape = (-1, side, side, channels)
        _add_spatial_variation(blocks.view(shape), slopes.view(shape), weights.spatial)
    if weights.temporal and before is not None:
        slopes.add_(torch.sign(blocks - before), alpha=weights.temporal)
    if weights.per_bit:
        _add_transform_bits(blocks, before, slopes, weights)


def _add_spatial_variation(square: Tensor, slopes: Tensor, weight: float) -> None:
    """Of the summed absolute neighbor differences; squares are (blocks, side, side, channels)."""
    for axis in (1, 2):
        last = square.shape[axis] - 1
        signs = torch.sign(square.diff(dim=axis))
        slopes.narrow(axis, 1, last).add_(signs, alpha=weight)
        slopes.narrow(axis, 0, last).sub_(signs, alpha=weight)


def _add_transform_bits(
    blocks: Tensor, before: Tensor | None, slopes: Tensor, weights: BlockWeights
) -> None:
    """Of the estimated bits: transform, take each coefficient's slope, transform back."""
    both_axes = _both_axes(math.isqrt(blocks.shape[1]), blocks.device).to(blocks.dtype)
    ratio = both_axes @ (blocks if before is None else blocks - before)
    ratio.div_(weights.step)
    scale = 2 * weights.per_bit / (math.log(2) * weights.step)
    slope = ratio.mul(scale).div_(ratio.square_().add_(1))
    if before is None:
        slope[:, 0] = 0  # The mean is predicted from neighbors.
    slopes.add_(both_axes.T @ slope)


@cache
def _bases(side: int) -> NDArray[np.float32]:
    """The DCT matrix and its transpose."""
    basis = dct_basis(side).numpy()
    return np.ascontiguousarray(np.stack([basis, basis.T]))


@cache
def _both_axes(side: int, device: torch.device) -> Tensor:
    """The two-dimensional DCT of a block as one matrix on its texels."""
    basis = dct_basis(side)
    return torch.kron(basis, basis).to(device)


def _blocks(field: Field, part: int, side: int) -> Tensor:
    """Density (part 0) or features (part 1) without the empty texel, as blocks, sharing memory."""
    values = (field.density[:, None], field.features)[part][:-1]
    return values.view(-1, side * side, values.shape[1])
