"""Calibrated cameras by name, out of whatever file a calibration left: the loaders' own readers.

transforms.json       nerfstudio's; a camera's name is its picture's, or that of its folder
a folder of COLMAP    cameras and images, .bin or .txt, there or in sparse/0; names as above
intri.yml, extri.yml  EasyVolcap's, by their names
poses_bounds.npy      LLFF's; it has no names, so rows go to videos in the order of their names
capture.json          an earlier compact capture: its cameras as they filmed
any other capture     by its labels, without lens distortion, as its loader leaves it
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from bake.captures.colmap_model import camera_of, read_model
from bake.captures.compact_record import CAPTURE_FILE, read_compact
from bake.captures.easyvolcap import read_rig
from bake.captures.labels import first_few
from bake.captures.lens import NO_DISTORTION, LensCamera
from bake.captures.nerfstudio import to_shot
from bake.captures.neural3d import camera_of_row, points_in_view, read_poses_bounds
from bake.captures.registry import detect_loader, load_loader
from bake.captures.transforms import Record, read_document, to_aabb
from bake.errors import CaptureError
from render.cameras import Camera
from render.geometry import Aabb

Size = tuple[int, int]
"""Width and height in pixels."""

_DOCUMENT, _ROWS = "transforms.json", "poses_bounds.npy"
_MODELS = ("", "sparse/0", "sparse", "colmap/sparse/0")
# Shapes that differ by less came from rounding to whole pixels. A choice.
_SHAPE_TOLERANCE = 0.005
_POSE_TOLERANCE = 1e-5
_NAMED_AT_MOST = 4


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What a calibration says.

    Attributes:
        cameras: lenses by name, at the size that they were calibrated at.
        aabb: the scene's box, if it is stated.
        points: scene points (points, 3), if there are any.
        held_out: names of cameras that measure quality, if that is stated.
    """

    cameras: Mapping[str, LensCamera]
    aabb: Aabb | None = None
    points: NDArray[np.float64] | None = None
    held_out: frozenset[str] = frozenset()


def read_calibration(path: Path, sizes: Mapping[str, Size]) -> Calibration:
    """Read a file or folder; ``sizes`` are those of the videos, by name in order.

    Raises:
        CaptureError: if nothing there is known, or it is damaged.
    """
    if path.is_file():
        return _of_file(path, sizes)
    if not path.is_dir():
        raise CaptureError(
            f"there is no file or folder {path}, expected calibrated cameras such as {_DOCUMENT}; "
            "check --cameras"
        )
    for name in (CAPTURE_FILE, _DOCUMENT, "extri.yml", _ROWS):
        if (path / name).is_file():
            return _of_file(path / name, sizes)
    for folder in (path / name for name in _MODELS):
        if any((folder / f"images.{form}").is_file() for form in ("bin", "txt")):
            return _of_colmap(folder, sizes)
    source = load_loader(detect_loader(str(path)))(str(path))
    lenses = (LensCamera(camera, NO_DISTORTION) for camera in source.cameras)
    held_out = frozenset(source.labels[view] for view in source.split.test)
    cameras = dict(zip(source.labels, lenses, strict=True))
    return Calibration(cameras, source.aabb, source.points, held_out)


def fitted(lens: LensCamera, size: Size, label: str) -> LensCamera:
    """The lens at the size of its video, which may be smaller or larger than the calibration's.

    Raises:
        CaptureError: if the video has another shape.
    """
    camera = lens.camera
    if size == (camera.width, camera.height):
        return lens
    ratio = (size[0] * camera.height) / (size[1] * camera.width)
    if abs(ratio - 1) > _SHAPE_TOLERANCE:
        raise CaptureError(
            f"camera {label} was calibrated with pictures of {camera.width}x{camera.height} and "
            f"its video has {size[0]}x{size[1]}, expected the same shape; calibrate with pictures "
            "of this video, or export the video whole and upright"
        )
    return LensCamera(camera.resized(*size), lens.distortion)


def _of_file(path: Path, sizes: Mapping[str, Size]) -> Calibration:
    if path.name == CAPTURE_FILE:
        return _of_compact(path.parent)
    if path.suffix == ".json":
        return _of_transforms(path, sizes)
    if path.suffix in {".yml", ".yaml"}:
        names, cameras, aabb = read_rig(path.parent, sizes)
        some = next(iter(sizes.values()))
        rest = {name: some for name in names if name not in cameras}
        # Of cameras without a video only the names matter.
        return Calibration({**cameras, **read_rig(path.parent, rest)[1]}, aabb)
    if path.suffix == ".npy":
        return _of_rows(path, sizes)
    if path.stem in {"images", "cameras", "points3D"}:
        return _of_colmap(path.parent, sizes)
    raise CaptureError(
        f"--cameras {path} is of no known kind, expected {_DOCUMENT}, a folder of COLMAP, "
        f"intri.yml beside extri.yml, {_ROWS}, or the folder of a capture"
    )


def _of_compact(folder: Path) -> Calibration:
    capture = read_compact(folder)
    held_out = frozenset(camera.label for camera in capture.cameras if camera.is_held_out)
    cameras = {camera.label: camera.filmed for camera in capture.cameras}
    return Calibration(cameras, capture.aabb, held_out=held_out)


