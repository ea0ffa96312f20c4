"""Whether every camera shows the same frame, told from outlines or from the rhythm of motion.

Outlines tell it where a subject moves by more than its outline is uncertain by. The rhythm, how
much changes from frame to frame, tells it where that goes up and down; it needs no masks.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.capture import READ_THREADS
from bake.captures.rhythm import fits_by_shift
from bake.captures.source import Source
from bake.inspection.agreement import Agreement
from bake.inspection.consensus import collect_votes
from bake.inspection.conventions import undone
from bake.inspection.outlines import expect
from bake.inspection.small_pictures import Instant, Small, shrink, small_camera
from render.cameras import Camera
from render.geometry import Aabb

Mask = NDArray[np.bool_]
# Frames that are looked at in a row, and pictures in all.
_MOST_FRAMES, _MOST_PICTURES = 24, 900
_LAGS = (-3, -2, -1, 0, 1, 2, 3)
# Outlines are drawn at so many frames.
_INSTANTS = 3
# Outlines may differ by this share of what a frame's motion changes, or they cannot tell. Choices,
# as all below: of the known captures one lies at 0.2 and one at 6.
_UNCERTAIN = 0.6
# Share of a camera's motion that a lag has to explain.
_LAG_EXPLAINS = 0.3
# Frames in a row for a rhythm; correlation with the other cameras' that it has, and by how much
# more than with a lag of one.
_LEAST_BEATS, _LEAST_LIKENESS, _LEAST_MARGIN = 16, 0.6, 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Frames in a row as all of some views saw them.

    Attributes:
        frames: original frame numbers.
        views: the views that exist at all of them.
        energy: root mean square change to the next frame, (frames - 1, views).
        masks: by view and place among the frames, packed bits, with their shape; or empty.
    """

    frames: tuple[int, ...]
    views: tuple[int, ...]
    energy: NDArray[np.float64]
    masks: Mapping[int, tuple[NDArray[np.uint8], ...]]
    cameras: Mapping[int, Camera]

    def mask(self, view: int, place: int) -> Mask:
        """One mask, (rows, columns)."""
        camera = self.cameras[view]
        count = camera.width * camera.height
        bits = np.unpackbits(self.masks[view][place], count=count)
        return bits.reshape(camera.height, camera.width).astype(np.bool_)


class Lag(NamedTuple):
    """By how many frames a view is ahead of the others, and how sure that is.

    ``frames`` is positive where a view shows what the others show later; ``certainty`` is the
    share of motion that it explains, or the gain in correlation.
    """

    frames: int
    certainty: float


class Timing(NamedTuple):
    """The lag of every view that could be told, and by what; ``reason`` says why nothing could."""

    lags: Mapping[int, Lag]
    told_by: str
    reason: str = ""


