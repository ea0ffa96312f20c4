"""The commands ``evaluate-package``, ``benchmark`` and ``videorf-demo``."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bake.capture import Capture, open_capture
from bake.errors import BakeError, CaptureError
from bake.progress import LineProgress
from bake.sequence import open_sequence
from benchmarks.decode_benchmark import DecodePlan, decode_stages, run_decode_benchmark
from benchmarks.demo import DemoPlan, run_demo
from benchmarks.evaluate import (
    EvaluateOptions,
    evaluate,
)
from benchmarks.march_benchmark import MarchPlan, run_march_benchmark
from benchmarks.provenance import environment
from benchmarks.report import (
    aligned,
    describe_environment,
    describe_package,
    evaluation_record,
    evaluation_table,
    write_json,
)
from benchmarks.stopwatch import Repeats, measure
from benchmarks.subject import EvaluationError, Subject, open_baked_capture
from render.commands import open_package_for_use, prepare_folder
from render.console import UsageError, run, say, warn
from render.scene import BakedScene
from render.views import select_views

# Long enough to compare packages by; the decode benchmark takes more care.
_QUICK = Repeats(count=3, seconds=0.5)

_EVALUATE_EXAMPLE = """examples:
  evaluate-package PACKAGE --capture DIR --json result.json
  evaluate-package PACKAGE --capture DIR --every 5 --views 24,27      (a quick look)
  evaluate-package PACKAGE --capture DIR --scene SCENE                (what the codec cost)
"""
_BENCHMARK_EXAMPLE = """examples:
  benchmark decode PACKAGE --device cpu --json decode.json
  benchmark decode PACKAGE --threads 1 --repeats 9
"""
_DEMO_EXAMPLE = """examples:
  videorf-demo                       (a few minutes; results in the folder videorf-demo)
  videorf-demo OUT --size 128 --frames 4
"""


def evaluate_package(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``evaluate-package``; returns the exit code."""
    arguments = _evaluate_parser().parse_args(_words(argv))
    return _run(lambda: _evaluate(arguments))


