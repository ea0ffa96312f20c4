"""Compact captures: what is written is read, and what is damaged is refused in words."""

import json
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.compact_record import (
    CompactCamera,
    CompactCapture,
    read_compact,
    to_document,
)
from bake.captures.lens import Distortion, LensCamera
from bake.captures.registry import detect_loader
from bake.errors import CaptureError
from hwcodec import MovieForm, MovieWriter
from render.cameras import Camera, Lens, orbit
from render.geometry import Aabb

ROWS, COLUMNS, FRAMES = 24, 32, 4
BENT = Distortion((-0.1, 0.02, 0.001, 0.0))


def picture(number: int, frame: int) -> np.ndarray:
    rgb = np.full((ROWS, COLUMNS, 3), 40 + 30 * frame, np.uint8)
    rgb[4:12, 4 + 6 * number : 12 + 6 * number] = (200, 60, 30)
    return rgb


def mask(number: int) -> np.ndarray:
    alpha = np.zeros((ROWS, COLUMNS), np.uint8)
    alpha[2:20, 2 : 20 + number] = 255
    alpha[2:20, 20 + number] = 128
    return alpha


def cropped(whole: Camera) -> Camera:
    return Camera(
        COLUMNS,
        ROWS,
        whole.focal_x,
        whole.focal_y,
        whole.center_x - 16,
        whole.center_y - 10,
        whole.world_to_camera,
    )


def record(*, masks: bool = True) -> CompactCapture:
    cameras = [
        CompactCamera(
            label=f"cam {number}",
            video=f"video/{number}.mp4",
            mask=f"mask/{number}.mp4" if masks else None,
            camera=cropped(whole),
            filmed=LensCamera(whole, BENT),
            window=(16, 10),
            is_held_out=number == 1,
            source={"file": f"cam {number}.mov"},
        )
        for number, whole in enumerate(orbit((0, 0, 0), 4, 1, 3, Lens(64, 48, 60.0)))
    ]
    box = Aabb((-1, -1, -1), (1, 1, 2))
    return CompactCapture(tuple(cameras), Fraction(30000, 1001), FRAMES, box, {"command": "x"})


def write(folder: Path, *, masks: bool = True) -> Path:
    made = record(masks=masks)
    for kind in ("video", "mask")[: 1 + masks]:
        (folder / kind).mkdir(parents=True)
    for number, camera in enumerate(made.cameras):
        with MovieWriter(folder / camera.video, made.frame_rate, MovieForm.EXACT) as writer:
            for frame in range(FRAMES):
                writer.write(picture(number, frame))
        if camera.mask is not None:
            with MovieWriter(folder / camera.mask, made.frame_rate, MovieForm.GRAY) as writer:
                for _ in range(FRAMES):
                    writer.write(mask(number))
    (folder / "capture.json").write_text(json.dumps(to_document(made)))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("captures") / "compact")


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(str(folder), **options))


def test_a_compact_capture_opens_with_everything_it_says(folder) -> None:
    assert detect_loader(str(folder)) == "compact"
    capture = opened(folder)
    assert (capture.name, capture.labels) == ("compact", ("cam 0", "cam 1", "cam 2"))
    assert (capture.frame_count, capture.frame_rate) == (FRAMES, Fraction(30000, 1001))
    assert (capture.split.train, capture.split.test) == ((0, 2), (1,))
    assert capture.scene_box.origin == "stated by the capture"
    assert capture.aabb.maximum == (1, 1, 2)
    assert capture.has_masks


def test_pictures_and_masks_are_joined_to_the_bit(folder) -> None:
    capture = opened(folder, background=(0.0, 0.0, 0.0))
    for frame, number in ((0, 0), (3, 2), (1, 1)):
        view = capture.view(frame, number)
        assert view.alpha is not None
        assert np.array_equal(view.alpha, mask(number))
        expected = picture(number, frame) * (mask(number)[..., None] / 255)
        assert np.abs(view.rgb - expected).max() <= 0.51


