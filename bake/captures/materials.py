"""Colors for what `bake.captures.tracing` finds: patterns, light and gloss.

Colors are linear until the last step. All constants are choices made by eye.
"""

from enum import IntEnum
from math import atan2, floor, sin, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Triple = tuple[float, float, float]


class Material(IntEnum):
    """Surface kinds: rows of the palette, some with a pattern of their own."""

    FUR = 0
    CREAM = 1
    LEATHER = 2
    EYE = 3
    SCARF = 4
    BALL = 5
    WOOD = 6
    GOLD = 7
    SPARK = 8
    PINK = 9
    FACE = 10
    BELLY = 11
    TAIL = 12
    FRINGE = 13


# Linear red, green, blue; highlight strength; highlight exponent; mirror share.
_PALETTE = np.array(
    [
        [0.80, 0.27, 0.050, 0.06, 12.0, 0.0],
        [0.90, 0.74, 0.520, 0.06, 12.0, 0.0],
        [0.10, 0.04, 0.020, 0.45, 50.0, 0.10],
        [0.012, 0.010, 0.012, 0.8, 220.0, 0.045],
        [0.62, 0.03, 0.035, 0.10, 16.0, 0.0],
        [0.80, 0.10, 0.060, 0.60, 90.0, 0.12],
        [0.62, 0.34, 0.140, 0.25, 45.0, 0.05],
        [0.95, 0.60, 0.180, 0.90, 70.0, 0.75],
        [1.00, 1.00, 1.000, 0.20, 30.0, 0.0],
        [0.80, 0.35, 0.270, 0.05, 10.0, 0.0],
        [0.80, 0.27, 0.050, 0.06, 12.0, 0.0],
        [0.80, 0.27, 0.050, 0.06, 12.0, 0.0],
        [0.80, 0.27, 0.050, 0.06, 12.0, 0.0],
        [0.62, 0.03, 0.035, 0.10, 16.0, 0.0],
    ]
)
_CREAM = (0.90, 0.74, 0.52)
_KEY = (0.52, 0.42, 0.744)
_RIM = (-0.76, -0.25, 0.60)

_compiled = njit(
    cache=True, error_model="numpy", nogil=True, fastmath={"contract", "arcp", "reassoc", "nsz"}
)


@_compiled
def _mix(a: float, b: float, share: float) -> float:
    return a + (b - a) * share


@_compiled
def _smoothstep(low: float, high: float, value: float) -> float:
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


@_compiled
def _noise(x: float, y: float, z: float) -> float:
    """Cheap smooth wobble in about [-1, 1]."""
    return sin(x * 1.7 + sin(y * 2.3)) * sin(y * 1.9 + sin(z * 2.1)) * sin(z * 1.5 + sin(x * 2.7))


@_compiled
def _inside(table: Array, i: int, p: Triple) -> Triple:
    """A world position along a primitive's own axes."""
    x, y, z = p[0] - table[i, 1], p[1] - table[i, 2], p[2] - table[i, 3]
    return (
        table[i, 4] * x + table[i, 5] * y + table[i, 6] * z,
        table[i, 7] * x + table[i, 8] * y + table[i, 9] * z,
        table[i, 10] * x + table[i, 11] * y + table[i, 12] * z,
    )


@_compiled
def _coat(material: int, x: float, y: float, z: float) -> float:
    """Share of cream over orange where the fox changes color, with a ragged border."""
    ragged = 0.018 * _noise(38.0 * x, 38.0 * y, 38.0 * z)
    if material == 10:
        return _smoothstep(-0.012, 0.012, -0.035 - z + 0.42 * (x - 0.1) + 0.10 * abs(y) + ragged)
    if material == 11:
        return _smoothstep(-0.01, 0.01, x - 0.055 - 0.35 * abs(y) + ragged)
    return _smoothstep(-0.012, 0.012, z - 0.03 + 1.4 * ragged)


