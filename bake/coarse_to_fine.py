"""A start for the first frame of a sequence: the same field at half the resolution, trained first.

Half the voxels along each axis are an eighth of the values; so few steps settle them, and what they
settle is smooth. Trained straight at the full resolution, a frame of few steps ends less sharp, and
costs more bytes.

Source: the idea is that of the progressive grids of DVGO (Sun et al., CVPR 2022) and ReRF (Wang et
al., CVPR 2023); steps and sizes are ours.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from render.mapping import UNMAPPED, MappingTable
from render.occupancy import OccupancyGrid, VoxelGrid, dilate


def halve(occupancy: OccupancyGrid) -> OccupancyGrid:
    """The vertices of a grid of twice the voxel size that fine vertices lie between.

    The coarse grid begins at the same corner: coarse vertex i is fine vertex 2 i.
    """
    grid = occupancy.grid
    x, y, z = (-(-(count - 1) // 2) + 1 for count in grid.shape)
    coarse = VoxelGrid(grid.aabb, 2 * grid.voxel_size, (x, y, z))
    padded = np.zeros([2 * count - 1 for count in coarse.shape], np.bool_)
    padded[tuple(slice(count) for count in grid.shape)] = occupancy.vertices
    return OccupancyGrid(coarse, np.ascontiguousarray(dilate(padded)[::2, ::2, ::2]))


def occupancy_of(mapping: MappingTable, grid: VoxelGrid) -> OccupancyGrid:
    """The vertices that have a texel."""
    return OccupancyGrid(grid, mapping.texel_of_vertex != UNMAPPED)


def refine(texels: Tensor, coarse: MappingTable, fine: MappingTable) -> Tensor:
    """Values of the fine mapping's texels (texels, channels), between those of the coarse one.

    Trilinear over the coarse vertices that have a texel; every fine vertex has one nearby where the
    coarse occupancy is that of `halve`. Texels without a vertex are 0.
    """
    channels = texels.shape[1]
    dense = texels.new_zeros(channels + 1, *coarse.texel_of_vertex.shape)
    x, y, z = torch.from_numpy(coarse.vertices).long().T
    dense[:channels, x, y, z] = texels[torch.from_numpy(coarse.texels).long()].T
    dense[channels, x, y, z] = 1  # What a vertex without a texel does not add to the sum.
    sampled = grid_sample(dense[None], _places(coarse, fine.vertices), align_corners=True)
    values = sampled.view(channels + 1, -1).T
    refined = texels.new_zeros(fine.texel_count, channels)
    share = values[:, channels:].clamp_min(1e-6)
    refined[torch.from_numpy(fine.texels).long()] = values[:, :channels] / share
    return refined


def _places(coarse: MappingTable, vertices: NDArray[np.int32]) -> Tensor:
    """Fine vertices as `grid_sample` takes them: -1 to 1, the last axis first."""
    last = torch.tensor(coarse.texel_of_vertex.shape) - 1
    places = torch.from_numpy(vertices).float() / 2 / last * 2 - 1
    return places.flip(-1).view(1, 1, 1, -1, 3)
