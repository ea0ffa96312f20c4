"""The box around a scene: given by the user, stated by its capture, or found."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bake.captures.mask_box import box_from_masks
from bake.captures.source import Source
from bake.errors import CaptureError
from hwcodec.records import finite_number
from render.errors import SceneError
from render.geometry import Aabb

# Share of the points that may lie outside on either side of an axis: calibration leaves strays.
_STRAY_SHARE = 0.01
# What is added around the rest, as a share of its size.
_MARGIN = 0.05
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
    return SceneBox(around(source.points), f"around {len(source.points)} points of calibration")


def around(points: NDArray[np.float64]) -> Aabb:
    """The box of all points (points, 3) but the strays, and some more.

    Raises:
        CaptureError: if they lie in a plane.
    """
    low, high = np.quantile(points, [_STRAY_SHARE, 1 - _STRAY_SHARE], axis=0)
    margin = _MARGIN * (high - low)
    try:
        return Aabb(tuple(low - margin), tuple(high + margin))
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
