"""Shots sorted into cameras and frames."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.pictures import PictureFiles
from bake.captures.rig import Shot, is_moving, to_rig
from bake.captures.transforms import Record, to_aabb, to_frames, to_pose
from bake.errors import CaptureError
from render.cameras import Camera, Lens, orbit

RING = orbit((0, 0, 0), 3.0, 0.5, 5, Lens(8, 8, 10.0))


def shot(view: int, frame: int, *, is_numbered: bool) -> Shot:
    files = PictureFiles(Path(f"{view}-{frame}.png"))
    return Shot(files, RING[view], frame, view * 3 if is_numbered else None)


@given(
    order=st.permutations([(view, frame) for view in range(5) for frame in range(3)]),
    is_numbered=st.booleans(),
)
def test_the_order_of_entries_does_not_matter(
    order: list[tuple[int, int]], is_numbered: bool
) -> None:
    shots = [shot(view, frame, is_numbered=is_numbered) for view, frame in order]
    rig = to_rig(shots, allow_gaps=False)
    assert list(rig.views) == [0, 1, 2]
    assert set(rig.views.values()) == {(0, 1, 2, 3, 4)}
    assert len(rig.files) == 15
    for (frame, view), files in rig.files.items():
        camera = rig.cameras[view]
        original = RING[int(files.picture.name.split("-")[0])]
        assert files.picture.name.endswith(f"-{frame}.png")
        assert np.array_equal(camera.world_to_camera, original.world_to_camera)
    assert [rig.files[shot.frame, view] for shot, view in zip(shots, rig.order, strict=True)] == [
        shot.files for shot in shots
    ]
    if is_numbered:
        assert rig.labels == ("0", "3", "6", "9", "12")


def test_poses_that_differ_by_printing_noise_are_one_camera() -> None:
    pose = RING[0].world_to_camera.copy()
    pose[0, 3] += 1e-8
    noisy = Camera(8, 8, 10.0, 10.0, 4.0, 4.0, pose)
    shots = [shot(0, 0, is_numbered=False), Shot(PictureFiles(Path("b.png")), noisy, 1)]
    assert len(to_rig(shots, allow_gaps=False).cameras) == 1


def test_a_gap_is_refused_unless_allowed() -> None:
    shots = [shot(0, 0, is_numbered=True), shot(1, 0, is_numbered=True)]
    shots.append(shot(0, 7, is_numbered=True))
    with pytest.raises(CaptureError, match=r"frame 7 has 1 of 2 cameras \(without 3\)"):
        to_rig(shots, allow_gaps=False)
    assert to_rig(shots, allow_gaps=True).views == {0: (0, 1), 7: (0,)}


def test_only_unnumbered_cameras_that_never_return_count_as_moving() -> None:
    path = [shot(view, view, is_numbered=False) for view in range(3)]
    assert is_moving(path)
    assert not is_moving([*path, shot(0, 4, is_numbered=False)])
    assert not is_moving([shot(view, view, is_numbered=True) for view in range(3)])


@given(times=st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_frames_are_the_ranks_of_distinct_times(times: list[int]) -> None:
    records = [Record("entry", {"time": time / 20}) for time in times]
    distinct = sorted(set(times))
    assert to_frames(records) == [distinct.index(time) for time in times]


def test_times_that_differ_by_printing_noise_are_one_frame() -> None:
    assert to_frames([Record("a", {"time": 1 / 3}), Record("b", {"time": 0.33333333})]) == [0, 0]


@pytest.mark.parametrize("number", [-1, 1.5, "2", True, None, float("nan")])
def test_a_frame_number_that_is_not_one_is_refused(number: object) -> None:
    with pytest.raises(CaptureError, match='entry has "frame_index"'):
        to_frames([Record("entry", {"frame_index": number})])


def test_opengl_axes_become_opencv_axes() -> None:
    # Camera-to-world identity in OpenGL looks along -z with +y up.
    pose = to_pose(Record("entry", {"transform_matrix": np.eye(4).tolist()}))
    camera = Camera(8, 8, 10.0, 10.0, 4.0, 4.0, pose)
    assert camera.forward.tolist() == [0, 0, -1]
    assert camera.up.tolist() == [0, 1, 0]


def test_a_three_by_four_pose_is_completed() -> None:
    matrix = np.hstack([np.eye(3), [[1.0], [2.0], [3.0]]])
    pose = to_pose(Record("entry", {"transform_matrix": matrix.tolist()}))
    assert Camera(8, 8, 1.0, 1.0, 4.0, 4.0, pose).position.tolist() == [1, 2, 3]


@pytest.mark.parametrize("value", [[], [[0, 0, 0]], [[0, 0], [1, 1]], [[0, 0, 0], "abc"], {}])
def test_a_box_of_another_shape_is_refused(value: object) -> None:
    with pytest.raises(CaptureError, match="aabb"):
        to_aabb(Record("file", {"aabb": value}))
