"""The command ``hwcodec``: what a package's streams are, and what this machine can code.

    0   done, and everything checked passed
    1   a check failed, or the work was stopped
    2   the request itself cannot be met: bad arguments or a missing path

A subcommand is a function that adds its parser and names the function that carries it out.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import torch

from hwcodec.codec import decode
from hwcodec.decoders import choose_decoder
from hwcodec.doctor import examine, table
from hwcodec.errors import BackendUnavailable
from hwcodec.files import replace_file
from hwcodec.types import Bitstream, Picture
from hwcodec.verify import VerifyOptions, verify_path

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2

# The library has no public name for what add_subparsers() returns.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command = Callable[[argparse.Namespace], int]

_DOCTOR = """example:
  hwcodec doctor --json machine.json
"""
_VERIFY = """examples:
  hwcodec verify PACKAGE                 every stream of a package folder or .vrf file
  hwcodec verify clip.mp4 --json out.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``hwcodec`` and of ``python -m hwcodec``; returns the exit code.

    Without a subcommand it is ``hwcodec doctor``.
    """
    parser = argparse.ArgumentParser(
        prog="hwcodec", description="Video streams as this project writes and plays them."
    )
    subparsers = parser.add_subparsers(metavar="COMMAND")
    parser.set_defaults(command=_doctor, json=None)
    add_doctor(subparsers)
    add_verify(subparsers)
    arguments = parser.parse_args(sys.argv[1:] if argv is None else argv)
    command: Command = arguments.command
    try:
        code = command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more; the interpreter must not try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        return _say_error("stopped; nothing was changed", EXIT_FAILED)
    return code


def add_doctor(subparsers: Subparsers) -> None:
    """The subcommand ``doctor``."""
    parser = subparsers.add_parser(
        "doctor",
        help="what this machine can encode and decode, and why not the rest",
        description="Ask every backend what runs here; hardware is asked in a process of its own.",
        epilog=_DOCTOR,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_json(parser)
    parser.set_defaults(command=_doctor)


def add_verify(subparsers: Subparsers) -> None:
    """The subcommand ``verify``."""
    parser = subparsers.add_parser(
        "verify",
        help="prove that every hardware decoder can decode a package's streams",
        description="Check, from the coded bytes, that every stream is in the interchange profile.",
        epilog=_VERIFY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", type=Path, metavar="PACKAGE|FILE", help="package, or MP4 file")
    _add_json(parser)
    parser.add_argument("--quick", action="store_true", help="read headers, decode nothing")
    parser.add_argument(
        "--allow-raw", action="store_true", help="let raw streams pass, which no hardware decodes"
    )
    parser.set_defaults(command=_verify)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")


def _doctor(arguments: argparse.Namespace) -> int:
    target: Path | None = arguments.json
    if target is not None and not _is_writable(target):
        return EXIT_USAGE
    diagnosis = examine()
    if target is not None:
        replace_file(target, _json_bytes(diagnosis.to_json()))
    sys.stdout.write(table(diagnosis))
    return EXIT_DONE


def _verify(arguments: argparse.Namespace) -> int:
    path, target = arguments.path, arguments.json
    if not path.exists():
        return _say_error(
            f"there is nothing at {path}, expected a package or an MP4 file; check the path",
            EXIT_USAGE,
        )
    if target is not None and not _is_writable(target):
        return EXIT_USAGE
    options = VerifyOptions(arguments.quick, arguments.allow_raw, _hardware())
    try:
        report = verify_path(path, options)
        if target is not None:
            replace_file(target, _json_bytes(report.document()))
    except OSError as error:
        return _say_error(f"{error.filename or path}: {error.strerror}", EXIT_USAGE)
    sys.stdout.write(report.table())
    return EXIT_DONE if report.passed else EXIT_FAILED


def _hardware() -> Callable[[Bitstream], Iterator[Picture]] | None:
    """A decoder on the first CUDA device, where there is one."""
    return _decode_in_hardware if torch.cuda.is_available() else None


def _decode_in_hardware(stream: Bitstream) -> Iterator[Picture]:
    choice = choose_decoder(stream.codec, stream.geometry, device="cuda")
    if not choice.is_hardware:
        raise BackendUnavailable(choice.reason)
    return decode(stream, device="cuda")


def _is_writable(target: Path) -> bool:
    """Whether a result can be put there; if not, the error has been said."""
    if target.parent.is_dir() and not target.is_dir():
        return True
    _say_error(
        f"{target} cannot be written, expected a file in a folder that exists; make the folder",
        EXIT_USAGE,
    )
    return False


def _json_bytes(document: object) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _say_error(text: str, code: int) -> int:
    sys.stderr.write(f"error: {text}\n")
    return code
