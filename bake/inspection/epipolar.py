"""Which cameras' pictures do not fit their poses, told from matching points alone.

Pairs of pictures whose matches can be trusted say how many of these a camera should explain; the
share that it does explain is compared with that of the other cameras. For one that falls behind,
the same explanations are tried as for masks. Where no matches can be trusted, nothing is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bake.inspection.conventions import CONVENTIONS, Convention, undone
from bake.inspection.features import (
    FITTING,
    Array,
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
from bake.inspection.two_views import Pair, trusted
from render.cameras import Camera

# Neighbors that a camera is matched with; more when it has to be explained.
_NEIGHBORS, _WITNESSES = 5, 8
# Trusted matches without which nothing explains a camera, and cameras that have to contradict it
# before it is at fault without an explanation.
_LEAST_MATCHES, _LEAST_CONTRADICTING = 25, 2
# Views without which there is nothing usual to compare with.
_LEAST_VIEWS = 4
# Shares of the usual share of explained matches at which a camera is at fault, or worth a look, and
# median below which nothing fits together. Choices.
FAULT_SHARE, WARN_SHARE, _CHAOS = 0.6, 0.8, 0.4
_ZOOMS = np.exp(np.linspace(np.log(0.8), np.log(1.25), 46))


@dataclass(frozen=True, slots=True, eq=False)
class Epipolar:
    """What matches say of every view.

    Attributes:
        fitting: share of its trusted matches that a view's camera explains, where that can be told.
        distance: their median distance from epipolar lines in working pixels, for the same views.
        trusted_count: trusted matches with neighbors, by view.
        best: what explains each view best.
        usual: share of explained matches of the view in the middle.
        features: of every view.
        matches: those of every pair that can be trusted.
        convention: what has to be undone for all cameras before anything fits, or None.
    """

    fitting: Mapping[int, float]
    distance: Mapping[int, float]
    trusted_count: Mapping[int, int]
    best: Mapping[int, Explanation]
    usual: float
    features: Mapping[int, Features]
    matches: Sequence[Matches]
    convention: Convention | None = None


def check_epipolar(instant: Instant) -> Epipolar | None:
    """Judge the cameras of an instant without masks; None where hardly anything matches."""
    features = all_features(instant)
    names = sorted(
        {
            (min(view, other), max(view, other))
            for view in instant.views
            for other in nearest_views(instant.cameras, view, _NEIGHBORS)
        }
    )
    matches = [match(features, *pair) for pair in names]
    pairs = _trusted(instant.cameras, features, matches)
    found = _weigh(instant.cameras, pairs, features)
    if found is None or found.usual >= _CHAOS:
        return found and replace(found, best=_explain(instant, found))
    for convention in CONVENTIONS:
        cameras = {view: undone(camera, convention) for view, camera in instant.cameras.items()}
        other = _weigh(cameras, pairs, features)
        if other is not None and other.usual >= _CHAOS:
            best = _explain(replace(instant, cameras=cameras), other)
            return replace(other, best=best, convention=convention)
    return found


def _trusted(
    cameras: Mapping[int, Camera], features: Mapping[int, Features], matches: Sequence[Matches]
) -> list[Pair]:
    """The pairs of views whose matches can be trusted."""
    found = []
    for each in matches:
        one, other = each.views
        points = features[one].points[each.first], features[other].points[each.second]
        found.append(trusted(each, points, _tolerance(cameras[one])))
    return [pair for pair in found if pair is not None]


def _weigh(
    cameras: Mapping[int, Camera],
    pairs: Sequence[Pair],
    features: Mapping[int, Features],
) -> Epipolar | None:
    """The share of explained matches of every view: the median over its pairs with good views."""
    everyone = frozenset(cameras)
    first = {view: _median(each) for view, each in _shares(cameras, pairs, everyone).items()}
    if len(first) < _LEAST_VIEWS:
        return None
    usual = _median(list(first.values()))
    good = frozenset(view for view, share in first.items() if share >= WARN_SHARE * usual)
    # A camera that contradicts most others is no witness against one of them.
    fitting = {}
    for view, shares in _shares(cameras, pairs, good).items():
        share = _median(shares)
        if share >= WARN_SHARE * usual or len(shares) >= _LEAST_CONTRADICTING:
            fitting[view] = share
    distance = {view: _distance(cameras, pairs, view) for view in fitting}
    counts = {view: _count([p for p in pairs if view in p.views]) for view in cameras}
    return Epipolar(fitting, distance, counts, {}, usual, features, [p.trusted for p in pairs])


def _shares(
    cameras: Mapping[int, Camera], pairs: Sequence[Pair], witnesses: frozenset[int]
) -> dict[int, list[float]]:
    """By view, the shares of trusted matches that are explained, pair by pair with witnesses."""
    shares: dict[int, list[float]] = {}
    for pair in pairs:
        one, other = pair.views
        share = min(1.0, _explained_count(cameras, pair) / pair.expected)
        for view, witness in ((one, other), (other, one)):
            if witness in witnesses:
                shares.setdefault(view, []).append(share)
    return dict(sorted(shares.items()))


def _explained_count(cameras: Mapping[int, Camera], pair: Pair) -> int:
    """How many matches the cameras explain, at most as many as can be trusted.

    All are counted: where trusted ones lie almost in a plane, another choice may fit as well.
    """
    fits = _distances(cameras, pair) < _tolerance(cameras[pair.views[0]])
    return min(int(np.count_nonzero(fits)), pair.count)


def _distances(cameras: Mapping[int, Camera], pair: Pair) -> Array:
    """Distances of matches from the epipolar lines of the cameras, in pixels."""
    one, other = pair.views
    return epipolar_distances(pair.here, pair.there, (cameras[one], cameras[other]))


def _distance(cameras: Mapping[int, Camera], pairs: Sequence[Pair], view: int) -> float:
    """Median distance of a view's trusted matches from their epipolar lines, in pixels."""
    own = [_distances(cameras, pair)[pair.agrees] for pair in pairs if view in pair.views]
    return float(np.median(np.concatenate(own)))


