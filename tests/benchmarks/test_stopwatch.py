"""Timing: warm-up, turns, loops, medians."""

import time
from collections.abc import Callable

import pytest

from benchmarks.stopwatch import Rate, Repeats, Stage, measure, repeated


def test_the_rate_is_the_median_with_its_extremes() -> None:
    rate = Rate((10.0, 40.0, 20.0))
    assert rate.fps == 20
    assert rate.ms_per_frame == 50
    assert rate.to_json() == {"fps": 20, "fps_min": 10, "fps_max": 40, "ms_per_frame": 50}


def test_stages_take_turns_after_their_warm_up() -> None:
    calls: list[tuple[str, int]] = []

    def stage(name: str) -> Stage:
        def work(loops: int) -> int:
            calls.append((name, loops))
            return loops

        return Stage(name, work)

    rates = measure([stage("a"), stage("b")], Repeats(count=3, seconds=0))
    warm_up = [("a", 1)] * 2 + [("b", 1)] * 2
    assert calls == warm_up + [("a", 1), ("b", 1)] * 3
    assert {name: len(rate.values) for name, rate in rates.items()} == {"a": 3, "b": 3}


@pytest.fixture
def spend(monkeypatch) -> Callable[[float], None]:
    """Lets time pass on a clock that a busy machine does not move."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_short_work_is_repeated_until_it_is_long_enough(spend) -> None:
    found = []

    def work(loops: int) -> int:
        found.append(loops)
        spend(0.002 * loops)
        return 10 * loops

    rate = measure([Stage("work", work)], Repeats(count=1, seconds=0.05))["work"]
    assert found[-1] == 25
    assert rate.fps == pytest.approx(10 / 0.002)


def test_known_overhead_is_taken_off(spend) -> None:
    def work(loops: int) -> int:
        spend(0.03)
        return loops

    plain = measure([Stage("work", work)], Repeats(1, 0))["work"].fps
    relieved = measure([Stage("work", work, 0.02)], Repeats(1, 0))["work"].fps
    assert relieved == pytest.approx(3 * plain)


def test_an_overhead_longer_than_the_work_leads_to_no_wild_guess(spend) -> None:
    found = []

    def work(loops: int) -> int:
        found.append(loops)
        spend(0.001 * loops)
        return loops

    rate = measure([Stage("work", work, 0.02)], Repeats(1, 0.05))["work"]
    assert max(found) <= 200
    assert rate.fps < 20_000


def test_simple_work_is_called_once_per_loop() -> None:
    calls = []
    work = repeated(lambda: calls.append(1) or 7)
    assert work(3) == 21
    assert len(calls) == 3


@pytest.mark.parametrize(("count", "seconds"), [(0, 1.0), (-1, 1.0), (1, -1.0), (1, float("nan"))])
def test_measuring_nothing_is_refused(count, seconds) -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        Repeats(count, seconds)


def test_a_ratio_is_the_median_over_turns_so_that_a_slow_turn_of_both_does_not_count() -> None:
    ours, theirs = Rate((100.0, 50.0, 100.0)), Rate((100.0, 50.0, 25.0))
    assert ours.ratio_to(theirs) == 1.0
    assert theirs.ratio_to(ours) == 1.0
    with pytest.raises(ValueError, match="shorter"):
        ours.ratio_to(Rate((1.0,)))