@_compiled
def _pattern(material: int, p: Triple, out: Array) -> None:
    """Paint the pattern over the palette color in ``out``; ``p`` is local to the primitive."""
    x, y, z = p
    if material in {10, 11, 12}:
        share = _coat(material, x, y, z)
        for channel in range(3):
            out[channel] = _mix(out[channel], _CREAM[channel], share)
    elif material in {4, 13}:
        turns = atan2(y, x) * 2.228 if material == 4 else z * 15.0
        if turns - floor(turns) < 0.38:
            out[0], out[1], out[2] = 0.90, 0.72, 0.42
    elif material == 5:
        turns = atan2(y, x) * 0.955
        if turns - floor(turns) < 0.5 or abs(z) > 0.098:
            out[0], out[1], out[2] = 0.92, 0.83, 0.62
    elif material == 6:
        _wood(x, y, z, out)


@_compiled
def _wood(x: float, y: float, z: float, out: Array) -> None:
    """A polar checker of two woods with grain on top, staves around the side, golden rims."""
    radius = sqrt(x * x + y * y)
    if radius > 0.585 and abs(z) > 0.033:
        out[:] = _PALETTE[7]
        return
    sector = floor(atan2(y, x) * 2.5464790894703255)
    ring = floor(radius * 6.84) if z > 0.03 else 0.0
    if (sector + ring) % 2.0 != 0.0:
        out[0], out[1], out[2] = 0.26, 0.095, 0.030
    grain = sin(70.0 * x + 5.0 * _noise(5.0 * x, 16.0 * y, 9.0 * z) + 3.0 * sector)
    for channel in range(3):
        out[channel] *= 1.0 + 0.13 * grain


@_compiled
def _paint(table: Array, i: int, p: Triple, out: Array) -> None:
    """Fill ``out`` with a primitive's palette row, its pattern applied."""
    out[:] = _PALETTE[int(table[i, 18])]
    _pattern(int(table[i, 18]), _inside(table, i, p), out)


@_compiled
def _to_occluder(table: Array, i: int, p: Triple) -> tuple[float, float, float, float]:
    """From ``p`` to the middle line of a primitive's occluder, and how far that is."""
    ax, ay, az = (
        table[i, 26] - table[i, 23],
        table[i, 27] - table[i, 24],
        table[i, 28] - table[i, 25],
    )
    px, py, pz = p[0] - table[i, 23], p[1] - table[i, 24], p[2] - table[i, 25]
    share = (px * ax + py * ay + pz * az) / (ax * ax + ay * ay + az * az + 1e-12)
    share = min(max(share, 0.0), 1.0)
    x, y, z = ax * share - px, ay * share - py, az * share - pz
    return x, y, z, sqrt(x * x + y * y + z * z) + 1e-9


@_compiled
def _shadow(table: Array, i: int, p: Triple) -> float:
    """Share of the key light that one occluder lets through, with a border softer far away."""
    t = 0.0
    for _ in range(3):
        q = (p[0] + _KEY[0] * t, p[1] + _KEY[1] * t, p[2] + _KEY[2] * t)
        x, y, z, gap = _to_occluder(table, i, q)
        t = max(t + _KEY[0] * x + _KEY[1] * y + _KEY[2] * z, 0.0)
    softness = 0.02 + 0.10 * t
    return _smoothstep(-softness, softness, gap - table[i, 29] + (0.03 if t < 0.05 else 0.0))


@_compiled
def _light(table: Array, p: Triple, n: Triple) -> tuple[float, float]:
    """How much of the key light and of the surrounding light reaches ``p``."""
    key, around = 1.0, 1.0
    for i in range(len(table)):
        if table[i, 29] <= 0.0:
            continue
        x, y, z = table[i, 19] - p[0], table[i, 20] - p[1], table[i, 21] - p[2]
        along = x * _KEY[0] + y * _KEY[1] + z * _KEY[2]
        square = x * x + y * y + z * z
        # A sphere around the occluder and its soft border rules most of them out.
        if (
            along > -table[i, 22]
            and square - along * along < (table[i, 22] + 0.03 + 0.1 * abs(along)) ** 2
        ):
            key *= _shadow(table, i, p)
        if square < (table[i, 22] + 2.0 * table[i, 29]) ** 2:
            x, y, z, gap = _to_occluder(table, i, p)
            facing = max((n[0] * x + n[1] * y + n[2] * z) / gap, 0.0)
            near = min((table[i, 29] / gap) ** 2, 1.0)
            around *= 1.0 - 0.85 * facing * max(near - 0.11, 0.0)
    return key, around


