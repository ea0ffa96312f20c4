"""Strict reading of the transforms.json family: values, poses, boxes, and words of complaint."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bake.captures.transforms import (
    Record,
    read_document,
    to_aabb,
    to_camera,
    to_frames,
    to_pose,
    whole,
)
from bake.errors import CaptureError
from render.cameras import Camera

LENS = (40.0, 42.0, 8.0, 6.0)
SIZE = (16, 12)
# OpenGL looks along -z with y up, OpenCV along +z with y down.
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def entry(**values: object) -> Record:
    return Record("file.json frames[3]", values)


def rigid(seed: int) -> NDArray[np.float64]:
    """A random rotation and place."""
    generator = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, generator.normal(0, 5, 3)
    return matrix


def camera(matrix: NDArray[np.float64]) -> Camera:
    return to_camera(entry(transform_matrix=matrix.tolist()), SIZE, LENS)


@given(seed=st.integers(0, 999))
def test_a_pose_is_the_inverse_of_the_flipped_matrix(seed) -> None:
    matrix = rigid(seed)
    pose = to_pose(entry(transform_matrix=matrix.tolist()))
    np.testing.assert_allclose(pose, np.linalg.inv(matrix @ FLIP), atol=1e-12)
    np.testing.assert_allclose(camera(matrix).position, matrix[:3, 3], atol=1e-12)


@given(seed=st.integers(0, 999), x=st.floats(-2, 2), y=st.floats(-2, 2), far=st.floats(0.1, 9))
def test_a_point_before_the_opengl_camera_lands_where_the_formula_says(seed, x, y, far) -> None:
    matrix = rigid(seed)
    point = matrix @ [x, y, -far, 1]
    (pixel,), (depth,) = camera(matrix).project([point[:3]])
    assert depth == pytest.approx(far)
    assert pixel == pytest.approx([8 + 40 * x / far, 6 - 42 * y / far], abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m * np.array([[2.0], [2], [2], [1]]), "deviates from orthonormal"),
        (lambda m: m + 1e-3 * np.eye(4, k=1), "deviates from orthonormal"),
        (lambda m: m @ np.diag([-1.0, 1, 1, 1]), "mirrors space"),
        (lambda m: m.T, "expected 0 0 0 1; transpose it"),
        (lambda m: m * np.array([[1.0], [1], [1], [2]]), "expected 0 0 0 1"),
        (lambda m: np.where(m == m[0, 3], np.inf, m), "NaN or infinity"),
        (lambda m: np.zeros((4, 4)), "expected 0 0 0 1"),
    ],
    ids=["scaled", "sheared", "mirrored", "transposed", "projective", "infinite", "empty"],
)
def test_a_matrix_that_is_no_pose_is_refused_with_its_entry(change, message) -> None:
    with pytest.raises(CaptureError, match=rf"^file\.json frames\[3\] has no usable.*{message}"):
        camera(change(rigid(1)))


def test_a_pose_printed_with_five_digits_is_accepted() -> None:
    # The place is turned there and back, by a rotation that is off by five digits.
    assert np.abs(camera(rigid(4).round(5)).position - rigid(4)[:3, 3]).max() < 1e-4


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.0,
        "matrix",
        {},
        [],
        [[1, 2], [3]],
        np.eye(3).tolist(),
        np.eye(5).tolist(),
        [["a"] * 4],
        [[10**400] * 4] * 4,
        [[[[[1]]]]],
    ],
)
def test_a_matrix_of_another_shape_says_what_was_expected(value) -> None:
    with pytest.raises(CaptureError, match=r"expected 4x4 numbers; write camera-to-world row by"):
        to_pose(entry(transform_matrix=value))


def test_a_camera_too_far_away_for_single_precision_names_the_entry() -> None:
    matrix = np.eye(4)
    matrix[0, 3] = 1e300
    with pytest.raises(
        CaptureError, match=r"^file\.json frames\[3\] .* holds 1e\+300, expected at"
    ):
        camera(matrix)


def test_a_picture_too_large_for_a_package_names_the_entry() -> None:
    pose = entry(transform_matrix=np.eye(4).tolist())
    assert to_camera(pose, (65535, 1), LENS).width == 65535
    with pytest.raises(CaptureError, match=r"^file\.json frames\[3\] has pictures of 65536x1, exp"):
        to_camera(pose, (65536, 1), LENS)


@pytest.mark.parametrize("lens", [(0.0, 1, 1, 1), (1, -1, 1, 1), (1, 1, float("nan"), 1)])
def test_a_lens_that_cannot_be_names_the_entry(lens) -> None:
    with pytest.raises(CaptureError, match=r"^file\.json frames\[3\] has no usable camera"):
        to_camera(entry(transform_matrix=np.eye(4).tolist()), SIZE, lens)


@pytest.mark.parametrize("value", [True, None, "1", [1], float("inf"), float("nan")])
def test_what_is_no_finite_number_is_quoted(value) -> None:
    with pytest.raises(CaptureError) as caught:
        entry(fl_x=value).number("fl_x")
    assert str(caught.value).startswith(f'file.json frames[3] has "fl_x" = {value!r}, expected')


@given(st.integers(0, 2**53) | st.integers(0, 2**40).map(float))
def test_whole_numbers_may_be_written_as_floats(value) -> None:
    assert whole(entry(w=value), "w") == value
    assert type(whole(entry(w=value), "w")) is int


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e300])
def test_a_number_beyond_single_precision_is_quoted_in_short(value) -> None:
    with pytest.raises(CaptureError, match="expected a finite number of at most 3") as caught:
        entry(fl_x=value).number("fl_x")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [-1, 0.5, 2**53 + 2, 1e30])
def test_what_does_not_count_is_no_whole_number(value) -> None:
    with pytest.raises(CaptureError, match=r"expected 0, 1, 2, \.\.\."):
        whole(entry(frame_index=value), "frame_index")


@pytest.mark.parametrize(
    "value", [None, "", 7, ["a.png"], "a\0.png", "../a.png", "/etc/a.png", "C:a.png"]
)
def test_a_file_name_must_be_text(value) -> None:
    with pytest.raises(CaptureError, match=r'"file_path" = .*expected a file name'):
        entry(file_path=value).file_name("file_path")


def test_entries_are_numbered_in_what_they_complain_about() -> None:
    with pytest.raises(CaptureError, match=r"^file frames\[1\] is 'b', expected an object"):
        Record("file", {"frames": [{}, "b"]}).records("frames")
    assert Record("file", {"frames": [{}, {}]}).records("frames")[1].where == "file frames[1]"


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=9))
def test_a_stated_frame_number_wins_over_the_time(pairs) -> None:
    records = [entry(frame_index=index, time=time) for index, time in pairs]
    assert to_frames(records) == [index for index, _ in pairs]


@pytest.mark.parametrize("key", ["frame_index", "time"])
def test_a_key_that_only_some_entries_state_is_refused_at_the_first_without(key) -> None:
    records = [Record("a", {key: 0}), Record("b", {}), Record("c", {})]
    with pytest.raises(CaptureError, match=rf'^b has no "{key}".*1 of 3 entries state it'):
        to_frames(records)


@given(st.tuples(*[st.floats(-100, 100)] * 6))
def test_any_box_is_taken_exactly_or_refused_by_axis(numbers) -> None:
    low, high = list(numbers[:3]), list(numbers[3:])
    if all(a < b for a, b in zip(low, high, strict=True)):
        box = to_aabb(Record("file", {"aabb": [low, high]}))
        assert (list(box.minimum), list(box.maximum)) == (low, high)
    else:
        with pytest.raises(CaptureError, match=r"^file has an unusable aabb: .* along [xyz]"):
            to_aabb(Record("file", {"aabb": [low, high]}))


@given(cut=st.integers(0, 200))
def test_a_truncated_document_is_refused_by_name(tmp_path_factory, cut) -> None:
    text = json.dumps({"fl_x": 40.0, "frames": [{"file_path": "a.png"}], "note": "ünïcode"})
    path = tmp_path_factory.mktemp("cut") / "transforms.json"
    path.write_bytes(text.encode()[: cut % len(text)])
    with pytest.raises(CaptureError, match=r"transforms\.json is .*export the capture again"):
        read_document(path)


def test_a_folder_in_place_of_the_document_is_missing(tmp_path: Path) -> None:
    (tmp_path / "transforms.json").mkdir()
    with pytest.raises(CaptureError, match=r"transforms\.json is missing"):
        read_document(tmp_path / "transforms.json")


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"frames":' * 100_000, '{"w": ' + "9" * 5000 + "}"],
    ids=["deep list", "deep object", "many digits"],
)
def test_a_document_that_no_reader_can_take_in_is_refused(tmp_path: Path, text) -> None:
    (tmp_path / "transforms.json").write_text(text)
    with pytest.raises(CaptureError, match=r"transforms\.json is not JSON .*export the capture"):
        read_document(tmp_path / "transforms.json")


@pytest.mark.parametrize(
    "corner", [[10**400, 0, 0], [1e300, 0, 0], "123", [0, 0], ["0", "0", "0"], None, [[[[0]]]]]
)
def test_a_corner_that_is_no_position_is_refused(corner) -> None:
    with pytest.raises(CaptureError, match=r"^file has an unusable aabb: corner is"):
        to_aabb(Record("file", {"aabb": [[-1, -1, -1], corner]}))
