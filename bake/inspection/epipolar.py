"""Which cameras' pictures do not fit their poses, told from matching points alone.

The share of a camera's matches that lie on their epipolar lines is compared with that of the other
cameras. For one that falls behind, the same explanations are tried as for masks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bake.inspection.conventions import CONVENTIONS, Convention, undone
from bake.inspection.features import (
    FITTING,
    Features,
    Matches,
    all_features,
    epipolar_distances,
    find_features,
    match,
    match_features,
    nearest_views,
)
from bake.inspection.outlines import Explanation
from bake.inspection.small_pictures import Instant, Small
from render.cameras import Camera

# Neighbors that a camera is matched with; more when it has to be explained.
_NEIGHBORS, _WITNESSES = 5, 8
# A pair with fewer matches says nothing.
LEAST_MATCHES = 25
# Shares of the usual share of fitting matches at which a camera is at fault, or worth a look, and
# median below which nothing fits together. Choices.
FAULT_SHARE, WARN_SHARE, _CHAOS = 0.6, 0.8, 0.4
_ZOOMS = np.exp(np.linspace(np.log(0.8), np.log(1.25), 46))


@dataclass(frozen=True, slots=True, eq=False)
class Epipolar:
    """What matches say of every view.

    Attributes:
        fitting: share of matches that lie on their epipolar lines, by view; absent without matches.
        distance: median distance from these lines in working pixels, by view.
        match_count: matches with neighbors, by view.
        best: what explains each view best.
        usual: share of fitting matches of the view in the middle.
        convention: what has to be undone for all cameras before anything fits, or None.
        features: of every view.
        matches: of every pair.
    """

    fitting: Mapping[int, float]
    distance: Mapping[int, float]
    match_count: Mapping[int, int]
    best: Mapping[int, Explanation]
    usual: float
    features: Mapping[int, Features]
    matches: Sequence[Matches]
    convention: Convention | None = None


def check_epipolar(instant: Instant) -> Epipolar | None:
    """Judge the cameras of an instant without masks; None where hardly anything matches."""
    features = all_features(instant)
    pairs = sorted(
        {
            (min(view, other), max(view, other))
            for view in instant.views
            for other in nearest_views(instant.cameras, view, _NEIGHBORS)
        }
    )
    matches = [match(features, *pair) for pair in pairs]
    found = _weigh(instant.cameras, features, matches)
    if found is None or found.usual >= _CHAOS:
        return found and replace(found, best=_explain(instant, found))
    for convention in CONVENTIONS:
        cameras = {view: undone(camera, convention) for view, camera in instant.cameras.items()}
        other = _weigh(cameras, features, matches)
        if other is not None and other.usual >= _CHAOS:
            best = _explain(replace(instant, cameras=cameras), other)
            return replace(other, best=best, convention=convention)
    return found


def _weigh(
    cameras: Mapping[int, Camera], features: Mapping[int, Features], matches: Sequence[Matches]
) -> Epipolar | None:
    """The share of fitting matches of every view: the median over its pairs."""
    shares: dict[int, list[float]] = {}
    distances: dict[int, list[float]] = {}
    counts = dict.fromkeys(cameras, 0)
    for each in matches:
        found = _distances(cameras, features, each)
        for view in each.views:
            counts[view] += len(found)
            if len(found) >= LEAST_MATCHES:
                tolerance = _tolerance(cameras[view])
                shares.setdefault(view, []).append(float(np.mean(found < tolerance)))
                distances.setdefault(view, []).append(float(np.median(found)))
    if len(shares) < 4:
        return None
    fitting = {view: float(np.median(each)) for view, each in sorted(shares.items())}
    distance = {view: float(np.median(each)) for view, each in sorted(distances.items())}
    usual = float(np.median(list(fitting.values())))
    return Epipolar(fitting, distance, counts, {}, usual, features, matches)


def _explain(instant: Instant, found: Epipolar) -> dict[int, Explanation]:
    """What explains the views that fall behind, and those that match nothing."""
    usual_count = float(np.median(list(found.match_count.values())))
    good = [view for view, share in found.fitting.items() if share >= WARN_SHARE * found.usual]
    best = {}
    for view in instant.views:
        is_behind = found.fitting.get(view, 0.0) < FAULT_SHARE * found.usual
        if is_behind or found.match_count[view] < 0.25 * usual_count:
            best[view] = _explained(instant, found, view, [v for v in good if v != view])
    return best


def _explained(instant: Instant, found: Epipolar, view: int, good: Sequence[int]) -> Explanation:
    """The best of all explanations of one view, if it is as good as a usual camera."""
    cameras = {each: instant.cameras[each] for each in (*good, view)}
    witnesses = nearest_views(cameras, view, len(good))
    step = max(1, len(witnesses) // _WITNESSES)
    case = _Case(instant, found.features, view, tuple(witnesses[::step]))
    stated = case.share(instant.cameras[view], found.features[view])
    tried = [*case.poses(found.features[view]), *case.mirrored()]
    best = max(tried, key=lambda each: each.overlap)
    is_better = best.overlap > max(1.3 * stated, WARN_SHARE * found.usual)
    return best if is_better else Explanation("", stated)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A view, and those that it is compared with."""

    instant: Instant
    features: Mapping[int, Features]
    view: int
    witnesses: tuple[int, ...]

    def share(
        self, camera: Camera, features: Features, matches: Sequence[Matches] | None = None
    ) -> float:
        """The share of its matches with all witnesses that fits, if this is its camera."""
        cameras = {**self.instant.cameras, self.view: camera}
        own = {**self.features, self.view: features}
        found = [_distances(cameras, own, each) for each in matches or self.matched(features)]
        every = np.concatenate(found)
        # Few matches that happen to fit are no proof.
        return float(np.count_nonzero(every < _tolerance(camera)) / max(len(every), LEAST_MATCHES))

    def matched(self, features: Features) -> list[Matches]:
        """Its matches with all witnesses."""
        return [
            match_features(features, self.features[other], (self.view, other))
            for other in self.witnesses
        ]

    def poses(self, features: Features) -> list[Explanation]:
        """Other focal lengths and other poses."""
        mine, matches = self.instant.cameras[self.view], self.matched(features)
        found = []
        for zoom in _ZOOMS:
            camera = replace(mine, focal_x=mine.focal_x * zoom, focal_y=mine.focal_y * zoom)
            share = self.share(camera, features, matches)
            found.append(Explanation("focal length", share, zoom=float(zoom)))
        for convention in CONVENTIONS:
            share = self.share(undone(mine, convention), features, matches)
            found.append(Explanation(convention.cause, share, convention=convention))
        for partner, other in self.instant.cameras.items():
            if partner != self.view:
                camera = other.resized(mine.width, mine.height)
                # A camera has no epipolar lines in its own pictures.
                apart = [each for each in matches if each.views[1] != partner]
                share = self.share(camera, features, apart) if apart else 0.0
                found.append(Explanation("swapped", share, partner=partner))
        return found

    def mirrored(self) -> list[Explanation]:
        """Its picture turned over, in which points are sought anew."""
        small, camera = self.instant.pictures[self.view], self.instant.cameras[self.view]
        found = []
        for cause, turn in (("mirrored", np.fliplr), ("mirrored upside down", np.flipud)):
            mask = None if small.mask is None else turn(small.mask)
            turned = find_features(Small(np.ascontiguousarray(turn(small.rgb)), mask))
            found.append(Explanation(cause, self.share(camera, turned)))
        return found


def _distances(
    cameras: Mapping[int, Camera], features: Mapping[int, Features], matches: Matches
) -> NDArray[np.float64]:
    """Distances of matches from their epipolar lines, in pixels."""
    one, other = matches.views
    here, there = features[one].points[matches.first], features[other].points[matches.second]
    return epipolar_distances(here, there, (cameras[one], cameras[other]))


def _tolerance(camera: Camera) -> float:
    return max(FITTING * max(camera.width, camera.height), 1.0)
