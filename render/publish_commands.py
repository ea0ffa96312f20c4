"""The command ``publish-package``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from render.commands import open_package_for_use
from render.console import note, run, say
from render.publish import Published, PublishOptions, publish

_EXAMPLE = """examples:
  publish-package PACKAGE --out SITE                      (player, H.264 rung, playlists, poster)
  publish-package SMALL LARGE HEVC --out SITE --title "A dancer"
  serve-package SITE --open                               (look at it)
"""


def publish_package(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``publish-package``; returns the exit code."""
    arguments = _parser().parse_args(sys.argv[1:] if argv is None else argv)

    def work() -> None:
        options = PublishOptions(arguments.title, arguments.qp)
        for package in arguments.packages:
            open_package_for_use(package)
        show_published(publish(arguments.packages, arguments.out, options))
        say(f"{arguments.out}: serve it with any web server, or with serve-package")

    return run(work)


def show_published(published: Published) -> None:
    """Tell what was published, and on stderr what was decided on the way."""
    for text in published.notes:
        note(text)
    for rung in published.rungs:
        say(
            f"{rung.name}: {rung.codec_string}, {rung.bandwidth / 1e6:.2f} Mbit/s, "
            f"{rung.bytes} bytes in all"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="publish-package",
        description="Write a folder with a web player that any web server or CDN serves.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "packages",
        type=Path,
        nargs="+",
        metavar="PACKAGE",
        help="folder or .vrf file; several of one capture become rungs to choose from",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="to be written")
    parser.add_argument("--title", default="", metavar="T", help="the capture's name unless given")
    parser.add_argument(
        "--qp",
        type=_qp,
        default=PublishOptions().qp,
        metavar="N",
        help="of the H.264 rung made where none is given, 0 to 51, default 22",
    )
    return parser


def _qp(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 51:
        raise argparse.ArgumentTypeError(f"{text} is not 0 to 51")
    return value
