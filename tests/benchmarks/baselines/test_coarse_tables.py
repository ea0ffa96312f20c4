"""Coarse frequency tables: what they cost, what they lose, and damage."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.baselines.coarse_tables import coarse_table, pack_tables, unpack_tables
from benchmarks.rd.symbols import FrequencyTable, decode_symbols, encode_symbols
from render.errors import SceneError


def laplace(scale: float, count: int = 20_000, seed: int = 0) -> np.ndarray:
    return np.round(np.random.default_rng(seed).laplace(0, scale, count)).astype(np.int32)


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 500),
    scale=st.sampled_from([0.01, 1.0, 40.0, 300.0]),
)
def test_packed_tables_come_back_exactly(seed, count, scale) -> None:
    tables = [coarse_table(laplace(scale, count, seed)), coarse_table()]
    found = unpack_tables(pack_tables(tables), 2)
    for table, other in zip(tables, found, strict=True):
        assert np.array_equal(table.counts, other.counts)


@given(seed=st.integers(0, 2**32), scale=st.sampled_from([0.01, 1.0, 40.0, 300.0]))
def test_symbols_come_back_by_an_unpacked_table(seed, scale) -> None:
    values = laplace(scale, 300, seed)
    (table,) = unpack_tables(pack_tables([coarse_table(values)]), 1)
    data = encode_symbols([(values, coarse_table(values))])
    assert np.array_equal(decode_symbols(data, [(300, table)])[0], values)


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0, 5.0, 30.0])
def test_a_coarse_table_loses_next_to_nothing(scale) -> None:
    values = laplace(scale)
    exact, coarse = (
        table.bits(values) for table in (FrequencyTable.of(values), coarse_table(values))
    )
    assert coarse < 1.005 * exact + 20


def test_a_coarse_table_is_much_smaller() -> None:
    tables = [coarse_table(laplace(scale)) for scale in (0.1, 1.0, 5.0, 30.0)]
    exact = sum(len(FrequencyTable.of(laplace(s)).to_bytes()) for s in (0.1, 1.0, 5.0, 30.0))
    assert len(pack_tables(tables)) < exact / 2


def test_a_symbol_that_is_one_of_very_many_keeps_a_share() -> None:
    values = np.zeros(1_000_000, np.int32)
    values[7] = 3
    assert coarse_table(values).counts[127 + 3] == 1


@pytest.mark.parametrize("data", [b"", b"no deflate", zlib.compress(bytes(10))])
def test_data_that_holds_no_tables_is_refused(data) -> None:
    with pytest.raises(SceneError):
        unpack_tables(data, 2)


def test_a_share_beyond_the_largest_is_refused() -> None:
    with pytest.raises(SceneError, match="share 62, expected at most 61"):
        unpack_tables(zlib.compress(bytes([62] * 256)), 1)


def test_a_table_that_expects_nothing_is_refused() -> None:
    with pytest.raises(SceneError, match="not all zero"):
        unpack_tables(zlib.compress(bytes(256)), 1)
