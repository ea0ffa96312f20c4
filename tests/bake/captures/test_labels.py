"""What cameras are called: as people call their folders and pictures, and never two the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.labels import camera_labels, check_distinct, first_few
from bake.errors import CaptureError


def labels(*pictures: str) -> tuple[str, ...] | None:
    """Of cameras with pictures by frame, as in ``a/0.png a/1.png``."""
    return camera_labels([[Path(name) for name in each.split()] for each in pictures])


def test_a_folder_of_frames_names_its_camera() -> None:
    assert labels("cam00/0.png cam00/1.png", "cam01/0.png cam01/1.png") == ("cam00", "cam01")
    assert labels("x/cam00/0.png", "x/cam01/0.png") == ("cam00", "cam01")


def test_a_picture_names_its_camera_where_all_lie_in_one_folder() -> None:
    assert labels("images/a.png", "images/b.jpg") == ("a", "b")
    assert labels("a.png", "b.png") == ("a", "b")
    assert labels("0/images/a.png 1/images/a.png", "0/images/b.png 1/images/b.png") == ("a", "b")


def test_both_names_are_used_where_neither_is_enough() -> None:
    assert labels("train/r_0.png", "train/r_1.png", "test/r_0.png") == (
        "train/r_0",
        "train/r_1",
        "test/r_0",
    )


def test_names_that_tell_nothing_are_no_names() -> None:
    assert labels("a/0.png b/1.png", "b/0.png a/1.png") is None
    assert labels("x/a/0.png", "y/a/0.png") is None
    assert labels("a.png", "") is None


@given(st.lists(st.lists(st.sampled_from(["a/0", "a/1", "b/0", "b/1", "0"]), max_size=3)))
def test_names_are_always_distinct(pictures) -> None:
    found = camera_labels([[Path(f"{name}.png") for name in each] for each in pictures])
    assert found is None or (all(found) and len({*found}) == len(pictures))


def test_two_cameras_of_one_name_are_refused() -> None:
    check_distinct("rig", ("a", "b"))
    with pytest.raises(CaptureError, match=r"several cameras that are called 'a'.*rename"):
        check_distinct("rig", ("a", "b", "a"))


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (1, "a"), (2, "a, b"), (3, "a, b, ..."), (4, "a, b, ...")]
)
def test_of_many_names_the_first_few_are_told(count, text) -> None:
    assert first_few("abcd"[:count], 2) == text
