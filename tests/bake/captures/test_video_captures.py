"""Captures that are videos: Neural 3D Video's and ReRF's, from miniatures of their layouts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import CaptureError
from tests.bake.captures import layout_writers
from tests.bake.captures.conftest import COLUMNS, PAINT, POINT, ROW, footage
from tests.bake.captures.layout_writers import Footage

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
FRAMES = 5


def brighter(count: int = FRAMES) -> Footage:
    """Pictures that get brighter, with a spot around the known pixel; the middle is the subject."""
    shown = replace(footage(range(count)), labels=("cam00", "cam03"))
    for column, pictures in zip(COLUMNS, shown.pictures, strict=True):
        for index, picture in enumerate(pictures):
            picture[..., :3] = 40 + 20 * index
            picture[ROW - 3 : ROW + 4, column - 3 : column + 4, :3] = PAINT
    return shown


def write_neural3d(folder: Path, count: int = FRAMES) -> Path:
    shown = brighter(count)
    return layout_writers.write_neural3d(folder, replace(shown, pictures=shown.pictures[..., :3]))


def write_rerf(folder: Path, count: int = FRAMES, **options: object) -> Path:
    return layout_writers.write_rerf(folder, brighter(count), **options)


WRITERS = {"neural3d": write_neural3d, "rerf": write_rerf}
formats = pytest.mark.parametrize("form", WRITERS)


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(str(folder), **{"box": BOX, **options}))


@formats
def test_a_spot_lies_around_a_known_point_in_every_view_and_frame(tmp_path, form) -> None:
    capture = opened(WRITERS[form](tmp_path / "scene"))
    for view, column in enumerate(COLUMNS):
        pixels, depth = capture.cameras[view].project([POINT])
        assert pixels[0] == pytest.approx([column + 0.5, ROW + 0.5], abs=1e-6)
        assert depth[0] == pytest.approx(4.0)
        for frame in (4, 0, 2):
            seen = capture.view(frame, view)
            assert seen.rgb[ROW, column].tolist() == pytest.approx(list(PAINT), abs=12)
            if form == "neural3d":
                assert float(seen.rgb[28, 3, 0]) == pytest.approx(40 + 20 * frame, abs=3)


def test_the_first_camera_of_neural3d_is_held_out_and_numbers_may_be_missing(tmp_path) -> None:
    capture = opened(write_neural3d(tmp_path / "scene"))
    assert capture.labels == ("cam00", "cam03")
    assert (capture.split.train, capture.split.test) == ((1,), (0,))
    assert not capture.has_masks


def test_without_a_box_neural3d_takes_all_that_is_in_view(tmp_path) -> None:
    capture = opened(write_neural3d(tmp_path / "scene"), box=())
    low, high = np.array(capture.aabb.minimum), np.array(capture.aabb.maximum)
    assert (low < POINT).all()
    assert (high > POINT).all()
    # From 2 to 6 units before both cameras, which see as far aside as half of that.
    assert (capture.aabb.size > 3).all()
    assert (capture.aabb.size < 9).all()


def test_masks_of_rerf_are_the_opacity(tmp_path) -> None:
    capture = opened(write_rerf(tmp_path / "scene"))
    view = capture.view(3, 1)
    assert view.alpha is not None
    assert view.alpha[16, 16] > 250
    assert view.alpha[2, 2] < 5
    assert view.rgb[2, 2].tolist() == pytest.approx([255, 255, 255], abs=5)


def test_a_box_of_rerf_is_in_units_of_its_reader_or_of_the_poses(tmp_path) -> None:
    folder = write_rerf(tmp_path / "scene")
    document = json.loads((folder / "bbox.json").read_text())
    assert document["xyz_max"][1] == pytest.approx(2 / 2.28125)
    for box in (document, {"xyz_min": BOX[:3], "xyz_max": BOX[3:]}):
        (folder / "bbox.json").write_text(json.dumps(box))
        aabb = opened(folder, box=()).aabb
        assert (*aabb.minimum, *aabb.maximum) == pytest.approx(BOX)


def test_cameras_of_rerf_without_videos_are_left_out(tmp_path) -> None:
    shown = brighter()
    third = shown.of([0, 1, 1])
    folder = layout_writers.write_rerf(tmp_path / "scene", third, absent=[0])
    capture = opened(folder)
    assert capture.labels == ("001", "002")
    for camera in capture.cameras:
        assert np.allclose(camera.world_to_camera, shown.to_camera[1])


@pytest.mark.parametrize(
    "text", ["", "{}", "[[-1,-1,-1],[1,1,1]]", '{"xyz_min": [1, 1, 1], "xyz_max": [0, 0, 0]}']
)
def test_a_box_that_is_none_names_the_remedy(tmp_path, text) -> None:
    folder = write_rerf(tmp_path / "scene")
    (folder / "bbox.json").write_text(text)
    with pytest.raises(CaptureError, match=r"holds no box .*remove it and give capture\.box"):
        opened(folder)


@formats
def test_a_video_that_is_shorter_than_the_others_ends_the_capture(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    shorter = WRITERS[form](tmp_path / "shorter", FRAMES - 2)
    first = next(path.relative_to(folder) for path in sorted(folder.rglob("*.mp4")))
    (shorter / first).rename(folder / first)
    assert opened(folder).frame_count == FRAMES - 2


@formats
def test_missing_and_doubled_videos_are_named(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    video = sorted((folder / "image" if form == "rerf" else folder).glob("*.mp4"))[1]
    copied = video.with_suffix(".mov")
    copied.write_bytes(video.read_bytes())
    with pytest.raises(CaptureError, match="are both videos of camera"):
        opened(folder)
    copied.unlink()
    video.unlink()
    with pytest.raises(CaptureError, match=r"2 cameras.* 1 videos|has no train views"):
        opened(folder)
    if form == "rerf":
        (folder / "image/000.mp4").rename(folder / "image/002.mp4")
        with pytest.raises(CaptureError, match="2 poses, 2 intrinsics and 1 videos, expected a"):
            opened(folder)


@formats
def test_what_is_no_video_is_named(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    video = sorted(folder.rglob("*.mp4"))[1]
    video.write_bytes(b"\0" * 100)
    with pytest.raises(CaptureError, match=rf"{video.name} cannot be read as a video"):
        opened(folder)
