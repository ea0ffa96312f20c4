"""The verbs ``rd``, ``report`` and ``methods`` of the command ``benchmark``."""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

from bake.progress import LineProgress
from benchmarks.output import aligned
from benchmarks.rd.method import METHODS, ablation_names, find_method
from benchmarks.rd.runner import RunPlan, run_points
from benchmarks.rd.scenes import SCENES
from render.commands import prepare_folder
from render.console import UsageError, say

_EXTRA = ("constriction", "bjontegaard", "imageio_ffmpeg")
_RESULTS = Path("benchmarks/results/rd")
_EXAMPLES = """examples:
  benchmark rd --scene smoke --methods all                       (minutes; needs no capture)
  benchmark rd --scene performer --captures DIR --methods videorf,rerf,tetrirf
  benchmark report --results DIR --out DIR                       (Markdown and one HTML page)
  benchmark methods                                              (what each of them is)
A run that was stopped goes on where it was: finished points and fits are kept.
"""


def add_rd(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the three verbs to the command's parser."""
    rd = _add_verb(verbs, "rd", "rate and distortion of compared methods")
    rd.add_argument("--scene", required=True, choices=sorted(SCENES), help="which footage")
    rd.add_argument(
        "--methods",
        default="all",
        metavar="LIST",
        help="such as videorf,rerf, all (default) or ablations; see benchmark methods",
    )
    rd.add_argument(
        "--captures",
        type=Path,
        metavar="DIR",
        help="folder that holds the captures, default the variable CAPTURES",
    )
    rd.add_argument(
        "--results", type=Path, default=_RESULTS, metavar="DIR", help=f"default {_RESULTS}"
    )
    rd.add_argument(
        "--work",
        type=Path,
        default=Path("outputs/rd"),
        metavar="DIR",
        help="fits and packages, kept for resuming, default outputs/rd",
    )
    report = _add_verb(verbs, "report", "tables and a page from measured points")
    report.add_argument(
        "--results", type=Path, default=_RESULTS, metavar="DIR", help=f"default {_RESULTS}"
    )
    report.add_argument("--out", type=Path, metavar="DIR", help="default the results' folder")
    _add_verb(verbs, "methods", "the compared methods and where they come from")


def _add_verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    return verbs.add_parser(
        name,
        help=text,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run_rd(arguments: argparse.Namespace) -> None:
    """Measure every point that is asked for and not yet there."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"benchmark rd needs {', '.join(missing)}; install the extra: pip install 'videorf[rd]'"
        )
    scene = SCENES[arguments.scene]
    captures = arguments.captures or _stated_captures()
    try:
        scene.config(captures)
        names = _methods(arguments.methods)
    except ValueError as error:
        raise UsageError(str(error)) from error
    for folder in (arguments.results, arguments.work):
        prepare_folder(folder)
    plan = RunPlan(scene, names, captures, arguments.results, arguments.work)
    count = sum(1 for _ in run_points(plan, LineProgress(), say))
    say(f"{count} points of {len(names)} methods in {arguments.results / scene.name}")


def run_report(arguments: argparse.Namespace) -> None:
    """Write the report of all points below a folder."""
    from benchmarks.rd.report import write_report

    if not arguments.results.is_dir():
        raise UsageError(f"there are no results at {arguments.results}; run benchmark rd first")
    out = arguments.out or arguments.results
    prepare_folder(out)
    for path in write_report(arguments.results, out):
        say(str(path))


def list_methods(arguments: argparse.Namespace) -> None:
    """One row per method."""
    del arguments
    rows = [("method", "origin", "rates", "decoder", "source")]
    for name in METHODS:
        method = find_method(name)
        known = method.provenance
        labels = f"{method.rates[0].label} to {method.rates[-1].label}"
        rows.append((name, known.origin.value, labels, known.decoder, known.source))
    say(aligned(rows))
    say("\nreproduced, simplified, not run, licence of the official code:")
    for name in METHODS:
        known = find_method(name).provenance
        say(f"\n{name}: {known.source}\n  reproduced: {known.reproduced}")
        say(f"  simplified: {known.simplified}\n  not run: {known.not_run}")
        say(f"  official code: {known.official_code}")


def _stated_captures() -> Path | None:
    stated = os.environ.get("CAPTURES")
    return Path(stated) if stated else None


def _methods(text: str) -> tuple[str, ...]:
    """The named methods; ``all`` and ``ablations`` stand for several.

    Raises:
        ValueError: if one is unknown.
    """
    sets = {"all": tuple(METHODS), "ablations": ablation_names()}
    names = [name for word in text.split(",") for name in sets.get(word, (word,))]
    for name in names:
        find_method(name)
    return tuple(dict.fromkeys(names))
