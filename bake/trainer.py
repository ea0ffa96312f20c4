"""Fits the texels of one frame to its pictures; the same engine serves the coarse and fine stages.

draw rays -> march -> shade -> losses -> march back -> block losses -> Adam
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import bake.atlas_kernels as kernels
from bake.losses import (
    LossConfig,
    dct_basis,
    opacity_entropy,
    photometric,
    quantizer_step,
    transform_bits,
)
from bake.rays import RayBatch, TrainingRays
from render.compiled import single_torch_thread
from render.field import Field, FieldGeometry, make_field
from render.march import GradientSlabs, MarchResult, march_backward, march_forward, zero_gradients

# What turns ray features (rays, channels) and unit directions (rays, 3) into colors (rays, 3).
Shader = Callable[[Tensor, Tensor], Tensor]

# Adam's decays. The second is shorter than usual because a frame trains for few iterations.
_BETAS = (0.9, 0.99)


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Symmetric limits of texel values: density in [-density, density], features likewise.

    Fixed limits make one quantizer serve every frame, which temporal prediction needs. At
    ``levels`` steps the rays see rounded values while training; 0 turns that off.
    """

    density: float = 8.0
    feature: float = 4.0
    levels: int = 219

    @property
    def empty_density(self) -> float:
        """Density before activation where no texel exists."""
        return -self.density


