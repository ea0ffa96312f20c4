"""Which cameras' masks disagree with what the others see, and what explains it best.

all cameras vote, strictly -> if no mask contradicts the others, that is all; else
all cameras vote, openly -> those in doubt by overlap and by what would explain them lose theirs
-> the others vote, strictly -> those who contradict nobody get their vote back
-> every camera is judged by these
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bake.inspection.consensus import Votes, collect_votes
from bake.inspection.contradiction import contradicts
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
# So many trusted cameras to each that contradicts them, or it is open who is wrong. A choice: with
# 4 to 1 and 4 to 2, a wrong camera among the four has turned the others against right ones.
_OUTVOTED = 5
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
        best: what explains every view best; as stated where nothing is better, or nothing is wrong.
        median: overlap of the view in the middle.
        doubted: views that fit less than others do, or would fit clearly better otherwise.
        contradicting: those of them that cannot be right if the jury is. The rest are only seen
            by cameras that leave much room.
        convention: what has to be undone for all cameras before anything fits, or None.
    """

    scenes: tuple[Scene, ...]
    jury: frozenset[int]
    share: float
    stated: Mapping[int, float]
    best: Mapping[int, Explanation]
    median: float
    doubted: frozenset[int] = frozenset()
    contradicting: frozenset[int] = frozenset()
    convention: Convention | None = None

    @property
    def fits(self) -> bool:
        """Whether the cameras have a subject in common, as far as they can tell."""
        return self.median >= _CHAOS or len(self.contradicting) <= len(self.stated) / 2

    @property
    def disputed(self) -> frozenset[int]:
        """Views that contradict others who may be wrong as well.

        They are of the jury themselves, or nothing explains them and the jury is small.
        """
        if len(self.jury) >= _OUTVOTED * len(self.contradicting):
            return self.contradicting & self.jury
        unexplained = {view for view in self.contradicting if not self.best[view].cause}
        return self.contradicting & self.jury | unexplained

    @property
    def loose(self) -> frozenset[int]:
        """Views in doubt that contradict nothing: the others leave much room around the subject."""
        return self.doubted - self.contradicting


def find_agreement(instants: Sequence[Instant], region: Aabb) -> Agreement | None:
    """Judge every view by the others; None where no subject is found, however poses are read."""
    found = _judge(instants, region)
    if found is not None and found.fits:
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
    """Judge all by all; if that does not fit, find suspects and judge all by the rest."""
    everyone = frozenset(view for instant in instants for view in instant.views)
    asked = _ask(instants, region, everyone, _OPEN_SHARES[0])
    found = _strictly(asked, everyone) if asked else None
    if found and not found.contradicting:
        return found
    opened: Agreement | None = None
    for share in _OPEN_SHARES:
        asked = _ask(instants, region, everyone, share)
        opened = _weigh(asked, everyone, share) if asked else None
        if opened and opened.median >= _CHAOS:
            break
    if not opened or opened.median < _CHAOS:
        return opened
    least = max(LEAST_VIEWS, len(everyone) / 2)
    found = opened
    jury = everyone - opened.doubted
    if len(jury) < least:
        jury = everyone - opened.contradicting
    for _ in range(_ROUNDS):
        if len(jury) < least or (jury == found.jury and found is not opened):
            break
        found = _strictly(asked, jury)
        jury = everyone - found.contradicting
    return found


def _ask(
    instants: Sequence[Instant], region: Aabb, jury: frozenset[int], share: float
) -> list[tuple[Instant, Votes]]:
    """The votes at all instants at which anything is agreed on."""
    votes = [(instant, collect_votes(instant, region, jury, share)) for instant in instants]
    return [(instant, each) for instant, each in votes if each is not None]


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
    doubted = {
        view
        for view, overlap in stated.items()
        if best[view].cause
        or overlap < median - _SUSPECT_BELOW
        or covered(scenes, view) < _SUSPECT_COVER
    }
    wrong = frozenset(view for view in doubted if contradicts(scenes, view, jury))
    best = {
        view: why if view in wrong else Explanation("", stated[view]) for view, why in best.items()
    }
    return Agreement(scenes, jury, share, stated, best, median, frozenset(doubted), wrong)


def _explained(scenes: Sequence[Scene], view: int, stated: float, usual: float) -> Explanation:
    """The best explanation if it is clearly better than the camera as stated."""
    if 1 - stated < LEAST_GAIN:
        return Explanation("", stated)
    tried = small_errors(scenes, view)
    if stated < usual - _MISFIT_BELOW:
        tried += large_errors(scenes, view)
    best = max(tried, key=lambda each: each.overlap)
    return best if explains(stated, best) else Explanation("", stated)


def _reread(instant: Instant, convention: Convention) -> Instant:
    """The instant with a misreading of all poses undone."""
    cameras = {view: undone(camera, convention) for view, camera in instant.cameras.items()}
    return replace(instant, cameras=cameras)
