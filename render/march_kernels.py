"""The fused ray march as scalar kernels, compiled for the CPU by numba.

One ray is one loop and nothing is materialized per sample. `render.march` holds the plain twin that
states the same mathematics in torch. The device functions below are written on scalars and tuples
only, so that the same bodies can be compiled for CUDA threads.

Determinism: rays are split into a fixed number of slabs (the first axis of the gradient buffers).
One thread walks a slab in ray order and scatters into that slab's buffer; whoever consumes the
buffers adds them in slab order. Results depend on the slab count, never on the thread count or on
scheduling.
"""

import math

import numba
import numpy as np

from render.compiled import device, kernel
from render.march_types import (
    MAX_DENSITY,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    Corners,
    FieldArrays,
    FloatArray,
    IntArray,
    MarchedRay,
    RayArrays,
    RayGradients,
    RayResults,
    Weights,
)

_ZERO, _HALF, _ONE, _FAR = np.float32(0), np.float32(0.5), np.float32(1), np.float32(1e30)


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
def _enter(rays: RayArrays, index: int, cells: IntArray, step: np.float32) -> MarchedRay:
    """The ray with its sample lattice: sample i sits at start + (i + 0.5) step."""
    ox, oy, oz = rays.origins[index, 0], rays.origins[index, 1], rays.origins[index, 2]
    dx, dy, dz = rays.directions[index, 0], rays.directions[index, 1], rays.directions[index, 2]
    near, far = _slab(_ZERO, _FAR, ox, dx, np.float32(cells.shape[0]))
    near, far = _slab(near, far, oy, dy, np.float32(cells.shape[1]))
    near, far = _slab(near, far, oz, dz, np.float32(cells.shape[2]))
    count = math.floor((far - near) / step) if far > near else 0
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
    return min(max(math.floor(coordinate), 0), count - 1)


@device
def _next_sample(
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
        index = max(index + 1, math.ceil((leave - ray.start) / ray.step - _HALF))
    return ray.sample_count, np.int32(0), _ZERO, _ZERO, _ZERO


@device
def _corner_weights(x: np.float32, y: np.float32, z: np.float32) -> Weights:
    """Trilinear weights of the eight corners, z fastest."""
    u, v, w = _ONE - x, _ONE - y, _ONE - z
    uv, uy, xv, xy = u * v, u * y, x * v, x * y
    return uv * w, uv * z, uy * w, uy * z, xv * w, xv * z, xy * w, xy * z


@device
def _blend(density: FloatArray, k: Corners, w: Weights) -> np.float32:
    """Trilinear density."""
    a = w[0] * density[k[0]] + w[1] * density[k[1]] + w[2] * density[k[2]] + w[3] * density[k[3]]
    b = w[4] * density[k[4]] + w[5] * density[k[5]] + w[6] * density[k[6]] + w[7] * density[k[7]]
    return np.float32(a + b)


@device
def _blend_channel(features: FloatArray, k: Corners, w: Weights, c: int) -> np.float32:
    """Trilinear value of one feature channel."""
    a = w[0] * features[k[0], c] + w[1] * features[k[1], c]
    b = w[2] * features[k[2], c] + w[3] * features[k[3], c]
    d = w[4] * features[k[4], c] + w[5] * features[k[5], c]
    e = w[6] * features[k[6], c] + w[7] * features[k[7], c]
    return np.float32((a + b) + (d + e))


@device
def _corners(table: IntArray, cell: np.int32) -> Corners:
    """The eight texels of a cell as a tuple, so that they stay in registers."""
    row = table[cell]
    return row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]


@device
def _pass_through(density: np.float32, step: np.float32) -> tuple[np.float32, np.float32]:
    """1 - alpha over one step: (1 + exp(density)) ** -step, and the density's derivative factor."""
    # The bound keeps the factor finite; a sample this dense lets nothing through anyway.
    e = np.float32(math.exp(min(density, MAX_DENSITY)))
    return np.float32(math.exp(-math.log1p(e) * step)), e / (_ONE + e)


@device
def _march_ray(
    ray: MarchedRay, field: FieldArrays, into: FloatArray
) -> tuple[np.float32, np.float32]:
    """Adds one ray's weighted features to ``into``; returns transmittance and weighted distance."""
    left, distance, index = _ONE, _ZERO, 0
    while True:
        index, cell, x, y, z = _next_sample(ray, index, field.cells)
        if index >= ray.sample_count or left < MIN_TRANSMITTANCE:
            return left, distance
        k, w = _corners(field.corners, cell), _corner_weights(x, y, z)
        through, _ = _pass_through(_blend(field.density, k, w), ray.step)
        index += 1
        if _ONE - through < MIN_ALPHA:
            continue
        weight = left * (_ONE - through)
        distance += weight * (ray.start + (np.float32(index) - _HALF) * ray.step)
        for c in range(0, field.features.shape[1], 4):
            f0 = _blend_channel(field.features, k, w, c)
            f1 = _blend_channel(field.features, k, w, c + 1)
            f2 = _blend_channel(field.features, k, w, c + 2)
            f3 = _blend_channel(field.features, k, w, c + 3)
            into[c] += weight * f0
            into[c + 1] += weight * f1
            into[c + 2] += weight * f2
            into[c + 3] += weight * f3
        left *= through


