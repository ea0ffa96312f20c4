"""What COLMAP writes about a scene: cameras, pictures and points, in its binary or its text form.

Source: COLMAP's documentation of its output format. Pixel centers lie at +0.5, poses are OpenCV
world-to-camera, quaternions are (w, x, y, z); all as here.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bake.captures.files import read_bounded
from bake.captures.lens import Distortion
from bake.captures.pictures import stays_inside
from bake.errors import CaptureError
from hwcodec.records import LARGEST, LARGEST_SIDE, shown
from render.cameras import Camera
from render.errors import CameraError

# Names by COLMAP's numbers, and how many parameters each has.
_MODELS = (
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
)
_COUNTS = dict(_MODELS)
_USED = (
    "SIMPLE_PINHOLE",
    "PINHOLE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "OPENCV",
    "OPENCV_FISHEYE",
    "FULL_OPENCV",
)
_Points = tuple[NDArray[np.float64], NDArray[np.int64]]
_Found = TypeVar("_Found")
_MOST_BYTES = 1 << 30  # Far above models of thousands of pictures.
# Of a quaternion that was printed.
_UNIT_TOLERANCE = 1e-2


class ColmapLens(NamedTuple):
    """A camera of the model: its lens's name and parameters, and the size of its pictures."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ColmapPicture:
    """A picture of the model.

    Attributes:
        name: its file, relative to the folder of pictures.
        lens: number of its camera.
        world_to_camera: OpenCV pose (4, 4).
        keypoints: pixels (keypoints, 2) at the size of the camera.
        point_ids: the point of each keypoint (keypoints,), -1 where there is none.
    """

    name: str
    lens: int
    world_to_camera: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    point_ids: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ColmapModel:
    """A sparse reconstruction: lenses by number, pictures by name, points (points, 3) and ids."""

    lenses: dict[int, ColmapLens]
    pictures: tuple[ColmapPicture, ...]
    points: NDArray[np.float64]
    point_ids: NDArray[np.int64]


def read_model(folder: Path) -> ColmapModel:
    """Read ``cameras``, ``images`` and, where it is there, ``points3D``, from ``.bin`` or ``.txt``.

    Raises:
        CaptureError: if a file is missing, damaged, or names a lens that is not known.
    """
    is_binary = (folder / "images.bin").is_file()
    ending, lenses_of, pictures_of, points_of = (
        ("bin", _binary_lenses, _binary_pictures, _binary_points)
        if is_binary
        else ("txt", _text_lenses, _text_pictures, _text_points)
    )
    points_file = folder / f"points3D.{ending}"
    lenses = _parsed(folder / f"cameras.{ending}", lenses_of)
    pictures = _parsed(folder / f"images.{ending}", pictures_of)
    empty = np.empty((0, 3)), np.empty(0, np.int64)
    points, ids = _parsed(points_file, points_of) if points_file.is_file() else empty
    if not pictures:
        raise CaptureError(f"{folder} holds no picture, expected some; run COLMAP's mapper again")
    for picture in pictures:
        if picture.lens not in lenses:
            raise CaptureError(
                f"{folder}: picture {shown(picture.name)} is of camera {picture.lens}, expected "
                f"one of {sorted(lenses)[:9]}; cameras and images are of different models"
            )
    ordered = tuple(sorted(pictures, key=lambda picture: picture.name))
    return ColmapModel(lenses, ordered, points, ids)


def camera_of(picture: ColmapPicture, lens: ColmapLens) -> tuple[Camera, Distortion]:
    """The picture's camera with its lens's own intrinsics, and the lens.

    Raises:
        CaptureError: if the lens is one that is not known here, or cannot exist.
    """
    if lens.model not in _USED:
        raise CaptureError(
            f"picture {shown(picture.name)} has camera model {lens.model}, expected one of "
            f"{', '.join(_USED)}; run COLMAP's image_undistorter and open its output"
        )
    values = lens.parameters
    # One focal length, or one for each axis; then the center, then the distortion.
    count = 1 if lens.model in {"SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"} else 2
    center_x, center_y, *rest = values[count:]
    try:
        camera = Camera(
            lens.width,
            lens.height,
            values[0],
            values[count - 1],
            center_x,
            center_y,
            picture.world_to_camera,
        )
    except CameraError as error:
        raise CaptureError(
            f"picture {shown(picture.name)} has no usable camera: {error}; run COLMAP again"
        ) from error
    return camera, Distortion(tuple(rest), lens.model == "OPENCV_FISHEYE")


