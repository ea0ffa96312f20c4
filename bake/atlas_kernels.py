"""Compiled steps of atlas training: loss gradients on blocks and the optimizer's update.

All arrays are float32 and laid out block by block: (blocks, side * side, channels). Every element
is written by exactly one thread, so results do not depend on the thread count. The plain twins are
`bake.losses` (through autograd) and `torch.optim.Adam`.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from render.compiled import device, kernel

FloatArray = NDArray[np.float32]

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_TWO_BY_LN2 = np.float32(2 / math.log(2))


class Moments(NamedTuple):
    """Adam's running means of the gradient and of its square, flat."""

    first: FloatArray
    second: FloatArray


class AdamStep(NamedTuple):
    """One update's numbers: rates, decays, bias corrections, the value range and rounding step.

    ``rounding`` 0 leaves values as they are.
    """

    rate: np.float32
    beta1: np.float32
    beta2: np.float32
    correction1: np.float32
    correction2: np.float32
    low: np.float32
    high: np.float32
    rounding: np.float32


@kernel
def adam_update(
    master: FloatArray,
    seen: FloatArray,
    moments: Moments,
    slabs: FloatArray,
    extra: FloatArray,
    step: AdamStep,
) -> None:
    """Updates ``master`` in place and writes what the codec will see of it to ``seen``.

    The gradient is ``extra`` plus ``slabs`` (slabs, n), added in slab order; slabs are cleared for
    the next pass.
    """
    # Taken out of the tuple first: numba loses what a parallel loop writes through a tuple.
    firsts, seconds = moments.first, moments.second
    is_rounded = step.rounding > _ZERO
    inverse = _ONE / step.rounding if is_rounded else _ZERO
    for i in numba.prange(master.shape[0]):
        gradient = extra[i]
        for slab in range(slabs.shape[0]):
            gradient += slabs[slab, i]
            slabs[slab, i] = _ZERO
        first = step.beta1 * firsts[i] + (_ONE - step.beta1) * gradient
        second = step.beta2 * seconds[i] + (_ONE - step.beta2) * gradient * gradient
        firsts[i], seconds[i] = first, second
        scale = math.sqrt(second * step.correction2) + np.float32(1e-10)
        value = master[i] - step.rate * first * step.correction1 / scale
        value = min(max(value, step.low), step.high)
        master[i] = value
        # np.floor stays in floating point, which keeps the loop in vector instructions.
        code = np.floor((value - step.low) * inverse + _HALF)
        seen[i] = step.low + step.rounding * code if is_rounded else value


@device
def _transform(matrix: FloatArray, block: FloatArray, work: FloatArray, out: FloatArray) -> None:
    """Fills ``out`` with matrix @ block @ matrix.T for every channel.

    Blocks are (side, side * channels), channels innermost, so that both passes run along memory.
    """
    side, width = matrix.shape[0], block.shape[1]
    channels = width // side
    for i in range(side):
        work[i, :] = _ZERO
        out[i, :] = _ZERO
        for n in range(side):
            factor = matrix[i, n]
            for j in range(width):
                work[i, j] += factor * block[n, j]
        for j in range(side):
            for n in range(side):
                factor = matrix[j, n]
                for c in range(channels):
                    out[i, j * channels + c] += factor * work[i, n * channels + c]


@device
def _cost_slopes(block: FloatArray, inverse_steps: FloatArray, scale: np.float32) -> None:
    """Replaces coefficients c by the slopes of scale * log2(1 + (c / step)^2)."""
    side, channels = block.shape[0], inverse_steps.shape[0]
    for i in range(side):
        for j in range(side):
            for c in range(channels):
                ratio = block[i, j * channels + c] * inverse_steps[c]
                slope = scale * _TWO_BY_LN2 * ratio * inverse_steps[c] / (_ONE + ratio * ratio)
                block[i, j * channels + c] = slope


@kernel
def add_transform_bits(
    blocks: FloatArray,
    previous: FloatArray,
    inverse_steps: FloatArray,
    bases: FloatArray,
    scale: np.float32,
    gradient: FloatArray,
) -> None:
    """Adds scale times the gradient of the estimated bits to ``gradient``.

    ``previous`` is empty, (0, side * side, channels), for the first atlas of a group. ``bases``
    is (2, side, side): the DCT matrix and its transpose. `bake.losses.transform_bits` has the bits.
    """
    side, channels = bases.shape[1], blocks.shape[2]
    is_intra = previous.shape[0] == 0
    count = blocks.shape[0]
    # Rows of a block with all channels of a texel side by side, which is how they lie in memory.
    rows = blocks.reshape(count, side, side * channels)
    before = previous.reshape(previous.shape[0], side, side * channels)
    slopes = gradient.reshape(count, side, side * channels)
    for b in numba.prange(count):
        block = np.empty((side, side * channels), np.float32)
        work = np.empty((side, side * channels), np.float32)
        frequencies = np.empty((side, side * channels), np.float32)
        for i in range(side):
            for j in range(side * channels):
                block[i, j] = rows[b, i, j] if is_intra else rows[b, i, j] - before[b, i, j]
        _transform(bases[0], block, work, frequencies)
        _cost_slopes(frequencies, inverse_steps, scale)
        if is_intra:
            frequencies[0, :channels] = _ZERO  # The mean is predicted from neighbors.
        _transform(bases[1], frequencies, work, block)
        for i in range(side):
            for j in range(side * channels):
                slopes[b, i, j] += block[i, j]


@device
def _sign(value: np.float32) -> np.float32:
    if value > _ZERO:
        return _ONE
    return -_ONE if value < _ZERO else _ZERO


@kernel
def add_spatial_variation(
    blocks: FloatArray, side: int, scale: np.float32, gradient: FloatArray
) -> None:
    """Adds scale times the gradient of the summed absolute neighbor differences inside blocks."""
    for b in numba.prange(blocks.shape[0]):
        for i in range(side * side):
            for c in range(blocks.shape[2]):
                here = blocks[b, i, c]
                if i >= side:
                    slope = scale * _sign(here - blocks[b, i - side, c])
                    gradient[b, i, c] += slope
                    gradient[b, i - side, c] -= slope
                if i % side:
                    slope = scale * _sign(here - blocks[b, i - 1, c])
                    gradient[b, i, c] += slope
                    gradient[b, i - 1, c] -= slope


@kernel
def add_temporal_difference(
    blocks: FloatArray, previous: FloatArray, scale: np.float32, gradient: FloatArray
) -> None:
    """Adds scale times the gradient of the summed absolute change since the previous frame."""
    for b in numba.prange(blocks.shape[0]):
        for i in range(blocks.shape[1]):
            for c in range(blocks.shape[2]):
                gradient[b, i, c] += scale * _sign(blocks[b, i, c] - previous[b, i, c])
