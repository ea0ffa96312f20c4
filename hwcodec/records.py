"""Readers for single values that come from outside: settings, and the fields of a JSON record.

Each takes the name that a message should give the value, returns the value with its type known,
and raises a plain ValueError. Who reads a file or a command knows which it is and what to do about
it, and turns that into an error of its own.
"""

import json
import re
from collections.abc import Mapping
from reprlib import Repr
from typing import TypeGuard

# Values end up in single precision and counts in 32 bits.
LARGEST = 3.4028234663852886e38
LARGEST_COUNT = (1 << 31) - 1
# Packages store picture sizes in 16 bits.
LARGEST_SIDE = 65535

# Relative, with forward slashes only, and no part that starts with a dot: nothing in it can lead
# out of the folder that it is relative to, on any system.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60
_SHORT.maxlevel = 3


def shown(value: object) -> str:
    """The value as a message quotes it, cut short where it is long or deep."""
    return _SHORT.repr(value)


def parse_json(data: str | bytes) -> object:
    """What a JSON text says.

    Raises:
        ValueError: if it is no JSON, nested too deeply, or holds a number of thousands of digits.
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply, expected a few levels") from error


def whole_number(name: str, value: object, low: int = 0, high: int = LARGEST_COUNT) -> int:
    """A whole number in ``low..high``.

    Raises:
        ValueError: if it is something else; true, false and 3.0 count as something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is {shown(value)}, expected a whole number in {low}..{high}")
    return value


def finite_number(name: str, value: object, low: float = -LARGEST, high: float = LARGEST) -> float:
    """A number from ``low`` to ``high``, both included, as a float.

    Raises:
        ValueError: if it is something else; true, false, infinity and NaN count as something else.
    """
    if not (_is_number(value) and low <= value <= high):
        raise ValueError(f"{name} is {shown(value)}, expected a number from {low:g} to {high:g}")
    return float(value)


def positive_number(name: str, value: object, high: float = LARGEST) -> float:
    """A number above zero, up to ``high``, as a float.

    Raises:
        ValueError: if it is something else.
    """
    if not (_is_number(value) and 0 < value <= high):
        raise ValueError(f"{name} is {shown(value)}, expected a positive number up to {high:g}")
    return float(value)


def any_text(name: str, value: object) -> str:
    """A string, which may be empty.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} is {shown(value)}, expected a text")
    return value


def some_text(name: str, value: object) -> str:
    """A string that is not empty and holds no NUL.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"{name} is {shown(value)}, expected a text")
    return value


def file_name(name: str, value: object) -> str:
    """A relative file name that stays inside the folder it is relative to.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(value, str) or not _FILE_NAME.fullmatch(value):
        raise ValueError(
            f"{name} is {shown(value)}, expected a file inside the folder, named by letters, "
            "digits, '_', '-' and '.', as in atlas/frame00000.npy"
        )
    return value


def several(name: str, value: object, count: int | None = None, *, least: int = 0) -> list[object]:
    """A list, of ``count`` items if that is given and of ``least`` or more otherwise.

    Raises:
        ValueError: if it is something else.
    """
    fits = isinstance(value, list) and count in {None, len(value)} and len(value) >= least
    if not isinstance(value, list) or not fits:
        wanted = f"{count} values" if count is not None else f"at least {least} values"
        raise ValueError(f"{name} is {shown(value)}, expected a list of {wanted}")
    return value


def numbers(name: str, value: object, count: int) -> list[float]:
    """A list of that many finite numbers.

    Raises:
        ValueError: if it is something else.
    """
    return [finite_number(name, number) for number in several(name, value, count)]


def triple(name: str, value: object) -> tuple[float, float, float]:
    """A list of three finite numbers, as a position or a color.

    Raises:
        ValueError: if it is something else.
    """
    x, y, z = numbers(name, value, 3)
    return x, y, z


def named_values(
    name: str, value: object, keys: str, *, allow_more: bool = True
) -> Mapping[str, object]:
    """An object that has the given keys, separated by blanks; others as well where it may.

    Raises:
        ValueError: if it is something else, or a key is missing or not among those expected.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {shown(value)}, expected an object")
    missing = [key for key in keys.split() if key not in value]
    if missing:
        raise ValueError(f"{name} has no {missing[0]!r}, expected {keys}")
    if not allow_more and len(value) > len(keys.split()):
        raise ValueError(f"{name} has the keys {shown(list(value))}, expected only {keys}")
    return value


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether it can be compared; an integer may still be too large to become a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)
