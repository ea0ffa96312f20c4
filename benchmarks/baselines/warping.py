"""Motion of a frame against the one before: one vector per cube, and the values that it leads to.

    warped(p) = values(p + motion(cube of p))

Trilinear between texels; where there is no texel the values are those of empty space. Source: ReRF
(Wang et al., CVPR 2023, arXiv 2304.04452), which averages a dense field of motion over cubes of
8^3. Here the averages themselves are trained: the same motion from fewer parameters. Density moves
as the features do.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import benchmarks.baselines.warp_kernels as kernels
from benchmarks.baselines.cubes import CubeLayout
from render.errors import SceneError
from render.mapping import MappingTable

LONGEST = 8
"""No vector is longer along any axis, in voxels: the side of a cube."""

UNITS = 16
"""Vectors are sent as whole multiples of a voxel divided by this."""


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Reads the values of the frame before at displaced vertices, differentiably.

    ``empty_density`` is the density before activation where there is no texel.
    """

    layout: CubeLayout
    mapping: MappingTable
    empty_density: float

    def source(self, values: Tensor) -> Tensor:
        """Values (texels, channels) made ready for `moved`: empty space as one row more."""
        row = values.new_zeros(1, values.shape[1])
        row[0, 0] = self.empty_density
        return torch.cat([values.detach(), row]).float()

    def moved(self, source: Tensor, motion: Tensor) -> Tensor:
        """Warped values (texels, channels) by motion (cubes, 3), in voxels up to ``LONGEST``.

        The gradient is with respect to the motion alone. Texels without a vertex are empty.
        """
        own = self.layout
        tables = kernels.WarpTables(
            self.mapping.texel_of_vertex, own.texels, own.vertices, own.starts
        )
        warped: Tensor = _Warped.apply(motion, source, tables)  # type: ignore[no-untyped-call]
        return warped


class _Warped(torch.autograd.Function):
    """`kernels.warp` with its gradient."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 -- torch's own
        motion: Tensor,
        source: Tensor,
        tables: kernels.WarpTables,
    ) -> Tensor:
        ctx.save_for_backward(motion, source)
        ctx.tables = tables
        out = source[-1].repeat(len(source) - 1, 1)
        kernels.warp(source.numpy(), motion.detach().numpy(), tables, out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        motion, source = ctx.saved_tensors
        slopes = torch.zeros_like(motion)
        given = gradients[0].contiguous().numpy()
        kernels.warp_slopes(source.numpy(), motion.numpy(), ctx.tables, given, slopes.numpy())
        return slopes, None, None


def motion_codes(motion: Tensor) -> NDArray[np.int32]:
    """Motion (cubes, 3) in voxels as the whole multiples that are sent."""
    limit = LONGEST * UNITS
    return (motion * UNITS).round().clamp(-limit, limit).to(torch.int32).numpy()


def motion_of(codes: NDArray[np.int32]) -> Tensor:
    """Motion (cubes, 3) in voxels, float32, of the multiples that were sent.

    Raises:
        SceneError: if a vector is longer than any that is sent.
    """
    longest = int(np.abs(codes.astype(np.int64)).max(initial=0))
    if longest > LONGEST * UNITS:
        raise SceneError(
            f"motion is {longest / UNITS:g} voxels long, expected at most {LONGEST}; "
            "the package is damaged, encode it again"
        )
    return torch.from_numpy(codes.astype(np.float32) / UNITS)
