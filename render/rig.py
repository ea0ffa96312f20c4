"""The capture's cameras as a package stores them, so that its own views can be rendered."""

import struct
from collections.abc import Sequence

import numpy as np

from render.cameras import Camera
from render.errors import CameraError, SceneError

# Two sizes as 16-bit numbers; intrinsics and the upper three rows of the pose in single precision.
_RECORD = struct.Struct("<2H16f")


def encode_rig(cameras: Sequence[Camera]) -> bytes:
    """All cameras, 68 bytes each, in order."""
    return b"".join(
        _RECORD.pack(
            camera.width,
            camera.height,
            camera.focal_x,
            camera.focal_y,
            camera.center_x,
            camera.center_y,
            *camera.world_to_camera[:3].ravel(),
        )
        for camera in cameras
    )


def decode_rig(data: bytes) -> tuple[Camera, ...]:
    """The cameras that `encode_rig` wrote, to single precision.

    Raises:
        SceneError: if the data is not a whole number of usable cameras.
    """
    if len(data) % _RECORD.size:
        raise SceneError(
            f"the camera rig takes {len(data)} bytes, expected a multiple of {_RECORD.size}; "
            "the package is damaged, export it again"
        )
    try:
        return tuple(_camera(values) for values in _RECORD.iter_unpack(data))
    except CameraError as error:
        raise SceneError(
            f"the camera rig holds one that cannot exist: {error}; "
            "the package is damaged, export it again"
        ) from error


def _camera(values: tuple[float, ...]) -> Camera:
    pose = np.eye(4)
    pose[:3] = np.reshape(values[6:], (3, 4))
    width, height, focal_x, focal_y, center_x, center_y = values[:6]
    return Camera(int(width), int(height), focal_x, focal_y, center_x, center_y, pose)
