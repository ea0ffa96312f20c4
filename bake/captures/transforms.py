"""What the transforms.json family shares: strict JSON reading, poses, and timelines.

Poses in these files are OpenGL camera-to-world (x right, y up, z backward); they leave here as
OpenCV world-to-camera.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bake.captures.files import read_bounded
from bake.captures.pictures import stays_inside
from bake.captures.source import DEFAULT_FRAME_RATE, to_frame_rate
from bake.errors import CaptureError
from hwcodec.records import LARGEST, LARGEST_SIDE, finite_number, parse_json, shown, triple
from render.cameras import Camera
from render.errors import CameraError
from render.geometry import Aabb

# Focal length and principal point in pixels: x, y, x, y.
Intrinsics = tuple[float, float, float, float]
# Of several hundred thousand pictures.
_MOST_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object and where it came from, so that every message can say so."""

    where: str
    values: Mapping[str, Any]

    def get(self, key: str, default: object = None) -> object:
        """The value, or the default where the key is absent."""
        return self.values.get(key, default)

    def need(self, key: str, remedy: str) -> object:
        """The value of a key that must be there.

        Raises:
            CaptureError: if it is not.
        """
        if key not in self.values:
            raise CaptureError(f'{self.where} has no "{key}", expected one; {remedy}')
        return self.values[key]

    def number(self, key: str, remedy: str = "add it") -> float:
        """A finite number that must be there.

        Raises:
            CaptureError: if it is absent, not a number, or not finite.
        """
        value = self.need(key, remedy)
        try:
            return finite_number(key, value)
        except ValueError as error:
            raise CaptureError(
                f'{self.where} has "{key}" = {shown(value)}, expected a finite number of at most '
                f"{LARGEST:g}; correct it"
            ) from error

    def file_name(self, key: str) -> str:
        """The name of a file below the folder of the JSON file, which must be there.

        Raises:
            CaptureError: if it is absent, no name, or leads out of the folder.
        """
        value = self.need(key, "name the picture relative to the JSON file")
        if not isinstance(value, str) or not stays_inside(value):
            raise CaptureError(
                f'{self.where} has "{key}" = {shown(value)}, expected a file name inside the '
                "folder of the JSON file; move the file there, or link to it"
            )
        return value

    def records(self, key: str) -> list["Record"]:
        """A non-empty list of objects that must be there.

        Raises:
            CaptureError: if it is absent, empty or holds something else.
        """
        values = self.need(key, "list one object per picture")
        if not isinstance(values, list) or not values:
            raise CaptureError(
                f'{self.where} has an empty or wrong "{key}", expected one object per picture; '
                "export the capture again"
            )
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                raise CaptureError(
                    f"{self.where} {key}[{index}] is {shown(value)}, expected an object"
                )
        return [Record(f"{self.where} {key}[{i}]", value) for i, value in enumerate(values)]


def read_document(path: Path) -> Record:
    """Parse a JSON file whose top level is an object.

    Raises:
        CaptureError: if it is missing, empty, not JSON, or something else than an object.
    """
    if not path.is_file():
        raise CaptureError(f"{path} is missing, expected a JSON file; check the capture's path")
    try:
        data = read_bounded(path, _MOST_BYTES)
        document = parse_json(data) if data.strip() else None
    except (OSError, ValueError) as error:
        raise CaptureError(
            f"{path} is not JSON ({error}), expected the file that describes the cameras; "
            "export the capture again"
        ) from error
    if not isinstance(document, dict) or not document:
        kind = "empty" if not document else f"a {type(document).__name__}"
        raise CaptureError(f"{path} is {kind}, expected a JSON object; export the capture again")
    return Record(str(path), document)


