"""Occupancy, mapping and geometry in the page equal those of Python, number for number."""

import numpy as np
import pytest
from numpy.typing import NDArray

from render.field import MAX_JUMP, build_geometry
from render.geometry import Aabb
from render.mapping import BLOCK_SIZES, UNMAPPED, VertexOrder, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid
from render.occupancy_codec import HEADER, decode_occupancy, encode_occupancy
from tests.render.web.page_calls import EngineError

TABLES = """
  const { buildTables } = await engine("tables");
  const tables = buildTables({
    occupancyBytes: given.data, grid: given.shape, layout: given.layout,
    order: {blockSize: given.block, vertexOrder: given.order ?? "morton"}});
  return {cells: tables.cells, corners: tables.corners, shape: tables.cellShape.join(),
    count: tables.vertexCount}"""
BITS = """
  const { decodeOccupancy, MARGIN } = await engine("occupancy");
  const { first, extent, padded, bits } = decodeOccupancy(given.data, given.shape);
  const full = new Uint8Array(given.shape[0] * given.shape[1] * given.shape[2]);
  for (let x = 0; x < extent[0]; x++) for (let y = 0; y < extent[1]; y++) {
    for (let z = 0; z < extent[2]; z++) {
      const at = ((x + first[0]) * given.shape[1] + y + first[1]) * given.shape[2] + z + first[2];
      full[at] = bits[((x + MARGIN) * padded[1] + y + MARGIN) * padded[2] + z + MARGIN];
    }
  }
  return full"""


def blob(shape: tuple[int, int, int], center: tuple[float, float, float]) -> NDArray[np.bool_]:
    """A rough ball, as real occupancy is: connected, with a ragged surface."""
    axes = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
    distance = np.sqrt(sum((a - c) ** 2 for a, c in zip(axes, center, strict=True)))
    return distance + np.random.default_rng(1).normal(0, 0.02, shape) < 0.25


def one(shape: tuple[int, int, int], *vertices: tuple[int, int, int]) -> NDArray[np.bool_]:
    grid = np.zeros(shape, np.bool_)
    for vertex in vertices:
        grid[vertex] = True
    return grid


RANDOM = np.random.default_rng(5)
GRIDS = {
    "ball": blob((40, 33, 51), (0.5, 0.5, 0.5)),
    "ball at the border": blob((20, 30, 10), (0.0, 1.0, 0.4)),
    "noise": RANDOM.random((17, 9, 23)) < 0.3,
    "nearly full": RANDOM.random((9, 8, 7)) < 0.95,
    "full": np.ones((6, 5, 4), np.bool_),
    "first vertex": one((5, 6, 7), (0, 0, 0)),
    "last vertex": one((5, 6, 7), (4, 5, 6)),
    "smallest grid": one((2, 2, 2), (1, 0, 1)),
    "two far apart": one((150, 3, 4), (0, 0, 0), (149, 2, 3)),
    "farther than a jump": one((3, 3, 200), (1, 1, 99)),
    "long": RANDOM.random((2, 300, 3)) < 0.05,
}


@pytest.fixture(params=GRIDS)
def vertices(request) -> NDArray[np.bool_]:
    return GRIDS[request.param]


def test_the_bits_are_those_that_were_encoded(run, vertices) -> None:
    data = encode_occupancy(vertices)
    found = run(BITS, data=data, shape=vertices.shape)
    assert np.array_equal(found.reshape(vertices.shape), vertices)


def test_random_grids_decode_to_the_same_bits(run) -> None:
    generator = np.random.default_rng(11)
    for _ in range(30):
        shape = tuple(int(n) for n in generator.integers(2, 20, 3))
        vertices = generator.random(shape) < generator.random() ** 2
        found = run(BITS, data=encode_occupancy(vertices), shape=shape)
        assert np.array_equal(found.reshape(shape), vertices)


def expected_tables(
    vertices: NDArray[np.bool_], block: int, order: VertexOrder = VertexOrder.MORTON
) -> tuple:
    grid = VoxelGrid(Aabb((0, 0, 0), (1, 1, 1)), 1.0, vertices.shape)
    mapping = build_mapping(OccupancyGrid(grid, vertices), block, order)
    geometry = build_geometry(grid, mapping)
    texels = geometry.corners.astype(np.int64)
    area = block**2
    block_index, place = texels // area, texels % area
    row = block_index // mapping.block_columns * block + place // block
    column = block_index % mapping.block_columns * block + place % block
    is_empty = texels == mapping.texel_count
    corners = np.where(is_empty, 0xFFFFFFFF, row << 16 | column).astype(np.uint32)
    return mapping, geometry.cells, corners


