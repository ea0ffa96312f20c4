"""Whether a camera's mask contradicts what the others agree on, however loose that is.

The hull of too few cameras, or of cameras on one side, is far larger than the subject; that it
reaches out of a mask proves nothing. Two things cannot be with masks and poses that fit, whatever
the rig: that a mask reaches out of what all others allow, and that it forbids places without which
the others' own masks would be empty.
"""

from collections.abc import Sequence

import numpy as np

from bake.inspection.consensus import OFF, silhouette
from bake.inspection.outlines import Scene, covered

# Share of a mask outside of what the others allow, and share of the others' masks that only
# forbidden places fill. Clean captures reach 0.023 and 0.001; a focal length that is off by 5 %
# leaves 0.025 of the others' masks empty, and a frame late 0.009.
_OUTSIDE, _EMPTIED = 0.05, 0.006


def contradicts(scenes: Sequence[Scene], view: int, jury: frozenset[int]) -> bool:
    """Whether a view's mask and those of the jury cannot all be of one subject."""
    return 1 - covered(scenes, view) > _OUTSIDE or emptied(scenes, view, jury) > _EMPTIED


def emptied(scenes: Sequence[Scene], view: int, jury: frozenset[int]) -> float:
    """The share of the jury's masks that is filled, but not once a view forbids what it does."""
    lost = whole = 0
    for scene in scenes:
        if view not in scene.expected:
            continue
        votes, instant = scene.votes, scene.instant
        forbidden = votes.said[votes.views.index(view)] == OFF
        gone, left = (votes.points[scene.kept[view] & each] for each in (forbidden, ~forbidden))
        for other in sorted((jury - {view}) & set(scene.expected)):
            mask, camera = instant.mask(other), instant.cameras[other]
            whole += int(np.count_nonzero(mask))
            if len(gone):
                before = silhouette(gone, votes.voxel_size, camera) & mask
                after = silhouette(left, votes.voxel_size, camera)
                lost += int(np.count_nonzero(before & ~after))
    return lost / whole if whole else 0.0