def to_pose(record: Record) -> NDArray[np.float64]:
    """The record's OpenGL camera-to-world ``transform_matrix`` as OpenCV world-to-camera.

    The rotation is inverted by transposition; whether it is one is left to `Camera` to judge.

    Raises:
        CaptureError: if the matrix is missing, not 4x4 (3x4 is completed), or its numbers are too
            large.
    """
    value = record.need("transform_matrix", "add the OpenGL camera-to-world matrix")
    try:
        matrix = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        matrix = np.empty(0)
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, (0.0, 0.0, 0.0, 1.0)])
    if matrix.shape != (4, 4):
        raise CaptureError(
            f"{record.where} transform_matrix has shape {matrix.shape}, expected 4x4 numbers; "
            "write camera-to-world row by row"
        )
    largest = np.abs(matrix).max()
    # What is not finite at all is left to `Camera` as well.
    if LARGEST < largest < np.inf:
        raise CaptureError(
            f"{record.where} transform_matrix holds {largest:g}, expected at most {LARGEST:g}; "
            "bring the cameras closer to the origin"
        )
    rotation = (matrix[:3, :3] * (1.0, -1.0, -1.0)).T
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = -rotation @ matrix[:3, 3]
    pose[3] = matrix[3]
    return pose


def to_camera(record: Record, size: tuple[int, int], lens: Intrinsics) -> Camera:
    """A camera from the record's pose; ``size`` is width and height.

    Raises:
        CaptureError: naming the record, if the pose or the lens cannot exist.
    """
    if max(size) > LARGEST_SIDE:
        raise CaptureError(
            f"{record.where} has pictures of {size[0]}x{size[1]}, expected at most {LARGEST_SIDE} "
            "along a side; correct w and h or shrink the pictures"
        )
    try:
        return Camera(*size, *lens, to_pose(record))
    except CameraError as error:
        raise CaptureError(f"{record.where} has no usable camera: {error}") from error


def to_aabb(record: Record) -> Aabb:
    """The scene's box from ``aabb`` = [[x, y, z], [x, y, z]].

    Raises:
        CaptureError: if it is missing or no box.
    """
    value = record.need(
        "aabb", 'add "aabb": [[minimum x, y, z], [maximum x, y, z]] around the subject'
    )
    if not isinstance(value, list) or len(value) != 2:
        raise CaptureError(
            f'{record.where} has "aabb" = {shown(value)}, expected [[x, y, z], [x, y, z]]; '
            "write the minimum and the maximum corner"
        )
    try:
        return Aabb(*(triple("corner", corner) for corner in value))
    except ValueError as error:
        raise CaptureError(f"{record.where} has an unusable aabb: {error}") from error


def to_rate(record: Record) -> Fraction:
    """Frames per second as ``fps`` states it, or the usual rate.

    Raises:
        CaptureError: if it is no rate that a stream can have.
    """
    return to_frame_rate(record.number("fps")) if "fps" in record.values else DEFAULT_FRAME_RATE


def to_frames(records: Sequence[Record]) -> list[int]:
    """The frame number of each record: ``frame_index`` as stated, or the rank of its ``time``.

    Records that state neither belong to one single frame 0.

    Raises:
        CaptureError: if only some records state it, or a number is not one.
    """
    for key in ("frame_index", "time"):
        stated = sum(key in record.values for record in records)
        if stated == len(records):
            break
        if stated:
            lacking = next(record for record in records if key not in record.values)
            lacking.need(key, f"{stated} of {len(records)} entries state it, so add it to the rest")
    else:
        return [0] * len(records)
    if key == "frame_index":
        return [whole(record, key) for record in records]
    times = np.array([record.number(key) for record in records]).round(6)
    return [int(rank) for rank in np.unique(times, return_inverse=True)[1]]


def whole(record: Record, key: str) -> int:
    """A non-negative whole number.

    Raises:
        CaptureError: if it is absent or something else.
    """
    value = record.number(key)
    # From here on, not every whole number is a float of its own.
    if value != int(value) or not 0 <= value <= 2**53:
        raise CaptureError(f'{record.where} has "{key}" = {value:g}, expected 0, 1, 2, ...')
    return int(value)
