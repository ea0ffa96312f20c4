"""The CPU's Adam step for CUDA threads, one value per thread.

A function for one value that both machines share made the CPU's loop a tenth slower (measured), so
that the arithmetic stands here a second time; the tests hold both to the plain twin.
"""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from bake.atlas_kernels import AdamStep, FloatArray
from render.cuda_threads import Kernel, cuda, float32, kernel

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


class Values(NamedTuple):
    """The arrays that an update changes, flat and of one length."""

    master: Any
    seen: Any
    first: Any
    second: Any


def update(
    values: tuple[Tensor, Tensor, Tensor, Tensor], slabs: Tensor, extra: Tensor, step: AdamStep
) -> None:
    """One step on the device of the tensors, without waiting for it.

    ``values`` are the master, what the codec sees of it, and both moments, all flat.
    """
    _kernel()(extra.numel(), Values(*values), slabs, extra, step)


@cache
def _kernel() -> Kernel:
    return kernel(_update, globals())


def _update(values: Values, slabs: FloatArray, extra: FloatArray, step: AdamStep) -> None:
    """One thread updates one value: master, seen and both moments."""
    i = cuda.grid(1)
    master, seen, firsts, seconds = values.master, values.seen, values.first, values.second
    if i < master.shape[0]:
        gradient = extra[i]
        for slab in range(slabs.shape[0]):
            gradient += slabs[slab, i]
            slabs[slab, i] = _ZERO
        first = step.beta1 * firsts[i] + (_ONE - step.beta1) * gradient
        second = step.beta2 * seconds[i] + (_ONE - step.beta2) * gradient * gradient
        firsts[i], seconds[i] = first, second
        scale = math.sqrt(second * step.correction2) + float32(1e-10)
        value = master[i] - step.rate * first * step.correction1 / scale
        value = min(max(value, step.low), step.high)
        master[i], seen[i] = value, value
        if step.rounding > _ZERO:
            code = math.floor((value - step.low) / step.rounding + _HALF)
            seen[i] = step.low + step.rounding * code
