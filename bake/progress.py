"""Progress of long work, as lines a person can read and a log can keep."""

import sys
import time
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

# What is left follows so many latest items. A choice.
_RECENT = 16


class Progress(Protocol):
    """Where stages report; the pipeline knows nothing of terminals, records and logs."""

    def start(self, stage: str, total: int) -> None:
        """A stage begins that has ``total`` items."""

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """One item is done.

        ``is_resumed`` says that an earlier run had done it; ``figures`` are what was measured on
        the item, such as ``psnr`` in dB.
        """

    def show(self, name: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """The item under way can be looked at: ``draw`` makes a picture (rows, columns, 3)."""


class SilentProgress:
    """Reports nowhere."""

    def start(self, stage: str, total: int) -> None:
        """Nothing to tell."""

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """Nothing to tell."""

    def show(self, name: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """Nothing is drawn."""


class SharedProgress:
    """Reports to several others, in their order."""

    def __init__(self, *parts: Progress) -> None:
        self._parts = parts

    def start(self, stage: str, total: int) -> None:
        """A stage begins for all."""
        for part in self._parts:
            part.start(stage, total)

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """All are told of the item."""
        for part in self._parts:
            part.advance(message, is_resumed=is_resumed, **figures)

    def show(self, name: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """All may draw."""
        for part in self._parts:
            part.show(name, draw)


class StageClock:
    """Where a stage is, how long its latest item took, and how long the rest will take."""

    def __init__(self, stage: str = "", total: int = 0) -> None:
        self.stage, self.total, self.done = stage, total, 0
        self.spent = 0.0
        self._last = time.monotonic()
        self._worked: deque[float] = deque(maxlen=_RECENT)

    def advance(self, *, is_resumed: bool) -> None:
        """One more item; those of an earlier run say nothing about what is left."""
        now = time.monotonic()
        self.done += 1
        self.spent, self._last = now - self._last, now
        if not is_resumed:
            self._worked.append(self.spent)

    @property
    def left(self) -> float | None:
        """Seconds until the stage ends, or None while no item says how long one takes."""
        if self.done >= self.total:
            return 0.0
        if not self._worked:
            return None
        # The median: the first item of a stage compiles or begins a sequence and takes far longer.
        return median(self._worked) * (self.total - self.done)


class LineProgress(SilentProgress):
    """One line per item with the time it took and the time that is left."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._clock = StageClock()

    def start(self, stage: str, total: int) -> None:
        """Resets the clock for a new stage."""
        self._clock = StageClock(stage, total)

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """Writes ``stage 3/10  2.1 s  (about 15 s left)  message``."""
        clock = self._clock
        clock.advance(is_resumed=is_resumed)
        left = clock.left or 0.0
        ahead = f"  (about {duration_text(left)} left)" if left >= 1 else ""
        line = f"{clock.stage} {clock.done}/{clock.total}  {clock.spent:.1f} s{ahead}  {message}"
        self._stream.write(line.rstrip() + "\n")
        self._stream.flush()


def duration_text(seconds: float) -> str:
    """A time span as people say it: ``95 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
