"""The verb ``benchmark playback``."""

import argparse
from contextlib import closing
from pathlib import Path

from benchmarks.command_words import positive, prepare_json, seconds
from benchmarks.output import aligned, describe_environment, write_json
from benchmarks.playback_benchmark import PlaybackPlan, run_playback_benchmark
from benchmarks.provenance import environment
from benchmarks.report import describe_package
from benchmarks.stopwatch import Repeats
from render.commands import add_renderer_words, chosen_renderer, open_package_for_use
from render.console import say


def add_playback(parser: argparse.ArgumentParser) -> None:
    """The words that the verb takes."""
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    add_renderer_words(parser)
    parser.add_argument("--repeats", type=positive, default=5, metavar="N", help="default 5")
    parser.add_argument(
        "--seconds", type=seconds, default=4.0, metavar="S", help="of real-time playback, default 4"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")


def measure_playback(arguments: argparse.Namespace) -> None:
    """Measure, write the file and show a table."""
    scene = open_package_for_use(arguments.package)
    prepare_json(arguments.json)
    plan = PlaybackPlan(Repeats(arguments.repeats, 1.0), arguments.seconds)
    with closing(chosen_renderer(scene, arguments)) as renderer:
        choice = renderer.describe()
        report = run_playback_benchmark(scene, renderer, plan)
    camera = scene.cameras[0]
    record = {
        "format": "videorf-playback-benchmark",
        "version": 1,
        **describe_package(scene),
        "renderer": choice.renderer,
        "device": choice.device,
        "renderer_reason": choice.reason,
        "view_size": [camera.width, camera.height],
        **report.to_json(),
        **describe_environment(environment()),
    }
    if arguments.json:
        write_json(arguments.json, record)
    lines = [("stage", "fps", "ms/frame")]
    lines += [
        (name, f"{rate.fps:.1f}", f"{rate.ms_per_frame:.2f}") for name, rate in report.rates.items()
    ]
    say(aligned(lines))
    say(
        f"pipelined / slower stage: {report.ratio:.2f}; against the clock {report.shown_fps:.1f} "
        f"frames/s shown, {report.played.dropped} dropped, {report.played.stalls} stalls"
    )
