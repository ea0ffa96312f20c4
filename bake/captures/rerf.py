"""Captures of ReRF, whose cameras are in the form of NHR.

    CamPose.inf     a row per camera: columns 3, 1, 2 and 4 of its matrix (3, 4), camera to world
    Intrinsic.inf   per camera: its number, and three rows of its matrix (3, 3)
    image/000.mp4, mask/000.mp4     named by the camera's row; videos may be missing
    bbox.json       xyz_min and xyz_max

Axes are OpenCV's. Sources: NHR's description of its camera files; ReRF's description of its data
set, and its reader. That reader moves all cameras to their mean and scales them so that the
largest coordinate is 2 before it uses the box, so the box is in those units. One in units of
CamPose.inf is recognized by where the cameras look.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bake.captures.files import read_bounded
from bake.captures.source import DEFAULT_FRAME_RATE, Source, every_eighth, to_frame_rate
from bake.captures.videos import CameraVideo, VideoReader, open_video, shared_frames, videos_in
from bake.errors import CaptureError
from hwcodec.records import LARGEST, named_values, parse_json, triple
from render.cameras import Camera
from render.errors import CameraError, SceneError
from render.geometry import Aabb

# Of several thousand cameras.
_MOST_BYTES = 4 << 20
# Order of the matrix's columns in a row.
_COLUMNS = (2, 0, 1, 3)
# Of any camera, once they are scaled as the box expects it.
_LARGEST_COORDINATE = 2.0
_TINY = 1e-12


def open_source(path: str) -> Source:
    """Read the cameras in the folder ``path`` and index its videos.

    Raises:
        CaptureError: naming the file that is missing, damaged or does not fit the others.
    """
    folder = Path(path)
    pictures, masks = videos_in(folder / "image"), videos_in(folder / "mask")
    poses = _poses(folder / "CamPose.inf")
    lenses = _lenses(folder / "Intrinsic.inf")
    labels = tuple(pictures)
    rows = _rows_of(labels, len(poses)) if len(poses) == len(lenses) else None
    if rows is None:
        raise CaptureError(
            f"{folder} has {len(poses)} poses, {len(lenses)} intrinsics and {len(pictures)} "
            "videos, expected a pose and intrinsics for each video, whose name is their number; "
            "complete the download"
        )
    lacking = [label for label in labels if masks and label not in masks]
    if lacking:
        raise CaptureError(
            f"{folder / 'mask'} lacks the masks of camera {', '.join(lacking[:5])}, expected one "
            "for each camera or none at all; complete the download"
        )
    videos = [
        CameraVideo(open_video(pictures[label]), open_video(masks[label]) if masks else None)
        for label in labels
    ]
    cameras = tuple(
        _camera(poses[row], lenses[row], video, label)
        for row, video, label in zip(rows, videos, labels, strict=True)
    )
    frames, views = shared_frames(videos), tuple(range(len(labels)))
    rate = videos[0].picture.facts.frame_rate
    return Source(
        name=folder.resolve().name,
        cameras=cameras,
        labels=labels,
        views=dict.fromkeys(frames, views),
        frame_rate=to_frame_rate(float(rate)) if rate else DEFAULT_FRAME_RATE,
        aabb=_box(folder / "bbox.json", poses, cameras),
        split=every_eighth(len(labels)),
        reader=VideoReader(videos, cameras),
    )


def _rows_of(labels: Sequence[str], count: int) -> list[int] | None:
    """The row of each video: the one it is named by, else in order; None if neither fits."""
    numbers = [int(label) for label in labels if label.isascii() and label.isdecimal()]
    if labels and len({*numbers}) == len(labels) and max(numbers) < count:
        return numbers
    return list(range(count)) if len(labels) == count else None


def _numbers(path: Path) -> list[list[float]]:
    """The numbers of every line that is not empty."""
    try:
        lines = read_bounded(path, _MOST_BYTES).decode("ascii").splitlines()
        rows = [[float(word) for word in line.split()] for line in lines if line.strip()]
        if not all(abs(number) <= LARGEST for row in rows for number in row):
            raise ValueError("it holds a number that is not finite")
    except (OSError, ValueError) as error:
        raise CaptureError(
            f"{path} cannot be read: {error}; expected rows of numbers, download it again"
        ) from error
    return rows


def _poses(path: Path) -> list[NDArray[np.float64]]:
    """World-to-camera matrices (4, 4)."""
    poses = []
    for row in _numbers(path):
        if len(row) != 12:
            raise CaptureError(
                f"{path} has a row of {len(row)} numbers, expected 12; download it again"
            )
        matrix = np.empty((3, 4))
        matrix[:, _COLUMNS] = np.reshape(row, (4, 3)).T
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = matrix[:, :3].T, -matrix[:, :3].T @ matrix[:, 3]
        poses.append(pose)
    return poses


def _lenses(path: Path) -> list[NDArray[np.float64]]:
    """Camera matrices (3, 3), in order."""
    rows = _numbers(path)
    blocks = [rows[first : first + 4] for first in range(0, len(rows), 4)]
    if any([len(row) for row in block] != [1, 3, 3, 3] for block in blocks):
        raise CaptureError(
            f"{path} has {len(rows)} rows that are not blocks of a number and three rows of three, "
            "expected those; download it again"
        )
    return [np.array(block[1:]) for block in blocks]


def _camera(
    pose: NDArray[np.float64], lens: NDArray[np.float64], video: CameraVideo, label: str
) -> Camera:
    facts = video.picture.facts
    focal_x, focal_y, center_x, center_y = lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]
    try:
        return Camera(facts.width, facts.height, focal_x, focal_y, center_x, center_y, pose)
    except CameraError as error:
        raise CaptureError(
            f"CamPose.inf and Intrinsic.inf have no usable camera {label}: {error}; download them "
            "again"
        ) from error


def _box(
    path: Path, poses: Sequence[NDArray[np.float64]], cameras: Sequence[Camera]
) -> Aabb | None:
    """The stated box in units of the poses, where there is a file."""
    if not path.is_file():
        return None
    try:
        document = named_values(
            "it", parse_json(read_bounded(path, _MOST_BYTES)), "xyz_min xyz_max"
        )
        stated = Aabb(*(triple(key, document[key]) for key in ("xyz_min", "xyz_max")))
        positions = np.array([-pose[:3, :3].T @ pose[:3, 3] for pose in poses])
        middle = positions.mean(0)
        scale = float(np.abs(positions - middle).max()) / _LARGEST_COORDINATE
        moved = [tuple(np.array(end) * scale + middle) for end in (stated.minimum, stated.maximum)]
        return min((Aabb(*moved), stated), key=lambda box: _aside(box, cameras))
    except (OSError, SceneError, ValueError) as error:
        raise CaptureError(
            f"{path} holds no box ({error}), expected xyz_min and xyz_max; correct it, or remove "
            "it and give capture.box"
        ) from error


def _aside(box: Aabb, cameras: Sequence[Camera]) -> float:
    """How far cameras look past the middle of a box: minus the mean cosine of the angle."""
    toward = [box.center - camera.position for camera in cameras]
    cosines = [
        float(camera.forward @ way) / max(float(np.linalg.norm(way)), _TINY)
        for camera, way in zip(cameras, toward, strict=True)
    ]
    return -float(np.mean(cosines))
