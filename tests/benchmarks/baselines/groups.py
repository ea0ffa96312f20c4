"""Small groups that need no capture: a mapping table of some shape, and smooth values on it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.baselines.cubes import CubeLayout
from benchmarks.baselines.warping import Warp
from render.geometry import Aabb
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid

EMPTY = -8.0


def mapping_of(vertices: NDArray[np.bool_]) -> MappingTable:
    x, y, z = vertices.shape
    grid = VoxelGrid(Aabb((0, 0, 0), (1, 1, 1)), 1.0, (x, y, z))
    return build_mapping(OccupancyGrid(grid, vertices), 8)


def ball_mapping(*, side: int = 21, hole: float = 0.0) -> MappingTable:
    """A ball off the center of its grid, whose sides are no multiple of a cube's."""
    distance = np.linalg.norm(np.indices((side, side + 2, side - 3)).T - side * 0.45, axis=-1).T
    return mapping_of((distance < side * 0.42) & (distance >= hole))


def warp_of(mapping: MappingTable) -> Warp:
    return Warp(CubeLayout.of(mapping), mapping, EMPTY)


def smooth_values(mapping: MappingTable, *, channels: int = 5, phase: float = 0.0) -> Tensor:
    """Values (texels, channels) that vary slowly over the grid; density mostly above zero."""
    places = torch.from_numpy(mapping.vertices.astype(np.float32))
    values = torch.zeros(mapping.texel_count, channels)
    waves = torch.stack(
        [
            torch.sin(places @ torch.tensor([0.2, 0.1 * c, 0.15]) + c + phase)
            for c in range(channels)
        ],
        1,
    )
    waves[:, 0] = 3 * waves[:, 0] + 2
    values[torch.from_numpy(mapping.texels).long()] = waves
    return values


def noise(mapping: MappingTable, *, channels: int = 5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(mapping.texel_count, channels, generator=generator)
