"""Which backend runs which encoder, imported on first use only, and the choice among them.

A backend is registered as ``"module:Class"``, so that importing this package loads no vendor
library and touches no device.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from hwcodec.device_probe import FFMPEG, NVIDIA, probe_devices
from hwcodec.encoders import BUILTIN, EncoderSpec, check_format
from hwcodec.errors import BackendUnavailable, UnsupportedConfig
from hwcodec.types import (
    Bitstream,
    Capabilities,
    DecodeOptions,
    EncoderChoice,
    EncoderSettings,
    Picture,
    PixelFormat,
)


class Backend(Protocol):
    """What a file in ``hwcodec/backends`` offers; its input has been validated by ``codec``."""

    def capabilities(self) -> Capabilities:
        """Encoders and decoders that really open on this machine."""

    def encode(self, pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
        """Code pictures in presentation order into closed groups."""

    def decode(
        self, streams: Iterable[Bitstream], options: DecodeOptions
    ) -> Iterator[tuple[int, Picture]]:
        """Yield (stream number, picture) in presentation order, in fresh tensors.

        All streams are of one codec; keep the decoder from one to the next where they allow it.
        """


_TARGETS: dict[str, str] = {
    "ffmpeg": "hwcodec.backends.ffmpeg:FfmpegBackend",
    "ffmpeg-cuda": "hwcodec.backends.ffmpeg:FfmpegCudaBackend",
    "nvidia": "hwcodec.backends.nvidia:NvidiaBackend",
    "raw": "hwcodec.backends.raw:RawBackend",
}
_ENCODERS: dict[str, EncoderSpec] = dict(BUILTIN)
# Backends that are loaded only where a step of the probe has seen them work.
_PROBED = {"ffmpeg-cuda": FFMPEG, "nvidia": NVIDIA}


def register(name: str, target: str, encoders: Mapping[str, EncoderSpec]) -> None:
    """Add a backend as ``"module:Class"`` with the encoders it runs.

    Raises:
        UnsupportedConfig: if the backend or one of the encoders is already known.
    """
    taken = sorted({name} & _TARGETS.keys() | set(encoders) & _ENCODERS.keys())
    if taken:
        raise UnsupportedConfig(f"{taken} is already registered; choose another name")
    _TARGETS[name] = target
    _ENCODERS.update(encoders)


def encoder_spec(encoder: str) -> EncoderSpec:
    """What the named encoder accepts.

    Raises:
        UnsupportedConfig: if nobody registered that name; the message lists those known.
    """
    if encoder not in _ENCODERS:
        raise UnsupportedConfig(
            f"encoder is {encoder!r}, expected one of {sorted(_ENCODERS)}; "
            "`hwcodec doctor` shows what runs on this machine"
        )
    return _ENCODERS[encoder]


def encoder_names() -> tuple[str, ...]:
    """Every registered encoder, runnable here or not."""
    return tuple(_ENCODERS)


def encoder_qps(encoder: str) -> tuple[int, int] | None:
    """The least and the greatest QP that an encoder takes, or None if it takes none.

    Raises:
        UnsupportedConfig: if there is no such encoder.
    """
    return encoder_spec(encoder).quality.qp


@cache
def load(name: str) -> Backend:
    """Import and construct a backend, or say what is missing.

    Raises:
        UnsupportedConfig: if no backend has that name.
        BackendUnavailable: if its library cannot be loaded on this machine.
    """
    if name not in _TARGETS:
        raise UnsupportedConfig(f"backend is {name!r}, expected one of {sorted(_TARGETS)}")
    module, _, attribute = _TARGETS[name].partition(":")
    try:
        return cast(Backend, getattr(import_module(module), attribute)())
    except (ImportError, RuntimeError, OSError) as error:
        # A vendor library may raise any of the three when its driver is missing; quote it.
        raise BackendUnavailable(
            f"backend {name!r} cannot be loaded: {error}; install its library "
            "(PyAV for ffmpeg) or use the raw encoder"
        ) from error


@cache
def capabilities(name: str) -> Capabilities:
    """What a backend can do on this machine, asked once.

    Raises:
        UnsupportedConfig: if no backend has that name.
        BackendUnavailable: if its library cannot be loaded, or the hardware it drives is missing.
    """
    step = _PROBED.get(name)
    if step is None:
        return load(name).capabilities()
    # Loading a vendor library that does not work may end this process, so the probe answers.
    found = probe_devices()
    if said := found.refusal(step):
        raise BackendUnavailable(said)
    return found.capabilities(step)


def probe() -> dict[str, Capabilities | BackendUnavailable]:
    """What each backend can do here; a missing one maps to its reason. Opens every encoder once."""
    found: dict[str, Capabilities | BackendUnavailable] = {}
    for name in _TARGETS:
        try:
            found[name] = capabilities(name)
        except BackendUnavailable as reason:
            found[name] = reason
    return found


def refusal(encoder: str) -> str | None:
    """Why ``encoder`` does not run on this machine, or None when it does."""
    return encoding_backend(encoder)[1]


def encoding_backend(encoder: str) -> tuple[str | None, str | None]:
    """The first backend that runs ``encoder`` here, or None and the reasons of all of them."""
    reasons = []
    for backend in encoder_spec(encoder).backends:
        reason = _backend_refusal(backend, encoder)
        if reason is None:
            return backend, None
        reasons.append(reason)
    return None, "; ".join(dict.fromkeys(reasons))


def _backend_refusal(backend: str, encoder: str) -> str | None:
    try:
        able = capabilities(backend)
    except BackendUnavailable as reason:
        return str(reason)
    if encoder in able.encodes:
        return None
    return able.refused.get(encoder, f"{encoder} is not part of this build")


def choose_encoder(
    encoder: str, pixel_format: PixelFormat, *, allow_fallback: bool = True
) -> EncoderChoice:
    """The requested encoder if it runs here, otherwise software of the same standard.

    The choice and its reason are meant to be stored beside the result.

    Raises:
        UnsupportedConfig: if the name is unknown or the encoder does not take ``pixel_format``.
        BackendUnavailable: if it does not run here and falling back is not allowed or possible.
    """
    spec = encoder_spec(encoder)
    check_format(encoder, pixel_format, spec)
    backend, reason = encoding_backend(encoder)
    if backend is not None:
        return EncoderChoice(encoder, encoder, backend, spec.codec, "requested")
    if not allow_fallback or spec.fallback is None:
        raise BackendUnavailable(
            f"encoder {encoder} does not run on this machine: {reason}; "
            f"use {spec.fallback or 'raw'} instead, or allow the fallback"
        )
    software, second = encoding_backend(spec.fallback)
    if software is None:
        raise BackendUnavailable(
            f"neither {encoder} ({reason}) nor {spec.fallback} ({second}) runs on this machine; "
            "install PyAV, or use the raw encoder"
        )
    codec = encoder_spec(spec.fallback).codec
    return EncoderChoice(encoder, spec.fallback, software, codec, str(reason))
