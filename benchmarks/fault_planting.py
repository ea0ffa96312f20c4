"""Faults planted into a capture on purpose: the same capture, with one thing wrong.

Cameras change in the calibration; pictures, masks and timing as they are read. Nothing is written,
and the capture that was given stays as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bake.captures.exposure import apply_gains
from bake.captures.source import Reader, Source, every_eighth
from bake.inspection.conventions import CONVENTIONS, undone
from render.cameras import Camera

Pixels = NDArray[Any]
Read = Callable[[Reader, int, int], Pixels]

# Light gray, as a wall might be. A choice.
_WALL = 200


@dataclass(frozen=True, slots=True)
class Planted:
    """Reads through another reader, with something done on the way."""

    reader: Reader
    change: Read
    has_masks: bool = True

    def inspect(self, frames: Sequence[int]) -> bool:
        """As the reader behind it; False where masks are taken away."""
        return self.reader.inspect(frames) and self.has_masks

    def read(self, frame: int, view: int) -> Pixels:
        """One picture, changed."""
        return self.change(self.reader, frame, view)

    def stamp(self, frame: int, view: int) -> str:
        """Nothing tells these pictures from others: they are not to be kept."""
        del frame, view
        return ""


def reread(source: Source, change: Read) -> Source:
    """The capture with every picture read by ``change(reader, frame, view)``."""
    return replace(source, reader=Planted(source.reader, change))


def edit(source: Source, view: int, change: Callable[[Pixels], Pixels]) -> Source:
    """The capture with every picture of one view changed."""

    def read(reader: Reader, frame: int, asked: int) -> Pixels:
        pixels = reader.read(frame, asked)
        return change(pixels) if asked == view else pixels

    return reread(source, read)


def with_cameras(source: Source, cameras: Mapping[int, Camera]) -> Source:
    """The capture with other cameras at some view indices."""
    return replace(
        source, cameras=tuple(cameras.get(v, camera) for v, camera in enumerate(source.cameras))
    )


def swap(source: Source, one: int, other: int) -> Source:
    """Two views show each other's pictures."""
    order = {one: other, other: one}
    return reread(source, lambda reader, frame, view: reader.read(frame, order.get(view, view)))


def zoom(source: Source, view: int, factor: float = 1.05) -> Source:
    """The calibration of a view states a focal length that is too long by ``factor``."""
    camera = source.cameras[view]
    wrong = replace(camera, focal_x=camera.focal_x * factor, focal_y=camera.focal_y * factor)
    return with_cameras(source, {view: wrong})


def misread(source: Source, *views: int, convention: int = 0) -> Source:
    """Poses of some views, or of all if none is given, are misread by one of `CONVENTIONS`.

    Conventions undo themselves, so what undoes one plants it.
    """
    chosen = views or range(len(source.cameras))
    wrong = {view: undone(source.cameras[view], CONVENTIONS[convention]) for view in chosen}
    return with_cameras(source, wrong)


def delay(source: Source, view: int, frames: int = 1) -> Source:
    """A view shows what the others show some frames later; at an end it stands still."""
    order = sorted(source.views)
    places = {frame: place for place, frame in enumerate(order)}

    def change(reader: Reader, frame: int, asked: int) -> Pixels:
        if asked != view:
            return reader.read(frame, asked)
        return reader.read(order[min(max(places[frame] + frames, 0), len(order) - 1)], asked)

    return reread(source, change)


def moved(pixels: Pixels, dx: int) -> Pixels:
    """Pixels moved by ``dx`` to the right, with zeros where they came from."""
    result = np.zeros_like(pixels)
    result[:, max(dx, 0) : pixels.shape[1] + min(dx, 0)] = pixels[
        :, max(-dx, 0) : pixels.shape[1] + min(-dx, 0)
    ]
    return result


def shift_mask(source: Source, view: int, dx: int = 10) -> Source:
    """The masks of a view are ``dx`` pixels too far to the right, its colors are not."""

    def change(pixels: Pixels) -> Pixels:
        return np.dstack([pixels[..., :3], moved(pixels[..., 3], dx)])

    return edit(source, view, change)


def shift_picture(source: Source, view: int, dx: int = 10) -> Source:
    """Pictures and masks of a view are ``dx`` pixels too far to the right."""
    return edit(source, view, lambda pixels: moved(pixels, dx))


def mirror(source: Source, view: int) -> Source:
    """Pictures and masks of a view are mirrored left to right."""
    return edit(source, view, lambda pixels: pixels[:, ::-1])


def expose(source: Source, view: int, factor: float = 1.2) -> Source:
    """A view caught ``factor`` times the linear light, clipped at white."""
    return edit(source, view, lambda pixels: apply_gains(pixels, (factor,) * 3))


def without_masks(source: Source) -> Source:
    """The same pictures before a plain gray wall, without their masks."""

    def change(reader: Reader, frame: int, view: int) -> Pixels:
        pixels = reader.read(frame, view)
        if pixels.shape[2] == 3:
            return pixels
        most = float(np.iinfo(pixels.dtype).max)
        alpha = pixels[..., 3:] / most
        behind = _WALL / 255 * most * (1 - alpha)
        return np.asarray((pixels[..., :3] * alpha + behind).round(), pixels.dtype)

    return replace(source, reader=Planted(source.reader, change, has_masks=False))


def part_of(source: Source, views: Sequence[int]) -> Source:
    """The capture as a rig of some of its cameras, with frames where all of them are.

    Every eighth of them is held out.
    """
    chosen = tuple(views)
    everyone = tuple(range(len(chosen)))
    frames = [frame for frame, there in source.views.items() if set(chosen) <= set(there)]
    return replace(
        source,
        cameras=tuple(source.cameras[view] for view in chosen),
        labels=tuple(source.labels[view] for view in chosen),
        views=dict.fromkeys(frames, everyone),
        split=every_eighth(len(chosen)),
        reader=Planted(source.reader, lambda reader, frame, view: reader.read(frame, chosen[view])),
    )
