"""Where a player begins: a camera of the capture, an axis to orbit around, a poster's shape."""

from types import SimpleNamespace

import numpy as np
import pytest

from render.cameras import Lens, look_at
from render.geometry import Aabb
from render.scene import open_scene
from render.start_view import poster_camera, start_view

BOX = Aabb((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))
UP = (0.0, 0.0, 1.0)


def scene_of(*eyes: tuple[float, float, float], tests: tuple[int, ...] = ()) -> SimpleNamespace:
    cameras = tuple(look_at(eye, (0, 0, 1), UP, lens=Lens(64, 48, 60.0)) for eye in eyes)
    record = SimpleNamespace(
        grid=SimpleNamespace(aabb=BOX), capture=SimpleNamespace(test_views=tests)
    )
    return SimpleNamespace(cameras=cameras, record=record)


def test_the_first_held_out_camera_is_where_it_begins() -> None:
    view = start_view(scene_of((4, 0, 1), (0, 4, 1), tests=(1,)))
    assert view.position == pytest.approx((0, 4, 1))
    assert view.target == pytest.approx((0, 0, 1))
    assert view.up.tolist() == list(UP)
    assert view.focal_per_height == pytest.approx(60 / 48)


def test_without_held_out_cameras_the_first_serves() -> None:
    assert start_view(scene_of((4, 0, 1), (0, 4, 1))).position == pytest.approx((4, 0, 1))


def test_a_held_out_camera_that_does_not_exist_is_passed_over() -> None:
    assert start_view(scene_of((4, 0, 1), tests=(9,))).position == pytest.approx((4, 0, 1))


def test_without_cameras_the_whole_box_is_in_view() -> None:
    view = start_view(scene_of())
    corners, _ = view.camera(512, 512).project(BOX.corners())
    assert (corners >= 0).all()
    assert (corners <= 512).all()


def test_a_tilted_rig_keeps_its_own_up() -> None:
    scene = scene_of((4, 0, 1), (0, 4, 1))
    tilted = look_at((4, 0, 1), (0, 0, 1), (0.0, 1.0, 0.0), lens=Lens(64, 48, 60.0))
    scene.cameras = (tilted, tilted)
    assert start_view(scene).up == pytest.approx((0, 1, 0))


def test_a_camera_right_above_still_has_a_horizon() -> None:
    scene = scene_of((4, 0, 1), (0, 4, 1), (-4, 0, 1), (0, -4, 1))
    above = look_at((0, 0, 9), (0, 0, 1), (0.0, 1.0, 0.0), lens=Lens(64, 48, 60.0))
    scene.cameras = (above, *scene.cameras)
    view = start_view(scene)
    assert np.allclose(view.up, (0, 1, 0))
    assert view.camera(32, 32).position == pytest.approx((0, 0, 9))


def test_the_poster_has_the_shape_of_the_captures_pictures() -> None:
    scene = scene_of((4, 0, 1))
    camera = poster_camera(start_view(scene), scene)
    assert (camera.width, camera.height) == (960, 720)


def test_a_real_packages_view_is_plain_json(baked_packages) -> None:
    record = start_view(open_scene(baked_packages["h264"])).to_json()
    assert set(record) == {"position", "target", "up", "focal_per_height"}
    assert all(len(record[name]) == 3 for name in ("position", "target", "up"))
    assert np.linalg.norm(record["up"]) == pytest.approx(1.0)
