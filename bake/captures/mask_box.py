"""The box around a subject that all cameras surround, from its masks: that of their visual hull.

where the cameras look -> a cube as large as their ring -> hull -> its box -> hull within that
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.source import Source
from bake.hull import visual_hull
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
# A subject stays within the ring of cameras, and needs not fill it.
_RING_SHARE = 0.95
_MARGIN = 0.05


def box_from_masks(source: Source) -> Aabb | None:
    """The box of everything that is inside the masks at the first, middle and last frame.

    None if the capture has no masks, if cameras do not surround anything, or if nothing is inside.

    Raises:
        CaptureError: if a picture cannot be read.
    """
    numbers = sorted(source.views)
    frames = sorted({numbers[0], numbers[len(numbers) // 2], numbers[-1]})
    if len(source.cameras) < 3 or not source.reader.inspect(frames[:1]):
        return None
    seen = [_masks(source, frame) for frame in frames]
    box = _ring(source.cameras)
    for _ in range(_ROUNDS):
        if box is None:
            return None
        box = _around_hulls(box, seen)
    return box


def _masks(source: Source, frame: int) -> tuple[list[Camera], list[NDArray[np.uint8]]]:
    """Cameras and masks (rows, columns) of some views, spread over all, at a small size."""
    views = source.views[frame]
    step = -(-len(views) // _MOST_VIEWS)
    cameras, masks = [], []
    for view in views[::step]:
        camera = source.cameras[view]
        camera = camera.scaled(min(1.0, _MASK_SIDE / max(camera.width, camera.height)))
        mask = _mask(source.reader.read(frame, view))
        size = (camera.width, camera.height)
        cameras.append(camera)
        masks.append(np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8))
    return cameras, masks


def _mask(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """255 where a pixel is at least half the subject's."""
    alpha = pixels[..., 3]
    half = np.iinfo(alpha.dtype).max // 2
    return np.where(alpha > half, 255, 0).astype(np.uint8)


def _ring(cameras: Sequence[Camera]) -> Aabb | None:
    """A cube around the point nearest to all optical axes, up to the nearest camera."""
    directions = np.array([camera.forward for camera in cameras])
    positions = np.array([camera.position for camera in cameras])
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    total = across.sum(0)
    if np.linalg.cond(total) > 1e6:  # All cameras look the same way.
        return None
    middle = np.linalg.solve(total, (across @ positions[:, :, None]).sum(0))[:, 0]
    reach = _RING_SHARE * float(np.linalg.norm(positions - middle, axis=1).min())
    is_ahead = (((middle - positions) * directions).sum(1) > 0).all()
    return Aabb(tuple(middle - reach), tuple(middle + reach)) if is_ahead and reach > 0 else None


def _around_hulls(
    box: Aabb, seen: Sequence[tuple[list[Camera], list[NDArray[np.uint8]]]]
) -> Aabb | None:
    """The box around all frames' hulls within a box, and some more; None if they are empty."""
    grid = cover(box, _RESOLUTION)
    bits = np.zeros(grid.shape, np.bool_)
    places = grid.origin + grid.voxel_size * np.argwhere(np.ones(grid.shape, np.bool_))
    for cameras, masks in seen:
        hull = visual_hull(grid, cameras, masks).vertices
        # What few cameras see would be kept for want of anybody who says otherwise.
        often = sum(_contains(camera, places) for camera in cameras) * 2 >= len(cameras)
        bits |= hull & np.asarray(often).reshape(grid.shape)
    if not bits.any():
        return None
    found = places[bits.ravel()]
    low, high = found.min(0) - grid.voxel_size, found.max(0) + grid.voxel_size
    margin = _MARGIN * (high - low)
    return Aabb(tuple(low - margin), tuple(high + margin))


def _contains(camera: Camera, places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether places (places, 3) lie in the picture."""
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels, depth = camera.project(places)
    size = (camera.width, camera.height)
    inside: NDArray[np.bool_] = (depth > 0) & (pixels >= 0).all(1) & (pixels < size).all(1)
    return inside
