"""The commands ``serve-package`` and ``play-package``."""

import argparse
import contextlib
import sys
import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path

from hwcodec import BackendUnavailable
from render.commands import open_package_for_use
from render.console import UsageError, note, run, say
from render.errors import ServeError
from render.publish import PublishOptions, is_published, publish
from render.qr import qr_text
from render.serve import (
    EVERY_INTERFACE,
    LOOPBACK,
    PackageServer,
    ServeOptions,
    lan_address,
    open_server,
)

_SERVE_EXAMPLE = """examples:
  serve-package SITE                     (what publish-package wrote, at http://127.0.0.1:8000/)
  serve-package PACKAGE --open           (published to a temporary folder first)
  serve-package SITE --lan --port 9000   (for phones in the same network, with a QR code)
Ctrl-C ends it.
"""
_PLAY_EXAMPLE = """examples:
  play-package PACKAGE
  play-package scene.vrf --port 9000 --no-browser
Ctrl-C ends it.
"""
_PORT = 8000


def serve_package(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``serve-package``; returns the exit code."""
    arguments = _serve_parser().parse_args(sys.argv[1:] if argv is None else argv)
    host = EVERY_INTERFACE if arguments.lan else LOOPBACK
    options = ServeOptions(host=host, port=arguments.port)
    work = _Work(arguments.place, options, opens_browser=arguments.open)
    return run(work, usage=(ServeError,))


def play_package(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``play-package``; returns the exit code."""
    arguments = _play_parser().parse_args(sys.argv[1:] if argv is None else argv)
    options = ServeOptions(port=arguments.port)
    work = _Work(arguments.place, options, opens_browser=not arguments.no_browser)
    return run(work, usage=(ServeError,))


class _Work:
    """Publish if needed, serve, tell where, and wait for Ctrl-C."""

    def __init__(self, place: Path, options: ServeOptions, *, opens_browser: bool) -> None:
        self._place, self._options, self._opens_browser = place, options, opens_browser

    def __call__(self) -> None:
        """Return once the user has ended it.

        Raises:
            UsageError, ServeError: if there is nothing to serve, or no address to serve it at.
            ContainerError, RenderError: if the package cannot be published.
        """
        with (
            _site_of(self._place) as site,
            open_server(site, self._options) as server,
            contextlib.suppress(KeyboardInterrupt),
        ):
            self._announce(server)
            if self._opens_browser and not webbrowser.open(server.url):
                note("no browser was found; open the address yourself")
            server.serve_forever()

    def _announce(self, server: PackageServer) -> None:
        say(f"{self._place} is served at {server.url} (Ctrl-C ends it)")
        if self._options.host == EVERY_INTERFACE:
            _announce_lan(server)
        sys.stdout.flush()


def _announce_lan(server: PackageServer) -> None:
    """Address and QR code for other machines; the address is told even where no code can be."""
    url = server.url_at(lan_address())
    say(f"in the local network: {url}")
    note(
        "everyone in this network can open it; without https browsers there decode through the "
        "video element, which not every rung can use"
    )
    try:
        picture = qr_text(url).rstrip("\n")
        picture.encode(sys.stdout.encoding or "utf-8")
    except BackendUnavailable as error:
        note(str(error))
    except UnicodeEncodeError:
        note("no QR code, since this terminal shows no block characters; set PYTHONUTF8=1")
    else:
        say(picture)


@contextlib.contextmanager
def _site_of(place: Path) -> Iterator[Path]:
    """The folder to serve: a published one as it is, a package published for the time being."""
    if place.is_dir() and is_published(place):
        yield place
        return
    if not place.exists():
        raise UsageError(
            f"there is nothing at {place}, expected a folder written by publish-package, or a "
            "package; check the path"
        )
    open_package_for_use(place)
    with tempfile.TemporaryDirectory(prefix="videorf-") as folder:
        note("publishing to a temporary folder; publish-package keeps the result")
        published = publish([place], Path(folder) / "site", PublishOptions())
        for line in published.notes:
            note(line)
        yield published.folder


def _serve_parser() -> argparse.ArgumentParser:
    parser = _parser("serve-package", "Serve a published scene, or a package.", _SERVE_EXAMPLE)
    parser.add_argument(
        "place", type=Path, metavar="FOLDER|PACKAGE", help="from publish-package or encode-atlas"
    )
    _add_port(parser, _PORT)
    parser.add_argument(
        "--lan", action="store_true", help="for the local network too, with a QR code"
    )
    parser.add_argument("--open", action="store_true", help="open it in a browser")
    return parser


def _play_parser() -> argparse.ArgumentParser:
    parser = _parser("play-package", "Play a package in a browser.", _PLAY_EXAMPLE)
    parser.add_argument("place", type=Path, metavar="PACKAGE", help="folder or .vrf file")
    _add_port(parser, 0)
    parser.add_argument(
        "--no-browser", action="store_true", help="only print the address, open nothing"
    )
    return parser


def _parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_port(parser: argparse.ArgumentParser, usual: int) -> None:
    told = str(usual) if usual else "a free one"
    parser.add_argument(
        "--port",
        type=_port,
        default=usual,
        metavar="N",
        help=f"0 takes a free one; {told} unless given",
    )


def _port(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else -1
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not 0 to 65535")
    return value
