"""What a voxel grid is expected to be: smooth from vertex to vertex, and close to a prediction.

    cost = mean over texels of  sum over channels c of
           smooth_c * (Huber differences to the next vertices) + close_c * |value - predicted value|

The first is the total variation of DVGO (Sun et al., CVPR 2022) with its smooth minimum, the second
ReRF's L1 norm of the residual. Value and gradient are computed together by a compiled kernel, as
either alone would cost as much.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from render.compiled import device, kernel
from render.mapping import UNMAPPED, MappingTable

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]

CORNER = 0.1
"""Where the cost of a difference turns from quadratic to linear."""

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_CORNER = np.float32(CORNER)


@dataclass(frozen=True, slots=True)
class PriorWeights:
    """Weights of the costs, for density and for each feature; 0 leaves one out."""

    smooth_density: float = 0.0
    smooth_feature: float = 0.0
    close_density: float = 0.0
    close_feature: float = 0.0

    def rows(self, channels: int) -> FloatArray:
        """Weights (2, channels): of smoothness, of closeness."""
        rows = np.empty((2, channels), np.float32)
        rows[:, 0] = self.smooth_density, self.close_density
        rows[:, 1:] = np.array([self.smooth_feature, self.close_feature])[:, None]
        return rows


class VoxelPrior:
    """The costs of one group's texel values."""

    def __init__(self, mapping: MappingTable, weights: PriorWeights) -> None:
        self._neighbors, self._weights = neighbor_texels(mapping), weights

    def cost(self, values: Tensor, predicted: Tensor) -> Tensor:
        """The cost of values (texels, channels), differentiable; the prediction is fixed."""
        weights = self._weights.rows(values.shape[1])
        found: Tensor = _Cost.apply(  # type: ignore[no-untyped-call]
            values, predicted, self._neighbors, weights
        )
        return found


def neighbor_texels(mapping: MappingTable) -> IntArray:
    """The texels (texels, 6) before and after each along x, y and z, or `UNMAPPED`."""
    table = np.pad(mapping.texel_of_vertex, 1, constant_values=UNMAPPED)
    x, y, z = mapping.vertices.T + 1
    found = np.full((mapping.texel_count, 6), UNMAPPED, np.int32)
    steps = ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))
    for column, (i, j, k) in enumerate(steps):
        found[mapping.texels, column] = table[x + i, y + j, z + k]
    return found


class _Cost(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 -- torch's own
        values: Tensor,
        predicted: Tensor,
        neighbors: IntArray,
        weights: FloatArray,
    ) -> Tensor:
        costs, gradient = torch.zeros(len(values)), torch.empty_like(values)
        given = (values.detach().numpy(), predicted.numpy(), neighbors)
        share = np.float32(len(values))
        _find_costs(*given, weights / share, costs.numpy(), gradient.numpy())
        ctx.save_for_backward(gradient)
        return costs.sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:  # noqa: ANN401
        return ctx.saved_tensors[0] * gradients[0], None, None, None


@device
def _bounded(value: np.float32, bound: np.float32) -> np.float32:
    return min(max(value, -bound), bound)


@kernel
def _find_costs(
    values: FloatArray,
    predicted: FloatArray,
    neighbors: IntArray,
    weights: FloatArray,
    costs: FloatArray,
    gradient: FloatArray,
) -> None:
    """Fills each texel's costs (texels,) and the gradient (texels, channels).

    A difference counts half at either end, so that each thread writes its own texels alone.
    """
    channels = values.shape[1]
    for i in numba.prange(values.shape[0]):
        total = _ZERO
        for c in range(channels):
            change = values[i, c] - predicted[i, c]
            total += weights[1, c] * abs(change)
            sign = _ONE if change > _ZERO else (-_ONE if change < _ZERO else _ZERO)
            gradient[i, c] = weights[1, c] * sign
        for column in range(6):
            other = neighbors[i, column]
            if other < 0:
                continue
            for c in range(channels):
                change = values[i, c] - values[other, c]
                slope = _bounded(change, _CORNER)
                # Huber: quadratic up to the corner; slope * (change - slope / 2) / _CORNER.
                total += _HALF * weights[0, c] * slope * (change - _HALF * slope) / _CORNER
                gradient[i, c] += weights[0, c] * slope / _CORNER
        costs[i] = total