@dataclass(frozen=True, slots=True)
class Rates:
    """Adam's learning rates at the start, and the factor that they have shrunk by at the end."""

    density: float = 0.3
    feature: float = 0.05
    network: float = 5e-3
    final_factor: float = 0.1


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast one frame trains, and its random stream."""

    iterations: int
    rays: int
    rates: Rates
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Shading:
    """The shader, the network behind it while that still trains, and the background color (3,)."""

    shader: Shader
    background: Tensor
    optimizer: torch.optim.Optimizer | None = None


@dataclass(frozen=True, slots=True)
class FitReport:
    """The last quarter's mean squared error on useful rays, and the atlas's estimated bits."""

    error: float
    bits: float


class AtlasTrainer:
    """Owns one group's texel values and the buffers that training them takes."""

    def __init__(
        self, geometry: FieldGeometry, feature_count: int, step: float, limits: ValueRange
    ) -> None:
        self.limits = limits
        self._feature_count = feature_count
        start = torch.zeros(geometry.texel_count, 1 + feature_count)
        empty = limits.empty_density
        self._seen: Field = make_field(geometry, start, empty_density=empty, step=step)
        self._master: Field = make_field(geometry, start, empty_density=empty, step=step)
        self._slabs: GradientSlabs = zero_gradients(self._seen)

    @property
    def field(self) -> Field:
        """The unrounded field, sharing memory with the trainer."""
        return self._master

    def load(self, texels: Tensor) -> None:
        """Start from texel values (texel_count, 1 + feature_count)."""
        for field in (self._master, self._seen):
            field.density[:-1] = texels[:, 0]
            field.features[:-1, : self._feature_count] = texels[:, 1:]

    def texels(self) -> Tensor:
        """A copy of the values (texel_count, 1 + feature_count)."""
        features = self._master.features[:-1, : self._feature_count]
        return torch.cat([self._master.density[:-1, None], features], 1)

    def fit(
        self, rays: TrainingRays, shading: Shading, schedule: Schedule, block_loss: "BlockLoss"
    ) -> FitReport:
        """Train on one frame; fresh optimizer state, so that a frame depends on its start only."""
        with single_torch_thread():
            return self._fit(rays, shading, schedule, block_loss)

    def _fit(
        self, rays: TrainingRays, shading: Shading, schedule: Schedule, block_loss: "BlockLoss"
    ) -> FitReport:
        generator = torch.Generator().manual_seed(schedule.seed)
        adam = _FieldAdam(self._master, self.limits)
        errors: list[float] = []
        for iteration in range(schedule.iterations):
            factor = schedule.rates.final_factor ** (iteration / schedule.iterations)
            _set_rate(shading.optimizer, schedule.rates.network * factor)
            batch = rays.draw(schedule.rays, generator)
            errors.append(self._accumulate(batch, shading, block_loss.config))
            extra = block_loss.gradient(self._master)
            adam.update(self._seen, self._slabs, extra, (schedule.rates, factor))
        tail = errors[-max(len(errors) // 4, 1) :]
        return FitReport(float(np.mean(tail)), block_loss.bits(self._master))

    def _accumulate(self, batch: RayBatch, shading: Shading, config: LossConfig) -> float:
        """Adds one batch's gradients to the slabs and steps the network; the squared error."""
        result = march_forward(self._seen, batch.rays)
        error, gradients = _ray_gradients(result, batch, shading, config)
        march_backward(self._seen, batch.rays, result, gradients, self._slabs)
        return error


class BlockLoss:
    """Gradients of the losses that look at the atlas itself, block by block.

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
        basis = dct_basis(block_side).numpy()
        self._bases = np.ascontiguousarray(np.stack([basis, basis.T]))
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
        for part, step in enumerate(self._steps):
            blocks, slopes = (_blocks(f, part, self._side) for f in (field, self._extra))
            before = self._before(blocks, part)
            self._add(blocks, before, slopes, (*(w / count for w in active), step))
        return self._extra

    def bits(self, field: Field) -> float:
        """Estimated bits of the whole atlas or, within a group, of its change."""
        total = 0.0
        for part, step in enumerate(self._steps):
            blocks = _blocks(field, part, self._side)
            shape = (-1, self._side, self._side, blocks.shape[2])
            previous = torch.from_numpy(self._before(blocks, part)).view(shape)
            cost = transform_bits(
                torch.from_numpy(blocks).view(shape),
                None if self._previous is None else previous,
                torch.full((blocks.shape[2],), step),
            )
            total += cost.item() * blocks.size
        return total

    @property
    def _weights(self) -> tuple[float, float, float]:
        """Spatial, temporal and per-bit weight of this frame."""
        config = self.config
        if self._previous is None:
            return config.spatial, 0.0, config.intra_bits
        return config.spatial, config.temporal, config.inter_bits

    def _before(self, blocks: kernels.FloatArray, part: int) -> kernels.FloatArray:
        """The previous frame's blocks, or none."""
        return blocks[:0] if self._previous is None else _blocks(self._previous, part, self._side)

    def _add(
        self,
        blocks: kernels.FloatArray,
        before: kernels.FloatArray,
        slopes: kernels.FloatArray,
        weights: tuple[float, ...],
    ) -> None:
        """Adds the weighted gradients of one part, density or features."""
        spatial, temporal, per_bit, step = weights
        if spatial:
            kernels.add_spatial_variation(blocks, self._side, np.float32(spatial), slopes)
        if temporal:
            kernels.add_temporal_difference(blocks, before, np.float32(temporal), slopes)
        if per_bit:
            inverse = np.full(blocks.shape[2], 1 / step, np.float32)
            kernels.add_transform_bits(
                blocks, before, inverse, self._bases, np.float32(per_bit), slopes
            )


class _FieldAdam:
    """Adam over density and features, bounded and rounded for the codec."""

    def __init__(self, master: Field, limits: ValueRange) -> None:
        self._master, self._limits = master, limits
        self._moments = [
            kernels.Moments(np.zeros(v.numel(), np.float32), np.zeros(v.numel(), np.float32))
            for v in (master.density, master.features)
        ]
        self._zeros = [np.zeros(v.numel(), np.float32) for v in (master.density, master.features)]
        self._count = 0

    def update(
        self, seen: Field, slabs: GradientSlabs, extra: Field | None, rates: tuple[Rates, float]
    ) -> None:
        """One step; the empty texel is put back afterwards."""
        self._count += 1
        rate, factor = rates
        parts = (
            (self._master.density, seen.density, slabs.density, rate.density),
            (self._master.features, seen.features, slabs.features, rate.feature),
        )
        bounds = (self._limits.density, self._limits.feature)
        for index, (master, visible, slab, base) in enumerate(parts):
            push = (
                self._zeros[index]
                if extra is None
                else _flat((extra.density, extra.features)[index])
            )
            kernels.adam_update(
                _flat(master),
                _flat(visible),
                self._moments[index],
                slab.view(len(slab), -1).numpy(),
                push,
                self._step(base * factor, bounds[index]),
            )
        for field in (self._master, seen):
            field.density[-1] = self._limits.empty_density
            field.features[-1] = 0

    def _step(self, rate: float, bound: float) -> kernels.AdamStep:
        beta1, beta2 = _BETAS
        corrections = (1 / (1 - beta1**self._count), 1 / (1 - beta2**self._count))
        rounding = 2 * bound / self._limits.levels if self._limits.levels else 0.0
        numbers = (rate, beta1, beta2, *corrections, -bound, bound, rounding)
        return kernels.AdamStep(*(np.float32(number) for number in numbers))


def _ray_gradients(
    result: MarchResult, batch: RayBatch, shading: Shading, config: LossConfig
) -> tuple[float, tuple[Tensor, Tensor]]:
    """Loss gradients with respect to the marched features and transmittance, by autograd."""
    features = result.features.requires_grad_()
    transmittance = result.transmittance.requires_grad_()
    left = transmittance[:, None]
    shaded = shading.shader(features, batch.rays.directions)
    error = photometric((1 - left) * shaded + left * shading.background, batch.colors)
    loss = error
    if config.opacity_entropy:
        loss = loss + config.opacity_entropy * opacity_entropy(transmittance)
    if shading.optimizer is not None:
        shading.optimizer.zero_grad()
    loss.backward()
    if shading.optimizer is not None:
        shading.optimizer.step()
    if features.grad is None or transmittance.grad is None:
        raise RuntimeError("the shader ignores its features; no gradient reached them")
    return error.item(), (features.grad, transmittance.grad)


def _set_rate(optimizer: torch.optim.Optimizer | None, rate: float) -> None:
    for group in optimizer.param_groups if optimizer is not None else ():
        group["lr"] = rate


def _flat(values: Tensor) -> kernels.FloatArray:
    """A flat view that shares memory."""
    return np.asarray(values.view(-1).numpy())


def _blocks(field: Field, part: int, side: int) -> kernels.FloatArray:
    """Density (part 0) or features (part 1) without the empty texel, as blocks, sharing memory."""
    values = (field.density[:, None], field.features)[part][:-1]
    return np.asarray(values.view(-1, side * side, values.shape[1]).numpy())
