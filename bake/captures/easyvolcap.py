"""Captures of EasyVolcap and EasyMocap: OpenCV's YAML beside folders of pictures.

    intri.yml   names, K_NAME (3, 3), D_NAME or dist_NAME (k1, k2, p1, p2, k3), and where pictures
                were shrunk or cameras differ H_NAME and W_NAME
    extri.yml   names, R_NAME (rotation vector) or Rot_NAME (3, 3), T_NAME (3,), world to camera,
                and where they are known bounds_NAME (2, 3), the corners of the scene's box
    images/NAME/000000.jpg, masks/NAME/000000.png; folders of masks named mask or msk as well

Source: EasyVolcap's own reader. Files leave it to the calibration where pixel centers lie; +0.5 is
taken, as its rays do it. Cameras are in order of their names, as there.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray

from bake.captures.files import read_bounded
from bake.captures.folders import by_frame, mask_pictures, numbered_pictures
from bake.captures.lens import Distortion, LensCamera, straight_source
from bake.captures.pictures import FileReader, picture_size, stays_inside
from bake.captures.source import DEFAULT_FRAME_RATE, Source, every_eighth
from bake.errors import CaptureError
from hwcodec.records import LARGEST, shown
from render.cameras import Camera
from render.errors import CameraError, SceneError
from render.geometry import Aabb

# Of a thousand cameras; parsing takes a thousand times as much memory.
_MOST_BYTES = 1 << 20
_MASKS = ("masks", "mask", "msk")
# EasyVolcap's own bounds of a camera that has none.
_EVERYTHING = 1e6


def open_source(path: str) -> Source:
    """Read both files in the folder ``path``; pictures are only read on demand.

    Raises:
        CaptureError: naming the file or key that is missing or cannot be used.
    """
    folder = Path(path)
    lenses, poses = (_OpenCvFile(folder / name) for name in ("intri.yml", "extri.yml"))
    names = lenses.names()
    timelines = [numbered_pictures(_camera_folder(folder / "images", name)) for name in names]
    masks = [mask_pictures([folder / kind / name for kind in _MASKS]) for name in names]
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
        aabb=_box(poses, names),
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
    return names, cameras, _box(poses, names)


class _OpenCvFile:
    """A YAML file as OpenCV writes it: matrices by name, and a list of names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = read_bounded(path, _MOST_BYTES).decode("utf-8")
        except (OSError, ValueError) as error:
            raise CaptureError(
                f"{path} cannot be read ({error}), expected the cameras; copy the capture again"
            ) from error
        # OpenCV's first line is no YAML: it has a colon where YAML has a space.
        body = text.split("\n", 1)[-1] if text.startswith("%YAML:") else text
        try:
            # Every value as its text: names may be digits, and numbers in YAML take any form.
            values = yaml.load(body, yaml.BaseLoader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CaptureError(
                f"{path} is no YAML of OpenCV ({reason}); export the cameras again"
            ) from error
        if not isinstance(values, dict):
            raise CaptureError(f"{path} is {shown(values)}, expected keys such as names")
        self._values: Mapping[Any, Any] = values

    def names(self) -> tuple[str, ...]:
        """The cameras' names, which are names of folders, in order."""
        values = self._values.get("names")
        items = values if isinstance(values, list) else []
        # Plain items alone: what aliases stand for can be larger than any memory.
        names = [item for item in items if isinstance(item, str)]
        is_right = 0 < len(set(names)) == len(items) and all(map(stays_inside, names))
        if not is_right:
            raise CaptureError(
                f"{self.path} has names = {shown(values)}, expected a list of different cameras"
            )
        return tuple(sorted(names))

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def numbers(self, key: str, count: int | None = None) -> NDArray[np.float64]:
        """A matrix's numbers in one row, of which there must be so many."""
        value = self._values.get(key)
        stated: Any = value.get("data") if isinstance(value, dict) else value
        items: list[Any] = stated if isinstance(stated, list) else [stated]
        try:
            found = np.array([float(item) for item in items])
        except (TypeError, ValueError):
            found = np.empty(0)
        is_right = found.size > 0 if count is None else found.size == count
        if not is_right or not (np.abs(found) <= LARGEST).all():
            raise CaptureError(
                f"{self.path} has {key} = {shown(value)}, expected "
                f"{'some' if count is None else count} finite numbers; export the cameras again"
            )
        return found


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
    if poses.has(f"R_{name}") or not poses.has(f"Rot_{name}"):
        pose[:3, :3] = cv2.Rodrigues(poses.numbers(f"R_{name}", 3))[0]
    else:
        pose[:3, :3] = poses.numbers(f"Rot_{name}", 9).reshape(3, 3)
    pose[:3, 3] = poses.numbers(f"T_{name}", 3)
    try:
        return Camera(*size, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], pose)
    except CameraError as error:
        raise CaptureError(
            f"{poses.path.parent} has no usable camera {name}: {error}; export it again"
        ) from error


def _distortion(lenses: _OpenCvFile, name: str) -> Distortion:
    stated = [key for key in (f"D_{name}", f"dist_{name}") if lenses.has(key)]
    return Distortion(tuple(lenses.numbers(stated[0])) if stated else ())


def _box(poses: _OpenCvFile, names: Sequence[str]) -> Aabb | None:
    """The box around those that cameras state, less placeholders for everything."""
    stated = [poses.numbers(f"bounds_{name}", 6) for name in names if poses.has(f"bounds_{name}")]
    known = [numbers.reshape(2, 3) for numbers in stated if np.abs(numbers).max() < _EVERYTHING]
    if not known:
        return None
    corners = np.stack(known)
    try:
        return Aabb(tuple(corners[:, 0].min(0)), tuple(corners[:, 1].max(0)))
    except SceneError as error:
        raise CaptureError(f"{poses.path} has unusable bounds: {error}") from error
