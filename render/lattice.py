"""Where a ray is sampled: its lattice, and the jumps over empty cells that stay on it.

Scalar functions like those of `render.march_kernels`, which march with them.
"""

import math

import numpy as np

from render.compiled import device
from render.march_types import IntArray, MarchedRay, RayArrays

_ZERO, _HALF, _ONE, _FAR = np.float32(0), np.float32(0.5), np.float32(1), np.float32(1e30)


@device
def floor(value: np.float32) -> int:
    """The whole number at or below; CUDA's own floor stays in floating point."""
    return math.floor(value)


@device
def ceil(value: np.float32) -> int:
    """The whole number at or above, likewise."""
    return math.ceil(value)


@device
def _slab(
    near: np.float32,
    far: np.float32,
    origin: np.float32,
    direction: np.float32,
    size: np.float32,
) -> tuple[np.float32, np.float32]:
    """Clips [near, far] to one axis of the box [0, size]."""
    if direction == _ZERO:
        if origin < _ZERO or origin > size:
            return _ONE, _ZERO
        return near, far
    a = (_ZERO - origin) / direction
    b = (size - origin) / direction
    return max(near, min(a, b)), min(far, max(a, b))


@device
def enter(rays: RayArrays, index: int, cells: IntArray, step: np.float32) -> MarchedRay:
    """The ray with its sample lattice: sample i sits at start + (i + 0.5) step."""
    ox, oy, oz = rays.origins[index, 0], rays.origins[index, 1], rays.origins[index, 2]
    dx, dy, dz = rays.directions[index, 0], rays.directions[index, 1], rays.directions[index, 2]
    near, far = _slab(_ZERO, _FAR, ox, dx, np.float32(cells.shape[0]))
    near, far = _slab(near, far, oy, dy, np.float32(cells.shape[1]))
    near, far = _slab(near, far, oz, dz, np.float32(cells.shape[2]))
    count = floor((far - near) / step) if far > near else 0
    return MarchedRay(ox, oy, oz, dx, dy, dz, near, step, count)


@device
def _leave(cell: int, radius: int, origin: np.float32, direction: np.float32) -> np.float32:
    """Where the ray leaves [cell - radius, cell + 1 + radius] along one axis."""
    if direction > _ZERO:
        return (np.float32(cell + 1 + radius) - origin) / direction
    if direction < _ZERO:
        return (np.float32(cell - radius) - origin) / direction
    return _FAR


@device
def _cell(coordinate: np.float32, count: int) -> int:
    """The cell of a coordinate; the clamp absorbs rounding at the box faces."""
    return min(max(floor(coordinate), 0), count - 1)


@device
def next_sample(
    ray: MarchedRay, index: int, cells: IntArray
) -> tuple[int, np.int32, np.float32, np.float32, np.float32]:
    """The first sample at or after ``index`` in an active cell: its index, cell and position in it.

    Jumps over the cube of empty cells that the stored distance promises, always onto the lattice.
    """
    while index < ray.sample_count:
        t = ray.start + (np.float32(index) + _HALF) * ray.step
        px, py, pz = ray.ox + t * ray.dx, ray.oy + t * ray.dy, ray.oz + t * ray.dz
        x, y, z = _cell(px, cells.shape[0]), _cell(py, cells.shape[1]), _cell(pz, cells.shape[2])
        cell = cells[x, y, z]
        if cell >= 0:
            return index, cell, px - np.float32(x), py - np.float32(y), pz - np.float32(z)
        radius = -cell - 1
        leave = min(_leave(x, radius, ray.ox, ray.dx), _leave(y, radius, ray.oy, ray.dy))
        leave = min(leave, _leave(z, radius, ray.oz, ray.dz))
        index = max(index + 1, ceil((leave - ray.start) / ray.step - _HALF))
    return ray.sample_count, np.int32(0), _ZERO, _ZERO, _ZERO
