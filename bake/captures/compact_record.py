"""What ``capture.json`` of a compact capture says, as `prepare-capture` writes it.

    format        "videorf-capture"
    version       1; readers refuse any other
    frame_rate    [numerator, denominator], frames per second
    frame_count   frames that every video has
    aabb          [[x, y, z], [x, y, z]], the box around the scene in scene units, or null
    cameras       one object each:
        label           its name
        video, mask     files in the folder; mask is null where there is none, else gray alpha
        width, height   of the written pictures
        focal, center   [x, y] in pixels of the written pictures, which are straight
        world_to_camera OpenCV pose, 4 x 4, row by row; pixel centers lie at +0.5
        is_held_out     whether it measures quality and is not trained on
        filmed          the camera as it filmed: width, height, focal, center, distortion (OpenCV's
                        coefficients), is_fisheye; and window, [left, top], where the written
                        picture lies in the straight one
        source          what it was made from, for people: file, codec, decoder, offset, ...
    provenance    versions, command, mask method and what else made it, for people

Colors under a mask are the subject's own (straight alpha); beside it they mean nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bake.captures.lens import Distortion, LensCamera
from bake.captures.transforms import read_document
from bake.errors import CaptureError
from hwcodec.records import (
    LARGEST_SIDE,
    file_name,
    named_values,
    numbers,
    several,
    some_text,
    triple,
    whole_number,
)
from render.cameras import Camera
from render.errors import CameraError, SceneError
from render.geometry import Aabb

CAPTURE_FILE = "capture.json"
_FORMAT, _VERSION = "videorf-capture", 1
_KEYS = "format version frame_rate frame_count aabb cameras provenance"
_LENS_KEYS = "width height focal center"
_CAMERA_KEYS = f"label video mask {_LENS_KEYS} world_to_camera is_held_out filmed source"
_FILMED_KEYS = f"{_LENS_KEYS} distortion is_fisheye window"
# More cameras or frames are no capture.
_MOST_CAMERAS, _MOST_FRAMES = 10_000, 10_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CompactCamera:
    """One camera: its written pictures, and how they were filmed.

    Attributes:
        label: its name.
        video, mask: files relative to the folder; None without masks.
        camera: that of the written pictures.
        filmed: that of the video before, with its lens.
        window: left and top of the written picture in the straight one, in pixels.
        is_held_out: whether it is not trained on.
        source: what it was made from, for people.
    """

    label: str
    video: str
    mask: str | None
    camera: Camera
    filmed: LensCamera
    window: tuple[int, int]
    is_held_out: bool
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class CompactCapture:
    """A whole compact capture, as its file says it."""

    cameras: tuple[CompactCamera, ...]
    frame_rate: Fraction
    frame_count: int
    aabb: Aabb | None
    provenance: Mapping[str, Any]


def to_document(capture: CompactCapture) -> dict[str, Any]:
    """The record as JSON values."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "frame_rate": [capture.frame_rate.numerator, capture.frame_rate.denominator],
        "frame_count": capture.frame_count,
        "aabb": capture.aabb and [list(capture.aabb.minimum), list(capture.aabb.maximum)],
        "cameras": [_from_camera(camera) for camera in capture.cameras],
        "provenance": dict(capture.provenance),
    }


def read_compact(folder: Path) -> CompactCapture:
    """Read ``capture.json`` in a folder; the videos are not looked at.

    Raises:
        CaptureError: if it is missing, of another version, or holds what cannot be.
    """
    path = folder / CAPTURE_FILE
    document = read_document(path)
    try:
        values = named_values("the file", document.values, _KEYS)
        if (values["format"], values["version"]) != (_FORMAT, _VERSION):
            raise ValueError(
                f"it is {values['format']!r:.60} of version {values['version']!r:.20}, expected "
                f"{_FORMAT!r} of version {_VERSION}"
            )
        rate = [whole_number("frame_rate", n, 1) for n in several("", values["frame_rate"], 2)]
        entries = several("cameras", values["cameras"], least=2)
        if len(entries) > _MOST_CAMERAS:
            raise ValueError(f"it lists {len(entries)} cameras")
        cameras = tuple(_to_camera(f"cameras[{i}]", entry) for i, entry in enumerate(entries))
        if len({camera.label for camera in cameras}) < len(cameras):
            raise ValueError("two cameras have one label")
        return CompactCapture(
            cameras,
            Fraction(*rate),
            whole_number("frame_count", values["frame_count"], 1, _MOST_FRAMES),
            _to_box(values["aabb"]),
            named_values("provenance", values["provenance"], ""),
        )
    except (CameraError, CaptureError, SceneError, ValueError) as error:
        raise CaptureError(
            f"{path} is no compact capture: {error}; run prepare-capture again"
        ) from error


def _from_camera(camera: CompactCamera) -> dict[str, Any]:
    filmed, distortion = camera.filmed
    return {
        "label": camera.label,
        "video": camera.video,
        "mask": camera.mask,
        **_from_lens(camera.camera),
        "world_to_camera": camera.camera.world_to_camera.tolist(),
        "is_held_out": camera.is_held_out,
        "filmed": {
            **_from_lens(filmed),
            "distortion": list(distortion.coefficients),
            "is_fisheye": distortion.is_fisheye,
            "window": list(camera.window),
        },
        "source": dict(camera.source),
    }


def _from_lens(camera: Camera) -> dict[str, Any]:
    return {
        "width": camera.width,
        "height": camera.height,
        "focal": [float(camera.focal_x), float(camera.focal_y)],
        "center": [float(camera.center_x), float(camera.center_y)],
    }


def _to_camera(name: str, entry: object) -> CompactCamera:
    values = named_values(name, entry, _CAMERA_KEYS)
    filmed = named_values(f"filmed of {name}", values["filmed"], _FILMED_KEYS)
    rows = several("world_to_camera", values["world_to_camera"], 4)
    pose = [numbers("a row of world_to_camera", row, 4) for row in rows]
    mask = values["mask"]
    coefficients = several("distortion", filmed["distortion"])
    distortion = Distortion(
        tuple(numbers("distortion", coefficients, len(coefficients))),
        is_fisheye=_flag("is_fisheye", filmed["is_fisheye"]),
    )
    left, top = (
        whole_number("window", side, 0, LARGEST_SIDE)
        for side in several("window", filmed["window"], 2)
    )
    return CompactCamera(
        label=some_text("label", values["label"]),
        video=file_name("video", values["video"]),
        mask=None if mask is None else file_name("mask", mask),
        camera=_to_lens(values, pose),
        filmed=LensCamera(_to_lens(filmed, pose), distortion),
        window=(left, top),
        is_held_out=_flag("is_held_out", values["is_held_out"]),
        source=named_values("source", values["source"], ""),
    )


def _to_lens(values: Mapping[str, object], pose: Sequence[Sequence[float]]) -> Camera:
    width, height = (whole_number(k, values[k], 1, LARGEST_SIDE) for k in ("width", "height"))
    (focal_x, focal_y), (center_x, center_y) = (
        numbers(key, values[key], 2) for key in ("focal", "center")
    )
    return Camera(width, height, focal_x, focal_y, center_x, center_y, np.array(pose))


def _to_box(value: object) -> Aabb | None:
    if value is None:
        return None
    low, high = several("aabb", value, 2)
    return Aabb(triple("a corner", low), triple("a corner", high))


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r:.40}, expected true or false")
    return value
