"""Levels of coded cubes as symbols: in bands of frequency, behind how many bands are used.

For each cube and channel comes its depth, the number of bands up to the last that holds anything,
and then those bands. A table belongs to one band of one class of channels (density, the first half
of the features, the second) over a whole group. Bands whose levels are large are split into high
and low bits, a table each. Means of frames that stand alone are coded as differences from cube to
cube, as JPEG's are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines.coarse_tables import coarse_table
from benchmarks.baselines.cube_codec import coarse_channel
from benchmarks.baselines.cubes import SIDE, VOLUME
from benchmarks.rd.symbols import LARGEST, FrequencyTable, decode_symbols, encode_symbols
from render.errors import SceneError

# Bands by the sum of a coefficient's three frequencies: where each begins, and where the last ends.
_FIRST_SUMS = (0, 1, 2, 3, 5, 7, 10, 14, 22)
BAND_COUNT = len(_FIRST_SUMS) - 1
CLASS_COUNT = 3

# No level of a legal frame comes near; it keeps the arithmetic of a damaged one within 32 bits.
_LARGEST_LEVEL = 1 << 22
_MOST_LOW_BITS = 7  # More would not fit the tables.

Integers = NDArray[np.int32]


def scan_order() -> NDArray[np.int64]:
    """Numbers (512,) of a cube's coefficients from low frequency to high, a zigzag in 3D."""
    axis = np.arange(SIDE)
    sums = (axis[:, None, None] + axis[:, None] + axis).ravel()
    return np.argsort(sums, kind="stable")


def band_slices() -> tuple[slice, ...]:
    """Where each band lies in the order of `scan_order`."""
    axis = np.arange(SIDE)
    sums = np.sort((axis[:, None, None] + axis[:, None] + axis).ravel())
    edges = np.searchsorted(sums, _FIRST_SUMS)
    return tuple(slice(int(a), int(b)) for a, b in pairwise(edges))


def channel_classes(channels: int) -> tuple[slice, ...]:
    """Density, and the two halves of the features or components."""
    middle = coarse_channel(channels)
    return slice(0, 1), slice(1, middle), slice(middle, channels)


def ordered_levels(levels: Integers, *, is_alone: bool) -> Integers:
    """Levels (cubes, channels, 512) in scan order, means as differences from the cube before.

    Only frames that stand alone have their means so: those of residuals are small as they are.
    """
    found = levels[..., scan_order()]
    if is_alone:
        found[1:, :, 0] -= levels[:-1, :, 0]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class LevelSymbols:
    """A frame's levels as what is coded.

    Attributes:
        depths: per class of channels, int32 (cubes times channels,), 0..``BAND_COUNT``.
        bands: per class and band, int32 (n,), of the cubes and channels that reach that band.
    """

    depths: tuple[Integers, ...]
    bands: tuple[tuple[Integers, ...], ...]

    @classmethod
    def of(cls, ordered: Integers) -> Self:
        """The symbols of levels (cubes, channels, 512) from `ordered_levels`."""
        depths, bands = [], []
        for channels in channel_classes(ordered.shape[1]):
            rows = ordered[:, channels].reshape(-1, VOLUME)
            filled = np.stack([rows[:, band].any(1) for band in band_slices()], 1)
            depth = (filled * np.arange(1, BAND_COUNT + 1)).max(1, initial=0).astype(np.int32)
            depths.append(depth)
            reached = [rows[depth > n][:, band].ravel() for n, band in enumerate(band_slices())]
            bands.append(tuple(reached))
        return cls(tuple(depths), tuple(bands))

    def levels(self, cubes: int, channels: int, *, is_alone: bool) -> Integers:
        """The levels (cubes, channels, 512) back.

        Raises:
            SceneError: if a mean is beyond any that is coded.
        """
        ordered = np.zeros((cubes, channels, VOLUME), np.int32)
        for part, depth, bands in zip(
            channel_classes(channels), self.depths, self.bands, strict=True
        ):
            rows = np.zeros((len(depth), VOLUME), np.int32)
            for number, (band, values) in enumerate(zip(band_slices(), bands, strict=True)):
                rows[depth > number, band] = values.reshape(-1, band.stop - band.start)
            ordered[:, part] = rows.reshape(cubes, part.stop - part.start, VOLUME)
        if is_alone:
            means = ordered[..., 0].astype(np.int64).cumsum(0)
            ordered[..., 0] = _bounded(means)
        found = np.empty_like(ordered)
        found[..., scan_order()] = ordered
        return found


