"""Captures of ActorsHQ, as its downloader leaves them.

    SEQUENCE/aabbs.csv                       frame_number, aabb_min_x ... aabb_max_z
    SEQUENCE/4x/calibration.csv              name, w, h, rx, ry, rz, tx, ty, tz, fx, fy, px, py
    SEQUENCE/4x/rgbs/Cam001/Cam001_rgb000000.jpg
    SEQUENCE/4x/masks/Cam001/Cam001_mask000000.png

Rotations are vectors, poses camera to world, axes right, down, forward; focal lengths and centers
are shares of the picture's width and height. The box is around those of all frames that are there.
Source: the dataset's own reader, which states all of this.
"""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import cv2
import numpy as np

from bake.captures.files import read_bounded
from bake.captures.folders import by_frame, mask_pictures, numbered_pictures
from bake.captures.pictures import FileReader, picture_size, stays_inside
from bake.captures.source import Source, every_eighth, to_frame_rate
from bake.errors import CaptureError
from hwcodec.records import finite_number, shown
from render.cameras import Camera
from render.errors import CameraError, SceneError
from render.geometry import Aabb

# The dataset's recording rate.
_FRAME_RATE = to_frame_rate(25.0)
_NUMBERS = ("w", "h", "rx", "ry", "rz", "tx", "ty", "tz", "fx", "fy", "px", "py")
_BOX = tuple(f"aabb_{end}_{axis}" for end in ("min", "max") for axis in "xyz")
# Of thousands of cameras or tens of thousands of frames.
_MOST_BYTES = 4 << 20


def open_source(path: str) -> Source:
    """Read ``calibration.csv`` in the folder ``path``; cameras without pictures are left out.

    Raises:
        CaptureError: naming the file or row that is missing or cannot be used.
    """
    folder = Path(path)
    rows = _rows(folder / "calibration.csv", ("name", *_NUMBERS))
    named = {str(row["name"]): row for row in rows}
    if len(named) < len(rows) or not all(stays_inside(name) for name in named):
        raise CaptureError(
            f"{folder / 'calibration.csv'} names cameras {shown(list(named))}, expected different "
            "names of folders"
        )
    # Few download all 160 cameras.
    labels = tuple(name for name in sorted(named) if (folder / "rgbs" / name).is_dir())
    if not labels:
        raise CaptureError(
            f"{folder / 'rgbs'} holds none of the {len(named)} cameras, expected folders such as "
            f"{next(iter(named))}; complete the download"
        )
    timelines = [numbered_pictures(folder / "rgbs" / name) for name in labels]
    masks = [mask_pictures([folder / "masks" / name]) for name in labels]
    files, views = by_frame(timelines, labels, masks)
    first = min(views)
    cameras = tuple(
        _camera(named[name], picture_size(files[first, view].picture))
        for view, name in enumerate(labels)
    )
    return Source(
        name=folder.resolve().name,
        cameras=cameras,
        labels=labels,
        views=views,
        frame_rate=_FRAME_RATE,
        aabb=_box(folder, frozenset(views)),
        split=every_eighth(len(labels)),
        reader=FileReader(files, cameras),
    )


Row = dict[str, str | float]


def _rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a table, every column but ``name`` as a number."""
    try:
        text = read_bounded(path, _MOST_BYTES).decode("utf-8")
        reader = csv.DictReader(StringIO(text, newline=""))
        lacking = [name for name in columns if name not in (reader.fieldnames or ())]
        if lacking:
            raise ValueError(f"it has no column {', '.join(lacking)}")
        rows = [{name: _value(name, row[name]) for name in columns} for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise CaptureError(
            f"{path} cannot be used: {error}; expected the table of the dataset, download it again"
        ) from error
    if not rows:
        raise CaptureError(f"{path} has no row, expected some; download it again")
    return rows


def _value(name: str, text: str | None) -> str | float:
    if text is None:
        raise ValueError(f"a row ends before its {name}")
    return text if name == "name" else finite_number(name, float(text))


def _camera(row: Row, size: tuple[int, int]) -> Camera:
    """The camera at the size of its pictures: its numbers are shares of that."""
    turn = np.array([row[key] for key in ("rx", "ry", "rz")], np.float64)
    rotation = np.asarray(cv2.Rodrigues(turn)[0]).T
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = -rotation @ np.array([row[key] for key in ("tx", "ty", "tz")], np.float64)
    width, height = size
    try:
        return Camera(
            width,
            height,
            float(row["fx"]) * width,
            float(row["fy"]) * height,
            float(row["px"]) * width,
            float(row["py"]) * height,
            pose,
        )
    except CameraError as error:
        raise CaptureError(
            f"camera {row['name']} of calibration.csv cannot be used: {error}; download it again"
        ) from error


def _box(folder: Path, frames: frozenset[int]) -> Aabb | None:
    """The box around those of all frames, where the sequence has them."""
    found = [path for path in (folder / "aabbs.csv", folder.parent / "aabbs.csv") if path.is_file()]
    if not found:
        return None
    rows = [
        row for row in _rows(found[0], ("frame_number", *_BOX)) if row["frame_number"] in frames
    ]
    if not rows:
        return None
    corners = np.array([[row[key] for key in _BOX] for row in rows], np.float64)
    try:
        return Aabb(tuple(corners[:, :3].min(0)), tuple(corners[:, 3:].max(0)))
    except SceneError as error:
        raise CaptureError(f"{found[0]} holds no box: {error}; download it again") from error
