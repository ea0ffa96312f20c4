"""Occupancy of grids that nobody could hold: refused before memory is asked for."""

import tracemalloc

import numpy as np
import pytest

from render.errors import SceneError
from render.occupancy import MAX_VERTICES
from render.occupancy_codec import HEADER, MAX_EXTENT, VERSION, decode_occupancy, encode_occupancy

SHAPES = [(MAX_EXTENT,) * 3, (1024, 1024, 257), (2, MAX_EXTENT, MAX_EXTENT)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_header_alone_cannot_ask_for_terabytes(shape) -> None:
    tracemalloc.start()
    for box in ((0,) * 6, (0, 0, 0, *shape)):
        with pytest.raises(SceneError, match=f"expected at most {MAX_VERTICES}; choose a lower"):
            decode_occupancy(HEADER.pack(VERSION, *shape, *box), shape)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1 << 20


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_grid_that_no_player_reads_is_not_written(shape) -> None:
    vertices = np.broadcast_to(np.False_, shape)
    with pytest.raises(SceneError, match=f"expected at most {MAX_VERTICES}"):
        encode_occupancy(vertices)


def test_an_elongated_grid_of_few_vertices_is_read() -> None:
    vertices = np.zeros((MAX_EXTENT, 2, 2), np.bool_)
    vertices[-1, 1, 0] = True
    assert np.array_equal(decode_occupancy(encode_occupancy(vertices), vertices.shape), vertices)
