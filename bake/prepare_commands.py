"""The command ``prepare-capture``."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from bake.box_words import with_box_joined
from bake.captures.box import parse_box
from bake.errors import BakeError, CaptureError
from bake.preparation.chroma_key import parse_key
from bake.preparation.plan import PrepareOptions
from bake.preparation.prepare import Prepared, prepare
from bake.preparation.timeline import ALIGNMENTS, TimelineOptions
from bake.preparation.writing import EXACT_DB
from bake.progress import LineProgress
from render.console import note, run, say

_EXAMPLE = """examples:
  prepare-capture VIDEOS --cameras transforms.json --masks MASKS OUT
  prepare-capture cam*.mp4 --cameras colmap/sparse/0 --chroma-key green OUT
  prepare-capture VIDEOS --cameras RIG --clean-plate EMPTY --offset cam03=2 OUT
  bake-sequence capture.path=OUT                             (what comes next)

A stopped run goes on where it was when the same command is given again; a finished one stays.

masks and their limits:
  --masks         gray videos, one per camera, a mask for every picture, nearly black and white
  --chroma-key    needs an evenly lit backdrop; clothes of its hue become holes, and shadows on it
                  stay as veils; a color picked from the video is better than a name
  --clean-plate   needs a camera, lens and light that have not changed; matter of the background's
                  color becomes holes, deep shadows stay; with a video as plate its noise is known
"""


def prepare_capture(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``prepare-capture``; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Videos stand before and the folder after the options.
    arguments = _parser().parse_intermixed_args(with_box_joined(words))

    def work() -> None:
        options = _options(arguments, words)
        out = Path(arguments.out)
        prepared = prepare(arguments.videos, out, options, LineProgress(), note)
        if prepared is None:
            say(f"{out} is finished already, nothing to do; next: bake-sequence capture.path={out}")
        else:
            say(_result(out, prepared))

    return run(work, usage=(CaptureError,), failures=(BakeError,))


def _result(out: Path, prepared: Prepared) -> str:
    quality = "to the bit" if prepared.psnr_db >= EXACT_DB else f"at {prepared.psnr_db:.1f} dB"
    return (
        f"{out}: {prepared.camera_count} cameras, {prepared.frame_count} frames, "
        f"{prepared.output_bytes / 1e6:.2f} MB of {prepared.input_bytes / 1e6:.2f} MB, "
        f"{prepared.kept_pixel_share:.0%} of the pixels, as read {quality}; "
        f"next: bake-sequence capture.path={out}"
    )


def _options(arguments: argparse.Namespace, words: Sequence[str]) -> PrepareOptions:
    first, last = _frames(arguments.frames)
    timeline = TimelineOptions(
        align=arguments.align,
        offsets=_offsets(arguments.offset),
        frame_rate=arguments.frame_rate,
        first=first,
        last=last,
    )
    return PrepareOptions(
        cameras=arguments.cameras,
        timeline=timeline,
        masks=arguments.masks,
        key=parse_key(arguments.chroma_key) if arguments.chroma_key is not None else None,
        plates=arguments.clean_plate,
        box=parse_box(arguments.box),
        margin=arguments.margin,
        allow_crop=not arguments.no_crop,
        is_lossless=arguments.lossless,
        test=tuple(name for name in arguments.test.split(",") if name),
        decoder=arguments.decoder,
        allow_subset=arguments.subset,
        looks_for_offsets=arguments.check_sync,
        command=shlex.join(["prepare-capture", *words]),
    )


def _offsets(texts: Sequence[str]) -> dict[str, int]:
    offsets = {}
    for text in texts:
        label, equals, number = text.rpartition("=")
        try:
            offsets[label] = int(number)
        except ValueError:
            equals = ""
        if not equals or not label:
            raise CaptureError(
                f"--offset is {text!r:.60}, expected CAMERA=FRAMES with a whole number, as in "
                "cam03=2; parts of a frame cannot be made up for"
            )
    return offsets


def _frames(text: str) -> tuple[int, int | None]:
    first, colon, last = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return int(first or 0), int(last) if last else None
    except ValueError:
        raise CaptureError(f"--frames is {text!r:.60}, expected FIRST:LAST as in 0:300") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare-capture",
        usage="prepare-capture VIDEOS... --cameras FILE [options] OUT",
        description="Write a compact capture from synchronized videos of calibrated cameras: "
        "matched in time, masked, straightened and cropped once, ready for bake-sequence.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "videos",
        type=Path,
        nargs="+",
        metavar="VIDEOS",
        help="video files or folders of them; a camera is called as its file",
    )
    parser.add_argument("out", metavar="OUT", help="folder to be written, new or empty")
    parser.add_argument(
        "--cameras",
        type=Path,
        required=True,
        metavar="FILE",
        help="transforms.json, a folder of COLMAP, intri.yml beside extri.yml, poses_bounds.npy, "
        "or the folder of a capture",
    )
    parser.add_argument(
        "--subset", action="store_true", help="cameras without a video are left out"
    )
    parser.add_argument("--test", default="", metavar="NAMES", help="cameras to hold out, by comma")
    _add_timeline(parser)
    _add_pictures(parser)
    return parser


def _add_timeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--align",
        choices=ALIGNMENTS,
        default="strict",
        help="strict (default): pictures belong together by count, and anything odd is an error; "
        "first, times: by time, from each video's first picture or on a clock that all share",
    )
    parser.add_argument(
        "--offset",
        action="append",
        default=[],
        metavar="CAMERA=N",
        help="the camera's content comes N frames later in its video than in the others",
    )
    parser.add_argument(
        "--check-sync",
        action="store_true",
        help="look through the first 300 frames for cameras that are late, and say which",
    )
    parser.add_argument(
        "--frame-rate", type=_rate, metavar="F", help="of the capture, as 30 or 30000/1001"
    )
    parser.add_argument("--frames", default=":", metavar="A:B", help="frames to keep, B excluded")


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    masks = parser.add_mutually_exclusive_group()
    masks.add_argument("--masks", type=Path, metavar="FOLDER", help="videos of masks, same names")
    masks.add_argument("--chroma-key", metavar="COLOR", help="green, blue, or R,G,B in 0..255")
    masks.add_argument(
        "--clean-plate",
        type=Path,
        metavar="FOLDER",
        help="pictures or videos of the empty stage, same names",
    )
    parser.add_argument(
        "--box",
        default="",
        metavar="X,Y,Z,X,Y,Z",
        help="around the scene; found by masks or points otherwise",
    )
    parser.add_argument(
        "--margin", type=_share, default=0.05, help="around the box in a picture, as a share of it"
    )
    parser.add_argument("--no-crop", action="store_true", help="keep whole pictures")
    parser.add_argument("--lossless", action="store_true", help="keep color to the bit")
    parser.add_argument(
        "--decoder",
        default="auto",
        metavar="NAME",
        help="auto (default): hardware where it works; software; or a kind such as cuda, vaapi",
    )


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(f"{text} is no rate such as 30 or 30000/1001") from error
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and up to 1000")
    return rate


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(
            f"it is {text!r:.40}, expected a share from 0 to 1, as 0.05 for a twentieth"
        )
    return value
