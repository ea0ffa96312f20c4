"""Pictures of all cameras of one frame, shrunk to what the checks need."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.capture import READ_THREADS
from bake.captures.source import Source
from render.cameras import Camera

# Longer side of the pictures that are compared: a shift of one pixel in a thousand still shows.
WORKING_SIDE = 256


class Small(NamedTuple):
    """A picture (rows, columns, 3) in sRGB bytes, and its mask (rows, columns) if it has one."""

    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class Instant:
    """What the cameras saw at one frame: small pictures by view index, with cameras to fit."""

    frame: int
    cameras: Mapping[int, Camera]
    pictures: Mapping[int, Small]

    @property
    def views(self) -> tuple[int, ...]:
        """Views that exist at this frame, in order."""
        return tuple(self.pictures)

    def mask(self, view: int) -> NDArray[np.bool_]:
        """The mask of a view of a capture that has masks."""
        found = self.pictures[view].mask
        if found is None:
            raise AssertionError("only asked where the capture has masks")
        return found


def read_instant(source: Source, frame: int, side: int = WORKING_SIDE) -> Instant:
    """Read every view of an original frame number, at most ``side`` pixels along a side.

    Raises:
        CaptureError: if a picture cannot be read.
    """
    views = source.views[frame]
    cameras = {view: small_camera(source.cameras[view], side) for view in views}
    with ThreadPoolExecutor(READ_THREADS) as pool:
        found = pool.map(lambda view: read_small(source, frame, view, cameras[view]), views)
        pictures = dict(zip(views, found, strict=True))
    return Instant(frame, cameras, pictures)


def read_small(source: Source, frame: int, view: int, camera: Camera) -> Small:
    """Read one picture and shrink it to the size of ``camera``.

    Raises:
        CaptureError: if it cannot be read.
    """
    return shrink(source.reader.read(frame, view), (camera.width, camera.height))


def shrink(pixels: NDArray[Any], size: tuple[int, int]) -> Small:
    """Average RGB or straight RGBA pixels to (width, height), colors weighted by their alpha."""
    if pixels.dtype != np.uint8:
        pixels = (pixels >> 8).astype(np.uint8)
    if size != (pixels.shape[1], pixels.shape[0]):
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    rgb = np.ascontiguousarray(pixels[..., :3])
    return Small(rgb, pixels[..., 3] > 127 if pixels.shape[2] == 4 else None)


def small_camera(camera: Camera, side: int = WORKING_SIDE) -> Camera:
    """The camera at the size that its pictures are shrunk to."""
    return camera.scaled(min(1.0, side / max(camera.width, camera.height)))


def spread(items: Sequence[int], count: int) -> tuple[int, ...]:
    """Up to ``count`` of the items, evenly spread from the first to the last."""
    if len(items) <= count:
        return tuple(items)
    places = np.unique(np.linspace(0, len(items) - 1, count).round().astype(int))
    return tuple(items[place] for place in places)
