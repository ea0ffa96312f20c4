"""Cubes of texels: every vertex has one place, and comes back from it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.baselines.cubes import SIDE, VOLUME, CubeLayout
from render.occupancy import morton3
from tests.benchmarks.baselines.groups import ball_mapping, mapping_of, noise


@st.composite
def occupied(draw) -> NDArray[np.bool_]:
    """Grids of odd sizes with at least one vertex."""
    shape = draw(st.tuples(*[st.integers(2, 19)] * 3))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    vertices = generator.random(shape) < draw(st.sampled_from([0.0, 0.01, 0.4, 1.0]))
    vertices[tuple(generator.integers(0, shape))] = True
    return vertices


@given(vertices=occupied())
def test_listed_cubes_are_those_with_a_vertex_in_morton_order(vertices) -> None:
    layout = CubeLayout.of(mapping_of(vertices))
    expected = {tuple(vertex // SIDE) for vertex in np.argwhere(vertices)}
    assert {tuple(cube) for cube in layout.cubes} == expected
    assert (np.diff(morton3(layout.cubes)) > 0).all()


@given(vertices=occupied())
def test_every_vertex_lies_where_its_position_says(vertices) -> None:
    mapping = mapping_of(vertices)
    layout = CubeLayout.of(mapping)
    assert len(layout.places) == len(set(layout.places.tolist())) == len(mapping.vertices)
    number, place = np.divmod(layout.places, VOLUME)
    inside = np.stack(np.unravel_index(place, (SIDE,) * 3), 1)
    vertex = layout.cubes[number] * SIDE + inside
    assert np.array_equal(vertex, layout.vertices)
    assert np.array_equal(mapping.texel_of_vertex[tuple(vertex.T)], layout.texels)


@given(vertices=occupied())
def test_texels_are_sorted_by_cube(vertices) -> None:
    layout = CubeLayout.of(mapping_of(vertices))
    numbers = np.repeat(np.arange(layout.count), np.diff(layout.starts))
    assert np.array_equal(numbers, layout.places // VOLUME)
    assert (np.diff(layout.starts) > 0).all()


@given(vertices=occupied())
def test_scattering_undoes_gathering(vertices) -> None:
    mapping = mapping_of(vertices)
    layout, values = CubeLayout.of(mapping), noise(mapping, channels=3)
    blocks = layout.gather(values)
    assert blocks.shape == (layout.count, 3, VOLUME)
    found = layout.scatter(blocks)
    has_vertex = torch.zeros(mapping.texel_count, dtype=torch.bool)
    has_vertex[torch.from_numpy(mapping.texels).long()] = True
    assert torch.equal(found[has_vertex], values[has_vertex])
    assert not found[~has_vertex].any()


def test_places_without_a_texel_are_zero_and_not_in_use() -> None:
    mapping = ball_mapping()
    layout = CubeLayout.of(mapping)
    blocks = layout.gather(torch.ones(mapping.texel_count, 2))
    assert torch.equal(blocks[:, 0] == 1, layout.used())
    assert int(layout.used().sum()) == len(mapping.vertices)
    assert 0.1 < float(layout.used().float().mean()) < 0.9


def test_sums_add_up_by_cube() -> None:
    mapping = ball_mapping()
    layout, values = CubeLayout.of(mapping), noise(mapping, channels=1)
    expected = layout.gather(values).sum((1, 2))
    torch.testing.assert_close(layout.sums(values[:, 0]), expected, atol=1e-4, rtol=1e-4)


def test_marks_of_cubes_spread_to_their_texels() -> None:
    mapping = ball_mapping()
    layout = CubeLayout.of(mapping)
    marks = torch.arange(layout.count) % 2 == 1
    blocks = marks[:, None, None].expand(-1, 1, VOLUME).float()
    assert torch.equal(layout.spread(marks), layout.scatter(blocks)[:, 0] > 0)


def test_neighbors_share_a_face_and_are_listed_once() -> None:
    layout = CubeLayout.of(ball_mapping(side=40))
    pairs = layout.neighbors()
    first, second = (torch.from_numpy(layout.cubes)[pairs[:, side].long()] for side in (0, 1))
    assert ((first - second).abs().sum(1) == 1).all()
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs)
    listed = {tuple(cube) for cube in layout.cubes.tolist()}
    steps = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    count = sum((x + i, y + j, z + k) in listed for x, y, z in listed for i, j, k in steps)
    assert len(pairs) == count > 0


@pytest.mark.parametrize("side", [1, 8])
def test_a_lone_cube_has_no_neighbors(side) -> None:
    vertices = np.zeros((9, 9, 9), np.bool_)
    vertices[:side, :side, :side] = True
    layout = CubeLayout.of(mapping_of(vertices))
    assert layout.count == 1
    assert layout.neighbors().shape == (0, 2)
