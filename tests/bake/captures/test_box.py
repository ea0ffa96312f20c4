"""The box around points of calibration: strays are left out, and room before cameras is not."""

import numpy as np
import pytest

from bake.captures.box import around, picture_corners
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
    corners = picture_corners(FRONTAL, points)
    assert corners.shape == (12, 3)
    box = around(points, corners)
    assert 0.5 < box.minimum[2] < 1.5
    assert box.maximum[2] == pytest.approx(around(points, NONE).maximum[2])
    # What each corner of a picture sees begins within the box.
    assert (corners >= np.array(box.minimum) - 1e-9).all()
    for each in FRONTAL:
        pixels, depth = each.project(picture_corners([each], points))
        assert np.allclose(np.sort(pixels, axis=0)[[0, -1]], [[0, 0], [64, 48]])
        assert np.allclose(depth, depth[0])


def test_cameras_all_around_leave_the_box_to_the_points() -> None:
    assert picture_corners(RING, cloud()).shape == (0, 3)


def test_points_behind_every_camera_move_no_corner() -> None:
    corners = picture_corners(FRONTAL, cloud() * [1, 1, -1])
    assert np.allclose(corners, np.repeat([c.position for c in FRONTAL], 4, axis=0))
