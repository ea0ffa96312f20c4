"""How well the outline that others expect fits a mask, as stated and under other explanations.

Overlap is intersection over union in [0, 1], over all instants together. Moving and zooming the
expected outline is exact for a camera that does not move, so that no voxel is drawn again for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.inspection.consensus import Votes, silhouette
from bake.inspection.conventions import CONVENTIONS, Convention, undone
from bake.inspection.small_pictures import Instant
from render.cameras import Camera

Mask = NDArray[np.bool_]
# Focal lengths that are tried: up to this factor, at steps of one percent, and of five at first.
_MOST_ZOOM, _ZOOM_STEP, _FEWER = 1.25, 1.01, 5
# Shifts that are tried, as a share of the longer side.
_REACH = 0.25


@dataclass(frozen=True, slots=True)
class Explanation:
    """What might be wrong with a camera, and the overlap that its mask would have then.

    Attributes:
        cause: one or two words; empty for the camera as it is stated.
        overlap: intersection over union of mask and expected outline.
        zoom: factor that the stated focal length has to be multiplied by.
        shift: how far the mask lies from where it is expected, x and y, as shares of the width and
            the height.
        partner: the view whose pose fits, or None.
        convention: the misreading of the pose that fits, or None.
    """

    cause: str
    overlap: float
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    partner: int | None = None
    convention: Convention | None = None


class Scene(NamedTuple):
    """One instant with what its cameras voted, which voxels the others agree on, and their outline.

    ``kept`` (voxels,) and ``expected`` (rows, columns) are by view, each without that view's vote.
    """

    instant: Instant
    votes: Votes
    kept: Mapping[int, Mask]
    expected: Mapping[int, Mask]

    def outline(self, view: int, camera: Camera) -> Mask:
        """What the others expect of a view from another camera."""
        points = self.votes.points[self.kept[view]]
        return silhouette(points, self.votes.voxel_size, camera)


def expect(instant: Instant, votes: Votes, jury: frozenset[int], share: float) -> Scene:
    """Draw for every view what the jury without it agrees on."""
    ballot = votes.count(jury)
    kept = {view: ballot.agreed(share, view) for view in instant.views}
    outlines = {
        view: silhouette(votes.points[kept[view]], votes.voxel_size, instant.cameras[view])
        for view in instant.views
    }
    return Scene(instant, votes, kept, outlines)


def overlap(pairs: Sequence[tuple[Mask, Mask]]) -> float:
    """Intersection over union of all pairs together; 0 where there is nothing."""
    both = sum(int(np.count_nonzero(a & b)) for a, b in pairs)
    either = sum(int(np.count_nonzero(a | b)) for a, b in pairs)
    return both / either if either else 0.0


def as_stated(scenes: Sequence[Scene], view: int) -> Explanation:
    """The overlap of a view as it is."""
    return Explanation("", overlap(_pairs(scenes, view)))


def covered(scenes: Sequence[Scene], view: int) -> float:
    """The share of a view's mask that the expected outline covers; 1 for an empty mask."""
    pairs = _pairs(scenes, view)
    whole = sum(int(np.count_nonzero(mask)) for _, mask in pairs)
    return sum(int(np.count_nonzero(a & b)) for a, b in pairs) / whole if whole else 1.0


def small_errors(scenes: Sequence[Scene], view: int) -> list[Explanation]:
    """What may be wrong with a mask that fits more or less: its zoom, place or sides."""
    pairs = _pairs(scenes, view)
    found = [_zoomed(pairs, _in_any(scenes, view).instant.cameras[view]), _shifted(pairs)]
    for cause, turned in (("mirrored", np.fliplr), ("mirrored upside down", np.flipud)):
        found.append(Explanation(cause, overlap([(a, turned(b)) for a, b in pairs])))
    return found


def large_errors(scenes: Sequence[Scene], view: int) -> list[Explanation]:
    """What may be wrong with a mask that does not fit at all: a misread pose, or another's."""
    return [*(_misread(scenes, view, each) for each in CONVENTIONS), *_swaps(scenes, view)]


def _swaps(scenes: Sequence[Scene], view: int) -> list[Explanation]:
    """The overlap of a view's mask with what is expected at the pose of every other view."""
    scenes = [scene for scene in scenes if view in scene.expected]
    found = []
    partners = set.intersection(*(set(scene.expected) for scene in scenes)) - {view}
    for partner in sorted(partners):
        pairs = [
            (scene.expected[partner], _fitted(scene.instant.mask(view), scene.expected[partner]))
            for scene in scenes
        ]
        found.append(Explanation("swapped", overlap(pairs), partner=partner))
    return found


