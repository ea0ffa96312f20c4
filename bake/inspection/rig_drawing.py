"""The rig from above and from the side: where cameras stand and look, and the scene's box."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.inspection.contact_sheet import VERDICT_COLORS, Picture, write_on
from bake.inspection.findings import Verdict
from render.cameras import Camera
from render.geometry import Aabb

Array = NDArray[np.float64]
_SIDE, _MARGIN, _HEAD = 900, 90, 40
_INK, _PALE, _BOX = (40, 40, 40), (226, 226, 226), (30, 90, 200)
# Length of a drawn frustum as a share of the drawing, at most, and of the way to the next camera.
_FRUSTUM, _TO_NEXT = 0.07, 1.6
# The wider way across a rig is drawn from left to right.
_MUCH_WIDER = 1.5
_AXES = "xyz"
# Directions in which a label may stand beside its camera, the outward one first.
_TURNS = np.radians([0, 20, -20, 40, -40, 60, -60, 80, -80, 110, -110, 140, -140, 180])
_DISTANCES = (18, 34, 50, 70, 90, 115)


class _Panel(NamedTuple):
    """A drawing along two axes of the scene: picture = scale * scene + offset."""

    picture: Picture
    axes: tuple[int, int]
    signs: tuple[int, int]
    scale: float
    offset: Array

    def place(self, points: Array) -> Array:
        """Pixels (points, 2) of scene points (points, 3)."""
        return points[:, list(self.axes)] * self.signs * self.scale + self.offset


def draw_rig(
    cameras: Sequence[Camera],
    labels: Sequence[str],
    box: Aabb | None,
    verdicts: Mapping[int, Verdict],
) -> Picture:
    """Two drawings (rows, columns, 3) side by side, with one scale."""
    up, sign = up_axis(cameras)
    spread = np.ptp([camera.position for camera in cameras], axis=0)
    across, away = (axis for axis in range(3) if axis != up)
    if spread[away] > _MUCH_WIDER * spread[across]:
        across, away = away, across
    top = _panel(cameras, box, (across, away), (1, -1))
    side = _panel(cameras, box, (across, up), (1, -sign))
    depth = min(_FRUSTUM * _SIDE / top.scale, _TO_NEXT * _to_next(cameras))
    for panel, name in ((top, "from above"), (side, "from the side")):
        _draw_axes(panel, name)
        if box is not None:
            _draw_box(panel, box)
        places = panel.place(np.array([camera.position for camera in cameras])).round().astype(int)
        taken = [(int(x) - 6, int(y) - 6, int(x) + 6, int(y) + 6) for x, y in places]
        for view, camera in enumerate(cameras):
            color = VERDICT_COLORS[verdicts.get(view, Verdict.OK)]
            _draw_camera(panel, camera, color, depth)
        for view, camera in enumerate(cameras):
            color = VERDICT_COLORS[verdicts.get(view, Verdict.OK)]
            _draw_label(panel, camera, (labels[view], color), taken)
    return np.ascontiguousarray(np.hstack([top.picture, side.picture]))


def up_axis(cameras: Sequence[Camera]) -> tuple[int, int]:
    """Which axis of the scene points up, 0 to 2, and whether its positive or negative end does."""
    up = np.mean([camera.up for camera in cameras], axis=0)
    axis = int(np.argmax(np.abs(up)))
    return axis, 1 if up[axis] >= 0 else -1


def _panel(
    cameras: Sequence[Camera], box: Aabb | None, axes: tuple[int, int], signs: tuple[int, int]
) -> _Panel:
    """An empty drawing that has room for all cameras and the box, or most of a huge one."""
    points = np.array([camera.position for camera in cameras])
    if box is not None:
        reach = 2 * np.ptp(points, axis=0).max() + 1e-9
        middle = points.mean(0)
        points = np.vstack([points, np.clip(box.corners(), middle - reach, middle + reach)])
    low, high = points.min(0), points.max(0)
    scale = (_SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1e-9)
    middle = ((low + high) / 2)[list(axes)] * signs
    offset = np.array([_SIDE / 2, _SIDE / 2 + _HEAD]) - middle * scale
    picture = np.full((_SIDE + _HEAD, _SIDE, 3), 255, np.uint8)
    return _Panel(picture, axes, signs, scale, offset)


def _draw_axes(panel: _Panel, name: str) -> None:
    """A frame, what is seen, and a bar of a round length."""
    cv2.rectangle(panel.picture, (4, _HEAD), (_SIDE - 5, _SIDE + _HEAD - 5), _PALE, 1)
    write_on(panel.picture, name, (14, 27), _INK, 0.7)
    for turn, (axis, sign) in enumerate(zip(panel.axes, panel.signs, strict=True)):
        positive = (1 if sign > 0 else -1) * np.eye(2)[turn]
        start = np.array([40, _HEAD + 60])
        end = start + 34 * positive
        _arrow(panel.picture, start, end)
        at = start + 46 * positive + (-4, 4)
        write_on(panel.picture, _AXES[axis], (int(at[0]), int(at[1])), _INK, 0.55)
    length = 10.0 ** np.floor(np.log10((_SIDE / 3) / panel.scale))
    length *= max(k for k in (1, 2, 5) if k * length * panel.scale <= _SIDE / 3)
    right, bottom = _SIDE - 24, _SIDE + _HEAD - 22
    left = right - round(length * panel.scale)
    cv2.line(panel.picture, (left, bottom), (right, bottom), _INK, 2, cv2.LINE_AA)
    write_on(panel.picture, f"{length:g} units", (left, bottom - 8), _INK, 0.5)


def _arrow(picture: Picture, start: Array, end: Array) -> None:
    one, other = (tuple(int(v) for v in point) for point in (start, end))
    cv2.arrowedLine(picture, one, other, _INK, 1, cv2.LINE_AA, tipLength=0.25)


def _draw_box(panel: _Panel, box: Aabb) -> None:
    """The outline of the box, lightly filled."""
    corners = panel.place(box.corners())
    low = np.clip(corners.min(0), -2e4, 2e4).round().astype(int)
    high = np.clip(corners.max(0), -2e4, 2e4).round().astype(int)
    filled = panel.picture.copy()
    first, last = (int(low[0]), int(low[1])), (int(high[0]), int(high[1]))
    cv2.rectangle(filled, first, last, (205, 220, 250), -1)
    cv2.rectangle(filled, first, last, _BOX, 2, cv2.LINE_AA)
    shown = slice(_HEAD, None)
    panel.picture[shown] = filled[shown]
    at = (max(first[0], 10), max(first[1] - 8, _HEAD + 20))
    write_on(panel.picture, "scene box", at, _BOX, 0.5)


def _to_next(cameras: Sequence[Camera]) -> float:
    """The usual distance from a camera to the nearest other one; infinite for one alone."""
    places = np.array([camera.position for camera in cameras])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    found = float(np.median(apart.min(1)))
    return found if found > 0 else np.inf


def _draw_camera(panel: _Panel, camera: Camera, color: tuple[int, int, int], depth: float) -> None:
    """The frustum in a pale shade, and a dot where the camera stands."""
    x = np.array([0, camera.width, camera.width, 0]) - camera.center_x
    y = np.array([0, 0, camera.height, camera.height]) - camera.center_y
    seen = np.stack([x / camera.focal_x, y / camera.focal_y, np.ones(4)], axis=1) * depth
    corners = seen @ camera.world_to_camera[:3, :3] + camera.position
    ends = panel.place(corners).round().astype(np.int32)
    start = panel.place(camera.position[None])[0].round().astype(np.int32)
    pale = tuple(round(0.45 * each + 0.55 * 255) for each in color)
    cv2.polylines(panel.picture, [ends], True, pale, 1, cv2.LINE_AA)  # noqa: FBT003 -- OpenCV
    for end in ends:
        cv2.line(panel.picture, start.tolist(), end.tolist(), pale, 1, cv2.LINE_AA)
    cv2.circle(panel.picture, start.tolist(), 4, color, -1, cv2.LINE_AA)


def _draw_label(
    panel: _Panel,
    camera: Camera,
    label: tuple[str, tuple[int, int, int]],
    taken: list[tuple[int, int, int, int]],
) -> None:
    """The label behind the camera, or beside it where another one stands there."""
    text, color = label
    start, ahead = panel.place(np.stack([camera.position, camera.position + camera.forward]))
    behind = start - ahead
    angle = float(np.arctan2(behind[1], behind[0]))
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    rooms = []
    for distance in _DISTANCES:
        for turn in _TURNS:
            middle = start + distance * np.array([np.cos(angle + turn), np.sin(angle + turn)])
            left, low = round(middle[0] - width / 2), round(middle[1] + height / 2)
            rooms.append((left - 2, low - height - 2, left + width + 2, low + 2))
    room = next((r for r in rooms if not any(_overlap(r, t) for t in taken)), rooms[0])
    taken.append(room)
    if room not in rooms[: len(_TURNS)]:
        middle = ((room[0] + room[2]) // 2, (room[1] + room[3]) // 2)
        cv2.line(panel.picture, start.round().astype(int).tolist(), middle, _PALE, 1, cv2.LINE_AA)
    cv2.rectangle(panel.picture, room[:2], room[2:], (255, 255, 255), -1)
    write_on(panel.picture, text, (room[0] + 2, room[3] - 2), color)


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
