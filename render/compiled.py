"""How kernels are compiled, and how their threads share the machine with torch's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Both are read when numba starts, and an explicit setting of the user wins. The first vectorizes
# across neighboring channels (measured: a quarter faster). The second makes idle worker threads
# sleep; by default they spin, which doubled the processor time of training when torch's own
# threads wanted the same cores.
os.environ.setdefault("NUMBA_SLP_VECTORIZE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba
import torch

# Reassociation and contraction allow vector instructions. Infinities keep their meaning: rays
# parallel to an axis leave its slab at infinity.
FAST_MATH = {"reassoc", "contract", "arcp", "nsz", "afn"}

device = numba.njit(fastmath=FAST_MATH, error_model="numpy", forceinline=True)
"""Decorator for functions that kernels call; compiled into each of them."""

kernel = numba.njit(fastmath=FAST_MATH, error_model="numpy", parallel=True, cache=True, nogil=True)
"""Decorator for parallel loops over arrays; compiled once and kept on disk."""


@contextmanager
def single_torch_thread() -> Iterator[None]:
    """Run torch's small operations on one thread, as a team costs more than it brings.

    It also makes their sums independent of the machine's core count.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
