"""Lenses: what is refused, what stays as it is, and a capture that states one."""

from collections.abc import Callable
from math import inf, nan
from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.capture import CaptureOptions, open_capture, to_view
from bake.captures.lens import NO_DISTORTION, Distortion, straightened
from bake.errors import CaptureError
from render.cameras import Camera

Write = Callable[..., Path]
CAMERA = Camera(64, 48, 60.0, 60.0, 33.0, 23.0, np.eye(4))


def opened(folder: Path):  # noqa: ANN201 -- a capture
    return open_capture(CaptureOptions(path=str(folder)))


def test_a_lens_without_distortion_changes_nothing() -> None:
    assert NO_DISTORTION.is_none
    assert Distortion((0.0, 0.0)).is_none
    assert not Distortion((0.0,) * 4, is_fisheye=True).is_none
    assert NO_DISTORTION.pinhole(CAMERA) is CAMERA


@pytest.mark.parametrize(
    ("numbers", "is_fisheye"),
    [((nan,), False), ((inf,), True), ((0.1,) * 9, False), ((0,) * 5, True)],
)
def test_numbers_that_are_no_lens_are_refused(numbers, is_fisheye) -> None:
    with pytest.raises(CaptureError, match=r"expected at most [48] finite numbers"):
        Distortion(numbers, is_fisheye)


def test_maps_of_no_distortion_lead_every_pixel_to_itself() -> None:
    x, y = Distortion((1e-12,)).maps(CAMERA, CAMERA)
    rows, columns = np.mgrid[:48, :64]
    assert np.allclose(x, columns, atol=1e-3)
    assert np.allclose(y, rows, atol=1e-3)


def test_every_pixel_of_a_straight_picture_was_seen_by_the_lens() -> None:
    for coefficients in ((-0.3, 0.1), (0.2, -0.05, 0.003, 0.002)):
        lens = Distortion(coefficients)
        x, y = lens.maps(CAMERA, lens.pinhole(CAMERA))
        assert x.min() > -1
        assert y.min() > -1
        assert x.max() < 64
        assert y.max() < 48


def test_colors_beside_transparent_pixels_do_not_darken() -> None:
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:, 4:] = (200, 100, 50, 255)
    half = np.mgrid[:8, :8].astype(np.float32) + 0.5
    found = straightened(picture, (half[1], half[0]))
    assert found[3, 3].tolist() == [200, 100, 50, 128]


@pytest.mark.parametrize(
    ("model", "stated"),
    [
        ("OPENCV", {"k1": -0.2, "k2": 0.05, "p1": 0.003, "p2": -0.002, "k3": 0.01}),
        ("OPENCV_FISHEYE", {"k1": 0.05, "k2": -0.02, "k3": 0.004, "k4": -0.001}),
    ],
)
def test_a_lens_is_straightened_by_its_coefficients(nerfstudio: Write, model, stated) -> None:
    bent = opened(nerfstudio(lambda d: d.update(stated, camera_model=model)))
    lens = Distortion(tuple(stated.values()), is_fisheye=model == "OPENCV_FISHEYE")
    plain = opened(nerfstudio())
    expected = lens.pinhole(plain.cameras[0])
    assert bent.cameras[0].focal_x == expected.focal_x != plain.cameras[0].focal_x
    maps = lens.maps(plain.cameras[0], expected)
    picture = cv2.cvtColor(
        cv2.imread(str(Path(nerfstudio()) / "cam0/0000.png"), cv2.IMREAD_UNCHANGED),
        cv2.COLOR_BGRA2RGBA,
    )
    view = to_view(straightened(picture, maps), (1.0, 1.0, 1.0), (32, 32))
    assert np.array_equal(bent.view(0, 0).rgb, view.rgb)
    assert np.array_equal(bent.view(0, 0).alpha, view.alpha)
