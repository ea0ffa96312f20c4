"""One measured rate point as a file: everything that a report says of it comes from here."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

from benchmarks.provenance import Environment
from benchmarks.results import Origin, Quality, ResultError, mapping, parse_record, require
from hwcodec import replace_file

SCHEMA, SCHEMA_VERSION = "videorf-rd-point", 1


@dataclass(frozen=True, slots=True)
class FrameScore:
    """Means over the held-out views of one frame."""

    frame_index: int
    psnr_db: float
    ssim: float
    psnr_foreground_db: float | None


@dataclass(frozen=True, slots=True)
class PointTiming:
    """Wall seconds. ``fit_s`` is of the whole fit, which several points may share."""

    fit_s: float
    encode_s: float
    decode_s: float
    render_s: float
    view_count: int
    decoder_peak_bytes: int


@dataclass(frozen=True, slots=True)
class StreamNote:
    """What the streams of a package are, and whether `hwcodec verify` takes them.

    ``is_verified`` is None where there is no video stream to verify.
    """

    profile: str
    is_verified: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class RdPoint:
    """One method on one scene at one rate.

    Attributes:
        scene, method, label: what it is; ``value`` is the rate setting in the method's unit.
        origin: measured here by us, or reimplemented from a paper.
        key: changes when scene, settings, method or protocol change.
        settings: what decided the result, as text.
        size_bytes: all bytes that a player must fetch.
        bytes_by_kind: the same by what they are for; they add up to ``size_bytes``.
        frame_count, frame_rate: of the scene; the rate is a fraction such as ``30/1``.
        view_indices, view_size: the held-out views, and their (width, height).
        quality: of what was decoded; ``uncoded``: of the same fit before any rounding or coding.
        per_frame: scores frame by frame.
        timing, stream, environment: how long, what kind of stream, where from.
        crop: file beside this one with a cut-out of a held-out view, or empty.
    """

    scene: str
    method: str
    label: str
    value: float
    origin: Origin
    key: str
    settings: dict[str, str]
    size_bytes: int
    bytes_by_kind: dict[str, int]
    frame_count: int
    frame_rate: str
    view_indices: tuple[int, ...]
    view_size: tuple[int, ...]
    quality: Quality
    uncoded: Quality
    per_frame: tuple[FrameScore, ...]
    timing: PointTiming
    stream: StreamNote
    environment: Environment
    crop: str = ""

    def __post_init__(self) -> None:
        """Refuse sizes and counts that cannot be."""
        require(self.size_bytes > 0, f"size_bytes is {self.size_bytes}, expected 1 or more")
        require(self.frame_count > 0, f"frame_count is {self.frame_count}, expected 1 or more")
        require(
            re.fullmatch(r"[1-9]\d{0,8}/[1-9]\d{0,8}", self.frame_rate) is not None,
            f"frame_rate is {self.frame_rate!r}, expected a positive fraction like '30/1'",
        )
        total = sum(self.bytes_by_kind.values())
        require(
            total == self.size_bytes,
            f"bytes_by_kind add up to {total}, expected size_bytes, {self.size_bytes}",
        )

    @property
    def bytes_per_frame(self) -> float:
        """Mean size of a frame, everything included."""
        return self.size_bytes / self.frame_count

    @property
    def megabits_per_second(self) -> float:
        """Bit rate at the scene's frame rate, in units of one million bits."""
        return self.bytes_per_frame * 8 * float(Fraction(self.frame_rate)) / 1e6


def point_file(folder: Path, scene: str, method: str, label: str) -> Path:
    """Where a point lies below the folder of all results."""
    return folder / scene / method / f"{label}.json"


def write_point(path: Path, point: RdPoint) -> None:
    """Write a point as JSON, whole or not at all.

    Raises:
        ResultError: if it holds what a file may not: a value that is not finite, say.
    """
    record = {"schema": SCHEMA, "version": SCHEMA_VERSION, **asdict(point)}
    try:
        text = json.dumps(record, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ResultError(f"point cannot be written: {error}; use plain numbers") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, f"{text}\n".encode())


def read_point(path: Path) -> RdPoint:
    """Read and check what `write_point` wrote.

    Raises:
        ResultError: if it is damaged, of another schema or of a newer version.
    """
    try:
        values: Mapping[str, object] = mapping(json.loads(path.read_bytes()), "point")
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{path} is not a point: {error}; measure again") from error
    stated = dict(values)
    schema, version = stated.pop("schema", None), stated.pop("version", None)
    try:
        require(schema == SCHEMA, f"schema is {schema!r}, expected {SCHEMA!r}")
        require(version == SCHEMA_VERSION, f"version is {version!r}, expected {SCHEMA_VERSION}")
        return cast(RdPoint, parse_record(stated, RdPoint, "point"))
    except ResultError as error:
        raise ResultError(f"{path}: {error}; measure again") from error


def read_points(folder: Path) -> list[RdPoint]:
    """Every point below a folder, by scene, method and size.

    Raises:
        ResultError: if one is damaged.
    """
    found = [read_point(path) for path in sorted(folder.rglob("*.json"))]
    return sorted(found, key=lambda point: (point.scene, point.method, point.size_bytes))
