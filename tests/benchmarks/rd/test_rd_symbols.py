"""Whole numbers through the range coder, and what damaged data does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.rd.symbols import (
    LARGEST,
    FrequencyTable,
    decode_symbols,
    encode_symbols,
    inflated,
    join_chunks,
    split_chunks,
    table_from_bytes,
)
from render.errors import SceneError

numbers = arrays(np.int32, st.integers(0, 60), elements=st.integers(-(2**31) + 1, 2**31 - 1))
small = arrays(np.int32, st.integers(0, 200), elements=st.integers(-9, 9))


@given(st.lists(st.one_of(numbers, small), max_size=4))
def test_numbers_of_any_size_come_back_in_order(found) -> None:
    parts = [(array, FrequencyTable.of(array)) for array in found]
    data = encode_symbols(parts)
    back = decode_symbols(data, [(len(array), table) for array, table in parts])
    assert [array.tolist() for array in back] == [array.tolist() for array in found]


@given(small, small)
def test_one_table_serves_several_arrays(first, second) -> None:
    table = FrequencyTable.of(first, second)
    back = decode_symbols(
        encode_symbols([(first, table), (second, table)]),
        [(len(first), table), (len(second), table)],
    )
    assert back[0].tolist() == first.tolist()
    assert back[1].tolist() == second.tolist()


@given(st.one_of(numbers, small))
def test_a_table_survives_its_bytes_and_leaves_what_follows(array) -> None:
    table = FrequencyTable.of(array)
    back, rest = table_from_bytes(table.to_bytes() + b"more")
    assert back.counts.tolist() == table.counts.tolist()
    assert rest == b"more"


def test_the_coded_size_is_what_the_table_promises() -> None:
    array = np.random.default_rng(0).laplace(0, 3, 40_000).round().astype(np.int32)
    table = FrequencyTable.of(array)
    size = 8 * len(encode_symbols([(array, table)]))
    assert table.bits(array) <= size <= 1.002 * table.bits(array) + 128


def test_a_learned_density_gives_every_likely_number_a_count() -> None:
    weights = np.exp(-np.abs(np.arange(2 * LARGEST + 2) - LARGEST) / 2)
    table = FrequencyTable.from_weights(weights)
    assert (table.counts >= 1).all()
    assert table.counts[LARGEST] == table.counts.max()


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int64])
def test_numbers_of_small_types_do_not_wrap_around(kind) -> None:
    array = np.array([-127, 127, 0, -3], kind)
    table = FrequencyTable.of(array)
    (back,) = decode_symbols(encode_symbols([(array, table)]), [(4, table)])
    assert back.tolist() == array.tolist()


def test_a_table_without_any_count_is_refused() -> None:
    with pytest.raises(SceneError, match="not all zero"):
        FrequencyTable(np.zeros(2 * LARGEST + 2, np.uint16))


@given(st.binary(max_size=80), st.integers(0, 50))
def test_foreign_bytes_are_refused_or_decode_to_the_promised_length(data, count) -> None:
    table = FrequencyTable.of(np.arange(-9, 10))
    try:
        (found,) = decode_symbols(data, [(count, table)])
    except SceneError:
        return
    assert found.shape == (count,)


@pytest.mark.parametrize("cut", [0, 3, 9, -1])
def test_truncated_numbers_are_refused(cut) -> None:
    array = np.r_[np.arange(-300, 300), 10**6].astype(np.int32)
    table = FrequencyTable.of(array)
    data = encode_symbols([(array, table)])
    with pytest.raises(SceneError, match="damaged"):
        decode_symbols(data[:cut], [(len(array), table)])


def test_a_deflated_bomb_takes_no_more_memory_than_promised() -> None:
    import zlib

    with pytest.raises(SceneError, match="1001 bytes or more, expected 1000"):
        inflated(zlib.compress(bytes(10**7)), 1000)


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_pieces_come_back_and_their_number_is_checked(pieces) -> None:
    data = join_chunks(pieces)
    assert split_chunks(data, len(pieces)) == pieces
    with pytest.raises(SceneError, match="expected"):
        split_chunks(data, len(pieces) + 1)
    if data:
        with pytest.raises(SceneError, match="damaged"):
            split_chunks(data[:-1], len(pieces))
