"""The room between cameras: where they look, and how far it reaches."""

import numpy as np
import pytest

from bake.captures.ring import cube_around, meeting_point, missed_by
from render.cameras import Camera, Lens, look_at

LENS = Lens(64, 48, 60.0)
TARGET = np.array([0.5, -0.25, 2.0])
ANGLES = np.arange(0, 6, 0.9)


def aimed(target: np.ndarray, distance: float = 4.0) -> list[Camera]:
    away = [(np.cos(a), 0.2 * np.sin(3 * a), np.sin(a)) for a in ANGLES]
    return [
        look_at(target + distance * np.array(way), target, (0, 1, 0), lens=LENS) for way in away
    ]


def test_cameras_meet_where_they_are_aimed_at() -> None:
    cameras = aimed(TARGET)
    middle = meeting_point(cameras, np.ones(len(cameras)))
    assert middle == pytest.approx(TARGET)
    assert missed_by(cameras, TARGET) == pytest.approx(np.zeros(len(cameras)), abs=1e-9)


def test_a_camera_without_weight_does_not_count() -> None:
    cameras = [*aimed(TARGET), look_at((9, 9, 9), (8, 0, 1), (0, 1, 0), lens=LENS)]
    weights = np.ones(len(cameras))
    assert not np.allclose(meeting_point(cameras, weights), TARGET, atol=1e-3)
    weights[-1] = 0
    assert meeting_point(cameras, weights) == pytest.approx(TARGET)
    assert missed_by(cameras, TARGET)[-1] > 1


def test_parallel_axes_meet_nowhere() -> None:
    row = [look_at((x, 0, 0), (x, 0, 5), (0, 1, 0), lens=LENS) for x in (-1.0, 0.0, 1.0)]
    assert meeting_point(row, np.ones(3)) is None


def test_the_cube_reaches_nearly_to_the_nearest_camera() -> None:
    cameras = aimed(TARGET)
    nearest = min(np.linalg.norm(camera.position - TARGET) for camera in cameras)
    cube = cube_around(cameras, TARGET)
    assert cube is not None
    assert cube.size == pytest.approx(np.full(3, 2 * 0.95 * nearest))
    assert cube.center == pytest.approx(TARGET)
    assert cube_around(cameras, cameras[0].position) is None
