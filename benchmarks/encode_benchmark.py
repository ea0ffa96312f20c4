"""How fast pictures in tensors become packets, beside the ``ffmpeg`` program on the same pictures.

Ours is timed as a caller sees it: tensors in, checked packets out, the encoder opened for every
stream. ``ffmpeg`` reads the same pictures from a raw file and writes an MP4 file; the time in which
it starts and copies one picture is measured and taken off, while opening its encoder counts, as it
does for ours.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ffmpeg_encoding import (
    RawVideo,
    copy_one_with,
    encode_with,
    encoder_version,
    own_encoder_versions,
    version_text,
    write_raw,
)
from benchmarks.ffmpeg_program import FfmpegProgram, ProgramError, find_ffmpeg
from benchmarks.output import UNKNOWN, aligned, number_text
from benchmarks.stopwatch import Rate, Repeats, Stage, measure, repeated
from benchmarks.stream_matrix import StreamSpec, encoder_settings
from benchmarks.synthetic import synthetic_pictures
from hwcodec import Codec, EncoderSettings, Picture, encode
from hwcodec.registry import encoder_names, encoder_spec, encoding_backend

OURS, FFMPEG = "ours", "ffmpeg"
_STARTUP_TRIALS = 5
_NOTE = (
    "ffmpeg gets the same pictures as a raw file and the same encoder, preset, QP, GOP, B pictures "
    "and threads; it also reads that file and may be linked with another version of the encoder"
)


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """How to encode; ``thread_count`` None takes what packages are encoded with.

    Every stream is encoded whole, so the least duration of the repeats is not used.
    """

    thread_count: int | None = None
    repeats: Repeats = field(default_factory=lambda: Repeats(3, 0.0))


@dataclass(frozen=True, slots=True)
class EncodeRow:
    """Rates and sizes of one stream by one encoder."""

    spec: StreamSpec
    settings: EncoderSettings
    backend: str
    rates: Mapping[str, Rate]
    sizes: Mapping[str, float]
    note: str

    @property
    def ratio(self) -> float | None:
        """Our rate over that of ``ffmpeg``, or None; above 1 is faster."""
        return self.rates[OURS].ratio_to(self.rates[FFMPEG]) if FFMPEG in self.rates else None

    def to_json(self) -> dict[str, Any]:
        """The row as plain values; what was not measured is null."""
        tuning, rate = self.settings.tuning, self.rates[OURS]
        preset = tuning.preset or encoder_spec(self.settings.encoder).presets.default
        return {
            "codec": self.spec.codec.value,
            "bit_depth": self.spec.bit_depth,
            "width": self.spec.width,
            "height": self.spec.height,
            "frame_count": self.spec.frame_count,
            "encoder": self.settings.encoder,
            "backend": self.backend,
            "preset": preset,
            "rate": str(self.settings.rate),
            "b_frame_count": self.settings.gop.b_frame_count,
            "thread_count": tuning.thread_count,
            "encode_fps": rate.fps,
            "ms_per_frame": rate.ms_per_frame,
            "bytes_per_frame": self.sizes[OURS],
            "ffmpeg_fps": self.rates[FFMPEG].fps if FFMPEG in self.rates else None,
            "ffmpeg_bytes_per_frame": self.sizes.get(FFMPEG),
            "ratio_to_ffmpeg": self.ratio,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Encoders:
    """The encoders of some codecs: those that run here, and why the others do not."""

    running: Mapping[str, str]
    refused: Mapping[str, str]

    @classmethod
    def of(cls, codecs: Sequence[Codec]) -> "Encoders":
        """Software and hardware, each with the backend that runs it or its reason."""
        running, refused = {}, {}
        for name in encoder_names():
            if encoder_spec(name).codec not in codecs:
                continue
            backend, reason = encoding_backend(name)
            if backend is None:
                refused[name] = str(reason)
            else:
                running[name] = backend
        return cls(running, refused)


def encode_rows(
    spec: StreamSpec, running: Mapping[str, str], plan: EncodePlan
) -> tuple[EncodeRow, ...]:
    """One row for every encoder of the codec that runs here.

    Raises:
        UnsupportedConfig: if an encoder does not take pictures of that size.
        ProgramError: if ``ffmpeg`` ran once and does not run again.
    """
    pictures = synthetic_pictures(spec.geometry, spec.frame_count)
    rows = []
    for name, backend in running.items():
        if encoder_spec(name).codec is spec.codec:
            settings = encoder_settings(spec, name, plan.thread_count)
            rows.append(_row(spec, settings, backend, pictures, plan.repeats))
    return tuple(rows)


def libraries(names: Sequence[str]) -> dict[str, Any]:
    """Versions of the program and of both sides' encoder libraries, as far as they tell."""
    program, own = find_ffmpeg(), own_encoder_versions()
    return {
        "ffmpeg": None if program is None else version_text(program),
        "encoders": {
            name: {
                OURS: own.get(name),
                FFMPEG: None if program is None else encoder_version(program, name),
            }
            for name in names
        },
    }


