"""What this machine can encode and decode, in software and in hardware, and why not the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hwcodec.decoders import HARDWARE
from hwcodec.device_probe import DRIVER, NVIDIA, DeviceProbe, probe_devices
from hwcodec.errors import BackendUnavailable
from hwcodec.registry import capabilities, encoder_names, encoder_spec, encoding_backend
from hwcodec.types import YUV420P8, YUV420P10, Codec, PixelFormat

_YES = "yes"
# H.264 above 8 bits is no part of what we write: hardware before 2025 does not decode it.
_STREAMS = (
    (Codec.H264, YUV420P8),
    (Codec.HEVC, YUV420P8),
    (Codec.HEVC, YUV420P10),
    (Codec.AV1, YUV420P8),
    (Codec.AV1, YUV420P10),
)


@dataclass(frozen=True, slots=True)
class EncoderFinding:
    """One encoder; ``reason`` says why it does not run and what would help, else it is empty.

    ``fallback`` is the software encoder that takes the place of a hardware encoder.
    """

    name: str
    standard: str
    formats: tuple[str, ...]
    fallback: str | None
    backend: str | None
    reason: str

    @property
    def is_hardware(self) -> bool:
        """True for encoders that need a device besides the processor."""
        return self.fallback is not None


@dataclass(frozen=True, slots=True)
class DecoderFinding:
    """One decoder for one kind of stream; limits are None where nobody tells them."""

    standard: str
    pixel_format: str
    backend: str
    is_hardware: bool
    runs: bool
    reason: str
    engines: int | None = None
    max_width: int | None = None
    max_height: int | None = None
    max_blocks: int | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything found; ``other_decoders`` are streams that we never write, such as 4:4:4."""

    devices: tuple[str, ...]
    driver: str
    encoders: tuple[EncoderFinding, ...]
    decoders: tuple[DecoderFinding, ...]
    other_decoders: tuple[str, ...]

    @property
    def has_hardware(self) -> bool:
        """Whether any hardware encoder or decoder runs."""
        return any(found.is_hardware and found.backend for found in self.encoders) or any(
            found.is_hardware and found.runs for found in self.decoders
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {"format": "hwcodec-doctor", "version": 1, **asdict(self)}


def examine() -> Diagnosis:
    """Ask every backend; with a driver present this takes some seconds.

    Never raises for what a machine lacks: that is the answer.
    """
    found = probe_devices()
    driver = found.findings[DRIVER]
    version = driver.data.get("cuda_version")
    return Diagnosis(
        devices=found.device_names,
        driver=f"NVIDIA driver for CUDA {version}" if driver.is_ok else driver.said,
        encoders=tuple(map(_encoder, encoder_names())),
        decoders=tuple(_decoders(found)),
        other_decoders=tuple(_others(found)),
    )


def table(diagnosis: Diagnosis) -> str:
    """The diagnosis as text: three tables, then each distinct reason once."""
    reasons: dict[str, int] = {}
    blocks = [
        f"devices: {', '.join(diagnosis.devices) or 'none'}; {diagnosis.driver}",
        _columns(_encoder_rows(diagnosis.encoders, reasons)),
        _columns(_decoder_rows(diagnosis.decoders, reasons)),
    ]
    if diagnosis.other_decoders:
        blocks.append("also decoded, never written: " + ", ".join(diagnosis.other_decoders))
    blocks += [f"({number}) {reason}" for reason, number in reasons.items()]
    return "\n\n".join(blocks) + "\n"


def _encoder(name: str) -> EncoderFinding:
    spec = encoder_spec(name)
    backend, reason = encoding_backend(name)
    formats = tuple(known.name for known in spec.formats)
    return EncoderFinding(
        name, spec.codec.value, formats, spec.fallback, backend, "" if reason is None else reason
    )


def _decoders(found: DeviceProbe) -> Iterator[DecoderFinding]:
    for codec, pixel_format in _STREAMS:
        yield _software(codec, pixel_format)
        for backend, step in HARDWARE.items():
            yield _hardware(found, (backend, step), codec, pixel_format)


def _software(codec: Codec, pixel_format: PixelFormat) -> DecoderFinding:
    row = DecoderFinding(codec.value, pixel_format.name, "ffmpeg", False, True, "")  # noqa: FBT003
    try:
        if codec in capabilities("ffmpeg").decodes:
            return row
    except BackendUnavailable as error:
        return replace(row, runs=False, reason=str(error))
    return replace(row, runs=False, reason="this build of FFmpeg lacks it; install PyAV's wheel")


def _hardware(
    found: DeviceProbe, way: tuple[str, str], codec: Codec, pixel_format: PixelFormat
) -> DecoderFinding:
    backend, step = way
    row = DecoderFinding(codec.value, pixel_format.name, backend, True, False, "")  # noqa: FBT003
    finding, depth = found.findings[step], pixel_format.bit_depth
    if not finding.is_ok:
        return replace(row, reason=finding.said)
    decoder = found.decoder(step, codec, depth)
    if decoder is None:
        stated = finding.data.get("refused", {}).get(f"{codec.value}/{depth}")
        return replace(row, reason=stated or "the GPU has no such engine; software decodes it")
    limits = found.decoder(NVIDIA, codec, depth) or decoder
    return replace(
        row,
        runs=True,
        engines=limits.engines,
        max_width=limits.max_width,
        max_height=limits.max_height,
        max_blocks=limits.max_blocks,
    )


def _others(found: DeviceProbe) -> Iterator[str]:
    for row in found.findings[NVIDIA].data.get("other_decoders", ()):
        yield f"{row['codec']} {row['chroma']} at {row['bit_depth']} bits"


def _encoder_rows(
    found: Sequence[EncoderFinding], reasons: dict[str, int]
) -> Iterator[tuple[str, ...]]:
    yield "encoder", "standard", "formats", "kind", "runs"
    for row in found:
        kind = "hardware" if row.is_hardware else "software"
        runs = f"{_YES} ({row.backend})" if row.backend else _no(row.reason, reasons)
        if row.fallback and not row.backend:
            runs += f", {row.fallback} instead"
        yield row.name, row.standard, " ".join(row.formats), kind, runs


def _decoder_rows(
    found: Sequence[DecoderFinding], reasons: dict[str, int]
) -> Iterator[tuple[str, ...]]:
    yield "decoder", "standard", "format", "engines", "largest", "runs"
    for row in found:
        largest = f"{row.max_width}x{row.max_height}" if row.max_width else "-"
        runs = _YES if row.runs else _no(row.reason, reasons)
        engines = str(row.engines or "-")
        yield row.backend, row.standard, row.pixel_format, engines, largest, runs


def _no(reason: str, reasons: dict[str, int]) -> str:
    return f"no ({reasons.setdefault(reason, len(reasons) + 1)})"


def _columns(rows: Iterator[tuple[str, ...]]) -> str:
    listed = list(rows)
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in listed
    )
