"""Captures in nerfstudio's transforms.json form, with the keys that dynamic scenes add.

Per entry: ``file_path``, ``transform_matrix`` and optionally ``mask_path``, ``time`` or
``frame_index``, ``camera_index`` and intrinsics of its own. Per file: intrinsics, ``fps``,
``aabb`` and the split, and as ``ns-process-data`` has it ``ply_file_path``, points from which the
box is found where masks do not tell it.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bake.captures.lens import Distortion
from bake.captures.pictures import PictureFiles, picture_size
from bake.captures.point_file import read_points
from bake.captures.rig import Rig, Shot, is_moving, to_rig, to_source
from bake.captures.source import Source, Split, every_eighth
from bake.captures.transforms import (
    Intrinsics,
    Record,
    read_document,
    to_aabb,
    to_camera,
    to_frames,
    to_rate,
    whole,
)
from bake.errors import CaptureError
from hwcodec.records import several, shown, triple

_FISHEYE = "OPENCV_FISHEYE"
_MODELS = frozenset({"PINHOLE", "SIMPLE_PINHOLE", "OPENCV", _FISHEYE})
# In OpenCV's order.
_RADIAL, _EQUIDISTANT = ("k1", "k2", "p1", "p2", "k3"), ("k1", "k2", "k3", "k4")


def open_source(path: str) -> Source:
    """Read ``transforms.json`` in the folder ``path``; pictures are only read on demand.

    Raises:
        CaptureError: naming the entry or key that is missing or cannot be used.
    """
    folder = Path(path)
    document = read_document(folder / "transforms.json")
    aabb = to_aabb(document) if "aabb" in document.values else None
    entries = document.records("frames")
    frames = to_frames(entries)
    shots = [
        to_shot(folder, document, entry, frame)
        for entry, frame in zip(entries, frames, strict=True)
    ]
    rig = to_rig(shots, allow_gaps=is_moving(shots))
    source = to_source(folder, rig, to_rate(document), aabb, _split(document, folder, rig))
    return replace(source, points=_points(folder, document))


def _points(folder: Path, document: Record) -> NDArray[np.float64] | None:
    """The points of ``ply_file_path``, if that file is there.

    ``ns-process-data`` writes them with ``applied_transform`` applied, as it does with the poses.
    """
    if "ply_file_path" not in document.values:
        return None
    path = folder / document.file_name("ply_file_path")
    points = read_points(path) if path.is_file() else np.empty((0, 3))
    return points if len(points) else None


def to_shot(folder: Path, document: Record, entry: Record, frame: int) -> Shot:
    """One entry, with the file's intrinsics where it has none of its own.

    Intrinsics may be a matrix ``K`` as well; size is the picture's own where it is not stated.

    Raises:
        CaptureError: naming the key that is missing or cannot be used.
    """
    merged = Record(entry.where, {**document.values, **entry.values})
    picture = folder / entry.file_name("file_path")
    stated = "w" in merged.values or "h" in merged.values
    size = (whole(merged, "w"), whole(merged, "h")) if stated else picture_size(picture)
    mask = folder / entry.file_name("mask_path") if "mask_path" in entry.values else None
    return Shot(
        files=PictureFiles(picture, mask),
        camera=to_camera(entry, size, _intrinsics(merged, size)),
        frame=frame,
        camera_index=whole(entry, "camera_index") if "camera_index" in entry.values else None,
        distortion=_distortion(merged),
    )


def _intrinsics(record: Record, size: tuple[int, int]) -> Intrinsics:
    if "fl_x" not in record.values and "K" in record.values:
        value = record.get("K")
        try:
            rows = [triple("a row of K", row) for row in several("K", value, 3)]
        except ValueError as error:
            raise CaptureError(
                f'{record.where} has "K" = {shown(value)}, expected three rows of three: {error}'
            ) from error
        return rows[0][0], rows[1][1], rows[0][2], rows[1][2]
    focal_x = record.number("fl_x", "give intrinsics per file or per entry")
    return (
        focal_x,
        record.number("fl_y") if "fl_y" in record.values else focal_x,
        record.number("cx") if "cx" in record.values else size[0] / 2,
        record.number("cy") if "cy" in record.values else size[1] / 2,
    )


def _distortion(record: Record) -> Distortion:
    """What the lens does to straight lines."""
    model = record.get("camera_model", "PINHOLE")
    if not isinstance(model, str) or model not in _MODELS:
        raise CaptureError(
            f"{record.where} has camera_model {shown(model)}, expected one of {sorted(_MODELS)}; "
            "undistort the pictures to a pinhole camera first"
        )
    used = _EQUIDISTANT if model == _FISHEYE else _RADIAL
    for key in {*_RADIAL, *_EQUIDISTANT} - {*used}:
        if record.get(key, 0) != 0:
            raise CaptureError(
                f"{record.where} has {key} = {shown(record.get(key))} with camera_model {model}, "
                f"expected {', '.join(used)} alone; undistort the pictures first"
            )
    stated = [record.number(key) if key in record.values else 0.0 for key in used]
    return Distortion(tuple(stated), is_fisheye=model == _FISHEYE)


def _split(document: Record, folder: Path, rig: Rig) -> Split:
    """The stated split, camera by camera, or every eighth camera held out."""
    if "train_filenames" not in document.values:
        return every_eighth(len(rig.cameras))
    held_out_key = "test_filenames" if "test_filenames" in document.values else "val_filenames"
    views = {files.picture: view for (_, view), files in rig.files.items()}
    train = _views_of(document, "train_filenames", folder, views)
    test = _views_of(document, held_out_key, folder, views)
    shared = sorted(train & test)
    if shared:
        raise CaptureError(
            f"camera {rig.labels[shared[0]]} has pictures in train_filenames and {held_out_key}, "
            "expected whole cameras; hold out all frames of a camera or none"
        )
    return Split(train=tuple(sorted(train)), test=tuple(sorted(test)))


def _views_of(document: Record, key: str, folder: Path, views: dict[Path, int]) -> set[int]:
    """The cameras behind a list of file names."""
    names = document.need(key, "list the held-out pictures")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CaptureError(f'{document.where} has a wrong "{key}", expected a list of file names')
    unknown = [name for name in names if folder / name not in views]
    if unknown:
        raise CaptureError(
            f'{document.where} lists {unknown[0]!r} in "{key}" ({len(unknown)} such), expected '
            "names that occur among the frames; correct the spelling"
        )
    return {views[folder / name] for name in names}
