"""The built-in subject: a fox in a scarf, tossing a ball on a turned wooden stage.

A pose is a table of primitives that `bake.captures.tracing` draws. The figure looks along +x, its
left hand is on the +y side, z points up, and the stage stands on z = 0. One unit is about a meter.
All proportions and speeds are choices made by eye.
"""

from math import cos, hypot, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bake.captures.materials import Material
from bake.captures.tracing import COLUMNS, Shape
from render.geometry import Aabb

Array = NDArray[np.float64]

AABB = Aabb((-0.75, -0.75, 0.0), (0.75, 0.75, 1.75))
FRAMES_PER_LOOP = 36

_STAGE_TOP = 0.1
_HIPS = 0.46
_LIMB = 0.205  # Length of each half of an arm or a leg.
_TOSS_SIDE, _TOSS_LOW, _TOSS_RISE = 0.43, 0.92, 0.55


class Skin(NamedTuple):
    """What a primitive is made of, and over which distance it melts into earlier ones."""

    material: Material
    blend: float = 0.0


class Axes(NamedTuple):
    """A place to build at: columns of ``turn`` are its axes in the world."""

    origin: Array
    turn: Array

    def at(self, point: ArrayLike) -> Array:
        """A local position, in the world."""
        placed: Array = self.turn @ np.asarray(point, np.float64) + self.origin
        return placed

    def moved(self, point: ArrayLike, turn: ArrayLike | None = None) -> "Axes":
        """Axes at a local position, turned further if asked to."""
        return Axes(self.at(point), self.turn if turn is None else self.turn @ np.asarray(turn))


# Their shadows would not be seen.
_TOO_SMALL = frozenset({Material.EYE, Material.SPARK, Material.PINK, Material.GOLD})

_WORLD = Axes(np.zeros(3), np.eye(3))


def pose(phase: float) -> Array:
    """The table of primitives at a phase of the dance; one loop is [0, 1).

    Columns are those of `bake.captures.tracing`.
    """
    swing, beat = sin(2 * pi * phase), abs(sin(2 * pi * phase))
    hips = _WORLD.moved(
        (0.0, 0.06 * swing, _HIPS + _STAGE_TOP - 0.05 * beat),
        _turn(0.07 * swing, 0.0, 0.22 * swing),
    )
    chest = hips.moved((0.0, 0.0, 0.27), _turn(-0.16 * swing, 0.10, -0.30 * swing))
    head = chest.moved((0.03, 0.0, 0.12), _turn(0.22 * swing, -0.06 + 0.10 * beat, 0.25 * swing))
    rows = [*_torso(hips, chest), *_head(head), *_tail(hips, phase)]
    rows += [row for side in (-1.0, 1.0) for row in _leg(hips, side, phase)]
    rows += [row for side in (-1.0, 1.0) for row in _arm(chest, side, phase)]
    rows += [*_face(head), *_scarf(chest, phase), _ball(phase), _stage()]
    table = np.stack(rows)
    # A primitive is felt as far away as the widest blend of its own and of those after it.
    table[:, 22] += np.maximum.accumulate(table[::-1, 17])[::-1]
    return table


def _torso(hips: Axes, chest: Axes) -> list[Array]:
    """A pear that bends between hips and chest."""
    up = np.array([(0.0, 0.0, -0.02), (0.0, 0.0, 0.22)])
    ends = (hips.at(up[0]), chest.at((0.0, 0.0, 0.0)))
    return [
        _cone(ends, (0.175, 0.115), Skin(Material.BELLY), hips.turn[:, 0]),
        _cone((ends[1], chest.at((0.02, 0.0, 0.14))), (0.09, 0.09), Skin(Material.FUR, 0.06)),
    ]


def _head(head: Axes) -> list[Array]:
    """Skull, cheeks, muzzle and ears, which melt into each other."""
    skull = head.moved((0.02, 0.0, 0.17))
    rows = [_ellipsoid(skull, (0.215, 0.245, 0.205), Skin(Material.FACE, 0.03))]
    muzzle = (head.at((0.17, 0.0, 0.115)), head.at((0.30, 0.0, 0.10)))
    rows.append(_cone(muzzle, (0.10, 0.045), Skin(Material.CREAM, 0.06)))
    for side in (-1.0, 1.0):
        cheek = (head.at((0.07, 0.16 * side, 0.10)), head.at((0.05, 0.30 * side, 0.065)))
        rows.append(_cone(cheek, (0.10, 0.018), Skin(Material.CREAM, 0.05)))
        ear = (head.at((-0.01, 0.13 * side, 0.29)), head.at((-0.02, 0.205 * side, 0.52)))
        rows.append(_cone(ear, (0.095, 0.018), Skin(Material.FUR, 0.04)))
    return rows


