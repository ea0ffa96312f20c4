"""Gains are factors of linear light, measured where several cameras see the same surface."""

import numpy as np
import pytest

from bake.captures.source import Source
from bake.inspection.agreement import find_agreement
from bake.inspection.colors import (
    Seen,
    color_misfit,
    find_gains,
    gain_of,
    look,
    surface_points,
)
from bake.inspection.outlines import Scene
from bake.inspection.small_pictures import read_instant
from benchmarks import fault_planting as planting
from render.geometry import Aabb

Judged = tuple[tuple[Scene, ...], frozenset[int]]

REGION = Aabb((-1.2, -1.2, -1.2), (1.2, 1.2, 1.2))


def scenes_of(source: Source) -> Judged:
    found = find_agreement([read_instant(source, 2)], REGION)
    assert found is not None
    return found.scenes, frozenset(found.stated)


@pytest.fixture(scope="module")
def clean(balls) -> Judged:
    return scenes_of(balls)


def test_a_gain_is_the_exponential_of_its_log() -> None:
    gain = gain_of(np.log([1.0, 1.2, 0.5]), 7)
    assert gain.rgb == pytest.approx((1, 1.2, 0.5))
    assert gain.point_count == 7


def test_clean_cameras_have_gains_of_one(clean) -> None:
    gains = find_gains(*clean)
    assert len(gains) >= 12
    for gain in gains.values():
        assert gain.rgb == pytest.approx((1, 1, 1), abs=0.08)


@pytest.mark.parametrize("factor", [0.7, 1.2])
def test_the_gain_of_a_brighter_camera_is_measured(balls, factor) -> None:
    gains = find_gains(*scenes_of(planting.expose(balls, 3, factor)))
    assert gains[3].rgb == pytest.approx((factor,) * 3, rel=0.06)
    assert gains[8].rgb == pytest.approx((1, 1, 1), abs=0.08)


def test_views_that_are_not_asked_have_no_gain(clean) -> None:
    scenes, views = clean
    assert 4 not in find_gains(scenes, views - {4})


def test_too_few_views_have_no_gains(clean) -> None:
    scenes, _ = clean
    assert not find_gains(scenes, frozenset({0, 1}))


def test_surface_points_lie_on_the_subject(clean) -> None:
    scenes, views = clean
    points = surface_points(scenes[0], views)
    assert len(points) > 500
    assert np.abs(points).max() < 1.2
    assert not len(surface_points(scenes[0], frozenset()))


def test_a_point_is_only_seen_from_its_side(clean) -> None:
    scenes, views = clean
    points = surface_points(scenes[0], frozenset({0}))
    seen = np.isfinite(look(scenes[0], points, views).logs[..., 0]).mean(1)
    assert seen[0] > 0.5
    assert seen.min() < 0.1


def test_points_of_which_views_differ_much_are_left_out() -> None:
    generator = np.random.default_rng(0)
    alike = np.zeros((6, 50, 3)) + generator.normal(0, 0.01, (6, 50, 1))
    unlike = generator.normal(0, 2.0, (6, 30, 3))
    left = Seen(tuple(range(6)), np.concatenate([alike, unlike], axis=1)).residuals()
    assert 50 <= left.shape[1] < 60


def test_points_that_few_views_see_are_left_out() -> None:
    logs = np.full((6, 4, 3), np.nan)
    logs[:2] = 0
    assert Seen(tuple(range(6)), logs).residuals().shape[1] == 0


def test_a_view_is_compared_with_the_others_alone() -> None:
    logs = np.zeros((5, 10, 3))
    logs[2] = 0.2
    left = Seen(tuple(range(5)), logs).residuals()
    assert left[2] == pytest.approx(np.full((10, 3), 0.2))
    assert left[0] == pytest.approx(np.zeros((10, 3)))


def test_colors_tell_where_a_picture_lies(balls) -> None:
    scenes, views = scenes_of(planting.shift_picture(balls, 6, 8))
    here = color_misfit(scenes, 6, views - {6}, (0.0, 0.0))
    there = color_misfit(scenes, 6, views - {6}, (8 / 96, 0.0))
    assert there < here


def test_a_view_that_is_nowhere_fits_nowhere(clean) -> None:
    scenes, views = clean
    assert color_misfit((), 0, views, (0.0, 0.0)) == np.inf
    assert color_misfit(scenes, 0, views - {0}, (5.0, 5.0)) == np.inf
