"""The voxel grid, its occupancy bits and the order that numbers them."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from render.errors import SceneError
from render.geometry import Aabb
from render.occupancy import (
    MAX_VERTICES,
    MAX_VERTICES_PER_AXIS,
    OccupancyGrid,
    VoxelGrid,
    cover,
    dilate,
    morton3,
    union,
)

UNIT = Aabb((0, 0, 0), (1, 1, 1))
corners = st.tuples(*[st.floats(-100, 100)] * 3)
extents = st.tuples(*[st.floats(0.1, 10)] * 3)
coordinates = st.integers(0, MAX_VERTICES_PER_AXIS - 1)


def box(minimum: tuple[float, ...], extent: tuple[float, ...]) -> Aabb:
    return Aabb(minimum, tuple(low + size for low, size in zip(minimum, extent, strict=True)))


def bits(text: str, shape: tuple[int, int, int] = (2, 2, 2)) -> NDArray[np.bool_]:
    return np.array([character == "1" for character in text]).reshape(shape)


def grid_of(shape: tuple[int, int, int]) -> VoxelGrid:
    return VoxelGrid(UNIT, 0.5, shape)


@given(minimum=corners, extent=extents, resolution=st.integers(2, 300))
def test_the_grid_covers_the_box_with_less_than_a_voxel_to_spare(
    minimum, extent, resolution
) -> None:
    grid = cover(box(minimum, extent), resolution)
    cells = np.array(grid.shape) - 1
    # The last voxel may fall short by the millionth that keeps exact multiples exact.
    assert (cells * grid.voxel_size >= grid.aabb.size - 1.01e-6 * grid.voxel_size).all()
    assert ((cells - 1) * grid.voxel_size < grid.aabb.size).all()


@given(minimum=corners, extent=extents, resolution=st.integers(2, 300))
def test_the_box_holds_as_many_voxels_as_the_resolution_says(minimum, extent, resolution) -> None:
    grid = cover(box(minimum, extent), resolution)
    volume = float(np.prod(grid.aabb.size))
    assert volume / grid.voxel_size**3 == pytest.approx(resolution**3, rel=1e-9)
    assert np.prod(np.array(grid.shape) - 1) >= resolution**3 * (1 - 1e-5)


@pytest.mark.parametrize(
    ("extent", "resolution", "voxel_size", "shape"),
    [
        ((1, 1, 1), 4, 0.25, (5, 5, 5)),
        ((1, 2, 4), 2, 1.0, (2, 3, 5)),
        ((0.3, 0.3, 0.3), 3, 0.1, (4, 4, 4)),
        ((8, 8, 8 * 1.001), 8, 1.001 ** (1 / 3), (9, 9, 10)),
    ],
)
def test_an_exact_multiple_gains_no_layer(extent, resolution, voxel_size, shape) -> None:
    grid = cover(box((0, 0, 0), extent), resolution)
    assert grid.voxel_size == pytest.approx(voxel_size, rel=1e-9)
    assert grid.shape == shape


def test_the_thinnest_box_still_has_one_cell_along_every_axis() -> None:
    grid = cover(Aabb((0, 0, 0), (1e-4, 1, 1)), 4)
    assert min(grid.shape) == 2
    assert grid.vertex_count == math.prod(grid.shape)


def test_vertices_lie_at_multiples_of_the_voxel_size_from_the_minimum() -> None:
    grid = cover(Aabb((-1, 2, 3), (0, 3, 4)), 4)
    vertices = np.array([[0, 0, 0], [4, 4, 4], [1, 2, 3]], np.int32)
    expected = [[-1, 2, 3], [0, 3, 4], [-0.75, 2.5, 3.75]]
    assert np.allclose(grid.positions(vertices), expected, atol=1e-12)
    assert grid.origin.tolist() == [-1, 2, 3]


@pytest.mark.parametrize("resolution", [1, 0, -5])
def test_a_resolution_below_two_is_refused(resolution) -> None:
    with pytest.raises(SceneError, match=rf"resolution is {resolution}, expected at least 2"):
        cover(UNIT, resolution)


@pytest.mark.parametrize("shape", [(1, 2, 2), (2, 2, 0), (2, MAX_VERTICES_PER_AXIS + 1, 2)])
def test_a_grid_without_a_cell_or_beyond_the_morton_code_is_refused(shape) -> None:
    with pytest.raises(SceneError, match="vertices per axis"):
        grid_of(shape)


@pytest.mark.parametrize("voxel_size", [0.0, -1.0, math.nan, math.inf])
def test_a_voxel_size_that_is_not_positive_and_finite_is_refused(voxel_size) -> None:
    with pytest.raises(SceneError, match="voxel size"):
        VoxelGrid(UNIT, voxel_size, (2, 2, 2))


def test_a_grid_that_no_memory_holds_is_refused_by_its_vertices() -> None:
    assert grid_of((1024, 1024, 256)).vertex_count == MAX_VERTICES == 2**28
    for shape in ((1024, 1024, 257), (MAX_VERTICES_PER_AXIS,) * 3):
        with pytest.raises(SceneError, match=rf"{math.prod(shape)} vertices, expected at most"):
            grid_of(shape)


def test_an_occupancy_counts_its_vertices() -> None:
    assert OccupancyGrid(grid_of((2, 2, 2)), bits("01100001")).count == 3


@pytest.mark.parametrize("vertices", [np.ones((2, 2, 3), np.bool_), np.ones((2, 2, 2), np.uint8)])
def test_bits_of_another_shape_or_type_than_the_grid_are_refused(vertices) -> None:
    with pytest.raises(SceneError, match=r"expected bool \(2, 2, 2\)"):
        OccupancyGrid(grid_of((2, 2, 2)), vertices)


def test_a_union_holds_what_any_member_holds_and_leaves_the_members_alone() -> None:
    grid = grid_of((2, 2, 2))
    texts = "10000001", "11000000", "00010000"
    members = [OccupancyGrid(grid, bits(text)) for text in texts]
    assert np.array_equal(union(members).vertices, bits("11010001"))
    assert all(np.array_equal(m.vertices, bits(t)) for m, t in zip(members, texts, strict=True))


def test_a_union_of_one_is_that_one() -> None:
    member = OccupancyGrid(grid_of((2, 2, 2)), bits("10010110"))
    assert np.array_equal(union([member]).vertices, member.vertices)


def test_a_union_of_nothing_is_refused() -> None:
    with pytest.raises(SceneError, match="at least one"):
        union([])


def test_a_union_over_different_grids_is_refused() -> None:
    ones = np.ones((2, 2, 2), np.bool_)
    other = VoxelGrid(UNIT, 0.25, (2, 2, 2))
    with pytest.raises(SceneError, match="one common grid"):
        union([OccupancyGrid(grid_of((2, 2, 2)), ones), OccupancyGrid(other, ones)])


@given(mask=arrays(np.bool_, st.tuples(*[st.integers(1, 5)] * 3)))
def test_dilation_reaches_every_neighbor_and_no_further(mask) -> None:
    before = mask.copy()
    grown = dilate(mask)
    for x, y, z in np.ndindex(*mask.shape):
        near = mask[max(x - 1, 0) : x + 2, max(y - 1, 0) : y + 2, max(z - 1, 0) : z + 2]
        assert grown[x, y, z] == near.any()
    assert np.array_equal(mask, before)


def plain_morton(x: int, y: int, z: int) -> int:
    """Bit by bit."""
    return sum(
        (x >> bit & 1) << (3 * bit + 2)
        | (y >> bit & 1) << (3 * bit + 1)
        | (z >> bit & 1) << 3 * bit
        for bit in range(21)
    )


@given(vertex=st.tuples(coordinates, coordinates, coordinates))
def test_morton_codes_interleave_all_21_bits(vertex) -> None:
    assert morton3(np.array([vertex])).tolist() == [plain_morton(*vertex)]


def test_the_first_morton_codes_run_along_z_then_y_then_x() -> None:
    unit_cube = np.array(list(product((0, 1), repeat=3)))
    assert morton3(unit_cube).tolist() == list(range(8))
    assert morton3(np.array([[0, 0, 2], [0, 2, 0], [2, 0, 0], [3, 3, 3]])).tolist() == [
        8,
        16,
        32,
        63,
    ]


def test_the_largest_morton_code_is_not_negative() -> None:
    last = MAX_VERTICES_PER_AXIS - 1
    assert morton3(np.full((1, 3), last, np.int32)).tolist() == [2**63 - 1]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint16])
def test_morton_codes_are_unique_and_do_not_depend_on_the_integer_type(dtype) -> None:
    vertices = np.argwhere(np.ones((6, 9, 5), np.bool_))
    codes = morton3(vertices.astype(dtype))
    assert codes.dtype == np.int64
    assert len(np.unique(codes)) == len(vertices)
    assert np.array_equal(codes, morton3(vertices))


@given(
    axis=st.integers(0, 2),
    others=st.tuples(coordinates, coordinates),
    steps=st.sets(coordinates, min_size=2, max_size=8),
)
def test_morton_codes_grow_along_every_axis(axis, others, steps) -> None:
    line = [[*others[:axis], step, *others[axis:]] for step in sorted(steps)]
    assert (np.diff(morton3(np.array(line))) > 0).all()


def test_morton_codes_of_no_vertices_are_no_codes() -> None:
    assert morton3(np.zeros((0, 3), np.int32)).shape == (0,)
