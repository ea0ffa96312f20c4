"""Frequency tables that take a few dozen bytes: shares in quarters of an octave.

A share is off by 9 % at most, which costs about a thousandth of a bit per symbol; exact counts cost
more than that where a group has few symbols.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.rd.symbols import FrequencyTable, inflated
from render.errors import SceneError

_PER_OCTAVE = 4
# Codes 1.._LARGEST stand for 2^0 to 2^15, 0 for a symbol that never occurs.
_LARGEST = 15 * _PER_OCTAVE + 1
_COUNTS = np.round(2 ** ((np.arange(1, _LARGEST + 1) - 1) / _PER_OCTAVE)).astype(np.uint16)


def coarse_table(*arrays: NDArray[np.int32]) -> FrequencyTable:
    """The coarse table that suits some arrays of symbols; all that occur in them get a share."""
    return _table(_codes(FrequencyTable.of(*arrays)))


def pack_tables(tables: Sequence[FrequencyTable]) -> bytes:
    """Tables from `coarse_table`, deflated together."""
    codes = [_codes(table) for table in tables]
    return zlib.compress(np.concatenate(codes).tobytes(), 9)


def unpack_tables(data: bytes, count: int) -> list[FrequencyTable]:
    """The tables that `pack_tables` packed.

    Raises:
        SceneError: if there are not exactly that many good ones.
    """
    size = len(_codes(coarse_table()))
    codes = np.frombuffer(inflated(data, count * size), np.uint8).reshape(count, size)
    if codes.max(initial=0) > _LARGEST:
        raise SceneError(
            f"frequency table has share {codes.max()}, expected at most {_LARGEST}; "
            "the package is damaged, encode it again"
        )
    return [_table(row) for row in codes]


def _codes(table: FrequencyTable) -> NDArray[np.uint8]:
    """The codes of a table's counts; those of a table made from codes are the same again."""
    counts = table.counts / table.counts.max() * _COUNTS[-1]
    with np.errstate(divide="ignore"):
        codes = np.round(_PER_OCTAVE * np.log2(counts)) + 1
    return np.where(table.counts > 0, codes.clip(1, _LARGEST), 0).astype(np.uint8)


def _table(codes: NDArray[np.uint8]) -> FrequencyTable:
    return FrequencyTable(np.concatenate([np.zeros(1, np.uint16), _COUNTS])[codes])
