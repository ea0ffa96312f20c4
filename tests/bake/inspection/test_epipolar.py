"""Cameras are judged by the share of matches that can be trusted which lie on epipolar lines."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest

from bake.captures.source import Source
from bake.inspection.epipolar import FAULT_SHARE, Epipolar, _weigh, check_epipolar
from bake.inspection.features import Matches
from bake.inspection.small_pictures import read_instant
from bake.inspection.two_views import Pair
from benchmarks import fault_planting as planting
from render.cameras import Camera
from tests.bake.inspection import small_captures


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
    assert 3 not in found.fitting


def test_a_camera_that_was_turned_is_contradicted_without_a_cause(walls) -> None:
    camera = walls.cameras[3]
    turn = np.eye(4)
    turn[:3, :3] = cv2.Rodrigues(np.array([0.03, 0.04, 0.05]))[0]
    turned = replace(camera, world_to_camera=turn @ camera.world_to_camera)
    found = checked(planting.with_cameras(walls, {3: turned}))
    assert found is not None
    assert found.fitting[3] < FAULT_SHARE * found.usual
    assert all(found.fitting[view] > 0.8 for view in found.fitting if view != 3)
    assert found.best[3].cause == ""


@pytest.mark.parametrize("contradicted", [1, 2])
def test_it_takes_two_good_cameras_to_contradict_a_third(contradicted) -> None:
    cameras = dict(enumerate(small_captures.walls(6).cameras))
    good = [_pair(cameras, pair, 0) for pair in ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0))]
    bad = [_pair(cameras, (view, 5), 20) for view in range(contradicted)]
    found = _weigh(cameras, [*good, *bad], {})
    assert found is not None
    assert (5 in found.fitting) == (contradicted == 2)
    assert {found.fitting[view] for view in range(5)} == {1.0}


def _pair(cameras: Mapping[int, Camera], views: tuple[int, int], off: float) -> Pair:
    """Forty points that lie so many pixels beside where the second camera sees them."""
    generator = np.random.default_rng(1)
    points = generator.uniform((-1, -1, 4), (1, 1, 6), (40, 3))
    here, there = (cameras[view].project(points)[0] for view in views)
    aside = generator.choice([-off, off], there.shape)
    same = np.arange(40)
    return Pair(Matches(views, same, same), here, there + aside, np.ones(40, bool))


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