def _face(head: Axes) -> list[Array]:
    """Eyes, nose and the inside of the ears, which keep sharp borders."""
    rows = [_ball_at(head.at((0.342, 0.0, 0.118)), 0.034, Material.EYE)]
    for side in (-1.0, 1.0):
        rows.append(_ball_at(head.at((0.195, 0.098 * side, 0.205)), 0.044, Material.EYE))
        rows.append(_ball_at(head.at((0.232, 0.090 * side, 0.225)), 0.0115, Material.SPARK))
        ear = (head.at((0.035, 0.135 * side, 0.315)), head.at((0.012, 0.193 * side, 0.465)))
        rows.append(_cone(ear, (0.062, 0.012), Skin(Material.PINK)))
    return rows


def _tail(hips: Axes, phase: float) -> list[Array]:
    """A brush that swings behind, its tip late by a quarter of a beat."""
    points, radii = [], (0.05, 0.085, 0.115, 0.10, 0.022)
    for index, (back, up) in enumerate(
        ((-0.13, -0.02), (-0.27, 0.0), (-0.40, 0.12), (-0.45, 0.29), (-0.42, 0.47))
    ):
        side = 0.055 * index * sin(2 * pi * phase - 0.45 * index + pi)
        points.append(hips.at((back, side, up)))
    rows = []
    for index in range(4):
        material = Material.TAIL if index == 3 else Material.FUR
        ends = (points[index], points[index + 1])
        rows.append(_cone(ends, radii[index : index + 2], Skin(material, 0.05), hips.turn[:, 0]))
    return rows


def _leg(hips: Axes, side: float, phase: float) -> list[Array]:
    """Stepping on the spot: one foot rises while the other carries."""
    lift = 0.15 * max(0.0, side * sin(2 * pi * phase)) ** 1.3
    hip = hips.at((0.0, 0.095 * side, -0.06))
    foot = np.array([0.03 + 0.35 * lift, 0.15 * side, _STAGE_TOP + 0.075 + lift])
    knee = _joint(hip, foot, np.array([1.0, 0.45 * side, 0.0]))
    toe = foot + np.array([0.11, 0.03 * side, 0.012 - 0.5 * lift])
    shin = foot + (knee - foot) * 0.25
    return [
        _cone((hip, knee), (0.088, 0.066), Skin(Material.FUR, 0.05)),
        _cone((knee, foot), (0.066, 0.058), Skin(Material.FUR, 0.03)),
        _cone((shin, foot), (0.074, 0.070), Skin(Material.LEATHER, 0.0)),
        _cone((foot, toe), (0.070, 0.062), Skin(Material.LEATHER, 0.03)),
    ]


def _arm(chest: Axes, side: float, phase: float) -> list[Array]:
    """Reaching up to toss and catch, sinking in between."""
    shoulder = chest.at((0.0, 0.115 * side, 0.045))
    dip = 0.5 + 0.5 * side * cos(2 * pi * phase)
    hand = np.array([0.14 - 0.05 * dip, (_TOSS_SIDE + 0.03 * dip) * side, 0.74 - 0.16 * dip])
    elbow = _joint(shoulder, hand, np.array([-0.5, 0.6 * side, -1.0]))
    cuff = hand + (elbow - hand) * 0.35
    thumb = hand + np.array([0.03, -0.055 * side, 0.045])
    return [
        _cone((shoulder, elbow), (0.062, 0.052), Skin(Material.FUR, 0.05)),
        _cone((elbow, hand), (0.052, 0.048), Skin(Material.FUR, 0.03)),
        _cone((cuff, hand), (0.055, 0.066), Skin(Material.LEATHER, 0.0)),
        _cone((hand, thumb), (0.045, 0.026), Skin(Material.LEATHER, 0.02)),
    ]


def _scarf(chest: Axes, phase: float) -> list[Array]:
    """Two coils around the neck, a golden bell in front, and two ends that flutter behind."""
    coil = chest.moved((0.015, 0.0, 0.085), _turn(0.0, 0.10, 0.0))
    upper = coil.moved((0.0, 0.0, 0.05), _turn(0.1, -0.05, 0.4))
    rows = [
        _torus(coil, (0.118, 0.046), Skin(Material.SCARF)),
        _torus(upper, (0.108, 0.040), Skin(Material.SCARF, 0.015)),
        _ball_at(coil.at((0.165, 0.0, -0.045)), 0.036, Material.GOLD),
    ]
    for side in (-1.0, 1.0):
        wave = sin(2 * pi * phase + 0.8 * side)
        knot = coil.at((-0.11, 0.055 * side, 0.0))
        middle = coil.at((-0.20, 0.10 * side + 0.05 * wave, -0.08))
        end = coil.at((-0.29, 0.13 * side + 0.10 * wave, -0.19 - 0.03 * wave))
        rows.append(_cone((knot, middle), (0.032, 0.036), Skin(Material.FRINGE, 0.015)))
        rows.append(_cone((middle, end), (0.036, 0.042), Skin(Material.FRINGE, 0.015)))
    return rows


