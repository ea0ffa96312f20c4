"""Levels as symbols: order, bands, depths, low bits, and damage."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.baselines.cube_symbols import (
    BAND_COUNT,
    CLASS_COUNT,
    TABLE_COUNT,
    LevelSymbols,
    LevelTables,
    band_slices,
    channel_classes,
    ordered_levels,
    scan_order,
)
from benchmarks.baselines.cubes import SIDE, VOLUME
from benchmarks.rd.symbols import FrequencyTable, encode_symbols
from render.errors import SceneError

Levels = NDArray[np.int32]


def levels_of(seed: int, *, cubes: int = 5, channels: int = 6, scale: float = 20.0) -> Levels:
    """Levels that fall off with frequency, as those of smooth values do."""
    generator = np.random.default_rng(seed)
    falling = np.empty(VOLUME)
    falling[scan_order()] = 1 / (1 + np.arange(VOLUME))
    noise = generator.laplace(size=(cubes, channels, VOLUME)) * scale * falling
    return np.round(noise).astype(np.int32)


def round_trip(levels: Levels, tables: LevelTables, *, is_alone: bool) -> Levels:
    symbols = LevelSymbols.of(ordered_levels(levels, is_alone=is_alone))
    cubes, channels = levels.shape[:2]
    found = tables.decode(tables.encode(symbols), cubes, channels)
    return found.levels(cubes, channels, is_alone=is_alone)


def tables_of(levels: Levels, *, is_alone: bool) -> LevelTables:
    return LevelTables.of([LevelSymbols.of(ordered_levels(levels, is_alone=is_alone))])


def frequency_sums() -> NDArray[np.int64]:
    return np.indices((SIDE,) * 3).sum(0).ravel()


def test_the_scan_goes_from_low_frequency_to_high_and_starts_at_the_mean() -> None:
    order = scan_order()
    assert order[0] == 0
    assert sorted(order) == list(range(VOLUME))
    assert (np.diff(frequency_sums()[order]) >= 0).all()


def test_bands_follow_each_other_and_never_split_a_frequency() -> None:
    bands = band_slices()
    assert len(bands) == BAND_COUNT
    assert bands[0] == slice(0, 1)
    assert [band.start for band in bands[1:]] == [band.stop for band in bands[:-1]]
    assert bands[-1].stop == VOLUME
    ordered = frequency_sums()[scan_order()]
    assert all(ordered[band.stop - 1] < ordered[band.stop] for band in bands[:-1])


@pytest.mark.parametrize("channels", [2, 3, 9, 13])
def test_classes_cover_all_channels(channels) -> None:
    classes = channel_classes(channels)
    assert len(classes) == CLASS_COUNT
    assert [n for part in classes for n in range(*part.indices(channels))] == list(range(channels))
    sizes = [part.stop - part.start for part in classes]
    assert sizes[0] == 1
    assert 0 <= sizes[1] - sizes[2] <= 1


def test_means_of_frames_alone_are_differences_from_cube_to_cube() -> None:
    levels = levels_of(1)
    found = ordered_levels(levels, is_alone=True)
    assert np.array_equal(found[0, :, 0], levels[0, :, 0])
    assert np.array_equal(found[1:, :, 0], np.diff(levels[:, :, 0], axis=0))
    plain = ordered_levels(levels, is_alone=False)
    assert np.array_equal(plain[..., 1:], found[..., 1:])
    assert np.array_equal(plain, levels[..., scan_order()])


def test_depth_is_the_last_band_that_holds_anything() -> None:
    ordered = np.zeros((3, 2, VOLUME), np.int32)
    ordered[1, 0, 0] = 7
    ordered[2, 0, band_slices()[4].start] = -1
    ordered[2, 1, -1] = 1
    symbols = LevelSymbols.of(ordered)
    assert symbols.depths[0].tolist() == [0, 1, 5]
    assert symbols.depths[1].tolist() == [0, 0, BAND_COUNT]
    assert symbols.depths[2].size == 0
    assert [len(band) for band in symbols.bands[0][:6]] == [2, 3, 6, 25, 49, 0]


@given(
    seed=st.integers(0, 2**32),
    cubes=st.integers(0, 4),
    channels=st.integers(2, 7),
    scale=st.sampled_from([0.1, 3.0, 60.0, 5000.0]),
    is_alone=st.booleans(),
)
def test_levels_come_back(seed, cubes, channels, scale, is_alone) -> None:
    levels = levels_of(seed, cubes=cubes, channels=channels, scale=scale)
    tables = tables_of(levels, is_alone=is_alone)
    assert np.array_equal(round_trip(levels, tables, is_alone=is_alone), levels)


def test_outliers_come_back_too() -> None:
    levels = levels_of(3)
    levels[2, 1, 400] = 1 << 20
    levels[0, 0, 0] = -(1 << 20)
    assert np.array_equal(
        round_trip(levels, tables_of(levels, is_alone=True), is_alone=True), levels
    )


def test_large_levels_are_split_and_small_ones_are_not() -> None:
    small = tables_of(levels_of(5, scale=3.0), is_alone=False)
    assert not small.low_bits.any()
    large = tables_of(levels_of(5, cubes=40, scale=3000.0), is_alone=False)
    assert large.low_bits[:, 0].min() >= 4
    assert not large.low_bits[:, -1].any()


def test_one_table_serves_several_frames() -> None:
    frames = [levels_of(seed) for seed in range(4)]
    symbols = [LevelSymbols.of(ordered_levels(frame, is_alone=False)) for frame in frames]
    tables = LevelTables.of(symbols)
    for frame in frames:
        assert np.array_equal(round_trip(frame, tables, is_alone=False), frame)


def test_empty_channels_cost_next_to_nothing() -> None:
    levels = np.zeros((200, 6, VOLUME), np.int32)
    levels[3, 2, 1] = 4
    tables = tables_of(levels, is_alone=False)
    depths, bands = tables.encode(LevelSymbols.of(ordered_levels(levels, is_alone=False)))
    assert len(depths) + len(bands) < 40


def test_the_tables_are_listed_and_come_back_in_order() -> None:
    tables = tables_of(levels_of(8), is_alone=False)
    assert len(tables.tables) == TABLE_COUNT
    found = LevelTables.from_tables(tables.low_bits.tobytes(), tables.tables)
    assert np.array_equal(found.low_bits, tables.low_bits)
    assert found.tables == tables.tables


def test_too_many_low_bits_are_refused() -> None:
    tables = tables_of(levels_of(8), is_alone=False)
    bits = tables.low_bits.copy()
    bits[1, 2] = 8
    with pytest.raises(SceneError, match="8 low bits are split off, expected at most 7"):
        LevelTables.from_tables(bits.tobytes(), tables.tables)


def test_a_depth_beyond_the_bands_is_refused() -> None:
    tables = tables_of(levels_of(8, cubes=2), is_alone=False)
    anything = FrequencyTable.of(np.arange(20))
    tables = replace(tables, depths=(anything,) * CLASS_COUNT)
    parts = [(np.array([1, BAND_COUNT + 1]), anything), (np.zeros(6), anything)]
    data = encode_symbols([*parts, (np.zeros(4), anything)])
    with pytest.raises(SceneError, match="depth is out of range"):
        tables.decode((data, b""), 2, 6)


def test_means_that_add_up_beyond_reason_are_refused() -> None:
    levels = np.zeros((3, 2, VOLUME), np.int32)
    levels[:, 0, 0] = (1 << 22) - 1
    symbols = LevelSymbols.of(levels)
    with pytest.raises(SceneError, match="level is out of range"):
        symbols.levels(3, 2, is_alone=True)


@pytest.mark.parametrize("cut", [1, 2, 4, 8])
def test_data_cut_short_is_refused(cut) -> None:
    levels = levels_of(8)
    tables = tables_of(levels, is_alone=False)
    depths, bands = tables.encode(LevelSymbols.of(ordered_levels(levels, is_alone=False)))
    with pytest.raises(SceneError):
        tables.decode((depths[:-cut], bands), *levels.shape[:2])
    with pytest.raises(SceneError):
        tables.decode((depths, bands[:-cut]), *levels.shape[:2])
