"""Stage 1: a coarse field per frame, and from it the vertices worth a texel.

masks -> visual hull -> coarse field (color and density) -> weights of its vertices -> occupancy
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import bake.limits as bounds
from bake.artifacts import digest_arrays
from bake.block_loss import BlockLoss
from bake.capture import Capture, View
from bake.errors import CaptureError
from bake.field_adam import Rates
from bake.hull import visual_hull
from bake.losses import LossConfig
from bake.rays import TrainingRays, useful_pixels
from bake.trainer import AtlasTrainer, Schedule, Shading
from bake.value_range import ValueRange
from hwcodec.records import finite_number, positive_number, whole_number
from render.cameras import Camera, pixel_rays
from render.field import Field, build_geometry
from render.mapping import MappingTable, build_mapping
from render.march import texel_weights
from render.occupancy import OccupancyGrid, VoxelGrid, cover, dilate

_STEP = 0.5
_BLOCK_SIZE = 8


@dataclass(frozen=True, slots=True)
class CoarseConfig:
    """The coarse field of one frame.

    Attributes:
        resolution: cube root of the coarse voxel count.
        iterations: training steps per frame.
        unmasked_iterations: the same where there are no masks, and the whole box is to be searched.
        rays: rays per step.
        density_rate: learning rate of density; colors use the same.
        initial_density: density before activation at the start; low, so that light gets through.
        weight_threshold: largest weight on any training ray below which a vertex is dropped.

    Raises:
        ValueError: if a number cannot work.
    """

    resolution: int = 64
    iterations: int = 60
    unmasked_iterations: int = 300
    rays: int = 2048
    density_rate: float = 0.3
    initial_density: float = -3.0
    weight_threshold: float = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that would leave nothing or train nothing."""
        whole_number("coarse resolution", self.resolution, 4, bounds.MOST_RESOLUTION)
        for name in ("iterations", "unmasked_iterations"):
            whole_number(f"coarse {name}", getattr(self, name), 1, bounds.MOST_ITERATIONS)
        whole_number("coarse rays", self.rays, 1, bounds.MOST_RAYS)
        positive_number("coarse density_rate", self.density_rate, bounds.LARGEST_VALUE)
        finite_number(
            "coarse initial_density",
            self.initial_density,
            -bounds.LARGEST_VALUE,
            bounds.LARGEST_VALUE,
        )
        if not 0 <= self.weight_threshold < 1:
            raise ValueError(
                f"coarse weight_threshold is {self.weight_threshold}, expected a number in [0, 1)"
            )


@dataclass(frozen=True, slots=True, eq=False)
class FrameViews:
    """One frame's training pictures with their cameras, and which views of the capture they are."""

    indices: tuple[int, ...]
    cameras: tuple[Camera, ...]
    views: tuple[View, ...]

    def digest(self, background: Sequence[float]) -> bytes:
        """A hash of all that training sees of the frame; it goes into every key made from it."""
        arrays: list[NDArray[Any]] = [view.rgb for view in self.views]
        arrays += [view.alpha for view in self.views if view.alpha is not None]
        cameras = [
            np.append(camera.world_to_camera, [camera.focal_x, camera.focal_y])
            for camera in self.cameras
        ]
        centers = [np.array([camera.center_x, camera.center_y]) for camera in self.cameras]
        return digest_arrays([*arrays, *cameras, *centers, np.array(background)])


def read_training_views(capture: Capture, frame_index: int) -> FrameViews:
    """Every training view that exists at a frame.

    Raises:
        CaptureError: if there is none, or a picture or mask cannot be used.
    """
    indices = capture.train_views(frame_index)
    if not indices:
        raise CaptureError(
            f"frame {frame_index} of {capture.name!r} has no training view; "
            "leave the frame out or move a view to the training split"
        )
    views = capture.views(frame_index, indices)
    return FrameViews(indices, tuple(capture.cameras[i] for i in indices), tuple(views))


