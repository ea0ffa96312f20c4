"""Small packages whose picture moves: a ball of texels over two groups, really encoded."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from hwcodec import (
    PROFILES,
    YUV420P8,
    YUV420P10,
    CodeRange,
    ConstantQp,
    EncoderSettings,
    GopStructure,
    PackageContent,
    Picture,
    PictureGeometry,
    PlaneLayout,
    Quantizer,
    StreamContent,
    Tuning,
    choose_encoder,
    encode,
    write_package,
)
from hwcodec.marks import PictureMarks
from render.cameras import Lens, orbit
from render.geometry import Aabb
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid
from render.occupancy_codec import encode_occupancy
from render.rig import encode_rig
from render.scene_record import CaptureRecord, FieldConstants, Group, SceneRecord
from render.shading import ShadingMlp, ShadingShape, weights_to_bytes

SHAPE = ShadingShape(6, 16, 3, 2)
FRAME_RATE = Fraction(25)


@dataclass(frozen=True)
class Kind:
    """How a package is made; ``seed`` changes the texels."""

    encoder: str = "libx264"
    profile: str = "web8"
    frames: int = 12
    sides: tuple[int, int, int] = (30, 26, 34)
    picture: int = 48


def moving_package(folder: Path, kind: Kind) -> Path:
    """Two groups of ``frames`` pictures each, with B pictures and a key in the middle."""
    shape = kind.sides
    grid = VoxelGrid(Aabb((-0.6, -0.5, -0.7), (0.6, 0.54, 0.66)), 0.04, shape)
    codes = PROFILES[kind.profile]
    limit = torch.tensor([12.0] + [2.5] * SHAPE.feature_count)
    quantizer = Quantizer.of(-limit, limit, codes)
    torch.manual_seed(4)
    lens = Lens(kind.picture, kind.picture, 2.0 * kind.picture)
    blobs = {
        "network": weights_to_bytes(ShadingMlp(SHAPE)),
        "rig": encode_rig(orbit((0, 0, 0), 2.2, 0.5, 8, lens)),
    }
    groups, streams = [], []
    for index in range(2):
        vertices = _ball(shape, index)
        blobs[f"occupancy{index:04d}"] = encode_occupancy(vertices)
        mapping = build_mapping(OccupancyGrid(grid, vertices), 8)
        layout = PlaneLayout.plan(1 + SHAPE.feature_count, mapping.rows, mapping.columns)
        first = index * kind.frames
        group = Group(first, kind.frames, f"occupancy{index:04d}", index, layout, quantizer)
        groups.append(group)
        streams.append(_stream(kind, group, mapping))
    record = SceneRecord(
        grid=grid,
        constants=FieldConstants(8, 0.5, -8.0, (1.0, 0.9, 0.8)),
        shading=SHAPE,
        groups=tuple(groups),
        frame_rate=FRAME_RATE,
        profile=kind.profile,
        capture=CaptureRecord("moving", 1.0, ":", ()),
    )
    scene = record.to_json()
    for group, written in zip(groups, scene["groups"], strict=True):
        marks = marks_of(group)
        written |= {"marks": marks.to_json()} if marks else {}
    write_package(folder, PackageContent(scene, blobs, streams))
    return folder


def marks_of(group: Group) -> PictureMarks | None:
    """Marks of pictures that any browser has to read, which are those of 8 bits."""
    quantizer = group.quantizer
    if quantizer.bit_depth > 8:
        return None
    codes = CodeRange(quantizer.bit_depth, quantizer.lowest_code, quantizer.highest_code)
    return PictureMarks.plan(group.layout, codes)


def _ball(shape: tuple[int, int, int], index: int) -> np.ndarray:
    """The occupied vertices of a group: a ball, in another place for each group."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    center = (0.1 * index, -0.05, 0.15 * index - 0.1)
    distance = np.sqrt(sum((a - c) ** 2 for a, c in zip(axes, center, strict=True)))
    return distance + np.random.default_rng(index).normal(0, 0.03, shape) < 0.62


def _stream(kind: Kind, group: Group, mapping: MappingTable) -> StreamContent:
    """The group's pictures: a dense ball whose features drift from frame to frame."""
    format_ = YUV420P8 if group.quantizer.bit_depth == 8 else YUV420P10
    choice = choose_encoder(kind.encoder, format_)
    pictures = []
    for pts in range(group.frame_count):
        image = mapping.to_image(_texels(mapping, group.first_frame + pts))
        luma = group.layout.pack(group.quantizer.quantize(image))
        marks = marks_of(group)
        if marks:
            luma = marks.apply(luma, group.first_frame + pts)
        pictures.append(Picture((luma,), format_, pts))
    settings = EncoderSettings(
        choice.encoder,
        PictureGeometry(format_, group.layout.width, group.layout.height, FRAME_RATE),
        ConstantQp(28 if choice.encoder != "libsvtav1" else 32),
        GopStructure(length=6, b_frame_count=3),
        Tuning(thread_count=1),
    )
    name = f"group{group.stream:04d}"
    return StreamContent(name, encode(pictures, settings), choice)


def _texels(mapping: MappingTable, frame: int) -> torch.Tensor:
    """Values (texels, channels) of one frame: waves through space that move with time."""
    places = torch.from_numpy(mapping.vertices.astype(np.float32))
    waves = torch.tensor([[0.31, 0.12, 0.23], [0.11, 0.35, 0.17], [0.23, 0.14, 0.29]])
    phase = places @ waves.T + 0.15 * frame
    values = torch.cat([torch.sin(phase), torch.cos(1.7 * phase)], dim=1) * 2
    density = 3.0 + 4.0 * torch.sin(phase[:, :1] * 0.8 + 0.05 * frame)
    texels = torch.zeros(mapping.texel_count, 1 + SHAPE.feature_count)
    texels[torch.from_numpy(mapping.texels.astype(np.int64))] = torch.cat([density, values], dim=1)
    return texels
