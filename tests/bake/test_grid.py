"""The grid follows the pictures unless a resolution is asked for."""

from copy import copy

import numpy as np
import pytest

import bake.limits as bounds
from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.box import SceneBox
from bake.errors import CapacityError
from bake.grid import choose_grid, fitting_resolution, pixels_per_unit
from render.geometry import Aabb


def in_box(capture: Capture, aabb: Aabb) -> Capture:
    """The same pictures of another box."""
    moved = copy(capture)
    moved.scene_box = SceneBox(aabb, "moved")
    return moved


@pytest.fixture(scope="module")
def capture() -> Capture:
    return open_capture(CaptureOptions("procedural:1:160"))


def test_a_resolution_is_taken_at_its_word(capture) -> None:
    assert choose_grid(capture, 20, 1.4) == choose_grid(capture, 20, 3.0)


@pytest.mark.parametrize("pixels", [1.0, 1.4, 2.5])
def test_otherwise_a_voxel_spans_as_many_pixels_as_asked_for(capture, pixels) -> None:
    grid = choose_grid(capture, 0, pixels)
    center = (np.array(capture.aabb.minimum) + np.array(capture.aabb.maximum)) / 2
    spans = []
    for index in capture.split.train:
        camera = capture.cameras[index]
        right = camera.world_to_camera[0, :3]  # Beside the center, as the camera sees it.
        left, beside = (
            camera.world_to_camera[:3, :3] @ point + camera.world_to_camera[:3, 3]
            for point in (center, center + right * grid.voxel_size)
        )
        spans.append(camera.focal_x * (beside[0] / beside[2] - left[0] / left[2]))
    assert np.median(spans) == pytest.approx(pixels, rel=0.03)


def test_twice_as_many_pixels_take_twice_the_resolution(capture) -> None:
    half = open_capture(CaptureOptions("procedural:1:80"))
    assert pixels_per_unit(capture) == pytest.approx(2 * pixels_per_unit(half))
    assert fitting_resolution(capture, 1.4) == pytest.approx(
        2 * fitting_resolution(half, 1.4), abs=1
    )


def test_it_stays_within_what_can_be_shown_and_held(capture) -> None:
    assert fitting_resolution(capture, bounds.LARGEST_VOXEL) == bounds.LEAST_RESOLUTION
    assert fitting_resolution(capture, 1e-6) == bounds.MOST_RESOLUTION


def test_a_scene_behind_every_camera_gets_the_least_resolution(capture) -> None:
    away = in_box(capture, Aabb((0, 0, 90), (1, 1, 91)))
    assert fitting_resolution(away, 1.4) >= bounds.LEAST_RESOLUTION


def test_a_box_too_long_for_its_width_is_refused_by_the_name_of_the_capture(capture) -> None:
    needle = in_box(capture, Aabb((0, 0, 0), (1e-4, 1e-4, 1e6)))
    with pytest.raises(CapacityError, match="procedural"):
        choose_grid(needle, 64, 1.4)
