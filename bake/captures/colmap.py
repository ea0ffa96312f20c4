"""Captures that COLMAP calibrated: one sparse model for a fixed rig.

    sparse/0/{cameras,images,points3D}.{bin,txt}
    images/NAME            one instant; images_2, images_4 and images_8 hold smaller pictures
    images/STEM/*.png      a moving scene: a folder of pictures for every camera of the model,
                           whose names there are STEM.png or STEM/*.png, one for each camera

The scene's box is found from the points.
"""

import glob
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bake.captures.colmap_model import camera_of, read_model
from bake.captures.folders import PICTURE_ENDINGS, Timeline, by_frame, numbered_pictures
from bake.captures.labels import camera_labels
from bake.captures.lens import straight_source
from bake.captures.pictures import FileReader, check_present, picture_size
from bake.captures.source import DEFAULT_FRAME_RATE, Source, every_eighth
from bake.errors import CaptureError

_MODELS = ("sparse/0", "sparse", "colmap/sparse/0")
# Pictures at full size first.
_PICTURES = ("images", "images_2", "images_4", "images_8", "colmap/images")


def open_source(path: str) -> Source:
    """Read the model in the folder ``path``; pictures are only read on demand.

    Raises:
        CaptureError: naming the file that is missing, damaged or does not fit the others.
    """
    folder = Path(path)
    model = read_model(_model_folder(folder))
    pictures = _picture_folder(folder)
    names = [PurePosixPath(picture.name) for picture in model.pictures]
    labels = camera_labels([[name] for name in names]) or tuple(map(str, names))
    timelines = _timelines(pictures, names)
    files, views = by_frame(timelines, labels, [None] * len(labels))
    first = min(views)
    check_present([files[first, view].picture for view in views[first]])
    cameras, lenses = [], []
    for view, picture in enumerate(model.pictures):
        camera, lens = camera_of(picture, model.lenses[picture.lens])
        # Smaller copies have whole numbers of pixels.
        cameras.append(camera.resized(*picture_size(files[first, view].picture)))
        lenses.append(lens)
    straight, reader = straight_source(cameras, lenses, FileReader(files, cameras))
    return Source(
        name=folder.resolve().name,
        cameras=straight,
        labels=labels,
        views=views,
        frame_rate=DEFAULT_FRAME_RATE,
        aabb=None,
        split=every_eighth(len(cameras)),
        reader=reader,
        points=model.points if len(model.points) else None,
    )


def _model_folder(folder: Path) -> Path:
    for name in _MODELS:
        if any((folder / name / f"images.{form}").is_file() for form in ("bin", "txt")):
            return folder / name
    raise CaptureError(
        f"{folder} holds no model of COLMAP, expected images.bin or images.txt in "
        f"{', '.join(_MODELS)}; run the mapper, or copy its output there"
    )


def _picture_folder(folder: Path) -> Path:
    for name in _PICTURES:
        if (folder / name).is_dir():
            return folder / name
    raise CaptureError(
        f"{folder} holds no pictures, expected a folder named {', '.join(_PICTURES)}; "
        "copy the pictures that COLMAP was given"
    )


def _timelines(pictures: Path, names: Sequence[PurePosixPath]) -> list[Timeline]:
    """The pictures of every camera.

    A rig's cameras are often calibrated on one picture each, in folders that hold their others.
    """
    folders = {name.parent for name in names}
    if len(folders) == len(names) and PurePosixPath() not in folders:
        timelines = [_of_folder(pictures / name.parent) for name in names]
        if any(len(timeline) > 1 for timeline in timelines):
            return timelines
    return [_timeline(pictures, name) for name in names]


def _of_folder(folder: Path) -> Timeline:
    return numbered_pictures(folder) if folder.is_dir() else {}


def _timeline(folder: Path, name: PurePosixPath) -> Timeline:
    """The pictures of one camera: a folder of them, or the one that the model names."""
    of_camera = folder / name.with_suffix("")
    if of_camera.is_dir():
        return numbered_pictures(of_camera)
    stated = folder / name
    # Smaller copies are often of another kind than the originals.
    others = sorted(stated.parent.glob(f"{glob.escape(stated.stem)}.*"))
    found = [path for path in (stated, *others) if path.suffix.lower() in PICTURE_ENDINGS]
    return {0: next((path for path in found if path.is_file()), stated)}
