"""Bjontegaard deltas against published figures, against a plain twin, and what is refused."""

import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.provenance import CHECKOUT
from benchmarks.rd.bd_rate import CurveError, RateCurve, bd_psnr, bd_rate, falling
from render.console import UsageError

Pairs = list[tuple[float, float]]

# JCTVC-E137, 2011: two comparisons whose PCHIP deltas, in percent, others' calculators are tested
# with too (Netflix/vmaf, bd_rate_calculator_test.py). Rates in kbit/s.
PUBLISHED = [
    (
        [(108048.8736, 43.6471), (61279.976, 40.3953), (33905.6656, 37.247), (18883.6928, 34.2911)],
        [
            (108061.2784, 43.6768),
            (61299.9936, 40.4232),
            (33928.7472, 37.2761),
            (18910.912, 34.3147),
        ],
        -0.465215420752807,
    ),
    (
        [(40433.8848, 37.5761), (7622.7456, 35.3756), (2394.488, 33.8977), (1017.6184, 32.0603)],
        [(40370.12, 37.5982), (7587.0024, 35.4025), (2390.0944, 33.9194), (1017.0984, 32.0822)],
        -1.8779823450567612,
    ),
]
# The three examples of the package bjontegaard (README and example_usage.py): its documents print
# no results, so the plain twin below says what they must be.
EXAMPLES = [
    (
        [(9487.76, 40.037), (4593.60, 38.615), (2486.44, 36.845), (1358.24, 34.851)],
        [(9787.80, 40.121), (4469.00, 38.651), (2451.52, 36.970), (1356.24, 34.987)],
    ),
    (
        [(82472.76, 43.825), (26875.24, 41.404), (9487.76, 40.037), (4593.6, 38.615)],
        [(99896.96, 44.731), (33952.04, 41.875), (9787.8, 40.121), (4469.0, 38.651)],
    ),
    (
        [
            *[(82472.76, 43.825), (26875.24, 41.404), (9487.76, 40.037)],
            *[(4593.6, 38.615), (3600, 36.5), (2900, 35.1)],
        ],
        [
            *[(99896.96, 44.731), (33952.04, 41.875), (9787.8, 40.121)],
            *[(4469.0, 38.651), (4040, 37), (3300, 36.5)],
        ],
    ),
]


def both(anchor: Pairs, test: Pairs) -> tuple[RateCurve, RateCurve]:
    return RateCurve.of("anchor", anchor), RateCurve.of("test", test)


def pchip_slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fritsch and Butland's slopes: harmonic means inside, three-point formulas at the ends."""
    h, d = np.diff(x), np.diff(y) / np.diff(x)
    slopes = np.zeros(len(x))
    for i in range(1, len(x) - 1):
        if d[i - 1] * d[i] > 0:
            a, b = 2 * h[i] + h[i - 1], h[i] + 2 * h[i - 1]
            slopes[i] = (a + b) / (a / d[i - 1] + b / d[i])
    for end, (h0, h1), (d0, d1) in ((0, h[:2], d[:2]), (-1, h[:-3:-1], d[:-3:-1])):
        slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
        if slope * d0 <= 0:
            slope = 0
        elif d0 * d1 <= 0 and abs(slope) > 3 * abs(d0):
            slope = 3 * d0
        slopes[end] = slope
    return slopes


def akima_slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Akima's slopes of 1970, with two steps beyond each end."""
    d = list(np.diff(y) / np.diff(x))
    d = [3 * d[0] - 2 * d[1], 2 * d[0] - d[1], *d, 2 * d[-1] - d[-2], 3 * d[-1] - 2 * d[-2]]
    slopes = []
    for i in range(len(x)):
        left, right = abs(d[i + 3] - d[i + 2]), abs(d[i + 1] - d[i])
        even = (d[i + 1] + d[i + 2]) / 2
        total = left + right
        slopes.append(even if total < 1e-9 else (left * d[i + 1] + right * d[i + 2]) / total)
    return np.array(slopes)


def hermite(x: np.ndarray, y: np.ndarray, slopes: np.ndarray, at: np.ndarray) -> np.ndarray:
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    h = x[i + 1] - x[i]
    t = (at - x[i]) / h
    value = (1 + 2 * t) * (1 - t) ** 2 * y[i] + t * (1 - t) ** 2 * h * slopes[i]
    return value + t**2 * (3 - 2 * t) * y[i + 1] + t**2 * (t - 1) * h * slopes[i + 1]


