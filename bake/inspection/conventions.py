"""Ways in which poses are commonly misread, undone one at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from render.cameras import Camera

Pose = NDArray[np.float64]
_YZ = np.diag([1.0, -1.0, -1.0, 1.0])
_XY = np.diag([-1.0, -1.0, 1.0, 1.0])


class Convention(NamedTuple):
    """A misreading: its cause in a word, what is wrong and what helps, and how it is undone."""

    cause: str
    wrong: str
    remedy: str
    undone: Callable[[Pose], Pose]


CONVENTIONS = (
    Convention(
        "axes flipped",
        "the y and z axes point the other way, as if OpenCV and OpenGL had been confused",
        "negate the second and the third axis",
        lambda pose: _YZ @ pose,
    ),
    Convention(
        "upside down",
        "the pose is turned by 180 degrees around the viewing axis, or the pictures are",
        "turn the pictures by 180 degrees, or negate the first and the second axis",
        lambda pose: _XY @ pose,
    ),
    Convention(
        "pose inverted",
        "the pose is camera-to-world where world-to-camera is expected, or the other way round",
        "invert the matrix",
        lambda pose: np.asarray(np.linalg.inv(pose), np.float64),
    ),
    Convention(
        "pose inverted, axes flipped",
        "the pose is inverted, and its y and z axes point the other way",
        "invert the matrix and negate the second and the third axis",
        lambda pose: _YZ @ np.linalg.inv(_YZ @ pose @ _YZ) @ _YZ,
    ),
    Convention(
        "rotation transposed",
        "the rotation is transposed",
        "transpose the rotation and keep the position",
        lambda pose: _transposed(pose),
    ),
)


def undone(camera: Camera, convention: Convention) -> Camera:
    """The camera as it is if its pose was misread in this way."""
    return replace(camera, world_to_camera=convention.undone(camera.world_to_camera))


def _transposed(pose: Pose) -> Pose:
    """The same position with the transposed rotation."""
    position = -pose[:3, :3].T @ pose[:3, 3]
    turned = np.eye(4)
    turned[:3, :3] = pose[:3, :3].T
    turned[:3, 3] = -turned[:3, :3] @ position
    return turned
