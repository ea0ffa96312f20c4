"""Where marching and training run: on the processor, or on a CUDA device that can do both.

Importing this opens no device; asking does.
"""

from dataclasses import dataclass
from functools import cache

import torch

from hwcodec.errors import BackendUnavailable, UnsupportedConfig

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """The device that was chosen, cpu or cuda, and why."""

    device: str
    reason: str

    def __str__(self) -> str:
        """One phrase for people."""
        return f"{self.device} ({self.reason})"


# Where everything runs unless it is told otherwise.
ON_CPU = DeviceChoice("cpu", "requested")


def choose_device(wanted: str = "auto") -> DeviceChoice:
    """The device for ``wanted``; auto takes CUDA where torch and numba-cuda both work.

    Raises:
        UnsupportedConfig: if there is no such choice.
        BackendUnavailable: if CUDA was asked for and does not work here.
    """
    if wanted not in DEVICES:
        raise UnsupportedConfig(f"device is {wanted!r}, expected auto, cpu or cuda")
    if wanted == "cpu":
        return ON_CPU
    absence = cuda_absence()
    if absence is None:
        how = "requested" if wanted == "cuda" else "found"
        return DeviceChoice("cuda", f"{how}: {torch.cuda.get_device_name()}")
    if wanted == "cuda":
        raise BackendUnavailable(
            f'device is cuda, but {absence}; run pip install -e ".[cuda]" on a machine with an '
            "NVIDIA GPU, or use device=cpu or device=auto"
        )
    return DeviceChoice("cpu", absence)


@cache
def cuda_absence() -> str | None:
    """Why nothing can be marched on a CUDA device here, or None if it can be."""
    if torch.version.cuda is None:
        return "this build of torch knows no CUDA"
    if not torch.cuda.is_available():
        return "torch finds no CUDA device"
    try:
        from render.cuda_threads import compiler_absence
    except ImportError as error:
        return f"numba-cuda cannot be loaded ({error})"
    return compiler_absence()