def encode_table(rows: Sequence[EncodeRow]) -> str:
    """The rows for a person."""
    head = ("stream", "encoder", "backend", "fps", "ms/frame", "bytes/frame", "ffmpeg")
    cells = [
        (
            row.spec.name,
            row.settings.encoder,
            row.backend,
            number_text(row.rates[OURS].fps, 1),
            number_text(row.rates[OURS].ms_per_frame, 2),
            number_text(row.sizes[OURS], 0),
            number_text(row.rates[FFMPEG].fps, 1) if FFMPEG in row.rates else UNKNOWN,
            number_text(row.sizes.get(FFMPEG), 0),
            number_text(row.ratio, 2),
        )
        for row in rows
    ]
    return aligned([(*head, "its bytes", "x ffmpeg"), *cells])


def _row(
    spec: StreamSpec,
    settings: EncoderSettings,
    backend: str,
    pictures: Sequence[Picture],
    repeats: Repeats,
) -> EncodeRow:
    sizes: dict[str, float] = {}

    def ours() -> int:
        sizes[OURS] = encode(pictures, settings).size_bytes / len(pictures)
        return len(pictures)

    with tempfile.TemporaryDirectory(prefix="videorf-") as folder:
        stages, note = [Stage(OURS, repeated(ours))], _NOTE
        try:
            stages.append(_ffmpeg_stage(pictures, settings, Path(folder), sizes))
        except ProgramError as error:
            note = f"not compared: {error}"
        rates = measure(stages, repeats)
    return EncodeRow(spec, settings, backend, rates, sizes, note)


def _ffmpeg_stage(
    pictures: Sequence[Picture],
    settings: EncoderSettings,
    folder: Path,
    sizes: dict[str, float],
) -> Stage:
    """The program's turn, tried once.

    Raises:
        ProgramError: if there is no such program here, or it cannot do this.
    """
    program = find_ffmpeg()
    if program is None:
        raise ProgramError("there is no ffmpeg program on the path")
    exact = _with_group(settings, len(pictures))
    video, sink = write_raw(pictures, exact, folder / "pictures.yuv"), folder / "coded.mp4"

    def theirs() -> int:
        count = encode_with(program, video, sink)
        sizes[FFMPEG] = sink.stat().st_size / count
        return count

    theirs()
    return Stage(FFMPEG, repeated(theirs), _startup_s(program, video))


def _with_group(settings: EncoderSettings, count: int) -> EncoderSettings:
    """The same settings with the length of the one group spelled out, as `encode` does."""
    return replace(settings, gop=replace(settings.gop, length=max(count, 2)))


def _startup_s(program: FfmpegProgram, video: RawVideo) -> float:
    times = []
    for _ in range(_STARTUP_TRIALS):
        began = time.perf_counter()
        copy_one_with(program, video)
        times.append(time.perf_counter() - began)
    return median(times)