SLOPES = {"pchip": pchip_slopes, "akima": akima_slopes}


def twin(anchor: Pairs, test: Pairs, kind: str) -> tuple[float, float]:
    """BD-rate and BD-PSNR by the definition: mean difference of two curves on a fine raster."""
    means = []
    for swap in (True, False):
        curves = []
        for pairs in (anchor, test):
            logs, levels = np.array(sorted((math.log10(rate), level) for rate, level in pairs)).T
            curves.append((levels, logs) if swap else (logs, levels))
        low = max(x[0] for x, _ in curves)
        high = min(x[-1] for x, _ in curves)
        # Midpoints, so that the mean is that of the integral to the square of the step.
        at = low + (np.arange(20000) + 0.5) / 20000 * (high - low)
        first, second = (hermite(x, y, SLOPES[kind](x, y), at) for x, y in curves)
        means.append(float(np.mean(second - first)))
    return 100 * (10 ** means[0] - 1), means[1]


@pytest.mark.parametrize(("anchor", "test", "percent"), PUBLISHED)
def test_the_published_figures_of_jctvc_e137_come_out(anchor, test, percent) -> None:
    assert bd_rate(*both(anchor, test)).value == pytest.approx(percent, rel=1e-9)


@pytest.mark.parametrize("kind", ["pchip", "akima"])
@pytest.mark.parametrize(("anchor", "test"), EXAMPLES)
def test_the_examples_of_the_package_are_what_the_definition_gives(anchor, test, kind) -> None:
    curves = both(anchor, test)
    percent, level = twin(anchor, test, kind)
    assert bd_rate(*curves, kind).value == pytest.approx(percent, rel=1e-5)
    assert bd_psnr(*curves, kind).value == pytest.approx(level, rel=1e-5)


def test_the_first_example_saves_four_percent() -> None:
    curves = both(*EXAMPLES[0])
    assert bd_rate(*curves).value == pytest.approx(-4.4175, abs=1e-4)
    assert bd_psnr(*curves).value == pytest.approx(0.1197, abs=1e-4)


sizes = st.lists(st.floats(1e2, 1e7), min_size=4, max_size=7, unique=True)
levels = st.lists(st.floats(20, 50), min_size=7, max_size=7, unique=True)


def spread(values: list[float], least: float) -> bool:
    """Whether sorted values are far enough apart for arithmetic to be exact enough."""
    return all(after - before > least * before for before, after in pairwise(sorted(values)))


@given(sizes, levels, st.floats(0.1, 10))
def test_a_curve_of_a_share_of_the_bytes_costs_that_share(found, heights, factor) -> None:
    assume(spread(found, 1e-3))
    assume(spread(heights, 1e-3))
    pairs = list(zip(sorted(found), sorted(heights[: len(found)]), strict=True))
    curves = both(pairs, [(factor * size, level) for size, level in pairs])
    delta = bd_rate(*curves)
    assert delta.value == pytest.approx(100 * (factor - 1), rel=1e-6, abs=1e-6)
    assert delta.share == pytest.approx(1)


@given(sizes, levels, st.floats(0, 3))
def test_swapping_anchor_and_test_turns_both_deltas_around(found, heights, shift) -> None:
    assume(spread(found, 1e-3))
    assume(spread(heights, 1e-3))
    pairs = list(zip(sorted(found), sorted(heights[: len(found)]), strict=True))
    assume(pairs[0][1] + shift < pairs[-1][1])
    curves = both(pairs, [(size, level + shift) for size, level in pairs])
    there, back = bd_rate(*curves).value, bd_rate(*reversed(curves)).value
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)
    up = bd_psnr(*curves).value
    assert up == pytest.approx(shift, abs=1e-6)
    assert up == pytest.approx(-bd_psnr(*reversed(curves)).value)


def test_the_order_of_points_does_not_matter_and_counts_may_differ() -> None:
    anchor, test = EXAMPLES[2]
    shorter = test[:5]
    expected = bd_rate(*both(anchor, shorter))
    assert bd_rate(*both(anchor[::-1], shorter[2:] + shorter[:2])) == expected


