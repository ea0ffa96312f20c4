"""Shots sorted into the cameras that took them and the frames they show."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bake.captures.labels import camera_labels
from bake.captures.lens import NO_DISTORTION, Distortion, straight_source
from bake.captures.pictures import FileReader, PictureFiles
from bake.captures.source import Source, Split
from bake.errors import CaptureError
from render.cameras import Camera
from render.geometry import Aabb

# Poses closer than this (scene units and rotation entries) are one camera. A choice: well above
# the noise of printed floats, well below any two cameras of a rig.
_SAME_POSE_DECIMALS = 5


class Shot(NamedTuple):
    """One picture: its files, its camera, its frame number, and its camera's index if stated.

    Shots of different ``part`` are never the same view, however alike their cameras.
    """

    files: PictureFiles
    camera: Camera
    frame: int
    camera_index: int | None = None
    part: int = 0
    distortion: Distortion = NO_DISTORTION


class Rig(NamedTuple):
    """Shots sorted into cameras and frames; ``order`` is the view that each shot belongs to."""

    cameras: tuple[Camera, ...]
    labels: tuple[str, ...]
    views: dict[int, tuple[int, ...]]
    files: dict[tuple[int, int], PictureFiles]
    order: tuple[int, ...]
    distortions: tuple[Distortion, ...]


def to_rig(shots: Sequence[Shot], *, allow_gaps: bool) -> Rig:
    """Sort shots into cameras (by stated index, else by distinct pose) and frames.

    ``allow_gaps`` accepts frames that lack views which other frames have.

    Raises:
        CaptureError: if a numbered camera moves, a picture is doubled, or a frame lacks a view.
    """
    keys = [_camera_key(shot) for shot in shots]
    numbers = {key: view for view, key in enumerate(_in_order(keys))}
    cameras: dict[int, Camera] = {}
    lenses: dict[int, Distortion] = {}
    files: dict[tuple[int, int], PictureFiles] = {}
    views: dict[int, list[int]] = {}
    for shot, key in zip(shots, keys, strict=True):
        view = numbers[key]
        _check_still(cameras.setdefault(view, shot.camera), shot)
        _check_lens(lenses.setdefault(view, shot.distortion), shot)
        if (shot.frame, view) in files:
            raise CaptureError(
                f"{shot.files.picture} and {files[shot.frame, view].picture} are the same view of "
                f"frame {shot.frame}, expected one; number the entries by time or frame_index"
            )
        files[shot.frame, view] = shot.files
        views.setdefault(shot.frame, []).append(view)
    labels = _labels(numbers, files)
    if not allow_gaps:
        _check_complete(views, labels)
    ordered = {frame: tuple(sorted(views[frame])) for frame in sorted(views)}
    everything = tuple(cameras[view] for view in range(len(numbers)))
    distortions = tuple(lenses[view] for view in range(len(numbers)))
    order = tuple(numbers[key] for key in keys)
    return Rig(everything, labels, ordered, files, order, distortions)


def to_source(
    folder: Path, rig: Rig, frame_rate: Fraction, aabb: Aabb | None, split: Split
) -> Source:
    """The source of a rig whose pictures are files, read straight where lenses bend lines."""
    reader = FileReader(rig.files, rig.cameras)
    cameras, straight = straight_source(rig.cameras, rig.distortions, reader)
    return Source(
        name=folder.resolve().name,
        cameras=cameras,
        labels=rig.labels,
        views=rig.views,
        frame_rate=frame_rate,
        aabb=aabb,
        split=split,
        reader=straight,
    )


def is_moving(shots: Sequence[Shot]) -> bool:
    """Whether the shots are one unnumbered camera on the move: every pose occurs at one frame."""
    if any(shot.camera_index is not None for shot in shots):
        return False
    return len({_identity(shot.camera) for shot in shots}) == len(shots)


def _camera_key(shot: Shot) -> int | bytes:
    """What makes two shots the same view."""
    if shot.camera_index is not None:
        return shot.camera_index
    return bytes([shot.part]) + _identity(shot.camera)


def _labels(
    numbers: Mapping[int | bytes, int], files: Mapping[tuple[int, int], PictureFiles]
) -> tuple[str, ...]:
    """Names by the pictures of each view; where those tell nothing, the stated number or a rank."""
    pictures: list[list[Path]] = [[] for _ in numbers]
    for (_, view), each in files.items():
        pictures[view].append(each.picture)
    by_number = (str(view if isinstance(key, bytes) else key) for key, view in numbers.items())
    return camera_labels(pictures) or tuple(by_number)


def _in_order(keys: Iterable[int | bytes]) -> list[int | bytes]:
    """Distinct keys: numbered cameras by number, then unnumbered ones as they appear."""
    distinct = list(dict.fromkeys(keys))
    numbered = sorted(key for key in distinct if isinstance(key, int))
    return [*numbered, *(key for key in distinct if isinstance(key, bytes))]


def _identity(camera: Camera) -> bytes:
    """Equal for cameras that agree to a few decimals."""
    lens = (camera.focal_x, camera.focal_y, camera.center_x, camera.center_y)
    numbers = np.concatenate([camera.world_to_camera.ravel(), lens, (camera.width, camera.height)])
    # Adding zero turns -0.0 into 0.0, which has other bytes.
    return (numbers.round(_SAME_POSE_DECIMALS) + 0.0).tobytes()


def _check_still(camera: Camera, shot: Shot) -> None:
    """A numbered camera must not move."""
    if camera is not shot.camera and _identity(camera) != _identity(shot.camera):
        raise CaptureError(
            f"camera {shot.camera_index} has another pose or lens at {shot.files.picture}, "
            "expected a fixed rig; leave camera_index out if the camera moves"
        )


def _check_lens(distortion: Distortion, shot: Shot) -> None:
    """Nor must its lens change."""
    if distortion != shot.distortion:
        raise CaptureError(
            f"the camera of {shot.files.picture} has another distortion than at other frames, "
            "expected a fixed rig; state the lens once"
        )


def _check_complete(views: Mapping[int, Sequence[int]], labels: Sequence[str]) -> None:
    """Every frame of a rig has every view."""
    for frame in sorted(views):
        lacking = sorted(set(range(len(labels))) - set(views[frame]))
        if lacking:
            named = ", ".join(labels[view] for view in lacking)
            raise CaptureError(
                f"frame {frame} has {len(views[frame])} of {len(labels)} cameras (without {named})"
                ", expected all; add the pictures or drop the frame"
            )
