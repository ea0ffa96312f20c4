"""The command ``benchmark``: decoding, encoding and the march, each with a table and a file."""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bake.errors import BakeError
from benchmarks.benchmark_words import benchmark_parser
from benchmarks.command_words import prepare_json, words
from benchmarks.decode_benchmark import DecodePlan, run_decode_benchmark
from benchmarks.decode_rows import DecodeRow, decode_table, measure_stream
from benchmarks.drawing_commands import measure_drawing, measure_in_browser
from benchmarks.encode_benchmark import (
    EncodePlan,
    EncodeRow,
    Encoders,
    encode_rows,
    encode_table,
    libraries,
)
from benchmarks.fault_commands import measure_faults
from benchmarks.ffmpeg_program import ProgramError, find_ffmpeg
from benchmarks.march_benchmark import MarchPlan, run_march_benchmark
from benchmarks.memory_commands import measure_memory
from benchmarks.output import aligned, describe_environment, write_json
from benchmarks.playback_commands import measure_playback
from benchmarks.provenance import environment
from benchmarks.rate_commands import measure_rate_model
from benchmarks.rd.commands import list_methods, run_rd, run_report
from benchmarks.rd.play import PlayError
from benchmarks.report import describe_package
from benchmarks.results import ResultError
from benchmarks.row_plot import DECODE_BARS, ENCODE_BARS, plot_rows, require_plotting
from benchmarks.stopwatch import Repeats
from benchmarks.stream_matrix import StreamSpec, stored_stream, stream_specs
from benchmarks.synthetic import CONTENT, atlas_layout
from hwcodec import decode_all
from hwcodec.decoders import usual_sessions
from hwcodec.encoders import THREAD_LIMIT
from render.commands import open_package_for_use, prepare_folder
from render.console import UsageError, run, say

_CPU_SIZES = ((1024, 1024), (2048, 2048))
_CUDA_SIZES = (*_CPU_SIZES, (4096, 2048))
_ENCODE_SIZES = ((1024, 1024),)


