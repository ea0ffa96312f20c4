"""Quality of a package: its real bitstreams, decoded and rendered, against the capture's pictures.

    package -> decode -> field -> views as 8-bit pictures -> metrics <- pictures of the capture

The package says at which scale, on which frames and with which held-out views it was made, so an
evaluation needs no options to repeat that.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bake.capture import View
from bake.progress import Progress, SilentProgress
from benchmarks import metrics
from benchmarks.subject import EvaluationError, Subject
from render.cameras import Camera
from render.drawing import MARCH_ON_CPU, Renderer, RendererChoice, SceneMarch
from render.field import Field
from render.fragment import render_view
from render.scene import FeatureAtlas
from render.video import to_bytes

Picture8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What to look at; the defaults are everything that was held out.

    ``every`` takes each n-th frame only, ``views`` replaces the held-out views, and
    ``thread_count`` is the decoder's (None: its choice).

    Raises:
        EvaluationError: if ``every`` is not positive.
    """

    every: int = 1
    views: tuple[int, ...] | None = None
    thread_count: int | None = None

    def __post_init__(self) -> None:
        """Refuse steps that would select nothing."""
        if self.every < 1:
            raise EvaluationError(f"every is {self.every}, expected 1 (all frames) or more")


@dataclass(frozen=True, slots=True)
class ViewScore:
    """One view of one frame, in dB where the metric is in dB.

    ``psnr_foreground`` is None without a mask or a foreground, ``temporal_psnr`` without the frame
    before, ``psnr_bake`` (the same view before encoding) without the scene folder.
    """

    frame_index: int
    view_index: int
    psnr: float
    ssim: float
    psnr_foreground: float | None
    temporal_psnr: float | None
    psnr_bake: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All scores, frame by frame, how long one view took to render (seconds, each), and by what."""

    frames: tuple[int, ...]
    views: tuple[int, ...]
    scores: tuple[ViewScore, ...]
    render_s: tuple[float, ...]
    field_s: tuple[float, ...]
    drawn_by: RendererChoice = MARCH_ON_CPU

    def average(self, name: str, **where: int) -> float | None:
        """Mean of a metric over the scores that have it and match, or None if none does."""
        values = [
            value
            for score in self.scores
            if all(getattr(score, key) == wanted for key, wanted in where.items())
            and (value := getattr(score, name)) is not None
        ]
        return metrics.mean(values) if values else None

    @property
    def render_fps(self) -> float:
        """Views per second at the evaluated size, from a prepared frame."""
        return len(self.render_s) / sum(self.render_s)

    @property
    def field_fps(self) -> float:
        """Frames per second from an atlas tensor to what the renderer draws from."""
        return len(self.field_s) / sum(self.field_s)


def evaluate(
    subject: Subject,
    options: EvaluateOptions,
    progress: Progress | None = None,
    renderer: Renderer | None = None,
) -> Evaluation:
    """Decode every frame, render the chosen views of the chosen frames, and compare.

    The march on the CPU draws unless another renderer is given; texels before encoding are always
    drawn by it.

    Raises:
        EvaluationError: if the options choose nothing that exists.
        HwcodecError: if the package is damaged.
        CaptureError: if a picture of the capture cannot be read.
    """
    views = _chosen_views(subject, options)
    frames = tuple(range(0, subject.scene.frame_count, options.every))
    report = progress or SilentProgress()
    report.start("evaluate", len(frames))
    drawn = renderer or SceneMarch(subject.scene)
    scorer = _Scorer(subject, drawn)
    for atlas in subject.atlases(options.thread_count):
        if atlas.frame_index in frames:
            report.advance(scorer.add(atlas, views))
    if not scorer.scores:
        raise EvaluationError(
            f"none of the views {list(views)} exists in the evaluated frames {list(frames)}; "
            "choose other views, or evaluate every frame"
        )
    return Evaluation(
        frames,
        views,
        tuple(scorer.scores),
        tuple(scorer.render_s),
        tuple(scorer.field_s),
        drawn.describe(),
    )


class _Scorer:
    """Scores frame after frame; remembers the frame before, for the temporal metric."""

    def __init__(self, subject: Subject, renderer: Renderer) -> None:
        self._subject, self._renderer = subject, renderer
        self._before: dict[int, tuple[int, Picture8, Picture8]] = {}
        self.scores: list[ViewScore] = []
        self.render_s: list[float] = []
        self.field_s: list[float] = []

    def add(self, atlas: FeatureAtlas, views: tuple[int, ...]) -> str:
        """Score a frame; a word on its quality for the progress line."""
        capture, index = self._subject.capture, atlas.frame_index
        contents = self._contents(atlas)
        present = {*capture.train_views(index), *capture.test_views(index)}
        scored = [
            self._score(contents, (index, view), capture.view(index, view))
            for view in views
            if view in present
        ]
        self.scores += scored
        if not scored:
            return f"frame {index}: none of the views exists"
        return f"frame {index}: {metrics.mean(score.psnr for score in scored):.2f} dB"

    def _contents(self, atlas: FeatureAtlas) -> tuple[Any, Field | None]:
        """The decoded frame as the renderer wants it, and the field before encoding."""
        self._subject.scene.geometry(self._subject.scene.group_of(atlas.frame_index))
        began = time.perf_counter()
        decoded = self._renderer.prepare(atlas)
        self.field_s.append(time.perf_counter() - began)
        return decoded, self._subject.field_before_encoding(atlas.frame_index)

    def _score(
        self, contents: tuple[Any, Field | None], where: tuple[int, int], truth: View
    ) -> ViewScore:
        (decoded, baked), (frame_index, view_index) = contents, where
        camera = self._subject.capture.cameras[view_index]
        if not self.render_s:
            self._renderer.draw(decoded, camera)  # Compiles; not counted.
        began = time.perf_counter()
        image = to_bytes(self._renderer.draw(decoded, camera).rgb)
        self.render_s.append(time.perf_counter() - began)
        before = self._before.get(view_index)
        self._before[view_index] = frame_index, image, truth.rgb
        return ViewScore(
            frame_index=frame_index,
            view_index=view_index,
            psnr=metrics.psnr(image, truth.rgb),
            ssim=metrics.ssim(image, truth.rgb),
            psnr_foreground=_foreground(image, truth),
            temporal_psnr=_temporal(before, self._before[view_index]),
            psnr_bake=None
            if baked is None
            else metrics.psnr(to_bytes(self._march(baked, camera)), truth.rgb),
        )

    def _march(self, field: Field, camera: Camera) -> Tensor:
        return render_view(field, self._subject.scene.appearance, camera).rgb


def _foreground(image: Picture8, truth: View) -> float | None:
    if truth.alpha is None or not (truth.alpha > 255 * metrics.FOREGROUND_ALPHA).any():
        return None
    return metrics.psnr_foreground(image, truth.rgb, truth.alpha)


def _temporal(
    before: tuple[int, Picture8, Picture8] | None, now: tuple[int, Picture8, Picture8]
) -> float | None:
    """Only neighboring frames say anything about flicker."""
    if before is None or now[0] - before[0] != 1:
        return None
    return metrics.temporal_psnr((before[1], now[1]), (before[2], now[2]))


def _chosen_views(subject: Subject, options: EvaluateOptions) -> tuple[int, ...]:
    views = subject.scene.record.capture.test_views if options.views is None else options.views
    count = len(subject.capture.cameras)
    if not views or not all(0 <= view < count for view in views):
        raise EvaluationError(
            f"views to evaluate are {list(views)}, expected some of 0..{count - 1}; the package "
            f"holds out {list(subject.scene.record.capture.test_views)}"
        )
    return views
