"""The voxel grid and its occupancy: one bit per grid vertex that says whether it has a texel."""

from dataclasses import dataclass
from functools import reduce
from math import isfinite, prod
from operator import or_

import numpy as np
from numpy.typing import NDArray

from render.errors import SceneError
from render.geometry import Aabb

# 21 bits per axis fill a 63-bit Morton code.
MAX_VERTICES_PER_AXIS = 1 << 21
# For every vertex of the box a player holds one byte of occupancy and four of the mapping table:
# 1.25 GiB for this many, a cube of 645. The published method takes a cube of 250.
MAX_VERTICES = 1 << 28


@dataclass(frozen=True, slots=True)
class VoxelGrid:
    """Cubic voxels that cover a box; features live on vertices, samples fall into cells.

    Vertex (x, y, z) lies at ``aabb.minimum + voxel_size * (x, y, z)``; there is one cell less than
    vertices along each axis. ``voxel_size`` is in scene units.

    Raises:
        SceneError: if the voxel size is not positive, or the grid has fewer than two vertices
            along an axis, more than a Morton code can number, or more than ``MAX_VERTICES`` in all.
    """

    aabb: Aabb
    voxel_size: float
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        """Refuse grids without a cell, and those whose tables no player could hold."""
        has_size = isfinite(self.voxel_size) and self.voxel_size > 0
        if not has_size or not all(2 <= n <= MAX_VERTICES_PER_AXIS for n in self.shape):
            raise SceneError(
                f"voxel grid has shape {self.shape} and voxel size {self.voxel_size}, expected 2 "
                f"to {MAX_VERTICES_PER_AXIS} vertices per axis; check the box and the resolution"
            )
        check_vertex_count(self.shape)

    @property
    def vertex_count(self) -> int:
        """All vertices of the box, occupied or not."""
        return prod(self.shape)

    @property
    def origin(self) -> NDArray[np.float64]:
        """World position of vertex (0, 0, 0), shape (3,)."""
        return np.asarray(self.aabb.minimum, np.float64)

    def positions(self, vertices: NDArray[np.integer]) -> NDArray[np.float64]:
        """World positions (n, 3) of integer vertices (n, 3)."""
        return self.origin + self.voxel_size * vertices.astype(np.float64)


def check_vertex_count(shape: tuple[int, ...]) -> None:
    """Refuse a grid before memory for it is asked for.

    Raises:
        SceneError: if it has more than ``MAX_VERTICES`` vertices.
    """
    if prod(shape) > MAX_VERTICES:
        raise SceneError(
            f"voxel grid {shape} has {prod(shape)} vertices, expected at most {MAX_VERTICES}; "
            "choose a lower resolution or a smaller box"
        )


def cover(aabb: Aabb, resolution: int) -> VoxelGrid:
    """The grid that covers a box with about ``resolution ** 3`` voxels, however elongated it is.

    Source: DVGO (Sun et al., CVPR 2022), which states grids by their voxel count.

    Raises:
        SceneError: if the resolution is below 2.
    """
    if resolution < 2:
        raise SceneError(
            f"resolution is {resolution}, expected at least 2; the presets use 128 and 250"
        )
    voxel_size = float(np.prod(aabb.size) / resolution**3) ** (1 / 3)
    # The tolerance keeps an exact multiple from growing a layer by rounding.
    cells = np.maximum(np.ceil(aabb.size / voxel_size - 1e-6).astype(int), 1)
    x, y, z = (int(count) + 1 for count in cells)
    return VoxelGrid(aabb, voxel_size, (x, y, z))


@dataclass(frozen=True, slots=True, eq=False)
class OccupancyGrid:
    """Which vertices of a grid carry a texel: bool ``vertices``, indexed [x, y, z] like the grid.

    Raises:
        SceneError: if the bits do not have the grid's shape.
    """

    grid: VoxelGrid
    vertices: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Tie the bits to the grid."""
        if self.vertices.shape != self.grid.shape or self.vertices.dtype != np.bool_:
            raise SceneError(
                f"occupancy is {self.vertices.dtype} {self.vertices.shape}, expected bool "
                f"{self.grid.shape}; rasterize it on the same grid"
            )

    @property
    def count(self) -> int:
        """How many vertices are occupied."""
        return int(np.count_nonzero(self.vertices))


def union(occupancies: list[OccupancyGrid]) -> OccupancyGrid:
    """The vertices occupied in any of the grids, which must be the same grid.

    Raises:
        SceneError: if the list is empty or the grids differ.
    """
    if not occupancies or any(o.grid != occupancies[0].grid for o in occupancies):
        raise SceneError(
            "union needs at least one occupancy and one common grid; rasterize all on one grid"
        )
    return OccupancyGrid(occupancies[0].grid, reduce(or_, (o.vertices for o in occupancies)))


def dilate(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A copy of a 3D mask grown by one in every direction, diagonals included."""
    grown = mask.copy()
    for axis in range(3):
        ahead = np.moveaxis(grown, axis, 0)
        source = ahead.copy()
        ahead[1:] |= source[:-1]
        ahead[:-1] |= source[1:]
    return grown


def morton3(vertices: NDArray[np.integer]) -> NDArray[np.int64]:
    """3D Morton codes (n,) of vertices (n, 3): bits of x, y and z interleaved, z least significant.

    Source: VideoRF (CVPR 2024), figure 4, "3D Morton sorting on each nonempty vertice".
    """
    x, y, z = (_spread(vertices[:, axis].astype(np.int64)) for axis in range(3))
    return (x << 2) | (y << 1) | z


def _spread(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Moves bit i of 21-bit numbers to bit 3 i."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        bits = (bits | (bits << shift)) & mask
    return bits
