"""nerfstudio's captures as its own tool writes them: no box, and lenses of single entries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import CaptureError

Write = Callable[..., Path]
Document = dict[str, Any]


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), **options))


def write_points(folder: Path, points: np.ndarray) -> None:
    header = f"ply\nformat ascii 1.0\nelement vertex {len(points)}\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    lines = [" ".join(map(str, point)) for point in points]
    (folder / "sparse_pc.ply").write_text(header + "\n".join(lines) + "\n")


def test_a_box_that_nobody_states_is_found_from_the_points(
    nerfstudio: Write,
) -> None:
    def change(document: Document) -> None:
        del document["aabb"]
        document["ply_file_path"] = "sparse_pc.ply"

    folder = nerfstudio(change, 3)
    write_points(folder, np.random.default_rng(0).uniform(-0.5, 0.5, (400, 3)))
    box = opened(folder).scene_box
    assert box.origin.startswith("around 400 points")
    assert np.allclose(box.aabb.minimum, -0.5, atol=0.1)
    assert np.allclose(box.aabb.maximum, 0.5, atol=0.1)


def test_without_box_masks_and_points_the_user_is_asked_for_a_box(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        del document["aabb"]
        document["ply_file_path"] = "sparse_pc.ply"  # Which is not there.

    folder = nerfstudio(change, 3)
    with pytest.raises(CaptureError, match=r"states no box.*capture\.box=\[x,y,z,x,y,z\]"):
        _ = opened(folder).scene_box
    box = (-1.0, -1.0, -1.0, 1.0, 1.0, 2.0)
    assert opened(folder, box=box).aabb.maximum == (1.0, 1.0, 2.0)


def test_points_that_cannot_be_read_are_told(nerfstudio: Write) -> None:
    folder = nerfstudio(lambda document: document.update(ply_file_path="sparse_pc.ply"))
    (folder / "sparse_pc.ply").write_bytes(b"ply\n")
    with pytest.raises(CaptureError, match=r"sparse_pc\.ply cannot be read as points"):
        opened(folder)
    nerfstudio(lambda document: document.update(ply_file_path="../sparse_pc.ply"))
    with pytest.raises(CaptureError, match="expected a file name inside the folder"):
        opened(folder)


def test_entries_may_bring_their_own_lens(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        for entry in document["frames"]:
            entry["fl_x"] = entry["fl_y"] = 40.0 + entry["camera_index"]

    cameras = opened(nerfstudio(change)).cameras
    assert [camera.focal_x for camera in cameras] == [40.0, 41.0]
