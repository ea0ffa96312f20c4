"""Curves and pictures of a bake for TensorBoard, in SCENE/tensorboard/: its only import.

``tensorboard --logdir SCENE`` shows them.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bake.errors import BakeError, ExtraMissingError
from bake.progress import SilentProgress, StageClock
from render.console import warn

EVENT_FOLDER = "tensorboard"


class TensorBoardProgress(SilentProgress):
    """Writes every figure as a curve over frames, and a picture every so many of them.

    Items that an earlier run had done are in that run's file. The file is made when the first
    stage begins, and flushed with every item.

    Raises:
        ExtraMissingError: at once, if TensorBoard is not installed.
        OSError: from every other method, if the disk refuses.
    """

    def __init__(self, root: Path, picture_every: int) -> None:
        self._folder, self._every = root / EVENT_FOLDER, picture_every
        self._clock = StageClock()
        self._writer: Any = None
        if find_spec("tensorboard") is None:
            raise ExtraMissingError(
                "log is 'tensorboard', which is not installed, expected its package; install the "
                "extra videorf[tensorboard], or leave log out: log.jsonl has the same curves"
            )

    def start(self, stage: str, total: int) -> None:
        """Curves of a stage are named ``STAGE/FIGURE``."""
        self._clock = StageClock(stage, total)
        self._writer = self._writer or _open(self._folder)

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """A point per figure, and one for the seconds that the item took."""
        self._clock.advance(is_resumed=is_resumed)
        if is_resumed or self._writer is None:
            return
        for name, value in {**figures, "seconds": self._clock.spent}.items():
            self._writer.add_scalar(f"{self._clock.stage}/{name}", value, self._clock.done - 1)
        self._writer.flush()

    def show(self, name: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """The picture of every so many items; one that cannot be drawn is told of."""
        step = self._clock.done
        if not self._every or step % self._every or self._writer is None:
            return
        try:
            picture = draw()
        except BakeError as error:
            warn(f"no picture of {self._clock.stage} {step}: {error}")
            return
        self._writer.add_image(f"{self._clock.stage}/{name}", picture, step, dataformats="HWC")


def _open(folder: Path) -> Any:  # noqa: ANN401 -- a library's own
    """A file of events in the folder; other libraries that it would load stay out of the way."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
