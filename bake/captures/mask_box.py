"""The box around a subject that all cameras surround, from its masks: that of their visual hull.

where the cameras look -> a cube as large as their ring -> hull -> its box -> hull within that
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.ring import cube_around, meeting_point
from bake.captures.source import Source
from render.cameras import Camera
from render.geometry import Aabb
from render.occupancy import cover

# Looks at the same box, each at a finer grid in scene units, as the box has shrunk.
_ROUNDS = 3
_RESOLUTION = 48
# Views read per frame; more would only take time.
_MOST_VIEWS = 24
# Side to which masks are shrunk: grids are far coarser still.
_MASK_SIDE = 512
_MARGIN = 0.05


def box_from_masks(source: Source) -> Aabb | None:
    """The box of everything that is inside the masks at the first, middle and last frame.

    None if the capture has no masks, if cameras do not surround anything, or if nothing is inside.

    Raises:
        CaptureError: if a picture cannot be read.
    """
    numbers = sorted(source.views)
    frames = sorted({numbers[0], numbers[len(numbers) // 2], numbers[-1]})
    if len(source.cameras) < 3 or not source.reader.inspect(frames):
        return None
    seen = [_looks(source, frame) for frame in frames]
    box = _ring(source.cameras)
    for _ in range(_ROUNDS):
        if box is None:
            return None
        box = _around_hulls(box, seen)
    return box


class _Look(NamedTuple):
    """A camera, and how many pixels away the subject is (rows, columns): 0 within its mask."""

    camera: Camera
    away: NDArray[np.float32]


def _looks(source: Source, frame: int) -> list[_Look]:
    """What some views show, spread over all, at a small size."""
    views = source.views[frame]
    step = -(-len(views) // _MOST_VIEWS)
    looks = []
    for view in views[::step]:
        camera = source.cameras[view]
        camera = camera.scaled(min(1.0, _MASK_SIDE / max(camera.width, camera.height)))
        mask = _mask(source.reader.read(frame, view))
        size = (camera.width, camera.height)
        covered = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8) > 0
        away = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        looks.append(_Look(camera, np.asarray(away, np.float32)))
    return looks


def _mask(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """255 where a pixel is at least half the subject's."""
    alpha = pixels[..., 3]
    half = np.iinfo(alpha.dtype).max // 2
    return np.where(alpha > half, 255, 0).astype(np.uint8)


def _ring(cameras: Sequence[Camera]) -> Aabb | None:
    """A cube around the point nearest to all optical axes, up to the nearest camera."""
    middle = meeting_point(cameras, np.ones(len(cameras)))
    if middle is None:  # All cameras look the same way.
        return None
    is_ahead = all((middle - camera.position) @ camera.forward > 0 for camera in cameras)
    return cube_around(cameras, middle) if is_ahead else None


def _around_hulls(box: Aabb, seen: Sequence[Sequence[_Look]]) -> Aabb | None:
    """The box around all frames' hulls within a box, and some more; None if they are empty."""
    grid = cover(box, _RESOLUTION)
    places = grid.origin + grid.voxel_size * np.argwhere(np.ones(grid.shape, np.bool_))
    inside = np.zeros(len(places), np.bool_)
    for looks in seen:
        inside |= _in_hull(places, grid.voxel_size, looks)
    if not inside.any():
        return None
    found = places[inside]
    low, high = found.min(0) - grid.voxel_size, found.max(0) + grid.voxel_size
    margin = _MARGIN * (high - low)
    return Aabb(tuple(low - margin), tuple(high + margin))


def _in_hull(
    places: NDArray[np.float64], spacing: float, looks: Sequence[_Look]
) -> NDArray[np.bool_]:
    """Whether places (places, 3) lie on the subject in all views that see them, which are many.

    As far off it as half the diagonal between places that are ``spacing`` apart, as it looks at
    the distance of each, still counts: the place nearest to anything visible is found.
    """
    inside, watching = np.ones(len(places), np.bool_), np.zeros(len(places), np.int64)
    for camera, away in looks:
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels, depth = camera.project(places)
        size = (camera.width, camera.height)
        visible = (depth > 0) & (pixels >= 0).all(1) & (pixels < size).all(1)
        columns, rows = pixels[visible].astype(np.int64).T
        half = max(camera.focal_x, camera.focal_y) * spacing * np.sqrt(3) / 2
        # One more, for where in its pixel the place lies.
        inside[visible] &= away[rows, columns] <= half / depth[visible] + 1
        watching += visible
    # What few cameras see would be kept for want of anybody who says otherwise.
    often: NDArray[np.bool_] = watching * 2 >= len(looks)
    return inside & often