def _pairs(scenes: Sequence[Scene], view: int) -> list[tuple[Mask, Mask]]:
    """Expected outline and mask at every instant that has the view."""
    return [
        (scene.expected[view], scene.instant.mask(view))
        for scene in scenes
        if view in scene.expected
    ]


def _in_any(scenes: Sequence[Scene], view: int) -> Scene:
    return next(scene for scene in scenes if view in scene.expected)


def _fitted(mask: Mask, like: Mask) -> Mask:
    """The mask at the size of another."""
    if mask.shape == like.shape:
        return mask
    size = (like.shape[1], like.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.uint8), size) > 0)


def _zoomed(pairs: Sequence[tuple[Mask, Mask]], camera: Camera) -> Explanation:
    """The best of all focal lengths: first in large steps, then around the best of these."""
    best = Explanation("focal length", -1.0)
    for step in (_ZOOM_STEP**_FEWER, _ZOOM_STEP):
        reach = round(np.log(_MOST_ZOOM) / np.log(step)) if best.overlap < 0 else _FEWER - 1
        for power in range(-reach, reach + 1):
            zoom = float(best.zoom * step**power) if step == _ZOOM_STEP else float(step**power)
            tried = overlap([(_zoom(a, camera, zoom), b) for a, b in pairs])
            best = max(best, Explanation("focal length", tried, zoom=zoom), key=_by_overlap)
    return best


def _zoom(mask: Mask, camera: Camera, factor: float) -> Mask:
    """The outline as it would be with another focal length, around the principal point."""
    middle = np.array([camera.center_x - 0.5, camera.center_y - 0.5])
    matrix = np.hstack([factor * np.eye(2), ((1 - factor) * middle)[:, None]])
    size = (camera.width, camera.height)
    return np.asarray(cv2.warpAffine(mask.astype(np.uint8) * 255, matrix, size)) > 127


def _shifted(pairs: Sequence[tuple[Mask, Mask]]) -> Explanation:
    """The best of all shifts: by correlation at half size, then around that at full size."""
    rows, columns = pairs[0][0].shape
    x, y = _correlated([(a[::2, ::2], b[::2, ::2]) for a, b in pairs])
    best = Explanation("shifted", -1.0)
    for dy in range(2 * y - 2, 2 * y + 3):
        for dx in range(2 * x - 2, 2 * x + 3):
            tried = overlap([(moved(a, dx, dy), b) for a, b in pairs])
            shift = (dx / columns, dy / rows)
            best = max(best, Explanation("shifted", tried, shift=shift), key=_by_overlap)
    return best


def moved(mask: Mask, dx: int, dy: int) -> Mask:
    """A mask moved to the right and down, with nothing where it came from."""
    rows, columns = mask.shape
    result = np.zeros_like(mask)
    if abs(dx) < columns and abs(dy) < rows:
        there = (slice(max(dy, 0), rows + min(dy, 0)), slice(max(dx, 0), columns + min(dx, 0)))
        here = (slice(max(-dy, 0), rows + min(-dy, 0)), slice(max(-dx, 0), columns + min(-dx, 0)))
        result[there] = mask[here]
    return result


def _correlated(pairs: Sequence[tuple[Mask, Mask]]) -> tuple[int, int]:
    """The shift, in pixels, by which the expected outlines cover most of the masks."""
    rows, columns = pairs[0][0].shape
    height, width = 2 * rows, 2 * columns
    total = np.zeros((height, width))
    for expected, mask in pairs:
        there = np.fft.rfft2(mask.astype(np.float32), (height, width))
        here = np.fft.rfft2(expected.astype(np.float32), (height, width))
        total += np.fft.irfft2(there * here.conj(), (height, width))
    reach = max(1, int(_REACH * max(rows, columns)))
    near = np.roll(total, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    y, x = np.unravel_index(np.argmax(near), near.shape)
    return int(x) - reach, int(y) - reach


def _misread(scenes: Sequence[Scene], view: int, convention: Convention) -> Explanation:
    """The overlap that the view has if its pose was misread."""
    pairs = []
    for scene in scenes:
        if view in scene.expected:
            camera = undone(scene.instant.cameras[view], convention)
            pairs.append((scene.outline(view, camera), scene.instant.mask(view)))
    return Explanation(convention.cause, overlap(pairs), convention=convention)


def _by_overlap(explanation: Explanation) -> float:
    return explanation.overlap
