"""Work done ahead: order, bounded memory, errors in their turn, and threads that end."""

import threading
import time
from collections.abc import Iterator

import pytest

from render.ahead import Ahead


def working_threads() -> int:
    return sum(thread.name == "render-ahead" for thread in threading.enumerate())


def test_results_come_in_order_and_then_the_end() -> None:
    with Ahead(range(20), 3) as ahead:
        assert list(ahead) == list(range(20))
        assert list(ahead) == []
    assert working_threads() == 0


def test_no_more_than_the_capacity_waits() -> None:
    made = []

    def count() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with Ahead(count(), 4) as ahead:
        deadline = time.monotonic() + 10
        while ahead.ready_count < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert ahead.ready_count == 4
        # One more is in the hands of the thread that waits to put it down.
        assert len(made) == 5
        assert next(ahead) == 0


def test_an_error_comes_after_the_results_before_it_and_ends_the_work() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    ahead = Ahead(failing(), 5)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)
    ahead.close()
    assert working_threads() == 0


def test_leaving_early_closes_the_source_in_its_own_thread() -> None:
    closed_in = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed_in.append(threading.current_thread().name)

    with Ahead(endless(), 2) as ahead:
        next(ahead)
    assert closed_in == ["render-ahead"]
    assert working_threads() == 0


def test_a_chain_of_stages_ends_as_a_whole() -> None:
    def doubled(source: Ahead[int]) -> Iterator[int]:
        with source:
            for number in source:
                yield 2 * number

    with Ahead(doubled(Ahead(iter(range(10**9)), 2)), 2) as ahead:
        assert [next(ahead) for _ in range(3)] == [0, 2, 4]
        assert working_threads() == 2
    assert working_threads() == 0


def test_closing_twice_is_harmless_and_nothing_comes_afterwards() -> None:
    ahead = Ahead(range(5), 2)
    ahead.close()
    ahead.close()
    assert list(ahead) == []
    assert ahead.ready_count == 0


def test_stages_overlap() -> None:
    def slow(source: Iterator[int]) -> Iterator[int]:
        for number in source:
            time.sleep(0.03)
            yield number

    began = time.monotonic()
    with Ahead(slow(iter(range(10))), 2) as ahead:
        for _ in slow(ahead):
            pass
    # One after the other takes 0.6 s; a busy machine gets half of the difference as leeway.
    assert time.monotonic() - began < 0.5
