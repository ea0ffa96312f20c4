"""Whether a camera's mask contradicts what the others agree on, however loose that is.

The hull of too few cameras, or of cameras on one side, is far larger than the subject; that it
reaches out of a mask proves nothing. Two things cannot be with masks and poses that fit, whatever
the rig: that a mask reaches out of what all others allow, and that it forbids places without which
the others' own masks would be empty. Both are asked with half a voxel to spare, in whole pixels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bake.hull import grow_mask
from bake.inspection.consensus import silhouette
from bake.inspection.outlines import Mask, Scene
from render.cameras import Camera

# Share of a mask outside of what the others allow, and share of the others' masks that only
# forbidden places fill. Of clean captures, and of small and uneven parts of them, none has more
# than 0.024 and 0.0022; a focal length 5 % too short has 0.087 outside, one too long empties 0.024.
_OUTSIDE, _EMPTIED = 0.05, 0.006


def contradicts(scenes: Sequence[Scene], view: int, jury: frozenset[int]) -> bool:
    """Whether a view's mask and those of the jury cannot all be of one subject."""
    return outside(scenes, view) > _OUTSIDE or emptied(scenes, view, jury) > _EMPTIED


def outside(scenes: Sequence[Scene], view: int) -> float:
    """The share of a view's mask that lies where the others allow nothing; 0 for an empty mask."""
    beyond = whole = 0
    for scene in scenes:
        if view in scene.expected:
            mask, spare = scene.instant.mask(view), _spare(scene, view)
            beyond += int(np.count_nonzero(mask & ~_grown(scene.expected[view], spare)))
            whole += int(np.count_nonzero(mask))
    return beyond / whole if whole else 0.0


def emptied(scenes: Sequence[Scene], view: int, jury: frozenset[int]) -> float:
    """The share of the jury's masks that is filled, but not once a view forbids what it does."""
    lost = whole = 0
    for scene in scenes:
        if view not in scene.expected:
            continue
        votes, instant = scene.votes, scene.instant
        points = votes.points[scene.kept[view]]
        mask = _grown(instant.mask(view), _spare(scene, view))
        forbidden = _beside(points, instant.cameras[view], mask)
        gone, left = points[forbidden], points[~forbidden]
        for other in sorted((jury - {view}) & set(scene.expected)):
            mask, camera = instant.mask(other), instant.cameras[other]
            whole += int(np.count_nonzero(mask))
            if len(gone):
                before = silhouette(gone, votes.voxel_size, camera) & mask
                after = silhouette(left, votes.voxel_size, camera)
                lost += int(np.count_nonzero(before & ~after))
    return lost / whole if whole else 0.0


def _beside(points: NDArray[np.float64], camera: Camera, mask: Mask) -> Mask:
    """Which points a camera sees beside its mask."""
    with np.errstate(invalid="ignore", divide="ignore"):
        pixels, depth = camera.project(points)
        inside = (depth > 0) & (pixels >= 0).all(1)
        inside &= (pixels < (camera.width, camera.height)).all(1)
    at = np.where(inside[:, None], pixels, 0).astype(int)
    return np.asarray(inside & ~mask[at[:, 1], at[:, 0]])


def _spare(scene: Scene, view: int) -> int:
    """Whole pixels within half a voxel as a view sees it."""
    votes = scene.votes
    camera = scene.instant.cameras[view]
    depth = camera.project(votes.points)[1]
    if not (depth > 0).any():
        return 0
    half = votes.voxel_size / 2 * camera.focal_x
    return int(half / float(np.median(depth[depth > 0])))


def _grown(mask: Mask, radius: int) -> Mask:
    return grow_mask(mask.view(np.uint8), radius) > 0
