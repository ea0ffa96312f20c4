"""Tiny captures on disk, written with camera mathematics of their own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bake.captures import layout_writers
from tests.bake.captures.layout_writers import Footage

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


def painted(channels: int = 4) -> np.ndarray:
    """What both cameras see: a gray subject with one painted pixel, transparent around if RGBA."""
    pictures = np.full((len(POSES), SIZE, SIZE, channels), 128, np.uint8)
    if channels == 4:
        pictures[..., 3] = 0
        pictures[:, 8:24, 8:24, 3] = 255
    for picture, column in zip(pictures, COLUMNS, strict=True):
        picture[ROW, column, :3] = PAINT
    return pictures


def footage(frames: Sequence[int] = (0, 1), channels: int = 4) -> Footage:
    """Two cameras that see the same at every frame."""
    to_world = np.array(POSES, float) @ np.diag([1.0, -1, -1, 1])
    return Footage(
        to_world=to_world[:, :3],
        lens=(FOCAL, FOCAL, SIZE / 2, SIZE / 2),
        pictures=np.repeat(painted(channels)[:, None], len(frames), axis=1),
        labels=("Cam000", "Cam001"),
        frames=tuple(frames),
        held_out=(1,),
    )


@pytest.fixture
def nerfstudio(tmp_path: Path) -> Callable[..., Path]:
    """Write two cameras x two frames; ``change`` edits the document, ``channels`` the pictures."""

    def write(change: Callable[[dict[str, Any]], object] | None = None, channels: int = 4) -> Path:
        shown = footage(channels=channels)
        return layout_writers.write_nerfstudio(
            tmp_path / "nerfstudio", shown, change or (lambda document: None)
        )

    return write


@pytest.fixture
def blender(tmp_path: Path) -> Callable[..., Path]:
    """Write a moving camera: three training times, one held-out time, names without extension."""

    def write(change: Callable[[dict[str, Any]], object] | None = None) -> Path:
        shown = footage((0,))
        # The two cameras, and each of them a little higher, which keeps the depth.
        to_world = np.repeat(shown.to_world, 2, axis=0)
        to_world[1, 1, 3] += 0.02
        to_world[2, 1, 3] += 0.01
        moved = replace(
            shown, to_world=to_world, pictures=np.repeat(shown.pictures, 2, axis=0), labels=()
        )
        shots = {"train": [(0.0, 0, 0), (0.5, 2, 0), (1.0, 1, 0)], "test": [(0.25, 3, 0)]}
        return layout_writers.write_blender(
            tmp_path / "blender", moved, shots, change or (lambda document: None)
        )

    return write
