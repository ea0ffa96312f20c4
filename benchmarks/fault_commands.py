"""The verb ``benchmark faults``."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bake.captures.registry import detect_loader, load_loader
from bake.captures.source import Source
from bake.errors import CaptureError
from bake.inspection.agreement import LEAST_VIEWS
from bake.progress import LineProgress
from benchmarks.command_words import counts, positive, prepare_json
from benchmarks.fault_benchmark import (
    FaultPlan,
    FaultRow,
    Outcome,
    find_planted,
    rows_to_json,
    tally,
)
from benchmarks.fault_planting import without_masks
from benchmarks.output import aligned, describe_environment, write_json
from benchmarks.provenance import environment
from render.console import UsageError, say


def add_faults(parser: argparse.ArgumentParser) -> None:
    """The words that the verb takes."""
    usual = FaultPlan()
    parser.add_argument("capture", help="folder of a capture that has no fault")
    parser.add_argument(
        "--planted",
        type=positive,
        default=usual.camera_count,
        metavar="N",
        help=f"cameras that each fault is planted in, default {usual.camera_count}",
    )
    parser.add_argument(
        "--cameras",
        type=counts,
        default=(),
        metavar="N,N",
        help="inspect parts of the rig with so many cameras; default all",
    )
    parser.add_argument(
        "--draws",
        type=positive,
        default=usual.draws,
        metavar="N",
        help="parts of each size: one with evenly spread cameras, the rest drawn at random",
    )
    parser.add_argument(
        "--without-masks", action="store_true", help="subjects before a gray wall instead of masks"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rows here")


def measure_faults(arguments: argparse.Namespace) -> None:
    """Plant every fault, inspect, write the file and show a table.

    Raises:
        UsageError: if the capture cannot be opened, or has too few cameras.
    """
    source = _opened(arguments)
    plan = FaultPlan(arguments.planted, arguments.cameras, arguments.draws)
    prepare_json(arguments.json)
    rows = list(find_planted(source, plan, LineProgress()))
    if arguments.json:
        record = {
            "format": "videorf-fault-benchmark",
            "version": 1,
            "capture": source.name,
            "has_masks": source.reader.inspect([min(source.views)]),
            "plan": asdict(plan),
            **rows_to_json(rows),
            **describe_environment(environment()),
        }
        write_json(arguments.json, record)
    say(fault_table(rows))


def _opened(arguments: argparse.Namespace) -> Source:
    try:
        source = load_loader(detect_loader(arguments.capture))(arguments.capture)
    except CaptureError as error:
        raise UsageError(str(error)) from error
    count = len(source.cameras)
    if count < LEAST_VIEWS:
        raise UsageError(
            f"{source.name} has {count} cameras, expected {LEAST_VIEWS} or more, as fewer cannot "
            "judge each other; choose a capture with more"
        )
    if wrong := [size for size in arguments.cameras if not LEAST_VIEWS <= size <= count]:
        raise UsageError(
            f"{source.name} has {count} cameras, and --cameras asks for {wrong[0]}, expected "
            f"{LEAST_VIEWS} to {count}; leave --cameras out to inspect all of them"
        )
    return without_masks(source) if arguments.without_masks else source


def fault_table(rows: Sequence[FaultRow]) -> str:
    """How each fault was found, by size of the rig."""
    lines = [("cameras", "planted", *(outcome.value for outcome in Outcome), "of")]
    for (size, fault), found in tally(rows).items():
        numbers = [str(found[outcome]) for outcome in Outcome]
        lines.append((str(size), fault, *numbers, str(found.total())))
    return aligned(lines)
