"""The D-NeRF loader: a moving camera, one known pixel, and files that are wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import CaptureError

POINT, PAINT, ROW, COLUMNS = (0.5625, 0.3125, 0.5625), (250, 20, 60), 13, (20, 11)
Write = Callable[..., Path]
Document = dict[str, Any]


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), **options))


def test_a_known_point_lands_on_its_painted_pixel(blender: Write) -> None:
    capture = opened(blender())
    pixels, depth = capture.cameras[0].project([POINT])
    assert depth[0] == pytest.approx(4.0)
    assert pixels[0] == pytest.approx([COLUMNS[0] + 0.5, ROW + 0.5])
    assert capture.view(0, 0).rgb[ROW, COLUMNS[0]].tolist() == list(PAINT)


def test_times_of_both_files_form_one_timeline_with_one_view_each(blender: Write) -> None:
    capture = opened(blender())
    assert capture.frame_indices == (0, 1, 2, 3)
    assert [capture.train_views(frame) for frame in range(4)] == [(0,), (), (1,), (2,)]
    assert [capture.test_views(frame) for frame in range(4)] == [(), (3,), (), ()]
    assert (capture.split.train, capture.split.test) == ((0, 1, 2), (3,))
    for frame in range(4):
        capture.validate_frame(frame)


def test_the_box_defaults_to_the_one_of_the_synthetic_scenes(blender: Write) -> None:
    box = opened(blender()).aabb
    assert (box.minimum, box.maximum) == ((-1.5,) * 3, (1.5,) * 3)


def test_a_stated_box_and_rate_are_taken(blender: Write) -> None:
    stated = {"aabb": [[-1, -1, 0], [1, 1, 2]], "fps": 60}
    capture = opened(blender(lambda document: document.update(stated)))
    assert capture.aabb.maximum == (1.0, 1.0, 2.0)
    assert capture.frame_rate == 60


def test_without_times_everything_is_one_frame(blender: Write) -> None:
    def change(document: Document) -> None:
        for entry in document["frames"]:
            del entry["time"]

    capture = opened(blender(change))
    assert capture.frame_count == 1
    assert capture.train_views(0) == (0, 1, 2)
    assert capture.test_views(0) == (3,)


def test_a_test_picture_from_a_training_pose_stays_a_view_of_its_own(blender: Write) -> None:
    folder = blender()
    shutil.copy(folder / "transforms_train.json", folder / "transforms_test.json")
    capture = opened(folder)
    assert (capture.split.train, capture.split.test) == ((0, 1, 2), (3, 4, 5))
    assert capture.frame_indices == (0, 1, 2)
    assert (capture.train_views(1), capture.test_views(1)) == ((1,), (4,))


def test_validation_pictures_stand_in_for_missing_test_pictures(blender: Write) -> None:
    folder = blender()
    (folder / "transforms_test.json").rename(folder / "transforms_val.json")
    assert opened(folder).split.test == (3,)


def test_names_may_carry_their_extension(blender: Write) -> None:
    def change(document: Document) -> None:
        for entry in document["frames"]:
            entry["file_path"] += ".png"

    assert opened(blender(change)).view(0, 0).rgb[ROW, COLUMNS[0]].tolist() == list(PAINT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("camera_angle_x"), 'no "camera_angle_x".*radians'),
        (lambda d: d.update(camera_angle_x=5e-324), r"expected radians in \(0, pi\)"),
        (lambda d: d.update(camera_angle_x=50.0), r"expected radians in \(0, pi\)"),
        (lambda d: d["frames"][0].update(time="now"), '"time" = .now.*expected a finite number'),
        (lambda d: d.update(frames={}), 'empty or wrong "frames"'),
        (lambda d: d["frames"][0].update(file_path="./train/none"), "a picture is missing"),
    ],
)
def test_a_broken_file_is_refused_and_the_place_is_named(
    blender: Write, change: Callable[[Document], object], message: str
) -> None:
    with pytest.raises(CaptureError, match=message):
        opened(blender(change))


def test_a_missing_test_file_is_named(blender: Write) -> None:
    folder = blender()
    (folder / "transforms_test.json").unlink()
    with pytest.raises(CaptureError, match=r"transforms_test\.json is missing"):
        opened(folder)


def test_a_picture_of_another_size_than_the_first_is_refused(blender: Write) -> None:
    folder = blender()
    cv2.imwrite(str(folder / "train" / "r_002.png"), np.zeros((16, 16, 4), np.uint8))
    with pytest.raises(CaptureError, match="is 16x16, expected 32x32"):
        opened(folder)
