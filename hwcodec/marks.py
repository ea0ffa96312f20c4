"""Marks in the guard band of a picture: known codes to calibrate luma by, and the frame's number.

Some players get pictures only as colors, converted by whatever the system thinks right, and without
knowing which frame they see. Both can be read from one strip of flat blocks in the lowest rows of
the luma plane, where no texel lies:

    4 calibration blocks, codes rising    16 counter blocks, highest bit first

A counter block holds the lowest calibration code for 0 and the highest for 1. The counter is the
frame's number modulo 65536 in Gray code, so that one block changes from each frame to the next and
a codec spends a few bytes on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hwcodec.errors import BitstreamError, ContainerError, UnsupportedConfig
from hwcodec.planes import PlaneLayout
from hwcodec.quantize import CodeRange
from hwcodec.records import several, whole_number

BLOCK_SIZE = 8
COUNTER_BITS = 16
_CALIBRATION_COUNT = 4
_BLOCK_COUNT = _CALIBRATION_COUNT + COUNTER_BITS
# Deblocking and chroma scaling reach two codes into a block; what lies deeper is averaged.
_MARGIN = 2
# Means of 16 codes survive coding within a few codes; a strip of anything else never comes close.
_LARGEST_RESIDUAL = 0.08
_GAINS = (0.5, 2.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How values that were seen become codes: ``code = gain * value + offset``."""

    gain: float
    offset: float

    def codes(self, values: Tensor) -> Tensor:
        """The values as codes, float, not rounded; any shape."""
        return values.double() * self.gain + self.offset


