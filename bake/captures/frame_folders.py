"""Captures with a transforms.json for every frame, as VideoGS has HiFi4G's.

    0/transforms.json, 0/images/0.png, 1/transforms.json, ...

The frame is the folder's number; cameras are told apart by their poses.
"""

from pathlib import Path

from bake.captures.nerfstudio import to_shot
from bake.captures.rig import to_rig, to_source
from bake.captures.source import Source, every_eighth
from bake.captures.transforms import read_document, to_aabb, to_rate
from bake.errors import CaptureError

_DOCUMENT = "transforms.json"


def open_source(path: str) -> Source:
    """Read every frame's file below the folder ``path``; pictures are only read on demand.

    Raises:
        CaptureError: naming the entry or key that is missing or cannot be used, or the frame that
            lacks a camera.
    """
    folder = Path(path)
    found = [
        each
        for each in sorted(folder.iterdir())
        if each.name.isascii() and each.name.isdecimal() and (each / _DOCUMENT).is_file()
    ]
    frames = {int(each.name): each for each in found}
    if len(frames) < len(found):
        twice = next(each for each in found if frames[int(each.name)] != each)
        raise CaptureError(
            f"{twice} and {frames[int(twice.name)].name} are the same frame, expected one folder; "
            "remove the other"
        )
    if not frames:
        raise CaptureError(
            f"{folder} holds no frame, expected folders such as 0/{_DOCUMENT}; check the path"
        )
    documents = {frame: read_document(frames[frame] / _DOCUMENT) for frame in sorted(frames)}
    shots = [
        to_shot(frames[frame], document, entry, frame)
        for frame, document in documents.items()
        for entry in document.records("frames")
    ]
    rig = to_rig(shots, allow_gaps=False)
    first = documents[min(documents)]
    aabb = to_aabb(first) if "aabb" in first.values else None
    return to_source(folder, rig, to_rate(first), aabb, every_eighth(len(rig.cameras)))
