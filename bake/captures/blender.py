"""D-NeRF and Blender captures: transforms_train.json and its siblings.

Usually one camera that moves while time passes, so every pose is a view of its own that exists at
the frames where it was taken. Without ``time`` the capture is a single frame.
"""

from math import pi, tan
from pathlib import Path

from bake.captures.pictures import PictureFiles, picture_size
from bake.captures.rig import Rig, Shot, to_rig, to_source
from bake.captures.source import Source, Split
from bake.captures.transforms import (
    Intrinsics,
    Record,
    read_document,
    to_aabb,
    to_camera,
    to_frames,
    to_rate,
)
from bake.errors import CaptureError
from render.geometry import Aabb

# D-NeRF's objects are modeled inside this box (recalled from its loaders, which march near 2 to
# far 6 from cameras at distance 4).
_AABB = Aabb((-1.5, -1.5, -1.5), (1.5, 1.5, 1.5))
_EXTENSIONS = (".png", ".jpg", ".jpeg")
# Far below any lens, and far enough from zero for a finite focal length.
_SMALLEST_ANGLE = 1e-6


def open_source(path: str) -> Source:
    """Read the train and the test file in the folder ``path``; val stands in for a missing test.

    Raises:
        CaptureError: naming the entry or key that is missing or cannot be used.
    """
    folder = Path(path)
    train = read_document(folder / "transforms_train.json")
    held_out = folder / "transforms_test.json"
    if not held_out.is_file() and (folder / "transforms_val.json").is_file():
        held_out = folder / "transforms_val.json"
    test = read_document(held_out)
    parts = [(train, train.records("frames")), (test, test.records("frames"))]
    # Both parts share one timeline, so the ranks of their times are taken together.
    frames = iter(to_frames([entry for _, entries in parts for entry in entries]))
    shots = [
        shot
        for part, (document, entries) in enumerate(parts)
        for shot in _shots(folder, document, entries, part)
    ]
    rig = to_rig([shot._replace(frame=next(frames)) for shot in shots], allow_gaps=True)
    aabb = to_aabb(train) if "aabb" in train.values else _AABB
    return to_source(folder, rig, to_rate(train), aabb, _split(shots, rig))


def _shots(folder: Path, document: Record, entries: list[Record], part: int) -> list[Shot]:
    """The pictures of one file, which share a lens; frame numbers are still to be filled in."""
    angle = document.number("camera_angle_x", "add the horizontal field of view in radians")
    if not _SMALLEST_ANGLE <= angle < pi:
        raise CaptureError(
            f'{document.where} has "camera_angle_x" = {angle}, expected radians in (0, pi); '
            "convert it from degrees"
        )
    paths = [_picture(folder, entry) for entry in entries]
    width, height = picture_size(paths[0])
    focal = width / 2 / tan(angle / 2)
    lens: Intrinsics = (focal, focal, width / 2, height / 2)
    return [
        Shot(PictureFiles(path), to_camera(entry, (width, height), lens), 0, None, part)
        for path, entry in zip(paths, entries, strict=True)
    ]


def _picture(folder: Path, entry: Record) -> Path:
    """The entry's picture; these files leave the extension out."""
    stem = folder / entry.file_name("file_path")
    if stem.suffix.lower() in _EXTENSIONS:
        return stem
    candidates = [stem.with_name(stem.name + extension) for extension in _EXTENSIONS]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _split(shots: list[Shot], rig: Rig) -> Split:
    """Views follow the file that lists them."""
    parts = [
        {view for shot, view in zip(shots, rig.order, strict=True) if shot.part == part}
        for part in (0, 1)
    ]
    return Split(train=tuple(sorted(parts[0])), test=tuple(sorted(parts[1])))
