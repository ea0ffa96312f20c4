"""What a package's manifest says about the scene in it; the meaning of `hwcodec`'s opaque part.

One dataclass per noun, each with ``to_json`` and ``from_json``. Keys are short because every byte
of a manifest is fetched by every player.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from hwcodec import PictureMarks, PlaneLayout, Quantizer
from hwcodec.records import (
    any_text,
    finite_number,
    named_values,
    positive_number,
    several,
    whole_number,
)
from hwcodec.types import LARGEST_RATE_TERM
from render.errors import SceneError
from render.geometry import Aabb
from render.mapping import VertexOrder, vertex_order_from_json
from render.occupancy import VoxelGrid
from render.shading import ShadingShape

SCENE_VERSION = 1
# In voxels. A shorter step draws the same picture, in hours; a longer one draws none.
SHORTEST_STEP, LONGEST_STEP = 1e-3, 1e3

_KEYS = (
    "version aabb voxel_size grid block_size step empty_density background shading frame_rate "
    "profile capture groups"
)
_GROUP_KEYS = "first_frame frame_count occupancy stream layout quantizer"
_SHADING_KEYS = "feature_count width depth frequency_count"


@dataclass(frozen=True, slots=True)
class FieldConstants:
    """Constants of marching and shading.

    Attributes:
        block_size: texels along one side of an atlas block.
        step: sample spacing in voxels.
        empty_density: density before activation at vertices without a texel.
        background: color behind the scene, sRGB in [0, 1].
        vertex_order: the curve along which the mapping table lays vertices out.
    """

    block_size: int
    step: float
    empty_density: float
    background: tuple[float, float, float]
    vertex_order: VertexOrder = VertexOrder.MORTON


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A run of frames that shares a mapping table, and where its parts are in the package.

    Attributes:
        first_frame: index of its first frame.
        frame_count: how many frames it has.
        occupancy: name of the blob with its occupancy bits.
        stream: index of its bitstream.
        layout: where each channel lies in the pictures.
        quantizer: codes to texel values, density first.
        marks: where the pictures carry calibration codes and their frame's number, if they do.
    """

    first_frame: int
    frame_count: int
    occupancy: str
    stream: int
    layout: PlaneLayout
    quantizer: Quantizer
    marks: PictureMarks | None = None

    @property
    def frames(self) -> range:
        """Indices of its frames."""
        return range(self.first_frame, self.first_frame + self.frame_count)

    def to_json(self) -> dict[str, Any]:
        """The group as plain JSON values; without marks it has no such key."""
        record = {
            "first_frame": self.first_frame,
            "frame_count": self.frame_count,
            "occupancy": self.occupancy,
            "stream": self.stream,
            "layout": self.layout.to_json(),
            "quantizer": self.quantizer.to_json(),
        }
        return record if self.marks is None else {**record, "marks": self.marks.to_json()}


