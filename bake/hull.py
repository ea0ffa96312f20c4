"""The visual hull: grid vertices that no mask rules out."""

from collections.abc import Sequence

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from render.cameras import Camera
from render.occupancy import OccupancyGrid, VoxelGrid


def visual_hull(
    grid: VoxelGrid, cameras: Sequence[Camera], masks: Sequence[NDArray[np.uint8]]
) -> OccupancyGrid:
    """Keep every vertex whose surroundings project onto the subject in all views that see it.

    ``masks`` are alpha pictures (rows, columns), 0 where there is no subject. Each is grown by half
    a voxel's diagonal in that view, so that the vertex nearest to anything visible survives.
    A view that does not contain a vertex says nothing about it.
    """
    bits = np.ones(grid.shape, np.bool_)
    for camera, mask in zip(cameras, masks, strict=True):
        grown = grow_mask(mask, voxel_radius(grid, camera))
        _carve(bits, grid.origin, grid.voxel_size, projection_matrix(camera), grown)
    return OccupancyGrid(grid, bits)


def voxel_radius(grid: VoxelGrid, camera: Camera) -> int:
    """Half a voxel's diagonal in pixels at the nearest corner of the box, rounded up."""
    _, depth = camera.project(grid.aabb.corners())
    nearest = max(float(depth.min()), grid.voxel_size)
    focal = max(camera.focal_x, camera.focal_y)
    return int(np.ceil(focal * grid.voxel_size * np.sqrt(3) / 2 / nearest))


def grow_mask(mask: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Dilation of where a mask is above 0, by a square of the given radius: uint8 0 or 1."""
    side = 2 * radius + 1
    return np.asarray(cv2.dilate((mask > 0).astype(np.uint8), np.ones((side, side), np.uint8)))


def projection_matrix(camera: Camera) -> NDArray[np.float64]:
    """The (3, 4) matrix from world positions to homogeneous pixels."""
    intrinsics = np.array(
        [[camera.focal_x, 0, camera.center_x], [0, camera.focal_y, camera.center_y], [0, 0, 1]]
    )
    return np.ascontiguousarray(intrinsics @ camera.world_to_camera[:3])


@numba.njit(parallel=True, cache=True, nogil=True)
def _carve(
    bits: NDArray[np.bool_],
    origin: NDArray[np.float64],
    voxel_size: float,
    projection: NDArray[np.float64],
    mask: NDArray[np.uint8],
) -> None:
    """Clears vertices that project into the picture but off the mask."""
    rows, columns = mask.shape
    p = projection
    for x in numba.prange(bits.shape[0]):
        for y in range(bits.shape[1]):
            for z in range(bits.shape[2]):
                if not bits[x, y, z]:
                    continue
                wx = origin[0] + voxel_size * x
                wy = origin[1] + voxel_size * y
                wz = origin[2] + voxel_size * z
                depth = p[2, 0] * wx + p[2, 1] * wy + p[2, 2] * wz + p[2, 3]
                if depth <= 0:
                    continue
                u = (p[0, 0] * wx + p[0, 1] * wy + p[0, 2] * wz + p[0, 3]) / depth
                v = (p[1, 0] * wx + p[1, 1] * wy + p[1, 2] * wz + p[1, 3]) / depth
                if 0 <= u < columns and 0 <= v < rows:
                    # Unsigned, so that no test for a negative index is compiled: LLVM 22 tests
                    # the signs of such a pair with an instruction that cannot name the upper
                    # sixteen vector registers of AVX-512, and reads another register instead.
                    bits[x, y, z] = mask[np.uint64(v), np.uint64(u)] != 0
