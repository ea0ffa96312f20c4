"""Active cells, their corners, distances to them, and texel values on top."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from render.cameras import Rays
from render.errors import SceneError
from render.field import (
    FEATURE_ALIGNMENT,
    MAX_JUMP,
    Field,
    FieldGeometry,
    build_geometry,
    make_field,
    padded_channels,
)
from render.geometry import Aabb
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid

BOX = Aabb((0, 0, 0), (1, 1, 1))


def mapped(vertices: NDArray[np.bool_], grid: VoxelGrid | None = None) -> MappingTable:
    x, y, z = vertices.shape
    grid = grid or VoxelGrid(BOX, 1.0, (x, y, z))
    return build_mapping(OccupancyGrid(grid, vertices), 4)


def geometry_of(vertices: NDArray[np.bool_]) -> FieldGeometry:
    x, y, z = vertices.shape
    return build_geometry(VoxelGrid(BOX, 1.0, (x, y, z)), mapped(vertices))


def one_voxel() -> FieldGeometry:
    return geometry_of(np.ones((2, 2, 2), np.bool_))


@st.composite
def sparse_vertices(draw) -> NDArray[np.bool_]:
    shape = draw(st.tuples(*[st.integers(2, 8)] * 3))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    vertices = generator.random(shape) < draw(st.sampled_from([0.0, 0.02, 0.2, 0.9]))
    vertices[tuple(generator.integers(0, shape))] = True
    return vertices


@given(vertices=sparse_vertices())
def test_a_cell_is_active_when_any_of_its_corners_is_occupied(vertices) -> None:
    cells = geometry_of(vertices).cells
    assert cells.shape == tuple(n - 1 for n in vertices.shape)
    for x, y, z in np.ndindex(*cells.shape):
        assert (cells[x, y, z] >= 0) == vertices[x : x + 2, y : y + 2, z : z + 2].any()


@given(vertices=sparse_vertices())
def test_active_cells_are_numbered_in_raster_order(vertices) -> None:
    geometry = geometry_of(vertices)
    numbers = geometry.cells[geometry.cells >= 0]
    assert np.array_equal(numbers, np.arange(len(geometry.corners)))
    assert geometry.cells.dtype == geometry.corners.dtype == np.int32
    assert geometry.cells.flags.c_contiguous
    assert geometry.corners.flags.c_contiguous


@given(vertices=sparse_vertices())
def test_other_cells_hold_minus_the_chebyshev_distance_to_an_active_one(vertices) -> None:
    cells = geometry_of(vertices).cells
    active = np.argwhere(cells >= 0)
    for empty in np.argwhere(cells < 0):
        assert -cells[tuple(empty)] == np.abs(active - empty).max(1).min()


def test_distances_beyond_the_longest_jump_are_capped() -> None:
    vertices = np.zeros((2, 2, MAX_JUMP + 8), np.bool_)
    vertices[0, 0, 0] = True
    cells = geometry_of(vertices).cells
    expected = [0, *range(-1, -MAX_JUMP, -1)]
    assert cells[0, 0, : len(expected)].tolist() == expected
    assert (cells[0, 0, len(expected) :] == -MAX_JUMP).all()


@given(vertices=sparse_vertices())
def test_corners_are_listed_with_z_fastest_and_empty_ones_read_the_empty_texel(vertices) -> None:
    mapping = mapped(vertices)
    geometry = geometry_of(vertices)
    assert geometry.texel_count == mapping.texel_count
    for x, y, z in np.argwhere(geometry.cells >= 0):
        corners = geometry.corners[geometry.cells[x, y, z]]
        for corner, (i, j, k) in enumerate(np.ndindex(2, 2, 2)):
            texel = mapping.texel_of_vertex[x + i, y + j, z + k]
            expected = texel if vertices[x + i, y + j, z + k] else mapping.texel_count
            assert corners[corner] == expected


def test_the_mapping_is_left_alone() -> None:
    vertices = np.zeros((3, 3, 3), np.bool_)
    vertices[1, 1, 1] = True
    mapping = mapped(vertices)
    before = mapping.texel_of_vertex.copy()
    build_geometry(VoxelGrid(BOX, 1.0, (3, 3, 3)), mapping)
    assert np.array_equal(mapping.texel_of_vertex, before)


def test_rays_are_expressed_in_voxels_from_the_first_vertex() -> None:
    grid = VoxelGrid(Aabb((10, 20, 30), (11, 21, 31)), 0.25, (5, 5, 5))
    geometry = build_geometry(grid, mapped(np.ones((5, 5, 5), np.bool_), grid))
    origins, directions = torch.tensor([[10.5, 20, 29]]), torch.tensor([[0.6, 0, 0.8]])
    rays = geometry.to_grid(Rays(origins, directions))
    assert rays.origins.tolist() == [[2, 0, -4]]
    assert torch.equal(rays.directions, directions)


def test_rays_far_from_the_world_origin_keep_their_precision() -> None:
    grid = VoxelGrid(Aabb((4096, 0, 0), (4097, 1, 1)), 1e-3, (1001, 2, 2))
    vertices = np.zeros((1001, 2, 2), np.bool_)
    vertices[0] = True
    geometry = build_geometry(grid, mapped(vertices, grid))
    origins = torch.tensor([[4096.25, 0, 0]])  # Exact in float32.
    rays = geometry.to_grid(Rays(origins, torch.tensor([[1.0, 0, 0]])))
    assert rays.origins[0, 0].item() == pytest.approx(250, abs=1e-4)


def test_expanded_rays_become_contiguous_float32() -> None:
    rays = Rays(torch.zeros(1, 3).expand(7, 3), torch.ones(3, 7, dtype=torch.float64).T)
    moved = one_voxel().to_grid(rays)
    for part in (moved.origins, moved.directions):
        assert part.dtype == torch.float32
        assert part.is_contiguous()


@pytest.mark.parametrize("features", [1, 3, 4, 5, 12, 13])
def test_a_field_splits_texels_into_density_and_padded_features(features) -> None:
    texels = torch.rand(16, 1 + features) + 1
    field = make_field(one_voxel(), texels, empty_density=-7.0, step=0.5)
    assert torch.equal(field.density[:-1], texels[:, 0])
    assert torch.equal(field.features[:-1, :features], texels[:, 1:])
    assert (field.features[:, features:] == 0).all()
    assert field.features.shape == (17, padded_channels(features))
    assert field.step == 0.5


def test_the_empty_texel_comes_last_with_the_given_density_and_no_features() -> None:
    field = make_field(one_voxel(), torch.ones(16, 4), empty_density=-7.0, step=0.5)
    assert field.density[-1].item() == -7.0
    assert (field.features[-1] == 0).all()


def test_gradients_reach_the_texels_of_a_field() -> None:
    texels = torch.zeros(16, 4, requires_grad=True)
    field = make_field(one_voxel(), texels, empty_density=0.0, step=0.5)
    (2 * field.density.sum() + 3 * field.features.sum()).backward()
    assert texels.grad is not None
    assert texels.grad.tolist() == [[2, 3, 3, 3]] * 16


@pytest.mark.parametrize(
    ("count", "padded"), [(0, 0), (1, 4), (3, 4), (4, 4), (5, 8), (12, 12), (13, 16)]
)
def test_channels_are_padded_to_the_next_multiple_of_four(count, padded) -> None:
    assert FEATURE_ALIGNMENT == 4
    assert padded_channels(count) == padded


@pytest.mark.parametrize(
    ("density", "features"),
    [
        ((16,), (17, 4)),  # The empty texel is missing from one,
        ((17,), (16, 4)),  # from the other,
        ((16,), (16, 4)),  # from both.
        ((17, 1), (17, 4)),
        ((17,), (1, 17, 4)),
    ],
)
def test_values_that_do_not_fit_the_geometry_are_refused(density, features) -> None:
    with pytest.raises(SceneError, match="add the empty texel as last row"):
        Field(one_voxel(), torch.zeros(density), torch.zeros(features), 0.5)


def test_channels_that_are_not_padded_are_refused() -> None:
    with pytest.raises(SceneError, match=r"3 feature channels.*multiple of 4"):
        Field(one_voxel(), torch.zeros(17), torch.zeros(17, 3), 0.5)


@pytest.mark.parametrize("step", [0.0, -1.0, math.nan])
def test_a_step_that_is_not_positive_is_refused(step) -> None:
    with pytest.raises(SceneError, match="positive step"):
        Field(one_voxel(), torch.zeros(17), torch.zeros(17, 4), step)


def test_texels_of_another_geometry_are_refused() -> None:
    with pytest.raises(SceneError, match=r"expected \(17,\)"):
        make_field(one_voxel(), torch.zeros(32, 4), empty_density=0.0, step=0.5)
