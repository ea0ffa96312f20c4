"""Finds what a camera sees of a table of primitives, by sphere tracing.

`trace` walks square windows of samples. A window first drops the primitives that its cone of rays
cannot meet, which is what makes a picture take milliseconds.

Nothing compiled here or in `bake.captures.materials` calls across files: the compiler's cache on
disk only notices changes of the file that holds a compiled function.

Source: distances and the smooth union are the well-known ones collected by I. Quilez.
"""

from enum import IntEnum
from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Triple = tuple[float, float, float]


class Shape(IntEnum):
    """Primitive kinds; sizes are listed in the order of the table's size columns."""

    SPHERE = 0  # radius
    ROUND_CONE = 1  # radius at the start, radius at the end, length along local z
    ELLIPSOID = 2  # three radii
    TORUS = 3  # ring radius around local z, tube radius
    CYLINDER = 4  # radius, half height along local z, rounding


# Table columns: shape, origin (3), local axes (9), sizes (4), blend, material, bounding sphere (4)
# grown by the distance over which the primitive and later ones melt, occluding capsule: both ends
# and its radius (7).
COLUMNS = 30

_STEPS = 64
_STRETCH = 1.6
_CLOSE = 5e-4
# Wider than any blend plus the step of the normal.
_REACH = 0.08

_compiled = njit(
    cache=True, error_model="numpy", nogil=True, fastmath={"contract", "arcp", "reassoc", "nsz"}
)


@_compiled
def _local(table: Array, i: int, p: Triple) -> Triple:
    """A world position along the primitive's own axes."""
    x, y, z = p[0] - table[i, 1], p[1] - table[i, 2], p[2] - table[i, 3]
    return (
        table[i, 4] * x + table[i, 5] * y + table[i, 6] * z,
        table[i, 7] * x + table[i, 8] * y + table[i, 9] * z,
        table[i, 10] * x + table[i, 11] * y + table[i, 12] * z,
    )


@_compiled
def _cone_distance(table: Array, i: int, radial: float, z: float) -> float:
    slope = (table[i, 13] - table[i, 14]) / table[i, 15]
    side = sqrt(max(1.0 - slope * slope, 0.0))
    along = side * z - slope * radial
    if along < 0.0:
        return sqrt(radial * radial + z * z) - float(table[i, 13])
    if along > side * table[i, 15]:
        return sqrt(radial * radial + (z - table[i, 15]) ** 2) - float(table[i, 14])
    return float(radial * side + z * slope - table[i, 13])


@_compiled
def _distance(table: Array, i: int, p: Triple) -> float:
    """Signed distance to one primitive (a lower bound for ellipsoids)."""
    x, y, z = _local(table, i, p)
    if table[i, 0] == 0:
        return sqrt(x * x + y * y + z * z) - float(table[i, 13])
    if table[i, 0] == 1:
        return _cone_distance(table, i, sqrt(x * x + y * y), z)
    if table[i, 0] == 2:
        a, b, c = x / table[i, 13], y / table[i, 14], z / table[i, 15]
        inner = sqrt(a * a + b * b + c * c)
        slope = sqrt((a / table[i, 13]) ** 2 + (b / table[i, 14]) ** 2 + (c / table[i, 15]) ** 2)
        return inner * (inner - 1.0) / max(slope, 1e-9)
    radial = sqrt(x * x + y * y) - table[i, 13]
    if table[i, 0] == 3:
        return sqrt(radial * radial + z * z) - float(table[i, 14])
    radial, high = radial + table[i, 15], abs(z) - table[i, 14] + table[i, 15]
    outside = sqrt(max(radial, 0.0) ** 2 + max(high, 0.0) ** 2)
    return float(min(max(radial, high), 0.0) + outside - table[i, 15])


@_compiled
def _scene(table: Array, near: NDArray[np.int64], p: Triple) -> float:
    """Distance to the smooth union of the primitives listed in ``near``."""
    total = 1e9
    for index in near:
        d, blend = _distance(table, index, p), table[index, 17]
        gap = abs(total - d)
        total = min(total, d)
        if gap < blend:
            total -= (blend - gap) ** 2 / (4.0 * blend)
    return total


@_compiled
def _touching(table: Array, near: Indices, p: Triple) -> Indices:
    """Those of ``near`` that can shape the surface close to ``p``."""
    kept = np.empty(len(near), np.int64)
    count = 0
    for index in near:
        if _distance(table, index, p) < _REACH:
            kept[count] = index
            count += 1
    return kept[:count]


@_compiled
def _normal(table: Array, near: NDArray[np.int64], p: Triple) -> Triple:
    h = 6e-4
    a = _scene(table, near, (p[0] + h, p[1] - h, p[2] - h))
    b = _scene(table, near, (p[0] - h, p[1] - h, p[2] + h))
    c = _scene(table, near, (p[0] - h, p[1] + h, p[2] - h))
    d = _scene(table, near, (p[0] + h, p[1] + h, p[2] + h))
    x, y, z = a - b - c + d, -a - b + c + d, -a + b - c + d
    size = sqrt(x * x + y * y + z * z) + 1e-12
    return x / size, y / size, z / size


