"""The rhythm of motion: the shift that fits best, and series that tell nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.rhythm import fits_by_shift, standardized

MOST = 4


def series(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, count)


@given(st.integers(0, 200), st.integers(-MOST, MOST), st.floats(0.1, 9), st.floats(-9, 9))
def test_a_late_series_fits_best_by_what_it_is_late(seed, late, scale, level) -> None:
    motion = series(seed, 60)
    own = motion[10 - late : 50 - late] * scale + level
    fits = fits_by_shift(own, motion[10:50], MOST)
    assert len(fits) == 2 * MOST + 1
    assert int(np.argmax(fits)) == MOST + late
    assert fits[MOST + late] == pytest.approx(1)


@given(st.integers(0, 200))
def test_fits_are_correlations_as_numpy_has_them(seed) -> None:
    own, others = series(seed), series(seed + 1)
    fits = fits_by_shift(own, others, MOST)
    for shift in range(MOST + 1):
        count = len(own) - shift
        assert fits[MOST + shift] == pytest.approx(np.corrcoef(own[shift:], others[:count])[0, 1])
        assert fits[MOST - shift] == pytest.approx(np.corrcoef(own[:count], others[shift:])[0, 1])


@given(st.integers(0, 200))
def test_who_is_late_and_who_is_early_are_the_same_question(seed) -> None:
    own, others = series(seed), series(seed + 1)
    assert np.allclose(fits_by_shift(own, others, MOST), fits_by_shift(others, own, MOST)[::-1])


@given(st.floats(-1e3, 1e3))
def test_an_even_series_fits_nothing(level) -> None:
    even = np.full(40, level)
    assert np.abs(fits_by_shift(even, series(1), MOST)).max() < 1e-3
    assert np.abs(standardized(even)).max() < 1e-3
