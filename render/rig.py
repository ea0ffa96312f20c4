"""The capture's cameras as a package stores them, so that its own views can be rendered.

Little-endian: how many cameras and how many different lenses, as 16-bit numbers; the lenses; then
per camera its pose, and the number of its lens in front of it if there are several lenses.
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from render.cameras import Camera
from render.errors import CameraError, SceneError

_COUNTS = struct.Struct("<2H")
# Width and height as 16-bit numbers; focal lengths and principal point in single precision.
_LENS = struct.Struct("<2H4f")
# Rotation as a unit quaternion x y z w, then translation, of the world-to-camera pose.
_POSE = struct.Struct("<7f")
_NUMBERED_POSE = struct.Struct("<H7f")
_MOST = 0xFFFF


def encode_rig(cameras: Sequence[Camera]) -> bytes:
    """All cameras in order: 28 bytes each, and 20 for every different lens.

    Raises:
        SceneError: if there are more cameras than 16 bits count.
    """
    if len(cameras) > _MOST:
        raise SceneError(
            f"the rig has {len(cameras)} cameras, expected at most {_MOST}; leave some out"
        )
    lenses: dict[bytes, int] = {}
    poses: list[tuple[int, tuple[float, ...]]] = []
    for camera in cameras:
        lens = _LENS.pack(
            camera.width,
            camera.height,
            camera.focal_x,
            camera.focal_y,
            camera.center_x,
            camera.center_y,
        )
        pose = camera.world_to_camera
        numbers = (*_quaternion(pose[:3, :3]), *pose[:3, 3])
        poses.append((lenses.setdefault(lens, len(lenses)), numbers))
    is_numbered = len(lenses) > 1
    packed = (_NUMBERED_POSE.pack(i, *n) if is_numbered else _POSE.pack(*n) for i, n in poses)
    return b"".join([_COUNTS.pack(len(cameras), len(lenses)), *lenses, *packed])


def decode_rig(data: bytes) -> tuple[Camera, ...]:
    """The cameras that `encode_rig` wrote, to single precision.

    Raises:
        SceneError: if the data is not a whole number of usable cameras.
    """
    counts = _COUNTS.unpack_from(data) if len(data) >= _COUNTS.size else (0, 0)
    pose = _NUMBERED_POSE if counts[1] > 1 else _POSE
    split = _COUNTS.size + counts[1] * _LENS.size
    expected = split + counts[0] * pose.size
    if len(data) != expected:
        raise SceneError(
            f"the camera rig takes {len(data)} bytes, expected {expected} for {counts[0]} cameras "
            f"with {counts[1]} lenses; the package is damaged, export it again"
        )
    lenses = list(_LENS.iter_unpack(data[_COUNTS.size : split]))
    try:
        return tuple(_camera(lenses, values) for values in pose.iter_unpack(data[split:]))
    except CameraError as error:
        raise SceneError(
            f"the camera rig holds one that cannot exist: {error}; "
            "the package is damaged, export it again"
        ) from error


def _camera(lenses: Sequence[tuple[float, ...]], values: tuple[float, ...]) -> Camera:
    """A camera of one of the lenses; ``values`` are its number, if there is one, and the pose."""
    number = int(values[0]) if len(values) == 8 else 0
    if number >= len(lenses):
        raise CameraError(f"lens {number} is named, expected one of {len(lenses)}")
    pose = np.eye(4)
    pose[:3, :3] = _rotation(np.array(values[-7:-3]))
    pose[:3, 3] = values[-3:]
    width, height, focal_x, focal_y, center_x, center_y = lenses[number]
    return Camera(int(width), int(height), focal_x, focal_y, center_x, center_y, pose)


def _rotation(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation matrix of a quaternion x y z w, which is made a unit one first."""
    length = np.linalg.norm(quaternion)
    if not 0.5 < length < 2:
        raise CameraError(f"a rotation is a quaternion of length {length:g}, expected 1")
    x, y, z, w = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _quaternion(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unit quaternion x y z w of a rotation matrix: the largest eigenvector of Bar-Itzhack's.

    Source: Bar-Itzhack, "New method for extracting the quaternion from a rotation matrix", Journal
    of Guidance 23(6), 2000; it takes no cases and stays exact for every angle.
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation
    matrix = np.array(
        [
            [a - e - i, b + d, c + g, h - f],
            [b + d, e - a - i, f + h, c - g],
            [c + g, f + h, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    vector = np.linalg.eigh(matrix)[1][:, -1]
    # A quaternion and its negative mean one rotation; a fixed sign makes the bytes repeatable.
    signed: NDArray[np.float64] = vector * np.sign(vector[np.argmax(np.abs(vector))])
    return signed
