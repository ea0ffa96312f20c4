"""Groups cover every frame once, fit their limits, and are as long as the limits allow."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import CapacityError
from bake.grouping import GroupingConfig, plan_groups
from render.geometry import Aabb
from render.occupancy import OccupancyGrid, VoxelGrid, union

GRID = VoxelGrid(Aabb((0, 0, 0), (1, 1, 3)), 1.0, (2, 2, 4))
MAX = 16


def occupancy(vertices) -> OccupancyGrid:
    bits = np.zeros(MAX, np.bool_)
    bits[list(vertices)] = True
    return OccupancyGrid(GRID, bits.reshape(GRID.shape))


frames = st.lists(st.sets(st.integers(0, MAX - 1), min_size=1, max_size=6), max_size=12)


@given(frames=frames, capacity=st.integers(6, MAX), length=st.integers(1, 5))
def test_groups_follow_each_other_without_a_gap(frames, capacity, length) -> None:
    plans = plan_groups([occupancy(f) for f in frames], GroupingConfig(capacity, length))
    assert [index for plan in plans for index in plan.frames] == list(range(len(frames)))
    assert all(plan.frame_count == len(plan.frames) >= 1 for plan in plans)


@given(frames=frames, capacity=st.integers(6, MAX), length=st.integers(1, 5))
def test_a_group_keeps_both_limits_and_holds_the_union_of_its_frames(
    frames, capacity, length
) -> None:
    given_frames = [occupancy(f) for f in frames]
    for plan in plan_groups(given_frames, GroupingConfig(capacity, length)):
        whole = union([given_frames[index] for index in plan.frames])
        assert np.array_equal(plan.occupancy.vertices, whole.vertices)
        assert plan.occupancy.count <= capacity
        assert plan.frame_count <= length


@given(frames=frames, capacity=st.integers(6, MAX), length=st.integers(1, 5))
def test_no_group_but_the_last_could_take_one_more_frame(frames, capacity, length) -> None:
    given_frames = [occupancy(f) for f in frames]
    plans = plan_groups(given_frames, GroupingConfig(capacity, length))
    for plan in plans[:-1]:
        longer = union([plan.occupancy, given_frames[plan.frames.stop]])
        assert longer.count > capacity or plan.frame_count == length


@given(frames=frames, capacity=st.integers(6, MAX))
def test_more_room_never_makes_more_groups(frames, capacity) -> None:
    given_frames = [occupancy(f) for f in frames]
    tight = plan_groups(given_frames, GroupingConfig(capacity, 4))
    roomy = plan_groups(given_frames, GroupingConfig(MAX, 4))
    assert len(roomy) <= len(tight)


def test_groups_are_cut_where_the_union_outgrows_the_capacity() -> None:
    given_frames = [occupancy(f) for f in ({0, 1}, {1, 2}, {2, 3}, {3}, {9})]
    plans = plan_groups(given_frames, GroupingConfig(texel_capacity=3, max_length=9))
    assert [(plan.first_frame, plan.frame_count) for plan in plans] == [(0, 2), (2, 3)]


def test_equal_frames_are_cut_by_length_alone() -> None:
    plans = plan_groups([occupancy({1})] * 7, GroupingConfig(texel_capacity=1, max_length=3))
    assert [plan.frame_count for plan in plans] == [3, 3, 1]


def test_no_frames_make_no_groups() -> None:
    assert plan_groups([], GroupingConfig(1, 1)) == ()


def test_a_frame_that_does_not_fit_alone_is_named_with_what_would_help() -> None:
    given_frames = [occupancy({0}), occupancy(range(8)), occupancy({1})]
    with pytest.raises(CapacityError) as caught:
        plan_groups(given_frames, GroupingConfig(texel_capacity=2, max_length=9))
    message = str(caught.value)
    assert re.search(r"frame 1 .*\b8 vertices, expected at most 2 texels", message)
    # A shell of half the resolution has a quarter of the vertices.
    assert "voxel_pixels to about 200%" in message
    assert "resolution to 50%" in message
    assert "texel_capacity" in message


@pytest.mark.parametrize(("capacity", "length"), [(0, 1), (1, 0), (-5, 3), (1, 2**31)])
def test_limits_that_allow_no_group_are_refused(capacity, length) -> None:
    with pytest.raises(ValueError, match=r"expected a whole number in 1\.\."):
        GroupingConfig(capacity, length)
