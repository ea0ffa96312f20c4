"""The mapping table: which texel of the atlas belongs to which vertex of the voxel grid.

The order is canonical (a curve through all vertices, cut into chunks; 2D Morton inside each block),
so the table is rebuilt from the occupancy bits and never sent.

    occupied vertices --curve--> ranks --chunks of B*B--> blocks --2D Morton--> texels
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwcodec.records import any_text, shown
from render.errors import SceneError
from render.hilbert import hilbert3
from render.occupancy import OccupancyGrid, morton3

UNMAPPED = -1
BLOCK_SIZES = (4, 8, 16, 32)


class VertexOrder(StrEnum):
    """The curve along which vertices are laid out: the paper's, or one that never jumps."""

    MORTON = "morton"
    HILBERT = "hilbert"


def vertex_order_from_json(record: Mapping[str, Any]) -> VertexOrder:
    """The vertex order of a record, which is Morton's where it has none.

    Raises:
        ValueError: if there is no such order.
    """
    name = any_text("vertex_order", record.get("vertex_order", VertexOrder.MORTON.value))
    if name not in set(VertexOrder):
        raise ValueError(f"vertex_order is {shown(name)}, expected one of {', '.join(VertexOrder)}")
    return VertexOrder(name)


@dataclass(frozen=True, slots=True, eq=False)
class MappingTable:
    """Vertex to texel, shared by all frames of a group.

    Texels are numbered block by block and row by row inside a block ("texel index"): texel i lies
    in block ``i // block_size**2``. Blocks follow each other row-major over the atlas image.

    Attributes:
        texel_of_vertex: int32, shaped like the grid, ``UNMAPPED`` where the vertex is empty.
        texels: int32 (vertices,), the texel of each occupied vertex in the curve's order.
        vertices: int32 (vertices, 3), the occupied vertices in the same order.
        block_size: texels along one side of a block.
        block_columns: blocks side by side in the atlas image.
        block_rows: blocks above each other in the atlas image.
    """

    texel_of_vertex: NDArray[np.int32]
    texels: NDArray[np.int32]
    vertices: NDArray[np.int32]
    block_size: int
    block_columns: int
    block_rows: int

    @property
    def block_count(self) -> int:
        """Blocks that hold at least one vertex."""
        return -(-len(self.texels) // self.block_size**2)

    @property
    def texel_count(self) -> int:
        """Texels of all used blocks, the padding of the last one included."""
        return self.block_count * self.block_size**2

    @property
    def rows(self) -> int:
        """Height of the atlas image in texels."""
        return self.block_rows * self.block_size

    @property
    def columns(self) -> int:
        """Width of the atlas image in texels."""
        return self.block_columns * self.block_size

    def to_image(self, texels: Tensor) -> Tensor:
        """Arrange (texel_count, channels) as an atlas image (channels, rows, columns).

        Texels without a vertex repeat the last one that has one, which costs an encoder next to
        nothing.
        """
        side, channels = self.block_size, texels.shape[1]
        image = texels.new_empty(self.block_rows * self.block_columns * side * side, channels)
        image[: len(texels)] = texels
        image[len(texels) :] = texels[-1]
        blocks = image.view(self.block_rows, self.block_columns, side, side, channels)
        return blocks.permute(4, 0, 2, 1, 3).reshape(channels, self.rows, self.columns)

    def from_image(self, image: Tensor) -> Tensor:
        """Read (texel_count, channels) back from an atlas image (channels, rows, columns).

        Raises:
            SceneError: if the image does not have this table's size.
        """
        side, channels = self.block_size, image.shape[0]
        if tuple(image.shape[1:]) != (self.rows, self.columns):
            raise SceneError(
                f"atlas image is {tuple(image.shape[1:])}, expected {(self.rows, self.columns)}; "
                "it belongs to another group or another mapping table"
            )
        blocks = image.view(channels, self.block_rows, side, self.block_columns, side)
        return blocks.permute(1, 3, 2, 4, 0).reshape(-1, channels)[: self.texel_count]

    def fill_padding(self, texels: Tensor) -> Tensor:
        """A copy of (texel_count, channels); texels without a vertex repeat the last with one."""
        used = np.zeros(self.texel_count, np.bool_)
        used[self.texels] = True
        filled = texels.clone()
        filled[torch.from_numpy(~used).to(texels.device)] = texels[int(self.texels[-1])]
        return filled


def build_mapping(
    occupancy: OccupancyGrid, block_size: int = 8, order: VertexOrder = VertexOrder.MORTON
) -> MappingTable:
    """Lay the occupied vertices out as blocks of an atlas that is as square as its blocks allow.

    Source: VideoRF (CVPR 2024), figure 4: 3D Morton sorting, vertex grouping, 2D blockwise Morton
    ordering with the row bit least significant. Block side and block order over the image are ours
    (not stated there), and so is the Hilbert curve, which runs through the smallest cube of a power
    of two that holds the grid.

    Raises:
        SceneError: if no vertex is occupied or the block size is not one of ``BLOCK_SIZES``.
    """
    if block_size not in BLOCK_SIZES:
        raise SceneError(f"block size is {block_size}, expected one of {BLOCK_SIZES}")
    vertices = np.argwhere(occupancy.vertices).astype(np.int32)
    if not len(vertices):
        raise SceneError(
            "occupancy is empty, expected at least one vertex; check masks, box and thresholds"
        )
    codes = _codes(vertices, occupancy.grid.shape, order)
    vertices = np.ascontiguousarray(vertices[np.argsort(codes, kind="stable")])
    area = block_size**2
    ranks = np.arange(len(vertices))
    texels = (ranks // area * area + block_order(block_size)[ranks % area]).astype(np.int32)
    table = np.full(occupancy.grid.shape, UNMAPPED, np.int32)
    table[tuple(vertices.T)] = texels
    columns, rows = _near_square(-(-len(vertices) // area), block_size)
    return MappingTable(table, texels, vertices, block_size, columns, rows)


def _codes(
    vertices: NDArray[np.int32], shape: tuple[int, int, int], order: VertexOrder
) -> NDArray[np.int64]:
    """Places (n,) along the curve, one per vertex (n, 3) of a grid of that shape."""
    if order is VertexOrder.HILBERT:
        return hilbert3(vertices, (max(shape) - 1).bit_length())
    return morton3(vertices)


def block_order(block_size: int) -> NDArray[np.int64]:
    """Row-major position in a block of its i-th vertex: 2D Morton order that goes down first."""
    rank = np.arange(block_size**2)
    row = np.zeros_like(rank)
    column = np.zeros_like(rank)
    for bit in range(block_size.bit_length() - 1):
        row |= ((rank >> (2 * bit)) & 1) << bit
        column |= ((rank >> (2 * bit + 1)) & 1) << bit
    return row * block_size + column


def _near_square(block_count: int, block_size: int) -> tuple[int, int]:
    """Columns and rows of blocks; both sides are multiples of 16 texels, which codecs want."""
    unit = max(16 // block_size, 1)
    columns = -(-int(np.ceil(np.sqrt(block_count))) // unit) * unit
    rows = -(-block_count // columns)
    return columns, -(-rows // unit) * unit