def _parsed(path: Path, parse: Callable[[bytes], _Found]) -> _Found:
    """What a file says, or why it says nothing."""
    try:
        data = read_bounded(path, _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise CaptureError(
            f"{path} cannot be read ({error}), expected a file of COLMAP; copy the model again"
        ) from error
    try:
        return parse(data)
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise CaptureError(
            f"{path} is damaged: {error}; export the model from COLMAP again"
        ) from error


class _Bytes:
    """A file's bytes, read from the front; every step checks that it stays inside."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next values, little-endian."""
        found = struct.unpack_from(f"<{layout}", self._data, self._place)
        self._place += struct.calcsize(f"<{layout}")
        return found

    def count(self, least_bytes: int) -> int:
        """How many records follow, each of at least so many bytes."""
        (count,) = self.take("Q")
        if count * least_bytes > len(self._data) - self._place:
            raise ValueError(f"it states {count} records, more than its {len(self._data)} bytes")
        return int(count)

    def text(self) -> str:
        """Characters up to a zero byte."""
        end = self._data.index(b"\0", self._place)
        found = self._data[self._place : end].decode("utf-8")
        self._place = end + 1
        return found

    def array(self, kind: np.dtype[Any], count: int) -> NDArray[Any]:
        """Records of one kind."""
        found = np.frombuffer(self._data, kind, count, self._place)
        self._place += count * kind.itemsize
        return found


_KEYPOINT = np.dtype([("xy", "<f8", 2), ("point", "<i8")])


def _binary_lenses(data: bytes) -> dict[int, ColmapLens]:
    file = _Bytes(data)
    lenses = {}
    for _ in range(file.count(24)):
        number, model, width, height = file.take("iiQQ")
        if not 0 <= model < len(_MODELS):
            raise ValueError(f"camera {number} has model number {model}, of which nothing is known")
        name, count = _MODELS[model]
        lenses[number] = _lens(number, name, (width, height), file.take(f"{count}d"))
    return lenses


def _binary_pictures(data: bytes) -> list[ColmapPicture]:
    file = _Bytes(data)
    pictures = []
    for _ in range(file.count(72)):
        _, *numbers, lens = file.take("i7di")
        name = file.text()
        keypoints = file.array(_KEYPOINT, file.count(_KEYPOINT.itemsize))
        seen = keypoints["xy"], keypoints["point"]
        pictures.append(_picture(name, lens, numbers, seen))
    return pictures


def _binary_points(data: bytes) -> _Points:
    file = _Bytes(data)
    count = file.count(51)
    points, ids = np.empty((count, 3)), np.empty(count, np.int64)
    for index in range(count):
        ids[index], *points[index] = file.take("Q3d")
        file.take("3Bd")
        file.array(np.dtype("<i8"), file.count(8))
    return _finite(points), ids


def _text_lenses(data: bytes) -> dict[int, ColmapLens]:
    lenses = {}
    for line in _lines(data):
        number, model, width, height, *parameters = line.split()
        if model not in _COUNTS or len(parameters) != _COUNTS[model]:
            raise ValueError(f"line {shown(line)} is no camera")
        size = int(width), int(height)
        values = tuple(float(parameter) for parameter in parameters)
        lenses[int(number)] = _lens(int(number), model, size, values)
    return lenses


def _text_pictures(data: bytes) -> list[ColmapPicture]:
    pictures = []
    lines = _lines(data, keep_empty=True)
    for line in lines:
        if not line.strip():
            continue
        _, *numbers, lens, name = line.split(maxsplit=9)
        words = next(lines, "").split()
        if len(words) % 3:
            raise ValueError(f"picture {shown(name)} has {len(words)} numbers of keypoints")
        table = np.array(words, np.float64).reshape(-1, 3)
        seen = table[:, :2], np.array([int(word) for word in words[2::3]], np.int64)
        pictures.append(_picture(name, int(lens), [float(number) for number in numbers], seen))
    return pictures


def _text_points(data: bytes) -> _Points:
    rows = [line.split(maxsplit=4)[:4] for line in _lines(data)]
    points = np.array([row[1:] for row in rows], np.float64).reshape(-1, 3)
    return _finite(points), np.array([row[0] for row in rows], np.int64)


def _lines(data: bytes, *, keep_empty: bool = False) -> Iterator[str]:
    for line in data.decode("utf-8").splitlines():
        if not line.startswith("#") and (keep_empty or line.strip()):
            yield line


def _lens(
    number: int, model: str, size: tuple[int, int], parameters: tuple[float, ...]
) -> ColmapLens:
    if not all(0 < side <= LARGEST_SIDE for side in size):
        raise ValueError(f"camera {number} has pictures of {size[0]}x{size[1]}")
    if not (np.abs(parameters) <= LARGEST).all():
        raise ValueError(f"camera {number} has parameters {parameters}")
    return ColmapLens(model, *size, parameters)


def _picture(
    name: str, lens: int, numbers: Sequence[float], seen: tuple[NDArray[Any], NDArray[Any]]
) -> ColmapPicture:
    if not stays_inside(name):
        raise ValueError(f"picture {shown(name)} does not lie inside the folder of pictures")
    quaternion, pose = np.array(numbers[:4]), np.eye(4)
    # Components first: squares of what a damaged file holds may be too large for any number.
    is_small = bool((np.abs(quaternion) <= 2).all())
    length = float(np.linalg.norm(quaternion)) if is_small else 0.0
    if not abs(length - 1) <= _UNIT_TOLERANCE:
        raise ValueError(f"picture {shown(name)} has the quaternion {shown(numbers[:4])}")
    if not (np.abs(numbers[4:7]) <= LARGEST).all():
        raise ValueError(f"picture {shown(name)} has the position {shown(numbers[4:7])}")
    pose[:3, :3] = _rotation(quaternion / length)
    pose[:3, 3] = numbers[4:7]
    return ColmapPicture(name, lens, pose, *seen)


def _rotation(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation matrix of a unit quaternion (w, x, y, z)."""
    w, v = quaternion[0], quaternion[1:]
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    rotation: NDArray[np.float64] = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    return rotation


def _finite(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if not (np.abs(points) <= LARGEST).all():
        raise ValueError("a point is not finite")
    return points