def benchmark(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``benchmark``; returns the exit code."""
    arguments = _benchmark_parser().parse_args(_words(argv))
    return _run(lambda: arguments.work(arguments))


def demo(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``videorf-demo``; returns the exit code."""
    arguments = _demo_parser().parse_args(_words(argv))
    plan = DemoPlan(arguments.out, arguments.frames, arguments.size)

    def work() -> None:
        _check_demo(plan)
        run_demo(plan, LineProgress(), say)

    return _run(work)


def _check_demo(plan: DemoPlan) -> None:
    """Size and folder are the user's words; whatever fails later is not."""
    try:
        open_capture(plan.config.capture)
    except CaptureError as error:
        raise UsageError(str(error)) from error
    prepare_folder(plan.out)


def _run(work: Callable[[], None]) -> int:
    return run(work, usage=(EvaluationError,), failures=(BakeError,))


def _words(argv: Sequence[str] | None) -> Sequence[str]:
    return sys.argv[1:] if argv is None else argv


def _evaluate(arguments: argparse.Namespace) -> None:
    scene = open_package_for_use(arguments.package)
    capture = _open_capture(scene, arguments.capture)
    sequence = open_sequence(_folder(arguments.scene)) if arguments.scene else None
    subject = Subject(scene, capture, sequence)
    views = _views(scene, arguments.views)
    _prepare(arguments.json)
    options = EvaluateOptions(arguments.every, views, arguments.threads)
    evaluation = evaluate(subject, options, LineProgress())
    plan = DecodePlan(thread_count=arguments.threads, repeats=_QUICK)
    rates = measure(decode_stages(scene, plan), plan.repeats)
    record = evaluation_record(subject, evaluation, rates, environment())
    if arguments.json:
        write_json(arguments.json, record)
    say(evaluation_table(record))


def _open_capture(scene: BakedScene, path: str) -> Capture:
    """The capture, or a complaint about the request: nothing has been read yet."""
    try:
        capture = open_baked_capture(scene, path)
    except CaptureError as error:
        raise UsageError(str(error)) from error
    if capture.name != scene.record.capture.name:
        warn(
            f"the capture is called {capture.name!r}, the package was baked from "
            f"{scene.record.capture.name!r}; the numbers hold for the former"
        )
    return capture


def _views(scene: BakedScene, text: str) -> tuple[int, ...]:
    return select_views(text, len(scene.cameras), scene.record.capture.test_views)


def _benchmark_decode(arguments: argparse.Namespace) -> None:
    scene = open_package_for_use(arguments.package)
    _prepare(arguments.json)
    repeats = Repeats(arguments.repeats, arguments.seconds)
    plan = DecodePlan(arguments.device, arguments.threads, repeats)
    report = run_decode_benchmark(scene, plan)
    record = {
        "format": "videorf-decode-benchmark",
        "version": 1,
        **describe_package(scene),
        "device": plan.device,
        "thread_count": plan.thread_count,
        "repeats": repeats.count,
        "seconds_per_repeat": repeats.seconds,
        **report.to_json(),
        **describe_environment(environment()),
    }
    if arguments.json:
        write_json(arguments.json, record)
    rows = [("stage", "fps", "ms/frame", "slowest", "fastest")]
    for name, rate in report.rates.items():
        values = (rate.fps, rate.ms_per_frame, min(rate.values), max(rate.values))
        fps, milliseconds, slowest, fastest = values
        rows.append((name, f"{fps:.1f}", f"{milliseconds:.3f}", f"{slowest:.1f}", f"{fastest:.1f}"))
    say(aligned(rows))
    ratio = report.ratio
    say(report.note if ratio is None else f"luma / ffmpeg: {ratio:.2f} ({report.note})")


def _benchmark_march(arguments: argparse.Namespace) -> None:
    scene = open_package_for_use(arguments.package)
    _prepare(arguments.json)
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


def _prepare(path: Path | None) -> None:
    """Find out before the work, not after it, whether its result can be written."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"--json is {path}, a folder, expected a file name")
    prepare_folder(path.absolute().parent)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UsageError(f"there is no scene folder at {path}, expected the out of bake-sequence")
    return path


def _evaluate_parser() -> argparse.ArgumentParser:
    parser = _parser(
        "evaluate-package",
        "Compare a package with the capture it was baked from.",
        _EVALUATE_EXAMPLE,
    )
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    parser.add_argument(
        "--capture",
        required=True,
        metavar="DIR",
        help="the capture that was baked, or the name of a built-in one",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")
    parser.add_argument(
        "--scene",
        type=Path,
        metavar="SCENE",
        help="the bake's folder: also measure the texels before encoding",
    )
    parser.add_argument(
        "--every", type=_positive, default=1, metavar="N", help="every N-th frame only"
    )
    parser.add_argument(
        "--views",
        default="test",
        metavar="WHICH",
        help="test (default), train, all, or camera numbers such as 0,24",
    )
    parser.add_argument("--threads", type=_positive, metavar="N", help="threads of the decoder")
    return parser


def _benchmark_parser() -> argparse.ArgumentParser:
    parser = _parser("benchmark", "Measure how fast a package plays.", _BENCHMARK_EXAMPLE)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    decode = verbs.add_parser(
        "decode",
        help="decode a package, beside the ffmpeg program where there is one",
        epilog=_BENCHMARK_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    decode.set_defaults(work=_benchmark_decode)
    decode.add_argument("package", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    decode.add_argument("--device", default="cpu", metavar="D", help="cpu (default) or cuda")
    decode.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="threads of the decoder; its own choice unless given",
    )
    decode.add_argument("--repeats", type=_positive, default=5, metavar="N", help="default 5")
    decode.add_argument(
        "--seconds",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="least duration of a repeat; short packages loop, default 1",
    )
    decode.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")
    _add_march(verbs.add_parser("march", help="the compiled march beside its plain torch twin"))
    return parser


def _add_march(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(work=_benchmark_march)
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    parser.add_argument("--rays", type=_positive, default=4096, metavar="N", help="default 4096")
    parser.add_argument("--repeats", type=_positive, default=5, metavar="N", help="default 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")


def _demo_parser() -> argparse.ArgumentParser:
    standard = DemoPlan()
    parser = _parser(
        "videorf-demo", "Bake, encode, evaluate and render the built-in capture.", _DEMO_EXAMPLE
    )
    parser.add_argument(
        "out",
        type=Path,
        nargs="?",
        default=standard.out,
        metavar="OUT",
        help=f"folder for everything, default {standard.out}",
    )
    parser.add_argument(
        "--frames",
        type=_positive,
        default=standard.frame_count,
        metavar="N",
        help=f"frames to bake, default {standard.frame_count}",
    )
    parser.add_argument(
        "--size",
        type=_positive,
        default=standard.size,
        metavar="PIXELS",
        help=f"side of the pictures, default {standard.size}",
    )
    return parser


def _parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not 0 to 3600")
    return value
