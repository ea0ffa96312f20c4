"""What every method starts from: the pictures, the occupied vertices and the groups of frames.

Occupancy and groups come from the bake's first two stages and are the same for all methods, so
that curves differ by representation and coding alone. Whoever sends the occupancy pays for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from bake.capture import Capture
from bake.coarse import FrameViews, find_occupancy, read_training_views
from bake.grid import choose_grid
from bake.grouping import GroupPlan, plan_groups
from bake.optimize import GroupScene, Motion, adapt_density, build_group, fresh_texels
from bake.pipeline import BakeConfig
from bake.progress import Progress
from bake.rays import TrainingRays, useful_pixels
from render.occupancy import OccupancyGrid, VoxelGrid


@dataclass(frozen=True, eq=False)
class FootageGroup:
    """A group of frames: which, their own occupancies, and what they share."""

    plan: GroupPlan
    occupancies: tuple[OccupancyGrid, ...]
    block_size: int

    @cached_property
    def scene(self) -> GroupScene:
        """Mapping table and march geometry of the union of the occupancies."""
        return build_group(self.plan.occupancy, self.block_size)

    @property
    def frames(self) -> range:
        """Indices of its frames."""
        return self.plan.frames

    def occupancy(self, frame_index: int) -> OccupancyGrid:
        """A frame's own occupancy, within the union."""
        return self.occupancies[frame_index - self.plan.first_frame]


@dataclass(frozen=True, eq=False)
class Footage:
    """A capture made ready for training; pictures are read frame by frame."""

    capture: Capture
    config: BakeConfig
    grid: VoxelGrid
    groups: tuple[FootageGroup, ...]

    @property
    def frame_count(self) -> int:
        """Frames of the capture."""
        return self.capture.frame_count

    @property
    def background(self) -> Tensor:
        """The color behind the scene, float32 (3,)."""
        return torch.tensor(self.capture.background, dtype=torch.float32)

    @property
    def feature_count(self) -> int:
        """Feature channels beside density that the shading network reads by default."""
        return self.config.shading.feature_count

    def rays(self, group: FootageGroup, frame_indices: Sequence[int]) -> dict[int, TrainingRays]:
        """Training rays of some frames of a group, by frame."""
        geometry, useful = group.scene.geometry, {}
        found = {}
        for index in frame_indices:
            views: FrameViews = read_training_views(self.capture, index)
            for view, camera in zip(views.indices, views.cameras, strict=True):
                if view not in useful:  # Depends on the geometry alone, which the group shares.
                    useful[view] = useful_pixels(geometry, camera)
            pictures = [view.rgb for view in views.views]
            chosen = [useful[view] for view in views.indices]
            found[index] = TrainingRays(geometry, views.cameras, pictures, chosen)
        return found

    def fresh_texels(self, group: FootageGroup, frame_index: int, feature_count: int) -> Tensor:
        """Values (texels, 1 + features) without history, empty outside the frame's occupancy."""
        own, config = group.occupancy(frame_index), self.config
        start = fresh_texels(
            group.scene.mapping, config.optimize, feature_count, config.seed + frame_index
        )
        return adapt_density(start, group.scene.mapping, Motion(own, own), config.optimize)

    def moved_texels(self, group: FootageGroup, texels: Tensor, frame_index: int) -> Tensor:
        """Values of the frame before, made ready for this one, as `adapt_density` does.

        Raises:
            ValueError: for the first frame of a group, whose frame before is in another.
        """
        if frame_index == group.plan.first_frame:
            raise ValueError(
                f"frame {frame_index} begins its group, expected a later one; start it from "
                "fresh texels, or carry values over by vertex"
            )
        motion = Motion(group.occupancy(frame_index), group.occupancy(frame_index - 1))
        return adapt_density(texels, group.scene.mapping, motion, self.config.optimize)


def prepare_footage(capture: Capture, config: BakeConfig, progress: Progress) -> Footage:
    """Find the occupancy of every frame, and the groups.

    Raises:
        BakeError: if the capture cannot be used.
    """
    grid = choose_grid(capture, config.resolution, config.voxel_pixels)
    progress.start("occupancy", capture.frame_count)
    found: list[OccupancyGrid] = []
    for index in range(capture.frame_count):
        views = read_training_views(capture, index)
        seed = config.seed * 1_000_003 + index
        own = find_occupancy(grid, views, config.coarse, capture.background, seed)
        found.append(own)
        progress.advance(f"frame {index}: {own.count} vertices")
    return assemble_footage(capture, config, grid, found)


def assemble_footage(
    capture: Capture, config: BakeConfig, grid: VoxelGrid, occupancies: Sequence[OccupancyGrid]
) -> Footage:
    """Footage from occupancies that are known already."""
    groups = tuple(
        FootageGroup(plan, tuple(occupancies[i] for i in plan.frames), config.optimize.block_size)
        for plan in plan_groups(occupancies, config.grouping)
    )
    return Footage(capture, config, grid, groups)


def occupied_texels(group: FootageGroup, frame_index: int) -> Tensor:
    """Which texels (texels,) of the group belong to a vertex that the frame itself occupies."""
    mapping = group.scene.mapping
    bits = group.occupancy(frame_index).vertices[tuple(mapping.vertices.T)]
    inside = np.zeros(mapping.texel_count, np.bool_)
    inside[mapping.texels] = bits
    return torch.from_numpy(inside)
