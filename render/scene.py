"""A baked scene as a player opens it: from a package to fields, one group at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import Tensor

from hwcodec import Codec, Package, Picture, decode, decode_all, open_package
from hwcodec.decoders import usual_sessions
from render.cameras import Camera
from render.errors import SceneError
from render.field import Field, FieldGeometry, build_geometry, make_field
from render.fragment import Appearance, ShadedImage, render_view
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid
from render.occupancy_codec import decode_occupancy
from render.rig import decode_rig
from render.scene_record import Group, SceneRecord
from render.shading import weights_from_bytes

NETWORK_BLOB = "network"
RIG_BLOB = "rig"

# Mapping tables kept at once: the group being played and the one that comes next.
_KEPT_GROUPS = 2


@dataclass(frozen=True, slots=True, eq=False)
class FeatureAtlas:
    """One frame's decoded atlas: float32 values (channels, rows, columns), density first.

    ``luma`` is the plane (rows, columns) of codes that they were cut from, where it is known; it
    may be the decoder's own memory, so nobody writes to it.
    """

    frame_index: int
    values: Tensor
    luma: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GroupGeometry:
    """What is rebuilt from a group's occupancy: its mapping table and march geometry."""

    mapping: MappingTable
    geometry: FieldGeometry


class BakedScene:
    """An open package; streams are decoded when their frames are asked for.

    Usable from one thread at a time.
    """

    def __init__(self, package: Package) -> None:
        self.package = package
        self.record: SceneRecord = SceneRecord.from_json(package.scene)
        self._geometry = lru_cache(_KEPT_GROUPS)(self._build_geometry)
        self._check_streams()

    @property
    def frame_count(self) -> int:
        """Frames of the scene."""
        return self.record.frame_count

    @property
    def codec(self) -> Codec:
        """Codec of the first group's stream, which speaks for all."""
        return Codec(self.package.streams[self.record.groups[0].stream]["codec"])

    @cached_property
    def appearance(self) -> Appearance:
        """The shading network and the background.

        Raises:
            SceneError: if the weights do not fit the record.
            ContainerError: if the blob is missing or damaged.
        """
        network = weights_from_bytes(self.package.blob(NETWORK_BLOB), self.record.shading)
        return Appearance(network, torch.tensor(self.record.constants.background))

    @cached_property
    def cameras(self) -> tuple[Camera, ...]:
        """The capture's cameras at baked size.

        Raises:
            SceneError: if the blob does not hold cameras.
            ContainerError: if it is missing or damaged.
        """
        return decode_rig(self.package.blob(RIG_BLOB))

    def group_of(self, frame_index: int) -> Group:
        """The group that a frame belongs to.

        Raises:
            SceneError: if there is no such frame.
        """
        for group in self.record.groups:
            if frame_index in group.frames:
                return group
        raise SceneError(
            f"frame {frame_index} does not exist, expected 0..{self.frame_count - 1}; "
            "frames count from 0 within the package"
        )

    def geometry(self, group: Group) -> GroupGeometry:
        """Mapping table and march geometry of a group; the latest two are kept."""
        return self._geometry(group)

    def atlases(
        self, group: Group, *, device: str = "cpu", thread_count: int | None = None
    ) -> Iterator[FeatureAtlas]:
        """Decode a group's atlases in order, as float32 tensors on ``device``.

        Raises:
            BitstreamError: if the stream is damaged.
        """
        bitstream = self.package.bitstream(group.stream)
        pictures = decode(bitstream, device=device, thread_count=thread_count, borrow=True)
        for picture in pictures:
            yield atlas_of(group, picture)

    def all_atlases(
        self, *, device: str = "cpu", sessions: int | None = None
    ) -> Iterator[FeatureAtlas]:
        """Every atlas of the scene in order; the decoder stays open between groups.

        ``sessions`` groups are decoded at once: unless given, one for each engine of the device.

        Raises:
            BitstreamError: if a stream is damaged; it may come after some atlases.
            UnsupportedConfig: if ``device`` or ``sessions`` is not usable.
        """
        groups = self.record.groups
        count = sessions or usual_sessions(self.codec, device=device)
        streams = (self.package.bitstream(group.stream) for group in groups)
        for number, picture in decode_all(streams, device=device, borrow=True, sessions=count):
            group = groups[number]
            yield atlas_of(group, picture)

    def atlases_from(
        self, frame_index: int, *, device: str = "cpu", is_looping: bool = False
    ) -> Iterator[FeatureAtlas]:
        """Atlases from a frame on, in order; after the last one comes the first if looping.

        The decoder stays open between groups, and starts at the beginning of the frame's group.

        Raises:
            SceneError: if there is no such frame.
            BitstreamError: if a stream is damaged; it may come after some atlases.
        """
        groups = self.record.groups
        first = groups.index(self.group_of(frame_index))
        played = islice(cycle(groups), first, None if is_looping else len(groups))
        streams = (self.package.bitstream(group.stream) for group in played)
        sessions = usual_sessions(self.codec, device=device)
        pictures = decode_all(streams, device=device, borrow=True, sessions=sessions)
        for number, picture in pictures:
            group = groups[(first + number) % len(groups)]
            index = group.first_frame + picture.pts
            if number or index >= frame_index:
                yield atlas_of(group, picture)

    def atlas(self, frame_index: int) -> FeatureAtlas:
        """One frame's atlas; reads only its group and decodes what the frame needs of it.

        Raises:
            SceneError: if there is no such frame.
        """
        group = self.group_of(frame_index)
        wanted = frame_index - group.first_frame
        *_, picture = decode(self.package.bitstream(group.stream), stop=wanted + 1, borrow=True)
        return atlas_of(group, picture)

    def field(self, atlas: FeatureAtlas) -> Field:
        """The radiance field of a decoded atlas."""
        scene = self.geometry(self.group_of(atlas.frame_index))
        constants = self.record.constants
        return make_field(
            scene.geometry,
            scene.mapping.from_image(atlas.values).cpu(),
            empty_density=constants.empty_density,
            step=constants.step,
        )

    def render(self, frame_index: int, camera: Camera) -> ShadedImage:
        """One view of one frame."""
        return render_view(self.field(self.atlas(frame_index)), self.appearance, camera)

    def _build_geometry(self, group: Group) -> GroupGeometry:
        grid = self.record.grid
        bits = decode_occupancy(self.package.blob(group.occupancy), grid.shape)
        occupancy, layout = OccupancyGrid(grid, bits), group.layout
        # A full box takes a few bytes; ordering its vertices would take gigabytes.
        if occupancy.count > layout.rows * layout.columns:
            raise SceneError(
                f"group at frame {group.first_frame}: {occupancy.count} vertices are occupied, "
                f"expected at most the {layout.rows * layout.columns} texels of its layout; the "
                "package is damaged, export it again"
            )
        constants = self.record.constants
        mapping = build_mapping(occupancy, constants.block_size, constants.vertex_order)
        if (mapping.rows, mapping.columns) != (layout.rows, layout.columns):
            raise SceneError(
                f"group at frame {group.first_frame}: the occupancy maps to an atlas of "
                f"{mapping.rows}x{mapping.columns}, expected {layout.rows}x{layout.columns} as in "
                "its layout; the package is damaged, export it again"
            )
        return GroupGeometry(mapping, build_geometry(grid, mapping))

    def _check_streams(self) -> None:
        """Every group must have its stream, of its length and its channels."""
        for group in self.record.groups:
            if not 0 <= group.stream < self.package.stream_count:
                raise SceneError(
                    f"group at frame {group.first_frame} names stream {group.stream}, expected "
                    f"0..{self.package.stream_count - 1}; export the package again"
                )
            count = self.package.streams[group.stream]["frame_count"]
            if count != group.frame_count or group.layout.channels != self._channel_count:
                raise SceneError(
                    f"group at frame {group.first_frame} has {group.frame_count} frames of "
                    f"{group.layout.channels} channels, its stream {count} frames and the network "
                    f"{self._channel_count} channels; export the package again"
                )

    @property
    def _channel_count(self) -> int:
        return 1 + self.record.shading.feature_count


def unpack_picture(group: Group, picture: Picture) -> Tensor:
    """Texel values (channels, rows, columns) of a decoded picture, in memory of their own."""
    return group.quantizer.dequantize(group.layout.unpack(picture.luma))


def atlas_of(group: Group, picture: Picture) -> FeatureAtlas:
    """The atlas that a decoded picture of a group carries."""
    values = unpack_picture(group, picture)
    return FeatureAtlas(group.first_frame + picture.pts, values, picture.luma)


def open_scene(path: str | Path) -> BakedScene:
    """Open a package folder or ``.vrf`` file for rendering.

    Raises:
        ContainerError: if it is not a usable package.
        SceneError: if its scene record is not usable.
    """
    return BakedScene(open_package(path))
