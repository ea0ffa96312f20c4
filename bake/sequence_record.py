"""The parts of a baked sequence that `scene.json` holds, and the strict reading of them.

A scene folder may come from anyone, so every field is checked here, before a frame is encoded; what
encodes can then believe the record. All readers raise a plain ValueError (the renderer's errors are
ValueErrors too) that names the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import bake.limits as bounds
from bake.encode_config import EncodeConfig
from hwcodec.records import (
    LARGEST_SIDE,
    file_name,
    finite_number,
    named_values,
    numbers,
    positive_number,
    several,
    some_text,
    triple,
    whole_number,
)
from render.cameras import Camera
from render.geometry import Aabb
from render.mapping import BLOCK_SIZES, VertexOrder, vertex_order_from_json
from render.occupancy import MAX_VERTICES_PER_AXIS, VoxelGrid
from render.shading import ShadingShape

# Occupied vertices are numbered in 32 bits; a scene box may well have far more empty ones.
_MOST_VERTICES = 1 << 36
# Numerator and denominator of a frame rate: up to here every JSON reader is exact.
_MOST_IN_RATE = 1 << 53


@dataclass(frozen=True, slots=True)
class Span:
    """A group's place in the sequence and its occupancy file, relative to the scene folder."""

    first_frame: int
    frame_count: int
    occupancy_file: str


@dataclass(frozen=True, slots=True)
class FieldSettings:
    """Constants that turn texels into a field; a player needs all of them.

    ``density_range`` and ``feature_range`` are the symmetric limits of texel values,
    ``vertex_order`` is the curve along which the mapping table lays vertices out.
    """

    block_size: int
    step: float
    density_range: float
    feature_range: float
    background: tuple[float, float, float]
    vertex_order: VertexOrder = VertexOrder.MORTON


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """The capture's cameras at baked size, and which of them trained and which were held out."""

    cameras: tuple[Camera, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]


def camera_to_json(camera: Camera) -> dict[str, Any]:
    """A camera as plain numbers: size, intrinsics, and the upper three rows of its pose."""
    return {
        "size": [camera.width, camera.height],
        "lens": [camera.focal_x, camera.focal_y, camera.center_x, camera.center_y],
        "pose": camera.world_to_camera[:3].tolist(),
    }


def camera_from_json(value: object) -> Camera:
    """The camera that `camera_to_json` wrote.

    Raises:
        ValueError: if it did not write that.
    """
    record = named_values("camera", value, "size lens pose")
    width, height = (
        whole_number("side", side, 1, LARGEST_SIDE) for side in several("size", record["size"], 2)
    )
    focal_x, focal_y, center_x, center_y = numbers("lens", record["lens"], 4)
    rows = [numbers("pose row", row, 4) for row in several("pose", record["pose"], 3)]
    pose = np.array([*rows, (0.0, 0.0, 0.0, 1.0)], np.float64)
    return Camera(width, height, focal_x, focal_y, center_x, center_y, pose)


def read_grid(value: object) -> VoxelGrid:
    """The voxel grid.

    Raises:
        ValueError: if there can be none like it.
    """
    record = named_values("grid", value, "minimum maximum voxel_size shape")
    low, high = (triple(key, record[key]) for key in ("minimum", "maximum"))
    x, y, z = (
        whole_number("grid shape", count, 2, MAX_VERTICES_PER_AXIS)
        for count in several("grid shape", record["shape"], 3)
    )
    whole_number("vertices of the grid", x * y * z, 8, _MOST_VERTICES)
    return VoxelGrid(
        Aabb(low, high), positive_number("voxel_size", record["voxel_size"]), (x, y, z)
    )


def read_files(value: object) -> tuple[str, ...]:
    """The atlas file of every frame.

    Raises:
        ValueError: if there is none, or a name leaves the scene folder.
    """
    return tuple(file_name("atlas file", name) for name in several("atlas_files", value, least=1))


