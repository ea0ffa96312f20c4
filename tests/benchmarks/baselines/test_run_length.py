"""The size in JPEG's manner, against a coder that really writes the bits and reads them back."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.baselines.cube_symbols import channel_classes
from benchmarks.baselines.cubes import VOLUME
from benchmarks.baselines.run_length import (
    END,
    SIXTEEN_ZEROS,
    RunLengthCount,
    bit_lengths,
    huffman_lengths,
    run_symbols,
)

Levels = NDArray[np.int32]
TABLE_LENGTHS = 16


def levels_of(seed: int, *, cubes: int = 4, channels: int = 3, share: float = 0.05) -> Levels:
    generator = np.random.default_rng(seed)
    sizes = generator.geometric(0.2, (cubes, channels, VOLUME)) * generator.choice([-1, 1])
    return (sizes * (generator.random(sizes.shape) < share)).astype(np.int32)


def row_symbols(row: Levels) -> Iterator[tuple[int, int]]:
    """(symbol, level) of one row (511,) as T.81 says, one after another."""
    zeros = 0
    last = max(np.flatnonzero(row), default=-1)
    for level in row[: last + 1].tolist():
        if level == 0:
            zeros += 1
            continue
        while zeros > 15:
            yield SIXTEEN_ZEROS, 0
            zeros -= 16
        yield zeros * 32 + abs(level).bit_length(), level
        zeros = 0
    if last < len(row) - 1:
        yield END, 0


def code_words(lengths: dict[int, int]) -> dict[int, str]:
    """Canonical code words of some lengths."""
    words, code, before = {}, 0, 0
    for symbol in sorted(lengths, key=lambda one: (lengths[one], one)):
        code <<= lengths[symbol] - before
        words[symbol] = format(code, f"0{lengths[symbol]}b")
        code, before = code + 1, lengths[symbol]
    return words


def raw_bits(level: int) -> str:
    size = abs(level).bit_length()
    value = level if level > 0 else level + (1 << size) - 1
    return format(value, f"0{size}b") if size else ""


def written_bits(levels: Levels) -> tuple[str, int]:
    """All bits of levels as one text, and how many bytes the tables take."""
    text, tables = "", 0
    for part in channel_classes(levels.shape[1]):
        rows = levels[:, part].reshape(-1, VOLUME)
        means = [(abs(m).bit_length(), m) for m in rows[:, 0].tolist()]
        others = [pair for row in rows for pair in row_symbols(row[1:])]
        for pairs, size in ((means, 1), (others, 2)):
            lengths = huffman_lengths(Counter(symbol for symbol, _ in pairs))
            words = code_words(lengths)
            text += "".join(words[symbol] + raw_bits(level) for symbol, level in pairs)
            tables += TABLE_LENGTHS + size * len(lengths)
    return text, tables


@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 0.002, 0.05, 0.9, 1.0]))
def test_symbols_are_those_of_a_plain_walk(seed, share) -> None:
    rows = levels_of(seed, share=share).reshape(-1, VOLUME)[:, 1:]
    expected = Counter(symbol for row in rows for symbol, _ in row_symbols(row))
    assert Counter(run_symbols(rows).tolist()) == expected


@pytest.mark.parametrize("share", [0.0, 0.002, 0.05, 0.9])
def test_the_size_is_that_of_really_written_bits(share) -> None:
    levels = levels_of(11, share=share)
    count = RunLengthCount()
    count.add(levels)
    text, tables = written_bits(levels)
    assert count.size_bytes == -(-len(text) // 8) + tables


def test_frames_share_the_tables() -> None:
    frames = [levels_of(seed) for seed in (1, 2, 3)]
    together = RunLengthCount()
    alone = 0
    for frame in frames:
        together.add(frame)
        single = RunLengthCount()
        single.add(frame)
        alone += single.size_bytes
    text, tables = written_bits(np.concatenate(frames))
    assert together.size_bytes == -(-len(text) // 8) + tables < alone


def test_nothing_takes_no_bytes() -> None:
    assert RunLengthCount().size_bytes == 0


@given(level=st.integers(-(2**31) + 1, 2**31 - 1))
def test_bits_of_a_level_are_those_of_its_absolute_value(level) -> None:
    assert bit_lengths(np.array([level], np.int32)).tolist() == [abs(level).bit_length()]


@given(counts=st.dictionaries(st.integers(0, 511), st.integers(1, 1000), min_size=2))
def test_huffman_codes_are_complete_and_within_a_bit_of_the_entropy(counts) -> None:
    lengths = huffman_lengths(counts)
    assert sum(2.0**-length for length in lengths.values()) == pytest.approx(1)
    shares = np.array(list(counts.values())) / sum(counts.values())
    entropy = -(shares * np.log2(shares)).sum()
    mean = sum(share * lengths[s] for share, s in zip(shares, counts, strict=True))
    assert entropy - 1e-9 <= mean < entropy + 1


def test_more_frequent_symbols_never_have_longer_codes() -> None:
    counts = {symbol: (symbol + 1) ** 3 for symbol in range(20)}
    lengths = huffman_lengths(counts)
    assert [lengths[s] for s in range(20)] == sorted(lengths.values(), reverse=True)


def test_a_lone_symbol_has_one_bit_and_no_symbol_has_none() -> None:
    assert huffman_lengths({5: 100}) == {5: 1}
    assert huffman_lengths({}) == {}
