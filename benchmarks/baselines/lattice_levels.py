"""Nested coarse lattices over the occupied vertices of a group, and trilinear steps between them.

A lattice of stride s holds those of the grid's every s-th vertices that interpolation at the points
of the next finer lattice reads, so that it follows from the occupancy and is never sent. A chain of
steps through nested lattices interpolates exactly as one step would, because a trilinear function
of a large cell is one on each smaller cell in it; and it reads far fewer numbers.

    stride 8 --step--> stride 4 --step--> stride 2 --step--> occupied vertices (rows are texels)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from render.compiled import kernel
from render.errors import SceneError
from render.mapping import MappingTable

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """A sparse matrix, row by row.

    Row i has the ``weights`` float32 and ``columns`` int32 from ``starts[i]`` to ``starts[i + 1]``,
    int64 (rows + 1,).
    """

    starts: IntArray
    columns: NDArray[np.int32]
    weights: FloatArray

    def __matmul__(self, values: Tensor) -> Tensor:
        """Product with values (columns, channels), on the processor; differentiates nothing."""
        found = np.empty((len(self.starts) - 1, values.shape[1]), np.float32)
        dense = np.ascontiguousarray(values.detach().numpy(), np.float32)
        _multiply(self.starts, self.columns, self.weights, dense, found)
        return torch.from_numpy(found)

    def transposed(self, column_count: int) -> "SparseRows":
        """The transposed matrix, which has that many rows."""
        order = np.argsort(self.columns, kind="stable")
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        starts = _starts(np.bincount(self.columns, minlength=column_count))
        return SparseRows(starts, rows[order].astype(np.int32), self.weights[order])


@dataclass(frozen=True, slots=True, eq=False)
class Interpolation:
    """A trilinear step from a coarse lattice to a finer one, differentiable, and fast both ways."""

    forward: SparseRows
    backward: SparseRows

    def __call__(self, values: Tensor) -> Tensor:
        """Values (fine, channels) from values (coarse, channels)."""
        found: Tensor = _Product.apply(values, self)  # type: ignore[no-untyped-call]
        return found

    def gather(self, fine: Tensor) -> Tensor:
        """Weighted means (coarse, channels) of fine values around each coarse vertex."""
        weight = self.backward @ fine.new_ones(len(fine), 1)
        return (self.backward @ fine) / weight


@dataclass(frozen=True, slots=True, eq=False)
class LatticeLevels:
    """Lattices of a group from coarse to fine; the last one's rows are the group's texels.

    ``sizes[l]`` is how many rows level l has, and ``steps[l]`` leads from level l to l + 1.
    """

    sizes: tuple[int, ...]
    steps: tuple[Interpolation, ...]

    def raised(self, values: Tensor, level: int) -> Tensor:
        """Values (rows of a level, channels) interpolated all the way to (texels, channels)."""
        for step in self.steps[level:]:
            values = step(values)
        return values

    def composed(self, parts: Sequence[Tensor]) -> Tensor:
        """Texel values: the sum of the first few levels' parts, each interpolated to the finest."""
        total = parts[0]
        for level, part in enumerate(parts[1:]):
            total = self.steps[level](total) + part
        return self.raised(total, len(parts) - 1)

    def split(self, texels: Tensor) -> list[Tensor]:
        """Parts that compose to the texel values: each level takes what it can of what is left."""
        means = [texels]
        for step in reversed(self.steps):
            means.insert(0, step.gather(means[0]))
        parts, total = [means[0]], means[0]
        for step, mean in zip(self.steps, means[1:], strict=True):
            total = step(total)
            parts.append(mean - total)
            total = mean
        return parts


def build_levels(mapping: MappingTable, strides: Sequence[int]) -> LatticeLevels:
    """The lattices of a group, for strides from coarse to fine; each is a multiple of the next.

    Texels without a vertex have no weight: they are zero in whatever is interpolated to them.

    Raises:
        SceneError: if the strides are not nested or do not end with 1.
    """
    pairs = list(pairwise(strides))
    if not strides or strides[-1] != 1 or any(a % b or a <= b for a, b in pairs):
        raise SceneError(
            f"strides are {tuple(strides)}, expected each a multiple of the next, down to 1"
        )
    points = np.zeros((mapping.texel_count, 3), np.int64)
    points[mapping.texels] = mapping.vertices
    used = np.zeros(mapping.texel_count, np.bool_)
    used[mapping.texels] = True
    sizes = [mapping.texel_count]
    steps: list[Interpolation] = []
    for coarse, fine in reversed(pairs):
        points, rows = interpolate(points, used, coarse // fine)
        used = np.ones(len(points), np.bool_)
        steps.insert(0, Interpolation(rows, rows.transposed(len(points))))
        sizes.insert(0, len(points))
    return LatticeLevels(tuple(sizes), tuple(steps))


def interpolate(
    points: IntArray, used: NDArray[np.bool_], ratio: int
) -> tuple[IntArray, SparseRows]:
    """The coarse vertices that points (n, 3) read, in order, and the matrix of their weights.

    Coarse vertex (x, y, z) lies at ``ratio`` times that; points that are not used read nothing.
    """
    base, inside = np.divmod(points, ratio)
    part = inside / ratio
    corners = np.array(list(product((0, 1), repeat=3)))
    weights = np.where(corners, part[:, None], 1 - part[:, None]).prod(2) * used[:, None]
    kept = weights > 0
    wanted = (base[:, None] + corners)[kept]
    extent = wanted.max(0) + 1
    keys, columns = np.unique(np.ravel_multi_index(tuple(wanted.T), extent), return_inverse=True)
    vertices = np.stack(np.unravel_index(keys, extent), 1)
    matrix = SparseRows(
        _starts(kept.sum(1)), columns.astype(np.int32), weights[kept].astype(np.float32)
    )
    return vertices, matrix


class _Product(torch.autograd.Function):
    """Interpolation, whose gradient is the product with the transposed matrix."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, step: Interpolation) -> Tensor:  # noqa: ANN401
        ctx.step = step
        return step.forward @ values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        step: Interpolation = ctx.step
        return step.backward @ gradients[0], None


@kernel
def _multiply(
    starts: IntArray,
    columns: NDArray[np.int32],
    weights: FloatArray,
    values: FloatArray,
    found: FloatArray,
) -> None:
    """Compiled because torch's sparse product takes more than twice as long for a few channels."""
    channels = values.shape[1]
    for row in numba.prange(len(starts) - 1):
        for c in range(channels):
            found[row, c] = 0
        for i in range(starts[row], starts[row + 1]):
            weight, column = weights[i], columns[i]
            for c in range(channels):
                found[row, c] += weight * values[column, c]


def _starts(counts: NDArray[np.integer]) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
