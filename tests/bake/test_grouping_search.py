"""Greedy cutting against an exhaustive search over all ways to cut a sequence."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import CapacityError
from bake.grouping import GroupingConfig, plan_groups
from render.geometry import Aabb
from render.occupancy import OccupancyGrid, VoxelGrid

GRID = VoxelGrid(Aabb((0, 0, 0), (2, 1, 3)), 1.0, (3, 2, 4))
Frames = list[set[int]]

frames = st.lists(st.sets(st.integers(0, 23), min_size=1, max_size=7), min_size=1, max_size=8)
capacities, lengths = st.integers(7, 24), st.integers(1, 6)


def occupancy(vertices: set[int]) -> OccupancyGrid:
    bits = np.zeros(24, np.bool_)
    bits[list(vertices)] = True
    return OccupancyGrid(GRID, bits.reshape(GRID.shape))


def lengths_of(sequence: Frames, capacity: int, length: int) -> list[int]:
    plans = plan_groups(map(occupancy, sequence), GroupingConfig(capacity, length))
    return [plan.frame_count for plan in plans]


def all_cuts(count: int) -> Iterator[list[int]]:
    """Every way to cut a sequence into runs, as their lengths, fewest runs first."""
    for cut_count in range(count):
        for cuts in combinations(range(1, count), cut_count):
            yield np.diff([0, *cuts, count]).tolist()


def is_allowed(sequence: Frames, runs: list[int], capacity: int, length: int) -> bool:
    ends = np.cumsum(runs)
    unions = [set.union(*sequence[end - run : end]) for run, end in zip(runs, ends, strict=True)]
    return max(runs) <= length and max(map(len, unions)) <= capacity


@given(frames, capacities, lengths)
def test_no_other_way_to_cut_needs_fewer_groups(sequence, capacity, length) -> None:
    found = lengths_of(sequence, capacity, length)
    best = next(r for r in all_cuts(len(sequence)) if is_allowed(sequence, r, capacity, length))
    assert is_allowed(sequence, found, capacity, length)
    assert len(found) == len(best)


@given(frames, capacities, lengths)
def test_of_all_ways_each_group_in_turn_is_the_longest(sequence, capacity, length) -> None:
    allowed = [r for r in all_cuts(len(sequence)) if is_allowed(sequence, r, capacity, length)]
    assert lengths_of(sequence, capacity, length) == max(allowed)


@given(frames, capacities, lengths, st.integers(0, 7))
def test_what_comes_later_never_changes_a_finished_group(sequence, capacity, length, count) -> None:
    whole = lengths_of(sequence, capacity, length)
    begun = lengths_of(sequence[:count], capacity, length)
    finished = max(len(begun) - 1, 0)
    assert begun[:finished] == whole[:finished]
    assert all(run <= whole[finished] for run in begun[finished:])


@given(frames, capacities, lengths, st.permutations(range(24)))
def test_only_counts_matter_not_where_the_vertices_lie(sequence, capacity, length, order) -> None:
    elsewhere = [{order[vertex] for vertex in frame} for frame in sequence]
    cut = lengths_of(sequence, capacity, length)
    assert lengths_of(elsewhere, capacity, length) == cut


def test_frames_are_taken_one_at_a_time() -> None:
    taken: list[int] = []

    def stream() -> Iterator[OccupancyGrid]:
        for index in range(9):
            taken.append(index)
            yield occupancy({index} if index != 3 else set(range(20)))

    with pytest.raises(CapacityError, match=r"frame 3 alone occupies 20 .* at most 7 texels"):
        plan_groups(stream(), GroupingConfig(7, 2))
    assert taken == [0, 1, 2, 3]


@given(frames, capacities, lengths)
def test_the_given_frames_stay_as_they_were(sequence, capacity, length) -> None:
    grids = [occupancy(frame) for frame in sequence]
    before = [grid.vertices.copy() for grid in grids]
    plan_groups(grids, GroupingConfig(capacity, length))
    assert all(np.array_equal(g.vertices, b) for g, b in zip(grids, before, strict=True))
