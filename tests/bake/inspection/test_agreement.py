"""Trusted cameras judge the rest, suspects lose their vote, and those who fit get it back."""

import numpy as np
import pytest

from bake.inspection.agreement import Agreement, explains, find_agreement
from bake.inspection.outlines import Explanation
from bake.inspection.small_pictures import read_instant
from benchmarks import fault_planting as planting
from render.geometry import Aabb

REGION = Aabb((-1.2, -1.2, -1.2), (1.2, 1.2, 1.2))


def judged(source, frames=(2,)) -> Agreement:
    found = find_agreement([read_instant(source, frame) for frame in frames], REGION)
    assert found is not None
    return found


def test_all_cameras_of_a_clean_capture_are_trusted(balls) -> None:
    found = judged(balls)
    assert found.jury == frozenset(range(14))
    assert found.median > 0.9
    assert not [view for view, why in found.best.items() if why.cause]


def test_a_wrong_camera_has_no_vote(balls) -> None:
    found = judged(planting.mirror(balls, 5))
    assert 5 not in found.jury
    assert found.best[5].cause == "mirrored"
    assert found.stated[5] < found.best[5].overlap


def test_the_others_are_judged_as_without_it(balls) -> None:
    clean, found = judged(balls), judged(planting.misread(balls, 0))
    others = [view for view in clean.stated if view != 0]
    assert [found.stated[v] for v in others] == pytest.approx(
        [clean.stated[v] for v in others], abs=0.06
    )


def test_three_wrong_cameras_of_fourteen_do_not_outvote_the_rest(balls) -> None:
    source = planting.mirror(planting.mirror(planting.zoom(balls, 2, 1.08), 7), 11)
    found = judged(source)
    assert {view for view, why in found.best.items() if why.cause} == {2, 7, 11}


def test_a_convention_is_only_looked_for_when_nothing_fits(balls) -> None:
    assert judged(balls).convention is None
    found = judged(planting.misread(balls))
    assert found.convention is not None
    assert found.convention.cause == "axes flipped"
    assert found.median > 0.9


def test_a_wrong_camera_is_found_in_a_misread_rig_too(balls) -> None:
    found = judged(planting.misread(planting.mirror(balls, 4)))
    assert found.convention is not None
    assert found.best[4].cause == "mirrored"


def test_several_instants_are_judged_together(balls) -> None:
    found = judged(planting.shift_mask(balls, 3, 6), (0, 2, 4))
    assert len(found.scenes) == 3
    assert found.best[3].cause == "shifted"


def test_no_subject_is_no_agreement(balls) -> None:
    empty = planting.reread(
        balls, lambda reader, frame, view: np.zeros_like(reader.read(frame, view))
    )
    assert find_agreement([read_instant(empty, 2)], REGION) is None


@pytest.mark.parametrize(
    ("stated", "overlap", "expected"),
    [
        (0.95, 0.97, False),  # too little is gained
        (0.60, 0.70, False),  # too little of what is lacking is explained
        (0.85, 0.95, True),
        (0.00, 0.90, True),
        (0.90, 0.85, False),
    ],
)
def test_an_explanation_has_to_be_clearly_better(stated, overlap, expected) -> None:
    assert explains(stated, Explanation("mirrored", overlap)) is expected
