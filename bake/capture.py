"""The multi-view video that everything is baked from, whatever form it has on disk.

`open_capture` finds the format, checks the capture before any work is done, and returns a
`Capture`, which reads pictures lazily and keeps the latest ones in a cache of bounded size.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isfinite
from threading import Lock
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.box import SceneBox, find_box
from bake.captures.exposure import compensated
from bake.captures.registry import detect_loader, load_loader, register_loader
from bake.captures.source import Source, Split
from bake.errors import CaptureError
from render.cameras import Camera
from render.errors import CameraError
from render.geometry import Aabb

__all__ = ["Capture", "CaptureOptions", "Split", "View", "open_capture", "register_loader"]

# Nine digits: more frames than any capture has.
_FRAMES = re.compile(r"(\d{0,9}):(\d{0,9})(?::(\d{1,9}))?|(\d{1,9})")
# Decoding is bound by memory beyond a few threads. A choice.
READ_THREADS = 4


class View(NamedTuple):
    """One picture: uint8 ``rgb`` (rows, columns, 3) and ``alpha`` (rows, columns) or None.

    The color is already composited on the capture's background; alpha is the share of each pixel
    that the subject covers, in 0..255.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """Which capture, at what size, which of its frames, and on what background.

    ``path`` is a folder or the name of a built-in capture; ``loader`` is found out unless stated;
    ``scale`` in (0, 1] shrinks pictures; ``frames`` selects by position: ``":"``, ``"3"``,
    ``"a:b"`` (b excluded) or ``"a:b:step"``; ``background`` is sRGB in [0, 1]; ``cache_bytes``
    bounds the decoded pictures kept in memory. ``box`` is the minimum and the maximum corner of
    what is reconstructed, six numbers, or empty for the capture's own; ``test`` names the cameras
    to hold out, with commas between, or is empty for the capture's own split. ``exposure`` has
    gains in linear light of cameras that differ from others, as in ``cam03=0.83,cam04=1.1/1/0.9``.

    Raises:
        CaptureError: naming the option that cannot be used.
    """

    path: str = "procedural"
    scale: float = 1.0
    frames: str = ":"
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    loader: str = "auto"
    cache_bytes: int = 512 << 20
    box: tuple[float, ...] = ()
    test: str = ""
    exposure: str = ""

    def __post_init__(self) -> None:
        """Check what can be checked without touching a file."""
        if not (isfinite(self.scale) and 0 < self.scale <= 1):
            raise CaptureError(
                f"capture scale is {self.scale}, expected a number in (0, 1]; "
                "0.5 halves width and height"
            )
        if not _FRAMES.fullmatch(self.frames):
            raise CaptureError(
                f"capture frames are {self.frames!r}, expected 'a:b', 'a:b:step', 'a' or ':'; "
                "count positions from 0 and leave negative ones out"
            )
        color = tuple(float(value) for value in self.background)
        if len(color) != 3 or not all(0 <= value <= 1 for value in color):
            raise CaptureError(
                f"capture background is {self.background}, expected three numbers in [0, 1]; "
                "divide 8-bit values by 255"
            )
        if self.cache_bytes < 0:
            raise CaptureError(f"capture cache_bytes is {self.cache_bytes}, expected 0 or more")
        object.__setattr__(self, "background", color)
        object.__setattr__(self, "box", tuple(self.box))  # Settings read from files bring lists.


class Capture:
    """Multi-view video with cameras at the scaled size and pictures read on demand.

    ``frame_index`` counts within the selected frames, ``view_index`` within the cameras. Safe to
    read from several threads; every call returns arrays of its own.
    """

    def __init__(self, source: Source, options: CaptureOptions) -> None:
        source = compensated(source, options.exposure)
        frames = tuple(sorted(source.views))
        chosen = _select(frames, options.frames, source.name)
        self._source = source
        self._pictures = _PictureCache(options.cache_bytes)
        self.name = source.name
        self.background = options.background
        self.cameras = _scaled(source, options.scale)
        self.labels = source.labels
        self.frame_indices = tuple(frames[position] for position in chosen)
        self.frame_count = len(chosen)
        self.frame_rate: Fraction = source.frame_rate / chosen.step
        self._given_box = options.box
        if options.box:
            find_box(source, options.box)  # One that is none is refused at once.
        self.split: Split = _split(source, options.test)
        self.has_masks: bool = source.reader.inspect(self.frame_indices)

    @cached_property
    def scene_box(self) -> SceneBox:
        """What is reconstructed, and where that comes from; masks are looked at when it is asked.

        Raises:
            CaptureError: if there is nothing to find a box from, or the given one is none.
        """
        return find_box(self._source, self._given_box)

    @property
    def aabb(self) -> Aabb:
        """The box of what is reconstructed."""
        return self.scene_box.aabb

    def train_views(self, frame_index: int) -> tuple[int, ...]:
        """Views to train on that exist at this frame."""
        return self._available(frame_index, self.split.train)

    def test_views(self, frame_index: int) -> tuple[int, ...]:
        """Held-out views that exist at this frame."""
        return self._available(frame_index, self.split.test)

    def view(self, frame_index: int, view_index: int) -> View:
        """One picture, composited on the background at full size, then shrunk by pixel area.

        Raises:
            CaptureError: if the frame or view does not exist or its picture cannot be used.
        """
        frame = self._frame(frame_index)
        if view_index not in self._source.views[frame]:
            raise CaptureError(
                f"capture {self.name!r} has no view {view_index} at frame {frame}, expected one "
                f"of {list(self._source.views[frame])}; ask train_views() or test_views()"
            )
        kept = self._pictures.get((frame, view_index))
        if kept is None:
            kept = self._read(frame, view_index)
            self._pictures.put((frame, view_index), kept)
        return View(kept.rgb.copy(), None if kept.alpha is None else kept.alpha.copy())

    def views(self, frame_index: int, view_indices: Sequence[int]) -> list[View]:
        """Several pictures of one frame, read in parallel.

        Raises:
            CaptureError: as `view` does, and if a mask is empty, naming its camera and frame.
        """
        threads = min(READ_THREADS, len(view_indices)) or 1
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(lambda view: self.view(frame_index, view), view_indices))
        for view_index, view in zip(view_indices, found, strict=True):
            if view.alpha is not None and not view.alpha.any():
                raise CaptureError(
                    f"the mask of camera {self.labels[view_index]} is empty at frame "
                    f"{self.frame_indices[frame_index]} of capture {self.name!r}, expected a "
                    "subject; repair the mask or leave the frame or camera out"
                )
        return found

    def validate_frame(self, frame_index: int) -> None:
        """Read every view of a frame once, so that a damaged picture shows before work starts.

        Raises:
            CaptureError: as `views` does.
        """
        self.views(frame_index, self._source.views[self._frame(frame_index)])

    def _frame(self, frame_index: int) -> int:
        """The original frame number."""
        if not 0 <= frame_index < self.frame_count:
            raise CaptureError(
                f"capture {self.name!r} has no frame {frame_index} among the selected ones, "
                f"expected 0..{self.frame_count - 1}; widen the frames option"
            )
        return self.frame_indices[frame_index]

    def _available(self, frame_index: int, views: Sequence[int]) -> tuple[int, ...]:
        """Those of ``views`` that exist at a frame."""
        present = self._source.views[self._frame(frame_index)]
        return tuple(view for view in views if view in present)

    def _read(self, frame: int, view_index: int) -> View:
        """Read and convert one picture, past the cache."""
        pixels = self._source.reader.read(frame, view_index)
        if (pixels.shape[2] == 4) != self.has_masks:
            expected = "RGBA" if self.has_masks else "RGB"
            raise CaptureError(
                f"camera {self.labels[view_index]} has {pixels.shape[2]} channels at frame {frame},"
                f" expected {expected} as in the first picture; give every picture a mask or none"
            )
        camera = self.cameras[view_index]
        return to_view(pixels, self.background, (camera.width, camera.height))