def find_occupancy(
    grid: VoxelGrid,
    views: FrameViews,
    config: CoarseConfig,
    background: Sequence[float],
    seed: int,
    device: str = "cpu",
) -> OccupancyGrid:
    """The vertices of ``grid`` that the frame needs; the coarse field trains on ``device``.

    Raises:
        CaptureError: if nothing is left, which means that masks, box or cameras disagree.
    """
    coarse = cover(grid.aabb, min(config.resolution, _longest_resolution(grid)))
    hull = _hull(coarse, views)
    if not hull.count:
        raise CaptureError(
            "the visual hull is empty: no vertex of the scene box lies inside all masks; "
            "check the masks, the camera poses and the aabb"
        )
    weights = _train_weights(hull, views, config, (torch.tensor(background, device=device), seed))
    kept = dilate(weights > config.weight_threshold)
    if not kept.any():
        kept = hull.vertices
    fine = _hull(grid, views).vertices & _resample(kept, coarse, grid)
    if not fine.any():
        raise CaptureError(
            "no vertex is left after pruning; lower coarse.weight_threshold or check the aabb"
        )
    return OccupancyGrid(grid, fine)


def _hull(grid: VoxelGrid, views: FrameViews) -> OccupancyGrid:
    """The visual hull where there are masks, otherwise the whole box."""
    masked = [(c, v.alpha) for c, v in zip(views.cameras, views.views, strict=True)]
    seen = [(camera, alpha) for camera, alpha in masked if alpha is not None]
    return visual_hull(grid, [camera for camera, _ in seen], [alpha for _, alpha in seen])


def _train_weights(
    hull: OccupancyGrid, views: FrameViews, config: CoarseConfig, scene: tuple[Tensor, int]
) -> NDArray[np.float32]:
    """Trains color and density on the hull; each vertex's largest weight on any training ray."""
    background, seed = scene
    mapping = build_mapping(hull, _BLOCK_SIZE)
    geometry = build_geometry(hull.grid, mapping)
    device = str(background.device)
    useful = [useful_pixels(geometry, camera, device) for camera in views.cameras]
    rays = TrainingRays(geometry, views.cameras, [view.rgb for view in views.views], useful)
    trainer = AtlasTrainer(geometry, 3, _STEP, ValueRange(levels=0), device)
    start = torch.zeros(mapping.texel_count, 4, device=device)
    start[:, 0] = config.initial_density
    trainer.load(start)
    rates = Rates(density=config.density_rate, feature=config.density_rate, final_factor=1.0)
    is_masked = all(view.alpha is not None for view in views.views)
    iterations = config.iterations if is_masked else config.unmasked_iterations
    schedule = Schedule(iterations, config.rays, rates, seed)
    shading = Shading(lambda features, _: torch.sigmoid(features[:, :3]), background.float())
    losses = BlockLoss(LossConfig(), _BLOCK_SIZE, trainer.limits, None)
    trainer.fit(rays, shading, schedule, losses)
    return _vertex_weights(trainer.field, mapping, views.cameras)


def _vertex_weights(
    field: Field, mapping: MappingTable, cameras: Sequence[Camera]
) -> NDArray[np.float32]:
    """Largest weight per vertex of the grid over all pixels of all cameras."""
    device = field.density.device
    largest = torch.zeros(mapping.texel_count, device=device)
    for camera in cameras:
        weights, _ = texel_weights(field, field.geometry.to_grid(pixel_rays(camera), device))
        largest = torch.maximum(largest, weights)
    grid = np.zeros(mapping.texel_of_vertex.shape, np.float32)
    grid[tuple(mapping.vertices.T)] = largest.cpu().numpy()[mapping.texels]
    return grid


def _resample(kept: NDArray[np.bool_], coarse: VoxelGrid, fine: VoxelGrid) -> NDArray[np.bool_]:
    """The coarse bit nearest to every vertex of the fine grid."""
    ratio = fine.voxel_size / coarse.voxel_size
    nearest = [
        np.clip(np.rint(np.arange(count) * ratio).astype(int), 0, limit - 1)
        for count, limit in zip(fine.shape, coarse.shape, strict=True)
    ]
    return kept[np.ix_(*nearest)]


def _longest_resolution(grid: VoxelGrid) -> int:
    """The fine grid's own resolution, which the coarse one never exceeds."""
    edge = math.cbrt(float(np.prod(grid.aabb.size)))
    return max(round(edge / grid.voxel_size), 4)
