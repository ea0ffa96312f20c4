"""Parts of a check that run one after another, whatever happens to each of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.output import aligned

_SAID_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a part ended: whether that was as expected, in one line, with all its numbers."""

    is_ok: bool
    said: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of work with a name."""

    name: str
    work: Callable[[], Outcome]


@dataclass(frozen=True, slots=True)
class PartResult:
    """A part's outcome and how long it took."""

    name: str
    outcome: Outcome
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "name": self.name,
            "is_ok": self.outcome.is_ok,
            "said": self.outcome.said,
            "seconds": round(self.seconds, 3),
            "data": dict(self.outcome.data),
        }


def run_parts(
    parts: Sequence[Part], budget_s: float, report: Callable[[Sequence[PartResult]], None]
) -> tuple[PartResult, ...]:
    """Run the parts in order; ``report`` gets all results so far after each of them.

    A part that raises has failed, and the next one runs. Parts that would begin after ``budget_s``
    seconds are not run, which counts as failed.
    """
    began = time.perf_counter()
    results: list[PartResult] = []
    for part in parts:
        start = time.perf_counter()
        if start - began > budget_s:
            outcome = Outcome(is_ok=False, said=f"not run: {budget_s:.0f} s were over")
        else:
            outcome = guarded(part.work)
        results.append(PartResult(part.name, outcome, time.perf_counter() - start))
        report(results)
    return tuple(results)


def guarded(work: Callable[[], Outcome]) -> Outcome:
    """The outcome of the work, or a failed one with the message of whatever it raised."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 -- drivers and vendors raise anything
        text = " ".join(str(error).split())[:_SAID_LENGTH]
        return Outcome(is_ok=False, said=f"{type(error).__name__}: {text}")


def combined(outcomes: Mapping[str, Outcome]) -> Outcome:
    """Several outcomes as one, which is as expected if every one of them is."""
    if not outcomes:
        return Outcome(is_ok=False, said="there was nothing to check")
    failed = [name for name, outcome in outcomes.items() if not outcome.is_ok]
    shown = failed or list(outcomes)
    return Outcome(
        is_ok=not failed,
        said="; ".join(f"{name}: {outcomes[name].said}" for name in shown),
        data={
            name: {"is_ok": outcome.is_ok, "said": outcome.said, **outcome.data}
            for name, outcome in outcomes.items()
        },
    )


def parts_table(results: Sequence[PartResult]) -> str:
    """One line per part for a person."""
    rows = [
        ("ok" if r.outcome.is_ok else "FAILED", r.name, f"{r.seconds:.1f} s", r.outcome.said)
        for r in results
    ]
    return aligned([("", "part", "time", "said"), *rows])