def open_capture(options: CaptureOptions) -> Capture:
    """Find the format, check cameras, files and selection, and open the capture.

    Raises:
        CaptureError: naming what cannot be used and what to do about it.
    """
    try:
        name = detect_loader(options.path) if options.loader == "auto" else options.loader
        return Capture(load_loader(name)(options.path), options)
    except OSError as error:
        raise CaptureError(
            f"capture {options.path!r} cannot be read: {error}; check names and permissions"
        ) from error


def to_view(
    pixels: NDArray[Any], background: tuple[float, float, float], size: tuple[int, int]
) -> View:
    """Composite straight alpha in float, average by pixel area to ``size``, and round once."""
    values = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    if pixels.shape[2] == 3:
        return View(_to_bytes(values, size), None)
    alpha = values[..., 3:]
    color = values[..., :3] * alpha + np.array(background, np.float32) * (1 - alpha)
    return View(_to_bytes(color, size), _to_bytes(alpha[..., 0], size))


def _to_bytes(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Area-average [0, 1] values to (width, height) and round them to 8 bits."""
    if size != (values.shape[1], values.shape[0]):
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


class _PictureCache:
    """Least recently used pictures, bounded in bytes; a picture beyond the bound is not kept."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._views: OrderedDict[tuple[int, int], View] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[int, int]) -> View | None:
        with self._lock:
            if key in self._views:
                self._views.move_to_end(key)
            return self._views.get(key)

    def put(self, key: tuple[int, int], view: View) -> None:
        size = _size_bytes(view)
        with self._lock:
            if key in self._views or size > self.limit_bytes:
                return
            self._views[key] = view
            self.size_bytes += size
            while self.size_bytes > self.limit_bytes:
                self.size_bytes -= _size_bytes(self._views.popitem(last=False)[1])


def _size_bytes(view: View) -> int:
    """Memory held by a view."""
    return view.rgb.nbytes + (0 if view.alpha is None else view.alpha.nbytes)


def _select(frames: Sequence[int], selection: str, name: str) -> range:
    """Positions chosen by ``selection``, all of which must exist."""
    match = _FRAMES.fullmatch(selection)
    start, stop, step, single = match.groups() if match else (None, None, None, None)
    if single is not None:
        start, stop = single, str(int(single) + 1)
    chosen = range(int(start or 0), int(stop or len(frames)), int(step or 1) or 1)
    if step == "0" or not chosen or chosen.stop > len(frames):
        raise CaptureError(
            f"capture {name!r} has {len(frames)} frames, expected frames={selection!r} to choose "
            f"some of 0:{len(frames)} with a step of at least 1; correct the selection"
        )
    return chosen


def _split(source: Source, test: str) -> Split:
    """The capture's own split, or the named cameras held out."""
    if not test:
        return source.split
    named = {name.strip() for name in test.split(",")}
    if not named <= {*source.labels} or len(named) == len(source.labels):
        raise CaptureError(
            f"capture test is {test!r}, expected some but not all of the cameras "
            f"{', '.join(source.labels)}"
        )
    views = range(len(source.labels))
    held_out = tuple(view for view in views if source.labels[view] in named)
    return Split(tuple(view for view in views if view not in held_out), held_out)


def _scaled(source: Source, scale: float) -> tuple[Camera, ...]:
    """Cameras at the size that pictures are shrunk to."""
    try:
        return tuple(camera.scaled(scale) for camera in source.cameras)
    except CameraError as error:
        raise CaptureError(f"capture {source.name!r} cannot be scaled: {error}") from error
