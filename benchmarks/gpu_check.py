"""Everything about a machine with an NVIDIA GPU that cannot be known without one, in one run.

python -m benchmarks.gpu_check --json FILE

Needs torch with CUDA, numpy and PyAV, PyNvVideoCodec for its half of decoding, and numba-cuda for
marching and training; no network and no data. A package, if one is named, is drawn instead of a
figure that is made here.
Every part is guarded, the file is written after each of them, and a table comes last. The exit code
is 0 if all is as expected, else 1; without a device it says so and ends.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.decode_rows import DecodePlan
from benchmarks.gpu_exactness import (
    Decode,
    Device,
    by_name,
    check_exactness,
    check_lifetime,
    check_ordering,
    exactness_cases,
)
from benchmarks.gpu_parts import Outcome, Part, PartResult, parts_table, run_parts
from benchmarks.gpu_speed import (
    check_capabilities,
    check_encoders,
    check_host_copies,
    check_rows,
    check_sessions,
)
from benchmarks.output import describe_environment, write_json
from benchmarks.provenance import environment
from benchmarks.stopwatch import Repeats
from benchmarks.stream_matrix import StreamSpec, stored_stream
from hwcodec import Bitstream, Codec
from hwcodec.decoders import HARDWARE
from hwcodec.device_probe import probe_devices
from hwcodec.registry import load
from hwcodec.types import DecodeOptions, Picture

NO_DEVICE = "no NVIDIA device"
BUDGET_S = 420.0
_QUICK = Repeats(3, 0.4)
_BUSY_SIDE, _BUSY_ROUNDS = 4096, 3
_ROWS = (
    (Codec.H264, 8, 1024, 1024),
    (Codec.H264, 8, 2048, 2048),
    (Codec.HEVC, 8, 1024, 1024),
    (Codec.HEVC, 8, 2048, 2048),
    (Codec.HEVC, 10, 2048, 2048),
)
_FRAMES = 40


def main(argv: Sequence[str] | None = None) -> int:
    """Run all parts; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results here")
    parser.add_argument("--package", type=Path, metavar="PACKAGE", help="draw its first frame")
    parser.add_argument("--budget", type=float, default=BUDGET_S, metavar="S", help="default 420")
    arguments = parser.parse_args(argv)
    if not torch.cuda.is_available():
        sys.stderr.write(f"error: {NO_DEVICE}: torch finds no CUDA device on this machine\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="videorf-") as folder:
        parts = gpu_parts("cuda:0", Path(folder), arguments.package)
        results = check(parts, arguments.budget, arguments.json)
    sys.stdout.write(f"{parts_table(results)}\n")
    return 0 if all(result.outcome.is_ok for result in results) else 1


def check(parts: Sequence[Part], budget_s: float, path: Path | None) -> tuple[PartResult, ...]:
    """Run parts, with a line for each and the file written anew after each."""

    def report(results: Sequence[PartResult]) -> None:
        last = results[-1]
        sys.stderr.write(f"{last.name}: {last.outcome.said[:200]} ({last.seconds:.1f} s)\n")
        sys.stderr.flush()
        if path is not None:
            write_json(path, _record(results, is_complete=len(results) == len(parts)))

    return run_parts(parts, budget_s, report)


def gpu_parts(device: str, folder: Path, package: Path | None = None) -> tuple[Part, ...]:
    """All parts for a device; streams are encoded when a part asks for them."""
    return (*codec_parts(device, folder), *drawing_parts(device, package))


def drawing_parts(device: str, package: Path | None) -> tuple[Part, ...]:
    """Marching, drawing and training, or one failed part where the libraries for it are missing."""
    try:
        from benchmarks.gpu_march import march_parts
    except ImportError as error:
        outcome = Outcome(is_ok=False, said=f"not run: {error}")
        return (Part("march", lambda: outcome),)
    return march_parts(device, package, _QUICK)


def codec_parts(device: str, folder: Path) -> tuple[Part, ...]:
    """Decoding and encoding."""
    decoders = device_decoders(device)
    plan = DecodePlan(device, None, _QUICK)
    specs = [StreamSpec(*row, _FRAMES) for row in _ROWS]

    def stream(codec: Codec, side: int) -> Bitstream:
        return stored_stream(StreamSpec(codec, 8, side, side, _FRAMES), folder).bitstream

    def exactness(name: str, decode: Decode) -> Outcome:
        return check_exactness(exactness_cases(), decode, partial(refusal_of, name))

    def ordering(_: str, decode: Decode) -> Outcome:
        return check_ordering(decode, stream(Codec.HEVC, 1024), cuda_device(device))

    def lifetime(_: str, decode: Decode) -> Outcome:
        return check_lifetime(decode, [stream(Codec.H264, 1024)] * 3)

    def copies(_: str, decode: Decode) -> Outcome:
        known = torch.ones(1, device=device).cpu
        return check_host_copies(decode, stream(Codec.H264, 1024), known)

    def sessions(codec: Codec) -> Outcome:
        return check_sessions(stream(codec, 2048), device, _QUICK)

    return (
        Part("capabilities", lambda: check_capabilities(probe_devices())),
        Part("bit-exactness", lambda: by_name(decoders, exactness)),
        Part("stream ordering", lambda: by_name(decoders, ordering)),
        Part("lifetime", lambda: by_name(decoders, lifetime)),
        Part("host copies", lambda: by_name(decoders, copies)),
        Part("sessions h264", lambda: sessions(Codec.H264)),
        Part("sessions hevc", lambda: sessions(Codec.HEVC)),
        Part("decode rows", lambda: check_rows(specs, plan, folder)),
        Part("encoders", lambda: check_encoders(device)),
    )


def device_decoders(device: str) -> dict[str, Decode]:
    """The hardware decoders that work here, each as a function of bitstreams."""
    findings = probe_devices().findings
    return {
        name: partial(decode_by, name, device)
        for name, step in HARDWARE.items()
        if findings[step].is_ok
    }


def decode_by(
    backend: str, device: str, streams: Sequence[Bitstream]
) -> Iterator[tuple[int, Picture]]:
    """Decode with one backend, whatever `choose_decoder` would have taken."""
    return load(backend).decode(streams, DecodeOptions(device))


def refusal_of(backend: str, stream: Bitstream) -> str | None:
    """Why a backend does not take a stream according to the probe, or None."""
    limits = probe_devices().decoder(HARDWARE[backend], stream.codec, stream.format.bit_depth)
    if limits is None:
        return f"no decoder for {stream.codec.value} at {stream.format.bit_depth} bits"
    return limits.refusal(stream.geometry)


def cuda_device(device: str) -> Device:
    """A side stream to read on, and work on the default stream that keeps the device busy."""
    side = torch.cuda.Stream(device)
    factor = torch.rand(_BUSY_SIDE, _BUSY_SIDE, device=device)

    def keep_busy() -> None:
        with torch.cuda.stream(torch.cuda.default_stream(device)):
            for _ in range(_BUSY_ROUNDS):
                torch.mm(factor, factor)

    return Device(
        side=lambda: torch.cuda.stream(side),
        keep_busy=keep_busy,
        finish=lambda: torch.cuda.synchronize(device),
    )


def _record(results: Sequence[PartResult], *, is_complete: bool) -> dict[str, Any]:
    return {
        "format": "videorf-gpu-check",
        "version": 1,
        "is_complete": is_complete,
        "is_ok": is_complete and all(result.outcome.is_ok for result in results),
        "parts": [result.to_json() for result in results],
        **describe_environment(environment()),
    }


if __name__ == "__main__":
    sys.exit(main())
