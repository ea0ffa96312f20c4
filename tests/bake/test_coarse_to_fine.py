"""A field of half the resolution, and the fine values between its own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bake.coarse_to_fine import halve, occupancy_of, refine
from render.geometry import Aabb
from render.mapping import VertexOrder, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid


def occupancy(shape: tuple[int, int, int], seed: int, share: float) -> OccupancyGrid:
    generator = np.random.default_rng(seed)
    vertices = generator.random(shape) < share
    vertices[tuple(generator.integers(0, shape))] = True
    return OccupancyGrid(VoxelGrid(Aabb((0, 0, 0), (1, 1, 1)), 0.5, shape), vertices)


occupancies = st.builds(
    occupancy,
    st.tuples(*[st.integers(2, 12)] * 3),
    st.integers(0, 2**32),
    st.sampled_from([0.01, 0.2, 1.0]),
)


@given(fine=occupancies)
def test_every_fine_vertex_lies_among_coarse_ones(fine) -> None:
    coarse = halve(fine)
    assert coarse.grid.voxel_size == 2 * fine.grid.voxel_size
    assert coarse.grid.aabb == fine.grid.aabb
    for vertex in np.argwhere(fine.vertices):
        for corner in (vertex // 2, -(-vertex // 2)):
            assert coarse.vertices[tuple(corner)]


@given(fine=occupancies)
def test_no_coarse_vertex_is_farther_than_one_fine_step_from_matter(fine) -> None:
    for vertex in np.argwhere(halve(fine).vertices):
        low, high = np.maximum(2 * vertex - 1, 0), 2 * vertex + 2
        assert fine.vertices[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].any()


@pytest.mark.parametrize("order", VertexOrder)
def test_values_of_a_linear_field_stay_linear(order) -> None:
    fine = occupancy((9, 11, 7), 3, 1.0)
    mappings = [build_mapping(each, 8, order) for each in (halve(fine), fine)]
    slope = torch.tensor([[0.5, -1.0], [2.0, 0.25], [-0.75, 3.0]])
    values = []
    for mapping, side in zip(mappings, (2.0, 1.0), strict=True):
        texels = torch.zeros(mapping.texel_count, 2)
        texels[torch.from_numpy(mapping.texels).long()] = (
            torch.from_numpy(mapping.vertices).float() * side
        ) @ slope
        values.append(texels)
    refined = refine(values[0], *mappings)
    used = torch.from_numpy(mappings[1].texels).long()
    assert torch.allclose(refined[used], values[1][used], atol=1e-4)


@given(fine=occupancies)
def test_values_lie_between_those_of_the_coarse_field(fine) -> None:
    coarse, target = (build_mapping(each, 4) for each in (halve(fine), fine))
    generator = torch.Generator().manual_seed(2)
    texels = torch.rand(coarse.texel_count, 3, generator=generator) + 5
    refined = refine(texels, coarse, target)[torch.from_numpy(target.texels).long()]
    assert float(refined.min()) >= 5 - 1e-4
    assert float(refined.max()) <= 6 + 1e-4


@given(fine=occupancies)
def test_the_vertices_of_a_mapping_are_its_occupancy(fine) -> None:
    mapping = build_mapping(fine)
    assert np.array_equal(occupancy_of(mapping, fine.grid).vertices, fine.vertices)
