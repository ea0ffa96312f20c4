"""The commands ``evaluate-package`` and ``videorf-demo``; ``benchmark`` has a file of its own."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from bake.capture import Capture, open_capture
from bake.errors import BakeError, CaptureError
from bake.progress import LineProgress
from bake.sequence import open_sequence
from benchmarks.benchmark_commands import benchmark
from benchmarks.command_words import new_parser, positive, prepare_json, words
from benchmarks.decode_benchmark import DecodePlan, decode_stages
from benchmarks.demo import DemoPlan, run_demo
from benchmarks.evaluate import (
    EvaluateOptions,
    evaluate,
)
from benchmarks.output import write_json
from benchmarks.provenance import environment
from benchmarks.report import evaluation_record, evaluation_table
from benchmarks.stopwatch import Repeats, measure
from benchmarks.subject import EvaluationError, Subject, open_baked_capture
from render.commands import (
    add_renderer_words,
    chosen_renderer,
    open_package_for_use,
    prepare_folder,
)
from render.console import UsageError, run, say, warn
from render.scene import BakedScene
from render.views import select_views

__all__ = ["benchmark", "demo", "evaluate_package"]

# Long enough to compare packages by; the decode benchmark takes more care.
_QUICK = Repeats(count=3, seconds=0.5)

_EVALUATE_EXAMPLE = """examples:
  evaluate-package PACKAGE --capture DIR --json result.json
  evaluate-package PACKAGE --capture DIR --every 5 --views 24,27      (a quick look)
  evaluate-package PACKAGE --capture DIR --scene SCENE                (what the codec cost)
"""
_DEMO_EXAMPLE = """examples:
  videorf-demo                       (a few minutes; results in the folder videorf-demo)
  videorf-demo OUT --size 128 --frames 4
"""


def evaluate_package(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``evaluate-package``; returns the exit code."""
    arguments = _evaluate_parser().parse_args(words(argv))
    return _run(lambda: _evaluate(arguments))


def demo(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``videorf-demo``; returns the exit code."""
    arguments = _demo_parser().parse_args(words(argv))
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


def _evaluate(arguments: argparse.Namespace) -> None:
    scene = open_package_for_use(arguments.package)
    capture = _open_capture(scene, arguments.capture)
    sequence = open_sequence(_folder(arguments.scene)) if arguments.scene else None
    subject = Subject(scene, capture, sequence)
    views = _views(scene, arguments.views)
    prepare_json(arguments.json)
    options = EvaluateOptions(arguments.every, views, arguments.threads)
    with closing(chosen_renderer(scene, arguments)) as renderer:
        evaluation = evaluate(subject, options, LineProgress(), renderer)
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


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UsageError(f"there is no scene folder at {path}, expected the out of bake-sequence")
    return path


def _evaluate_parser() -> argparse.ArgumentParser:
    parser = new_parser(
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
        "--every", type=positive, default=1, metavar="N", help="every N-th frame only"
    )
    parser.add_argument(
        "--views",
        default="test",
        metavar="WHICH",
        help="test (default), train, all, or camera numbers such as 0,24",
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads of the decoder")
    add_renderer_words(parser)
    return parser


def _demo_parser() -> argparse.ArgumentParser:
    standard = DemoPlan()
    parser = new_parser(
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
        type=positive,
        default=standard.frame_count,
        metavar="N",
        help=f"frames to bake, default {standard.frame_count}",
    )
    parser.add_argument(
        "--size",
        type=positive,
        default=standard.size,
        metavar="PIXELS",
        help=f"side of the pictures, default {standard.size}",
    )
    return parser