def benchmark(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``benchmark``; returns the exit code."""
    work = {
        "package": _decode_package,
        "matrix": _decode_matrix,
        "encode": _encode,
        "march": _march,
        "gl": measure_drawing,
        "browser": measure_in_browser,
        "playback": measure_playback,
        "memory": measure_memory,
        "faults": measure_faults,
        "rate-model": measure_rate_model,
        "rd": run_rd,
        "report": run_report,
        "methods": list_methods,
    }
    arguments = benchmark_parser().parse_args(words(argv))
    verb = arguments.verb
    if verb == "decode":
        verb = "matrix" if arguments.package is None else "package"
    return run(
        lambda: work[verb](arguments), failures=(BakeError, ProgramError, PlayError, ResultError)
    )


def _decode_package(arguments: argparse.Namespace) -> None:
    strangers = ("codecs", "bits", "sizes", "frames", "sessions", "cache")
    given = [f"--{name}" for name in strangers if getattr(arguments, name) is not None]
    if given:
        raise UsageError(
            f"{', '.join(given)} choose synthetic streams, and a package has its own; "
            "leave out either them or PACKAGE"
        )
    scene = open_package_for_use(arguments.package)
    _prepare(arguments)
    sessions = arguments.streams or usual_sessions(scene.codec, device=arguments.device)
    plan = replace(_decode_plan(arguments), sessions=sessions)
    # Refuses what is not usable here before anything is decoded.
    decode_all((), device=plan.device, thread_count=plan.thread_count, sessions=sessions)
    report = run_decode_benchmark(scene, plan)
    row = report.row(scene, plan)
    record = {
        "format": "videorf-decode-benchmark",
        "version": 1,
        **describe_package(scene),
        **_plan_values(plan),
        "sessions": plan.sessions,
        **report.to_json(),
        "rows": [row.to_json()],
        **describe_environment(environment()),
    }
    _finish(arguments, record, [row.to_json()], DECODE_BARS)
    lines = [("stage", "fps", "ms/frame", "slowest", "fastest")]
    for name, rate in report.rates.items():
        values = (rate.fps, rate.ms_per_frame, min(rate.values), max(rate.values))
        fps, milliseconds, slowest, fastest = values
        lines.append(
            (name, f"{fps:.1f}", f"{milliseconds:.3f}", f"{slowest:.1f}", f"{fastest:.1f}")
        )
    say(aligned(lines))
    ratio = report.ratio
    say(report.note if ratio is None else f"luma / ffmpeg: {ratio:.2f} ({report.note})")


def _decode_matrix(arguments: argparse.Namespace) -> None:
    if arguments.streams is not None:
        raise UsageError(
            "--streams is for the groups of a PACKAGE; synthetic streams take --sessions LIST"
        )
    plan, sessions = _decode_plan(arguments), arguments.sessions or (1,)
    # Refuses what is not usable here before anything is encoded.
    decode_all((), device=plan.device, thread_count=plan.thread_count, sessions=max(sessions))
    is_on_cuda = plan.device.startswith("cuda")
    specs = _specs(arguments, _CUDA_SIZES if is_on_cuda else _CPU_SIZES)
    _prepare(arguments)
    rows: list[DecodeRow] = []
    with _cache(arguments.cache) as folder:
        for spec in specs:
            rows += measure_stream(stored_stream(spec, folder), plan, sessions)
    program = find_ffmpeg()
    record = {
        "format": "videorf-decode-matrix",
        "version": 1,
        "content": CONTENT,
        **_plan_values(plan),
        "ffmpeg_version": None if program is None else program.version,
        "rows": [row.to_json() for row in rows],
        **describe_environment(environment()),
    }
    _finish(arguments, record, record["rows"], DECODE_BARS)
    say(decode_table(rows))
    _say_once([row.note for row in rows])


def _encode(arguments: argparse.Namespace) -> None:
    specs = _specs(arguments, _ENCODE_SIZES)
    encoders = Encoders.of(tuple(dict.fromkeys(spec.codec for spec in specs)))
    _prepare(arguments)
    plan = EncodePlan(arguments.threads, Repeats(arguments.repeats, 0.0))
    if (arguments.threads or 1) > THREAD_LIMIT:
        raise UsageError(f"--threads is {arguments.threads}, expected 1 to {THREAD_LIMIT}")
    rows: list[EncodeRow] = []
    for spec in specs:
        rows += encode_rows(spec, encoders.running, plan)
    record = {
        "format": "videorf-encode-benchmark",
        "version": 1,
        "content": CONTENT,
        "repeats": plan.repeats.count,
        "libraries": libraries(tuple(encoders.running)),
        "rows": [row.to_json() for row in rows],
        "not_run": dict(encoders.refused),
        **describe_environment(environment()),
    }
    _finish(arguments, record, record["rows"], ENCODE_BARS)
    say(encode_table(rows))
    _say_once([*(row.note for row in rows), *(f"no {name}" for name in encoders.refused)])


def _march(arguments: argparse.Namespace) -> None:
    scene = open_package_for_use(arguments.package)
    prepare_json(arguments.json)
    report = run_march_benchmark(scene, MarchPlan(arguments.rays, arguments.repeats))
    record = {
        "format": "videorf-march-benchmark",
        "version": 1,
        **describe_package(scene),
        **report.to_json(),
        **describe_environment(environment()),
    }
    if arguments.json:
        write_json(arguments.json, record)
    say(
        f"compiled {record['compiled_rays_per_s']:.0f} rays/s, torch "
        f"{record['reference_rays_per_s']:.0f} rays/s, forward and backward: {report.ratio:.1f}x"
    )


def _decode_plan(arguments: argparse.Namespace) -> DecodePlan:
    repeats = Repeats(arguments.repeats, arguments.seconds)
    return DecodePlan(arguments.device, arguments.threads, repeats)


def _plan_values(plan: DecodePlan) -> dict[str, Any]:
    return {
        "device": plan.device,
        "thread_count": plan.thread_count,
        "repeats": plan.repeats.count,
        "seconds_per_repeat": plan.repeats.seconds,
    }


def _specs(
    arguments: argparse.Namespace, sizes: Sequence[tuple[int, int]]
) -> tuple[StreamSpec, ...]:
    """The streams asked for.

    Raises:
        UsageError: if there are none.
        UnsupportedConfig: if pictures of such a size do not exist.
    """
    chosen = arguments.sizes or sizes
    codecs, depths = arguments.codecs or arguments.all_codecs, arguments.bits or (8, 10)
    count = arguments.frames or arguments.usual_frames
    specs = stream_specs(codecs, depths, chosen, count)
    if not specs:
        raise UsageError(
            f"no stream of {[codec.value for codec in codecs]} has {list(depths)} bits, expected 8 "
            "or, with hevc and av1, 10"
        )
    unused = sorted(set(arguments.bits or ()) - {spec.bit_depth for spec in specs})
    if unused:
        raise UsageError(
            f"no stream of {[codec.value for codec in codecs]} has {unused} bits, expected 8 or, "
            "with hevc and av1, 10; leave them out"
        )
    for spec in specs:
        atlas_layout(spec.geometry.width, spec.geometry.height)
    return specs


def _prepare(arguments: argparse.Namespace) -> None:
    prepare_json(arguments.json)
    if arguments.plot is not None:
        require_plotting()
        prepare_json(arguments.plot, "--plot")


@contextmanager
def _cache(folder: Path | None) -> Iterator[Path]:
    """The folder for encoded streams, or one that is gone afterwards."""
    if folder is not None:
        prepare_folder(folder)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="videorf-") as temporary:
        yield Path(temporary)


def _finish(
    arguments: argparse.Namespace,
    record: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    bars: Mapping[str, str],
) -> None:
    if arguments.json:
        write_json(arguments.json, record)
    if arguments.plot:
        plot_rows(rows, bars, arguments.plot)


def _say_once(notes: Sequence[str]) -> None:
    for note in dict.fromkeys(note for note in notes if note):
        say(note)
