"""Fits any differentiable model of texel values to the pictures, on the compiled march.

model -> texel values -> march -> shade -> error -> march back -> gradient of the values -> model

A model states its values in plain torch; only the march between them and the rays is compiled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from bake.losses import LossConfig
from bake.optimize import GroupScene
from bake.rays import TrainingRays
from bake.trainer import Shading, ray_gradients
from benchmarks.rd.footage import Footage
from render.compiled import single_torch_thread
from render.field import Field, make_field
from render.march import march_backward, march_forward, zero_gradients
from render.shading import ShadingMlp, ShadingShape

_BETAS = (0.9, 0.99)


class FieldModel(Protocol):
    """Texel values of the frames of one group, with parameters that can be trained."""

    def texels(self, frame_index: int) -> Tensor:
        """Values (texels, 1 + features), density first, differentiable."""

    def penalty(self, frame_index: int) -> Tensor | None:
        """What is added to the mean squared error: regularization, rate; None for nothing."""

    def parameters(self) -> list[dict[str, Any]]:
        """Groups for torch.optim.Adam, each with ``params`` and the ``lr`` to start with."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long one fit trains; each step draws a frame at random if there are several."""

    iterations: int
    rays: int
    seed: int
    final_factor: float = 0.1
    opacity_entropy: float = 1e-3


def fresh_shading(
    footage: Footage, shape: ShadingShape | None = None
) -> tuple[ShadingMlp, Shading]:
    """A network that still trains, from the seed alone, and the shading with its optimizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(footage.config.seed)
        network = ShadingMlp(shape or footage.config.shading.shape)
    rate = footage.config.optimize.network_rate
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, betas=_BETAS)
    return network, Shading(network, footage.background, optimizer)


def frozen_shading(footage: Footage, network: ShadingMlp) -> Shading:
    """Shading by a network that trains no more."""
    return Shading(network.requires_grad_(requires_grad=False), footage.background)


def plan_of(footage: Footage, frame_index: int, iterations: int) -> TrainingPlan:
    """A plan with the rays and the random stream that the bake uses for that frame."""
    config = footage.config
    seed = config.seed * 1_000_003 + frame_index
    return TrainingPlan(
        iterations,
        config.optimize.rays,
        seed,
        config.optimize.final_factor,
        config.losses.opacity_entropy,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What stays the same while a group's frames train: its scene, and who shades."""

    footage: Footage
    scene: GroupScene
    shading: Shading


def train(
    setting: Setting,
    model: FieldModel,
    rays: Mapping[int, TrainingRays],
    plan: TrainingPlan,
) -> float:
    """Train a model on the frames whose rays are given; the last quarter's mean squared error.

    The result does not depend on how many cores there are.
    """
    with single_torch_thread():
        return _train(setting, model, rays, plan)


def _train(
    setting: Setting,
    model: FieldModel,
    rays: Mapping[int, TrainingRays],
    plan: TrainingPlan,
) -> float:
    shading = setting.shading
    generator = torch.Generator().manual_seed(plan.seed)
    optimizer = torch.optim.Adam(model.parameters(), betas=_BETAS, fused=True)
    rates = [_rates(one) for one in (optimizer, shading.optimizer) if one is not None]
    marched = _March(setting, plan)
    frames: Sequence[int] = sorted(rays)
    errors: list[float] = []
    for iteration in range(plan.iterations):
        factor = plan.final_factor ** (iteration / plan.iterations)
        for groups in rates:
            for group, rate in groups:
                group["lr"] = rate * factor
        chosen = int(torch.randint(len(frames), (1,), generator=generator)) if frames[1:] else 0
        frame = frames[chosen]
        values = model.texels(frame)
        error, gradient = marched.gradient(values.detach(), rays[frame].draw(plan.rays, generator))
        errors.append(error)
        optimizer.zero_grad(set_to_none=True)
        extra = model.penalty(frame)
        if extra is None:
            torch.autograd.backward(values, gradient)
        else:
            torch.autograd.backward((values, extra), (gradient, None))
        optimizer.step()
    tail = errors[-max(len(errors) // 4, 1) :]
    return sum(tail) / len(tail)


def field_of(footage: Footage, scene: GroupScene, texels: Tensor) -> Field:
    """The field of texel values (texels, 1 + features)."""
    config = footage.config.optimize
    empty = config.limits.empty_density
    return make_field(
        scene.geometry, texels.detach().float(), empty_density=empty, step=config.step
    )


class _March:
    """A field of values that change at every step, and the gradient buffers that belong to it."""

    def __init__(self, setting: Setting, plan: TrainingPlan) -> None:
        self._setting = setting
        self._losses = LossConfig(opacity_entropy=plan.opacity_entropy)
        self._field: Field | None = None

    def gradient(self, values: Tensor, batch: Any) -> tuple[float, Tensor]:  # noqa: ANN401
        """The squared error on a batch of rays, and its gradient with respect to the values."""
        field = self._filled(values)
        result = march_forward(field, batch.rays)
        error, gradients = ray_gradients(result, batch, self._setting.shading, self._losses)
        march_backward(field, batch.rays, result, gradients, self._slabs)
        slabs = self._slabs
        gradient = torch.empty_like(values)
        gradient[:, 0] = slabs.density[0, :-1]
        gradient[:, 1:] = slabs.features[0, :-1, : values.shape[1] - 1]
        for density, features in zip(slabs.density[1:], slabs.features[1:], strict=True):
            gradient[:, 0] += density[:-1]
            gradient[:, 1:] += features[:-1, : values.shape[1] - 1]
        slabs.density.zero_()
        slabs.features.zero_()
        return error.item(), gradient

    def _filled(self, values: Tensor) -> Field:
        if self._field is None:  # Only now is the number of channels known.
            self._field = field_of(self._setting.footage, self._setting.scene, values)
            self._slabs = zero_gradients(self._field)
        self._field.density[:-1] = values[:, 0]
        self._field.features[:-1, : values.shape[1] - 1] = values[:, 1:]
        return self._field


def _rates(optimizer: torch.optim.Optimizer) -> list[tuple[dict[str, Any], float]]:
    return [(group, group["lr"]) for group in optimizer.param_groups]
