"""Captures with a transforms.json per frame: what may be left out, and what can be wrong."""

from pathlib import Path
from typing import Any

import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import CaptureError
from tests.bake.captures.conftest import FOCAL, SIZE, footage
from tests.bake.captures.layout_writers import write_frame_folders


def write(folder: Path, *change: object) -> Path:
    return write_frame_folders(folder, footage((0, 1, 10)), *change)


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(str(folder), box=(-1, -1, -1, 1, 1, 1), **options))


def test_intrinsics_may_be_those_of_the_file(tmp_path) -> None:
    def change(frame: int, document: dict[str, Any]) -> None:
        document.update(fl_x=2 * FOCAL, w=SIZE, h=SIZE)
        for entry in document["frames"]:
            for key in ("K", "fl_x", "fl_y", "w", "h"):
                del entry[key]

    assert opened(write(tmp_path / "scene", change)).cameras[1].focal_y == 2 * FOCAL


@pytest.mark.parametrize("matrix", [[[1, 2], [3, 4]], "K", [[1, 2, "x"], [0, 1, 2], [0, 0, 1]]])
def test_a_matrix_that_is_none_is_refused(tmp_path, matrix) -> None:
    def change(frame: int, document: dict[str, Any]) -> None:
        document["frames"][1]["K"] = matrix
        del document["frames"][1]["fl_x"]

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
