"""Points that can be found again in other pictures, and what matches of them say of the cameras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.exposure import to_linear
from bake.inspection.colors import BRIGHTEST, DARKEST, Gain, gain_of
from bake.inspection.small_pictures import Instant, Small
from render.cameras import Camera

Array = NDArray[np.float64]
# Longer side of the pictures in which points are sought.
FEATURE_SIDE = 800
_MOST_FEATURES = 1500
# How much nearer the best match must be than the second best (Lowe 2004, section 7.1).
_RATIO = 0.8
# Distance from the epipolar line at which a match still fits, as a share of the longer side: two
# pixels of 800, more than calibration leaves and less than one percent of focal length.
FITTING = 0.0025
_PATCH_SIGMA = 2.0
_LEAST_POINTS, _ROUNDS = 12, 40


class Features(NamedTuple):
    """Points (points, 2) in pixels, their descriptors, and the linear color around them."""

    points: Array
    descriptors: NDArray[np.float32]
    colors: Array


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The same points in two views: indices into the features of each."""

    views: tuple[int, int]
    first: NDArray[np.int64]
    second: NDArray[np.int64]


def find_features(small: Small) -> Features:
    """Corners and blobs by SIFT, within the mask if there is one."""
    mask = None if small.mask is None else small.mask.astype(np.uint8) * 255
    gray = cv2.cvtColor(small.rgb, cv2.COLOR_RGB2GRAY)
    keys, found = cv2.SIFT.create(nfeatures=_MOST_FEATURES).detectAndCompute(gray, mask)
    if not keys:
        return Features(np.empty((0, 2)), np.empty((0, 128), np.float32), np.empty((0, 3)))
    descriptors = np.sqrt(found / np.maximum(found.sum(1, keepdims=True), 1e-6))
    # OpenCV's pixel centers lie at whole numbers.
    points = np.array([key.pt for key in keys], np.float64) + 0.5
    light = cv2.GaussianBlur(to_linear(small.rgb / 255), (0, 0), _PATCH_SIGMA)
    at = points.astype(int)
    return Features(points, descriptors.astype(np.float32), np.asarray(light)[at[:, 1], at[:, 0]])


def all_features(instant: Instant) -> dict[int, Features]:
    """Features of every view."""
    return {view: find_features(small) for view, small in instant.pictures.items()}


def match(features: Mapping[int, Features], one: int, other: int) -> Matches:
    """Points whose descriptors are each other's nearest by far."""
    return match_features(features[one], features[other], (one, other))


def match_features(one: Features, other: Features, views: tuple[int, int]) -> Matches:
    """The same for features that are no view's own."""
    if min(len(one.points), len(other.points)) < 2:
        return Matches(views, np.empty(0, np.int64), np.empty(0, np.int64))
    likeness = one.descriptors @ other.descriptors.T
    second = np.argmax(likeness, axis=1)
    first = np.arange(len(second))
    is_mutual = np.argmax(likeness, axis=0)[second] == first
    two = -np.partition(-likeness, 1, axis=1)[:, :2]
    distance = np.sqrt(np.maximum(2 - 2 * two, 0))
    kept = is_mutual & (distance[:, 0] < _RATIO * distance[:, 1])
    return Matches(views, first[kept], second[kept])


def epipolar_distances(one: Array, other: Array, cameras: tuple[Camera, Camera]) -> Array:
    """Distances (points,) of matches from their epipolar lines, the mean of both pictures.

    In pixels; ``one`` and ``other`` are positions (points, 2).
    """
    return line_distances(one, other, _fundamental(*cameras))


def line_distances(one: Array, other: Array, fundamental: Array) -> Array:
    """The same for a (3, 3) matrix that turns a point of one picture into a line of the other."""
    here, there = _homogeneous(one), _homogeneous(other)
    lines_there, lines_here = here @ fundamental.T, there @ fundamental
    off = np.abs((there * lines_there).sum(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        first = off / np.hypot(lines_there[:, 0], lines_there[:, 1])
        second = off / np.hypot(lines_here[:, 0], lines_here[:, 1])
    mean: Array = np.nan_to_num((first + second) / 2, nan=np.inf)
    return mean


def nearest_views(cameras: Mapping[int, Camera], view: int, count: int) -> list[int]:
    """Views that stand near and look the same way, nearest first."""
    mine = cameras[view]
    spread = np.mean([np.linalg.norm(c.position - mine.position) for c in cameras.values()])

    def distance(other: int) -> float:
        apart = np.linalg.norm(cameras[other].position - mine.position) / max(float(spread), 1e-12)
        return float(apart + 2 * (1 - mine.forward @ cameras[other].forward))

    return sorted((other for other in cameras if other != view), key=distance)[:count]


def _fundamental(one: Camera, other: Camera) -> Array:
    """The (3, 3) matrix that turns a point of one picture into a line of the other."""
    relative = other.world_to_camera @ np.linalg.inv(one.world_to_camera)
    x, y, z = relative[:3, 3]
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    essential = across @ relative[:3, :3]
    found: Array = _inverse_lens(other).T @ essential @ _inverse_lens(one)
    return found


def _inverse_lens(camera: Camera) -> Array:
    """From pixels to directions."""
    lens = [[camera.focal_x, 0, camera.center_x], [0, camera.focal_y, camera.center_y], [0, 0, 1]]
    return np.linalg.inv(np.array(lens))


def _homogeneous(points: Array) -> Array:
    return np.hstack([points, np.ones((len(points), 1))])


def gains_by_matches(
    features: Mapping[int, Features], matches: Sequence[Matches]
) -> dict[int, Gain]:
    """Gains that explain the color ratios of all pairs best, by medians, and how sure they are."""
    points = _color_ratios(features, matches)
    links: dict[int, list[tuple[int, Array]]] = {}
    for (first, second), each in points.items():
        ratio = np.median(each, axis=0)
        links.setdefault(second, []).append((first, ratio))
        links.setdefault(first, []).append((second, -ratio))
    logs = {view: np.zeros(3) for view in links}
    for _ in range(_ROUNDS):
        logs = {
            view: np.median([logs[other] + ratio for other, ratio in each], axis=0)
            for view, each in links.items()
        }
        middle = np.median(list(logs.values()), axis=0) if logs else 0.0
        logs = {view: log - middle for view, log in logs.items()}
    found = {}
    for view, log in logs.items():
        own = {pair: each for pair, each in points.items() if view in pair}
        left = [each - (logs[pair[1]] - logs[pair[0]]) for pair, each in own.items()]
        spread = float(np.median(np.abs(np.concatenate(left).mean(1))))
        found[view] = gain_of(log, sum(map(len, own.values())), spread)
    return found


def _color_ratios(
    features: Mapping[int, Features], matches: Sequence[Matches]
) -> dict[tuple[int, int], Array]:
    """Log ratios (points, 3) of the linear colors around matching points, second over first."""
    found = {}
    for each in matches:
        first, second = each.views
        one, other = features[first].colors[each.first], features[second].colors[each.second]
        usable = (np.minimum(one, other) > DARKEST).all(1)
        usable &= (np.maximum(one, other) < BRIGHTEST).all(1)
        if usable.sum() >= _LEAST_POINTS:
            found[first, second] = np.log(other[usable] / one[usable])
    return found
