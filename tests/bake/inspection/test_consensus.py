"""Voxels are agreed on by most, one wrong camera carves nothing away, and nobody judges itself."""

import numpy as np
import pytest

from bake.inspection.consensus import Votes, collect_votes, depth_picture, silhouette
from bake.inspection.outlines import overlap
from bake.inspection.small_pictures import Instant, Small, read_instant
from benchmarks import fault_planting as planting
from render.cameras import Lens, look_at
from render.geometry import Aabb

REGION = Aabb((-1.2, -1.2, -1.2), (1.2, 1.2, 1.2))


def everyone(instant: Instant) -> frozenset[int]:
    return frozenset(instant.views)


def votes_of(*rows: list[int]) -> Votes:
    said = np.array(rows, np.uint8)
    return Votes(np.zeros((said.shape[1], 3)), 0.1, tuple(range(len(rows))), said)


def test_a_share_of_those_who_see_a_voxel_must_agree() -> None:
    votes = votes_of([2, 2, 2], [2, 2, 1], [2, 2, 1], [2, 1, 0])
    ballot = votes.count(frozenset(range(4)))
    assert ballot.agreed(1.0).tolist() == [True, False, False]
    assert ballot.agreed(0.75).tolist() == [True, True, False]
    assert ballot.agreed(0.3).tolist() == [True, True, True]


def test_voxels_that_few_see_are_not_agreed_on() -> None:
    votes = votes_of([2, 2], [2, 0], [2, 0], [0, 0], [0, 0])
    assert votes.count(frozenset(range(5))).agreed(0.5).tolist() == [True, False]


def test_a_view_that_is_left_out_says_nothing() -> None:
    votes = votes_of([1, 2], [2, 2], [2, 2], [2, 1])
    ballot = votes.count(frozenset(range(4)))
    assert ballot.agreed(1.0).tolist() == [False, False]
    assert ballot.agreed(1.0, without=0).tolist() == [True, False]
    assert ballot.agreed(1.0, without=3).tolist() == [False, True]


def test_views_outside_the_jury_are_not_counted() -> None:
    votes = votes_of([1], [2], [2], [2])
    ballot = votes.count(frozenset({1, 2, 3}))
    assert ballot.agreed(1.0).all()
    assert ballot.agreed(1.0, without=0).all()


def test_what_all_agree_on_fits_every_mask(instant) -> None:
    votes = collect_votes(instant, REGION, everyone(instant), 0.8)
    assert votes is not None
    kept = votes.count(everyone(instant)).agreed(1.0)
    for view in instant.views:
        outline = silhouette(votes.points[kept], votes.voxel_size, instant.cameras[view])
        assert overlap([(outline, instant.mask(view))]) > 0.9


def test_a_region_far_larger_than_the_subject_is_closed_in_on(instant) -> None:
    region = Aabb((-3, -3, -3), (3, 3, 3))
    votes = collect_votes(instant, region, everyone(instant), 0.8)
    assert votes is not None
    assert np.ptp(votes.points, axis=0).max() < 2.5
    assert votes.voxel_size < 0.08


def test_one_wrong_camera_carves_nothing_away(balls, instant) -> None:
    wrong = read_instant(planting.mirror(balls, 3), 2)
    good = collect_votes(instant, REGION, everyone(instant), 0.8)
    bad = collect_votes(wrong, REGION, everyone(wrong), 0.8)
    assert good is not None
    assert bad is not None
    counts = [v.count(frozenset(v.views)).agreed(0.8).sum() * v.voxel_size**3 for v in (good, bad)]
    assert counts[1] == pytest.approx(counts[0], rel=0.2)


def test_empty_masks_agree_on_nothing(instant) -> None:
    nothing = {
        view: Small(small.rgb, np.zeros_like(small.mask))
        for view, small in instant.pictures.items()
    }
    empty = Instant(instant.frame, instant.cameras, nothing)
    assert collect_votes(empty, REGION, everyone(empty), 0.5) is None


def test_a_region_beside_the_subject_holds_nothing(instant) -> None:
    beside = Aabb((5, 5, 5), (6, 6, 6))
    assert collect_votes(instant, beside, everyone(instant), 0.8) is None


def test_the_nearest_voxel_is_seen() -> None:
    camera = look_at((0, -4, 0), (0, 0, 0), (0, 0, 1), lens=Lens(32, 32, 32))
    depth = depth_picture(np.array([[0.0, 0, 0], [0.0, 1, 0]]), 0.5, camera)
    assert depth.min() == pytest.approx(4)
    assert np.isinf(depth).any()
    assert depth[16, 16] == pytest.approx(4)


def test_voxels_behind_a_camera_are_not_drawn() -> None:
    camera = look_at((0, -4, 0), (0, 0, 0), (0, 0, 1), lens=Lens(16, 16, 16))
    assert not silhouette(np.array([[0.0, -6, 0]]), 0.5, camera).any()
    assert not silhouette(np.empty((0, 3)), 0.5, camera).any()


def test_a_voxel_is_as_large_as_it_looks() -> None:
    camera = look_at((0, -4, 0), (0, 0, 0), (0, 0, 1), lens=Lens(64, 64, 64))
    picture = silhouette(np.array([[0.0, 0, 0]]), 1.0, camera)
    rows, columns = np.nonzero(picture)
    assert np.ptp(rows) + 1 == pytest.approx(16, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(16, abs=1)
