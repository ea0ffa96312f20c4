"""The built-in capture: an animated subject, computed on demand, without any download.

Thirty cameras stand on rings around a dancing fox: 24 to train on at three heights, 6 held out
between them. The path is ``procedural``, ``procedural:FRAMES`` or ``procedural:FRAMES:SIZE``;
36 frames are one seamless loop. Pictures are straight RGBA, anti-aliased, and the same every time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bake.captures.dancer import AABB, FRAMES_PER_LOOP, pose
from bake.captures.materials import shade
from bake.captures.source import Source, Split
from bake.captures.tracing import trace
from bake.errors import CaptureError
from render.cameras import Camera, Lens, look_at

Array = NDArray[np.float64]

_FRAMES, _SIZE = 10, 256
_LARGEST = 4096
_RING_HEIGHTS = (0.05, 0.75, 1.55)  # Above the middle of the subject.
_MIDDLE = np.array([0.0, 0.0, 0.79])
_PER_RING = 8
_TEST_HEIGHTS = (0.40, 1.15)
_DISTANCE = 3.4
_FOCAL_PER_WIDTH = 1.58
# The first frame shows the ball in the air.
_FIRST_PHASE = 0.06

_TILE = 4  # Pixels along a side of a window that shares its list of primitives.
_CONTRAST = 0.25  # Difference to a neighbor, in [0, 1], that makes an edge.
_STEP = 0.06  # Step in depth, in scene units, that makes an edge.


class Settings(NamedTuple):
    """Length and picture size of the capture."""

    frame_count: int = _FRAMES
    size: int = _SIZE


@dataclass(frozen=True, slots=True)
class ProceduralReader:
    """Draws pictures by (frame number, view index)."""

    cameras: tuple[Camera, ...]

    def inspect(self, frames: Sequence[int]) -> bool:
        """Nothing can be missing; every picture has a mask."""
        return bool(frames)

    def read(self, frame: int, view: int) -> NDArray[np.uint8]:
        """Draw one picture."""
        return draw(pose(_FIRST_PHASE + frame / FRAMES_PER_LOOP), self.cameras[view])

    def stamp(self, frame: int, view: int) -> str:
        """None: how it is drawn is in no file."""
        return ""


def open_source(path: str) -> Source:
    """Set up the rig; ``path`` may carry the frame count and the picture size after colons.

    Raises:
        CaptureError: if they are not numbers in range.
    """
    settings = parse_settings(path)
    cameras = (*_train_cameras(settings.size), *_test_cameras(settings.size))
    everything = tuple(range(len(cameras)))
    train_count = _PER_RING * len(_RING_HEIGHTS)
    return Source(
        name="procedural",
        cameras=cameras,
        labels=tuple(str(view) for view in everything),
        views=dict.fromkeys(range(settings.frame_count), everything),
        frame_rate=Fraction(30),
        aabb=AABB,
        split=Split(train=everything[:train_count], test=everything[train_count:]),
        reader=ProceduralReader(cameras),
    )


def parse_settings(path: str) -> Settings:
    """Read ``procedural[:FRAMES[:SIZE]]``.

    Raises:
        CaptureError: if a part is not a number in range, or there are too many.
    """
    _, *parts = path.split(":")
    if len(parts) > 2 or not all(re.fullmatch("[0-9]{1,6}", part) for part in parts):
        raise CaptureError(
            f"capture path is {path!r}, expected procedural, procedural:FRAMES or "
            "procedural:FRAMES:SIZE; write whole numbers of up to 6 digits, such as "
            "procedural:36:512"
        )
    settings = Settings(*(int(part) for part in parts))
    if settings.frame_count < 1 or not 16 <= settings.size <= _LARGEST:
        raise CaptureError(
            f"capture path {path!r} asks for {settings.frame_count} frames of {settings.size} "
            f"pixels, expected at least 1 frame and 16 to {_LARGEST} pixels; correct it"
        )
    return settings


def draw(table: Array, camera: Camera) -> NDArray[np.uint8]:
    """Straight RGBA, (rows, columns, 4), of a table of primitives.

    A pixel takes one sample at its center. Where the depth jumps it takes 9 instead, and its alpha
    is the share that hit; on a border in color it takes 4. Uncovered pixels are zero.
    """
    lens = _lens(camera)
    rows, columns = -(-camera.height // _TILE), -(-camera.width // _TILE)
    corners = _TILE * np.stack(np.divmod(np.arange(rows * columns), columns)[::-1], axis=1)
    hits, samples = trace(table, lens, corners.astype(np.float64), _TILE, 1.0)
    tiles = np.zeros((rows * columns * _TILE**2, 5))
    tiles[samples, :3] = shade(table, hits, lens[:3])
    tiles[samples, 3] = 1.0
    tiles[samples, 4] = np.linalg.norm(hits[:, :3] - lens[:3], axis=1) * (_CONTRAST / _STEP)
    image = tiles.reshape(rows, columns, _TILE, _TILE, 5).swapaxes(1, 2)
    image = image.reshape(rows * _TILE, columns * _TILE, 5)[: camera.height, : camera.width]
    silhouettes, borders = _edges(image[..., 3:]), _edges(image[..., :3])
    image = image[..., :4]
    for pixels, side in ((silhouettes, 3), (borders & ~silhouettes, 2)):
        image[pixels] = _average(table, lens, np.argwhere(pixels)[:, ::-1], side)
    return np.rint(image * 255).astype(np.uint8)


def _average(table: Array, lens: Array, pixels: NDArray[np.int64], side: int) -> Array:
    """Mean color of the samples that hit, and their share, of (column, row) pixels: (pixels, 4)."""
    hits, samples = trace(table, lens, pixels.astype(np.float64), side, 1 / side)
    colors, owners = shade(table, hits, lens[:3]), samples // side**2
    found = np.bincount(owners, minlength=len(pixels))
    averages = np.zeros((len(pixels), 4))
    for channel in range(3):
        total = np.bincount(owners, colors[:, channel], minlength=len(pixels))
        averages[:, channel] = total / np.maximum(found, 1)
    averages[:, 3] = found / side**2
    return averages


def _edges(image: Array) -> NDArray[np.bool_]:
    """Pixels that differ from one of their four neighbors in any channel."""
    edges = np.zeros(image.shape[:2], np.bool_)
    down = (np.abs(image[1:] - image[:-1]) > _CONTRAST).any(axis=2)
    right = (np.abs(image[:, 1:] - image[:, :-1]) > _CONTRAST).any(axis=2)
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= right
    edges[:, :-1] |= right
    return edges


def _lens(camera: Camera) -> Array:
    """The camera as the 16 numbers that `trace` takes."""
    intrinsics = (camera.focal_x, camera.focal_y, camera.center_x, camera.center_y)
    rotation = camera.world_to_camera[:3, :3].ravel()
    return np.array([*camera.position, *rotation, *intrinsics])


def _train_cameras(size: int) -> list[Camera]:
    """Three rings, each turned a third of a step against the one below."""
    step = 2 * pi / _PER_RING
    return [
        _camera(step * (index + ring / len(_RING_HEIGHTS)), height, size)
        for ring, height in enumerate(_RING_HEIGHTS)
        for index in range(_PER_RING)
    ]


def _test_cameras(size: int) -> list[Camera]:
    """Between the rings, alternating in height, at angles where no training camera stands."""
    return [_camera(2 * pi * index / 6 + 0.2, _TEST_HEIGHTS[index % 2], size) for index in range(6)]


def _camera(angle: float, height: float, size: int) -> Camera:
    """A camera on the rig, looking at the middle of the subject."""
    eye = _MIDDLE + np.array([_DISTANCE * cos(angle), _DISTANCE * sin(angle), height])
    lens = Lens(size, size, _FOCAL_PER_WIDTH * size)
    return look_at(eye, _MIDDLE, (0, 0, 1), lens=lens)
