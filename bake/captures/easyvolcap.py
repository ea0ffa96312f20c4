"""Captures of EasyVolcap and EasyMocap: OpenCV's YAML beside folders of pictures.

    intri.yml   names, K_NAME (3, 3), D_NAME (k1, k2, p1, p2, k3), optionally H_NAME and W_NAME
    extri.yml   names, R_NAME (rotation vector) or Rot_NAME (3, 3), T_NAME (3,), world to camera
    images/NAME/000000.jpg, masks/NAME/000000.png

Files of theirs leave it to the calibration where pixel centers lie; +0.5 is taken, as their own
rays do it. A ``bounds`` in extri.yml is the scene's box.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray

from bake.captures.folders import by_frame, numbered_pictures
from bake.captures.lens import Distortion, LensCamera, straight_source
from bake.captures.pictures import FileReader, picture_size, stays_inside
from bake.captures.source import DEFAULT_FRAME_RATE, Source, every_eighth
from bake.errors import CaptureError
from hwcodec.records import LARGEST, shown
from render.cameras import Camera
from render.errors import CameraError, SceneError
from render.geometry import Aabb

# Of several hundred cameras; more is no calibration.
_MOST_BYTES = 32 << 20
# Whole numbers in YAML may have any number of digits.
_HUGE = 1e300
_MATRIX_TAGS = ("tag:yaml.org,2002:opencv-matrix", "tag:yaml.org,2002:opencv-nd-matrix")


def open_source(path: str) -> Source:
    """Read both files in the folder ``path``; pictures are only read on demand.

    Raises:
        CaptureError: naming the file or key that is missing or cannot be used.
    """
    folder = Path(path)
    lenses, poses = (_OpenCvFile(folder / name) for name in ("intri.yml", "extri.yml"))
    names = lenses.names()
    timelines = [numbered_pictures(_camera_folder(folder / "images", name)) for name in names]
    masks = [
        numbered_pictures(folder / "masks" / name) if (folder / "masks" / name).is_dir() else None
        for name in names
    ]
    files, views = by_frame(timelines, names, masks)
    first = min(views)
    cameras = [
        _camera(lenses, poses, name, picture_size(files[first, view].picture))
        for view, name in enumerate(names)
    ]
    distortions = [_distortion(lenses, name) for name in names]
    straight, reader = straight_source(cameras, distortions, FileReader(files, cameras))
    return Source(
        name=folder.resolve().name,
        cameras=straight,
        labels=names,
        views=views,
        frame_rate=DEFAULT_FRAME_RATE,
        aabb=_box(poses),
        split=every_eighth(len(names)),
        reader=reader,
    )


def read_rig(
    folder: Path, sizes: Mapping[str, tuple[int, int]]
) -> tuple[tuple[str, ...], dict[str, LensCamera], Aabb | None]:
    """All cameras' names, those whose pictures' ``sizes`` are known with their lenses, and the box.

    Raises:
        CaptureError: naming the file or key that is missing or cannot be used.
    """
    lenses, poses = (_OpenCvFile(folder / name) for name in ("intri.yml", "extri.yml"))
    names = lenses.names()
    cameras = {
        name: LensCamera(_camera(lenses, poses, name, sizes[name]), _distortion(lenses, name))
        for name in names
        if name in sizes
    }
    return names, cameras, _box(poses)


class _OpenCvFile:
    """A YAML file as OpenCV writes it: matrices by name, and a list of names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise CaptureError(f"{path} is larger than any calibration; check the file")
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CaptureError(
                f"{path} cannot be read ({error}), expected the cameras; copy the capture again"
            ) from error
        # OpenCV's first line is no YAML: it has a colon where YAML has a space.
        body = text.split("\n", 1)[1] if text.startswith("%YAML:") else text
        try:
            values = yaml.load(body, _MatrixLoader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CaptureError(
                f"{path} is no YAML of OpenCV ({reason}); export the cameras again"
            ) from error
        if not isinstance(values, dict):
            raise CaptureError(f"{path} is {shown(values)}, expected keys such as names")
        self._values: Mapping[Any, Any] = values

    def names(self) -> tuple[str, ...]:
        """The cameras' names, which are names of folders."""
        values = self._values.get("names")
        items = values if isinstance(values, list) else []
        # Plain items alone: what aliases stand for can be larger than any memory.
        names = [str(item) for item in items if isinstance(item, str | int)]
        is_right = 0 < len(set(names)) == len(items) and all(map(stays_inside, names))
        if not is_right:
            raise CaptureError(
                f"{self.path} has names = {shown(values)}, expected a list of different cameras"
            )
        return tuple(names)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def numbers(self, key: str, count: int | None = None) -> NDArray[np.float64]:
        """A matrix's numbers in one row, of which there must be so many."""
        value = self._values.get(key)
        items = value if isinstance(value, list) else [value]
        plain = [item for item in items if isinstance(item, int | float)]
        is_plain = len(plain) == len(items)
        found = np.array([min(max(item, -_HUGE), _HUGE) for item in plain] if is_plain else [])
        is_right = found.size > 0 if count is None else found.size == count
        if not is_right or not (np.abs(found) <= LARGEST).all():
            raise CaptureError(
                f"{self.path} has {key} = {shown(value)}, expected "
                f"{'some' if count is None else count} finite numbers; export the cameras again"
            )
        return found.astype(np.float64)


class _MatrixLoader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain YAML, and OpenCV's matrices as lists of their numbers."""


def _matrix(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("a matrix is no mapping")
    return loader.construct_mapping(node, deep=True).get("data")


for _tag in _MATRIX_TAGS:
    _MatrixLoader.add_constructor(_tag, _matrix)


def _camera_folder(images: Path, name: str) -> Path:
    folder = images / name
    if not folder.is_dir():
        raise CaptureError(
            f"{folder} is missing, expected the pictures of camera {name}; complete the download "
            "or remove the camera from intri.yml"
        )
    return folder


def _camera(lenses: _OpenCvFile, poses: _OpenCvFile, name: str, size: tuple[int, int]) -> Camera:
    """The camera at the size of its pictures, with its lens's own intrinsics."""
    matrix = lenses.numbers(f"K_{name}", 9).reshape(3, 3)
    if lenses.has(f"W_{name}") and lenses.has(f"H_{name}"):
        stated = [float(lenses.numbers(f"{side}_{name}", 1)[0]) for side in "WH"]
        # Pictures may have been shrunk since.
        if min(stated) > 0:
            matrix[:2] *= (np.array(size) / stated)[:, None]
    pose = np.eye(4)
    if poses.has(f"Rot_{name}"):
        pose[:3, :3] = poses.numbers(f"Rot_{name}", 9).reshape(3, 3)
    else:
        pose[:3, :3] = cv2.Rodrigues(poses.numbers(f"R_{name}", 3))[0]
    pose[:3, 3] = poses.numbers(f"T_{name}", 3)
    try:
        return Camera(*size, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], pose)
    except CameraError as error:
        raise CaptureError(
            f"{poses.path.parent} has no usable camera {name}: {error}; export it again"
        ) from error


def _distortion(lenses: _OpenCvFile, name: str) -> Distortion:
    return Distortion(tuple(lenses.numbers(f"D_{name}")) if lenses.has(f"D_{name}") else ())


def _box(poses: _OpenCvFile) -> Aabb | None:
    if not poses.has("bounds"):
        return None
    numbers = poses.numbers("bounds", 6)
    try:
        return Aabb(tuple(numbers[:3]), tuple(numbers[3:]))
    except SceneError as error:
        raise CaptureError(f"{poses.path} has unusable bounds: {error}") from error
