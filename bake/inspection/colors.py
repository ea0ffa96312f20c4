"""How bright each camera is against the others, on surfaces that several of them see.

Colors are compared in linear light, where exposure is a factor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.exposure import to_linear
from bake.inspection.consensus import depth_picture
from bake.inspection.outlines import Scene
from render.cameras import Camera

Array = NDArray[np.float64]
# Surface points per view and instant: as many as a median needs.
_POINTS = 400
_LEAST_POINTS = 60
# A view with fewer than this share of the usual view's points lies at the edge of what the others
# see, where the surface is a guess. Known rigs have 0.8, parts of them usually 0.4; of cameras
# with 0.1 and 0.26 two seemed half as bright as they are, and a quarter brighter.
_LEAST_SHARE = 0.3
_LEAST_VIEWS = 4
# Views of the same point differ by less than this in log light, half of them. A choice.
_ALIKE = 0.15
# Misfits of single points count up to this much.
_MOST_MISFIT = 1.0
# A point may lie so many voxels behind the nearest one and still be seen.
_BEHIND = 2.0
# Linear light outside is noise or clipped.
DARKEST, BRIGHTEST = 0.004, 0.95
# Pixels by which a mask is shrunk: its border mixes with what is behind.
_BORDER = 2


class Gain(NamedTuple):
    """A camera's linear red, green and blue against the others', and on how many points.

    ``spread`` is the median difference, in log light, of single points from that gain.
    """

    rgb: tuple[float, float, float]
    point_count: int
    spread: float = 0.0


def gain_of(log: Array, point_count: int, spread: float = 0.0) -> Gain:
    """The gain of a log (3,)."""
    red, green, blue = (float(value) for value in np.exp(log))
    return Gain((red, green, blue), point_count, spread)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Log colors (views, points, 3) of the same points; NaN where a view does not see one."""

    views: tuple[int, ...]
    logs: Array

    def residuals(self) -> Array:
        """Difference of every view to the median of the others, (views, points, 3)."""
        often = np.isfinite(self.logs[..., 0]).sum(0) >= _LEAST_VIEWS
        if not often.any():
            return self.logs[:, :0]
        logs = self.logs[:, often]
        # Where views differ much they do not see the same point: the surface lies deeper there.
        off = np.abs(logs - np.nanmedian(logs, axis=0))
        logs = logs[:, np.nanmedian(off, axis=0).max(1) <= _ALIKE]
        if not logs.shape[1]:
            return logs
        others = [np.nanmedian(np.delete(logs, row, 0), axis=0) for row in range(len(logs))]
        left: Array = logs - np.stack(others)
        return left


def find_gains(scenes: Sequence[Scene], views: frozenset[int]) -> Mapping[int, Gain]:
    """The gains of those of the views that share enough points with others."""
    found: dict[int, list[Array]] = {}
    for scene in scenes:
        points = surface_points(scene, views)
        if not len(points):
            continue
        seen = look(scene, points, views)
        for view, residual in zip(seen.views, seen.residuals(), strict=True):
            found.setdefault(view, []).append(residual[np.isfinite(residual[:, 0])])
    gains = {}
    together = {view: np.concatenate(parts) for view, parts in found.items()}
    usual = float(np.median([len(each) for each in together.values()])) if together else 0.0
    for view, residual in together.items():
        if len(residual) >= max(_LEAST_POINTS, _LEAST_SHARE * usual):
            middle = np.median(residual, axis=0)
            spread = float(np.median(np.abs(residual - middle)))
            gains[view] = gain_of(middle, len(residual), spread)
    return gains


def color_misfit(
    scenes: Sequence[Scene], view: int, views: frozenset[int], shift: tuple[float, float]
) -> float:
    """How far a view's colors are from the others', in log light, if its picture is shifted.

    ``shift`` is a share of the width and of the height.
    """
    found = []
    for scene in scenes:
        if view in scene.expected:
            points = surface_points(scene, frozenset({view}))
            logs = np.stack(
                [*look(scene, points, views - {view}).logs, _sampled(scene, view, points, shift)]
            )
            residual = Seen((), logs).residuals()[-1]
            found.append(np.abs(residual[np.isfinite(residual)]).clip(0, _MOST_MISFIT))
    return float(np.mean(np.concatenate(found))) if found and sum(map(len, found)) else np.inf


def surface_points(scene: Scene, views: frozenset[int]) -> Array:
    """Points (points, 3) of the surface that the views see, spread over their pictures."""
    found = []
    for view in sorted(views & set(scene.expected)):
        camera = scene.instant.cameras[view]
        depth = _depth(scene, view)
        rows, columns = np.nonzero(np.isfinite(depth))
        step = max(1, len(rows) // _POINTS)
        rows, columns = rows[step // 2 :: step], columns[step // 2 :: step]
        found.append(_unprojected(camera, rows, columns, depth[rows, columns]))
    return np.concatenate(found) if found else np.empty((0, 3))


def look(scene: Scene, points: Array, views: frozenset[int]) -> Seen:
    """The log colors of the points in those views that see them on their masks."""
    chosen = tuple(sorted(views & set(scene.expected)))
    logs = [_sampled(scene, view, points, None) for view in chosen]
    return Seen(chosen, np.stack(logs) if logs else np.empty((0, len(points), 3)))


def _depth(scene: Scene, view: int) -> NDArray[np.float32]:
    points = scene.votes.points[scene.kept[view]]
    return depth_picture(points, scene.votes.voxel_size, scene.instant.cameras[view])


def _unprojected(
    camera: Camera, rows: NDArray[np.int64], columns: NDArray[np.int64], depth: NDArray[np.float32]
) -> Array:
    """World positions of pixels at a depth."""
    x = (columns + 0.5 - camera.center_x) / camera.focal_x * depth
    y = (rows + 0.5 - camera.center_y) / camera.focal_y * depth
    turned: Array = np.stack([x, y, depth], axis=1) @ camera.world_to_camera[:3, :3]
    return turned + camera.position


def _sampled(scene: Scene, view: int, points: Array, shift: tuple[float, float] | None) -> Array:
    """Log colors (points, 3) in one view; with a shift its mask is not asked."""
    camera, picture = scene.instant.cameras[view], scene.instant.pictures[view]
    pixels, depth = camera.project(points)
    size = np.array([camera.width, camera.height])
    moved = pixels + size * (shift or (0.0, 0.0))
    inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < size).all(1)
    inside &= (moved >= 0).all(1) & (moved < size).all(1)
    at = np.where(inside[:, None], pixels, 0).astype(int)
    nearest = _depth(scene, view)[at[:, 1], at[:, 0]]
    seen = inside & (depth < nearest + _BEHIND * scene.votes.voxel_size)
    at = np.where(inside[:, None], moved, 0).astype(int)
    if shift is None and picture.mask is not None:
        side = 2 * _BORDER + 1
        inner = cv2.erode(picture.mask.astype(np.uint8), np.ones((side, side), np.uint8))
        seen &= inner[at[:, 1], at[:, 0]] > 0
    light = to_linear(picture.rgb[at[:, 1], at[:, 0]] / 255)
    seen &= (light > DARKEST).all(1) & (light < BRIGHTEST).all(1)
    return np.where(seen[:, None], np.log(np.maximum(light, 1e-6)), np.nan)
