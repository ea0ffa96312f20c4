"""Posters: what each panel shows, how panels of any size are laid out, and what is refused."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra import numpy as arrays

from bake.capture import View
from bake.errors import CaptureError
from benchmarks.poster import ERROR_GAIN, error_picture, make_poster

GAP, LABEL = 4, 22
pictures = arrays.arrays(np.uint8, (3, 4, 3))


def stage(size: tuple[int, int], error: int = 0, *, seed: int = 0) -> tuple[Any, Any]:
    """A scene whose render is the truth plus ``error`` codes, and its capture."""
    rows, columns = size
    truth = np.random.default_rng(seed).integers(0, 200, (rows, columns, 3)).astype(np.uint8)

    def view(frame: int, index: int) -> View:
        if index > 9:
            raise CaptureError(f"no view {index} at frame {frame}")
        return View(truth, None)

    image = torch.from_numpy(truth + np.uint8(error)).float() / 255
    scene = SimpleNamespace(render=lambda frame, camera: SimpleNamespace(rgb=image))
    return scene, SimpleNamespace(view=view, cameras=[f"camera {n}" for n in range(20)])


def panels(poster: np.ndarray, width: int) -> list[np.ndarray]:
    """The three pictures of the first row, without labels."""
    starts = [index * (width + GAP) for index in range(3)]
    return [poster[LABEL:, start : start + width] for start in starts]


@given(pictures, pictures)
def test_the_error_is_symmetric_and_white_exactly_where_both_agree(first, second) -> None:
    shown = error_picture(first, second)
    assert np.array_equal(shown, error_picture(second, first))
    assert np.array_equal(shown == 255, first == second)
    expected = 255 - ERROR_GAIN * np.abs(first.astype(int) - second)
    assert np.array_equal(shown, np.maximum(expected, 0))


def test_large_pictures_are_shown_pixel_by_pixel() -> None:
    poster = make_poster(*stage((300, 260), 5), [(0, 0)])
    assert poster.shape == (300 + LABEL, 3 * 260 + 2 * GAP, 3)
    truth, image, error = panels(poster, 260)
    assert np.array_equal(image, truth + 5)
    assert (error == 255 - 5 * ERROR_GAIN).all()


@pytest.mark.parametrize(("size", "factor"), [((16, 16), 16), ((100, 260), 3), ((255, 999), 2)])
def test_small_pictures_are_enlarged_by_a_whole_factor(size, factor) -> None:
    scene, capture = stage(size)
    poster = make_poster(scene, capture, [(0, 0)])
    width = size[1] * factor
    assert poster.shape == (size[0] * factor + LABEL, 3 * width + 2 * GAP, 3)
    truth, image, error = panels(poster, width)
    assert np.array_equal(truth[::factor, ::factor], capture.view(0, 0).rgb)
    assert np.array_equal(image, truth)
    assert (error == 255).all()


def test_labels_are_dark_on_white_and_stay_above_their_panel() -> None:
    poster = make_poster(*stage((300, 300)), [(0, 0)])
    for start in (0, 300 + GAP, 2 * (300 + GAP)):
        strip = poster[:LABEL, start : start + 300]
        assert strip.min() < 60
        assert (strip == 255).mean() > 0.5


def test_rows_of_different_width_are_padded_with_paper() -> None:
    wide, narrow = stage((300, 400)), stage((300, 280), seed=1)
    frames = {0: wide, 1: narrow}
    scene = SimpleNamespace(render=lambda frame, camera: frames[frame][0].render(frame, camera))
    capture = SimpleNamespace(
        view=lambda frame, view: frames[frame][1].view(frame, view), cameras=wide[1].cameras
    )
    poster = make_poster(scene, capture, [(0, 0), (1, 0)])
    assert poster.shape == (2 * (300 + LABEL), 3 * 400 + 2 * GAP, 3)
    assert (poster[300 + LABEL :, 3 * 280 + 2 * GAP :] == 255).all()
    assert (poster[:, 400 : 400 + GAP][: 300 + LABEL] == 255).all()


def test_a_moment_that_the_capture_lacks_is_refused() -> None:
    with pytest.raises(CaptureError, match="no view 12 at frame 3"):
        make_poster(*stage((16, 16)), [(0, 0), (3, 12)])
