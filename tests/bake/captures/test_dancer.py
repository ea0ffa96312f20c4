"""The built-in dance: smooth, standing on its stage, catching its ball, and bounded as it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bake.captures.dancer import AABB, FRAMES_PER_LOOP, pose
from bake.captures.materials import Material
from bake.captures.procedural import draw
from bake.captures.tracing import Shape
from render.cameras import Lens, orbit

Array = NDArray[np.float64]
phases = st.floats(0, 1)
STAGE_TOP = 0.1
RING = orbit((0, 0, 0.8), 3.4, 0.7, 4, Lens(40, 40, 62.0))


def rows_of(table: Array, material: Material) -> Array:
    return table[table[:, 18] == material]


def ends(row: Array) -> tuple[Array, Array]:
    """Both ends of a round cone."""
    return row[1:4], row[1:4] + row[15] * row[10:13]


def boots(table: Array) -> list[Array]:
    """The foot cones, which start at the ankle; shins and gloves are leather as well."""
    leather = [row for row in rows_of(table, Material.LEATHER) if row[0] == Shape.ROUND_CONE]
    return [row for row in leather if row[3] < 0.5 and row[17] > 0]


@given(phases)
def test_all_axes_are_right_handed_and_of_unit_length(phase) -> None:
    turns = pose(phase)[:, 4:13].reshape(-1, 3, 3)
    np.testing.assert_allclose(
        turns @ turns.swapaxes(1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-9)


@given(phases)
def test_a_later_frame_is_the_same_figure_in_another_pose(phase) -> None:
    first, second = pose(0.0), pose(phase)
    for column in (0, 13, 14, 17, 18):
        np.testing.assert_allclose(first[:, column], second[:, column], err_msg=str(column))


@given(st.integers(0, 20 * FRAMES_PER_LOOP))
def test_nothing_jumps_from_one_frame_to_the_next(frame) -> None:
    before, after = (pose((frame + step) / FRAMES_PER_LOOP) for step in (0, 1))
    moved = np.linalg.norm(after[:, 1:4] - before[:, 1:4], axis=1)
    assert 0.001 < moved.max() < 0.2


@given(phases)
def test_no_foot_sinks_into_the_stage_and_one_always_carries(phase) -> None:
    feet = boots(pose(phase))
    assert len(feet) == 2
    lowest = [
        min(end[2] - radius for end, radius in zip(ends(row), row[13:15], strict=True))
        for row in feet
    ]
    # Soles are allowed to be as soft as leather is.
    assert min(lowest) > STAGE_TOP - 0.012
    assert min(lowest) < STAGE_TOP + 0.03


@given(phases)
def test_half_a_loop_later_the_other_side_does_the_same(phase) -> None:
    mirror = np.array([1, -1, 1])
    now, later = (
        sorted((row[1:4] for row in boots(pose(p))), key=lambda at: at[1])
        for p in (phase, phase + 0.5)
    )
    for foot, other in zip(now, reversed(later), strict=True):
        np.testing.assert_allclose(foot * mirror, other, atol=1e-9)


@pytest.mark.parametrize("phase", [0.0, 0.5])
def test_the_ball_changes_hands_where_a_hand_is(phase) -> None:
    table = pose(phase)
    (ball,) = rows_of(table, Material.BALL)
    gloves = [row for row in rows_of(table, Material.LEATHER) if row[3] > 0.5 and row[17] == 0]
    gaps = [np.linalg.norm(ends(glove)[1] - ball[1:4]) for glove in gloves]
    assert min(gaps) < 0.35 < max(gaps)


@given(phases)
def test_the_ball_flies_above_the_stage_and_under_the_lid(phase) -> None:
    (ball,) = rows_of(pose(phase), Material.BALL)
    assert STAGE_TOP + ball[13] < ball[3] < AABB.maximum[2] - ball[13]


@pytest.mark.parametrize("frame", range(2, FRAMES_PER_LOOP, 11))
def test_bounding_spheres_hide_nothing_that_can_be_seen(frame) -> None:
    """`trace` drops what a window cannot meet; with endless bounds it drops nothing."""
    table = pose(frame / FRAMES_PER_LOOP)
    endless = table.copy()
    endless[:, 22] = 50.0
    for camera in RING:
        found, expected = (draw(rows, camera).astype(int) for rows in (table, endless))
        assert np.array_equal(found[..., 3], expected[..., 3])
        # Longer marches end elsewhere within their tolerance, which a border can show.
        assert (np.abs(found - expected).max(axis=2) > 8).mean() < 0.005


def test_occluders_lie_within_their_bounding_spheres() -> None:
    for row in pose(0.3):
        for end in (row[23:26], row[26:29]):
            if row[29] > 0:
                assert np.linalg.norm(end - row[19:22]) + row[29] <= row[22] + 0.03