def test_without_masks_pictures_are_plain(tmp_path) -> None:
    capture = opened(write(tmp_path / "plain", masks=False))
    assert not capture.has_masks
    assert np.array_equal(capture.view(2, 1).rgb, picture(1, 2))


def test_the_record_comes_back_as_it_was(folder) -> None:
    made, read = record(), read_compact(folder)
    assert to_document(read) == to_document(made)
    assert read.cameras[0].filmed.distortion == BENT
    assert read.cameras[2].camera.center_x == made.cameras[2].camera.center_x
    assert read.provenance == {"command": "x"}


def test_a_capture_without_a_box_leaves_it_to_the_user(tmp_path) -> None:
    folder = write(tmp_path / "plain", masks=False)
    change(folder, lambda document: document.update(aabb=None))
    with pytest.raises(CaptureError, match="states no box"):
        _ = opened(folder).aabb
    assert opened(folder, box=(-1, -1, -1, 1, 1, 1)).aabb.maximum == (1, 1, 1)


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "capture.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The capture by links to its videos, so that the rest may be damaged."""
    copied = tmp_path / "copy"
    for path in folder.rglob("*.mp4"):
        place = copied / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    (copied / "capture.json").write_bytes((folder / "capture.json").read_bytes())
    return copied


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: d.update(version=2), r"of version 2, expected 'videorf-capture' of version 1"),
        (lambda d: d.update(format="other"), "it is 'other'"),
        (lambda d: d.pop("cameras"), "has no 'cameras'"),
        (lambda d: d.update(cameras=d["cameras"][:1]), "expected a list of at least 2"),
        (lambda d: d.update(frame_rate=[30, 0]), "frame_rate is 0"),
        (lambda d: d.update(frame_count=0), "frame_count is 0"),
        (lambda d: d.update(aabb=[[1, 1, 1], [0, 0, 0]]), "expected minimum < maximum"),
        (lambda d: d["cameras"][0].update(video="../a.mp4"), "expected a file inside the folder"),
        (lambda d: d["cameras"][0].update(mask="/a.mp4"), "expected a file inside the folder"),
        (lambda d: d["cameras"][0].update(width=0), "width is 0"),
        (lambda d: d["cameras"][0].update(focal=[0, 1]), "focal length"),
        (lambda d: d["cameras"][0].update(is_held_out=1), "expected true or false"),
        (lambda d: d["cameras"][0].update(label="cam 1"), "two cameras have one label"),
        (lambda d: d["cameras"][0].update(world_to_camera=[[1] * 4] * 4), "world_to_camera"),
        (lambda d: d["cameras"][1]["filmed"].update(distortion=[0] * 9), "lens distortion"),
        (lambda d: d["cameras"][1]["filmed"].update(window=[0, -2]), "window is -2"),
        (lambda d: d["cameras"][0].update(mask=None), "masks of 2 of 3 cameras"),
        (lambda d: d.update(frame_count=9), "has 4 pictures, expected at least 9"),
        (lambda d: d["cameras"][0].update(width=30), "32x24, expected 30x24"),
    ],
)
def test_a_record_that_cannot_be_is_refused_with_its_place(copy, edit, words) -> None:
    change(copy, edit)
    with pytest.raises(CaptureError, match=words):
        opened(copy)


def test_missing_and_truncated_videos_are_named(copy) -> None:
    video = copy / "video/1.mp4"
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    with pytest.raises(CaptureError, match=r"1\.mp4"):
        opened(copy).view(3, 1)
    video.unlink()
    with pytest.raises(CaptureError, match=r"1\.mp4 is missing"):
        opened(copy)


def test_a_damaged_record_is_refused_or_read_but_never_crashes(copy) -> None:
    path = copy / "capture.json"
    whole, generator = path.read_text(), random.Random(7)
    for _ in range(80):
        place = generator.randrange(len(whole))
        text = list(whole)
        text[place] = generator.choice('9[}"e,-xn')
        path.write_text("".join(text))
        try:
            read_compact(copy)
        except CaptureError as error:
            assert "capture.json" in str(error)  # noqa: PT017 -- any outcome but a crash is right
