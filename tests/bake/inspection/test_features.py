"""Points are found again, lie on their epipolar lines, and carry the colors around them."""

import numpy as np
import pytest

from bake.inspection.features import (
    Features,
    all_features,
    epipolar_distances,
    find_features,
    gains_by_matches,
    match,
    match_features,
    nearest_views,
)
from bake.inspection.small_pictures import Instant, Small, read_instant
from tests.bake.inspection import small_captures


@pytest.fixture(scope="module")
def seen(walls) -> tuple[Instant, dict[int, Features]]:
    instant = read_instant(walls, 0, 320)
    return instant, all_features(instant)


def test_a_patterned_picture_has_many_points_within_it(seen) -> None:
    instant, features = seen
    for view, found in features.items():
        assert len(found.points) > 80
        camera = instant.cameras[view]
        assert (found.points >= 0).all()
        assert (found.points < (camera.width, camera.height)).all()
        assert found.colors.shape == (len(found.points), 3)


def test_an_even_picture_has_no_points() -> None:
    found = find_features(Small(np.full((40, 40, 3), 128, np.uint8), None))
    assert found.points.shape == (0, 2)
    assert found.descriptors.shape == (0, 128)


def test_points_off_the_mask_are_not_sought(walls) -> None:
    rgb = read_instant(walls, 0, 320).pictures[0].rgb
    mask = np.zeros(rgb.shape[:2], bool)
    mask[:, :160] = True
    assert (find_features(Small(rgb, mask)).points[:, 0] <= 161).all()


def test_matches_lie_on_their_epipolar_lines(seen) -> None:
    instant, features = seen
    found = match(features, 0, 1)
    assert len(found.first) > 40
    here, there = features[0].points[found.first], features[1].points[found.second]
    cameras = (instant.cameras[0], instant.cameras[1])
    assert np.median(epipolar_distances(here, there, cameras)) < 0.5


def test_projections_of_points_lie_exactly_on_their_lines(walls) -> None:
    points = np.random.default_rng(0).uniform((-1, -1, 4), (1, 1, 6), (50, 3))
    one, other = walls.cameras[2], walls.cameras[7]
    distances = epipolar_distances(one.project(points)[0], other.project(points)[0], (one, other))
    assert distances == pytest.approx(np.zeros(50), abs=1e-6)


def test_distances_are_in_pixels(walls) -> None:
    points = np.random.default_rng(0).uniform((-1, -1, 4), (1, 1, 6), (50, 3))
    one, other = walls.cameras[0], walls.cameras[1]
    here, there = one.project(points)[0], other.project(points)[0]
    distances = epipolar_distances(here, there + np.array([0, 3]), (one, other))
    assert np.median(distances) == pytest.approx(3, rel=0.3)


def test_cameras_in_one_place_have_no_lines(walls) -> None:
    camera = walls.cameras[0]
    points = np.array([[10.0, 20.0]])
    assert np.isinf(epipolar_distances(points, points, (camera, camera))).all()


def test_matches_are_mutual_and_distinct() -> None:
    axes = np.eye(128, dtype=np.float32)
    one = Features(np.zeros((3, 2)), axes[[0, 1, 2]], np.ones((3, 3)))
    other = Features(np.zeros((3, 2)), axes[[2, 0, 5]], np.ones((3, 3)))
    found = match_features(one, other, (0, 1))
    assert found.first.tolist() == [0, 2]
    assert found.second.tolist() == [1, 0]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_points_match_nothing(count) -> None:
    few = Features(np.zeros((count, 2)), np.zeros((count, 128), np.float32), np.ones((count, 3)))
    assert not len(match_features(few, few, (0, 1)).first)


def test_near_views_come_first(walls) -> None:
    cameras = dict(enumerate(walls.cameras))
    nearest = nearest_views(cameras, 0, 3)
    assert len(nearest) == 3
    assert 0 not in nearest
    assert 1 in nearest
    assert len(nearest_views(cameras, 0, 99)) == 9


def test_views_that_look_away_come_last() -> None:
    cameras = dict(enumerate(small_captures.ring(8, 32)))
    assert nearest_views(cameras, 0, 7)[-1] not in {1, 7}


def test_gains_of_equal_pictures_are_one(seen) -> None:
    _, features = seen
    matches = [match(features, one, one + 1) for one in range(9)]
    for gain in gains_by_matches(features, matches).values():
        assert gain.rgb == pytest.approx((1, 1, 1), abs=0.05)


def test_the_gain_of_one_brighter_view_is_found(seen) -> None:
    _, features = seen
    brighter = {**features, 4: features[4]._replace(colors=features[4].colors * 1.3)}
    pairs = [(a, b) for a in range(10) for b in range(a + 1, min(a + 4, 10))]
    gains = gains_by_matches(brighter, [match(brighter, *pair) for pair in pairs])
    assert gains[4].rgb == pytest.approx((1.3, 1.3, 1.3), abs=0.05)
    assert gains[6].rgb == pytest.approx((1, 1, 1), abs=0.05)


def test_without_matches_there_are_no_gains(seen) -> None:
    assert gains_by_matches(seen[1], []) == {}
