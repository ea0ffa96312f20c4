"""Which backend decodes a stream: hardware where pictures are wanted on a device, else software."""

import logging
import os
from dataclasses import dataclass
from functools import cache

import torch

from hwcodec.device_probe import FFMPEG, NVIDIA, probe_devices
from hwcodec.errors import BackendUnavailable, UnsupportedConfig
from hwcodec.parallel import MOST_SESSIONS
from hwcodec.registry import capabilities
from hwcodec.types import Codec, PictureGeometry

ORDER_VARIABLE = "HWCODEC_DECODER"
"""Environment variable with backend names in the order to try them, such as ``nvidia,ffmpeg``."""

SOFTWARE = "ffmpeg"
# Which step of the probe speaks for a hardware backend. Their order is that of preference, which no
# measurement supports yet: FFmpeg's needs no second library.
HARDWARE = {"ffmpeg-cuda": FFMPEG, "nvidia": NVIDIA}

_log = logging.getLogger("hwcodec")


@dataclass(frozen=True, slots=True)
class DecoderChoice:
    """Which backend decodes, and why it is that one; to be stored beside what was measured."""

    device: str
    backend: str
    reason: str

    @property
    def is_hardware(self) -> bool:
        """True where a hardware engine decodes straight into device memory."""
        return self.backend in HARDWARE


def choose_decoder(
    codec: Codec, geometry: PictureGeometry, *, device: str | torch.device = "cpu"
) -> DecoderChoice:
    """The backend for streams of a codec and size with pictures wanted on ``device``.

    For a CUDA device the hardware backends are tried first; what none of them takes is decoded in
    software and uploaded, and a warning says so once.

    Raises:
        BackendUnavailable: if no decoder is installed.
        UnsupportedConfig: if the variable ``HWCODEC_DECODER`` names something unknown.
    """
    name = str(device)
    if codec is Codec.RAW:
        return DecoderChoice(name, "raw", "raw pictures need no decoder")
    reasons: list[str] = []
    for backend in _order(name):
        reason = _refusal(backend, codec, geometry)
        if reason is None:
            chosen = DecoderChoice(name, backend, _why(backend, name, reasons))
            _say_once(chosen)
            return chosen
        reasons.append(f"{backend}: {reason}")
    raise BackendUnavailable(
        f"no decoder for {codec.value} runs on this machine ({'; '.join(reasons)}); install PyAV"
    )


def engine_count(codec: Codec, *, device: str | torch.device = "cpu") -> int:
    """How many streams of a codec the device decodes side by side: NVDEC engines, else 1."""
    return probe_devices().engine_count(codec) if str(device).startswith("cuda") else 1


def usual_sessions(codec: Codec, *, device: str | torch.device = "cpu") -> int:
    """How many sessions `decode_all` is best given: one for each engine of the device."""
    return min(engine_count(codec, device=device), MOST_SESSIONS)


def _order(device: str) -> tuple[str, ...]:
    stated = tuple(os.environ.get(ORDER_VARIABLE, "").replace(" ", "").split(",")) or ()
    names = tuple(name for name in stated if name)
    unknown = sorted(set(names) - HARDWARE.keys() - {SOFTWARE})
    if unknown:
        raise UnsupportedConfig(
            f"{ORDER_VARIABLE} names {unknown}, expected some of {[*HARDWARE, SOFTWARE]} with "
            "commas in between; correct or unset it"
        )
    if not device.startswith("cuda"):
        return (SOFTWARE,)
    return names or (*HARDWARE, SOFTWARE)


def _refusal(backend: str, codec: Codec, geometry: PictureGeometry) -> str | None:
    if backend in HARDWARE:
        return _hardware_refusal(HARDWARE[backend], codec, geometry)
    try:
        known = capabilities(backend).decodes
    except BackendUnavailable as error:
        return str(error)
    return None if codec in known else f"this build has no {codec.value} decoder"


def _hardware_refusal(step: str, codec: Codec, geometry: PictureGeometry) -> str | None:
    found = probe_devices()
    if not found.findings[step].is_ok:
        return found.refusal(step)
    depth = geometry.format.bit_depth
    decoder = found.decoder(step, codec, depth)
    if decoder is None:
        refused = found.findings[step].data.get("refused", {})
        stated = refused.get(f"{codec.value}/{depth}")
        return stated or f"this GPU decodes no {codec.value} at {depth} bits"
    # FFmpeg does not tell the limits of the engine that it drives; the vendor's library does.
    limits = found.decoder(NVIDIA, codec, depth) or decoder
    return limits.refusal(geometry)


def _why(backend: str, device: str, reasons: list[str]) -> str:
    if backend in HARDWARE:
        return "; ".join(["hardware decoder of the device", *reasons])
    if not device.startswith("cuda"):
        return "software, for pictures on the processor"
    return "; ".join(["software and upload", *(reasons or [f"as {ORDER_VARIABLE} says"])])


def _say_once(chosen: DecoderChoice) -> None:
    if chosen.device.startswith("cuda") and not chosen.is_hardware:
        _warn(f"decoding for {chosen.device} by {chosen.backend}: {chosen.reason}")


@cache
def _warn(message: str) -> None:
    _log.warning(message)
