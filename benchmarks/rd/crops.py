"""Cut-outs of held-out views beside the points, and how a page carries them."""

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from benchmarks.rd.point import RdPoint

TRUTH_CROP = "truth.webp"
"""The same cut-out of the captured picture, in the folder of the scene."""

_LARGEST = 4 << 20
_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}


def crop_name(point: RdPoint) -> str:
    """Where the cut-out of a point lies below the folder of all results; empty without one."""
    return f"{point.scene}/{point.method}/{point.crop}" if point.crop else ""


def truth_name(scene: str) -> str:
    """Where the cut-out of a scene's captured picture lies."""
    return f"{scene}/{TRUTH_CROP}"


def read_crops(results: Path, points: Iterable[RdPoint]) -> dict[str, bytes]:
    """Cut-outs by their place below ``results``; what is missing, or is elsewhere, is left out."""
    listed = list(points)
    names = {crop_name(point) for point in listed} | {truth_name(p.scene) for p in listed}
    inside = [name for name in sorted(names) if name and ".." not in PurePosixPath(name).parts]
    return {name: (results / name).read_bytes() for name in inside if (results / name).is_file()}


def data_url(data: bytes) -> str | None:
    """A picture as an address that needs no request; None if it is no picture, or a huge one."""
    kind = next((kind for start, kind in _SIGNATURES.items() if data.startswith(start)), None)
    if kind is None or len(data) > _LARGEST:
        return None
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