@pytest.mark.parametrize("order", VertexOrder)
@pytest.mark.parametrize("block", BLOCK_SIZES)
def test_cells_and_corners_equal_those_of_python(run, vertices, block, order) -> None:
    mapping, cells, corners = expected_tables(vertices, block, order)
    layout = {"rows": mapping.rows, "columns": mapping.columns}
    request = {"data": encode_occupancy(vertices), "shape": vertices.shape, "layout": layout}
    found = run(TABLES, block=block, order=order.value, **request)
    assert found["shape"] == ",".join(str(n - 1) for n in vertices.shape)
    assert found["count"] == np.count_nonzero(mapping.texel_of_vertex != UNMAPPED)
    assert np.array_equal(found["cells"], cells.ravel())
    assert np.array_equal(found["corners"], corners.ravel())


def test_no_distance_is_longer_than_the_longest_jump(run) -> None:
    vertices = GRIDS["farther than a jump"]
    mapping, *_ = expected_tables(vertices, 8)
    layout = {"rows": mapping.rows, "columns": mapping.columns}
    data = encode_occupancy(vertices)
    found = run(TABLES, data=data, shape=vertices.shape, block=8, layout=layout)
    assert found["cells"].min() == -MAX_JUMP


def test_the_order_inside_a_block_is_that_of_the_format(run) -> None:
    from render.mapping import block_order

    body = "return (await engine('mapping')).blockOrder(given.size)"
    for size in BLOCK_SIZES:
        found = run(body, size=size).astype(np.int64)
        assert np.array_equal((found >> 16) * size + (found & 0xFFFF), block_order(size))


def refusal(run, data: bytes, shape=(40, 33, 51)) -> EngineError:
    with pytest.raises(EngineError) as caught:
        run(BITS, data=data, shape=shape)
    assert caught.value.name == "PlayerError"
    return caught.value


@pytest.fixture(scope="module")
def coded() -> bytes:
    return encode_occupancy(GRIDS["ball"])


@pytest.mark.parametrize("length", [0, 1, HEADER.size - 1, HEADER.size, HEADER.size + 3, -1, -5])
def test_truncated_occupancy_is_refused(run, coded, length) -> None:
    assert refusal(run, coded[:length]).kind == "damaged"


@pytest.mark.parametrize("tail", [b"\0", b"\xff", b"\0" * 100])
def test_occupancy_that_goes_on_is_refused(run, coded, tail) -> None:
    assert "does not decode to its end" in str(refusal(run, coded + tail))


def test_a_newer_version_asks_for_a_newer_player(run, coded) -> None:
    assert refusal(run, b"\2" + coded[1:]).kind == "newer"


def test_occupancy_of_another_grid_is_refused_with_both_shapes(run, coded) -> None:
    error = refusal(run, coded, (40, 33, 52))
    assert "40x33x51, expected 40x33x52" in str(error)


def test_a_box_that_leaves_the_grid_is_refused(run, coded) -> None:
    broken = bytearray(coded)
    broken[7:9] = (39).to_bytes(2, "little")
    assert "leaves the grid" in str(refusal(run, bytes(broken)))


def test_a_box_without_one_extent_is_refused(run, coded) -> None:
    broken = bytearray(coded)
    broken[13:15] = bytes(2)
    assert "leaves the grid" in str(refusal(run, bytes(broken)))


def test_a_code_that_starts_beyond_its_range_is_refused(run, coded) -> None:
    start = HEADER.size
    assert refusal(run, coded[:start] + b"\xff" * 4 + coded[start + 4 :]).kind == "damaged"


def test_what_python_refuses_the_page_refuses_and_the_rest_decodes_alike(run, coded) -> None:
    shape = GRIDS["ball"].shape
    generator = np.random.default_rng(3)
    for _ in range(40):
        broken = bytearray(coded)
        place = int(generator.integers(HEADER.size, len(broken)))
        broken[place] ^= 1 << int(generator.integers(8))
        try:
            expected = decode_occupancy(bytes(broken), shape)
        except Exception:  # noqa: BLE001 -- whatever Python says, the page must say as well
            refusal(run, bytes(broken))
        else:
            found = run(BITS, data=bytes(broken), shape=shape)
            assert np.array_equal(found.reshape(shape), expected)


def test_an_empty_grid_has_no_tables(run) -> None:
    data = encode_occupancy(np.zeros((4, 4, 4), np.bool_))
    with pytest.raises(EngineError, match="no vertex is occupied"):
        run(TABLES, data=data, shape=(4, 4, 4), block=8, layout={"rows": 16, "columns": 16})


def test_more_vertices_than_texels_are_refused_before_they_are_put_in_order(run) -> None:
    data = encode_occupancy(np.ones((200, 200, 200), np.bool_))
    with pytest.raises(EngineError, match="8000000 vertices are occupied, expected at most"):
        run(TABLES, data=data, shape=(200,) * 3, block=8, layout={"rows": 64, "columns": 64})


def test_a_layout_of_another_size_is_refused(run, coded) -> None:
    layout = {"rows": 160, "columns": 4096}
    with pytest.raises(EngineError, match="expected 160x4096 as in the layout"):
        run(TABLES, data=coded, shape=GRIDS["ball"].shape, block=8, layout=layout)
