"""What the shaders read, as arrays and numbers: tables, quantizers, pictures and cameras.

Nothing here needs OpenGL. `pack_atlas` is the plain twin of the pack pass.

| shader     | texture                | array                                             |
|------------|------------------------|---------------------------------------------------|
| uCells     | R32I, (z, y, x)        | int32 (x, y, z), z fastest, as `FieldGeometry` has it |
| uCorners   | RGBA32UI               | uint32 (rows, 2 * CORNER_COLUMNS, 4)              |
| uLuma      | R8UI or R16UI          | uint8 or uint16 (rows, columns)                   |
| uAtlas     | RGBA32UI               | uint32 (layers * atlas rows, atlas columns, 4)    |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hwcodec import PlaneLayout, Quantizer
from render.cameras import Camera
from render.errors import SceneError
from render.field import FieldGeometry
from render.mapping import MappingTable
from render.occupancy import VoxelGrid
from render.scene import GroupGeometry
from render.scene_record import Group, SceneRecord
from render.shader_source import CORNER_COLUMNS, WORDS_PER_TEXEL, CodeLayout, code_layout

EMPTY_TEXEL = 0xFFFFFFFF

LumaPlane = NDArray[np.uint8] | NDArray[np.uint16]
# What a uniform takes: a number, or a vector of them.
UniformValue = int | float | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GroupTextures:
    """A group's tables, and the uniforms that hold for all its frames.

    Attributes:
        cells: int32 (x, y, z).
        corners: uint32 (rows, 2 * CORNER_COLUMNS, 4); two texels per active cell in the order of
            the cells, eight entries ``row << 16 | column`` of the atlas, z fastest.
        atlas_shape: rows and columns of the packed atlas, all layers together.
        pack: uniforms of the pack pass.
        march: uniforms of the march that belong to the group.
        minimum: float32 (words, channels per word), value of the lowest code of each channel.
        step: the same for the value difference of neighboring codes.
        active_box: corners (8, 3) of the box around all active cells, in world space.
    """

    cells: NDArray[np.int32]
    corners: NDArray[np.uint32]
    atlas_shape: tuple[int, int]
    pack: Mapping[str, UniformValue]
    march: Mapping[str, UniformValue]
    minimum: NDArray[np.float32]
    step: NDArray[np.float32]
    active_box: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a picture: its first column and row, and its size in pixels, maybe 0."""

    column: int
    row: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TextureLimits:
    """The largest side of a flat texture, and of one with depth."""

    side: int
    depth_side: int


def group_textures(geometry: GroupGeometry, group: Group, layout: CodeLayout) -> GroupTextures:
    """The tables of a group; takes as long as copying them."""
    plane, quantizer = group.layout, group.quantizer
    minimum, step = _per_word(quantizer, layout)
    return GroupTextures(
        cells=np.ascontiguousarray(geometry.geometry.cells),
        corners=_corner_rows(geometry),
        atlas_shape=(plane.rows * layout.layers, plane.columns),
        pack={
            "uLayout": (plane.rows, plane.tile_columns, plane.cell_rows, plane.cell_columns),
            "uCodes": (quantizer.lowest_code, quantizer.highest_code),
        },
        march={"uAtlasRows": plane.rows},
        minimum=minimum,
        step=step,
        active_box=_active_box(geometry.geometry),
    )


def check_scene(record: SceneRecord, limits: TextureLimits) -> None:
    """Refuse scenes that this device's textures cannot hold, as far as the record tells.

    Raises:
        SceneError: if the grid or an atlas is too large.
    """
    layers = code_layout(record).layers
    _check_side("grid", max(record.grid.shape) - 1, limits.depth_side)
    for group in record.groups:
        plane = group.layout
        _check_side("atlas", max(plane.rows * layers, plane.columns), limits.side)
        _check_side("luma plane", max(plane.height, plane.width), limits.side)


def check_limits(textures: GroupTextures, limits: TextureLimits) -> None:
    """Refuse a group whose list of cells this device's textures cannot hold.

    Raises:
        SceneError: if it is too long.
    """
    _check_side("corner table", max(textures.corners.shape), limits.side)


def texel_positions(mapping: MappingTable) -> NDArray[np.uint32]:
    """``row << 16 | column`` of every texel, and `EMPTY_TEXEL` behind the last: (texels + 1,)."""
    side = mapping.block_size
    block, rank = np.divmod(np.arange(mapping.texel_count), side**2)
    row = block // mapping.block_columns * side + rank // side
    column = block % mapping.block_columns * side + rank % side
    return np.append((row << 16 | column).astype(np.uint32), np.uint32(EMPTY_TEXEL))


