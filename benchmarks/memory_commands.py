"""The verb ``benchmark memory``."""

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.command_words import positive, prepare_json, sizes
from benchmarks.memory_benchmark import SETTINGS, BakePlan, RigPlan, measure_bake, write_rig
from benchmarks.output import aligned, describe_environment, write_json
from benchmarks.provenance import environment
from render.console import UsageError, say

_SCALES = (1.0, 0.25)


def add_memory(parser: argparse.ArgumentParser) -> None:
    """The words that the verb takes."""
    rig, bake = RigPlan(), BakePlan()
    words = (
        ("--cameras", rig.camera_count, "cameras of the rig"),
        ("--frames", rig.frame_count, "frames of every video"),
        ("--baked", bake.frame_count, "frames that are baked"),
    )
    for option, usual, text in words:
        parser.add_argument(
            option, type=positive, default=usual, metavar="N", help=f"{text}, default {usual}"
        )
    parser.add_argument(
        "--size", type=sizes, default=(rig.size,), metavar="WxH", help="default 1920x1080"
    )
    parser.add_argument(
        "--scale",
        type=float,
        action="append",
        metavar="S",
        help="of the pictures that are baked; may be repeated, default 1 and 0.25",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")


def measure_memory(arguments: argparse.Namespace) -> None:
    """Make the capture, bake it at every scale, write the file and show a table.

    Raises:
        UsageError: if there are too few cameras, or several sizes.
        ProgramError: if a bake ends with an error.
    """
    if arguments.cameras < 4 or len(arguments.size) != 1:
        raise UsageError("expected at least 4 --cameras, and one --size such as 1920x1080")
    if arguments.baked > arguments.frames:
        raise UsageError(
            f"--baked is {arguments.baked}, expected at most the {arguments.frames} --frames"
        )
    rig = RigPlan(arguments.cameras, arguments.frames, arguments.size[0])
    plans = [BakePlan(scale, arguments.baked) for scale in arguments.scale or _SCALES]
    prepare_json(arguments.json)
    with tempfile.TemporaryDirectory(prefix="videorf-") as temporary:
        folder = Path(temporary) / "capture"
        folder.mkdir()
        write_rig(folder, rig)
        rows = []
        for number, plan in enumerate(plans):
            rows.append(measure_bake(folder, plan, Path(temporary) / f"scene{number}"))
            say(f"scale {plan.scale:g}: {rows[-1].peak_bytes / 2**20:.0f} MiB")
    record = {
        "format": "videorf-memory-benchmark",
        "version": 1,
        "rig": asdict(rig),
        "settings": [*SETTINGS],
        "rows": [row.to_json() for row in rows],
        **describe_environment(environment()),
    }
    if arguments.json:
        write_json(arguments.json, record)
    lines = [("scale", "frames", "peak MiB", "seconds")]
    lines += [
        (
            f"{row.plan.scale:g}",
            str(row.plan.frame_count),
            f"{row.peak_bytes / 2**20:.0f}",
            f"{row.seconds:.0f}",
        )
        for row in rows
    ]
    say(aligned(lines))
