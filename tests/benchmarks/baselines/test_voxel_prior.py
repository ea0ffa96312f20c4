"""The prior on voxel grids: compiled cost and gradient against plain torch."""

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.baselines.voxel_prior import CORNER, PriorWeights, VoxelPrior, neighbor_texels
from render.mapping import UNMAPPED, MappingTable
from tests.benchmarks.baselines.groups import ball_mapping, mapping_of, noise

EVERYTHING = PriorWeights(
    smooth_density=0.2, smooth_feature=0.7, close_density=0.4, close_feature=0.5
)


def pairs_of(mapping: MappingTable) -> Tensor:
    """Texels (pairs, 2) of vertices one step apart, each pair once."""
    listed = {
        tuple(v): int(t) for v, t in zip(mapping.vertices.tolist(), mapping.texels, strict=True)
    }
    steps = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    pairs = [
        (texel, listed[x + i, y + j, z + k])
        for (x, y, z), texel in listed.items()
        for i, j, k in steps
        if (x + i, y + j, z + k) in listed
    ]
    return torch.tensor(pairs)


def plain_cost(
    mapping: MappingTable, values: Tensor, predicted: Tensor, weights: PriorWeights
) -> Tensor:
    smooth, close = (torch.from_numpy(row) for row in weights.rows(values.shape[1]))
    first, second = pairs_of(mapping).T
    change = values[first] - values[second]
    small = change.abs().clamp_max(CORNER)
    huber = small * (change.abs() - small / 2) / CORNER
    total = (huber * smooth).sum() + ((values - predicted).abs() * close).sum()
    return total / len(values)


@pytest.mark.parametrize(
    "weights",
    [EVERYTHING, PriorWeights(smooth_feature=1.0), PriorWeights(close_density=1.0), PriorWeights()],
)
def test_cost_and_gradient_are_those_of_the_plain_twin(weights) -> None:
    mapping = ball_mapping()
    predicted = noise(mapping, seed=5)
    found = []
    for cost in (
        lambda v: VoxelPrior(mapping, weights).cost(v, predicted),
        lambda v: plain_cost(mapping, v, predicted, weights),
    ):
        values = noise(mapping).requires_grad_()
        (value := 3 * cost(values)).backward()
        found.append((value.detach(), values.grad))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-7, rtol=1e-3)


def test_values_equal_to_the_prediction_and_each_other_cost_nothing() -> None:
    mapping = ball_mapping()
    values = torch.ones(mapping.texel_count, 4, requires_grad=True)
    cost = VoxelPrior(mapping, EVERYTHING).cost(values, values.detach())
    cost.backward()
    assert cost == 0
    assert values.grad is not None
    assert not values.grad.any()


def test_neighbors_are_one_step_before_and_after_along_each_axis() -> None:
    vertices = np.ones((3, 3, 3), np.bool_)
    vertices[2, 1, 1] = False
    mapping = mapping_of(vertices)
    table = mapping.texel_of_vertex
    found = neighbor_texels(mapping)
    middle = found[table[1, 1, 1]].tolist()
    assert middle[0] == table[0, 1, 1]
    assert middle[1] == UNMAPPED
    assert middle[2:] == [table[1, 0, 1], table[1, 2, 1], table[1, 1, 0], table[1, 1, 2]]
    assert found[table[0, 0, 0]].tolist()[0::2] == [UNMAPPED] * 3


def test_padding_texels_have_no_neighbors() -> None:
    mapping = ball_mapping()
    padding = np.setdiff1d(np.arange(mapping.texel_count), mapping.texels)
    assert len(padding)
    assert (neighbor_texels(mapping)[padding] == UNMAPPED).all()
