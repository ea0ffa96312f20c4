"""The verbs ``benchmark gl`` and ``benchmark browser``."""

import argparse
from contextlib import closing
from pathlib import Path

from benchmarks.browser_benchmark import BrowserReport, run_browser_benchmark
from benchmarks.command_words import positive, prepare_json
from benchmarks.drawing_benchmark import (
    Agreement,
    DrawingPlan,
    DrawingReport,
    run_drawing_benchmark,
)
from benchmarks.output import aligned, describe_environment, write_json
from benchmarks.provenance import environment
from benchmarks.report import describe_package, describe_renderer
from render.commands import open_package_for_use
from render.console import say
from render.drawing import SceneMarch
from render.renderers import GL, open_renderer


def add_drawing(parser: argparse.ArgumentParser) -> None:
    """The words that the verb takes."""
    standard = DrawingPlan()
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    for word, metavar, value, meaning in (
        ("--views", "N", standard.view_count, "cameras, evenly spread"),
        ("--frames", "N", standard.frame_count, "frames, evenly spread"),
        ("--size", "PIXELS", standard.size, "wider side of a view"),
        ("--repeats", "N", standard.repeats, "times each view is drawn"),
    ):
        parser.add_argument(
            word, type=positive, default=value, metavar=metavar, help=f"{meaning}; default {value}"
        )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")


def measure_in_browser(arguments: argparse.Namespace) -> None:
    """Measure the web engine in a browser, write the file and show a table."""
    scene = open_package_for_use(arguments.package)
    prepare_json(arguments.json)
    plan = _plan(arguments)
    report = run_browser_benchmark(arguments.package, plan)
    record = {
        "format": "videorf-browser-benchmark",
        "version": 1,
        **describe_package(scene),
        "repeats": plan.repeats,
        **report.to_json(),
        **describe_environment(environment()),
    }
    if arguments.json:
        write_json(arguments.json, record)
    say(_browser_table(report))


def measure_drawing(arguments: argparse.Namespace) -> None:
    """Measure, write the file and show a table."""
    scene = open_package_for_use(arguments.package)
    prepare_json(arguments.json)
    plan = _plan(arguments)
    with closing(open_renderer(scene, GL)) as renderer:
        report = run_drawing_benchmark(scene, renderer, SceneMarch(scene), plan)
        choice = renderer.describe()
    record = {
        "format": "videorf-drawing-benchmark",
        "version": 1,
        **describe_package(scene),
        **describe_renderer(choice),
        "repeats": plan.repeats,
        **report.to_json(),
        **describe_environment(environment()),
    }
    if arguments.json:
        write_json(arguments.json, record)
    say(_table(report, choice.device))


def _plan(arguments: argparse.Namespace) -> DrawingPlan:
    return DrawingPlan(arguments.views, arguments.frames, arguments.size, arguments.repeats)


def _browser_table(report: BrowserReport) -> str:
    numbers = report.to_json()
    width, height = report.view_size
    views, frames = len(report.views), len(report.frames)
    return aligned(
        [
            ("browser", f"{report.browser}, {report.device}"),
            ("luma", f"{report.luma_differing} of {report.luma_bytes} bytes differ"),
            ("views", f"{views} of {width}x{height} pixels, {frames} frames"),
            ("speed", f"{numbers['ms_per_view']:.2f} ms/view"),
            *_agreement_lines(report.agreement),
        ]
    )


def _agreement_lines(agreement: Agreement) -> list[tuple[str, str]]:
    return [
        ("mean difference", f"{agreement.mean:.2e}"),
        ("largest", f"{agreement.largest:.2e}"),
        ("above 1/255", f"{agreement.visible} of {agreement.values} values"),
    ]


def _table(report: DrawingReport, device: str) -> str:
    numbers, agreement = report.to_json(), report.agreement
    width, height = report.view_size
    views, frames = len(report.views), len(report.frames)
    return aligned(
        [
            ("views", f"{views} of {width}x{height} pixels, {frames} frames"),
            ("gl", f"{numbers['ms_per_view']:.2f} ms/view on {device}"),
            ("march", f"{numbers['march_ms_per_view']:.2f} ms/view"),
            ("march / gl", f"{report.ratio:.2f}"),
            ("first view", f"{numbers['first_view_ms']:.2f} ms with upload and pack pass"),
            *_agreement_lines(agreement),
        ]
    )
