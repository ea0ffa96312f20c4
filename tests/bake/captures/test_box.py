"""The box around points of calibration: strays are left out, and room before cameras is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.box import around, view_fronts
from bake.errors import CaptureError
from render.cameras import Camera, Lens, look_at

NONE = np.zeros((0, 3))


def cloud(count: int = 400, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-2, -1, 4], [2, 1, 6], (count, 3))


def camera(position: tuple[float, float, float]) -> Camera:
    return look_at(position, (0, 0, 5), (0, -1, 0), lens=Lens(64, 48, 60.0))


FRONTAL = [camera((x, 0, 0.1 * x)) for x in (-1.0, 0.0, 1.0)]
RING = [camera((9 * np.cos(a), 0, 5 + 9 * np.sin(a))) for a in np.arange(0, 6, 0.7)]


def test_all_points_lie_within_and_some_room_is_left() -> None:
    points = cloud()
    box = around(points, NONE)
    assert (points > box.minimum).all()
    assert (points < box.maximum).all()
    assert np.prod(box.size) < 1.4 * np.prod(np.ptp(points, axis=0))


@given(st.integers(0, 2**32 - 1))
def test_a_box_holds_nearly_all_points_however_they_thin_out(seed) -> None:
    points = np.random.default_rng(seed).normal(0, 1, (500, 3)) * (1, 2, 3)
    box = around(points, NONE)
    inside = ((points > box.minimum) & (points < box.maximum)).all(1)
    assert inside.mean() > 0.9
    assert (box.size <= 1.2 * np.ptp(points, axis=0)).all()


@pytest.mark.parametrize("count", [1, 3, 6])
def test_strays_are_left_out_even_a_few_together(count) -> None:
    strays = np.array([50.0, -80.0, 300.0]) + 0.01 * np.arange(count)[:, None]
    assert around(np.concatenate([cloud(), strays]), NONE) == around(cloud(), NONE)


def test_a_part_of_the_scene_with_fewer_points_is_kept() -> None:
    wall = np.random.default_rng(3).uniform([-8, -1, 5], [-6, 1, 6], (40, 3))
    box = around(np.concatenate([cloud(), wall]), NONE)
    assert (wall > box.minimum).all()


def test_points_in_a_plane_take_no_box() -> None:
    flat = cloud() * [1, 1, 0]
    with pytest.raises(CaptureError, match="points of calibration take no box"):
        around(flat, NONE)


def test_cameras_that_look_the_same_way_have_the_box_begin_before_them() -> None:
    points = cloud()
    fronts = view_fronts(FRONTAL, points)
    assert fronts.shape == (3, 3)
    for each, front in zip(FRONTAL, fronts, strict=True):
        pixels, depth = each.project([front])
        assert 0 < depth[0] < 0.7 * 4, "before the first points, which are 4 away"
        assert 0 < pixels[0, 0] < 64
    box = around(points, fronts)
    assert 2 < box.minimum[2] < 3
    assert box.maximum == pytest.approx(around(points, NONE).maximum)
    assert box.minimum[:2] == pytest.approx(around(points, NONE).minimum[:2])


def test_cameras_all_around_leave_the_box_to_the_points() -> None:
    assert view_fronts(RING, cloud()).shape == (0, 3)


def test_points_behind_every_camera_leave_views_where_cameras_are() -> None:
    fronts = view_fronts(FRONTAL, cloud() * [1, 1, -1])
    assert np.allclose(fronts, [camera.position for camera in FRONTAL])