@dataclass(frozen=True, slots=True, eq=False)
class LevelTables:
    """Frequency tables for the symbols of one kind of frame in a group.

    Attributes:
        low_bits: uint8 (classes, bands), how many low bits are split off.
        depths: per class.
        high, low: per class and band, in one row.
    """

    low_bits: NDArray[np.uint8]
    depths: tuple[FrequencyTable, ...]
    high: tuple[FrequencyTable, ...]
    low: tuple[FrequencyTable, ...]

    @classmethod
    def of(cls, frames: Sequence[LevelSymbols]) -> Self:
        """The tables that suit some frames."""
        depths = [coarse_table(*(frame.depths[c] for frame in frames)) for c in range(CLASS_COUNT)]
        low_bits = np.zeros((CLASS_COUNT, BAND_COUNT), np.uint8)
        high, low = [], []
        for c, band in np.ndindex(CLASS_COUNT, BAND_COUNT):
            arrays = [frame.bands[c][band] for frame in frames]
            low_bits[c, band] = bits = _low_bits(arrays)
            split = [_split(array, bits) for array in arrays]
            high.append(coarse_table(*(pair[0] for pair in split)))
            low.append(coarse_table(*(pair[1] for pair in split)))
        return cls(low_bits, tuple(depths), tuple(high), tuple(low))

    @classmethod
    def from_tables(cls, low_bits: bytes, tables: Sequence[FrequencyTable]) -> Self:
        """The tables that `tables` listed, and the bits of `low_bits` row by row.

        Raises:
            SceneError: if more low bits are split off than levels have.
        """
        bits = np.frombuffer(low_bits, np.uint8).reshape(CLASS_COUNT, BAND_COUNT)
        if bits.max() > _MOST_LOW_BITS:
            raise _damaged(f"{bits.max()} low bits are split off", f"at most {_MOST_LOW_BITS}")
        middle = CLASS_COUNT + bits.size
        return cls(
            bits,
            tuple(tables[:CLASS_COUNT]),
            tuple(tables[CLASS_COUNT:middle]),
            tuple(tables[middle:]),
        )

    @property
    def tables(self) -> tuple[FrequencyTable, ...]:
        """All tables in the order in which they are sent; ``TABLE_COUNT`` of them."""
        return self.depths + self.high + self.low

    def encode(self, symbols: LevelSymbols) -> tuple[bytes, bytes]:
        """Depths, and levels, of a frame."""
        depths = encode_symbols(list(zip(symbols.depths, self.depths, strict=True)))
        parts = []
        for number, bits in enumerate(self.low_bits.ravel().tolist()):
            high, low = _split(symbols.bands[number // BAND_COUNT][number % BAND_COUNT], bits)
            parts.append((high, self.high[number]))
            if bits:
                parts.append((low, self.low[number]))
        return depths, encode_symbols(parts)

    def decode(self, data: tuple[bytes, bytes], cubes: int, channels: int) -> LevelSymbols:
        """The symbols of a frame with that many cubes and channels, from what `encode` returned.

        Raises:
            SceneError: if the data does not hold them.
        """
        sizes = [cubes * (part.stop - part.start) for part in channel_classes(channels)]
        found = decode_symbols(data[0], list(zip(sizes, self.depths, strict=True)))
        if any(((depth < 0) | (depth > BAND_COUNT)).any() for depth in found):
            raise _damaged("a cube's depth is out of range", f"0 to {BAND_COUNT} bands")
        return LevelSymbols(tuple(found), self._bands(found, data[1]))

    def _bands(self, depths: Sequence[Integers], data: bytes) -> tuple[tuple[Integers, ...], ...]:
        parts: list[tuple[int, FrequencyTable]] = []
        bits = self.low_bits.ravel().tolist()
        for number in range(len(bits)):
            c, band = divmod(number, BAND_COUNT)
            width = band_slices()[band].stop - band_slices()[band].start
            count = int(np.count_nonzero(depths[c] > band)) * width
            parts.append((count, self.high[number]))
            if bits[number]:
                parts.append((count, self.low[number]))
        arrays = iter(decode_symbols(data, parts))
        joined = [_joined(next(arrays), next(arrays) if n else None, n) for n in bits]
        rows = range(0, len(joined), BAND_COUNT)
        return tuple(tuple(joined[first : first + BAND_COUNT]) for first in rows)


TABLE_COUNT = CLASS_COUNT * (1 + 2 * BAND_COUNT)
"""Tables of one kind of frame."""


def _low_bits(arrays: Sequence[Integers]) -> int:
    """How many low bits to split off, so that hardly a level is left to the escape."""
    levels = np.abs(np.concatenate([*arrays, np.zeros(1, np.int32)]))
    large = int(np.quantile(levels, 0.999))
    return min((large // (LARGEST + 1)).bit_length(), _MOST_LOW_BITS)


def _split(levels: Integers, bits: int) -> tuple[Integers, Integers]:
    """The part above some low bits, rounded down, and those bits."""
    return levels >> bits, levels & ((1 << bits) - 1)


def _joined(high: Integers, low: Integers | None, bits: int) -> Integers:
    wide = high.astype(np.int64) << bits
    return _bounded(wide if low is None else wide + low)


def _bounded(levels: NDArray[np.int64]) -> Integers:
    if np.abs(levels).max(initial=0) > _LARGEST_LEVEL:
        raise _damaged("a level is out of range", f"at most {_LARGEST_LEVEL}")
    return levels.astype(np.int32)


def _damaged(what: str, expected: str) -> SceneError:
    return SceneError(
        f"coded cubes: {what}, expected {expected}; the package is damaged, encode it again"
    )
