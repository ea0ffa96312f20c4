"""A baked sequence on disk: everything that encoding needs, before any codec has touched it.

SCENE/scene.json              what was baked, from what, and which files hold it
SCENE/occupancy/GROUP-*.bin   union occupancy of each group, losslessly coded
SCENE/shading/network-*.bin   weights of the shading network
SCENE/atlas/FRAME-*.npy       texels of each frame, float16 (texels, channels)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bake.artifacts import load_array, write_atomic
from bake.errors import ArtifactError
from render.cameras import Camera
from render.errors import RenderError
from render.geometry import Aabb
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid
from render.occupancy_codec import decode_occupancy
from render.shading import ShadingShape

SCENE_FILE = "scene.json"
SCENE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Span:
    """A group's place in the sequence and its occupancy file, relative to the scene folder."""

    first_frame: int
    frame_count: int
    occupancy_file: str


@dataclass(frozen=True, slots=True)
class FieldSettings:
    """Constants that turn texels into a field; a player needs all of them.

    ``density_range`` and ``feature_range`` are the symmetric limits of texel values.
    """

    block_size: int
    step: float
    density_range: float
    feature_range: float
    background: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """The capture's cameras at baked size, and which of them trained and which were held out."""

    cameras: tuple[Camera, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class BakedSequence:
    """A finished bake, opened; texels are read frame by frame.

    Attributes:
        root: the scene folder.
        grid: the voxel grid of all groups.
        groups: their spans, in order.
        atlas_files: one per frame, relative to ``root``.
        shading: sizes of the network.
        network_file: its weights.
        settings: constants of the field.
        rig: the capture's cameras.
        frame_rate: frames per second.
        provenance: capture name, options, frame numbers and configuration, as JSON.
    """

    root: Path
    grid: VoxelGrid
    groups: tuple[Span, ...]
    atlas_files: tuple[str, ...]
    shading: ShadingShape
    network_file: str
    settings: FieldSettings
    rig: Rig
    frame_rate: Fraction
    provenance: Mapping[str, Any]

    @property
    def frame_count(self) -> int:
        """Frames of the sequence."""
        return len(self.atlas_files)

    def occupancy_bytes(self, group: Span) -> bytes:
        """The coded occupancy of a group.

        Raises:
            ArtifactError: if the file is missing.
        """
        return _read(self.root / group.occupancy_file)

    def mapping(self, group: Span) -> MappingTable:
        """The mapping table of a group, rebuilt from its occupancy.

        Raises:
            ArtifactError: if the occupancy is missing or damaged.
        """
        try:
            bits = decode_occupancy(self.occupancy_bytes(group), self.grid.shape)
            return build_mapping(OccupancyGrid(self.grid, bits), self.settings.block_size)
        except RenderError as error:
            raise ArtifactError(f"{group.occupancy_file}: {error}; bake the scene again") from error

    def network_bytes(self) -> bytes:
        """The weights of the shading network.

        Raises:
            ArtifactError: if the file is missing.
        """
        return _read(self.root / self.network_file)

    def texels(self, frame_index: int) -> Tensor:
        """Texel values of a frame, float32 (texels, channels), density first.

        Raises:
            ArtifactError: if the file is missing or damaged.
        """
        path = self.root / self.atlas_files[frame_index]
        array = load_array(_read(path), path)
        if array.ndim != 2 or array.shape[1] != 1 + self.shading.feature_count:
            raise ArtifactError(
                f"{path.name} has shape {array.shape}, expected (texels, "
                f"{1 + self.shading.feature_count}); bake the scene again"
            )
        return torch.from_numpy(array).float()


def save_sequence(sequence: BakedSequence) -> None:
    """Write ``scene.json``, last of all files, so that its presence means a finished bake."""
    record = {
        "format": "videorf-scene",
        "version": SCENE_VERSION,
        "grid": {
            "minimum": list(sequence.grid.aabb.minimum),
            "maximum": list(sequence.grid.aabb.maximum),
            "voxel_size": sequence.grid.voxel_size,
            "shape": list(sequence.grid.shape),
        },
        "groups": [[g.first_frame, g.frame_count, g.occupancy_file] for g in sequence.groups],
        "atlas_files": list(sequence.atlas_files),
        "network": {
            "feature_count": sequence.shading.feature_count,
            "width": sequence.shading.width,
            "depth": sequence.shading.depth,
            "frequency_count": sequence.shading.frequency_count,
            "file": sequence.network_file,
        },
        "settings": {
            "block_size": sequence.settings.block_size,
            "step": sequence.settings.step,
            "density_range": sequence.settings.density_range,
            "feature_range": sequence.settings.feature_range,
            "background": list(sequence.settings.background),
        },
        "rig": {
            "cameras": [camera_to_json(camera) for camera in sequence.rig.cameras],
            "train": list(sequence.rig.train),
            "test": list(sequence.rig.test),
        },
        "frame_rate": [sequence.frame_rate.numerator, sequence.frame_rate.denominator],
        "provenance": dict(sequence.provenance),
    }
    write_atomic(sequence.root / SCENE_FILE, json.dumps(record, indent=1).encode())


def open_sequence(root: Path) -> BakedSequence:
    """Open a finished bake.

    Raises:
        ArtifactError: if the folder holds none, an unfinished one, or one of a newer version.
    """
    path = root / SCENE_FILE
    if not path.is_file():
        raise ArtifactError(
            f"{root} holds no finished bake ({SCENE_FILE} is missing), expected the out folder of "
            "bake-sequence; run bake-sequence again with the same out folder until it ends"
        )
    try:
        record = json.loads(path.read_bytes())
        version = record["version"]
        if record["format"] != "videorf-scene" or not isinstance(version, int):
            raise ValueError("it is not a scene file")
        if version > SCENE_VERSION:
            raise ArtifactError(
                f"{path} has version {version}, expected at most {SCENE_VERSION}; "
                "update this software"
            )
        return _from_record(root, record)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, RenderError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{path} is damaged: {error!r}; bake the scene again") from error


def camera_to_json(camera: Camera) -> dict[str, Any]:
    """A camera as plain numbers: size, intrinsics, and the upper three rows of its pose."""
    return {
        "size": [camera.width, camera.height],
        "lens": [camera.focal_x, camera.focal_y, camera.center_x, camera.center_y],
        "pose": camera.world_to_camera[:3].tolist(),
    }


def camera_from_json(record: Mapping[str, Any]) -> Camera:
    """The camera that `camera_to_json` wrote."""
    width, height = record["size"]
    pose = np.array([*record["pose"], [0.0, 0.0, 0.0, 1.0]], np.float64)
    focal_x, focal_y, center_x, center_y = record["lens"]
    return Camera(width, height, focal_x, focal_y, center_x, center_y, pose)


def _from_record(root: Path, record: Mapping[str, Any]) -> BakedSequence:
    grid, network, rig = record["grid"], dict(record["network"]), record["rig"]
    network_file = network.pop("file")
    x, y, z = (int(count) for count in grid["shape"])
    settings = {**record["settings"], "background": tuple(record["settings"]["background"])}
    return BakedSequence(
        root=root,
        grid=VoxelGrid(
            Aabb(tuple(grid["minimum"]), tuple(grid["maximum"])),
            grid["voxel_size"],
            (x, y, z),
        ),
        groups=tuple(Span(*group) for group in record["groups"]),
        atlas_files=tuple(record["atlas_files"]),
        shading=ShadingShape(**network),
        network_file=network_file,
        settings=FieldSettings(**settings),
        rig=Rig(
            tuple(camera_from_json(camera) for camera in rig["cameras"]),
            tuple(rig["train"]),
            tuple(rig["test"]),
        ),
        frame_rate=Fraction(*record["frame_rate"]),
        provenance=record["provenance"],
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path}: {error.strerror}; bake the scene again to restore it"
        ) from error
