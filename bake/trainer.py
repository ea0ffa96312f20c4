"""Fits the texels of one frame to its pictures; the same engine serves the coarse and fine stages.

draw rays -> march -> shade -> losses -> march back -> block losses -> Adam
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bake.block_loss import BlockLoss
from bake.codec_loop import Correction
from bake.field_adam import FieldAdam, Rates
from bake.losses import LossConfig, opacity_entropy, photometric
from bake.rays import RayBatch, TrainingRays
from bake.value_range import ValueRange
from render.compiled import single_torch_thread
from render.field import Field, FieldGeometry, make_field
from render.march import GradientSlabs, MarchResult, march_backward, march_forward, zero_gradients

# What turns ray features (rays, channels) and unit directions (rays, 3) into colors (rays, 3).
Shader = Callable[[Tensor, Tensor], Tensor]


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

    @property
    def psnr(self) -> float:
        """The error in dB, 100 at most."""
        return -10 * math.log10(max(self.error, 1e-10))


class AtlasTrainer:
    """Owns one group's texel values and the buffers that training them takes, on one device."""

    def __init__(
        self,
        geometry: FieldGeometry,
        feature_count: int,
        step: float,
        limits: ValueRange,
        device: str = "cpu",
    ) -> None:
        self.limits = limits
        self._feature_count = feature_count
        start = torch.zeros(geometry.texel_count, 1 + feature_count, device=device)
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
        """A copy of the values (texel_count, 1 + feature_count), on the trainer's device."""
        features = self._master.features[:-1, : self._feature_count]
        return torch.cat([self._master.density[:-1, None], features], 1)

    def fit(
        self,
        rays: TrainingRays,
        shading: Shading,
        schedule: Schedule,
        block_loss: "BlockLoss",
        correction: Correction | None = None,
    ) -> FitReport:
        """Train on one frame; fresh optimizer state, so that a frame depends on its start only.

        With a correction rays see the values as its codec shows them. Rays and shading must be on
        the trainer's device. The processor repeats itself to the bit;
        a CUDA device adds gradients in an order of its own and repeats itself up to rounding.
        """
        with single_torch_thread():
            return self._fit(rays, shading, schedule, (block_loss, correction))

    def _fit(
        self,
        rays: TrainingRays,
        shading: Shading,
        schedule: Schedule,
        regular: tuple["BlockLoss", Correction | None],
    ) -> FitReport:
        block_loss, correction = regular
        shift: Tensor | None = None
        device = self._master.density.device
        generator = torch.Generator(device).manual_seed(schedule.seed)
        adam = FieldAdam(self._master, self.limits)
        errors: list[Tensor] = []
        for iteration in range(schedule.iterations):
            factor = schedule.rates.final_factor ** (iteration / schedule.iterations)
            _set_rate(shading.optimizer, schedule.rates.network * factor)
            batch = rays.draw(schedule.rays, generator)
            errors.append(self._accumulate(batch, shading, block_loss.config))
            extra = block_loss.gradient(self._master)
            adam.update(self._seen, self._slabs, extra, (schedule.rates, factor))
            if correction is not None and correction.is_due(iteration, schedule.iterations):
                shift = correction.of(self.texels())
            if shift is not None:
                self._show(shift)
        tail = errors[-max(len(errors) // 4, 1) :]
        # Looked at once, so that a device need not be waited for at every step.
        error = torch.stack(tail).double().mean().item()
        return FitReport(error, block_loss.bits(self._master))

    def _show(self, shift: Tensor) -> None:
        """Let rays see the trained values plus a shift (texel_count, 1 + feature_count)."""
        used = self._feature_count
        torch.add(self._master.density[:-1], shift[:, 0], out=self._seen.density[:-1])
        self._seen.features[:-1, :used] = self._master.features[:-1, :used] + shift[:, 1:]

    def _accumulate(self, batch: RayBatch, shading: Shading, config: LossConfig) -> Tensor:
        """Adds one batch's gradients to the slabs and steps the network; the squared error."""
        result = march_forward(self._seen, batch.rays)
        error, gradients = ray_gradients(result, batch, shading, config)
        march_backward(self._seen, batch.rays, result, gradients, self._slabs)
        return error


def ray_gradients(
    result: MarchResult, batch: RayBatch, shading: Shading, config: LossConfig
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
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
    return error.detach(), (features.grad, transmittance.grad)


def _set_rate(optimizer: torch.optim.Optimizer | None, rate: float) -> None:
    for group in optimizer.param_groups if optimizer is not None else ():
        group["lr"] = rate
