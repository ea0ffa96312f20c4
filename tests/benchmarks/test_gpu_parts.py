"""Parts of a check go on whatever happens to one of them."""

from benchmarks.gpu_parts import Outcome, Part, combined, guarded, parts_table, run_parts

GOOD = Outcome(is_ok=True, said="fine", data={"count": 1})
BAD = Outcome(is_ok=False, said="seven bytes differ")


def fails() -> Outcome:
    raise RuntimeError("the driver\nsays no")


def test_a_part_that_raises_has_failed_and_the_next_one_runs() -> None:
    seen: list[int] = []
    parts = [Part("one", fails), Part("two", lambda: GOOD)]
    results = run_parts(parts, 60, lambda found: seen.append(len(found)))
    assert [r.outcome.is_ok for r in results] == [False, True]
    assert results[0].outcome.said == "RuntimeError: the driver says no"
    assert seen == [1, 2]


def test_parts_after_the_budget_are_not_run() -> None:
    (result,) = run_parts([Part("late", fails)], -1, lambda _: None)
    assert result.outcome.said == "not run: -1 s were over"
    assert not result.outcome.is_ok


def test_several_outcomes_are_one_and_the_failed_ones_speak() -> None:
    both = combined({"a": GOOD, "b": BAD})
    assert not both.is_ok
    assert both.said == "b: seven bytes differ"
    assert both.data["a"] == {"is_ok": True, "said": "fine", "count": 1}
    assert combined({"a": GOOD}).is_ok
    assert not combined({}).is_ok


def test_the_table_has_a_line_for_each_part() -> None:
    results = run_parts([Part("one", lambda: BAD), Part("two", lambda: GOOD)], 60, lambda _: None)
    lines = parts_table(results).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("FAILED  one")
    assert lines[2].startswith("ok      two")
    assert results[1].to_json()["data"] == {"count": 1}


def test_a_guard_lets_outcomes_through() -> None:
    assert guarded(lambda: GOOD) is GOOD