@dataclass(frozen=True, slots=True)
class PictureMarks:
    """Where the strip lies and which codes it is made of; build it with ``plan``.

    Attributes:
        row: first row of the strip in the luma plane.
        column: its first column.
        codes: the four calibration codes, rising.
        block_size: rows and columns of one block.
    """

    row: int
    column: int
    codes: tuple[int, int, int, int]
    block_size: int = BLOCK_SIZE

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.codes, self.codes[1:], strict=False))
        if len(self.codes) != _CALIBRATION_COUNT or not rising or self.codes[0] < 0:
            raise UnsupportedConfig(
                f"calibration codes are {self.codes}, expected {_CALIBRATION_COUNT} rising codes; "
                "plan the marks for this layout"
            )
        if self.block_size != BLOCK_SIZE or self.row % BLOCK_SIZE or self.column % BLOCK_SIZE:
            raise UnsupportedConfig(
                f"marks have blocks of {self.block_size} at row {self.row}, column {self.column}, "
                f"expected blocks of {BLOCK_SIZE} at multiples of it; plan the marks for this "
                "layout"
            )

    @classmethod
    def plan(cls, layout: PlaneLayout, codes: CodeRange) -> Self | None:
        """Marks in the guard band below the last channels; None where it has no room for them."""
        low, span = codes.lowest_code, codes.highest_code - codes.lowest_code
        if span < _CALIBRATION_COUNT - 1:
            return None
        steps = (low + round(span * step / (_CALIBRATION_COUNT - 1)) for step in range(4))
        first, second, third, fourth = steps
        # The last rows: nothing lies below them, and as few texels as can be right above.
        marks = cls(layout.height - BLOCK_SIZE, 0, (first, second, third, fourth))
        return marks if marks.fits(layout) else None

    def fits(self, layout: PlaneLayout) -> bool:
        """Whether the strip lies in the plane and touches no texel of the layout."""
        height, width = self.block_size, _BLOCK_COUNT * self.block_size
        if not (0 <= self.row <= layout.height - height):
            return False
        if not (0 <= self.column <= layout.width - width):
            return False
        # Rows of a cell repeat down the plane; blocks are no taller than cells are aligned to.
        return self.row % layout.cell_rows >= layout.rows

    def apply(self, luma: Tensor, frame: int) -> Tensor:
        """A copy of a luma plane (rows, columns) that carries the marks of a frame.

        Raises:
            UnsupportedConfig: if the plane has no room for them or the frame is negative.
        """
        self._check(luma)
        if frame < 0:
            raise UnsupportedConfig(f"frame is {frame}, expected 0 or more; count from the first")
        counter = frame % (1 << COUNTER_BITS)
        gray = counter ^ (counter >> 1)
        bits = [gray >> place & 1 for place in reversed(range(COUNTER_BITS))]
        marked = luma.clone()
        for index, code in enumerate((*self.codes, *(self.codes[-bit] for bit in bits))):
            left = self.column + index * self.block_size
            marked[self.row : self.row + self.block_size, left : left + self.block_size] = code
        return marked

    def calibration(self, luma: Tensor) -> Calibration:
        """What turns the values of a luma plane (rows, columns), of any number type, into codes.

        Raises:
            BitstreamError: if no such strip is where it should be.
            UnsupportedConfig: if the plane is too small for one.
        """
        return self._fit(self._means(luma)[:_CALIBRATION_COUNT])

    def read(self, luma: Tensor) -> int:
        """Number of the frame, modulo 65536, that a luma plane (rows, columns) shows.

        The plane may be as decoded or converted by a gain and an offset.

        Raises:
            BitstreamError: if no strip can be read where it should be.
            UnsupportedConfig: if the plane is too small for one.
        """
        means = self._means(luma)
        fit = self._fit(means[:_CALIBRATION_COUNT])
        low, high = self.codes[0], self.codes[-1]
        levels = (means[_CALIBRATION_COUNT:] * fit.gain + fit.offset - low) / (high - low)
        bits = levels > 0.5
        if np.abs(levels - bits).max() > 0.25:
            raise BitstreamError(
                f"counter blocks are at {np.round(levels, 2).tolist()} of the code range, expected "
                "each near 0 or 1; the picture is damaged or another one"
            )
        gray = int("".join("1" if bit else "0" for bit in bits), 2)
        for shift in (8, 4, 2, 1):
            gray ^= gray >> shift
        return gray

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a manifest."""
        return {
            "row": self.row,
            "column": self.column,
            "block_size": self.block_size,
            "codes": list(self.codes),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The marks that ``to_json`` wrote.

        Raises:
            ContainerError: if the record is not such marks.
        """
        names = "row", "column", "block_size"
        try:
            row, column, block_size = (whole_number(name, record[name]) for name in names)
            codes = several("codes", record["codes"], _CALIBRATION_COUNT)
            first, second, third, fourth = (whole_number("codes", code) for code in codes)
            return cls(row, column, (first, second, third, fourth), block_size)
        except (KeyError, TypeError, ValueError) as error:
            raise ContainerError(
                f"marks record is not usable: {error}; expected row, column, block_size and four "
                "codes; the manifest is damaged or was edited"
            ) from error

    def _means(self, luma: Tensor) -> Floats:
        """Mean of every block of the strip without its border."""
        self._check(luma)
        size, width = self.block_size, _BLOCK_COUNT * self.block_size
        strip = luma[self.row : self.row + size, self.column : self.column + width]
        blocks = strip.cpu().numpy().astype(np.float64).reshape(size, _BLOCK_COUNT, size)
        inner = blocks[_MARGIN:-_MARGIN, :, _MARGIN:-_MARGIN]
        means: Floats = inner.mean(axis=(0, 2))
        return means

    def _fit(self, seen: Floats) -> Calibration:
        """The straight line through the calibration blocks, if they lie on one."""
        codes = np.array(self.codes, np.float64)
        centered = seen - seen.mean()
        spread = float(centered @ centered)
        gain = float(centered @ codes) / spread if spread > 0 else 0.0
        offset = float(codes.mean() - gain * seen.mean())
        residual = float(np.abs(gain * seen + offset - codes).max()) / (codes[-1] - codes[0])
        if not (_GAINS[0] <= gain <= _GAINS[1] and residual <= _LARGEST_RESIDUAL):
            raise BitstreamError(
                f"calibration blocks are at {np.round(seen, 1).tolist()}, expected values near "
                f"{list(self.codes)} or a linear conversion of them; the picture is damaged, "
                "scaled, or carries no marks"
            )
        return Calibration(gain, offset)

    def _check(self, luma: Tensor) -> None:
        rows, columns = self.row + self.block_size, self.column + _BLOCK_COUNT * self.block_size
        if luma.dim() != 2 or luma.shape[0] < rows or luma.shape[1] < columns:
            raise UnsupportedConfig(
                f"luma plane is {tuple(luma.shape)}, expected at least {(rows, columns)}; "
                "use the marks stored beside this stream"
            )
