"""Which cameras' masks disagree with what the others see, and what explains it best.

all cameras vote -> suspects by overlap and by what would explain them -> the others vote, strictly
-> every camera is judged by these
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bake.inspection.consensus import Votes, collect_votes
from bake.inspection.conventions import CONVENTIONS, Convention, undone
from bake.inspection.outlines import (
    Explanation,
    Scene,
    as_stated,
    covered,
    expect,
    large_errors,
    small_errors,
)
from bake.inspection.small_pictures import Instant
from render.geometry import Aabb

# Shares of the votes that are asked for while it is unknown whom to trust, until one finds a
# subject, and once the suspects are out. Choices: with a fifth dissenting, six of thirty may err.
_OPEN_SHARES = (0.8, 0.65, 0.5)
_STRICT_SHARES = (1.0, 0.95, 0.9, 0.8)
# Of a trusted camera's mask the others' outline covers this much, or too many were asked to agree.
_STRICT_COVER = 0.97
# An explanation counts if it gains this much overlap, and explains this share of what was lacking.
# Choices: clean captures reach a tenth of either, and a focal length off by 5 % three times.
LEAST_GAIN = 0.03
LEAST_EXPLAINED = 0.5
# Overlap below that of the camera in the middle, at which a camera is suspected or reported.
_SUSPECT_BELOW, FAULT_BELOW, WARN_BELOW = 0.12, 0.2, 0.12
_SUSPECT_COVER = 0.97
# Only a camera that is this far below may have a wholly wrong pose.
_MISFIT_BELOW = 0.05
# Median overlap below which nothing fits together.
_CHAOS = 0.6
LEAST_VIEWS = 4
# Those who fit what the others see get their vote back, so often.
_ROUNDS = 3

_Asked = Sequence[tuple[Instant, Votes]]


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """What came of the votes.

    Attributes:
        scenes: instants with the outlines that the trusted cameras expect.
        jury: the trusted views.
        share: the share of them that had to agree.
        stated: overlap of every view as it is.
        best: what explains every view best; as stated where nothing is better.
        median: overlap of the view in the middle.
        convention: what has to be undone for all cameras before anything fits, or None.
    """

    scenes: tuple[Scene, ...]
    jury: frozenset[int]
    share: float
    stated: Mapping[int, float]
    best: Mapping[int, Explanation]
    median: float
    convention: Convention | None = None


def find_agreement(instants: Sequence[Instant], region: Aabb) -> Agreement | None:
    """Judge every view by the others; None where no subject is found, however poses are read."""
    found = _judge(instants, region)
    if found is not None and found.median >= _CHAOS:
        return found
    for convention in CONVENTIONS:
        other = _judge([_reread(instant, convention) for instant in instants], region)
        if other is not None and other.median >= max(_CHAOS, found.median if found else 0.0):
            return replace(other, convention=convention)
    return found


def explains(stated: float, other: Explanation) -> bool:
    """Whether an explanation is clearly better than a camera as stated."""
    gain = other.overlap - stated
    return gain >= LEAST_GAIN and gain >= LEAST_EXPLAINED * (1 - stated)


def _judge(instants: Sequence[Instant], region: Aabb) -> Agreement | None:
    """Find suspects among all, then judge all by the rest."""
    everyone = frozenset(view for instant in instants for view in instant.views)
    opened: Agreement | None = None
    asked: list[tuple[Instant, Votes]] = []
    for share in _OPEN_SHARES:
        votes = [(instant, collect_votes(instant, region, everyone, share)) for instant in instants]
        asked = [(instant, each) for instant, each in votes if each is not None]
        opened = _weigh(asked, everyone, share) if asked else None
        if opened and opened.median >= _CHAOS:
            break
    if not opened or opened.median < _CHAOS:
        return opened
    found = opened
    for _ in range(_ROUNDS):
        jury = everyone - set(_suspects(found))
        if jury == found.jury and found is not opened:
            break
        if len(jury) < max(LEAST_VIEWS - 1, len(everyone) / 2):
            return found
        found = _strictly(asked, jury)
    return found


def _strictly(asked: _Asked, jury: frozenset[int]) -> Agreement:
    """Judge all by the jury, of which as many must agree as still cover its own masks."""
    for share in _STRICT_SHARES:
        scenes = tuple(expect(instant, votes, jury, share) for instant, votes in asked)
        views = {view for scene in scenes for view in scene.expected} & jury
        if np.median([covered(scenes, view) for view in views]) >= _STRICT_COVER:
            break
    return _weigh(asked, jury, share, scenes)


def _weigh(
    asked: _Asked, jury: frozenset[int], share: float, scenes: tuple[Scene, ...] = ()
) -> Agreement:
    """Try to explain every view that does not fit."""
    scenes = scenes or tuple(expect(instant, votes, jury, share) for instant, votes in asked)
    views = sorted({view for scene in scenes for view in scene.expected})
    stated = {view: as_stated(scenes, view).overlap for view in views}
    median = float(np.median([stated[view] for view in views if view in jury]))
    best = {view: _explained(scenes, view, stated[view], max(median, _CHAOS)) for view in views}
    return Agreement(scenes, jury, share, stated, best, median)


def _explained(scenes: Sequence[Scene], view: int, stated: float, usual: float) -> Explanation:
    """The best explanation if it is clearly better than the camera as stated."""
    if 1 - stated < LEAST_GAIN:
        return Explanation("", stated)
    tried = small_errors(scenes, view)
    if stated < usual - _MISFIT_BELOW:
        tried += large_errors(scenes, view)
    best = max(tried, key=lambda each: each.overlap)
    return best if explains(stated, best) else Explanation("", stated)


def _suspects(found: Agreement) -> list[int]:
    """Views that should not vote."""
    return [
        view
        for view, overlap in found.stated.items()
        if found.best[view].cause
        or overlap < found.median - _SUSPECT_BELOW
        or covered(found.scenes, view) < _SUSPECT_COVER
    ]


def _reread(instant: Instant, convention: Convention) -> Instant:
    """The instant with a misreading of all poses undone."""
    cameras = {view: undone(camera, convention) for view, camera in instant.cameras.items()}
    return replace(instant, cameras=cameras)
