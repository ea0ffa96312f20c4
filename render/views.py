"""Which cameras to look through: chosen by name or number, or made up to walk around a scene."""

from collections.abc import Sequence
from statistics import median, mode

import numpy as np

from render.cameras import Camera, Lens, orbit
from render.errors import CameraError
from render.geometry import Aabb

# Where no capture's cameras are known: the whole box in view from a comfortable distance.
_SIZE, _FOCAL_PER_WIDTH, _DISTANCE_PER_SIZE, _HEIGHT_PER_SIZE = 512, 1.4, 2.6, 0.25


def select_views(text: str, camera_count: int, test_views: Sequence[int]) -> tuple[int, ...]:
    """The cameras meant by ``test``, ``train``, ``all``, or numbers such as ``3,24``.

    Raises:
        CameraError: if the words mean none, or a camera does not exist.
    """
    everything = range(camera_count)
    named = {
        "test": tuple(test_views),
        "train": tuple(view for view in everything if view not in set(test_views)),
        "all": tuple(everything),
    }
    views = named[text] if text in named else tuple(_numbers(text))
    if not views or not all(view in everything for view in views):
        raise CameraError(
            f"views are {text!r}, expected test, train, all, or numbers of 0..{camera_count - 1} "
            f"such as 0,1; the held-out ones are {list(test_views)}"
        )
    return tuple(dict.fromkeys(views))


def orbit_around(aabb: Aabb, cameras: Sequence[Camera], count: int) -> tuple[Camera, ...]:
    """``count`` cameras on a circle around the box's middle, z up.

    Radius and height are the medians of the given cameras, the picture size is their most common
    one, and the focal length the median of those that have it: focal lengths count pixels, so those
    of other sizes say nothing about it. Without any camera, a view that shows the whole box.
    """
    radius, height, lens = _usual(aabb, cameras) if cameras else _default(aabb)
    return orbit(aabb.center, radius, height, count, lens)


def _usual(aabb: Aabb, cameras: Sequence[Camera]) -> tuple[float, float, Lens]:
    offsets = [camera.position - aabb.center for camera in cameras]
    radius = median(float(np.hypot(x, y)) for x, y, _ in offsets)
    height = median(float(z) for _, _, z in offsets)
    # Cameras right above the box would leave no circle to walk on.
    radius = max(radius, 0.5 * float(aabb.size.max()))
    size = mode((camera.width, camera.height) for camera in cameras)
    alike = [camera for camera in cameras if (camera.width, camera.height) == size]
    return radius, height, Lens(*size, median(camera.focal_x for camera in alike))


def _default(aabb: Aabb) -> tuple[float, float, Lens]:
    size = float(aabb.size.max())
    lens = Lens(_SIZE, _SIZE, _FOCAL_PER_WIDTH * _SIZE)
    return _DISTANCE_PER_SIZE * size, _HEIGHT_PER_SIZE * size, lens


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else []
