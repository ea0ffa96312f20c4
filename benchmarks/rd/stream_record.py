"""The part of a package that baselines on a voxel grid share: geometry, groups, network, rig.

A package of theirs holds this record as its scene, with whatever the method itself must know under
``own``, and blobs: ``network``, ``rig``, one occupancy per group, and the method's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from bake.optimize import GroupScene, build_group
from benchmarks.rd.footage import Footage, FootageGroup
from benchmarks.rd.method import PlayedFrame
from hwcodec import Package, PackageContent, StreamContent, write_package
from hwcodec.records import named_values, several, whole_number
from render.errors import SceneError
from render.field import make_field
from render.fragment import Appearance
from render.occupancy import OccupancyGrid, VoxelGrid
from render.occupancy_codec import decode_occupancy, encode_occupancy
from render.rig import encode_rig
from render.scene import NETWORK_BLOB, RIG_BLOB
from render.scene_record import (
    FieldConstants,
    constants_from_json,
    field_to_json,
    frame_rate_from_json,
    grid_from_json,
    shading_from_json,
)
from render.shading import ShadingMlp, ShadingShape, weights_from_bytes, weights_to_bytes

_KEYS = (
    "method aabb voxel_size grid block_size step empty_density background shading frame_rate "
    "groups own"
)
_MOST_FRAMES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class StreamRecord:
    """What a decoder must know beside the method's blobs.

    ``groups`` are (first frame, frame count) in order; ``own`` is the method's, plain JSON values.
    """

    method: str
    grid: VoxelGrid
    constants: FieldConstants
    shading: ShadingShape
    frame_rate: Fraction
    groups: tuple[tuple[int, int], ...]
    own: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {
            "method": self.method,
            **field_to_json(self.grid, self.constants, self.shading, self.frame_rate),
            "groups": [list(group) for group in self.groups],
            "own": dict(self.own),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], method: str) -> Self:
        """The record that `to_json` wrote for that method.

        Raises:
            SceneError: if it is damaged or of another method.
        """
        try:
            named_values("the stream", record, _KEYS)
            if record["method"] != method:
                raise ValueError(f"its method is {record['method']!r}, expected {method!r}")
            if not isinstance(record["own"], dict):
                raise ValueError("its own part is no JSON object")
            return cls(
                method,
                grid_from_json(record),
                constants_from_json(record),
                shading_from_json(record["shading"]),
                frame_rate_from_json(record["frame_rate"]),
                _groups(record["groups"]),
                record["own"],
            )
        except ValueError as error:
            raise SceneError(
                f"the stream's record is damaged: {error}; encode the package again"
            ) from error


class OpenStream:
    """A package of a baseline, opened for decoding: groups' geometry, and frames from values."""

    def __init__(self, package: Package, method: str) -> None:
        self.package = package
        self.record = StreamRecord.from_json(package.scene, method)
        network = weights_from_bytes(package.blob(NETWORK_BLOB), self.record.shading)
        background = torch.tensor(self.record.constants.background)
        self.appearance = Appearance(network, background)
        # Decoders go through the groups in order; a network's worth of memory each.
        self.scene = lru_cache(2)(self._scene)

    def _scene(self, number: int) -> GroupScene:
        grid = self.record.grid
        bits = decode_occupancy(self.package.blob(occupancy_blob(number)), grid.shape)
        return build_group(OccupancyGrid(grid, bits), self.record.constants.block_size)

    def frame(self, number: int, texels: Tensor) -> PlayedFrame:
        """A frame of a group from its values (texels, 1 + features)."""
        constants, geometry = self.record.constants, self.scene(number).geometry
        expected = (geometry.texel_count, 1 + self.record.shading.feature_count)
        if tuple(texels.shape) != expected:
            raise SceneError(
                f"a frame of group {number} has values {tuple(texels.shape)}, expected {expected}; "
                "the package is damaged, encode it again"
            )
        field = make_field(
            geometry, texels.float(), empty_density=constants.empty_density, step=constants.step
        )
        return PlayedFrame(field, self.appearance)


@dataclass(frozen=True, slots=True, eq=False)
class StreamBody:
    """What a method adds to a package: its JSON, blobs, the network that shades, and streams."""

    own: Mapping[str, Any]
    blobs: Mapping[str, bytes]
    network: ShadingMlp
    streams: Sequence[StreamContent] = ()


def write_stream(out: Path, method: str, footage: Footage, body: StreamBody) -> None:
    """Write the package of a baseline, one file."""
    config = footage.config.optimize
    record = StreamRecord(
        method,
        footage.grid,
        FieldConstants(
            config.block_size,
            config.step,
            config.limits.empty_density,
            footage.capture.background,
        ),
        body.network.shape,
        footage.capture.frame_rate,
        tuple((group.plan.first_frame, group.plan.frame_count) for group in footage.groups),
        body.own,
    )
    blobs = {
        NETWORK_BLOB: weights_to_bytes(body.network),
        RIG_BLOB: encode_rig(footage.capture.cameras),
        **{occupancy_blob(n): group_occupancy(group) for n, group in enumerate(footage.groups)},
        **body.blobs,
    }
    content = PackageContent(record.to_json(), blobs, body.streams)
    write_package(out, content, overwrite=True)


def group_occupancy(group: FootageGroup) -> bytes:
    """The coded union occupancy of a group."""
    return encode_occupancy(group.plan.occupancy.vertices)


def occupancy_blob(number: int) -> str:
    """Name of the blob with a group's occupancy."""
    return f"occupancy{number:04d}"


def _groups(value: object) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    expected = 0
    for group in several("groups", value):
        first, count = several("a group", group, 2)
        whole_number("first frame", first, expected, expected)
        expected += whole_number("frame count", count, 1, _MOST_FRAMES)
        found.append((expected - int(str(count)), int(str(count))))
    if not found:
        raise ValueError("it has no groups, expected at least one")
    return tuple(found)
