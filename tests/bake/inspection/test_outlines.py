"""Overlap is counted over all instants, and every explanation finds what was done to a mask."""

import numpy as np
import pytest

from bake.inspection.consensus import collect_votes
from bake.inspection.outlines import (
    Explanation,
    Scene,
    as_stated,
    covered,
    expect,
    large_errors,
    moved,
    overlap,
    small_errors,
)
from bake.inspection.small_pictures import Instant, read_instant
from benchmarks import fault_planting as planting
from render.geometry import Aabb

REGION = Aabb((-1.2, -1.2, -1.2), (1.2, 1.2, 1.2))


def scene_of(instant: Instant, *distrusted: int) -> Scene:
    jury = frozenset(instant.views) - {*distrusted}
    votes = collect_votes(instant, REGION, jury, 0.8)
    assert votes is not None
    return expect(instant, votes, jury, 1.0)


@pytest.fixture(scope="module")
def clean(instant) -> Scene:
    return scene_of(instant)


def best(scenes: list[Scene], view: int) -> Explanation:
    tried = [*small_errors(scenes, view), *large_errors(scenes, view)]
    return max(tried, key=lambda each: each.overlap)


def test_overlap_is_one_for_equal_and_zero_for_apart() -> None:
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    one[:2], other[2:] = True, True
    assert overlap([(one, one)]) == 1
    assert overlap([(one, other)]) == 0
    assert overlap([(one, one), (one, other)]) == pytest.approx(8 / 24)


def test_nothing_overlaps_with_nothing() -> None:
    empty = np.zeros((3, 3), bool)
    assert overlap([(empty, empty)]) == 0
    assert overlap([]) == 0


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (2, 0), (-1, 3), (0, -2), (9, 9), (-9, 0)])
def test_a_mask_moves_and_nothing_comes_in(dx, dy) -> None:
    mask = np.zeros((6, 8), bool)
    mask[2, 3] = True
    result = moved(mask, dx, dy)
    assert result.shape == mask.shape
    inside = 0 <= 2 + dy < 6 and 0 <= 3 + dx < 8
    assert result.sum() == inside
    if inside:
        assert result[2 + dy, 3 + dx]


def test_every_clean_view_fits(clean) -> None:
    for view in clean.expected:
        assert as_stated([clean], view).overlap > 0.88
        assert covered([clean], view) > 0.93


def test_nothing_explains_a_clean_view_clearly_better(clean) -> None:
    for view in (0, 5, 9):
        assert best([clean], view).overlap < as_stated([clean], view).overlap + 0.03


def test_an_empty_mask_is_covered(clean) -> None:
    masks = {**clean.instant.pictures}
    masks[0] = masks[0]._replace(mask=np.zeros_like(masks[0].mask))
    empty = clean._replace(instant=Instant(2, clean.instant.cameras, masks))
    assert covered([empty], 0) == 1
    assert as_stated([empty], 0).overlap == 0


@pytest.mark.parametrize("factor", [0.9, 1.05, 1.12])
def test_the_focal_length_is_found(balls, factor) -> None:
    wrong = read_instant(planting.zoom(balls, 4, factor), 2)
    found = small_errors([scene_of(wrong, 4)], 4)[0]
    assert found.cause == "focal length"
    assert found.zoom == pytest.approx(1 / factor, abs=0.02)


@pytest.mark.parametrize("dx", [7, -5])
def test_the_shift_is_found(balls, dx) -> None:
    wrong = read_instant(planting.shift_mask(balls, 2, dx), 2)
    found = small_errors([scene_of(wrong, 2)], 2)[1]
    assert found.cause == "shifted"
    assert found.shift[0] * 96 == pytest.approx(dx, abs=1)
    assert found.shift[1] * 96 == pytest.approx(0, abs=1)


def test_a_mirrored_view_is_explained(balls) -> None:
    wrong = read_instant(planting.mirror(balls, 6), 2)
    assert best([scene_of(wrong, 6)], 6).cause == "mirrored"


def test_the_partner_of_a_swap_is_found(balls) -> None:
    wrong = read_instant(planting.swap(balls, 1, 8), 2)
    found = best([scene_of(wrong, 1, 8)], 1)
    assert (found.cause, found.partner) == ("swapped", 8)


@pytest.mark.parametrize("index", range(5))
def test_every_misreading_of_a_pose_is_found(balls, index) -> None:
    wrong = read_instant(planting.misread(balls, 3, convention=index), 2)
    found = max(large_errors([scene_of(wrong, 3)], 3), key=lambda each: each.overlap)
    assert found.convention is not None
    assert found.overlap > 0.85


def test_several_instants_count_together(balls, clean) -> None:
    later = scene_of(read_instant(balls, 4))
    both = as_stated([clean, later], 0).overlap
    alone = sorted(as_stated([scene], 0).overlap for scene in (clean, later))
    assert alone[0] <= both <= alone[1]
