"""What the same levels take in JPEG's manner: a size to compare the range coder with.

Means as differences, then each cube's other coefficients in scan order as (zeros before it, bits it
has) with its bits behind, 16 zeros at a time where there are more than 15, and an end mark where
nothing follows; Huffman codes that suit each class of channels of the group best. Source: ITU-T
T.81, F.1, for the manner. Codes may be longer than JPEG's 16 bits here, which a group hardly meets.
"""

import heapq
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines.cube_symbols import channel_classes
from benchmarks.baselines.cubes import VOLUME

# A table states how many codes there are of each of 16 lengths, and then its symbols: a byte for
# the bits of a mean; two for zeros and bits, as no byte holds more than 15 of either.
_LENGTHS_BYTES, _MEAN_BYTES, _OTHER_BYTES = 16, 1, 2

_SIZES = 32  # Symbols are zeros times this plus bits.
_ZEROS = 16
END, SIXTEEN_ZEROS = 0, (_ZEROS - 1) * _SIZES

Integers = NDArray[np.int32]
Counts = NDArray[np.int64]


class RunLengthCount:
    """Adds up frames of one kind, and says what they take."""

    def __init__(self) -> None:
        self._raw_bits = 0
        self._means: dict[int, Counts] = {}
        self._others: dict[int, Counts] = {}

    def add(self, levels: Integers) -> None:
        """Count levels (cubes, channels, 512) in scan order, means as differences."""
        for number, part in enumerate(channel_classes(levels.shape[1])):
            rows = levels[:, part].reshape(-1, VOLUME)
            means = bit_lengths(rows[:, 0])
            others = run_symbols(rows[:, 1:])
            self._raw_bits += int(means.sum() + (others % _SIZES).sum())
            for table, symbols in ((self._means, means), (self._others, others)):
                counts = np.bincount(symbols, minlength=_SIZES * _ZEROS)
                table[number] = table.get(number, np.zeros_like(counts)) + counts

    @property
    def size_bytes(self) -> int:
        """Bytes of all codes and raw bits, and of the tables."""
        bits, table_bytes = self._raw_bits, 0
        for tables, size in ((self._means, _MEAN_BYTES), (self._others, _OTHER_BYTES)):
            for counts in tables.values():
                used = {int(s): int(counts[s]) for s in np.flatnonzero(counts)}
                lengths = huffman_lengths(used)
                bits += sum(used[symbol] * lengths[symbol] for symbol in used)
                table_bytes += _LENGTHS_BYTES + size * len(used)
        return -(-bits // 8) + table_bytes


def bit_lengths(levels: Integers) -> NDArray[np.int64]:
    """Bits that each absolute level has, 0 for 0: JPEG's category."""
    _, exponents = np.frexp(np.abs(levels).astype(np.float64))
    return exponents.astype(np.int64)


def run_symbols(rows: Integers) -> NDArray[np.int64]:
    """Symbols of all rows (rows, 511): zeros before a level times 32, plus the level's bits.

    How often each occurs is what a code's size depends on; their order is lost.
    """
    row, column = np.nonzero(rows)
    is_first = np.concatenate([np.ones(1, np.bool_), row[1:] != row[:-1]])[: len(row)]
    before = np.where(
        is_first, -1, np.concatenate([np.zeros(1, np.int64), column[:-1]])[: len(row)]
    )
    zeros = column - before - 1
    levels = zeros % _ZEROS * _SIZES + bit_lengths(rows[row, column])
    skipped = np.full(int((zeros // _ZEROS).sum()), SIXTEEN_ZEROS)
    ends = np.full(int(np.count_nonzero(rows[:, -1] == 0)), END)
    return np.concatenate([levels, skipped, ends]).astype(np.int64)


def huffman_lengths(counts: Mapping[int, int]) -> dict[int, int]:
    """Bits of each symbol's Huffman code; a lone symbol has one bit."""
    lengths = dict.fromkeys(counts, 0)
    heap: list[tuple[int, int, tuple[int, ...]]] = [
        (count, symbol, (symbol,)) for symbol, count in counts.items()
    ]
    heapq.heapify(heap)
    if len(heap) == 1:
        return dict.fromkeys(counts, 1)
    while len(heap) > 1:
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        joined = first[2] + second[2]
        for symbol in joined:
            lengths[symbol] += 1
        # The least symbol of the two breaks ties, so that the lengths repeat.
        heapq.heappush(heap, (first[0] + second[0], min(first[1], second[1]), joined))
    return lengths