def _explain(instant: Instant, found: Epipolar) -> dict[int, Explanation]:
    """What explains the views that fall behind, and those that match nothing."""
    usual_count = _median(list(found.trusted_count.values()))
    good = [view for view, share in found.fitting.items() if share >= WARN_SHARE * found.usual]
    best = {}
    for view in instant.views:
        is_behind = found.fitting.get(view, 0.0) < FAULT_SHARE * found.usual
        if is_behind or found.trusted_count[view] < 0.25 * usual_count:
            best[view] = _explained(instant, found, view, [v for v in good if v != view])
    return best


def _explained(instant: Instant, found: Epipolar, view: int, good: Sequence[int]) -> Explanation:
    """The best of all explanations of one view, if it is as good as a usual camera."""
    cameras = {each: instant.cameras[each] for each in (*good, view)}
    witnesses = nearest_views(cameras, view, len(good))
    step = max(1, len(witnesses) // _WITNESSES)
    case = _Case(instant, found.features, view, tuple(witnesses[::step]))
    stated, tried = case.tried()
    best = max(tried, key=lambda each: each[0])[1]
    is_better = best.overlap > max(1.3 * stated, WARN_SHARE * found.usual)
    return best if is_better else Explanation("", stated)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A view, and those that it is compared with."""

    instant: Instant
    features: Mapping[int, Features]
    view: int
    witnesses: tuple[int, ...]

    def tried(self) -> tuple[float, list[tuple[float, Explanation]]]:
        """The share that is explained as stated, and the best of each way of seeking points.

        These come with how many matches they explain: a mirrored picture leaves a few that agree.
        """
        small, camera = self.instant.pictures[self.view], self.instant.cameras[self.view]
        pairs = self.trusted(self.features[self.view])
        pose = max(self.poses(pairs), key=lambda each: each.overlap)
        found = [(pose.overlap * _count(pairs), pose)]
        for cause, turn in (("mirrored", np.fliplr), ("mirrored upside down", np.flipud)):
            mask = None if small.mask is None else turn(small.mask)
            turned = find_features(Small(np.ascontiguousarray(turn(small.rgb)), mask))
            again = self.trusted(turned)
            share = self.share(camera, again)
            found.append((share * _count(again), Explanation(cause, share)))
        return self.share(camera, pairs), found

    def trusted(self, features: Features) -> list[Pair]:
        """Its trusted matches with all witnesses, if these are its features."""
        matches = [
            match_features(features, self.features[other], (self.view, other))
            for other in self.witnesses
        ]
        return _trusted(self.instant.cameras, {**self.features, self.view: features}, matches)

    def share(self, camera: Camera, pairs: Sequence[Pair]) -> float:
        """The share of trusted matches that is explained, if this is its camera."""
        cameras = {**self.instant.cameras, self.view: camera}
        explained = sum(_explained_count(cameras, pair) for pair in pairs)
        # Few matches that happen to fit are no proof.
        return explained / max(_count(pairs), _LEAST_MATCHES)

    def poses(self, pairs: Sequence[Pair]) -> list[Explanation]:
        """Other focal lengths and other poses."""
        mine = self.instant.cameras[self.view]
        found = []
        for zoom in _ZOOMS:
            camera = replace(mine, focal_x=mine.focal_x * zoom, focal_y=mine.focal_y * zoom)
            share = self.share(camera, pairs)
            found.append(Explanation("focal length", share, zoom=float(zoom)))
        for convention in CONVENTIONS:
            share = self.share(undone(mine, convention), pairs)
            found.append(Explanation(convention.cause, share, convention=convention))
        for partner, other in self.instant.cameras.items():
            if partner != self.view:
                camera = other.resized(mine.width, mine.height)
                # A camera has no epipolar lines in its own pictures.
                apart = [each for each in pairs if each.views[1] != partner]
                found.append(Explanation("swapped", self.share(camera, apart), partner=partner))
        return found


def _count(pairs: Sequence[Pair]) -> int:
    """How many matches of all pairs can be trusted."""
    return sum(pair.count for pair in pairs)


def _tolerance(camera: Camera) -> float:
    return max(FITTING * max(camera.width, camera.height), 1.0)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