def luma_plane(group: Group, values: Tensor) -> LumaPlane:
    """The luma plane that a decoded atlas (channels, rows, columns) came from; guards are 0."""
    layout = group.layout
    codes = group.quantizer.quantize(values).numpy()
    plane = np.zeros((layout.height, layout.width), codes.dtype)
    for channel, code in enumerate(codes):
        row, column = _cell_start(layout, channel)
        plane[row : row + layout.rows, column : column + layout.columns] = code
    return plane


def pack_atlas(luma: LumaPlane, group: Group, layout: CodeLayout) -> NDArray[np.uint32]:
    """What the pack pass makes of a luma plane; the plain twin of ``pack.frag``."""
    plane, quantizer = group.layout, group.quantizer
    shape = (plane.rows, plane.columns)
    words = np.zeros((layout.layers * WORDS_PER_TEXEL, *shape), np.uint32)
    for channel in range(layout.channels):
        row, column = _cell_start(plane, channel)
        codes = luma[row : row + plane.rows, column : column + plane.columns].astype(np.int64)
        level = codes.clip(quantizer.lowest_code, quantizer.highest_code) - quantizer.lowest_code
        shift = channel % layout.per_word * layout.code_bits
        words[channel // layout.per_word] |= level.astype(np.uint32) << np.uint32(shift)
    texels = words.reshape(layout.layers, WORDS_PER_TEXEL, *shape).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(texels).reshape(-1, plane.columns, WORDS_PER_TEXEL)


def view_uniforms(camera: Camera, grid: VoxelGrid) -> dict[str, UniformValue]:
    """Uniforms of the march for a camera whose row 0 is the lowest of the target.

    Rays start where `FieldGeometry.to_grid` puts them: positions are rounded to single precision
    in world space first.
    """
    position = camera.position.astype(np.float32).astype(np.float64)
    right, down, forward = (tuple(map(float, axis)) for axis in camera.world_to_camera[:3, :3])
    return {
        "uOrigin": tuple(map(float, (position - grid.origin) / grid.voxel_size)),
        "uRight": right,
        "uDown": down,
        "uForward": forward,
        "uCenter": (camera.center_x, camera.center_y),
        "uFocal": (camera.focal_x, camera.focal_y),
        "uPicture": (float(camera.width), float(camera.height)),
    }


def drawn_area(camera: Camera, box: NDArray[np.float64]) -> Area:
    """The part of a picture outside of which nothing of a box (8, 3) can be seen."""
    places, depths = camera.project(box)
    size = np.array([camera.width, camera.height])
    # A corner at or behind the camera projects to nowhere.
    if float(depths.max()) <= 0:
        return Area(0, 0, 0, 0)
    if float(depths.min()) <= 0:
        return Area(0, 0, camera.width, camera.height)
    # One pixel around it absorbs the rounding of the shader's rays.
    low = np.clip(np.floor(places.min(0)) - 1, 0, size).astype(int)
    high = np.clip(np.ceil(places.max(0)) + 1, 0, size).astype(int)
    column, row, width, height = (int(number) for number in (*low, *(high - low)))
    return Area(column, row, width, height)


def _active_box(geometry: FieldGeometry) -> NDArray[np.float64]:
    """Corners (8, 3) in world space of the box around the active cells."""
    active, grid = geometry.cells >= 0, geometry.grid
    ends = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(active.any(others))
        first = grid.origin[axis]
        ends.append(
            [first + (used[0] + end) * grid.voxel_size for end in (0, used[-1] - used[0] + 1)]
        )
    return np.array(list(product(*ends)))


def _check_side(name: str, size: int, limit: int) -> None:
    if size > limit:
        raise SceneError(
            f"the {name} needs a texture of {size} on a side, expected at most {limit} on this "
            "device; draw this package with the renderer 'march'"
        )


def _corner_rows(geometry: GroupGeometry) -> NDArray[np.uint32]:
    entries = texel_positions(geometry.mapping)[geometry.geometry.corners]
    rows = -(-len(entries) // CORNER_COLUMNS)
    table = np.full((rows * CORNER_COLUMNS, 8), EMPTY_TEXEL, np.uint32)
    table[: len(entries)] = entries
    return table.reshape(rows, 2 * CORNER_COLUMNS, 4)


def _per_word(
    quantizer: Quantizer, layout: CodeLayout
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    padded = np.zeros((2, layout.words * layout.per_word), np.float32)
    padded[0, : layout.channels] = quantizer.minimum.numpy()
    padded[1, : layout.channels] = quantizer.step.numpy()
    minimum, step = padded.reshape(2, layout.words, layout.per_word)
    return minimum, step


def _cell_start(layout: PlaneLayout, channel: int) -> tuple[int, int]:
    tile_row, tile_column = divmod(channel, layout.tile_columns)
    return tile_row * layout.cell_rows, tile_column * layout.cell_columns