@_compiled
def _studio(x: float, y: float, z: float) -> float:
    """Brightness of the surroundings in a direction: floor, wall, ceiling and one softbox."""
    box = _smoothstep(0.86, 0.93, x * _KEY[0] + y * _KEY[1] + z * _KEY[2])
    return 0.25 + 0.65 * _smoothstep(-0.4, 0.7, z) + 1.6 * box


@_compiled
def _shade(surface: Array, view: Triple, n: Triple, light: tuple[float, float]) -> Triple:
    """Linear color toward ``view`` (unit, from the surface to the eye)."""
    key, around = light
    facing = n[0] * _KEY[0] + n[1] * _KEY[1] + n[2] * _KEY[2]
    toward = n[0] * view[0] + n[1] * view[1] + n[2] * view[2]
    half = (_KEY[0] + view[0], _KEY[1] + view[1], _KEY[2] + view[2])
    size = sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2) + 1e-9
    gloss = max((n[0] * half[0] + n[1] * half[1] + n[2] * half[2]) / size, 0.0) ** surface[4]
    lit = key * max((facing + 0.15) / 1.15, 0.0)
    gloss *= surface[3] * key * _smoothstep(0.0, 0.2, facing)
    fresnel = (1.0 - min(max(toward, 0.0), 1.0)) ** 4
    back = max(n[0] * _RIM[0] + n[1] * _RIM[1] + n[2] * _RIM[2], 0.0)
    rim = 0.35 * fresnel * around + 0.30 * back
    sky = 0.5 + 0.5 * n[2]
    scale = 2.0 * toward
    mirror = _studio(scale * n[0] - view[0], scale * n[1] - view[1], scale * n[2] - view[2])
    mirror *= surface[5] * (0.4 + 0.6 * around)
    keep = 1.0 - surface[5]
    metal = 1.0 if surface[5] > 0.5 else 0.0
    red = keep * surface[0] * (1.30 * lit + around * _mix(0.42, 0.50, sky) + rim)
    green = keep * surface[1] * (1.20 * lit + around * _mix(0.34, 0.52, sky) + rim)
    blue = keep * surface[2] * (1.05 * lit + around * _mix(0.30, 0.56, sky) + rim)
    return (
        red + gloss + mirror * _mix(1.0, surface[0], metal),
        green + 0.95 * gloss + mirror * _mix(1.0, surface[1], metal),
        blue + 0.85 * gloss + mirror * _mix(1.0, surface[2], metal),
    )


@_compiled
def shade(table: Array, hits: Array, eye: Array) -> Array:
    """Display-referred sRGB in [0, 1], (hits, 3), of traced surface points seen from ``eye``."""
    colors = np.empty((len(hits), 3))
    first, second = np.empty(6), np.empty(6)
    for index in range(len(hits)):
        hit = hits[index]
        p, n = (hit[0], hit[1], hit[2]), (hit[3], hit[4], hit[5])
        _paint(table, int(hits[index, 6]), p, first)
        if hit[8] < 1.0:
            _paint(table, int(hits[index, 7]), p, second)
            first[:] = second + (first - second) * hit[8]
        x, y, z = eye[0] - p[0], eye[1] - p[1], eye[2] - p[2]
        size = sqrt(x * x + y * y + z * z)
        color = _shade(first, (x / size, y / size, z / size), n, _light(table, p, n))
        for channel in range(3):
            colors[index, channel] = min(max(color[channel], 0.0), 1.0) ** 0.4545
    return colors
