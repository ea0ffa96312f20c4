"""Timing on a clock that only work moves, so that every rate is exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import stopwatch
from benchmarks.stopwatch import Rate, Repeats, Stage, measure

COST = 0.003


class Machine:
    """Work of known cost on a clock of its own; ``calls`` lists loops per stage."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, int]] = []
        monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: self.now)

    def stage(
        self, name: str, cost: float = COST, *, fixed: float = 0.0, known: float = 0.0
    ) -> Stage:
        """``fixed`` seconds per call and ``cost`` per loop, of which ``known`` are announced."""

        def work(loops: int) -> int:
            self.calls.append((name, loops))
            self.now += fixed + cost * loops
            return 2 * loops

        return Stage(name, work, known)


@pytest.fixture
def machine(monkeypatch) -> Machine:
    return Machine(monkeypatch)


@given(cost=st.floats(1e-4, 3), seconds=st.floats(0.01, 5), count=st.integers(1, 6))
def test_a_steady_stage_has_its_exact_rate_and_fills_the_time(cost, seconds, count) -> None:
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(patch)
        rate = measure([machine.stage("a", cost)], Repeats(count, seconds))["a"]
    assert rate.values == pytest.approx([2 / cost] * count)
    measured = [loops for _, loops in machine.calls[-count:]]
    assert set(measured) == {measured[0]}
    # Enough rounds to last that long, and no more than one too many.
    assert measured[0] * cost >= seconds * (1 - 1e-9)
    assert (measured[0] - 1) * cost <= max(seconds, cost) * (1 + 1e-9)


def test_overhead_that_is_known_exactly_leaves_the_exact_rate(machine) -> None:
    stage = machine.stage("a", fixed=0.4, known=0.4)
    assert measure([stage], Repeats(3, 0.5))["a"].values == pytest.approx([2 / COST] * 3)


def test_overhead_that_is_overstated_never_makes_a_rate_beyond_ten_times_the_seen_one(
    machine,
) -> None:
    stage = machine.stage("a", fixed=0.1, known=9.0)
    (value,) = measure([stage], Repeats(1, 0))["a"].values
    assert value == pytest.approx(10 * 2 / (0.1 + COST))


def test_a_machine_that_slows_down_slows_every_stage_alike(machine) -> None:
    drift = 1.0

    def stage(name: str, cost: float) -> Stage:
        def work(loops: int) -> int:
            nonlocal drift
            drift *= 1.02
            machine.now += cost * loops * drift
            return loops

        return Stage(name, work)

    rates = measure([stage("slow", 0.2), stage("fast", 0.1)], Repeats(5, 0))
    assert rates["fast"].fps / rates["slow"].fps == pytest.approx(2, rel=0.05)
    assert rates["fast"].values[0] > rates["fast"].values[-1]


def test_one_bad_repeat_does_not_move_the_rate(machine) -> None:
    calls = []

    def work(loops: int) -> int:
        calls.append(loops)
        machine.now += COST * loops * (50 if len(calls) == 4 else 1)
        return loops

    rate = measure([Stage("a", work)], Repeats(5, 0))["a"]
    assert rate.fps == pytest.approx(1 / COST)
    assert rate.to_json()["fps_min"] == pytest.approx(1 / COST / 50)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=9))
def test_a_rate_is_told_the_same_way_in_both_units(values) -> None:
    told = Rate(tuple(values)).to_json()
    assert told["fps_min"] <= told["fps"] <= told["fps_max"]
    assert told["fps"] * told["ms_per_frame"] == pytest.approx(1000)
