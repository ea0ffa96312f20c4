"""Tiny captures on disk, written with camera mathematics of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

SIZE, FOCAL = 32, 32.0
# Seen from 4 units away by a camera that looks along -z or -x, this point lies in the middle of a
# pixel: row 13 of both pictures, columns 20 and 11.
POINT = (0.5625, 0.3125, 0.5625)
PAINT = (250, 20, 60)
# OpenGL camera-to-world: x right, y up, z backward. The eye is on the +z side, then the +x side;
# the point's own offset along the viewing axis is added so that its depth is 4.
POSES = [
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 4 + POINT[2]], [0, 0, 0, 1]],
    [[0, 0, 1, 4 + POINT[0]], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]],
]
COLUMNS = (20, 11)
ROW = 13


def write_picture(path: Path, column: int, *, channels: int = 4) -> None:
    """A gray subject in the middle with one painted pixel, transparent around if RGBA."""
    picture = np.full((SIZE, SIZE, channels), 128, np.uint8)
    if channels == 4:
        picture[..., 3] = 0
        picture[8:24, 8:24, 3] = 255
    picture[ROW, column, :3] = PAINT[::-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def nerfstudio_document(frame_count: int) -> dict[str, Any]:
    entries = [
        {
            "file_path": f"cam{camera}/{frame:04d}.png",
            "transform_matrix": POSES[camera],
            "time": frame / max(frame_count - 1, 1),
            "frame_index": frame,
            "camera_index": camera,
        }
        for camera in range(2)
        for frame in range(frame_count)
    ]
    names = [entry["file_path"] for entry in entries]
    return {
        "camera_model": "PINHOLE",
        "w": SIZE,
        "h": SIZE,
        "fl_x": FOCAL,
        "fl_y": FOCAL,
        "cx": SIZE / 2,
        "cy": SIZE / 2,
        "fps": 25.0,
        "aabb": [[-1, -1, -1], [1, 1, 1]],
        "train_filenames": names[:frame_count],
        "test_filenames": names[frame_count:],
        "frames": entries,
    }


@pytest.fixture
def nerfstudio(tmp_path: Path) -> Callable[..., Path]:
    """Write two cameras x two frames; ``change`` edits the document, ``channels`` the pictures."""

    def write(change: Callable[[dict[str, Any]], object] | None = None, channels: int = 4) -> Path:
        folder = tmp_path / "nerfstudio"
        document = nerfstudio_document(2)
        for entry in document["frames"]:
            column = COLUMNS[entry["camera_index"]]
            write_picture(folder / entry["file_path"], column, channels=channels)
        if change is not None:
            change(document)
        (folder / "transforms.json").write_text(json.dumps(document))
        return folder

    return write


@pytest.fixture
def blender(tmp_path: Path) -> Callable[..., Path]:
    """Write a moving camera: three training times, one held-out time, names without extension."""

    def write(change: Callable[[dict[str, Any]], object] | None = None) -> Path:
        folder = tmp_path / "blender"
        shots = {"train": [(0.0, 0), (0.5, 1), (1.0, 0)], "test": [(0.25, 1)]}
        for part, times in shots.items():
            entries = []
            for index, (time, pose) in enumerate(times):
                moved = np.array(POSES[pose], float)
                # Sliding sideways on the viewing plane's normal axis would change the depth.
                moved[1, 3] += 0.01 * index
                name = f"{part}/r_{index:03d}"
                write_picture(folder / f"{name}.png", COLUMNS[pose])
                entries.append(
                    {"file_path": f"./{name}", "time": time, "transform_matrix": moved.tolist()}
                )
            document = {"camera_angle_x": 2 * np.arctan(0.5), "frames": entries}
            if change is not None:
                change(document)
            (folder / f"transforms_{part}.json").write_text(json.dumps(document))
        return folder

    return write
