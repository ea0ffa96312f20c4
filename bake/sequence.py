"""A baked sequence on disk: everything that encoding needs, before any codec has touched it.

SCENE/scene.json              what was baked, from what, and which files hold it
SCENE/occupancy/GROUP-*.bin   union occupancy of each group, losslessly coded
SCENE/shading/network-*.bin   weights of the shading network
SCENE/atlas/FRAME-*.npy       texels of each frame, float16 (texels, channels)

Beside it a bake tells of itself in status.json and log.jsonl (`bake.watching`) and, if asked to, in
tensorboard/; nothing of that is part of the result or read to go on.
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
from bake.scene_folder import SCENE_FILE, SCENE_FORMAT
from bake.sequence_record import (
    FieldSettings,
    Rig,
    Span,
    camera_from_json,
    camera_to_json,
    read_files,
    read_frame_rate,
    read_grid,
    read_network,
    read_provenance,
    read_rig,
    read_settings,
    read_spans,
)
from hwcodec.records import named_values, parse_json, shown, whole_number
from render.errors import RenderError
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid
from render.occupancy_codec import decode_occupancy
from render.shading import ShadingShape, weights_from_bytes

__all__ = [
    "SCENE_FILE",
    "BakedSequence",
    "FieldSettings",
    "Rig",
    "Span",
    "camera_from_json",
    "camera_to_json",
    "open_sequence",
    "save_sequence",
]

SCENE_VERSION = 1
_KEYS = "format version grid groups atlas_files network settings rig frame_rate provenance"


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
            occupancy, settings = OccupancyGrid(self.grid, bits), self.settings
            return build_mapping(occupancy, settings.block_size, settings.vertex_order)
        except RenderError as error:
            raise ArtifactError(f"{group.occupancy_file}: {error}; bake the scene again") from error
        except MemoryError as error:
            raise ArtifactError(
                f"{group.occupancy_file} is for a grid of {self.grid.vertex_count} vertices, which "
                "takes more memory than there is; bake at a lower resolution"
            ) from error

    def network_bytes(self) -> bytes:
        """The weights of the shading network.

        Raises:
            ArtifactError: if the file is missing, or does not hold weights of this network.
        """
        data = _read(self.root / self.network_file)
        try:
            weights_from_bytes(data, self.shading)
        except RenderError as error:
            raise ArtifactError(f"{self.network_file}: {error}; bake the scene again") from error
        return data

    def texels(self, frame_index: int) -> Tensor:
        """Texel values of a frame, float32 (texels, channels), density first.

        Raises:
            ArtifactError: if the file is missing or damaged.
        """
        path = self.root / self.atlas_files[frame_index]
        array = load_array(_read(path), path)
        if array.dtype != np.float16:
            raise ArtifactError(
                f"{path.name} holds {array.dtype}, expected float16; bake the scene again"
            )
        if array.ndim != 2 or array.shape[1] != 1 + self.shading.feature_count:
            raise ArtifactError(
                f"{path.name} has shape {array.shape}, expected (texels, "
                f"{1 + self.shading.feature_count}); bake the scene again"
            )
        return torch.from_numpy(array).float()


def save_sequence(sequence: BakedSequence) -> None:
    """Write ``scene.json``, last of all files, so that its presence means a finished bake."""
    record = {
        "format": SCENE_FORMAT,
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
            "vertex_order": sequence.settings.vertex_order.value,
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
    """Open a finished bake, whose record and network are checked; atlases are read later.

    Raises:
        ArtifactError: if the folder holds none, an unfinished or damaged one, or one of a newer
            version.
    """
    path = root / SCENE_FILE
    if not path.is_file():
        raise ArtifactError(
            f"{root} holds no finished bake ({SCENE_FILE} is missing), expected the out folder of "
            "bake-sequence; run bake-sequence again with the same out folder until it ends"
        )
    try:
        record = named_values("the file", parse_json(_read(path)), _KEYS)
        _read_version(path, record)
        sequence = _from_record(root, record)
    except ArtifactError:
        raise
    except (ValueError, RenderError) as error:
        raise ArtifactError(f"{path} is damaged: {error}; bake the scene again") from error
    sequence.network_bytes()
    return sequence


def _read_version(path: Path, record: Mapping[str, object]) -> None:
    """Refuse other files, and those of a later version."""
    if record["format"] != SCENE_FORMAT:
        raise ValueError("it is not a scene file")
    version = record["version"]
    if isinstance(version, int) and version > SCENE_VERSION:
        raise ArtifactError(
            f"{path} has version {shown(version)}, expected at most {SCENE_VERSION}; "
            "update this software"
        )
    whole_number("version", version, 1, SCENE_VERSION)


def _from_record(root: Path, record: Mapping[str, object]) -> BakedSequence:
    atlas_files = read_files(record["atlas_files"])
    shading, network_file = read_network(record["network"])
    return BakedSequence(
        root=root,
        grid=read_grid(record["grid"]),
        groups=read_spans(record["groups"], len(atlas_files)),
        atlas_files=atlas_files,
        shading=shading,
        network_file=network_file,
        settings=read_settings(record["settings"]),
        rig=read_rig(record["rig"]),
        frame_rate=read_frame_rate(record["frame_rate"]),
        provenance=read_provenance(record["provenance"]),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path}: {error.strerror}; bake the scene again to restore it"
        ) from error