def _ball(phase: float) -> Array:
    """A parabola from the right hand to the left and back, spinning on its way."""
    leg = 2 * phase % 1.0
    across = _TOSS_SIDE * (2 * leg - 1) * (1 if phase % 1.0 < 0.5 else -1)
    center = (0.17, across, _TOSS_LOW + 4 * _TOSS_RISE * leg * (1 - leg))
    axes = _WORLD.moved(center, _turn(2 * pi * phase, 0.6, 4 * pi * phase))
    return _row(Shape.SPHERE, axes, (0.105,), Skin(Material.BALL))


def _stage() -> Array:
    """A round wooden stage."""
    disk = _WORLD.moved((0.0, 0.0, 0.05))
    return _row(Shape.CYLINDER, disk, (0.64, 0.05, 0.014), Skin(Material.WOOD))


def _joint(start: Array, end: Array, pole: Array) -> Array:
    """Elbow or knee of a limb with two halves of equal length, bent toward ``pole``."""
    span = end - start
    reach = float(np.linalg.norm(span))
    aside = pole - span * (pole @ span) / reach**2
    bend = sqrt(max(_LIMB**2 - reach**2 / 4, 0.0))
    joint: Array = (start + end) / 2 + aside * (bend / float(np.linalg.norm(aside)))
    return joint


def _turn(roll: float, pitch: float, yaw: float) -> Array:
    """Rotation about x, then y, then z, in radians."""
    (a, b), (c, d), (e, f) = ((cos(angle), sin(angle)) for angle in (roll, pitch, yaw))
    about_x = np.array([[1, 0, 0], [0, a, -b], [0, b, a]])
    about_y = np.array([[c, 0, d], [0, 1, 0], [-d, 0, c]])
    about_z = np.array([[e, -f, 0], [f, e, 0], [0, 0, 1]])
    turned: Array = about_z @ about_y @ about_x
    return turned


def _cone(
    ends: tuple[Array, Array],
    radii: tuple[float, ...],
    skin: Skin,
    front: ArrayLike = (1.0, 0.0, 0.0),
) -> Array:
    """A round cone along local z, local x toward ``front`` so that patterns keep their side."""
    span = ends[1] - ends[0]
    length = float(np.linalg.norm(span))
    axis = span / length
    aside = np.asarray(front) - axis * (axis @ np.asarray(front))
    aside /= np.linalg.norm(aside) + 1e-12
    turn = np.stack([aside, np.cross(axis, aside), axis], axis=1)
    return _row(Shape.ROUND_CONE, Axes(ends[0], turn), (*radii, length), skin)


def _ball_at(center: Array, radius: float, material: Material) -> Array:
    """A sphere with a sharp border."""
    return _row(Shape.SPHERE, Axes(center, np.eye(3)), (radius,), Skin(material))


def _ellipsoid(axes: Axes, radii: tuple[float, float, float], skin: Skin) -> Array:
    """An ellipsoid along the given axes."""
    return _row(Shape.ELLIPSOID, axes, radii, skin)


def _torus(axes: Axes, radii: tuple[float, float], skin: Skin) -> Array:
    """A ring around the local z axis: ring radius, then tube radius."""
    return _row(Shape.TORUS, axes, radii, skin)


def _row(shape: Shape, axes: Axes, sizes: tuple[float, ...], skin: Skin) -> Array:
    """One table row, with the bounding sphere and the occluder that follow from the shape."""
    row = np.zeros(COLUMNS)
    row[0], row[1:4], row[4:13] = shape, axes.origin, axes.turn.T.ravel()
    row[13 : 13 + len(sizes)] = sizes
    row[17], row[18] = skin.blend, skin.material
    far = axes.origin
    bound, occluder = max(sizes), sum(sizes) / len(sizes)
    if shape is Shape.ROUND_CONE:
        far = axes.at((0.0, 0.0, sizes[2]))
        bound, occluder = sizes[2] / 2 + max(sizes[:2]), (sizes[0] + sizes[1]) / 2
    elif shape in (Shape.TORUS, Shape.CYLINDER):
        # No capsule is like these, and neither shades much but itself.
        bound = sizes[0] + sizes[1] if shape is Shape.TORUS else hypot(sizes[0], sizes[1])
        occluder = 0.0
    if skin.material in _TOO_SMALL:
        occluder = 0.0
    row[19:22], row[22] = (axes.origin + far) / 2, bound
    row[23:26], row[26:29], row[29] = axes.origin, far, occluder
    return row
