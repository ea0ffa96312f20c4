"""The mapping table: a bijection in Morton order, and its atlas image."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from render.errors import SceneError
from render.geometry import Aabb
from render.mapping import (
    BLOCK_SIZES,
    UNMAPPED,
    MappingTable,
    VertexOrder,
    block_order,
    build_mapping,
    vertex_order_from_json,
)
from render.occupancy import OccupancyGrid, VoxelGrid, morton3


def occupancy_of(vertices: NDArray[np.bool_]) -> OccupancyGrid:
    x, y, z = vertices.shape
    return OccupancyGrid(VoxelGrid(Aabb((0, 0, 0), (1, 1, 1)), 1.0, (x, y, z)), vertices)


def full(*shape: int) -> OccupancyGrid:
    return occupancy_of(np.ones(shape, np.bool_))


@st.composite
def occupancies(draw) -> OccupancyGrid:
    """Grids with at least one occupied vertex, from nearly empty to full."""
    shape = draw(st.tuples(*[st.integers(2, 9)] * 3))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    vertices = generator.random(shape) < draw(st.sampled_from([0.0, 0.05, 0.5, 1.0]))
    vertices[tuple(generator.integers(0, shape))] = True
    return occupancy_of(vertices)


block_sizes = st.sampled_from(BLOCK_SIZES)


def numbered(mapping: MappingTable) -> Tensor:
    """Texel values that tell where they came from: (texel_count, 2)."""
    index = torch.arange(mapping.texel_count, dtype=torch.float32)
    return torch.stack([index, -index], 1)


@given(occupancy=occupancies(), block_size=block_sizes, order=st.sampled_from(VertexOrder))
def test_occupied_vertices_and_texels_correspond_one_to_one(occupancy, block_size, order) -> None:
    mapping = build_mapping(occupancy, block_size, order)
    table = mapping.texel_of_vertex
    assert table.dtype == mapping.texels.dtype == mapping.vertices.dtype == np.int32
    assert np.array_equal(table != UNMAPPED, occupancy.vertices)
    assert len(mapping.vertices) == len(mapping.texels) == occupancy.count
    assert np.array_equal(table[tuple(mapping.vertices.T)], mapping.texels)
    assert len(np.unique(mapping.texels)) == occupancy.count
    assert mapping.texels.min() >= 0
    assert mapping.texels.max() < mapping.texel_count


@given(occupancy=occupancies(), block_size=block_sizes)
def test_vertices_are_listed_in_morton_order(occupancy, block_size) -> None:
    codes = morton3(build_mapping(occupancy, block_size).vertices)
    assert (np.diff(codes) > 0).all()


def test_along_the_hilbert_curve_a_full_cube_never_jumps() -> None:
    mapping = build_mapping(full(16, 16, 16), 8, VertexOrder.HILBERT)
    assert (np.abs(np.diff(mapping.vertices, axis=0)).sum(1) == 1).all()


def test_the_hilbert_curve_runs_through_the_cube_that_holds_the_grid() -> None:
    small, long = (build_mapping(full(*s), 8, VertexOrder.HILBERT) for s in ((4, 4, 4), (4, 4, 9)))
    within = [vertex for vertex in long.vertices.tolist() if vertex[2] < 4]
    assert within != small.vertices.tolist()
    assert sorted(within) == sorted(small.vertices.tolist())


def test_a_record_without_an_order_is_of_morton_and_unknown_orders_are_refused() -> None:
    assert vertex_order_from_json({}) is VertexOrder.MORTON
    assert vertex_order_from_json({"vertex_order": "hilbert"}) is VertexOrder.HILBERT
    for wrong in ("peano", "", 3, None):
        with pytest.raises(ValueError, match="vertex_order"):
            vertex_order_from_json({"vertex_order": wrong})


@given(occupancy=occupancies(), block_size=block_sizes)
def test_morton_order_runs_through_one_block_after_the_other(occupancy, block_size) -> None:
    mapping = build_mapping(occupancy, block_size)
    area = block_size**2
    blocks, places = mapping.texels // area, mapping.texels % area
    assert np.array_equal(blocks, np.arange(occupancy.count) // area)
    order = np.concatenate([block_order(block_size)] * mapping.block_count)
    assert np.array_equal(places, order[: occupancy.count])


@given(occupancy=occupancies(), block_size=block_sizes)
def test_only_the_last_block_has_texels_without_a_vertex(occupancy, block_size) -> None:
    mapping = build_mapping(occupancy, block_size)
    assert mapping.texel_count == mapping.block_count * block_size**2
    assert 0 <= mapping.texel_count - occupancy.count < block_size**2


@given(occupancy=occupancies(), block_size=block_sizes)
def test_atlas_sides_are_multiples_of_sixteen_and_of_the_block(occupancy, block_size) -> None:
    mapping = build_mapping(occupancy, block_size)
    for side in (mapping.rows, mapping.columns):
        assert side > 0
        assert side % 16 == side % block_size == 0
    assert mapping.rows * mapping.columns >= mapping.texel_count


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
@pytest.mark.parametrize("side", [4, 9, 20])
def test_the_atlas_is_nearly_square_and_wastes_at_most_one_strip(block_size, side) -> None:
    mapping = build_mapping(full(side, side, side), block_size)
    strip = max(16, block_size)
    assert 0 <= mapping.columns - mapping.rows <= 2 * strip
    assert mapping.texel_count > (mapping.rows - strip) * mapping.columns


@given(occupancy=occupancies(), block_size=block_sizes)
def test_a_table_rebuilt_from_the_same_bits_is_the_same(occupancy, block_size) -> None:
    first = build_mapping(occupancy, block_size)
    copied = occupancy_of(np.asfortranarray(occupancy.vertices.copy()))
    second = build_mapping(copied, block_size)
    assert np.array_equal(first.texel_of_vertex, second.texel_of_vertex)
    assert np.array_equal(first.texels, second.texels)
    assert np.array_equal(first.vertices, second.vertices)
    sides = first.block_size, first.block_columns, first.block_rows
    assert sides == (second.block_size, second.block_columns, second.block_rows)


def test_a_block_of_four_is_filled_in_this_order() -> None:
    # Down, then right, then the same for quadrants: the row bit is least significant.
    rows = [[0, 2, 8, 10], [1, 3, 9, 11], [4, 6, 12, 14], [5, 7, 13, 15]]
    assert np.argsort(block_order(4)).reshape(4, 4).tolist() == rows


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_a_block_order_visits_every_texel_once_and_quadrant_by_quadrant(block_size) -> None:
    order = block_order(block_size)
    assert sorted(order.tolist()) == list(range(block_size**2))
    rows, columns = np.divmod(order, block_size)
    half = block_size // 2
    quadrants = (rows >= half) + 2 * (columns >= half)
    assert np.array_equal(quadrants, np.repeat(np.arange(4), half**2))


def test_a_full_cube_of_three_maps_as_worked_out_by_hand() -> None:
    mapping = build_mapping(full(3, 3, 3), 4)
    # Morton order: the 2 x 2 x 2 cube at the origin, then the rest of z = 2, of y = 2, of x = 2.
    first = [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]]
    second = [
        [0, 0, 2],
        [0, 1, 2],
        [1, 0, 2],
        [1, 1, 2],
        [0, 2, 0],
        [0, 2, 1],
        [1, 2, 0],
        [1, 2, 1],
    ]
    third = [[0, 2, 2], [1, 2, 2], [2, 0, 0], [2, 0, 1], [2, 1, 0], [2, 1, 1], [2, 0, 2], [2, 1, 2]]
    last = [[2, 2, 0], [2, 2, 1], [2, 2, 2]]
    assert mapping.vertices.tolist() == first + second + third + last
    block = [0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15]
    assert mapping.texels.tolist() == block + [16 + texel for texel in block[:11]]
    assert (mapping.block_count, mapping.texel_count) == (2, 32)
    assert (mapping.rows, mapping.columns) == (16, 16)


def test_a_single_vertex_gets_the_first_texel() -> None:
    vertices = np.zeros((4, 5, 6), np.bool_)
    vertices[3, 1, 4] = True
    mapping = build_mapping(occupancy_of(vertices))
    assert mapping.texels.tolist() == [0]
    assert mapping.vertices.tolist() == [[3, 1, 4]]
    assert (mapping.block_size, mapping.texel_count) == (8, 64)


@given(occupancy=occupancies(), block_size=block_sizes)
def test_texels_survive_the_way_through_the_atlas_image(occupancy, block_size) -> None:
    mapping = build_mapping(occupancy, block_size)
    image = mapping.to_image(numbered(mapping))
    assert image.shape == (2, mapping.rows, mapping.columns)
    assert torch.equal(mapping.from_image(image), numbered(mapping))


def test_blocks_stand_in_the_image_row_by_row() -> None:
    mapping = build_mapping(full(5, 5, 6), 8)  # 150 vertices: three blocks, in a 2 x 2 atlas.
    image = mapping.to_image(numbered(mapping))[0].int().numpy()
    assert image.shape == (16, 16)
    assert np.array_equal(image[:8, :8], np.arange(64).reshape(8, 8))
    assert np.array_equal(image[:8, 8:], np.arange(64, 128).reshape(8, 8))
    assert np.array_equal(image[8:, :8], np.arange(128, 192).reshape(8, 8))
    assert (image[8:, 8:] == 191).all()


def test_an_image_that_is_a_view_into_a_larger_one_is_read_too() -> None:
    mapping = build_mapping(full(5, 5, 6), 8)
    larger = torch.zeros(2, 30, 40)
    larger[:, 7:23, 9:25] = mapping.to_image(numbered(mapping))
    assert torch.equal(mapping.from_image(larger[:, 7:23, 9:25]), numbered(mapping))


@given(occupancy=occupancies(), block_size=block_sizes)
def test_padding_repeats_the_last_mapped_vertex(occupancy, block_size) -> None:
    mapping = build_mapping(occupancy, block_size)
    texels = numbered(mapping)
    filled = mapping.fill_padding(texels)
    used = torch.zeros(mapping.texel_count, dtype=torch.bool)
    used[torch.from_numpy(mapping.texels).long()] = True
    assert torch.equal(filled[used], texels[used])
    assert (filled[~used] == texels[int(mapping.texels[-1])]).all()
    assert torch.equal(texels, numbered(mapping))


@given(occupancy=occupancies(), block_size=block_sizes)
def test_a_filled_image_shows_nothing_but_mapped_vertices(occupancy, block_size) -> None:
    mapping = build_mapping(occupancy, block_size)
    image = mapping.to_image(mapping.fill_padding(numbered(mapping)))
    assert set(image[0].flatten().int().tolist()) == set(mapping.texels.tolist())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8])
def test_an_image_keeps_the_type_of_its_texels(dtype) -> None:
    mapping = build_mapping(full(3, 3, 3), 4)
    image = mapping.to_image(torch.ones(32, 3, dtype=dtype))
    assert image.dtype == mapping.from_image(image).dtype == dtype


def test_gradients_flow_back_through_the_image() -> None:
    mapping = build_mapping(full(3, 3, 3), 4)
    texels = torch.zeros(32, 2, requires_grad=True)
    mapping.from_image(mapping.to_image(texels)).sum().backward()
    assert texels.grad is not None
    assert (texels.grad == 1).all()


@pytest.mark.parametrize("shape", [(2, 16, 32), (2, 32, 16), (2, 8, 32), (2, 0, 0)])
def test_an_image_of_another_size_is_refused(shape) -> None:
    mapping = build_mapping(full(3, 3, 3), 4)
    with pytest.raises(SceneError, match=r"expected \(16, 16\)"):
        mapping.from_image(torch.zeros(shape))


@pytest.mark.parametrize("block_size", [0, 2, 5, 64, -8])
def test_a_block_size_that_is_not_offered_is_refused(block_size) -> None:
    with pytest.raises(SceneError, match=rf"block size is {block_size}, expected one of"):
        build_mapping(full(2, 2, 2), block_size)


def test_an_empty_occupancy_is_refused() -> None:
    with pytest.raises(SceneError, match="occupancy is empty"):
        build_mapping(occupancy_of(np.zeros((3, 3, 3), np.bool_)))
