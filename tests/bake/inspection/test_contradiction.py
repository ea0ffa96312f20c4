"""Masks that cannot be of one subject, and masks that a loose hull only seems to contradict."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bake.captures.source import Source
from bake.inspection.agreement import Agreement, find_agreement
from bake.inspection.contradiction import contradicts, emptied
from bake.inspection.placement import common_region
from bake.inspection.small_pictures import read_instant
from tests.bake.inspection import planting

COUNT = 14


@pytest.fixture(scope="module")
def balls() -> Source:
    return planting.balls(COUNT, 96, 3)


def agreement_of(source: Source) -> Agreement:
    region = common_region(source.cameras)
    assert region is not None
    found = find_agreement([read_instant(source, 1, 96)], region)
    assert found is not None
    return found


def test_masks_that_fit_contradict_nobody(balls) -> None:
    found = agreement_of(balls)
    assert found.contradicting == frozenset()
    for view in found.stated:
        assert not contradicts(found.scenes, view, found.jury)
        assert emptied(found.scenes, view, found.jury) < 0.006


def test_a_moved_mask_cannot_be_of_the_others_subject(balls) -> None:
    found = agreement_of(planting.shift_mask(balls, 5))
    assert found.contradicting == {5}
    assert found.fits


def test_a_view_that_saw_nothing_of_a_scene_empties_nothing(balls) -> None:
    found = agreement_of(balls)
    assert emptied(found.scenes, COUNT + 1, found.jury) == 0.0


@pytest.mark.parametrize("kept", [(0, 1, 2, 3, 4, 5), (0, 1, 7, 8), (0, 2, 5, 6, 7, 9, 12)])
def test_few_cameras_leave_room_but_contradict_nobody(balls, kept: Sequence[int]) -> None:
    found = agreement_of(replace(balls, views=dict.fromkeys(balls.views, tuple(kept))))
    assert found.contradicting == frozenset()
    assert found.fits
