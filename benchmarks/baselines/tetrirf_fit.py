"""Training of a group of tri-plane frames at once, each held close to those before and after it.

first frame      alone, with the network if it is that of the sequence
others in turn   each from the one before
all together     a random frame per step, as the paper trains
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bake.optimize_config import OptimizeConfig
from bake.progress import Progress
from bake.rays import TrainingRays
from benchmarks.baselines.plane_frames import PlaneFrame, PlaneGroup, PlaneSettings
from benchmarks.rd.footage import Footage
from benchmarks.rd.training import Setting, frozen_shading, plan_of, train
from render.shading import ShadingMlp


@dataclass(frozen=True, slots=True)
class JointSettings:
    """How a group trains.

    The losses' weights are for means over all values; the paper's are for sums and do not carry
    over. The temporal one lies between 1e-4 and 3e-4, which were best among these, 0, 1e-3, 3e-3
    and 1e-2 by size and PSNR after coding, on the built-in capture.

    Attributes:
        density_variation, plane_variation: weights of total variation.
        temporal: weight of the mean absolute difference of planes to the frames beside.
        density_share: how much more that of density weighs; 5 in the paper.
        boundary_share: how much more the difference to the group before weighs; 2 in the paper.
        plane_limit: largest absolute plane value.
        joint_share: part of the later frames' iterations that is spent on all together.
    """

    density_variation: float = 1e-4
    plane_variation: float = 1e-3
    temporal: float = 2e-4
    density_share: float = 5.0
    boundary_share: float = 2.0
    plane_limit: float = 4.0
    joint_share: float = 0.5


class JointFrames:
    """Some frames of a group that train, and others beside them that do not."""

    def __init__(
        self,
        group: PlaneGroup,
        trained: Mapping[int, PlaneFrame],
        fixed: Mapping[int, PlaneFrame],
        config: OptimizeConfig,
        settings: JointSettings,
    ) -> None:
        self.frames = {index: frame.trainable() for index, frame in trained.items()}
        """Frames by index, as they train."""
        self._fixed, self._group, self._config, self._settings = fixed, group, config, settings

    def texels(self, frame_index: int) -> Tensor:
        """Values of a frame, whose parameters are first put back into the codec's ranges."""
        frame = self.frames[frame_index]
        self._limit(frame)
        return frame.texels(self._group.planes)

    def finished(self) -> dict[int, PlaneFrame]:
        """The frames as they are, no parameters any more."""
        for frame in self.frames.values():
            self._limit(frame)
        return {index: frame.detached() for index, frame in self.frames.items()}

    def penalty(self, frame_index: int) -> Tensor:
        """Total variation, and differences to the frames beside, which stand still in this step.

        Their turn to move comes when they are drawn themselves.
        """
        frame, settings = self.frames[frame_index], self._settings
        planes, density = self._group.planes.neighborhood, frame.density[:, None]
        total = settings.plane_variation * planes.variation(frame.planes)
        total = (
            total
            + settings.density_variation * self._group.planes.vertex_neighborhood.variation(density)
        )
        for index in (frame_index - 1, frame_index + 1):
            other = self._fixed.get(index, self.frames.get(index))
            if other is not None:
                is_outside = index < self._group.group.plan.first_frame
                share = settings.boundary_share if is_outside else 1.0
                total = total + share * settings.temporal * self._difference(frame, other)
        return total

    def parameters(self) -> list[dict[str, Any]]:
        """Densities and planes, at their rates."""
        frames, config = self.frames.values(), self._config
        return [
            {"params": [frame.density for frame in frames], "lr": config.density_rate},
            {
                "params": [frame.planes for frame in frames],
                "lr": PlaneSettings.rate_factor * config.feature_rate,
            },
        ]

    @torch.no_grad()
    def _limit(self, frame: PlaneFrame) -> None:
        limits = self._config.density_range, self._settings.plane_limit
        for values, limit in zip((frame.density, frame.planes), limits, strict=True):
            values.clamp_(-limit, limit)

    def _difference(self, frame: PlaneFrame, other: PlaneFrame) -> Tensor:
        planes = (frame.planes - other.planes.detach()).abs().mean()
        density = (frame.density - other.density.detach()).abs().mean()
        return planes + self._settings.density_share * density


class GroupTrainer:
    """Trains the frames of one group with a network that trains no more."""

    def __init__(
        self, footage: Footage, group: PlaneGroup, network: ShadingMlp, settings: JointSettings
    ) -> None:
        self._footage, self._group, self._settings = footage, group, settings
        self._setting = Setting(footage, group.group.scene, frozen_shading(footage, network))

    def fit(
        self,
        first: PlaneFrame,
        rays: Mapping[int, TrainingRays],
        before: PlaneFrame | None,
        progress: Progress,
    ) -> dict[int, PlaneFrame]:
        """All frames of the group, from the first one as it is after it trained alone."""
        start, *others = self._group.group.frames
        outside = {} if before is None else {start - 1: before}
        iterations = self._footage.config.optimize.iterations
        alone = iterations - round(iterations * self._settings.joint_share)
        frames = {start: first}
        for index in others:
            moved = self._group.moved(self._footage, frames[index - 1], index, index - 1)
            fixed = {index - 1: frames[index - 1]}
            frames |= self._train({index: moved}, fixed, {index: rays[index]}, alone)
            progress.advance(f"frame {index}")
        together = len(others) * (iterations - alone)
        return self._train(frames, outside, rays, together) if together else frames

    def _train(
        self,
        frames: Mapping[int, PlaneFrame],
        fixed: Mapping[int, PlaneFrame],
        rays: Mapping[int, TrainingRays],
        iterations: int,
    ) -> dict[int, PlaneFrame]:
        config = self._footage.config.optimize
        model = JointFrames(self._group, frames, fixed, config, self._settings)
        train(self._setting, model, rays, plan_of(self._footage, min(rays), iterations))
        return model.finished()


def train_first(
    setting: Setting,
    model: JointFrames,
    rays: Mapping[int, TrainingRays],
    iterations: int,
) -> PlaneFrame:
    """The first frame of a group, alone; with the network if the setting's still trains."""
    (index,) = model.frames
    train(setting, model, {index: rays[index]}, plan_of(setting.footage, index, iterations))
    return model.finished()[index]