@kernel
def march_forward(
    rays: RayArrays, field: FieldArrays, step: np.float32, slab_count: int, into: RayResults
) -> None:
    """Marches every ray and fills ``into``."""
    ray_count = rays.origins.shape[0]
    channels = field.features.shape[1]
    # Taken out of the tuple first: numba loses what a parallel loop writes through a tuple.
    features, transmittance, distance = into.features, into.transmittance, into.distance
    for slab in numba.prange(slab_count):
        total = np.empty(channels, np.float32)
        for r in range(slab * ray_count // slab_count, (slab + 1) * ray_count // slab_count):
            total[:] = _ZERO
            ray = _enter(rays, r, field.cells, step)
            transmittance[r], distance[r] = _march_ray(ray, field, total)
            for c in range(channels):
                features[r, c] = total[c]


@device
def _scatter(
    field: FieldArrays,
    k: Corners,
    w: Weights,
    scale: np.float32,
    gradient: FloatArray,
    into: FloatArray,
) -> None:
    """Adds scale * gradient, spread over the eight corners, to ``into``."""
    for c in range(0, field.features.shape[1], 4):
        g0, g1 = scale * gradient[c], scale * gradient[c + 1]
        g2, g3 = scale * gradient[c + 2], scale * gradient[c + 3]
        for corner in range(8):
            row, weight = k[corner], w[corner]
            into[row, c] += weight * g0
            into[row, c + 1] += weight * g1
            into[row, c + 2] += weight * g2
            into[row, c + 3] += weight * g3


@device
def _dot(features: FloatArray, k: Corners, w: Weights, gradient: FloatArray) -> np.float32:
    """Inner product of the interpolated features with a gradient."""
    total = _ZERO
    for c in range(0, features.shape[1], 4):
        f0 = _blend_channel(features, k, w, c)
        f1 = _blend_channel(features, k, w, c + 1)
        f2 = _blend_channel(features, k, w, c + 2)
        f3 = _blend_channel(features, k, w, c + 3)
        total += (
            f0 * gradient[c] + f1 * gradient[c + 1] + f2 * gradient[c + 2] + f3 * gradient[c + 3]
        )
    return total


@device
def _march_back(
    ray: MarchedRay,
    field: FieldArrays,
    gradient: FloatArray,
    total: np.float32,
    d_density: FloatArray,
    d_features: FloatArray,
) -> None:
    """Walks the same samples again and scatters their gradients.

    With G = d loss / d f~ and R = what the samples behind contribute, d loss / d alpha_k is
    T_k (G . f_k) - R / (1 - alpha_k); R is the whole sum minus the prefix, so one pass suffices.
    """
    left, behind, index = _ONE, total, 0
    while True:
        index, cell, x, y, z = _next_sample(ray, index, field.cells)
        if index >= ray.sample_count or left < MIN_TRANSMITTANCE:
            return
        k, w = _corners(field.corners, cell), _corner_weights(x, y, z)
        through, slope = _pass_through(_blend(field.density, k, w), ray.step)
        index += 1
        if _ONE - through < MIN_ALPHA:
            continue
        weight = left * (_ONE - through)
        dot = _dot(field.features, k, w, gradient)
        behind -= weight * dot
        scale = (left * dot * through - behind) * ray.step * slope
        for corner in range(8):
            d_density[k[corner]] += w[corner] * scale
        _scatter(field, k, w, weight, gradient, d_features)
        left *= through


@kernel
def march_backward(
    rays: RayArrays,
    field: FieldArrays,
    step: np.float32,
    given: RayGradients,
    d_density: FloatArray,
    d_features: FloatArray,
) -> None:
    """Adds to d_density (slabs, texels + 1) and d_features (slabs, texels + 1, channels)."""
    ray_count, slab_count = rays.origins.shape[0], d_density.shape[0]
    for slab in numba.prange(slab_count):
        for r in range(slab * ray_count // slab_count, (slab + 1) * ray_count // slab_count):
            total = given.d_transmittance[r] * given.transmittance[r]
            for c in range(given.features.shape[1]):
                total += given.d_features[r, c] * given.features[r, c]
            ray = _enter(rays, r, field.cells, step)
            gradient = given.d_features[r]
            _march_back(ray, field, gradient, total, d_density[slab], d_features[slab])


@device
def _weigh_ray(ray: MarchedRay, field: FieldArrays, into: FloatArray) -> np.float32:
    """Raises ``into`` to the largest weight that this ray gives each texel."""
    left, index = _ONE, 0
    while True:
        index, cell, x, y, z = _next_sample(ray, index, field.cells)
        if index >= ray.sample_count or left < MIN_TRANSMITTANCE:
            return left
        k, w = _corners(field.corners, cell), _corner_weights(x, y, z)
        through, _ = _pass_through(_blend(field.density, k, w), ray.step)
        index += 1
        weight = left * (_ONE - through)
        for corner in range(8):
            into[k[corner]] = max(into[k[corner]], weight * w[corner])
        left *= through


@kernel
def march_weights(
    rays: RayArrays,
    field: FieldArrays,
    step: np.float32,
    transmittance: FloatArray,
    largest: FloatArray,
) -> None:
    """Fills transmittance (rays,) and raises largest (slabs, texels + 1) to each texel's weight."""
    ray_count, slab_count = rays.origins.shape[0], largest.shape[0]
    for slab in numba.prange(slab_count):
        for r in range(slab * ray_count // slab_count, (slab + 1) * ray_count // slab_count):
            ray = _enter(rays, r, field.cells, step)
            transmittance[r] = _weigh_ray(ray, field, largest[slab])
