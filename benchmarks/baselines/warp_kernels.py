"""Compiled reading of displaced vertices, and its gradient with respect to the displacement.

All vertices of a cube move by one vector, so they share the fraction and with it the eight weights.
Each cube is written by exactly one thread: results do not depend on the thread count. The plain
twin stands in the tests.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from render.compiled import device, kernel

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]

_ZERO, _ONE = np.float32(0), np.float32(1)


class WarpTables(NamedTuple):
    """What is looked up: the texel of each vertex, and texels and vertices sorted by cube."""

    texel_of_vertex: IntArray
    texels: LongArray
    vertices: IntArray
    starts: LongArray


@device
def _whole(vector: FloatArray) -> tuple[int, int, int]:
    """The whole steps of a vector, rounded down."""
    x, y, z = math.floor(vector[0]), math.floor(vector[1]), math.floor(vector[2])
    return int(x), int(y), int(z)


@device
def _row(table: IntArray, x: int, y: int, z: int, empty: int) -> int:
    """The texel of a vertex that may lie outside the grid."""
    if x < 0 or y < 0 or z < 0:
        return empty
    if x >= table.shape[0] or y >= table.shape[1] or z >= table.shape[2]:
        return empty
    texel = table[x, y, z]
    return empty if texel < 0 else texel


@device
def _find_corners(table: IntArray, x: int, y: int, z: int, found: LongArray) -> None:
    """Fills in the texels around a point, z fastest; ``found[8]`` is the empty texel."""
    for corner in range(8):
        i, j, k = corner >> 2, (corner >> 1) & 1, corner & 1
        found[corner] = _row(table, x + i, y + j, z + k, found[8])


@device
def _weigh(x: np.float32, y: np.float32, z: np.float32, weights: FloatArray) -> None:
    """Fills in the trilinear weights of the eight corners, z fastest."""
    for corner in range(8):
        i, j, k = corner >> 2, (corner >> 1) & 1, corner & 1
        weight = x if i else _ONE - x
        weight *= y if j else _ONE - y
        weights[corner] = weight * (z if k else _ONE - z)


@kernel
def warp(values: FloatArray, motion: FloatArray, tables: WarpTables, out: FloatArray) -> None:
    """Fills ``out`` (texels, channels); the last row of ``values`` is the empty texel's.

    ``motion`` is (cubes, 3) in voxels. Rows of ``out`` without a vertex are left alone.
    """
    table, texels, vertices, starts = tables
    for cube in numba.prange(motion.shape[0]):
        corners, weights = np.empty(9, np.int64), np.empty(8, np.float32)
        corners[8] = values.shape[0] - 1
        x, y, z = _whole(motion[cube])
        _weigh(motion[cube, 0] - x, motion[cube, 1] - y, motion[cube, 2] - z, weights)
        for i in range(starts[cube], starts[cube + 1]):
            a, b, c = vertices[i, 0] + x, vertices[i, 1] + y, vertices[i, 2] + z
            _find_corners(table, a, b, c, corners)
            row = texels[i]
            for channel in range(values.shape[1]):
                total = _ZERO
                for corner in range(8):
                    total += weights[corner] * values[corners[corner], channel]
                out[row, channel] = total


@device
def _slopes(sums: FloatArray, motion: FloatArray, slope: FloatArray) -> None:
    """Fills ``slope`` (3,) from each corner's sum of gradient times value."""
    for axis in range(3):
        total = _ZERO
        for corner in range(8):
            weight = sums[corner]
            for other in range(3):
                is_far = (corner >> (2 - other)) & 1
                fraction = motion[other] - np.float32(math.floor(motion[other]))
                if other == axis:
                    weight *= _ONE if is_far else -_ONE
                else:
                    weight *= fraction if is_far else _ONE - fraction
            total += weight
        slope[axis] = total


@kernel
def warp_slopes(
    values: FloatArray,
    motion: FloatArray,
    tables: WarpTables,
    gradient: FloatArray,
    slopes: FloatArray,
) -> None:
    """Fills ``slopes`` (cubes, 3) from the gradient with respect to what `warp` filled in."""
    table, texels, vertices, starts = tables
    for cube in numba.prange(motion.shape[0]):
        corners, sums = np.empty(9, np.int64), np.zeros(8, np.float32)
        corners[8] = values.shape[0] - 1
        x, y, z = _whole(motion[cube])
        for i in range(starts[cube], starts[cube + 1]):
            a, b, c = vertices[i, 0] + x, vertices[i, 1] + y, vertices[i, 2] + z
            _find_corners(table, a, b, c, corners)
            row = texels[i]
            for corner in range(8):
                total = _ZERO
                for channel in range(values.shape[1]):
                    total += gradient[row, channel] * values[corners[corner], channel]
                sums[corner] += total
        _slopes(sums, motion[cube], slopes[cube])
