"""Speed of repeated work: warmed up, long enough to measure, and in turns, so that ratios are fair.

A machine that is busy with something else slows every stage alike when the stages take turns, and
the median of the repeats forgets the odd bad one.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

# Longest step from one trial of the duration to the next.
_GROWTH = 4

_STARTUP_TRIALS = 5

# Overhead is known to some hundredths of a second only; it never explains all of a measurement.
_LEAST_SHARE = 0.1

# Does the work that many times in a row and returns how many frames that was.
Work = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often each stage is measured, and for how long each time, in seconds.

    Raises:
        ValueError: if there is nothing to take a median of.
    """

    count: int = 5
    seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse counts without a repeat."""
        if self.count < 1 or not self.seconds >= 0:
            raise ValueError(
                f"{self.count} repeats of {self.seconds} s, expected at least 1 of 0 s or more"
            )


@dataclass(frozen=True, slots=True)
class Stage:
    """Work to be timed; ``overhead_s`` of each call is not the work's and is taken off."""

    name: str
    work: Work
    overhead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames per second of one stage, one value per repeat."""

    values: tuple[float, ...]

    @property
    def fps(self) -> float:
        """Median of the repeats."""
        return median(self.values)

    @property
    def ms_per_frame(self) -> float:
        """Milliseconds per frame at the median rate."""
        return 1000 / self.fps

    def ratio_to(self, other: "Rate") -> float:
        """This rate over another one of the same run; above 1 is faster.

        The median over the turns of both: what slows a machine for a while slows both of a turn,
        so their ratio scatters less than their rates.
        """
        return median(one / two for one, two in zip(self.values, other.values, strict=True))

    def to_json(self) -> dict[str, float]:
        """Median, slowest and fastest repeat."""
        return {
            "fps": self.fps,
            "fps_min": min(self.values),
            "fps_max": max(self.values),
            "ms_per_frame": self.ms_per_frame,
        }


def measure(stages: Sequence[Stage], repeats: Repeats) -> dict[str, Rate]:
    """Time every stage ``repeats.count`` times, taking turns; the warm-up is not counted."""
    loops = {stage.name: _loops(stage, repeats.seconds) for stage in stages}
    values: dict[str, list[float]] = {stage.name: [] for stage in stages}
    for _ in range(repeats.count):
        for stage in stages:
            values[stage.name].append(_speed(stage, loops[stage.name]))
    return {name: Rate(tuple(found)) for name, found in values.items()}


def startup_s(work: Work) -> float:
    """Median seconds of one round of work that is hardly more than its start."""
    work(1)
    return median(_timed(work, 1) for _ in range(_STARTUP_TRIALS))


def repeated(work: Callable[[], int]) -> Work:
    """Work that is done several times by simply calling it again."""
    return lambda loops: sum(work() for _ in range(loops))


def _loops(stage: Stage, seconds: float) -> int:
    """How many rounds fill the wanted time; the first round warms up.

    Rounds grow until they outlast a part of that time, so that neither a short stage nor an
    overhead that is longer than the work itself leads to a wild guess.
    """
    stage.work(1)
    loops, taken = 1, _seconds(stage, 1)
    while taken < seconds / _GROWTH:
        loops *= _GROWTH
        taken = _seconds(stage, loops)
    return max(1, math.ceil(loops * seconds / taken)) if seconds else 1


def _speed(stage: Stage, loops: int) -> float:
    """Frames per second; an overhead that swallows the work leaves a lower bound of it."""
    began = time.perf_counter()
    frames = stage.work(loops)
    spent = time.perf_counter() - began
    return frames / max(spent - stage.overhead_s, spent * _LEAST_SHARE)


def _seconds(stage: Stage, loops: int) -> float:
    return _timed(stage.work, loops) - stage.overhead_s


def _timed(work: Work, loops: int) -> float:
    began = time.perf_counter()
    work(loops)
    return time.perf_counter() - began
