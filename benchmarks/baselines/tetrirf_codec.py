"""Frames of planes and density as luma pictures, the way that TeTriRF serializes them.

    planes  -> 10-bit codes -> one tile per channel ---+
                                                       +-> picture -> HEVC
    density -> 10-bit codes -> one tile per slice -----+

Values outside the projected occupancy are zero and densities of empty vertices the least there is,
per frame, as in the paper. One picture per frame instead of the paper's four: a decoder session and
the packaging are paid for once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.baselines.plane_frames import PlaneFrame, PlaneSettings, stated_settings
from benchmarks.baselines.planes import PLANE_COUNT, TriPlanes
from hwcodec import (
    PROFILES,
    YUV420P10,
    Bitstream,
    ConstantQp,
    EncoderSettings,
    Picture,
    PictureGeometry,
    Quantizer,
    UnsupportedConfig,
    encode,
)
from hwcodec.encoders import MACROBLOCK_LIMIT
from hwcodec.planes import ALIGNMENT, SIDE_LIMIT
from hwcodec.records import finite_number, named_values, whole_number
from render.errors import SceneError
from render.mapping import MappingTable
from render.shading import ShadingShape

ENCODER = "libx265"
FORMAT = YUV420P10

_CODES = PROFILES["hq10"]
# Where tiles begin; blocks smaller than this are rare in HEVC.
_TILE_ALIGNMENT = 8
_LARGEST_RANGE = 1e4
_MOST_CHANNELS = 21  # The shading network takes at most 64 features.

Size = tuple[int, int]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CodeSettings:
    """What encoder and decoder share: the planes, and the ranges of values that codes span.

    The paper's ranges are [-5, 30] for density and [-20, 20] for planes, at 12 bits. Ours are
    symmetric and fit our values: density trains within +-8 and -8 is empty, planes within +-4.
    """

    planes: PlaneSettings
    density_range: float
    plane_range: float

    @property
    def density_quantizer(self) -> Quantizer:
        """Codes of density, as one channel."""
        return _quantizer(self.density_range)

    @property
    def plane_quantizer(self) -> Quantizer:
        """Codes of plane values, as one channel."""
        return _quantizer(self.plane_range)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a package."""
        return {
            "channels": self.planes.channels,
            "scale": self.planes.scale,
            "density_range": self.density_range,
            "plane_range": self.plane_range,
        }

    @classmethod
    def from_json(cls, record: object, shading: ShadingShape) -> Self:
        """The settings that `to_json` wrote.

        Raises:
            SceneError: if they are damaged.
        """
        try:
            values = named_values("own", record, "channels scale density_range plane_range")
            planes = stated_settings(
                whole_number("channels", values["channels"], 1, _MOST_CHANNELS),
                finite_number("scale", values["scale"]),
                shading,
            )
            ranges = [
                finite_number(name, values[name], 1e-3, _LARGEST_RANGE)
                for name in ("density_range", "plane_range")
            ]
        except ValueError as error:
            raise SceneError(
                f"the stream's own record is damaged: {error}; encode the package again"
            ) from error
        return cls(planes, *ranges)


class PictureLayout:
    """Where every plane value and every density of a group lies in its pictures.

    Tiles stand on shelves, first the channels of the planes and below them the slices of the box
    around the occupied vertices, across its shortest axis.

    Raises:
        UnsupportedConfig: if no width makes a picture that hardware decodes.
    """

    def __init__(self, mapping: MappingTable, planes: TriPlanes, channels: int) -> None:
        vertices = mapping.vertices.astype(np.int64)
        first = vertices.min(0)
        extent = vertices.max(0) - first + 1
        self._axis = int(np.argmin(extent))
        down, right = (axis for axis in range(3) if axis != self._axis)
        slices = [(int(extent[down]), int(extent[right]))] * int(extent[self._axis])
        channel_tiles = [
            planes.box.shape(plane) for plane in range(PLANE_COUNT) for _ in range(channels)
        ]
        self.width, self.height, self.density_row, places = _arrange(channel_tiles, slices)
        tiles, own = places[: len(channel_tiles)], np.array(places[len(channel_tiles) :])
        self.plane_places: Places = _plane_places(planes, channels, tiles, self.width)
        """Positions (pixels, channels) in the flattened picture."""
        local = vertices - first
        corner = own[local[:, self._axis]]
        row, column = corner[:, 0] + local[:, down], corner[:, 1] + local[:, right]
        self.density_places: Places = row * self.width + column
        """Positions (vertices,), in the order of the mapping table's vertices."""

    def geometry(self, frame_rate: Fraction) -> PictureGeometry:
        """What the pictures are."""
        return PictureGeometry(FORMAT, self.width, self.height, frame_rate)


