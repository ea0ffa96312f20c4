"""Captures in the form of Neural 3D Video (DyNeRF), as downloaded.

    cam00.mp4, cam01.mp4, cam02.mp4, cam04.mp4 ...   numbers may be missing
    poses_bounds.npy                                  a row per video that is there, in order

A row is LLFF's: a matrix (3, 5) whose columns are the axes down, right and back, the position, and
height, width and focal length; then how near and how far the scene lies. ``cam00`` is held out, as
everybody does it. The box is that of everything in view between near and far, which is large: a
``capture.box`` around what matters makes better use of the voxels.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from bake.captures.files import read_bounded
from bake.captures.source import DEFAULT_FRAME_RATE, Source, Split, to_frame_rate
from bake.captures.videos import CameraVideo, VideoReader, open_video, shared_frames, videos_in
from bake.errors import CaptureError
from hwcodec.records import LARGEST, shown
from render.cameras import Camera
from render.errors import CameraError

_POSES = "poses_bounds.npy"
_ROW = 17
# What NumPy raises about bytes that are no array: its headers are Python, and state any size.
_DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    SyntaxError,
    TokenError,
    TypeError,
    OverflowError,
    RecursionError,
    MemoryError,
)
# Of several thousand cameras.
_MOST_BYTES = 1 << 20


def open_source(path: str) -> Source:
    """Read the poses in the folder ``path`` and index its videos.

    Raises:
        CaptureError: naming the file that is missing, damaged or does not fit the others.
    """
    folder = Path(path)
    files = videos_in(folder)
    rows = read_poses_bounds(folder / _POSES)
    if len(rows) != len(files):
        raise CaptureError(
            f"{folder / _POSES} is for {len(rows)} cameras and there are {len(files)} videos, "
            "expected as many; complete the download, or remove the rows of missing videos"
        )
    labels = tuple(files)
    if len(labels) < 2:
        raise CaptureError(f"{folder} has {len(labels)} videos, expected at least 2")
    videos = [CameraVideo(open_video(file)) for file in files.values()]
    cameras = tuple(
        camera_of_row(row, (video.picture.facts.width, video.picture.facts.height), label)
        for row, video, label in zip(rows, videos, labels, strict=True)
    )
    frames = shared_frames(videos)
    views = tuple(range(len(labels)))
    rate = videos[0].picture.facts.frame_rate
    return Source(
        name=folder.resolve().name,
        cameras=cameras,
        labels=labels,
        views=dict.fromkeys(frames, views),
        frame_rate=to_frame_rate(float(rate)) if rate else DEFAULT_FRAME_RATE,
        aabb=None,
        split=Split(train=views[1:], test=views[:1]),
        reader=VideoReader(videos, cameras),
        points=points_in_view(cameras, rows[:, 15:]),
    )


def read_poses_bounds(path: Path) -> NDArray[np.float64]:
    """LLFF's rows (cameras, 17).

    Raises:
        CaptureError: if the file is missing, damaged or of another form.
    """
    try:
        file = BytesIO(read_bounded(path, _MOST_BYTES))
        rows = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except _DAMAGE as error:
        raise CaptureError(
            f"{path} cannot be read: {shown(str(error))}; expected rows of {_ROW} numbers, "
            "download it again"
        ) from error
    is_table = rows.ndim == 2 and rows.shape[1:] == (_ROW,) and rows.dtype.kind in "fiu"
    # Larger numbers than those of single precision have no squares.
    if not is_table or not len(rows) or not (np.abs(rows) <= LARGEST).all():
        raise CaptureError(
            f"{path} holds {rows.dtype} {rows.shape}, expected finite numbers (cameras, {_ROW}); "
            "download it again"
        )
    return rows.astype(np.float64)


def camera_of_row(row: NDArray[np.float64], size: tuple[int, int], label: str) -> Camera:
    """The camera of one of LLFF's rows at the ``size`` (width, height) of its video.

    Raises:
        CaptureError: naming the camera, if it cannot exist.
    """
    matrix = row[:15].reshape(3, 5)
    (height, width, focal), position = matrix[:, 4], matrix[:, 3]
    to_world = np.stack([matrix[:, 1], matrix[:, 0], -matrix[:, 2]], axis=1)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = to_world.T, -to_world.T @ position
    try:
        if not (width > 0 and height > 0):
            raise CameraError(f"pictures of {width:g}x{height:g} do not exist")
        return Camera(
            *size,
            focal * size[0] / width,
            focal * size[1] / height,
            size[0] / 2,
            size[1] / 2,
            pose,
        )
    except CameraError as error:
        raise CaptureError(
            f"{_POSES} has no usable camera {label}: {error}; download it again"
        ) from error


def points_in_view(
    cameras: Sequence[Camera], bounds: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Points (points, 3) on a lattice in every camera's view, from near to far; None without."""
    across = np.linspace(0, 1, 5)
    found = []
    for camera, (near, far) in zip(cameras, bounds, strict=True):
        if not 0 < near < far:
            return None
        x, y, depth = np.meshgrid(across * camera.width, across * camera.height, (near, far))
        local = np.stack(
            [
                (x - camera.center_x) / camera.focal_x * depth,
                (y - camera.center_y) / camera.focal_y * depth,
                depth,
            ],
            axis=-1,
        ).reshape(-1, 3)
        pose = camera.world_to_camera
        found.append((local - pose[:3, 3]) @ pose[:3, :3])
    return np.concatenate(found)
