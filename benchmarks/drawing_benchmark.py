"""OpenGL against the compiled march: the same views of the same frames, in turns, in one run.

Times hold everything between a prepared frame and float32 color, opacity and depth in memory.
Agreement is over the colors of all views of all frames, background included.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from render.cameras import Camera
from render.drawing import Renderer
from render.fragment import ShadedImage
from render.scene import BakedScene

# Colors that differ by more than this may show as another byte on a screen.
VISIBLE = 1 / 255


@dataclass(frozen=True, slots=True)
class DrawingPlan:
    """What is measured.

    Attributes:
        view_count: cameras, evenly spread over the capture's.
        frame_count: frames, evenly spread over the scene, its first and last included.
        size: pixels along the wider side of a view.
        repeats: how often each view is drawn and timed by each renderer.
    """

    view_count: int = 16
    frame_count: int = 3
    size: int = 256
    repeats: int = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the colors of two renderers are apart, in [0, 1] each."""

    values: int
    mean: float
    largest: float
    visible: int

    @classmethod
    def of(cls, differences: Sequence[NDArray[np.float32]]) -> "Agreement":
        """The figures of absolute differences, any number of pictures of any size."""
        values = sum(part.size for part in differences)
        total = sum(float(part.sum(dtype=np.float64)) for part in differences)
        return cls(
            values,
            total / values,
            max(float(part.max()) for part in differences),
            sum(int((part > VISIBLE).sum()) for part in differences),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a result file."""
        return {
            "values": self.values,
            "mean_difference": self.mean,
            "largest_difference": self.largest,
            "visible_values": self.visible,
            "visible_share": self.visible / self.values,
        }


@dataclass(frozen=True, slots=True)
class DrawingReport:
    """Seconds per view of both renderers, measured in turns, and how well they agree.

    ``first_view_s`` is the measured renderer's first view of each frame, uploading its picture
    included; the others do not count it.
    """

    frames: tuple[int, ...]
    views: tuple[int, ...]
    view_size: tuple[int, int]
    ours_s: tuple[float, ...]
    march_s: tuple[float, ...]
    first_view_s: tuple[float, ...]
    agreement: Agreement

    @property
    def ratio(self) -> float:
        """How many times faster than the march: the median of the turns' ratios."""
        pairs = zip(self.march_s, self.ours_s, strict=True)
        return median(march / ours for march, ours in pairs)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a result file."""
        return {
            "frames": list(self.frames),
            "views": list(self.views),
            "view_size": list(self.view_size),
            "ms_per_view": 1e3 * median(self.ours_s),
            "march_ms_per_view": 1e3 * median(self.march_s),
            "first_view_ms": 1e3 * median(self.first_view_s),
            "ratio": self.ratio,
            **self.agreement.to_json(),
            "view_s": list(self.ours_s),
            "march_view_s": list(self.march_s),
        }


def run_drawing_benchmark(
    scene: BakedScene, ours: Renderer, march: Renderer, plan: DrawingPlan
) -> DrawingReport:
    """Draw every view of every frame with both, after one warm-up of each.

    Raises:
        BitstreamError: if a stream is damaged.
    """
    views = spread(len(scene.cameras), plan.view_count)
    frames = spread(scene.frame_count, plan.frame_count)
    cameras = [_sized(scene.cameras[view], plan.size) for view in views]
    differences: list[NDArray[np.float32]] = []
    seconds: tuple[list[float], list[float], list[float]] = ([], [], [])
    for frame in frames:
        atlas = scene.atlas(frame)
        contents = ours.prepare(atlas), march.prepare(atlas)
        if not differences:
            ours.draw(contents[0], cameras[0])
            march.draw(contents[1], cameras[0])
            contents = ours.prepare(atlas), contents[1]
        seconds[2].append(_timed(ours, contents[0], cameras[0])[0])
        for camera in cameras:
            for repeat in range(plan.repeats):
                ours_s, mine = _timed(ours, contents[0], camera)
                march_s, theirs = _timed(march, contents[1], camera)
                seconds[0].append(ours_s)
                seconds[1].append(march_s)
                if not repeat:
                    differences.append(np.abs(mine.rgb.numpy() - theirs.rgb.numpy()))
    size = (cameras[0].width, cameras[0].height)
    ours_all, march_all, first_all = map(tuple, seconds)
    agreement = Agreement.of(differences)
    return DrawingReport(frames, views, size, ours_all, march_all, first_all, agreement)


def _timed(renderer: Renderer, content: Any, camera: Camera) -> tuple[float, ShadedImage]:  # noqa: ANN401
    began = time.perf_counter()
    image = renderer.draw(content, camera)
    return time.perf_counter() - began, image


def spread(count: int, wanted: int) -> tuple[int, ...]:
    """Up to ``wanted`` indices of ``count``, evenly spread, first and last included."""
    if wanted >= count:
        return tuple(range(count))
    return tuple(round(i * (count - 1) / max(wanted - 1, 1)) for i in range(wanted))


def _sized(camera: Camera, size: int) -> Camera:
    return camera.scaled(size / max(camera.width, camera.height))
