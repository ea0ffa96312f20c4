"""How pictures of a closed group predict each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.picture_plans import PictureKind, coding_order, plan_pictures


def kinds(count: int, b_frames: int) -> str:
    return "".join(plan.kind.value for plan in plan_pictures(count, b_frames))


@pytest.mark.parametrize(
    ("count", "b_frames", "expected"),
    [
        (1, 8, "I"),
        (2, 8, "IP"),
        (3, 8, "IbP"),
        (10, 8, "IbbbbBbbbP"),
        (12, 8, "IbbbbBbbbPbP"),
        (5, 0, "IPPPP"),
        (7, 2, "IbBPbBP"),
    ],
)
def test_runs_lie_between_two_pictures_and_the_middle_one_serves_the_others(
    count, b_frames, expected
) -> None:
    assert kinds(count, b_frames) == expected


@given(count=st.integers(1, 60), b_frames=st.integers(0, 16))
def test_every_picture_comes_after_those_it_is_predicted_from(count, b_frames) -> None:
    plans = plan_pictures(count, b_frames)
    done: set[int] = set()
    for index in coding_order(plans):
        assert set(plans[index].references) <= done
        done.add(index)
    assert done == set(range(count))


@given(count=st.integers(2, 60), b_frames=st.integers(0, 16))
def test_pictures_between_look_both_ways(count, b_frames) -> None:
    for index, plan in enumerate(plan_pictures(count, b_frames)):
        if plan.kind in {PictureKind.BETWEEN, PictureKind.REFERENCED}:
            before, after = plan.references
            assert before < index < after
        elif plan.kind is PictureKind.FORWARD:
            assert plan.references[0] < index
