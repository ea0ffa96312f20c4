"""What is kept of a camera's picture: a window of its straight form, around the scene's box."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bake.captures.lens import LensCamera, straightened
from bake.errors import CaptureError
from render.cameras import Camera
from render.geometry import Aabb

Cutter = Callable[[NDArray[Any]], NDArray[Any]]
"""Takes a picture as it was filmed (rows, columns, 3 or 4), and returns the window of it."""

# Video encoders and later resizing are content with even sizes.
_STEP = 2


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A camera as it filmed, and the straight, cropped camera of what is kept of its pictures."""

    filmed: LensCamera
    camera: Camera
    left: int
    top: int

    def cutter(self) -> Cutter:
        """What cuts the window out of pictures; the lens's maps are made here and kept by it."""
        rows = slice(self.top, self.top + self.camera.height)
        columns = slice(self.left, self.left + self.camera.width)
        if self.filmed.distortion.is_none:
            return lambda pixels: pixels[rows, columns]
        whole = self.filmed.distortion.pinhole(self.filmed.camera)
        across, down = self.filmed.distortion.maps(self.filmed.camera, whole)
        maps = tuple(np.ascontiguousarray(each[rows, columns]) for each in (across, down))
        return lambda pixels: straightened(pixels, (maps[0], maps[1]))


def whole_window(filmed: LensCamera) -> Window:
    """All of the straight picture."""
    return Window(filmed, filmed.distortion.pinhole(filmed.camera), 0, 0)


def window_around(filmed: LensCamera, box: Aabb, margin: float, label: str) -> Window:
    """The part of the straight picture that the box projects into, ``margin`` of its size around.

    A camera inside the box, or beside it, keeps its whole picture.

    Raises:
        CaptureError: naming the camera, if the box is not in its view.
    """
    whole = whole_window(filmed)
    camera = whole.camera
    pixels, depth = camera.project(box.corners())
    if not (depth > 0).any():
        raise _unseen(label)
    # What lies beside or behind the camera projects anywhere.
    if (depth <= 1e-3 * np.linalg.norm(box.size)).any():
        return whole
    size = np.array([camera.width, camera.height])
    border = margin * (pixels.max(0) - pixels.min(0))
    low = np.floor((pixels.min(0) - border) / _STEP).clip(0) * _STEP
    high = np.minimum(np.ceil((pixels.max(0) + border) / _STEP) * _STEP, size // _STEP * _STEP)
    if (high - low < _STEP).any():
        raise _unseen(label)
    (left, top), (width, height) = low.astype(int).tolist(), (high - low).astype(int).tolist()
    cropped = Camera(
        width,
        height,
        camera.focal_x,
        camera.focal_y,
        camera.center_x - left,
        camera.center_y - top,
        camera.world_to_camera,
    )
    return Window(filmed, cropped, left, top)


def _unseen(label: str) -> CaptureError:
    return CaptureError(
        f"the scene's box is not in the view of camera {label}, expected some of it; correct --box "
        "or the calibration, leave the camera out, or give --no-crop"
    )
