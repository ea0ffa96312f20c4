"""The fused ray march as scalar kernels, compiled for the CPU by numba.

One ray is one loop and nothing is materialized per sample. `render.march` holds the plain twin that
states the same mathematics in torch. The device functions below are written on scalars and tuples
only, and `render.march_cuda` compiles the same bodies for CUDA threads. What differs between the
two goes through five small functions: `channel_count`, `blend_channel`, `add`, `add_to_channel` and
`raise_to`; here they read and write plainly.

Determinism: rays are split into a fixed number of slabs (the first axis of the gradient buffers).
One thread walks a slab in ray order and scatters into that slab's buffer; whoever consumes the
buffers adds them in slab order. Results depend on the slab count, never on the thread count or on
scheduling.
"""

import math

import numba
import numpy as np

from render.compiled import device, kernel
from render.lattice import enter, next_sample
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

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@device
def channel_count(field: FieldArrays) -> int:
    """Feature channels, a multiple of four."""
    channels: int = field.features.shape[1]
    return channels


@device
def add(into: FloatArray, row: int, value: np.float32) -> None:
    """Adds to one number that other rays may add to."""
    into[row] += value


@device
def add_to_channel(into: FloatArray, row: int, c: int, value: np.float32) -> None:
    """Adds to one channel of a texel, likewise."""
    into[row, c] += value


@device
def raise_to(into: FloatArray, row: int, value: np.float32) -> None:
    """Keeps the larger one, likewise."""
    into[row] = max(into[row], value)


@device
def corner_weights(x: np.float32, y: np.float32, z: np.float32) -> Weights:
    """Trilinear weights of the eight corners, z fastest."""
    u, v, w = _ONE - x, _ONE - y, _ONE - z
    uv, uy, xv, xy = u * v, u * y, x * v, x * y
    return uv * w, uv * z, uy * w, uy * z, xv * w, xv * z, xy * w, xy * z


@device
def blend_density(density: FloatArray, k: Corners, w: Weights) -> np.float32:
    """Trilinear density."""
    a = w[0] * density[k[0]] + w[1] * density[k[1]] + w[2] * density[k[2]] + w[3] * density[k[3]]
    b = w[4] * density[k[4]] + w[5] * density[k[5]] + w[6] * density[k[6]] + w[7] * density[k[7]]
    return np.float32(a + b)


@device
def blend_channel(features: FloatArray, k: Corners, w: Weights, c: int) -> np.float32:
    """Trilinear value of one feature channel."""
    a = w[0] * features[k[0], c] + w[1] * features[k[1], c]
    b = w[2] * features[k[2], c] + w[3] * features[k[3], c]
    d = w[4] * features[k[4], c] + w[5] * features[k[5], c]
    e = w[6] * features[k[6], c] + w[7] * features[k[7], c]
    return np.float32((a + b) + (d + e))


@device
def cell_corners(table: IntArray, cell: np.int32) -> Corners:
    """The eight texels of a cell as a tuple, so that they stay in registers."""
    row = table[cell]
    return row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]


@device
def pass_through(density: np.float32, step: np.float32) -> tuple[np.float32, np.float32]:
    """1 - alpha over one step: (1 + exp(density)) ** -step, and the density's derivative factor."""
    # The bound keeps the factor finite; a sample this dense lets nothing through anyway.
    e = np.float32(math.exp(min(density, MAX_DENSITY)))
    return np.float32(math.exp(-math.log1p(e) * step)), e / (_ONE + e)


@device
def march_ray(
    ray: MarchedRay, field: FieldArrays, into: FloatArray
) -> tuple[np.float32, np.float32]:
    """Adds one ray's weighted features to ``into``; returns transmittance and weighted distance."""
    left, distance, index = _ONE, _ZERO, 0
    while True:
        index, cell, x, y, z = next_sample(ray, index, field.cells)
        if index >= ray.sample_count or left < MIN_TRANSMITTANCE:
            return left, distance
        k, w = cell_corners(field.corners, cell), corner_weights(x, y, z)
        through, _ = pass_through(blend_density(field.density, k, w), ray.step)
        index += 1
        if _ONE - through < MIN_ALPHA:
            continue
        weight = left * (_ONE - through)
        distance += weight * (ray.start + (np.float32(index) - _HALF) * ray.step)
        for c in range(0, channel_count(field), 4):
            f0 = blend_channel(field.features, k, w, c)
            f1 = blend_channel(field.features, k, w, c + 1)
            f2 = blend_channel(field.features, k, w, c + 2)
            f3 = blend_channel(field.features, k, w, c + 3)
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
            ray = enter(rays, r, field.cells, step)
            transmittance[r], distance[r] = march_ray(ray, field, total)
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
    for c in range(0, channel_count(field), 4):
        g0, g1 = scale * gradient[c], scale * gradient[c + 1]
        g2, g3 = scale * gradient[c + 2], scale * gradient[c + 3]
        for corner in range(8):
            row, weight = k[corner], w[corner]
            add_to_channel(into, row, c, weight * g0)
            add_to_channel(into, row, c + 1, weight * g1)
            add_to_channel(into, row, c + 2, weight * g2)
            add_to_channel(into, row, c + 3, weight * g3)


@device
def _dot(field: FieldArrays, k: Corners, w: Weights, gradient: FloatArray) -> np.float32:
    """Inner product of the interpolated features with a gradient."""
    total = _ZERO
    for c in range(0, channel_count(field), 4):
        f0 = blend_channel(field.features, k, w, c)
        f1 = blend_channel(field.features, k, w, c + 1)
        f2 = blend_channel(field.features, k, w, c + 2)
        f3 = blend_channel(field.features, k, w, c + 3)
        total += (
            f0 * gradient[c] + f1 * gradient[c + 1] + f2 * gradient[c + 2] + f3 * gradient[c + 3]
        )
    return total


@device
def march_back(
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
        index, cell, x, y, z = next_sample(ray, index, field.cells)
        if index >= ray.sample_count or left < MIN_TRANSMITTANCE:
            return
        k, w = cell_corners(field.corners, cell), corner_weights(x, y, z)
        through, slope = pass_through(blend_density(field.density, k, w), ray.step)
        index += 1
        if _ONE - through < MIN_ALPHA:
            continue
        weight = left * (_ONE - through)
        dot = _dot(field, k, w, gradient)
        behind -= weight * dot
        scale = (left * dot * through - behind) * ray.step * slope
        for corner in range(8):
            add(d_density, k[corner], w[corner] * scale)
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
            ray = enter(rays, r, field.cells, step)
            gradient = given.d_features[r]
            march_back(ray, field, gradient, total, d_density[slab], d_features[slab])


@device
def weigh_ray(ray: MarchedRay, field: FieldArrays, into: FloatArray) -> np.float32:
    """Raises ``into`` to the largest weight that this ray gives each texel."""
    left, index = _ONE, 0
    while True:
        index, cell, x, y, z = next_sample(ray, index, field.cells)
        if index >= ray.sample_count or left < MIN_TRANSMITTANCE:
            return left
        k, w = cell_corners(field.corners, cell), corner_weights(x, y, z)
        through, _ = pass_through(blend_density(field.density, k, w), ray.step)
        index += 1
        weight = left * (_ONE - through)
        for corner in range(8):
            raise_to(into, k[corner], weight * w[corner])
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
            ray = enter(rays, r, field.cells, step)
            transmittance[r] = weigh_ray(ray, field, largest[slab])
