"""What the commands of this package share: their parsers, the words they take, and early checks."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from render.commands import prepare_folder
from render.console import UsageError


def words(argv: Sequence[str] | None) -> Sequence[str]:
    """The given words, or those of the process."""
    return sys.argv[1:] if argv is None else argv


def new_parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser whose help ends with examples as they are written."""
    return argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def prepare_json(path: Path | None, option: str = "--json") -> None:
    """Find out before the work, not after it, whether its result can be written.

    Raises:
        UsageError: if it cannot.
    """
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{option} is {path}, a folder, expected a file name")
    prepare_folder(path.absolute().parent)


def positive(text: str) -> int:
    """A whole number of 1 or more.

    Raises:
        ArgumentTypeError, ValueError: if it is none.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def seconds(text: str) -> float:
    """A duration of up to an hour.

    Raises:
        ArgumentTypeError, ValueError: if it is none.
    """
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not 0 to 3600")
    return value


def counts(text: str) -> tuple[int, ...]:
    """Whole numbers of 1 or more with commas in between, in order and without repetition.

    Raises:
        ArgumentTypeError, ValueError: if one is none.
    """
    return tuple(sorted({positive(part) for part in text.split(",")}))


def sizes(text: str) -> tuple[tuple[int, int], ...]:
    """Sizes such as ``1024x1024,2048x1536``, width first.

    Raises:
        ArgumentTypeError, ValueError: if one is none.
    """
    found = []
    for part in text.split(","):
        sides = part.lower().split("x")
        if len(sides) != 2:
            raise argparse.ArgumentTypeError(f"{part!r} is not WIDTHxHEIGHT")
        found.append((positive(sides[0]), positive(sides[1])))
    return tuple(dict.fromkeys(found))
