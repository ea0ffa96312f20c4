"""Trains voxel grids frame by frame: each alone, or each against the one before.

alone          values from scratch: photometric error, smoothness
against        motion stage: one vector per cube, with the values of the frame before fixed
               residual stage: values, which start from the moved ones and are kept close to them
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bake.optimize_config import OptimizeConfig
from bake.rays import TrainingRays
from bake.trainer import Shading
from benchmarks.baselines.cubes import CubeLayout
from benchmarks.baselines.voxel_prior import PriorWeights, VoxelPrior
from benchmarks.baselines.warping import LONGEST, Warp, motion_codes, motion_of
from benchmarks.rd.footage import Footage, FootageGroup
from benchmarks.rd.training import (
    FieldModel,
    Setting,
    fresh_shading,
    frozen_shading,
    plan_of,
    train,
)
from render.shading import ShadingMlp, round_weights

_SMOOTH = PriorWeights(smooth_density=1e-4, smooth_feature=2e-4)
_CLOSE = PriorWeights(close_density=1e-4, close_feature=5e-4)


@dataclass(frozen=True, slots=True)
class VoxelRecipe:
    """How much motion trains, and what weighs how much.

    ReRF weighs |D| by 1e-2, its variation by 1 and |r| by 1e-2; its sums are over other units, so
    the weights here were tuned anew, on the smoke scene alone.

    Attributes:
        motion_share: steps of the motion stage, as a share of the residual stage's.
        motion_rate: Adam's rate for motion at the start, in voxels.
        motion_length: weight of the mean absolute motion, in voxels.
        motion_variation: weight of the mean absolute difference between neighboring cubes.
        alone: weights for frames that know no other.
        against: weights for the residual stage.
    """

    motion_share: float = 1.0
    motion_rate: float = 0.2
    motion_length: float = 1e-5
    motion_variation: float = 1e-3
    alone: PriorWeights = _SMOOTH
    against: PriorWeights = _CLOSE


@dataclass(frozen=True, slots=True, eq=False)
class FittedFrame:
    """A trained frame.

    Attributes:
        values: float32 (texels, 1 + features), density first.
        motion: int32 (cubes, 3) as `warping.motion_codes` has it; None if it trained alone.
        error: mean squared error on useful rays near the end.
    """

    values: Tensor
    motion: NDArray[np.int32] | None
    error: float


class TexelModel:
    """Values of one frame, free within the limits, under a prior that may know a prediction."""

    def __init__(
        self, start: Tensor, predicted: Tensor, prior: VoxelPrior, config: OptimizeConfig
    ) -> None:
        self._density = start[:, :1].clone().requires_grad_()
        self._features = start[:, 1:].clone().requires_grad_()
        self._predicted, self._prior, self._config = predicted, prior, config
        self._values = start

    def texels(self, frame_index: int) -> Tensor:
        """Values within the limits, which the step before may have left."""
        del frame_index
        limits = self._config.limits
        with torch.no_grad():
            self._density.clamp_(-limits.density, limits.density)
            self._features.clamp_(-limits.feature, limits.feature)
        self._values = torch.cat([self._density, self._features], 1)
        return self._values

    def penalty(self, frame_index: int) -> Tensor:
        """The prior's cost of the values last stated."""
        del frame_index
        return self._prior.cost(self._values, self._predicted)

    def parameters(self) -> list[dict[str, Any]]:
        """Density and features, each with its rate."""
        config = self._config
        return [
            {"params": [self._density], "lr": config.density_rate},
            {"params": [self._features], "lr": config.feature_rate},
        ]


class MotionModel:
    """Values of the frame before, moved; only the motion trains."""

    def __init__(self, warp: Warp, previous: Tensor, recipe: VoxelRecipe) -> None:
        self._warp, self._recipe = warp, recipe
        self._source = warp.source(previous)
        self._pairs = warp.layout.neighbors()
        self.motion = torch.zeros(warp.layout.count, 3, requires_grad=True)

    def texels(self, frame_index: int) -> Tensor:
        """The moved values."""
        del frame_index
        with torch.no_grad():
            self.motion.clamp_(-LONGEST, LONGEST)
        return self._warp.moved(self._source, self.motion)

    def penalty(self, frame_index: int) -> Tensor:
        """Length and variation of the motion."""
        del frame_index
        first, second = self._pairs.T
        length = self._recipe.motion_length * self.motion.abs().mean()
        if not len(self._pairs):
            return length
        changes = (self.motion[first] - self.motion[second]).abs()
        return length + self._recipe.motion_variation * changes.mean()

    def parameters(self) -> list[dict[str, Any]]:
        """The motion with its rate."""
        return [{"params": [self.motion], "lr": self._recipe.motion_rate}]


