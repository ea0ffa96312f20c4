"""Channels tiled into one luma plane, and cut out of it again.

Each channel takes one cell of a grid, filled row by row; a cell is the channel plus a guard band
right of and below it, rounded up so that coding blocks do not straddle channels. The bands blend
from one channel to the next, because codecs spend bytes on hard edges and ring beside them. The
bands at the right and bottom border also keep data away from rows and columns that browsers
resample wrongly.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from hwcodec.encoders import MACROBLOCK_LIMIT
from hwcodec.errors import ContainerError, UnsupportedConfig
from hwcodec.records import whole_number

ALIGNMENT = 16
SIDE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class PlaneLayout:
    """Where every channel lies in the luma plane; build it with ``plan``.

    Channel ``c`` starts at row ``(c // tile_columns) * cell_rows`` and column
    ``(c % tile_columns) * cell_columns``.
    """

    channels: int
    rows: int
    columns: int
    guard: int
    tile_columns: int

    def __post_init__(self) -> None:
        lowest = {"channels": 1, "rows": 1, "columns": 1, "guard": 0, "tile_columns": 1}
        for name, least in lowest.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UnsupportedConfig(
                    f"{name} of a plane layout is {value!r}, expected a whole number of at least "
                    f"{least}"
                )
        _check_plane(self)

    @classmethod
    def plan(cls, channels: int, rows: int, columns: int, guard: int = 8) -> Self:
        """The most square plane for ``channels`` of ``rows`` by ``columns`` texels.

        Raises:
            UnsupportedConfig: if no arrangement fits into what hardware decodes.
        """
        refusal: UnsupportedConfig | None = None
        fitting: list[Self] = []
        for tile_columns in range(1, max(channels, 1) + 1):
            try:
                fitting.append(cls(channels, rows, columns, guard, tile_columns))
            except UnsupportedConfig as error:
                refusal = refusal or error
        if not fitting:
            raise UnsupportedConfig(
                f"{channels} channels of {rows}x{columns} with guard {guard} do not fit any "
                f"plane: {refusal}"
            )
        return min(fitting, key=_badness)

    @property
    def tile_rows(self) -> int:
        """Rows of cells."""
        return -(-self.channels // self.tile_columns)

    @property
    def cell_rows(self) -> int:
        """Rows of one cell: a channel with its guard band, rounded up."""
        return -(-(self.rows + self.guard) // ALIGNMENT) * ALIGNMENT

    @property
    def cell_columns(self) -> int:
        """Columns of one cell."""
        return -(-(self.columns + self.guard) // ALIGNMENT) * ALIGNMENT

    @property
    def height(self) -> int:
        """Rows of the luma plane."""
        return self.tile_rows * self.cell_rows

    @property
    def width(self) -> int:
        """Columns of the luma plane."""
        return self.tile_columns * self.cell_columns

    def pack(self, codes: Tensor) -> Tensor:
        """Tile integer codes (channels, rows, columns) into a luma plane (height, width).

        Raises:
            UnsupportedConfig: if shape or type do not fit.
        """
        expected = (self.channels, self.rows, self.columns)
        if tuple(codes.shape) != expected or codes.is_floating_point():
            raise UnsupportedConfig(
                f"codes are {tuple(codes.shape)} {codes.dtype}, expected {expected} of an integer "
                "type; quantize first, and plan the layout for this atlas"
            )
        cells = self._cells(codes.to(torch.int32))
        strips = _blend_right(cells, self.cell_columns - self.columns)
        # (tile row, tile column, row, column) -> (tile row, 1, row, plane column)
        strips = strips.transpose(1, 2).reshape(self.tile_rows, 1, self.rows, self.width)
        # Blending downwards is blending to the right on the transposed picture.
        turned = strips.permute(1, 0, 3, 2)
        plane = _blend_right(turned, self.cell_rows - self.rows)
        return plane.permute(0, 1, 3, 2).reshape(self.height, self.width).to(codes.dtype)

    def unpack(self, luma: Tensor) -> Tensor:
        """Cut the codes (channels, rows, columns) out of a luma plane, in memory of their own.

        Raises:
            UnsupportedConfig: if the plane has another size.
        """
        if tuple(luma.shape) != (self.height, self.width):
            raise UnsupportedConfig(
                f"luma plane is {tuple(luma.shape)}, expected {(self.height, self.width)}; "
                "use the layout stored beside this stream"
            )
        grid = luma.reshape(self.tile_rows, self.cell_rows, self.tile_columns, self.cell_columns)
        cells = grid[:, : self.rows, :, : self.columns].permute(0, 2, 1, 3)
        if cells.device.type == "cpu":
            # torch wakes its threads for this copy, which takes longer than the copy itself.
            own = torch.from_numpy(np.array(cells.numpy(), order="C"))
        else:
            own = cells.clone(memory_format=torch.contiguous_format)
        return own.reshape(-1, self.rows, self.columns)[: self.channels]

    def to_json(self) -> dict[str, int]:
        """Plain numbers for a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The layout that ``to_json`` wrote.

        Raises:
            ContainerError: if the record is not such a layout.
        """
        names = ("channels", "rows", "columns", "guard", "tile_columns")
        try:
            return cls(*(whole_number(name, record[name]) for name in names))
        except (KeyError, TypeError, ValueError) as error:
            raise ContainerError(
                f"plane layout record is not usable: {error}; expected {', '.join(names)}; "
                "the manifest is damaged or was edited"
            ) from error

    def _cells(self, codes: Tensor) -> Tensor:
        """Channels on their grid (tile rows, tile columns, rows, columns), empty cells filled."""
        empty = self.tile_rows * self.tile_columns - self.channels
        filler = codes[-1:, :, -1:].expand(empty, self.rows, self.columns)
        full = torch.cat((codes, filler))
        return full.reshape(self.tile_rows, self.tile_columns, self.rows, self.columns)


def _blend_right(cells: Tensor, band: int) -> Tensor:
    """Append ``band`` columns to every cell, blending into the next cell along dimension 1.

    The last cell of a row is continued with its own last column.
    """
    last = cells[..., -1:]
    following = torch.cat((cells[:, 1:, :, :1], last[:, -1:]), dim=1)
    place = torch.arange(1, band + 1, device=cells.device, dtype=torch.int32)
    # Integer blend, rounded to nearest: the bytes are the same on every device.
    mixed = last * (band + 1 - place) + following * place
    filled = torch.div(mixed + (band + 1) // 2, band + 1, rounding_mode="floor")
    return torch.cat((cells, filled), dim=-1)


def _badness(layout: PlaneLayout) -> tuple[int, int, int]:
    # Half the outline favors square planes and little waste; then area; then wide over tall.
    width, height = layout.width, layout.height
    return width + height, width * height, -width


def _check_plane(layout: PlaneLayout) -> None:
    blocks = layout.width * layout.height // ALIGNMENT**2
    if max(layout.width, layout.height) > SIDE_LIMIT or blocks > MACROBLOCK_LIMIT:
        raise UnsupportedConfig(
            f"luma plane would be {layout.width}x{layout.height}, expected at most {SIDE_LIMIT} "
            f"on a side and {MACROBLOCK_LIMIT} blocks of 16x16; split the channels over several "
            "streams or make the atlas smaller"
        )
