"""What the march kernels read and write, and the constants that every renderer shares."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]
# Texels and trilinear weights of a cell's eight corners, z fastest; tuples stay in registers.
Corners = tuple[int, int, int, int, int, int, int, int]
Weights = tuple[
    np.float32, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32
]

# A sample with less alpha than this is skipped before its features are fetched. Every renderer
# applies the same rule (DVGO's fast_color_thres has the same value).
MIN_ALPHA = np.float32(1e-4)

# Larger densities before activation overflow exp in float32.
MAX_DENSITY = np.float32(80)

# A ray stops once less than this share of its light is left (recalled player setting, unverified).
MIN_TRANSMITTANCE = np.float32(1e-3)


class RayArrays(NamedTuple):
    """Rays in grid units: float32 origins and unit directions, both (rays, 3), contiguous."""

    origins: FloatArray
    directions: FloatArray


class FieldArrays(NamedTuple):
    """What a ray meets.

    Attributes:
        cells: int32 (x - 1, y - 1, z - 1); the number of an active cell, or minus the Chebyshev
            distance in cells to the nearest active one.
        corners: int32 (active cells, 8), texel of each corner (z fastest, then y, then x); a corner
            without a texel points at the last row of the two arrays below.
        density: float32 (texels + 1,), before activation.
        features: float32 (texels + 1, channels), channels a multiple of four.
    """

    cells: IntArray
    corners: IntArray
    density: FloatArray
    features: FloatArray


class RayResults(NamedTuple):
    """Per ray: accumulated features (rays, channels), transmittance and weighted distance."""

    features: FloatArray
    transmittance: FloatArray
    distance: FloatArray


class RayGradients(NamedTuple):
    """Forward results and the loss gradients with respect to them, per ray."""

    features: FloatArray
    transmittance: FloatArray
    d_features: FloatArray
    d_transmittance: FloatArray


class MarchedRay(NamedTuple):
    """One ray, where it enters the grid, the step, and how many samples its lattice has."""

    ox: np.float32
    oy: np.float32
    oz: np.float32
    dx: np.float32
    dy: np.float32
    dz: np.float32
    start: np.float32
    step: np.float32
    sample_count: int
