"""The box that bounds a scene."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from render.errors import RenderError, SceneError
from render.geometry import Aabb, Vector

coordinates = st.floats(-1e6, 1e6)
extents = st.floats(1e-3, 1e6)


@settings(max_examples=50, deadline=None)
@given(
    minimum=st.tuples(coordinates, coordinates, coordinates),
    size=st.tuples(extents, extents, extents),
)
def test_center_and_corners_agree_with_the_size(minimum: Vector, size: Vector) -> None:
    box = Aabb(minimum, tuple(low + extent for low, extent in zip(minimum, size, strict=True)))
    assert np.allclose(box.center - box.size / 2, box.minimum)
    assert np.allclose(box.center + box.size / 2, box.maximum)
    assert np.array_equal(box.corners().min(axis=0), box.minimum)
    assert np.array_equal(box.corners().max(axis=0), box.maximum)


def test_corners_are_the_eight_distinct_ones_with_z_fastest() -> None:
    corners = Aabb((0, 0, 0), (1, 2, 3)).corners()
    assert corners.shape == (8, 3)
    assert len({tuple(corner) for corner in corners}) == 8
    assert corners[1].tolist() == [0.0, 0.0, 3.0]


def test_bounds_are_stored_as_plain_float_tuples() -> None:
    box = Aabb(np.array([0, 0, 0]), [1, 1, 1])
    assert box == Aabb((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert all(type(value) is float for value in box.minimum + box.maximum)


@pytest.mark.parametrize("axis", range(3))
def test_an_empty_box_is_refused_and_names_the_axis(axis: int) -> None:
    maximum = [1.0, 1.0, 1.0]
    maximum[axis] = 0.0
    with pytest.raises(SceneError, match=rf"along {'xyz'[axis]}.*expected minimum < maximum"):
        Aabb((0.0, 0.0, 0.0), tuple(maximum))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bound_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(SceneError, match="expected finite"):
        Aabb((0.0, 0.0, bad), (1.0, 1.0, 1.0))


def test_an_extent_that_is_not_finite_is_refused() -> None:
    with pytest.raises(SceneError, match="along y, expected a finite extent"):
        Aabb((0.0, -1.5e308, 0.0), (1.0, 1.5e308, 1.0))


@pytest.mark.parametrize("bad", [(0.0, 0.0), ("a", 0.0, 0.0), None, (10**400, 0, 0)])
def test_a_corner_that_is_not_three_numbers_is_refused(bad: object) -> None:
    with pytest.raises(SceneError, match="expected three numbers"):
        Aabb(bad, (1.0, 1.0, 1.0))


def test_scene_errors_can_be_caught_as_value_errors() -> None:
    assert issubclass(SceneError, RenderError)
    assert issubclass(SceneError, ValueError)
