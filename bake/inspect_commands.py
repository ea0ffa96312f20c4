"""`inspect-capture`: looks a capture over before it is baked, and names cameras that are wrong."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bake.box_words import with_box_joined
from bake.capture import Capture, CaptureOptions
from bake.captures.box import parse_box
from bake.captures.exposure import compensated
from bake.captures.registry import detect_loader, load_loader
from bake.captures.source import Source
from bake.errors import BakeError, CaptureError
from bake.inspection.contact_sheet import SHEET_SIDE, contact_sheet
from bake.inspection.findings import Verdict, worst
from bake.inspection.inspect import Inspection, inspect
from bake.inspection.report import to_json, to_table
from bake.inspection.rig_drawing import draw_rig
from bake.inspection.small_pictures import read_instant
from bake.progress import LineProgress
from render.commands import prepare_folder
from render.console import EXIT_DONE, EXIT_FAILED, UsageError, run, say
from render.video import write_file, write_png

_EPILOG = """exit code: 0 if nothing is wrong or there are only warnings, 1 if a fault was found or
the work failed, 2 if the capture or an option cannot be used

examples:
  inspect-capture DIR
  inspect-capture DIR --frame 0 --frame 25 --json -          (JSON instead of the table)
  inspect-capture DIR --scale 0.5 --frames 0:100 --box [-1,-1,0,1,1,2]
"""


def inspect_capture(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``inspect-capture``; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(with_box_joined(words))
    found: list[Inspection] = []
    code = run(
        lambda: found.append(_inspect(arguments)), usage=(CaptureError,), failures=(BakeError,)
    )
    has_faults = bool(found) and found[0].verdict is Verdict.FAULT
    return EXIT_FAILED if code == EXIT_DONE and has_faults else code


def _inspect(arguments: argparse.Namespace) -> Inspection:
    if "\0" in f"{arguments.capture}{arguments.out}{arguments.json}":
        raise UsageError("a path holds a NUL, expected names of files and folders; correct it")
    options = CaptureOptions(
        path=arguments.capture,
        scale=arguments.scale,
        frames=arguments.frames,
        loader=arguments.loader,
        box=parse_box(arguments.box),
        test=arguments.test,
    )
    loader = detect_loader(options.path) if options.loader == "auto" else options.loader
    source = compensated(load_loader(loader)(options.path), arguments.exposure)
    capture = Capture(source, options)
    out = Path(arguments.out or f"{capture.name.replace(':', '-')}-inspection")
    prepare_folder(out, "--out FOLDER")
    if arguments.json not in {None, "-"}:
        prepare_folder(Path(arguments.json).absolute().parent)
    found = inspect(source, capture, loader, arguments.frame or (), LineProgress())
    _write(found, source, out)
    if arguments.json == "-":
        say(to_json(found).rstrip())
        return found
    if arguments.json is not None:
        write_file(Path(arguments.json), to_json(found).encode())
    say(to_table(found))
    say(f"pictures and report: {out}")
    return found


def _write(found: Inspection, source: Source, out: Path) -> None:
    """The report and both drawings, each whole or not at all."""
    labels = found.capture.labels
    instant = read_instant(source, found.frames[len(found.frames) // 2], SHEET_SIDE)
    write_png(out / "cameras.png", contact_sheet(instant, labels, found.findings))
    verdicts = {view: worst(found.of_view(view)) for view in range(len(labels))}
    box = found.box.aabb if found.box is not None else found.agreed_box
    write_png(out / "rig.png", draw_rig(found.capture.cameras, labels, box, verdicts))
    write_file(out / "report.json", to_json(found).encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inspect-capture",
        description="Looks a capture over before it is baked: cameras that are swapped, mirrored, "
        "shifted, out of step, or have a wrong pose, focal length or exposure are named. Writes a "
        "contact sheet (cameras.png), the rig from above and the side (rig.png) and report.json.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("capture", help="folder of the capture, or a built-in one (capture.path)")
    parser.add_argument(
        "--frame",
        type=int,
        action="append",
        metavar="N",
        help="position of a frame to compare cameras at; may be repeated (default: first, middle, "
        "last)",
    )
    parser.add_argument(
        "--frames", default=":", metavar="SEL", help="frames to choose from, as capture.frames"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="as capture.scale")
    parser.add_argument("--loader", default="auto", help="as capture.loader")
    parser.add_argument("--box", default="", help="as capture.box: [x,y,z,x,y,z]")
    parser.add_argument("--test", default="", help="cameras to hold out, as capture.test")
    parser.add_argument(
        "--exposure",
        default="",
        metavar="GAINS",
        help="as capture.exposure: what is found then comes on top of these gains",
    )
    parser.add_argument("--json", metavar="FILE", help="also write the report here; - prints it")
    parser.add_argument(
        "--out", help="folder for pictures and report (default: NAME-inspection, in this folder)"
    )
    return parser
