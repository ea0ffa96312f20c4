"""Captures with a transforms.json per frame: one known pixel, and what can be wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.registry import detect_loader
from bake.errors import CaptureError
from tests.bake.captures.conftest import (
    COLUMNS,
    FOCAL,
    PAINT,
    POINT,
    POSES,
    ROW,
    SIZE,
    write_picture,
)

MATRIX = [[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1]]


def write(folder: Path, change: Callable[[int, dict[str, Any]], object] | None = None) -> Path:
    for frame in (0, 1, 10):
        entries = []
        for number, column in enumerate(COLUMNS):
            write_picture(folder / f"{frame}/images/{number}.png", column)
            pose = {"file_path": f"images/{number}.png", "transform_matrix": POSES[number]}
            entries.append(pose | {"K": MATRIX})
        document = {"white_transparent": True, "aabb_scale": 1, "frames": entries}
        if change:
            change(frame, document)
        (folder / str(frame) / "transforms.json").write_text(json.dumps(document))
    return folder


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(str(folder), box=(-1, -1, -1, 1, 1, 1), **options))


def test_a_known_point_lands_on_its_painted_pixel_in_every_view(tmp_path) -> None:
    folder = write(tmp_path / "scene")
    assert detect_loader(str(folder)) == "frame-folders"
    capture = opened(folder)
    assert (capture.frame_indices, capture.has_masks) == ((0, 1, 10), True)
    for view, column in enumerate(COLUMNS):
        pixels, depth = capture.cameras[view].project([POINT])
        assert pixels[0] == pytest.approx([column + 0.5, ROW + 0.5])
        assert depth[0] == pytest.approx(4.0)
        assert capture.view(2, view).rgb[ROW, column].tolist() == list(PAINT)


def test_intrinsics_may_be_those_of_the_file(tmp_path) -> None:
    def change(frame: int, document: dict[str, Any]) -> None:
        document.update(fl_x=2 * FOCAL, w=SIZE, h=SIZE)

    assert opened(write(tmp_path / "scene", change)).cameras[1].focal_y == 2 * FOCAL


@pytest.mark.parametrize("matrix", [[[1, 2], [3, 4]], "K", [[1, 2, "x"], [0, 1, 2], [0, 0, 1]]])
def test_a_matrix_that_is_none_is_refused(tmp_path, matrix) -> None:
    def change(frame: int, document: dict[str, Any]) -> None:
        document["frames"][1]["K"] = matrix

    with pytest.raises(CaptureError, match=r'frames\[1\] has "K" = .*expected three rows of three'):
        opened(write(tmp_path / "scene", change))


def test_a_frame_without_one_of_the_cameras_is_named(tmp_path) -> None:
    def change(frame: int, document: dict[str, Any]) -> None:
        if frame == 10:
            del document["frames"][0]

    with pytest.raises(CaptureError, match=r"frame 10 has 1 of 2 cameras \(without 0\)"):
        opened(write(tmp_path / "scene", change))


def test_a_folder_without_frames_is_refused(tmp_path) -> None:
    with pytest.raises(CaptureError, match="holds no frame, expected folders such as 0/"):
        open_capture(CaptureOptions(str(tmp_path), loader="frame-folders"))
