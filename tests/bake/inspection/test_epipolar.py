"""Cameras are judged by the share of their matches that lie on epipolar lines."""

import numpy as np
import pytest

from bake.captures.source import Source
from bake.inspection.epipolar import Epipolar, check_epipolar
from bake.inspection.small_pictures import read_instant
from tests.bake.inspection import planting


def checked(source: Source) -> Epipolar | None:
    return check_epipolar(read_instant(source, 0, 320))


def test_matches_of_a_clean_capture_fit(walls) -> None:
    found = checked(walls)
    assert found is not None
    assert found.usual > 0.9
    assert min(found.fitting.values()) > 0.8
    assert max(found.distance.values()) < 0.6
    assert not found.best
    assert found.convention is None


def test_only_cameras_that_fall_behind_are_explained(walls) -> None:
    found = checked(planting.zoom(walls, 6, 1.08))
    assert found is not None
    assert set(found.best) == {6}
    assert found.best[6].cause == "focal length"
    assert found.best[6].zoom == pytest.approx(1 / 1.08, abs=0.015)


def test_an_upside_down_camera_is_explained(walls) -> None:
    found = checked(planting.misread(walls, 5, convention=1))
    assert found is not None
    assert found.best[5].cause == "upside down"


def test_what_nothing_explains_stays_as_stated(walls) -> None:
    generator = np.random.default_rng(0)

    def other(pixels: planting.Pixels) -> planting.Pixels:
        return generator.integers(0, 255, pixels.shape).astype(np.uint8)

    found = checked(planting.edit(walls, 3, other))
    assert found is not None
    assert found.best[3].cause == ""


def test_even_pictures_cannot_be_judged(walls) -> None:
    gray = planting.reread(
        walls, lambda reader, frame, view: np.full_like(reader.read(frame, view), 99)
    )
    assert checked(gray) is None


def test_a_misread_rig_is_read_otherwise(walls) -> None:
    found = checked(planting.misread(walls))
    assert found is not None
    assert found.convention is not None
    assert found.convention.cause == "axes flipped"
    assert found.usual > 0.9
