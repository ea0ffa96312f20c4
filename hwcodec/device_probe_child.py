"""The process that asks vendor libraries what they can do; see `hwcodec.device_probe`.

``python -m hwcodec.device_probe_child STEP...`` writes one line of JSON per step, as soon as it is
known.
"""

import ctypes
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hwcodec.device_probe import DRIVER, FFMPEG, NVIDIA

_NAME_BYTES = 256


def ask_driver() -> dict[str, Any]:
    """Version and devices according to the CUDA driver.

    Raises:
        RuntimeError: if the driver finds no device.
        OSError: if it cannot be loaded.
    """
    cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    code = cuda.cuInit(0)
    if code != 0:
        raise RuntimeError(f"cuInit answers {code}; there is no usable NVIDIA device")
    version, count = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetCount(ctypes.byref(count))
    names = [_device_name(cuda, index) for index in range(count.value)]
    if not names:
        raise RuntimeError("the driver finds no NVIDIA device; check CUDA_VISIBLE_DEVICES")
    return {
        "devices": names,
        "cuda_version": f"{version.value // 1000}.{version.value % 1000 // 10}",
    }


def ask_ffmpeg() -> dict[str, Any]:
    """Decoders and encoders that really work through FFmpeg, each tried on a small stream."""
    from hwcodec.backends.ffmpeg_hardware import try_hardware

    return try_hardware()


def ask_nvidia() -> dict[str, Any]:
    """Decoders and encoders that PyNvVideoCodec reports."""
    from hwcodec.backends.nvidia_capabilities import ask_capabilities

    return ask_capabilities()


ASK: Mapping[str, Callable[[], dict[str, Any]]] = {
    DRIVER: ask_driver,
    FFMPEG: ask_ffmpeg,
    NVIDIA: ask_nvidia,
}


def main(steps: Sequence[str]) -> int:
    """Take the steps in turn; a refusal is an answer, so the exit code is 0."""
    for step in steps:
        try:
            record = {"step": step, "is_ok": True, "data": ASK[step](), "said": ""}
        except Exception as error:  # noqa: BLE001 -- whatever a vendor raises is the answer
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
            record = {"step": step, "is_ok": False, "data": {}, "said": said}
        sys.stdout.write(f"\n{json.dumps(record)}\n")
        sys.stdout.flush()
    return 0


def _device_name(cuda: ctypes.CDLL, index: int) -> str:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_BYTES)
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetName(name, _NAME_BYTES, device)
    return name.value.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
