"""Matches are trusted if more agree with one geometry of two pictures than chance has."""

import numpy as np
import pytest

from bake.inspection.features import Matches
from bake.inspection.two_views import Pair, trusted
from tests.bake.inspection import small_captures

CAMERAS = small_captures.walls(2).cameras
SIZE = (320, 240)


def points(right: int, wrong: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points that both cameras see, and others that are matched at random."""
    generator = np.random.default_rng(seed)
    seen = generator.uniform((-1, -1, 4), (1, 1, 7), (right, 3))
    one, other = (camera.project(seen)[0] for camera in CAMERAS)
    noise = (generator.uniform((0, 0), SIZE, (wrong, 2)) for _ in range(2))
    here, there = (np.vstack(both) for both in zip((one, other), noise, strict=True))
    return here, there


def found(right: int, wrong: int, seed: int = 0) -> Pair | None:
    return checked(points(right, wrong, seed))


def checked(both: tuple[np.ndarray, np.ndarray]) -> Pair | None:
    same = np.arange(len(both[0]))
    return trusted(Matches((0, 1), same, same), both, 1.0)


@pytest.mark.parametrize("count", [0, 3, 8, 15, 30, 80, 200])
def test_matches_at_random_are_not_trusted(count) -> None:
    assert all(found(0, count, seed) is None for seed in range(5))


@pytest.mark.parametrize("seed", range(3))
def test_right_matches_are_told_from_as_many_wrong_ones(seed) -> None:
    pair = found(25, 25, seed)
    assert pair is not None
    is_right = pair.matches.first < 25
    assert pair.agrees[is_right].mean() > 0.9
    assert pair.agrees[~is_right].mean() < 0.3
    assert pair.trusted.first.tolist() == pair.matches.first[pair.agrees].tolist()
    assert pair.count == np.count_nonzero(pair.agrees)


def test_a_point_that_is_matched_again_and_again_counts_once() -> None:
    here, there = points(9, 0, 0)
    again = checked((np.tile(here, (8, 1)), np.tile(there, (8, 1))))
    assert again is None or len(again.here) == 9


def test_points_in_one_place_say_nothing() -> None:
    here = np.full((40, 2), 50.0)
    assert checked((here, here)) is None