class VoxelFit:
    """Trains the frames of some footage in order; frame 0 trains the network too."""

    def __init__(self, footage: Footage, recipe: VoxelRecipe) -> None:
        self._footage, self._recipe = footage, recipe
        self._network: ShadingMlp | None = None

    @property
    def network(self) -> ShadingMlp:
        """The network that all frames share, rounded as a package stores it."""
        if self._network is None:
            raise RuntimeError("the network is not trained yet; train frame 0 first")
        return self._network

    def frames(self, *, is_predicted: bool) -> Iterator[FittedFrame]:
        """Train every frame; with ``is_predicted``, all but the first of a group on motion."""
        for group in self._footage.groups:
            fit = _GroupFit(self._footage, group, self._recipe)
            previous: Tensor | None = None
            for index in group.frames:
                rays = self._footage.rays(group, [index])
                if is_predicted and previous is not None:
                    found = fit.against(rays, previous, self.network)
                else:
                    found = self._alone(fit, rays)
                previous = found.values
                yield found

    def _alone(self, fit: "_GroupFit", rays: dict[int, TrainingRays]) -> FittedFrame:
        config = self._footage.config.optimize
        if self._network is not None:
            # A frame without history has what the first of a group has.
            shading = frozen_shading(self._footage, self._network)
            return fit.alone(rays, shading, config.group_iterations)
        network, shading = fresh_shading(self._footage)
        found = fit.alone(rays, shading, config.first_iterations)
        self._network = round_weights(network)
        return found


class _GroupFit:
    """What the frames of one group share while they train."""

    def __init__(self, footage: Footage, group: FootageGroup, recipe: VoxelRecipe) -> None:
        self._footage, self._group, self._recipe = footage, group, recipe
        self._config = footage.config.optimize

    @cached_property
    def _warp(self) -> Warp:
        mapping = self._group.scene.mapping
        return Warp(CubeLayout.of(mapping), mapping, self._config.limits.empty_density)

    def alone(
        self, rays: dict[int, TrainingRays], shading: Shading, iterations: int
    ) -> FittedFrame:
        (index,) = rays
        start = self._footage.fresh_texels(self._group, index, self._footage.feature_count)
        prior = VoxelPrior(self._group.scene.mapping, self._recipe.alone)
        model = TexelModel(start, start, prior, self._config)
        error = self._train(model, rays, shading, iterations)
        return FittedFrame(model.texels(index).detach(), None, error)

    def against(
        self, rays: dict[int, TrainingRays], previous: Tensor, network: ShadingMlp
    ) -> FittedFrame:
        (index,) = rays
        shading = frozen_shading(self._footage, network)
        iterations = self._config.iterations
        moving = MotionModel(self._warp, previous, self._recipe)
        self._train(moving, rays, shading, round(self._recipe.motion_share * iterations))
        moving.texels(index)  # Puts the last step back within the limits.
        motion = motion_codes(moving.motion.detach())
        moved = self._warp.moved(self._warp.source(previous), motion_of(motion)).detach()
        start = self._footage.moved_texels(self._group, moved, index)
        prior = VoxelPrior(self._group.scene.mapping, self._recipe.against)
        model = TexelModel(start, start, prior, self._config)
        error = self._train(model, rays, shading, iterations)
        return FittedFrame(model.texels(index).detach(), motion, error)

    def _train(
        self, model: FieldModel, rays: dict[int, TrainingRays], shading: Shading, iterations: int
    ) -> float:
        (index,) = rays
        setting = Setting(self._footage, self._group.scene, shading)
        return train(setting, model, rays, plan_of(self._footage, index, max(iterations, 1)))
