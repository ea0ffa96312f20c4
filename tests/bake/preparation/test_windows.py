"""Crops: where the box lies in a picture, and that the cropped camera says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.lens import NO_DISTORTION, Distortion, LensCamera
from bake.errors import CaptureError
from bake.preparation.windows import whole_window, window_around
from render.cameras import Camera, Lens, look_at
from render.geometry import Aabb

CAMERA = look_at((0, -4, 1), (0, 0, 0.5), (0, 0, 1), lens=Lens(96, 80, 90.0))
PLAIN = LensCamera(CAMERA, NO_DISTORTION)
BENT = LensCamera(CAMERA, Distortion((-0.3, 0.1, 0.0, 0.0)))
BOX = Aabb((-0.5, -0.5, 0), (0.5, 0.5, 1))


def ramp(width: int, height: int) -> np.ndarray:
    """A picture whose colors are the pixels' own positions."""
    row, column = np.mgrid[0:height, 0:width]
    return np.dstack([column, row, 0 * row]).astype(np.uint8)


def test_a_whole_window_keeps_the_picture() -> None:
    window = whole_window(PLAIN)
    picture = ramp(96, 80)
    assert np.array_equal(window.cutter()(picture), picture)
    assert window.camera is CAMERA


def test_a_crop_holds_the_box_and_its_margin_and_has_even_sizes() -> None:
    window = window_around(PLAIN, BOX, 0.1, "cam")
    pixels, _ = window.camera.project(BOX.corners())
    size = np.array([window.camera.width, window.camera.height])
    assert (size % 2 == 0).all()
    assert (pixels.min(0) > 0).all()
    assert (pixels.max(0) < size).all()
    extent = pixels.max(0) - pixels.min(0)
    assert (size <= 1.2 * extent + 5).all()


def test_the_crop_and_its_camera_move_together() -> None:
    window = window_around(PLAIN, BOX, 0.0, "cam")
    cut = window.cutter()(ramp(96, 80))
    assert cut.shape == (window.camera.height, window.camera.width, 3)
    assert cut[0, 0].tolist() == [window.left, window.top, 0]
    point = np.array([[0.1, 0.2, 0.7]])
    inside, _ = window.camera.project(point)
    outside, _ = CAMERA.project(point)
    assert inside[0] + (window.left, window.top) == pytest.approx(outside[0])


@given(
    st.tuples(*[st.floats(-1.5, 1.0)] * 3),
    st.floats(0.05, 2.0),
    st.floats(0.0, 1.0),
)
def test_what_is_in_the_box_and_in_the_picture_is_in_the_crop(low, size, margin) -> None:
    box = Aabb(low, tuple(value + size for value in low))
    try:
        window = window_around(PLAIN, box, margin, "cam")
    except CaptureError as error:
        assert "camera cam" in str(error)  # noqa: PT017 -- either is right
        return
    grid = np.linspace(0, 1, 5)
    places = np.array(np.meshgrid(grid, grid, grid)).reshape(3, -1).T * size + low
    whole, depth = CAMERA.project(places)
    seen = (depth > 0) & (whole >= 0).all(1) & (whole < (96, 80)).all(1)
    inside, _ = window.camera.project(places[seen])
    assert (inside >= -1e-6).all()
    assert (inside <= np.array([window.camera.width, window.camera.height]) + 1e-6).all()
    assert window.left + window.camera.width <= 96
    assert window.top + window.camera.height <= 80


def test_a_bent_lens_is_straight_in_its_window() -> None:
    window = window_around(BENT, BOX, 0.05, "cam")
    whole = whole_window(BENT)
    picture = ramp(96, 80)
    straight = whole.cutter()(picture)
    rows = slice(window.top, window.top + window.camera.height)
    columns = slice(window.left, window.left + window.camera.width)
    assert np.array_equal(window.cutter()(picture), straight[rows, columns])
    assert not np.array_equal(straight, picture)
    point = np.array([[0.1, 0.2, 0.7]])
    assert window.camera.project(point)[0][0] + (window.left, window.top) == pytest.approx(
        whole.camera.project(point)[0][0]
    )


@pytest.mark.parametrize(
    "box",
    [
        Aabb((-1, -9, -1), (1, -8, 1)),
        Aabb((30, 0, 0), (31, 1, 1)),
        Aabb((0, 0, 50), (1, 1, 51)),
    ],
    ids=["behind", "beside", "above"],
)
def test_a_box_out_of_view_names_the_camera_and_the_ways_out(box) -> None:
    with pytest.raises(CaptureError, match=r"not in the view of camera cam07.*--box.*--no-crop"):
        window_around(PLAIN, box, 0.05, "cam07")


def test_a_camera_inside_the_box_keeps_its_picture() -> None:
    window = window_around(PLAIN, Aabb((-9, -9, -9), (9, 9, 9)), 0.05, "cam")
    assert (window.camera.width, window.camera.height, window.left) == (96, 80, 0)


def test_odd_pictures_are_cropped_to_even_ones() -> None:
    camera = Camera(95, 79, 90.0, 90.0, 47.5, 39.5, CAMERA.world_to_camera)
    window = window_around(LensCamera(camera, NO_DISTORTION), Aabb((-3, -3, -3), (3, 3, 3)), 0, "a")
    assert (window.camera.width, window.camera.height) == (94, 78)