def test_the_overlap_is_returned_in_decibels_and_in_bytes() -> None:
    anchor = [(1000.0 * 2**n, 30.0 + n) for n in range(5)]
    test = [(2000.0 * 2**n, 32.0 + n) for n in range(5)]
    rate, level = bd_rate(*both(anchor, test)), bd_psnr(*both(anchor, test))
    assert (rate.low, rate.high) == (32, 34)
    assert rate.share == pytest.approx(2 / 6)
    assert (level.low, level.high) == (2000, 16000)
    assert level.share == pytest.approx(3 / 5)
    assert rate.value == pytest.approx(-50)
    assert level.value == pytest.approx(1)


RISING = [(1000.0, 30.0), (2000.0, 31.0), (4000.0, 32.0), (8000.0, 33.0)]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (RISING[:3], r"x has 3 sizes .* expected 4 or more .* measure more rates"),
        ([], r"x has 0 sizes"),
        ([*RISING, (16000.0, 32.5)], r"not monotone: 16\.00 KB/frame gives 32\.500 dB after 33"),
        ([*RISING, (16000.0, 33.0)], r"16\.00 KB/frame gives 33\.000 dB .* expected more"),
        ([*RISING, (8000.0, 34.0)], r"two points have 8\.00 and 8\.00 KB/frame, expected"),
        ([*RISING, (16000.0, math.nan)], r"expected finite numbers"),
        ([(-1.0, 1.0), *RISING], r"sizes above 0; measure again"),
        ([(0.0, 1.0), *RISING], r"sizes above 0"),
    ],
)
def test_what_is_no_curve_is_refused_with_its_values_and_a_remedy(pairs, message) -> None:
    with pytest.raises(CurveError, match=message):
        RateCurve.of("x", pairs)


def test_a_curve_with_more_levels_than_sizes_is_refused() -> None:
    with pytest.raises(CurveError, match="4 sizes and 5 levels"):
        RateCurve("x", (1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0, 5.0))


def test_curves_that_share_no_level_are_refused_in_the_same_words_both_ways() -> None:
    first, second = both(RISING, [(size, level + 10) for size, level in RISING])
    message = (
        r"anchor covers 30\.00 to 33\.00 dB and test covers 40\.00 to 43\.00 dB, "
        r"expected ranges that overlap; measure rates in between"
    )
    for pair in ((first, second), (second, first)):
        with pytest.raises(CurveError, match=message):
            bd_rate(*pair)
    assert bd_psnr(first, second).value == pytest.approx(10)


def test_curves_that_share_no_size_have_no_bd_psnr() -> None:
    first, second = both(RISING, [(100 * size, level) for size, level in RISING])
    with pytest.raises(CurveError, match=r"covers 1\.00 to 8\.00 KB/frame"):
        bd_psnr(first, second)
    assert bd_rate(first, second).value == pytest.approx(9900)


def test_curves_that_only_touch_are_refused() -> None:
    first, second = both(RISING, [(size, level + 3) for size, level in RISING])
    with pytest.raises(CurveError, match="overlap"):
        bd_rate(first, second)


def test_where_a_curve_falls_is_said_and_a_rising_one_passes() -> None:
    assert falling(RISING) is None
    assert "after 33.000 dB" in str(falling([*RISING, (9000.0, 31.0)]))


def test_a_size_at_a_level_is_read_on_a_logarithmic_scale() -> None:
    curve = RateCurve.of("x", RISING)
    assert curve.size_at(31.0) == pytest.approx(2000)
    assert curve.size_at(31.5) == pytest.approx(2000 * 2**0.5)
    assert curve.size_at(33.0) == pytest.approx(8000)
    assert curve.size_at(29.9) is None
    assert curve.size_at(33.1) is None


def test_without_the_package_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "bjontegaard", None)
    with pytest.raises(UsageError, match=r"pip install 'videorf\[rd\]'"):
        bd_rate(*both(RISING, RISING))


def test_importing_the_module_loads_no_plotting_library() -> None:
    script = (
        "import sys, benchmarks.rd.bd_rate\n"
        "assert not {'bjontegaard', 'matplotlib'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=True)
