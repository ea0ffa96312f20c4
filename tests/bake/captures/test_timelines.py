"""Folders of pictures as timelines, names that stay inside, and splits."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.folders import by_frame, numbered_pictures
from bake.captures.pictures import stays_inside
from bake.captures.source import every_eighth
from bake.errors import CaptureError


def touched(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_frames_are_the_numbers_that_names_end_with(tmp_path) -> None:
    folder = touched(tmp_path / "cam", "a_0012.png", "a_0003.PNG", "a_7.jpg", "notes.txt")
    found = numbered_pictures(folder)
    assert {frame: path.name for frame, path in found.items()} == {
        3: "a_0003.PNG",
        7: "a_7.jpg",
        12: "a_0012.png",
    }


def test_names_without_numbers_are_frames_by_rank(tmp_path) -> None:
    found = numbered_pictures(touched(tmp_path / "cam", "late.png", "early.png", "middle.png"))
    assert [found[frame].stem for frame in range(3)] == ["early", "late", "middle"]


def test_two_pictures_of_one_frame_are_refused(tmp_path) -> None:
    folder = touched(tmp_path / "cam", "01.png", "1.jpg")
    with pytest.raises(CaptureError, match="several pictures of frame 1, expected one"):
        numbered_pictures(folder)


def test_a_folder_without_pictures_is_refused(tmp_path) -> None:
    with pytest.raises(CaptureError, match="holds no picture, expected some"):
        numbered_pictures(touched(tmp_path / "cam", "readme.md"))


def test_timelines_become_frames_with_every_view() -> None:
    timelines = [{4: Path("a4"), 5: Path("a5")}, {4: Path("b4"), 5: Path("b5")}]
    masks = [None, {4: Path("m4"), 5: Path("m5")}]
    files, views = by_frame(timelines, ("a", "b"), masks)
    assert views == {4: (0, 1), 5: (0, 1)}
    assert files[4, 0] == (Path("a4"), None)
    assert files[5, 1] == (Path("b5"), Path("m5"))


def test_what_many_frames_lack_is_named_in_short() -> None:
    timelines = [{n: Path(f"{n}") for n in range(20)}, {0: Path("0")}]
    with pytest.raises(CaptureError, match=r"b has no picture at 19 of 20 .*\(1, 2, 3, 4, 5, \.\."):
        by_frame(timelines, ("a", "b"), [None, None])


@pytest.mark.parametrize("name", ["a.png", "a/b.png", "./a.png", "a..b/c.png"])
def test_names_that_stay_inside(name) -> None:
    assert stays_inside(name)


@pytest.mark.parametrize(
    "name", ["", "..", "../a", "a/../../b", "/a", "\\a", "a\\..\\..\\b", "C:\\a", "a\0b"]
)
def test_names_that_do_not(name) -> None:
    assert not stays_inside(name)


@given(st.integers(2, 200))
def test_every_eighth_camera_is_held_out_and_all_are_used(count) -> None:
    split = every_eighth(count)
    assert sorted(split.train + split.test) == list(range(count))
    assert split.test == tuple(range(0, count, 8))