class GroupCodec:
    """Pictures of one group's frames, and the frames of its pictures."""

    def __init__(self, mapping: MappingTable, settings: CodeSettings) -> None:
        self.planes = TriPlanes(mapping, settings.planes.scale)
        self._mapping, self._settings = mapping, settings
        self._rows = torch.from_numpy(mapping.texels).long()

    @cached_property
    def layout(self) -> PictureLayout:
        """Where values lie."""
        return PictureLayout(self._mapping, self.planes, self._settings.planes.channels)

    def picture(self, frame: PlaneFrame, pts: int) -> Picture:
        """The picture of a frame."""
        settings, layout = self._settings, self.layout
        density, planes = settings.density_quantizer, settings.plane_quantizer
        canvas = np.empty((layout.height, layout.width), np.uint16)
        canvas[: layout.density_row] = _codes(planes, torch.zeros(1))
        canvas[layout.density_row :] = density.lowest_code
        flat = canvas.reshape(-1)
        flat[layout.plane_places] = _codes(planes, frame.planes)
        flat[layout.density_places] = _codes(density, frame.density[self._rows])
        return Picture((torch.from_numpy(canvas),), FORMAT, pts)

    def frame(self, picture: Picture) -> PlaneFrame:
        """The frame of a decoded picture; texels without a vertex are empty."""
        flat, settings = picture.luma.numpy().reshape(-1), self._settings
        taken = torch.from_numpy(flat[self.layout.density_places])
        density = torch.full((self._mapping.texel_count,), -float(settings.density_range))
        density[self._rows] = settings.density_quantizer.dequantize(taken[None])[0]
        codes = torch.from_numpy(flat[self.layout.plane_places])
        return PlaneFrame(density, settings.plane_quantizer.dequantize(codes[None])[0])

    def emptied(self, frame: PlaneFrame, least_alpha: float, step: float) -> PlaneFrame:
        """The frame without what nobody sees: density and planes of vertices amid thin ones.

        A vertex is kept if any of the 27 around it stops ``least_alpha`` of the light along one
        step. A plane value is kept if a kept vertex reads it.
        """
        kept = self._visible(frame.density, least_alpha, step)
        texels = torch.zeros_like(frame.density)
        texels[self._rows] = kept.float()
        reading = texels.repeat_interleave(PLANE_COUNT)[:, None]
        read = self.planes.product.transposed(reading) > 0
        density = torch.where(texels > 0, frame.density, -self._settings.density_range)
        return PlaneFrame(density, frame.planes * read)

    def _visible(self, density: Tensor, least_alpha: float, step: float) -> Tensor:
        """Which vertices (vertices,) have something beside them."""
        at = tuple(torch.from_numpy(self._mapping.vertices.T.copy()).long())
        alpha = 1 - (1 + density[self._rows].exp()) ** -step
        grid = torch.zeros(self._mapping.texel_of_vertex.shape)
        grid[at] = alpha
        pooled = torch.nn.functional.max_pool3d(grid[None, None], 3, stride=1, padding=1)
        return pooled[0, 0][at] >= least_alpha


def encode_pictures(pictures: Sequence[Picture], geometry: PictureGeometry, qp: int) -> Bitstream:
    """One closed group of HEVC Main 10 pictures at a constant QP."""
    return encode(pictures, EncoderSettings(ENCODER, geometry, ConstantQp(qp)))


def check_stream(bitstream: Bitstream, layout: PictureLayout, frame_count: int) -> None:
    """Refuse a stream that does not belong to its group before anything of it is decoded.

    Raises:
        SceneError: if size, format or length differ.
    """
    got = (bitstream.width, bitstream.height, bitstream.format, len(bitstream.packets))
    expected = (layout.width, layout.height, FORMAT, frame_count)
    if got != expected:
        raise SceneError(
            f"a group's stream is {got}, expected {expected} as its occupancy asks for; the "
            "package is damaged, encode it again"
        )


def shelve(tiles: Sequence[Size], width: int) -> tuple[list[Size], int]:
    """Corners (row, column) of tiles set on shelves in order, and the height that this takes."""
    corners: list[Size] = []
    top = height = column = 0
    for rows, columns in tiles:
        if column + columns > width:
            top, height, column = top + height, 0, 0
        corners.append((top, column))
        height = max(height, _aligned(rows, _TILE_ALIGNMENT))
        column += _aligned(columns, _TILE_ALIGNMENT)
    return corners, top + height


def _arrange(channels: Sequence[Size], slices: Sequence[Size]) -> tuple[int, int, int, list[Size]]:
    """Width, height, first row of slices, and all corners, of the most square picture."""
    best: tuple[int, int, int, list[Size]] | None = None
    widest = max(columns for _, columns in [*channels, *slices])
    for width in range(_aligned(widest, ALIGNMENT), SIDE_LIMIT + 1, ALIGNMENT):
        above, row = shelve(channels, width)
        below, rest = shelve(slices, width)
        height = _aligned(row + rest, ALIGNMENT)
        fits = height <= SIDE_LIMIT and width * height <= MACROBLOCK_LIMIT * ALIGNMENT**2
        if fits and (best is None or width + height < best[0] + best[1]):
            corners = [*above, *((top + row, column) for top, column in below)]
            best = width, height, row, corners
    if best is None:
        raise UnsupportedConfig(
            f"{len(channels)} plane channels and {len(slices)} slices of {slices[0]} vertices fit "
            f"no picture of {SIDE_LIMIT} on a side and {MACROBLOCK_LIMIT} blocks; lower the "
            "resolution or tighten the box"
        )
    return best


def _plane_places(planes: TriPlanes, channels: int, corners: Sequence[Size], width: int) -> Places:
    places = np.empty((planes.pixel_count, channels), np.int64)
    ends = np.cumsum([0, *planes.counts])
    for plane, offset in enumerate(planes.box.offsets[:-1]):
        part = slice(int(ends[plane]), int(ends[plane + 1]))
        row, column = np.divmod(planes.pixels[part] - offset, planes.box.shape(plane)[1])
        for channel in range(channels):
            top, left = corners[plane * channels + channel]
            places[part, channel] = (top + row) * width + left + column
    return places


def _quantizer(limit: float) -> Quantizer:
    ends = torch.tensor([float(limit)])
    return Quantizer.of(-ends, ends, _CODES)


def _codes(quantizer: Quantizer, values: Tensor) -> NDArray[np.uint16]:
    codes: NDArray[np.uint16] = quantizer.quantize(values[None])[0].numpy()
    return codes


def _aligned(number: int, alignment: int) -> int:
    return -(-number // alignment) * alignment
