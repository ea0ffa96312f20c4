"""How much memory a view must touch, whatever draws it: the yardstick for a march on a device.

floor      every texel, cell and corner that the view needs is read once, every pixel written once
gathered   what the samples ask for one by one, before any cache
"""

from dataclasses import dataclass

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from render.cameras import Rays
from render.compiled import kernel
from render.field import Field
from render.lattice import enter, next_sample
from render.march import field_arrays, ray_arrays, texel_weights
from render.march_kernels import blend_density, cell_corners, corner_weights, pass_through
from render.march_types import MIN_ALPHA, MIN_TRANSMITTANCE, FieldArrays, RayArrays

_CELL_BYTES, _CORNER_BYTES, _DENSITY_BYTES = 4, 32, 4
_PIXEL_BYTES = 20  # color, opacity and distance in single precision
_ONE = np.float32(1)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Samples of a view in active cells, those that are dense enough to be seen, and bytes."""

    sample_count: int
    seen_count: int
    floor_bytes: int
    gathered_bytes: int


def view_traffic(field: Field, rays: Rays, feature_bytes: int = 2) -> Traffic:
    """Traffic of a view through a field in the processor's memory; rays are in grid units."""
    counts = np.zeros((len(rays), 2), np.int64)
    _count_samples(ray_arrays(rays), field_arrays(field), np.float32(field.step), counts)
    sampled, seen = (int(total) for total in counts.sum(0))
    met = torch.cat([texel_weights(field, rays)[0] > 0, torch.zeros(1, dtype=torch.bool)])
    corners = torch.from_numpy(field.geometry.corners).long()
    cells = int(met[corners].any(1).sum())
    row = feature_bytes * field.features.shape[1]
    floor = int(met.sum()) * (_DENSITY_BYTES + row) + cells * (_CELL_BYTES + _CORNER_BYTES)
    each = _CELL_BYTES + _CORNER_BYTES + 8 * _DENSITY_BYTES
    return Traffic(sampled, seen, floor + _PIXEL_BYTES * len(rays), sampled * each + seen * 8 * row)


@kernel
def _count_samples(
    rays: RayArrays, field: FieldArrays, step: np.float32, counts: NDArray[np.int64]
) -> None:
    """Walks as the march does; counts (rays, 2) samples in active cells and those that are seen."""
    for r in numba.prange(rays.origins.shape[0]):
        ray = enter(rays, r, field.cells, step)
        left, index = _ONE, 0
        while True:
            index, cell, x, y, z = next_sample(ray, index, field.cells)
            if index >= ray.sample_count or left < MIN_TRANSMITTANCE:
                break
            index += 1
            k, w = cell_corners(field.corners, cell), corner_weights(x, y, z)
            through, _ = pass_through(blend_density(field.density, k, w), step)
            counts[r, 0] += 1
            if _ONE - through >= MIN_ALPHA:
                counts[r, 1] += 1
                left *= through