@dataclass(frozen=True, slots=True)
class CaptureRecord:
    """Which capture was baked and how, so that an evaluation can repeat the choice.

    Attributes:
        name: of the capture.
        scale: of its pictures, in (0, 1].
        frames: the selection that was baked, as `bake` writes it.
        test_views: indices of the held-out cameras.
    """

    name: str
    scale: float
    frames: str
    test_views: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SceneRecord:
    """Everything a player must know beside the pictures, the occupancy bits and the weights.

    ``rate`` tells people how the pictures were coded, such as ``qp 24``; a player ignores it.
    """

    grid: VoxelGrid
    constants: FieldConstants
    shading: ShadingShape
    groups: tuple[Group, ...]
    frame_rate: Fraction
    profile: str
    capture: CaptureRecord
    rate: str = ""

    @property
    def frame_count(self) -> int:
        """Frames of the scene."""
        return sum(group.frame_count for group in self.groups)

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {
            "version": SCENE_VERSION,
            **field_to_json(self.grid, self.constants, self.shading, self.frame_rate),
            "profile": self.profile,
            "rate": self.rate,
            "capture": {
                "name": self.capture.name,
                "scale": self.capture.scale,
                "frames": self.capture.frames,
                "test_views": list(self.capture.test_views),
            },
            "groups": [group.to_json() for group in self.groups],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The record that `to_json` wrote.

        Raises:
            SceneError: if it is damaged, of a newer version, or its groups leave a gap.
        """
        version = record.get("version")
        if isinstance(version, int) and version > SCENE_VERSION:
            raise SceneError(
                f"the scene has version {version}, expected at most {SCENE_VERSION}; "
                "update this software to play it"
            )
        try:
            scene = cls(**_fields(record))
        except ValueError as error:
            raise SceneError(
                f"the scene's record is damaged: {error}; export the package again"
            ) from error
        _check_groups(scene.groups)
        return scene


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    named_values("the scene", record, _KEYS)
    whole_number("version", record["version"], 1)
    return {
        "grid": grid_from_json(record),
        "constants": constants_from_json(record),
        "shading": shading_from_json(record["shading"]),
        "groups": tuple(_group(group) for group in several("groups", record["groups"])),
        "frame_rate": frame_rate_from_json(record["frame_rate"]),
        "profile": any_text("profile", record["profile"]),
        "rate": any_text("rate", record.get("rate", "")),
        "capture": _capture(record["capture"]),
    }


def field_to_json(
    grid: VoxelGrid, constants: FieldConstants, shading: ShadingShape, frame_rate: Fraction
) -> dict[str, Any]:
    """The part of a record that any scene on a voxel grid has, in the order it is written."""
    order = constants.vertex_order  # Morton's goes without saying.
    return {
        "aabb": [list(grid.aabb.minimum), list(grid.aabb.maximum)],
        "voxel_size": grid.voxel_size,
        "grid": list(grid.shape),
        "block_size": constants.block_size,
        **({} if order is VertexOrder.MORTON else {"vertex_order": order.value}),
        "step": constants.step,
        "empty_density": constants.empty_density,
        "background": list(constants.background),
        "shading": {
            "feature_count": shading.feature_count,
            "width": shading.width,
            "depth": shading.depth,
            "frequency_count": shading.frequency_count,
        },
        "frame_rate": [frame_rate.numerator, frame_rate.denominator],
    }


def frame_rate_from_json(value: object) -> Fraction:
    """A frame rate from its two terms.

    Raises:
        ValueError: if they are none.
    """
    numerator, denominator = (
        whole_number("frame_rate", term, 1, LARGEST_RATE_TERM)
        for term in several("frame_rate", value, 2)
    )
    return Fraction(numerator, denominator)


def grid_from_json(record: Mapping[str, Any]) -> VoxelGrid:
    """The voxel grid of a record.

    Raises:
        ValueError: if it is damaged.
    """
    minimum, maximum = (_triple("aabb", end) for end in several("aabb", record["aabb"], 2))
    x, y, z = (whole_number("grid", count) for count in several("grid", record["grid"], 3))
    voxel_size = positive_number("voxel_size", record["voxel_size"])
    return VoxelGrid(Aabb(minimum, maximum), voxel_size, (x, y, z))


def constants_from_json(record: Mapping[str, Any]) -> FieldConstants:
    """The field's constants of a record.

    Raises:
        ValueError: if they are damaged.
    """
    return FieldConstants(
        whole_number("block_size", record["block_size"]),
        finite_number("step", record["step"], SHORTEST_STEP, LONGEST_STEP),
        finite_number("empty_density", record["empty_density"]),
        _triple("background", record["background"], 0, 1),
        vertex_order_from_json(record),
    )


def _triple(name: str, values: object, *limits: float) -> tuple[float, float, float]:
    x, y, z = (finite_number(name, value, *limits) for value in several(name, values, 3))
    return x, y, z


def shading_from_json(record: object) -> ShadingShape:
    """The network's sizes.

    Raises:
        ValueError: if no such network is drawn.
    """
    values = named_values("shading", record, _SHADING_KEYS)
    return ShadingShape(*(whole_number(key, values[key]) for key in _SHADING_KEYS.split()))


def _capture(record: object) -> CaptureRecord:
    values = named_values("capture", record, "name scale frames test_views")
    views = several("test_views", values["test_views"])
    return CaptureRecord(
        any_text("name", values["name"]),
        positive_number("scale", values["scale"], 1),
        any_text("frames", values["frames"]),
        tuple(whole_number("test_views", view) for view in views),
    )


def _group(record: object) -> Group:
    values: Mapping[str, Any] = named_values("a group", record, _GROUP_KEYS)
    layout = PlaneLayout.from_json(values["layout"])
    return Group(
        whole_number("first_frame", values["first_frame"]),
        whole_number("frame_count", values["frame_count"], 1),
        any_text("occupancy", values["occupancy"]),
        whole_number("stream", values["stream"]),
        layout,
        Quantizer.from_json(values["quantizer"]),
        _marks(values.get("marks"), layout),
    )


def _marks(record: Mapping[str, Any] | None, layout: PlaneLayout) -> PictureMarks | None:
    if record is None:
        return None
    marks = PictureMarks.from_json(record)
    if not marks.fits(layout):
        raise ValueError(
            f"marks at row {marks.row}, column {marks.column} lie on texels or outside the "
            f"pictures, expected them in the guard bands of {layout}"
        )
    return marks


def _check_groups(groups: tuple[Group, ...]) -> None:
    """Groups must follow each other from frame 0 without a gap."""
    expected = 0
    for group in groups:
        if group.first_frame != expected or group.frame_count < 1:
            raise SceneError(
                f"a group begins at frame {group.first_frame} with {group.frame_count} frames, "
                f"expected it to begin at {expected}; the manifest is damaged, export it again"
            )
        expected += group.frame_count
    if not groups:
        raise SceneError("the scene has no groups, expected at least one; export it again")