@_compiled
def _owners(table: Array, near: Indices, p: Triple) -> Triple:
    """The primitive that owns ``p``, the one it melts into there, and the owner's share."""
    total, first, second, owned = 1e9, -1, -1, 1.0
    for index in near:
        d, blend = _distance(table, index, p), table[index, 17]
        gap = abs(total - d)
        minor = 0.5 * (1.0 - gap / blend) ** 2 if gap < blend else 0.0
        if d < total:
            first, second, owned = index, first, 1.0 - minor
        elif minor > 0.0:
            second, owned = index, 1.0 - minor
        total = min(total, d) - ((blend - gap) ** 2 / (4.0 * blend) if gap < blend else 0.0)
    return float(first), float(second if second >= 0 else first), owned


@_compiled
def _ray(lens: Array, x: float, y: float) -> Triple:
    """World direction of unit length through a picture position."""
    a, b = (x - lens[14]) / lens[12], (y - lens[15]) / lens[13]
    size = sqrt(a * a + b * b + 1.0)
    return (
        (lens[3] * a + lens[6] * b + lens[9]) / size,
        (lens[4] * a + lens[7] * b + lens[10]) / size,
        (lens[5] * a + lens[8] * b + lens[11]) / size,
    )


@_compiled
def _window(
    table: Array, lens: Array, corner: Array, extent: float
) -> tuple[Indices, float, float]:
    """Primitives that a square window may show, and the depths between which they lie."""
    half = 0.5 * extent
    axis = _ray(lens, corner[0] + half, corner[1] + half)
    sine = 0.7072 * extent / min(lens[12], lens[13])
    near = np.empty(len(table), np.int64)
    count, start, stop = 0, 1e9, 0.0
    for index in range(len(table)):
        x, y, z = table[index, 19] - lens[0], table[index, 20] - lens[1], table[index, 21] - lens[2]
        along = x * axis[0] + y * axis[1] + z * axis[2]
        across = sqrt(max(x * x + y * y + z * z - along * along, 0.0))
        radius = table[index, 22]
        if across - along * sine < radius:
            near[count] = index
            count += 1
            start, stop = min(start, along - radius), max(stop, along + radius)
    stop *= 1.01
    t = max(start, 0.0)
    # Advance all rays together while the cone around them stays clear of every surface.
    for _ in range(_STEPS if count > 0 else 0):
        p = (lens[0] + t * axis[0], lens[1] + t * axis[1], lens[2] + t * axis[2])
        clear = _scene(table, near[:count], p) - t * sine
        if clear < 2.0 * _CLOSE:
            break
        t += clear / (1.0 + sine)
        if t > stop:
            return near[:0], t, stop
    return near[:count], t, stop


@_compiled
def _march(
    table: Array, near: Indices, eye: Triple, ray: Triple, span: tuple[float, float]
) -> float:
    """Depth of the first surface along a ray; negative if there is none.

    Steps are longer than the clear distance as long as the clear spheres overlap.

    Source: Keinert et al. 2014, Enhanced Sphere Tracing, section 3.1.
    """
    t, step, before, stretch = span[0], 0.0, 0.0, _STRETCH
    for _ in range(_STEPS):
        d = _scene(table, near, (eye[0] + t * ray[0], eye[1] + t * ray[1], eye[2] + t * ray[2]))
        if stretch > 1.0 and d + before < step:
            # The spheres came apart: go back to where the unstretched step would have led.
            t += before - step
            step, stretch = before, 1.0
            continue
        if d < _CLOSE:
            return t
        before, step = d, d * stretch
        t += step
        if t > span[1]:
            break
    return -1.0


@_compiled
def trace(
    table: Array, lens: Array, corners: Array, side: int, spacing: float
) -> tuple[Array, Indices]:
    """Surface points seen through windows of ``side`` x ``side`` samples.

    ``lens`` is the camera's position (3), its right, down and forward axes (9), focal lengths and
    principal point (4); ``corners`` holds the windows' left upper picture positions (windows, 2).
    Returns (hits, 9) rows of point, normal, owner, neighbor and owner's share, and the sample each
    row belongs to, counted window by window and row by row.
    """
    hits = np.empty((len(corners) * side * side, 9))
    samples = np.empty(len(hits), np.int64)
    count, eye = 0, (lens[0], lens[1], lens[2])
    for window in range(len(corners)):
        corner = corners[window]
        near, start, stop = _window(table, lens, corner, side * spacing)
        if len(near) == 0:
            continue
        for sample in range(side * side):
            x = corner[0] + (sample % side + 0.5) * spacing
            ray = _ray(lens, x, corner[1] + (sample // side + 0.5) * spacing)
            t = _march(table, near, eye, ray, (start, stop))
            if t < 0.0:
                continue
            p = (eye[0] + t * ray[0], eye[1] + t * ray[1], eye[2] + t * ray[2])
            hits[count, 0:3] = p
            touching = _touching(table, near, p)
            hits[count, 3:6] = _normal(table, touching, p)
            hits[count, 6:9] = _owners(table, touching, p)
            samples[count] = window * side * side + sample
            count += 1
    return hits[:count], samples[:count]