def read_window(source: Source, frames: Sequence[int]) -> Window:
    """Read as many of the frames in a row as are needed, from the middle of them.

    Raises:
        CaptureError: if a picture cannot be read.
    """
    count = min(len(frames), _MOST_FRAMES, max(1, _MOST_PICTURES // len(source.cameras)))
    first = (len(frames) - count) // 2
    chosen = tuple(frames[first : first + count])
    views = tuple(sorted(set.intersection(*(set(source.views[frame]) for frame in chosen))))
    cameras = {view: small_camera(source.cameras[view]) for view in views}
    with ThreadPoolExecutor(READ_THREADS) as pool:
        read = list(pool.map(lambda view: _read_view(source, chosen, view, cameras[view]), views))
    energy = np.array([each[0] for each in read]).reshape(len(views), count - 1).T
    masks = {view: each[1] for view, each in zip(views, read, strict=True) if each[1]}
    return Window(chosen, views, energy, masks, cameras)


def find_lags(window: Window, agreement: Agreement | None, region: Aabb | None) -> Timing:
    """Tell which views are ahead or behind; the agreement says whose outlines to trust."""
    if len(window.frames) < 3 or len(window.views) < 4:
        return Timing({}, "", "it takes 4 cameras that all have 3 frames in a row")
    if not window.energy.max(initial=0) > 0:
        return Timing({}, "", "nothing moves")
    rhythm = lags_by_rhythm(window)
    if agreement is None or region is None or not window.masks:
        return rhythm
    outlines = lags_by_outlines(window, agreement, region)
    if outlines.lags or rhythm.lags:
        return outlines if outlines.lags else rhythm
    return Timing({}, "", f"{outlines.reason}, and {rhythm.reason}")


def lags_by_outlines(window: Window, agreement: Agreement, region: Aabb) -> Timing:
    """Compare what the others expect at a frame with each view's masks around that frame."""
    wrong: dict[int, NDArray[np.float64]] = {}
    moved: dict[int, NDArray[np.float64]] = {}
    for place in _liveliest(window):
        instant = _instant_of(window, place, agreement)
        votes = collect_votes(instant, region, agreement.jury, agreement.share)
        if votes is None:
            continue
        scene = expect(instant, votes, agreement.jury, agreement.share)
        for view, expected in scene.expected.items():
            if agreement.best[view].cause:  # What does not fit at all fits no other frame either.
                continue
            around = [_mask_at(window, view, place + lag) for lag in _LAGS]
            now = instant.mask(view)
            wrong[view] = wrong.get(view, 0) + np.array([_differing(expected, m) for m in around])
            moved[view] = moved.get(view, 0) + np.array([_differing(now, m) for m in around])
    middle = len(_LAGS) // 2
    steps = {view: (each[middle - 1] + each[middle + 1]) / 2 for view, each in moved.items()}
    doubts = [min(each) / max(steps[view], 1.0) for view, each in wrong.items()]
    if not doubts or not np.median(doubts) < _UNCERTAIN:
        return Timing({}, "", "outlines change too little from frame to frame")
    lags = {}
    for view, each in wrong.items():
        best = int(np.argmin(each))
        gain = (each[middle] - each[best]) / max(moved[view][best], 1.0)
        # Fitting earlier what it shows later is being ahead.
        lags[view] = Lag(-_LAGS[best] if gain > _LAG_EXPLAINS else 0, float(gain))
    return Timing(lags, "outlines")


def lags_by_rhythm(window: Window) -> Timing:
    """Compare how much changes from frame to frame with the same of the other views."""
    if len(window.energy) < _LEAST_BEATS:
        return Timing({}, "", f"its rhythm takes {_LEAST_BEATS + 1} frames in a row")
    beats = np.log(np.maximum(window.energy, 1e-6))
    likeness = np.array(
        [
            # By shifts, which count from late to ahead as lags do the other way.
            fits_by_shift(
                beats[:, row], np.median(np.delete(beats, row, 1), axis=1), len(_LAGS) // 2
            )[::-1]
            for row in range(beats.shape[1])
        ]
    )
    middle = len(_LAGS) // 2
    usual = float(np.median(likeness[:, middle]))
    others = np.delete(likeness, middle, axis=1).max(1)
    if usual < _LEAST_LIKENESS or np.median(likeness[:, middle] - others) < _LEAST_MARGIN:
        return Timing({}, "", "its motion has no rhythm that all cameras share")
    lags = {}
    for view, each in zip(window.views, likeness, strict=True):
        best = int(np.argmax(each))
        gain = float(each[best] - each[middle])
        is_sure = gain > _LEAST_MARGIN and each[best] > usual - 2 * _LEAST_MARGIN
        lags[view] = Lag(_LAGS[best] if is_sure else 0, gain)
    return Timing(lags, "the rhythm of motion")


def _read_view(
    source: Source, frames: Sequence[int], view: int, camera: Camera
) -> tuple[list[float], tuple[NDArray[np.uint8], ...]]:
    """Changes from frame to frame, and packed masks, of one view."""
    changes: list[float] = []
    masks: list[NDArray[np.uint8]] = []
    before: NDArray[np.float32] | None = None
    for frame in frames:
        pixels = source.reader.read(frame, view)
        small, now = shrink(pixels, (camera.width, camera.height)), _shown(pixels, camera)
        if before is not None:
            changes.append(float(np.sqrt(np.mean((now - before) ** 2))))
        before = now
        if small.mask is not None:
            masks.append(np.packbits(small.mask))
    return changes, tuple(masks)


def _shown(pixels: NDArray[Any], camera: Camera) -> NDArray[np.float32]:
    """What is visible of a picture, at half size, so that noise counts for less.

    A subject is put on white, as most are darker, so that its outline counts.
    """
    size = (max(1, camera.width // 2), max(1, camera.height // 2))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    small *= np.float32(255 / np.iinfo(pixels.dtype).max)
    if small.shape[2] == 3:
        return small
    alpha = small[..., 3:] / 255
    return np.asarray(small[..., :3] * alpha + 255 * (1 - alpha), np.float32)


def _liveliest(window: Window) -> list[int]:
    """Places in the window, not next to each other, around which most changes."""
    motion = np.median(window.energy, axis=1)
    around = motion[:-1] + motion[1:]
    chosen: list[int] = []
    for place in 1 + np.argsort(-around, kind="stable"):
        if len(chosen) < _INSTANTS and all(abs(place - other) > 1 for other in chosen):
            chosen.append(int(place))
    return chosen


def _instant_of(window: Window, place: int, agreement: Agreement) -> Instant:
    """Masks alone, with the cameras as they turned out to be meant."""
    nothing = np.zeros((0, 0, 3), np.uint8)
    pictures = {view: Small(nothing, window.mask(view, place)) for view in window.views}
    cameras = dict(window.cameras)
    if agreement.convention is not None:
        cameras = {v: undone(camera, agreement.convention) for v, camera in cameras.items()}
    return Instant(window.frames[place], cameras, pictures)


def _mask_at(window: Window, view: int, place: int) -> Mask | None:
    return window.mask(view, place) if 0 <= place < len(window.frames) else None


def _differing(one: Mask, other: Mask | None) -> float:
    """Pixels that are in one of both only; infinitely many where there is nothing to compare."""
    return np.inf if other is None else float(np.count_nonzero(one ^ other))
