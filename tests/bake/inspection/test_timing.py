"""Lags are told from outlines or from rhythm, and not told where neither can."""

import numpy as np
import pytest

from bake.inspection.agreement import find_agreement
from bake.inspection.small_pictures import read_instant
from bake.inspection.timing import (
    Window,
    find_lags,
    lags_by_outlines,
    lags_by_rhythm,
    read_window,
)
from benchmarks import fault_planting as planting
from render.geometry import Aabb

REGION = Aabb((-1.2, -1.2, -1.2), (1.2, 1.2, 1.2))


def beating(views: int = 8, beats: int = 23, noise: float = 0.05) -> np.ndarray:
    generator = np.random.default_rng(5)
    shared = np.exp(generator.normal(0, 0.6, beats))
    return shared[:, None] * np.exp(generator.normal(0, noise, (beats, views)))


def window_of(energy: np.ndarray) -> Window:
    views = tuple(range(energy.shape[1]))
    return Window(tuple(range(len(energy) + 1)), views, energy, {}, {})


def ahead(energy: np.ndarray, view: int, frames: int) -> np.ndarray:
    changed = energy.copy()
    changed[:, view] = np.roll(energy[:, view], -frames)
    return changed


@pytest.mark.parametrize("frames", [1, -1, 2, -3])
def test_rhythm_tells_how_far_a_view_is_ahead(frames) -> None:
    found = lags_by_rhythm(window_of(ahead(beating(), 3, frames)))
    assert {view: lag.frames for view, lag in found.lags.items() if lag.frames} == {3: frames}
    assert "rhythm" in found.told_by


def test_a_shared_rhythm_is_in_step() -> None:
    found = lags_by_rhythm(window_of(beating()))
    assert len(found.lags) == 8
    assert not any(lag.frames for lag in found.lags.values())


def test_noise_alone_is_no_rhythm() -> None:
    energy = np.exp(np.random.default_rng(1).normal(0, 0.5, (23, 8)))
    found = lags_by_rhythm(window_of(energy))
    assert not found.lags
    assert "no rhythm" in found.reason


def test_steady_motion_is_no_rhythm() -> None:
    found = lags_by_rhythm(window_of(np.ones((23, 8))))
    assert not found.lags


def test_rhythm_takes_many_frames() -> None:
    found = lags_by_rhythm(window_of(beating(beats=9)))
    assert not found.lags
    assert "17 frames" in found.reason


def test_a_view_with_a_rhythm_of_its_own_is_not_blamed() -> None:
    energy = beating()
    energy[:, 2] = np.exp(np.random.default_rng(8).normal(0, 0.6, len(energy)))
    found = lags_by_rhythm(window_of(energy))
    assert not any(lag.frames for view, lag in found.lags.items() if view != 2)


def test_nothing_is_told_of_a_still_scene() -> None:
    found = find_lags(window_of(np.zeros((10, 5))), None, None)
    assert (found.lags, found.reason) == ({}, "nothing moves")


@pytest.mark.parametrize("shape", [(1, 8), (10, 3)])
def test_few_frames_or_cameras_tell_nothing(shape) -> None:
    found = find_lags(window_of(np.ones(shape)), None, None)
    assert not found.lags
    assert "4 cameras" in found.reason


def test_a_window_holds_all_masks_and_changes(balls) -> None:
    window = read_window(balls, sorted(balls.views))
    assert window.frames == (0, 1, 2, 3, 4)
    assert window.energy.shape == (4, 14)
    assert (window.energy > 0).all()
    expected = read_instant(balls, 3).mask(5)
    assert (window.mask(5, 3) == expected).all()


def test_a_window_is_taken_from_the_middle(balls, monkeypatch) -> None:
    monkeypatch.setattr("bake.inspection.timing._MOST_FRAMES", 3)
    assert read_window(balls, sorted(balls.views)).frames == (1, 2, 3)


def test_many_cameras_get_fewer_frames(balls, monkeypatch) -> None:
    monkeypatch.setattr("bake.inspection.timing._MOST_PICTURES", 28)
    assert len(read_window(balls, sorted(balls.views)).frames) == 2


def test_a_window_without_masks_has_none(walls) -> None:
    window = read_window(walls, [0])
    assert window.masks == {}
    assert window.energy.shape == (0, 10)


@pytest.mark.parametrize("frames", [1, -1])
def test_outlines_tell_how_far_a_view_is_ahead(balls, frames) -> None:
    source = planting.delay(balls, 9, frames)
    agreement = find_agreement([read_instant(source, 2)], REGION)
    assert agreement is not None
    found = lags_by_outlines(read_window(source, sorted(source.views)), agreement, REGION)
    assert {view: lag.frames for view, lag in found.lags.items() if lag.frames} == {9: frames}


def test_both_reasons_are_given_where_neither_tells(balls) -> None:
    still = planting.reread(balls, lambda reader, frame, view: reader.read(2, view))
    agreement = find_agreement([read_instant(still, 2)], REGION)
    found = find_lags(read_window(still, sorted(still.views)), agreement, REGION)
    assert found.reason == "nothing moves"