def read_spans(value: object, frame_count: int) -> tuple[Span, ...]:
    """The groups, which must cover all frames, in order and without a gap.

    Raises:
        ValueError: if they do not, or an occupancy file's name leaves the scene folder.
    """
    spans: list[Span] = []
    for item in several("groups", value, least=1):
        begin = spans[-1].first_frame + spans[-1].frame_count if spans else 0
        first, count, name = several("group", item, 3)
        whole_number("first frame of a group", first, begin, begin)
        length = whole_number("frames of a group", count, 1, frame_count - begin)
        spans.append(Span(begin, length, file_name("occupancy file", name)))
    end = spans[-1].first_frame + spans[-1].frame_count
    whole_number("number of atlas_files", frame_count, end, end)
    return tuple(spans)


def read_network(value: object) -> tuple[ShadingShape, str]:
    """The sizes of the shading network, and the file of its weights.

    Raises:
        ValueError: if there is no such network, or the name leaves the scene folder.
    """
    keys = ("feature_count", "width", "depth", "frequency_count")
    record = named_values("network", value, f"{' '.join(keys)} file", allow_more=False)
    sizes = (whole_number(key, record[key], 0, bounds.MOST_TEXELS) for key in keys)
    return ShadingShape(*sizes), file_name("network file", record["file"])


def read_settings(value: object) -> FieldSettings:
    """The constants of the field.

    Raises:
        ValueError: if one is out of range.
    """
    keys = "block_size step density_range feature_range background vertex_order"
    if isinstance(value, Mapping):  # Bakes from before there was a choice do not state it.
        value = {**value, "vertex_order": value.get("vertex_order", VertexOrder.MORTON.value)}
    record = named_values("settings", value, keys, allow_more=False)
    block_size = whole_number("block_size", record["block_size"], 1, max(BLOCK_SIZES))
    if block_size not in BLOCK_SIZES:
        raise ValueError(f"block_size is {block_size}, expected one of {BLOCK_SIZES}")
    background = triple("background", record["background"])
    if not all(0 <= part <= 1 for part in background):
        raise ValueError(f"background is {background}, expected three numbers in [0, 1]")
    return FieldSettings(
        block_size,
        finite_number("step", record["step"], bounds.SMALLEST_STEP, bounds.LARGEST_STEP),
        positive_number("density_range", record["density_range"], bounds.LARGEST_VALUE),
        positive_number("feature_range", record["feature_range"], bounds.LARGEST_VALUE),
        background,
        vertex_order_from_json(record),
    )


def read_rig(value: object) -> Rig:
    """The cameras, and which of them trained and which were held out.

    Raises:
        ValueError: if a camera cannot exist, or a view is none of them.
    """
    record = named_values("rig", value, "cameras train test")
    cameras = tuple(
        camera_from_json(camera) for camera in several("cameras", record["cameras"], least=1)
    )
    train, test = (
        tuple(
            whole_number(f"view of {part}", view, 0, len(cameras) - 1)
            for view in several(part, record[part], least=1)
        )
        for part in ("train", "test")
    )
    return Rig(cameras, train, test)


def read_frame_rate(value: object) -> Fraction:
    """Frames per second, from numerator and denominator.

    Raises:
        ValueError: if they are no positive fraction.
    """
    parts = several("frame_rate", value, 2)
    return Fraction(*(whole_number("part of frame_rate", n, 1, _MOST_IN_RATE) for n in parts))


def read_provenance(value: object) -> Mapping[str, Any]:
    """The provenance, which says at least which capture was baked, how large and which frames.

    If it says for which rate as well, that is one.

    Raises:
        ValueError: if it does not.
    """
    record = named_values("provenance", value, "capture config")
    some_text("capture", record["capture"])
    config = named_values("config", record["config"], "capture")
    capture = named_values("config.capture", config["capture"], "scale frames")
    positive_number("config.capture.scale", capture["scale"], 1.0)
    some_text("config.capture.frames", capture["frames"])
    EncodeConfig.of(record)
    return record


def without_paths(config: dict[str, object]) -> dict[str, object]:
    """A configuration as a scene records it: the capture's folder as its name, and no other."""
    capture = config["capture"]
    if isinstance(capture, dict):
        capture["path"] = Path(str(capture["path"])).name
        capture["cache_folder"] = ""
    return config
