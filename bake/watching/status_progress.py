"""Observers that keep a bake's record, and everybody who watches one bake, put together."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bake.artifacts import make_key
from bake.capture import Capture
from bake.encode_config import EncodeConfig
from bake.pipeline import BakeConfig
from bake.progress import Progress, SharedProgress, SilentProgress, StageClock
from bake.watching.process_mark import this_process
from bake.watching.run_log import LogProgress
from bake.watching.status import FAILED, FINISHED, STOPPED, BakeFacts, BakeStatus, write_status
from render.console import Terminated, warn
from render.devices import DeviceChoice

# A record is written this many seconds after the last at the earliest: stages whose items take
# milliseconds would only write records. A choice.
_LEAST_PAUSE = 1.0


class StatusProgress(SilentProgress):
    """Rewrites the status record of a scene folder as a bake goes on.

    Nothing is written before the first stage begins: until then the folder may be another bake's.

    Raises, from every method:
        OSError: if the disk refuses.
    """

    def __init__(self, root: Path, about: BakeFacts) -> None:
        self._root, self._clock = root, StageClock()
        now = time.time()
        self._status = BakeStatus(about, this_process(), now, now)
        self._written: float | None = None

    @property
    def status(self) -> BakeStatus:
        """The record as it is now."""
        return self._status

    def start(self, stage: str, total: int) -> None:
        """Another stage, written at once."""
        self._clock = StageClock(stage, total)
        self._update(stage=stage, done=0, total=total, left=None, figures={})
        self._write()

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """One item, written unless the last record is very young."""
        self._clock.advance(is_resumed=is_resumed)
        self._update(done=self._clock.done, left=self._clock.left, figures=figures)
        if self._written is None or time.monotonic() - self._written >= _LEAST_PAUSE:
            self._write()

    def end(self, state: str, reason: str = "") -> None:
        """The last record of this run; none where it has never begun."""
        self._update(state=state, reason=reason, left=None)
        if self._written is not None:
            self._write()

    def _update(self, **changes: object) -> None:
        self._status = replace(self._status, updated=time.time(), **changes)  # type: ignore[arg-type]

    def _write(self) -> None:
        write_status(self._root, self._status)
        self._written = time.monotonic()


class Tolerant:
    """Passes on to an observer without which the work goes on: its first failure is told, once.

    A full disk ends a bake when a result does not fit, with a sentence about that result; that the
    record of it did not fit either is no reason to stop. Figures that are no numbers stay out.
    """

    def __init__(self, part: Progress, name: str) -> None:
        self._part, self._name = part, name
        self._has_failed = False

    def start(self, stage: str, total: int) -> None:
        """A stage begins."""
        self._try(lambda: self._part.start(stage, total))

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """One item."""
        known = {name: float(value) for name, value in figures.items() if isfinite(value)}
        self._try(lambda: self._part.advance(message, is_resumed=is_resumed, **known))

    def show(self, name: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """Something to look at."""
        self._try(lambda: self._part.show(name, draw))

    def _try(self, report: Callable[[], None]) -> None:
        try:
            report()
        except OSError as error:
            if not self._has_failed:
                warn(f"{self._name} cannot be written ({error}); the bake goes on without")
            self._has_failed = True


def facts_of(capture: Capture, config: BakeConfig, device: DeviceChoice, call: str) -> BakeFacts:
    """What a record says of a bake that ``call`` has started, and would resume."""
    camera, split = capture.cameras[0], capture.split
    about = (
        f"{capture.name}: {capture.frame_count} frames, {len(split.train)} training and "
        f"{len(split.test)} held-out views of {camera.width}x{camera.height}"
    )
    # What decides the trained values, but for where pictures lie and how they are kept.
    read = replace(config.capture, path="", loader="auto", cache_bytes=0, cache_folder="")
    trained = replace(config, encode=EncodeConfig(), capture=read)
    key = make_key(trained, capture.name, list(capture.frame_indices))
    return BakeFacts(about, call, str(Path.cwd()), str(device), key)


@contextmanager
def recorded(root: Path, about: BakeFacts, *observers: Progress) -> Iterator[Progress]:
    """What a bake into ``root`` reports to: its status record, its log, and the observers.

    However the block ends, the record says so. One that was stopped says how to go on.
    """
    status = StatusProgress(root, about)
    kept = Tolerant(status, "the status"), Tolerant(LogProgress(root, about), "the log")
    state, reason = FINISHED, ""
    try:
        yield SharedProgress(*kept, *observers)
    except KeyboardInterrupt as stop:
        state = STOPPED
        reason = stop.reason if isinstance(stop, Terminated) else "Ctrl-C"
        stop.args = (f"stopped at {status.status.place}; run the same command again to resume",)
        raise
    except BaseException as error:
        state, reason = FAILED, " ".join(f"{error}".split()) or type(error).__name__
        raise
    finally:
        # Without space for it the record stays as it was, and readers see that the process ended.
        with suppress(OSError):
            status.end(state, reason)
