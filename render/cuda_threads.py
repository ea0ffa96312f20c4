"""The door to numba.cuda: functions of the CPU's kernels compiled once more, for CUDA threads.

Nothing here touches a device until a kernel is launched. Under numba's simulator
(``NUMBA_ENABLE_CUDASIM=1``) the same kernels run in Python on tensors in the processor's memory.
"""

from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import torch
from numba import cuda as _cuda
from numba import float32
from numba.cuda import libdevice
from numba.cuda.core import config  # type: ignore[import-not-found]
from numba.cuda.cudadrv.nvvm import NVVM
from torch import Tensor

__all__ = [
    "Kernel",
    "Space",
    "bound",
    "compiler_absence",
    "cuda",
    "float32",
    "kernel",
    "libdevice",
    "rebuilt",
    "view",
]

cuda: Any = _cuda
# That a small picture or batch leaves most of a device idle is no news.
config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

# Rays are long loops with many registers; small blocks leave no thread idle for long.
THREADS_PER_BLOCK = 128

Function = Callable[..., Any]
Space = dict[str, Any]
Argument = Any  # a tensor, a named tuple of tensors, or a number


class Kernel(NamedTuple):
    """A kernel to be launched with a thread for each piece of work."""

    compiled: Any

    def __call__(self, count: int, *arguments: Argument) -> None:
        """Start ``count`` threads on torch's current stream; returns at once.

        Tensors, alone or in named tuples, are passed as they lie in the device's memory.
        """
        if count:
            blocks = -(-count // THREADS_PER_BLOCK)
            views = [view(argument) for argument in arguments]
            self.compiled[blocks, THREADS_PER_BLOCK, _stream()](*views)


def compiler_absence() -> str | None:
    """Why numba cannot compile for a CUDA device here, or None if it can."""
    try:
        if cuda.is_available():
            NVVM()  # Raises where the compiler's library is missing.
            return None
        reason = cuda.cuda_error() or "it finds no device"
    except Exception as error:  # noqa: BLE001 - drivers raise anything
        reason = f"{type(error).__name__}: {error}"
    return f"numba-cuda cannot run: {' '.join(str(reason).split())}"


def rebuilt(sources: tuple[ModuleType, ...], changed: Mapping[str, Any]) -> Space:
    """The compiled functions of some modules as CUDA device functions that call each other.

    One set of function bodies serves both machines. ``changed`` replaces some by name, and adds
    names that the replacements use; plain functions among them are compiled too.
    """
    space: Space = {}
    for source in sources:
        space.update(vars(source))
    space.update(changed)
    for name, value in list(space.items()):
        body = getattr(value, "py_func", value if name in changed else None)
        if isinstance(body, FunctionType):
            space[name] = cuda.jit(device=True, fastmath=True)(bound(body, space))
    return space


def kernel(body: Function, space: Space) -> Kernel:
    """A function of arrays as a kernel whose global names are those of ``space``."""
    return Kernel(cuda.jit(fastmath=True)(bound(body, space)))


def bound(body: Function, space: Space) -> FunctionType:
    """A copy of a plain function that looks its global names up in ``space``."""
    if not isinstance(body, FunctionType):
        raise TypeError(f"{body!r} is no plain function, expected one to compile; pass its body")
    return FunctionType(body.__code__, space, body.__name__)


def view(argument: Argument) -> Any:  # noqa: ANN401 - numba's arrays have no public type
    """What a kernel takes for an argument, without a copy and without waiting for the device."""
    if isinstance(argument, Tensor):
        plain = argument.detach()
        return cuda.as_cuda_array(plain, sync=False) if plain.is_cuda else plain.numpy()
    if isinstance(argument, tuple):
        return type(argument)(*map(view, argument))
    return argument


def _stream() -> Any:  # noqa: ANN401 - numba's streams have no public type
    """Torch's current stream; the simulator knows only the default one."""
    if not torch.cuda.is_available():
        return 0
    return cuda.external_stream(torch.cuda.current_stream().cuda_stream)
