"""HPC's frames: the pyramid that trains, the fit of a sequence, and what a decoder does.

`benchmarks.baselines.hpc` states the method and what of the paper is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.baselines.coded_values import CodedValues, CodeScale, SteppedCodes
from benchmarks.baselines.lattice_levels import LatticeLevels, build_levels
from benchmarks.baselines.sequence_fit import FittedFrame, FrameTask
from benchmarks.rd.entropy_model import FactorizedDensity
from benchmarks.rd.training import train


@dataclass(frozen=True, slots=True)
class LevelSetting:
    """One level of the pyramid.

    Attributes:
        stride: vertices of the grid along each axis for one of the level's.
        step: between codes of features, at the beginning of training.
        rate_weight: lambda, for its bits per texel.
        speed: learning rates as multiples of the protocol's.
        stage: share of the key frame's iterations that end with this level.
        weight: of the prefix that ends with this level, in the loss.
    """

    stride: int
    step: float
    rate_weight: float
    speed: float
    stage: float
    weight: float

    @property
    def steps(self) -> tuple[float, float]:
        """First steps of density and of features."""
        return self.step * _DENSITY_STEPS, self.step


# All numbers below are ours. Rate weights fall by halves, as in the recipe, but for the finest
# level, which at less than this learns what only the training views show.
LEVELS = (
    LevelSetting(8, 0.2, 3.2e-4, 0.5, 0.1, 1.0),
    LevelSetting(4, 0.2, 1.6e-4, 0.5, 0.1, 1.0),
    LevelSetting(2, 0.2, 8e-5, 0.5, 0.2, 2.0),
    LevelSetting(1, 0.2, 2e-4, 0.5, 0.6, 10.0),
)
"""From coarse to fine."""

_DENSITY_STEPS = 3.0  # A step of density in steps of a feature.
# Scales of the densities before training: of a pyramid and of a residual one.
_BROAD, _NARROW = 4.0, 0.5
_STAGE_SEED = 7919


class PyramidModel:
    """Texel values of a prefix of the pyramid, which is drawn anew at every step.

    ``references`` are the decoded levels of the frame before, zeros for a key frame.
    """

    def __init__(
        self,
        levels: LatticeLevels,
        residuals: Sequence[CodedValues],
        references: Sequence[Tensor],
        generator: torch.Generator,
    ) -> None:
        self._levels, self._references, self._generator = levels, references, generator
        self.residuals = tuple(residuals)
        self.active = len(self.residuals)
        self._drawn = self.active

    def texels(self, frame_index: int) -> Tensor:
        """Values (texels, channels) of some first levels, as rounding leaves them."""
        del frame_index
        weights = torch.tensor([level.weight for level in LEVELS[: self.active]])
        self._drawn = int(torch.multinomial(weights, 1, generator=self._generator)) + 1
        return self._levels.composed(
            [
                residual.rounded() + reference
                for residual, reference in zip(
                    self.residuals[: self._drawn], self._references, strict=False
                )
            ]
        )

    def penalty(self, frame_index: int) -> Tensor:
        """Weighted bits of the prefix that `texels` drew last."""
        del frame_index
        drawn = zip(LEVELS[: self._drawn], self.residuals, strict=False)
        bits = torch.stack([level.rate_weight * residual.bits() for level, residual in drawn])
        return bits.sum() / self._levels.sizes[-1]

    def parameters(self) -> list[dict[str, Any]]:
        """Groups for Adam, of the active levels."""
        return [g for residual in self.residuals[: self.active] for g in residual.parameters()]

    def coded(self) -> list[SteppedCodes]:
        """What a package holds, level by level."""
        return [residual.coded() for residual in self.residuals]


class PyramidDecoder:
    """Frames of a group from the codes of as many first levels as it is made for."""

    def __init__(self, levels: LatticeLevels, count: int, channels: int) -> None:
        self.levels = levels
        self.decoded = [torch.zeros(size, channels) for size in levels.sizes[:count]]

    def frame(self, coded: Sequence[SteppedCodes]) -> Tensor:
        """Texel values of the next frame; each level adds to its own past."""
        pairs = zip(self.decoded, coded, strict=True)
        self.decoded = [before + residual.values() for before, residual in pairs]
        return self.levels.composed(self.decoded)


_Group = tuple[PyramidDecoder, list[CodeScale], list[FactorizedDensity], Tensor]


class PyramidFit:
    """Fits frames in order; levels have the protocol's learning ``rates`` times their speed."""

    def __init__(self, rates: tuple[float, float], channels: int, seed: int) -> None:
        self._scales = [
            CodeScale.of(level.steps, (rates[0] * level.speed, rates[1] * level.speed), channels)
            for level in LEVELS
        ]
        self._generator = torch.Generator().manual_seed(seed)
        self._group: _Group | None = None

    def __call__(self, task: FrameTask) -> FittedFrame:
        """Train one frame."""
        channels = task.start.shape[1]
        if task.is_key or self._group is None:
            levels = build_levels(task.group.scene.mapping, [level.stride for level in LEVELS])
            decoder = PyramidDecoder(levels, len(LEVELS), channels)
            starts, scales = levels.split(task.start), self._scales
            densities = [FactorizedDensity.broad(channels, _BROAD) for _ in LEVELS]
        else:
            decoder, scales, densities, before = self._group
            starts = _lifted(decoder.decoded, task.start - before)
        parts = zip(starts, scales, densities, strict=True)
        residuals = [CodedValues(*part, self._generator) for part in parts]
        model = PyramidModel(decoder.levels, residuals, decoder.decoded, self._generator)
        error = _train(task, model)
        coded = model.coded()
        decoded = decoder.frame(coded)
        following = [residual.density for residual in residuals]
        if task.is_key:  # Its levels are no residuals.
            following = [FactorizedDensity.broad(channels, _NARROW) for _ in LEVELS]
        self._group = decoder, [own.scale() for own in residuals], following, decoded
        named = {f"level{number}": own for number, own in enumerate(coded)}
        return FittedFrame(named, decoded, error)


def _lifted(levels: Sequence[Tensor], change: Tensor) -> list[Tensor]:
    """Residuals of nothing, but for vertices that the frame's start makes denser.

    They go into the finest level: shared among all levels they would disturb their neighbors.
    """
    residuals = [torch.zeros_like(level) for level in levels]
    residuals[-1][:, 0] = change[:, 0].clamp_min(0)
    return residuals


def _train(task: FrameTask, model: PyramidModel) -> float:
    """Train a key frame's levels one after another, another frame's all at once."""
    rays = task.setting.footage.rays(task.group, [task.index])
    if not task.is_key:
        return train(task.setting, model, rays, task.plan)
    optimizer, error = task.setting.shading.optimizer, 0.0
    rates = [group["lr"] for group in optimizer.param_groups] if optimizer is not None else []
    for active, count in enumerate(stage_iterations(task.plan.iterations), 1):
        for group, rate in zip(optimizer.param_groups if optimizer else (), rates, strict=True):
            group["lr"] = rate  # The stage before has let it decay.
        model.active = active
        seed = task.plan.seed + active * _STAGE_SEED
        error = train(task.setting, model, rays, replace(task.plan, iterations=count, seed=seed))
    return error


def stage_iterations(total: int) -> list[int]:
    """Iterations of each stage, one or more, that add up to the total."""
    counts = [max(round(total * level.stage), 1) for level in LEVELS[:-1]]
    return [*counts, max(total - sum(counts), 1)]
