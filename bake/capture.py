"""The multi-view video that everything is baked from, whatever form it has on disk.

`open_capture` finds the format, checks the capture before any work is done, and returns a
`Capture`, which reads pictures lazily and keeps the latest ones in a cache of bounded size.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isfinite
from pathlib import Path

from bake.captures.box import SceneBox, find_box
from bake.captures.exposure import compensated
from bake.captures.kept_views import ViewCache, ViewFolder
from bake.captures.registry import detect_loader, load_loader, register_loader
from bake.captures.source import Source, Split
from bake.captures.views import View, to_view
from bake.errors import CaptureError
from render.cameras import Camera
from render.errors import CameraError
from render.geometry import Aabb

__all__ = ["Capture", "CaptureOptions", "Split", "View", "open_capture", "register_loader"]

# Nine digits: more frames than any capture has.
_FRAMES = re.compile(r"(\d{0,9}):(\d{0,9})(?::(\d{1,9}))?|(\d{1,9})")
# Decoding is bound by memory beyond a few threads. A choice.
READ_THREADS = 4


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """Which capture, at what size, which of its frames, and on what background.

    ``path`` is a folder or the name of a built-in capture; ``loader`` is found out unless stated;
    ``scale`` in (0, 1] shrinks pictures; ``frames`` selects by position: ``":"``, ``"3"``,
    ``"a:b"`` (b excluded) or ``"a:b:step"``; ``background`` is sRGB in [0, 1]; ``cache_bytes``
    bounds the pictures kept in memory, and ``cache_folder`` names a folder that keeps all of them
    for later runs, or is empty. ``box`` is the minimum and the maximum corner of what is
    reconstructed, six numbers, or empty for the capture's own; ``test`` names the cameras to hold
    out, with commas between, or is empty for the capture's own split. ``exposure`` has gains in
    linear light of cameras that differ from others, as in ``cam03=0.83,cam04=1.1/1/0.9``.

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
    cache_folder: str = ""

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
        if "\0" in self.cache_folder:
            raise CaptureError("capture cache_folder holds a NUL, expected the path of a folder")
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
        self._pictures = ViewCache(options.cache_bytes)
        self._folder = ViewFolder(Path(options.cache_folder)) if options.cache_folder else None
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
            kept = self._load(frame, view_index)
            self._pictures.put((frame, view_index), kept)
        return kept.copy()

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

    def _load(self, frame: int, view_index: int) -> View:
        """One picture out of the folder of pictures, or read and put there."""
        stamp = self._source.reader.stamp(frame, view_index) if self._folder else ""
        if self._folder is None or not stamp:
            return self._read(frame, view_index)
        camera = self.cameras[view_index]
        size = camera.width, camera.height
        path = self._folder.path(stamp, size, self.background)
        found = self._folder.load(path, size, has_alpha=self.has_masks)
        if found is None:
            found = self._read(frame, view_index)
            self._folder.store(path, found)
        return found

    def _read(self, frame: int, view_index: int) -> View:
        """Read and convert one picture."""
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
    unknown = sorted(named - {*source.labels})
    views = range(len(source.labels))
    held_out = tuple(view for view in views if source.labels[view] in named)
    if unknown or len(held_out) == len(source.labels):
        wrong = f"names {unknown[0]!r}" if unknown else "names every camera"
        raise CaptureError(
            f"capture test is {test!r} and {wrong}, expected some but not all of the cameras "
            f"{', '.join(source.labels)}"
        )
    return Split(tuple(view for view in views if view not in held_out), held_out)


def _scaled(source: Source, scale: float) -> tuple[Camera, ...]:
    """Cameras at the size that pictures are shrunk to."""
    try:
        return tuple(camera.scaled(scale) for camera in source.cameras)
    except CameraError as error:
        raise CaptureError(f"capture {source.name!r} cannot be scaled: {error}") from error
