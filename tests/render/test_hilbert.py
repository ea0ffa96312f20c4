"""The Hilbert curve: every vertex once, one step at a time, octant by octant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from render.hilbert import hilbert3, states


def along(levels: int) -> np.ndarray:
    vertices = np.argwhere(np.ones((2**levels,) * 3, np.bool_))
    return vertices[np.argsort(hilbert3(vertices, levels))]


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_it_visits_every_vertex_of_a_cube_once_and_never_jumps(levels) -> None:
    vertices = np.argwhere(np.ones((2**levels,) * 3, np.bool_))
    assert sorted(hilbert3(vertices, levels).tolist()) == list(range(8**levels))
    assert (np.abs(np.diff(along(levels), axis=0)).sum(1) == 1).all()


def test_it_begins_at_the_origin_and_ends_at_the_far_end_of_z() -> None:
    path = along(4)
    assert path[0].tolist() == [0, 0, 0]
    assert path[-1].tolist() == [0, 0, 15]


def test_the_first_eight_vertices_follow_a_gray_code() -> None:
    octants = [x << 2 | y << 1 | z for x, y, z in along(1).tolist()]
    assert octants == [0, 2, 6, 4, 5, 7, 3, 1]


def test_an_octant_is_left_only_when_all_of_it_was_visited() -> None:
    octants = (along(5) >= 16) @ [4, 2, 1]
    assert np.count_nonzero(np.diff(octants)) == 7


def test_the_states_are_permutations_that_lead_to_states() -> None:
    children, following = states()
    assert (np.sort(children, axis=1) == np.arange(8)).all()
    assert ((following >= 0) & (following < 24)).all()


@given(st.tuples(*[st.integers(0, 2**21 - 1)] * 3))
def test_codes_of_21_levels_fit_63_bits(vertex) -> None:
    code = hilbert3(np.array([vertex], np.int64), 21)
    assert 0 <= code[0] < 2**63


def test_no_vertices_have_no_codes() -> None:
    assert hilbert3(np.zeros((0, 3), np.int32), 5).shape == (0,)
