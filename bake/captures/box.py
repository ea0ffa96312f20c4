"""The box around a scene: given by the user, stated by its capture, or found."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree  # type: ignore[import-untyped]

from bake.captures.mask_box import box_from_masks
from bake.captures.source import Source
from bake.errors import CaptureError
from hwcodec.records import finite_number
from render.cameras import Camera
from render.errors import SceneError
from render.geometry import Aabb

# A point is a stray, as calibration leaves some, if its neighbor of this rank is so many times as
# far as that of the median point. Chosen on one scene, where it drops 2 % of the points.
_NEIGHBOR, _STRAY_RATIO = 6, 10.0
# Least length of the mean of the cameras' directions for which they look the same way: 37 degrees
# off at most, if all are as far off. A choice.
_SAME_WAY = 0.8
# What is added around the rest, as a share of its size.
_MARGIN = 0.05
# Views begin at this share of the depth that all but so many of the points lie beyond. On one
# scene, a box from a third of that depth on cost 2 to 6 dB of a held-out view.
_NEAR_SHARE, _NEAREST = 0.6, 0.01
# Fewer points than these say where calibration found corners, not where the scene is. A choice.
_LEAST_POINTS = 50


class SceneBox(NamedTuple):
    """The box, and in a few words where it comes from."""

    aabb: Aabb
    origin: str


def find_box(source: Source, given: tuple[float, ...]) -> SceneBox:
    """The box given by the user, else the capture's own, else one around its masks or points.

    ``given`` is empty or six numbers: the minimum and the maximum corner.

    Raises:
        CaptureError: if the given box is none, or there is nothing to find one from.
    """
    if given:
        return SceneBox(_given(given), "given")
    if source.aabb is not None:
        return SceneBox(source.aabb, "stated by the capture")
    by_masks = box_from_masks(source)
    if by_masks is not None:
        return SceneBox(by_masks, "around what all masks show")
    if source.points is None or len(source.points) < _LEAST_POINTS:
        raise CaptureError(
            f"capture {source.name!r} states no box around its scene, expected one, masks from all "
            f"around, or at least {_LEAST_POINTS} points of calibration; give "
            "capture.box=[x,y,z,x,y,z], the minimum and the maximum corner"
        )
    where = f"around {len(source.points)} points of calibration"
    fronts = view_fronts(source.cameras, source.points)
    if len(fronts):
        where += ", and up to the cameras, which look the same way"
    return SceneBox(around(source.points, fronts), where)


def parse_box(text: str) -> tuple[float, ...]:
    """The numbers of ``--box``, commas between and brackets or none around; empty for no text.

    Raises:
        CaptureError: if they are no numbers.
    """
    if not text.strip():
        return ()
    try:
        return tuple(float(part) for part in text.strip().strip("[]()").split(","))
    except ValueError as error:
        raise CaptureError(
            f"--box is {text!r:.80}, expected six numbers, the minimum and the maximum corner, as "
            "in --box=-1,-1,0,1,1,2"
        ) from error


def view_fronts(cameras: Sequence[Camera], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where views begin (cameras, 3), for cameras that look the same way; else none (0, 3).

    Between such cameras and what calibration saw there may be matter without a single point. It is
    looked for up to a distance: nearer, every camera sees something else, and training would hang
    a veil before each.
    """
    forward = np.mean([camera.forward for camera in cameras], axis=0)
    length = float(np.linalg.norm(forward))
    if length < _SAME_WAY:
        return np.zeros((0, 3))
    axis = forward / length
    positions = np.array([camera.position for camera in cameras])
    nearest = float(np.quantile(points @ axis, _NEAREST))
    reach = np.maximum(nearest - positions @ axis, 0)
    fronts: NDArray[np.float64] = positions + _NEAR_SHARE * reach[:, None] * axis
    return fronts


def around(points: NDArray[np.float64], fronts: NDArray[np.float64]) -> Aabb:
    """The box of all points (points, 3) but the strays, some more, and ``fronts`` (places, 3).

    Raises:
        CaptureError: if they lie in a plane.
    """
    distances = KDTree(points).query(points, k=_NEIGHBOR + 1)[0][:, -1]
    kept = points[distances <= _STRAY_RATIO * np.median(distances)]
    low, high = kept.min(0), kept.max(0)
    margin = _MARGIN * (high - low)
    low, high = low - margin, high + margin
    if len(fronts):
        low, high = np.minimum(low, fronts.min(0)), np.maximum(high, fronts.max(0))
    try:
        return Aabb(tuple(low), tuple(high))
    except SceneError as error:
        raise CaptureError(
            f"the points of calibration take no box: {error}; give capture.box"
        ) from error


def _given(numbers: tuple[float, ...]) -> Aabb:
    try:
        corner = [finite_number("a corner", number) for number in numbers]
        if len(corner) != 6:
            raise ValueError(f"it has {len(corner)} numbers")
        return Aabb(tuple(corner[:3]), tuple(corner[3:]))  # type: ignore[arg-type]
    except (SceneError, ValueError) as error:
        raise CaptureError(
            f"capture box is {list(numbers)}, expected six numbers, the minimum and the maximum "
            f"corner: {error}"
        ) from error
