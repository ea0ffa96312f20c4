"""Curves and pictures of a bake for TensorBoard, in SCENE/tensorboard/.

Nothing of TensorBoard is needed to write them; to look at them, install it anywhere and run
``tensorboard --logdir SCENE``.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.errors import BakeError
from bake.event_file import EventFile
from bake.progress import SilentProgress, StageClock
from render.console import warn

EVENT_FOLDER = "tensorboard"


class TensorBoardProgress(SilentProgress):
    """Writes every figure as a curve over frames, and a picture every so many of them.

    Items that an earlier run had done are in that run's file. The file is made when the first
    stage begins.

    Raises, from every method:
        OSError: if the disk refuses.
    """

    def __init__(self, root: Path, picture_every: int) -> None:
        self._folder, self._every = root / EVENT_FOLDER, picture_every
        self._clock = StageClock()
        self._file: EventFile | None = None

    def start(self, stage: str, total: int) -> None:
        """Curves of a stage are named ``STAGE/FIGURE``."""
        self._clock = StageClock(stage, total)
        self._file = self._file or EventFile(self._folder)

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        """A point per figure, and one for the seconds that the item took."""
        self._clock.advance(is_resumed=is_resumed)
        if is_resumed or self._file is None:
            return
        for name, value in {**figures, "seconds": self._clock.spent}.items():
            self._file.scalar(f"{self._clock.stage}/{name}", self._clock.done - 1, value)

    def show(self, name: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """The picture of every so many items; one that cannot be drawn is told of."""
        step = self._clock.done
        if not self._every or step % self._every or self._file is None:
            return
        try:
            picture = draw()
        except BakeError as error:
            warn(f"no picture of {self._clock.stage} {step}: {error}")
            return
        done, png = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
        if done:
            size = picture.shape[1], picture.shape[0]
            self._file.picture(f"{self._clock.stage}/{name}", step, png.tobytes(), size)
