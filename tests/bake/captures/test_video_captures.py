"""Captures that are videos: Neural 3D Video's and ReRF's, from miniatures of their layouts."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.registry import detect_loader
from bake.errors import CaptureError
from hwcodec import write_rgb_video
from tests.bake.captures.conftest import COLUMNS, FOCAL, PAINT, POINT, POSES, ROW, SIZE

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
FRAMES = 5


def write_video(path: Path, column: int | None, count: int = FRAMES) -> None:
    """Pictures that get brighter, with a spot around the known pixel; or a mask without one."""

    def picture(index: int) -> np.ndarray:
        rgb = np.full((SIZE, SIZE, 3), 40 + 20 * index, np.uint8)
        if column is None:
            rgb[:] = 0
            rgb[8:24, 8:24] = 255
        else:
            rgb[ROW - 3 : ROW + 4, column - 3 : column + 4] = PAINT
        return rgb

    path.parent.mkdir(parents=True, exist_ok=True)
    write_rgb_video(path, map(picture, range(count)), Fraction(25))


def to_world(number: int) -> np.ndarray:
    """OpenCV camera-to-world (3, 4) of an OpenGL pose."""
    return (np.array(POSES[number], float) @ np.diag([1.0, -1, -1, 1]))[:3]


def write_neural3d(folder: Path) -> Path:
    rows = []
    for number in range(2):
        right, down, forward, position = to_world(number).T
        # Twice the pictures' size, as poses are of the originals.
        last = np.array([2 * SIZE, 2 * SIZE, 2 * FOCAL])
        matrix = np.stack([down, right, -forward, position, last], axis=1)
        rows.append([*matrix.ravel(), 2.0, 6.0])
    folder.mkdir()
    np.save(folder / "poses_bounds.npy", np.array(rows))
    for number, label in enumerate(("cam00", "cam03")):
        write_video(folder / f"{label}.mp4", COLUMNS[number])
    return folder


def write_rerf(folder: Path) -> Path:
    folder.mkdir()
    poses = [to_world(number)[:, [2, 0, 1, 3]].T.ravel() for number in range(2)]
    text = "\n".join(" ".join(map(repr, map(float, pose))) for pose in poses)
    (folder / "CamPose.inf").write_text(text + "\n")
    half = SIZE / 2
    lens = f"{FOCAL} 0 {half}\n 0 {FOCAL} {half}\n 0 0 1\n\n"
    (folder / "Intrinsic.inf").write_text("".join(f"{number}\n{lens}" for number in range(2)))
    box = {"xyz_min": list(BOX[:3]), "xyz_max": list(BOX[3:])}
    (folder / "bbox.json").write_text(json.dumps(box))
    for number, column in enumerate(COLUMNS):
        write_video(folder / f"image/{number:03d}.mp4", column)
        write_video(folder / f"mask/{number:03d}.mp4", None)
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {"neural3d": write_neural3d, "rerf": write_rerf}
formats = pytest.mark.parametrize("form", WRITERS)


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(str(folder), **{"box": BOX, **options}))


@formats
def test_a_known_point_lies_in_its_spot_in_every_view_and_frame(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    assert detect_loader(str(folder)) == form
    capture = opened(folder)
    assert (capture.frame_count, capture.frame_rate) == (FRAMES, 25)
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


@pytest.mark.parametrize(
    "document",
    [
        [[-1, -1, -1], [1, 1, 1]],
        {"0": [[-1, -1, -1], [0, 1, 1]], "1": [[0, -1, -1], [1, 1, 1]]},
        {"bbox": {"xyz_min": [-1, -1, -1], "xyz_max": [1, 1, 1]}},
    ],
)
def test_boxes_of_rerf_have_several_forms(tmp_path, document) -> None:
    folder = write_rerf(tmp_path / "scene")
    (folder / "bbox.json").write_text(json.dumps(document))
    aabb = opened(folder, box=()).aabb
    assert (aabb.minimum, aabb.maximum) == (BOX[:3], BOX[3:])


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"a": {"b": {"c": {}}}}', "[[1,1,1],[0,0,0]]"])
def test_a_box_that_is_none_names_the_remedy(tmp_path, text) -> None:
    folder = write_rerf(tmp_path / "scene")
    (folder / "bbox.json").write_text(text)
    with pytest.raises(CaptureError, match=r"holds no box .*remove it and give capture\.box"):
        opened(folder)


@formats
def test_a_video_that_is_shorter_than_the_others_ends_the_capture(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    first = next(iter(sorted(folder.rglob("*.mp4"))))
    write_video(first, COLUMNS[0], FRAMES - 2)
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
    with pytest.raises(CaptureError, match=r"2 (cameras|poses).* 1 videos"):
        opened(folder)


@formats
def test_what_is_no_video_is_named(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    video = sorted(folder.rglob("*.mp4"))[1]
    video.write_bytes(b"\0" * 100)
    with pytest.raises(CaptureError, match=rf"{video.name} cannot be read as a video"):
        opened(folder)


@formats
def test_damaged_cameras_are_refused_or_read_but_never_crash(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    names = ("poses_bounds.npy",) if form == "neural3d" else ("CamPose.inf", "Intrinsic.inf")
    generator = random.Random(form)
    for name in names:
        whole = (folder / name).read_bytes()
        for _ in range(40):
            data = bytearray(whole)
            place = generator.randrange(len(data))
            kind = generator.randrange(3)
            if kind == 0:
                del data[place:]
            elif kind == 1:
                data[place] ^= 1 << generator.randrange(8)
            else:
                data[place : place + 4] = b"9e99"
            (folder / name).write_bytes(bytes(data))
            with suppress(CaptureError):
                opened(folder).view(0, 0)
        (folder / name).write_bytes(whole)