def _of_transforms(path: Path, sizes: Mapping[str, Size]) -> Calibration:
    document = read_document(path)
    found = []
    for entry in document.records("frames"):
        name = _posix(entry.file_name("file_path"))
        size = sizes.get(name.stem) or sizes.get(name.parent.name) or next(iter(sizes.values()))
        stated = Record(document.where, {"w": size[0], "h": size[1], **document.values})
        shot = to_shot(path.parent, stated, entry, 0)
        found.append((name, LensCamera(shot.camera, shot.distortion)))
    cameras = _by_name(found, sizes)
    aabb = to_aabb(document) if "aabb" in document.values else None
    key = "test_filenames" if "test_filenames" in document.values else "val_filenames"
    listed = document.get(key, [])
    names = [_posix(name) for name in listed] if isinstance(listed, list) else []
    held_out = {each for name in names for each in (name.stem, name.parent.name)} & {*cameras}
    return Calibration(cameras, aabb, held_out=frozenset(held_out))


def _of_colmap(folder: Path, sizes: Mapping[str, Size]) -> Calibration:
    model = read_model(folder)
    found = [
        (_posix(picture.name), LensCamera(*camera_of(picture, model.lenses[picture.lens])))
        for picture in model.pictures
    ]
    points = model.points if len(model.points) else None
    return Calibration(_by_name(found, sizes), points=points)


def _of_rows(path: Path, sizes: Mapping[str, Size]) -> Calibration:
    rows = read_poses_bounds(path)
    if len(rows) != len(sizes):
        raise CaptureError(
            f"{path} is for {len(rows)} cameras without names and there are {len(sizes)} videos "
            f"({', '.join(sorted(sizes))}), expected as many; remove the rows of missing videos"
        )
    cameras = {
        label: camera_of_row(row, size, label)
        for row, (label, size) in zip(rows, sorted(sizes.items()), strict=True)
    }
    points = points_in_view([*cameras.values()], rows[:, 15:])
    lenses = {label: LensCamera(camera, NO_DISTORTION) for label, camera in cameras.items()}
    return Calibration(lenses, points=points)


def _posix(name: object) -> PurePosixPath:
    return PurePosixPath(str(name).replace("\\", "/"))


def _by_name(
    found: Sequence[tuple[PurePosixPath, LensCamera]], sizes: Mapping[str, Size]
) -> dict[str, LensCamera]:
    """Cameras by their pictures' names, or by the folders', whichever the videos have more of."""
    by_stem = _distinct([(name.stem, lens) for name, lens in found])
    by_folder = _distinct([(name.parent.name, lens) for name, lens in found if name.parent.name])
    best = max((by_stem, by_folder), key=lambda cameras: len({*cameras} & {*sizes}))
    if not best:
        raise CaptureError(
            "the calibration has several cameras of one name, whether by picture or by folder, "
            "expected a fixed rig with a picture or a folder for each video's name; rename them"
        )
    return best


def _distinct(found: Sequence[tuple[str, LensCamera]]) -> dict[str, LensCamera]:
    """Cameras by name; none at all if a name stands for several."""
    cameras: dict[str, LensCamera] = {}
    for name, lens in found:
        known = cameras.setdefault(name, lens)
        if known is not lens and not _is_same(known, lens):
            return {}
    return cameras


def _is_same(one: LensCamera, other: LensCamera) -> bool:
    difference = np.abs(_numbers(one.camera) - _numbers(other.camera)).max()
    return one.distortion == other.distortion and bool(difference < _POSE_TOLERANCE)


def _numbers(camera: Camera) -> NDArray[np.float64]:
    lens = (camera.focal_x, camera.focal_y, camera.center_x, camera.center_y)
    return np.concatenate([camera.world_to_camera.ravel(), lens, (camera.width, camera.height)])


def matched(
    calibration: Calibration, sizes: Mapping[str, Size], *, allow_subset: bool
) -> dict[str, LensCamera]:
    """The lens of every video, at its size; ``allow_subset`` lets cameras be without a video.

    Raises:
        CaptureError: if a name is on one side alone, listing both sides, or a shape differs.
    """
    videos, cameras = {*sizes}, {*calibration.cameras}
    if videos - cameras or (cameras - videos and not allow_subset):
        both = f"; both have {_listed(videos & cameras)}"
        remedy = "name each video as its camera"
        if not videos - cameras:
            remedy += ", or give --subset to leave cameras without a video out"
        pairs = _same_but_case(videos - cameras, cameras - videos)
        if pairs:
            remedy = f"{pairs} differ only in case; rename the videos or the calibration's cameras"
        raise CaptureError(
            f"videos without a camera: {_listed(videos - cameras)}; cameras without a video: "
            f"{_listed(cameras - videos)}{both}; expected the same names on both sides; {remedy}"
        )
    return {label: fitted(calibration.cameras[label], size, label) for label, size in sizes.items()}


def scaled_lenses(calibration: Calibration, sizes: Mapping[str, Size]) -> str:
    """Which videos have another size than their calibration, in words; "" if none has."""
    texts = []
    for label, (width, height) in sizes.items():
        camera = calibration.cameras[label].camera
        if (camera.width, camera.height) != (width, height):
            texts.append(f"{label} {camera.width}x{camera.height} to {width}x{height}")
    if not texts:
        return ""
    more = f" and {len(texts) - _NAMED_AT_MOST} more" * (len(texts) > _NAMED_AT_MOST)
    return f"lenses are scaled to their videos: {', '.join(texts[:_NAMED_AT_MOST])}{more}"


def _same_but_case(videos: set[str], cameras: set[str]) -> str:
    """Some names that are the same on both sides but for small and capital letters, if any are."""
    known = {name.casefold(): name for name in sorted(cameras)}
    pairs = [f"{v} and {known[v.casefold()]}" for v in sorted(videos) if v.casefold() in known]
    return first_few(pairs, _NAMED_AT_MOST)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
