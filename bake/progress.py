"""Progress of long work, as lines a person can read and a log can keep."""

import sys
import time
from typing import Protocol, TextIO


class Progress(Protocol):
    """Where stages report; the pipeline knows nothing of terminals."""

    def start(self, stage: str, total: int) -> None:
        """A stage begins that has ``total`` items."""

    def advance(self, message: str = "") -> None:
        """One item is done."""


class SilentProgress:
    """Reports nowhere."""

    def start(self, stage: str, total: int) -> None:
        """Nothing to tell."""

    def advance(self, message: str = "") -> None:
        """Nothing to tell."""


class LineProgress:
    """One line per item with the time it took and the time that is left."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._stage, self._total, self._done = "", 0, 0
        self._began = self._last = time.monotonic()

    def start(self, stage: str, total: int) -> None:
        """Resets the clock for a new stage."""
        self._stage, self._total, self._done = stage, total, 0
        self._began = self._last = time.monotonic()

    def advance(self, message: str = "") -> None:
        """Writes ``stage 3/10  2.1 s  (about 15 s left)  message``."""
        self._done += 1
        now = time.monotonic()
        spent, self._last = now - self._last, now
        left = (now - self._began) / self._done * (self._total - self._done)
        ahead = f"  (about {left:.0f} s left)" if left >= 1 else ""
        line = f"{self._stage} {self._done}/{self._total}  {spent:.1f} s{ahead}  {message}"
        self._stream.write(line.rstrip() + "\n")
        self._stream.flush()
