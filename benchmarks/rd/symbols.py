"""Whole numbers as bytes: static frequency tables, entropy-coded by a range coder (constriction).

A table belongs to one kind of symbol, such as a coefficient or a channel. It holds the counts of
-LARGEST..LARGEST and of an escape, after which the number follows in a raw list of its own. Tables
are plain integers, so that encoder and decoder agree on every machine.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from render.errors import SceneError

LARGEST = 127
_ESCAPE = 2 * LARGEST + 1  # Number of the escape in a table.
_TABLE_SIZE = 2 * LARGEST + 2
_TOTAL = 1 << 16
_COUNT = struct.Struct("<I")

Symbols = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class FrequencyTable:
    """How often each number is expected, uint16 (-LARGEST..LARGEST, escape); zero is allowed.

    Raises:
        SceneError: if it is not of that size or expects nothing at all.
    """

    counts: NDArray[np.uint16]

    def __post_init__(self) -> None:
        """Refuse tables that no coder could use."""
        if self.counts.shape != (_TABLE_SIZE,) or not self.counts.any():
            raise SceneError(
                f"frequency table has shape {self.counts.shape}, expected {_TABLE_SIZE} counts "
                "that are not all zero; the package is damaged, encode it again"
            )

    @classmethod
    def of(cls, *arrays: NDArray[np.integer]) -> Self:
        """The table that suits arrays of symbols best; all that occur in them get a count."""
        counts = np.zeros(_TABLE_SIZE)
        for array in arrays:
            counts += np.bincount(_indices(np.asarray(array).ravel()), minlength=_TABLE_SIZE)
        return cls.from_weights(counts if counts.any() else np.ones(_TABLE_SIZE))

    @classmethod
    def from_weights(cls, weights: NDArray[np.floating[Any]]) -> Self:
        """The table of expected shares, such as those of a learned density; none is lost."""
        scaled = weights / weights.sum() * (_TOTAL - _TABLE_SIZE)
        return cls(np.where(weights > 0, 1 + np.floor(scaled), 0).astype(np.uint16))

    def to_bytes(self) -> bytes:
        """The counts, deflated, with their length in front."""
        data = zlib.compress(self.counts.astype("<u2").tobytes(), 9)
        return _COUNT.pack(len(data)) + data

    def bits(self, array: NDArray[np.integer]) -> float:
        """Size of an array by this table, in bits, raw numbers behind escapes not counted."""
        shares = self.counts / self.counts.sum()
        used = np.bincount(_indices(np.asarray(array).ravel()), minlength=_TABLE_SIZE)
        known = used > 0
        return float(-(used[known] * np.log2(shares[known])).sum())


def encode_symbols(parts: Sequence[tuple[NDArray[np.integer], FrequencyTable]]) -> bytes:
    """Arrays one after another, each by its table; the decoder must know tables and lengths."""
    import constriction  # Loaded here, so that importing this package stays cheap.

    coder = constriction.stream.queue.RangeEncoder()
    raw: list[Symbols] = []
    for array, table in parts:
        flat = np.asarray(array).ravel().astype(np.int32)
        if flat.size:
            coder.encode(_indices(flat).astype(np.int32), _model(table))
            raw.append(flat[np.abs(flat) > LARGEST])
    words = coder.get_compressed().astype("<u4").tobytes()
    escaped = np.concatenate(raw).astype("<i4").tobytes() if raw else b""
    tail = zlib.compress(escaped, 9) if escaped else b""
    return b"".join((_COUNT.pack(len(words)), words, tail))


def decode_symbols(data: bytes, parts: Sequence[tuple[int, FrequencyTable]]) -> list[Symbols]:
    """The arrays (n,) that `encode_symbols` wrote, for their lengths and tables.

    Raises:
        SceneError: if the data does not hold them.
    """
    import constriction

    if len(data) < _COUNT.size:
        raise _damaged("ends before it begins")
    size = _COUNT.unpack_from(data)[0]
    words, tail = data[_COUNT.size : _COUNT.size + size], data[_COUNT.size + size :]
    if len(words) != size or size % 4:
        raise _damaged(f"holds {len(words)} bytes of code words, expected {size}")
    coder = constriction.stream.queue.RangeDecoder(np.frombuffer(words, "<u4").astype(np.uint32))
    found: list[Symbols] = []
    try:
        for count, table in parts:
            indices = coder.decode(_model(table), count) if count else np.zeros(0, np.int32)
            found.append(np.asarray(indices, np.int32) - LARGEST)
    except Exception as error:  # constriction raises AssertionError and ValueError alike
        raise _damaged(str(error)) from error
    _fill_escapes(found, tail)
    return found


def table_from_bytes(data: bytes) -> tuple[FrequencyTable, bytes]:
    """A table, and what follows it.

    Raises:
        SceneError: if there is none.
    """
    if len(data) < _COUNT.size:
        raise _damaged("ends before a frequency table")
    size = _COUNT.unpack_from(data)[0]
    body = data[_COUNT.size : _COUNT.size + size]
    counts = np.frombuffer(inflated(body, 2 * _TABLE_SIZE), "<u2")
    return FrequencyTable(counts.astype(np.uint16)), data[_COUNT.size + size :]


def inflated(data: bytes, size: int) -> bytes:
    """Deflated data of a known size; never more memory than that.

    Raises:
        SceneError: if it is damaged or of another size.
    """
    try:
        unpacker = zlib.decompressobj()
        found = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise _damaged(str(error)) from error
    if len(found) != size or not unpacker.eof:
        more = " or more" if len(found) > size else ""
        raise _damaged(f"inflates to {len(found)} bytes{more}, expected {size} and an end")
    return found


def join_chunks(chunks: Sequence[bytes]) -> bytes:
    """Several pieces as one, each with its length in front."""
    return b"".join(_COUNT.pack(len(chunk)) + chunk for chunk in chunks)


def split_chunks(data: bytes, count: int) -> list[bytes]:
    """The pieces that `join_chunks` joined.

    Raises:
        SceneError: if there are not exactly ``count`` whole ones.
    """
    found: list[bytes] = []
    offset = 0
    while offset + _COUNT.size <= len(data):
        size = _COUNT.unpack_from(data, offset)[0]
        found.append(data[offset + _COUNT.size : offset + _COUNT.size + size])
        offset += _COUNT.size + size
    if offset != len(data) or len(found) != count:
        raise _damaged(f"holds {len(found)} pieces that end at byte {offset}, expected {count}")
    return found


def _fill_escapes(found: Sequence[Symbols], tail: bytes) -> None:
    places = [np.flatnonzero(array == _ESCAPE - LARGEST) for array in found]
    count = sum(map(len, places))
    if not count and not tail:
        return
    raw = np.frombuffer(inflated(tail, 4 * count), "<i4")
    first = 0
    for array, where in zip(found, places, strict=True):
        array[where] = raw[first : first + len(where)]
        first += len(where)


def _indices(flat: NDArray[np.integer]) -> NDArray[np.int64]:
    wide = flat.astype(np.int64)  # Sums of small types would wrap around.
    return np.where(np.abs(wide) > LARGEST, _ESCAPE, wide + LARGEST)


def _model(table: FrequencyTable) -> Any:  # noqa: ANN401 -- constriction's own
    import constriction

    shares = table.counts.astype(np.float64)
    return constriction.stream.model.Categorical(shares / shares.sum(), perfect=False)


def _damaged(reason: str) -> SceneError:
    return SceneError(f"coded numbers: {reason}; the package is damaged, encode it again")
