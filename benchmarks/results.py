"""Measurements as files: what every table and figure is generated from.

::

    Result        method, origin, scene
    ├── Environment   commit, machine, versions, command, utc
    └── RatePoint     settings, size, frames        (one per rate)
        ├── Quality       decibels and similarities
        └── Timing        seconds per stage

A file holds one result and the version of this schema. It is read back strictly: a missing or
unknown field, a wrong type or an impossible value is refused with its place in the file.
"""

import json
import math
import re
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from benchmarks.provenance import Environment
from hwcodec import replace_file

SCHEMA = "videorf-result"
SCHEMA_VERSION = 1


class ResultError(ValueError):
    """A result file, or a record about to become one, breaks the schema."""


class Origin(StrEnum):
    """How the numbers of a result came about; a reported number never passes for a measured one."""

    MEASURED = "measured"  # by this project's own method, here
    REIMPLEMENTED = "reimplemented"  # another method, from its paper, here
    OFFICIAL_CODE = "official code"  # another method, with its authors' code, here
    REPORTED = "reported"  # copied from a publication


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over ``image_count`` images, as ``benchmarks.metrics`` has them; None: not taken."""

    image_count: int
    psnr_db: float
    ssim: float
    psnr_foreground_db: float | None = None
    temporal_psnr_db: float | None = None

    def __post_init__(self) -> None:
        """Refuse counts and similarities that cannot be."""
        require(self.image_count > 0, f"image_count is {self.image_count}, expected 1 or more")
        require(-1 <= self.ssim <= 1, f"ssim is {self.ssim}, expected -1 to 1")


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall time of each stage over all frames, in seconds; None: not taken."""

    bake_s: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None
    render_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse negative times."""
        for name, value in asdict(self).items():
            require(value is None or value >= 0, f"{name} is {value}, expected 0 or more")


@dataclass(frozen=True, slots=True)
class RatePoint:
    """Size and quality at one setting.

    ``size_bytes`` is everything a player has to fetch, manifest and tables included. ``settings``
    says how the point was made (encoder, QP, preset). ``frame_rate`` is in frames per second, as a
    fraction such as ``30/1``.
    """

    label: str
    settings: dict[str, str]
    size_bytes: int
    frame_count: int
    frame_rate: str
    quality: Quality
    timing: Timing

    def __post_init__(self) -> None:
        """Refuse empty points and frame rates that are not positive fractions."""
        require(self.size_bytes > 0, f"size_bytes is {self.size_bytes}, expected 1 or more")
        require(self.frame_count > 0, f"frame_count is {self.frame_count}, expected 1 or more")
        require(
            re.fullmatch(r"[1-9]\d{0,8}/[1-9]\d{0,8}", self.frame_rate) is not None,
            f"frame_rate is {self.frame_rate!r}, expected a positive fraction like '30/1'",
        )

    @property
    def bytes_per_frame(self) -> float:
        """Mean size of a frame."""
        return self.size_bytes / self.frame_count

    @property
    def megabits_per_second(self) -> float:
        """Bitrate at the frame rate of the point, in units of one million bits."""
        return self.bytes_per_frame * 8 * float(Fraction(self.frame_rate)) / 1e6


@dataclass(frozen=True, slots=True)
class Result:
    """One method on one scene, at one or more rates. ``notes`` says what a reader must know."""

    method: str
    origin: Origin
    scene: str
    points: tuple[RatePoint, ...]
    environment: Environment
    notes: str = ""

    def __post_init__(self) -> None:
        """Refuse results without a name or a point."""
        require(bool(self.method), "method is empty, expected a name")
        require(bool(self.scene), "scene is empty, expected a name")
        require(bool(self.points), "points is empty, expected at least one rate point")


def require(is_met: bool, message: str) -> None:  # noqa: FBT001 -- the condition is the subject
    """Raise ``message`` unless the condition holds.

    Raises:
        ResultError: if it does not.
    """
    if not is_met:
        raise ResultError(message)


def write_result(path: Path, result: Result) -> None:
    """Write the result as JSON, whole or not at all; an older file of that name is replaced.

    Raises:
        ResultError: if the record holds what a file may not: a value that is not finite, say.
    """
    record = {"schema": SCHEMA, "version": SCHEMA_VERSION, **asdict(result)}
    try:
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        data = text.encode()
    except (TypeError, ValueError) as error:
        raise ResultError(f"result cannot be written: {error}; use plain numbers") from error
    parse(json.loads(data))  # What could not be read back is not written.
    replace_file(path, data)


def read_result(path: Path) -> Result:
    """Read and check a file that ``write_result`` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ResultError: if it is damaged, of another schema or of a newer version.
    """
    text = path.read_bytes()
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{path} is not JSON: {error}; measure again") from error
    try:
        return parse(record)
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from error


def parse(record: object) -> Result:
    """Turn decoded JSON into a checked result.

    Raises:
        ResultError: if anything is missing, unknown or impossible.
    """
    values = mapping(record, "result")
    schema, version = values.pop("schema", None), values.pop("version", None)
    require(schema == SCHEMA, f"schema is {schema!r}, expected {SCHEMA!r}; not a result file")
    require(
        version == SCHEMA_VERSION,
        f"version is {version!r}, expected {SCHEMA_VERSION}; update videorf, or measure again",
    )
    return cast(Result, parse_record(values, Result, "result"))


def mapping(value: object, place: str) -> dict[str, object]:
    """A copy of a JSON object.

    Raises:
        ResultError: if it is something else.
    """
    require(isinstance(value, dict), f"{place} is {value!r}, expected a JSON object")
    return dict(cast("dict[str, object]", value))


def parse_record(value: object, kind: type, place: str) -> object:
    """Build the dataclass ``kind`` from a JSON object that has exactly its fields.

    Raises:
        ResultError: naming the place of what does not fit.
    """
    values = mapping(value, place)
    names = {field.name for field in fields(kind)}
    missing, unknown = sorted(names - values.keys()), sorted(values.keys() - names)
    require(not missing, f"{place} lacks {missing}; measure again")
    require(not unknown, f"{place} has {unknown}, expected only {sorted(names)}")
    hints = get_type_hints(kind)
    parsed = {name: parse_value(values[name], hints[name], f"{place}.{name}") for name in names}
    try:
        return kind(**parsed)
    except ResultError as error:
        raise ResultError(f"{place}: {error}") from error


def parse_value(value: object, hint: Any, place: str) -> object:  # noqa: ANN401 -- a type form
    """Check a JSON value against the annotation of its field.

    Raises:
        ResultError: naming the place of what does not fit.
    """
    if get_origin(hint) in {Union, types.UnionType}:
        inner = next(option for option in get_args(hint) if option is not type(None))
        return None if value is None else parse_value(value, inner, place)
    if get_origin(hint) is tuple:
        require(isinstance(value, list), f"{place} is {value!r}, expected a JSON array")
        items = cast("list[object]", value)
        inner = get_args(hint)[0]
        return tuple(parse_value(item, inner, f"{place}[{i}]") for i, item in enumerate(items))
    if get_origin(hint) is dict:
        entries = mapping(value, place)
        inner = get_args(hint)[1]
        return {key: parse_value(item, inner, f"{place}.{key}") for key, item in entries.items()}
    if is_dataclass(hint):
        return parse_record(value, cast(type, hint), place)
    return parse_scalar(value, hint, place)


def parse_scalar(value: object, kind: type, place: str) -> object:
    """Check a JSON scalar; an integer passes for a float, a Boolean for nothing but itself.

    Raises:
        ResultError: if it is of another type, not finite or not one of the named values.
    """
    if issubclass(kind, StrEnum):
        known = [member.value for member in kind]
        require(value in known, f"{place} is {value!r}, expected one of {known}")
        return kind(cast(str, value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and is_number:
        return finite(cast(float, value), place)
    require(type(value) is kind, f"{place} is {value!r}, expected {kind.__name__}")
    return value


def finite(value: float, place: str) -> float:
    """The number as a float.

    Raises:
        ResultError: if it is infinite, not a number, or an integer too large for a float.
    """
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    require(math.isfinite(number), f"{place} is {number}, expected a finite number")
    return number


def settings_text(settings: Mapping[str, object]) -> dict[str, str]:
    """Settings as a rate point stores them: every value as text, in order of their names."""
    return {name: str(settings[name]) for name in sorted(settings)}
