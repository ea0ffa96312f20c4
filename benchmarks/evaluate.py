"""Quality of a package: its real bitstreams, decoded and rendered, against the capture's pictures.

    package -> decode -> field -> views as 8-bit pictures -> metrics <- pictures of the capture

The package says at which scale, on which frames and with which held-out views it was made, so an
evaluation needs no options to repeat that.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bake.capture import Capture, CaptureOptions, View, open_capture
from bake.progress import Progress, SilentProgress
from bake.sequence import BakedSequence
from benchmarks import metrics
from hwcodec import Bitstream, decode_all
from render.cameras import Camera
from render.field import Field, make_field
from render.fragment import render_view
from render.scene import NETWORK_BLOB, BakedScene, FeatureAtlas, unpack_picture
from render.video import to_bytes

Picture8 = NDArray[np.uint8]

# Poses travel in single precision.
_POSE_TOLERANCE = 1e-4


class EvaluationError(ValueError):
    """Package, capture, scene folder and options do not belong together."""


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
    """All scores, frame by frame, and how long one view took to render (seconds, each)."""

    frames: tuple[int, ...]
    views: tuple[int, ...]
    scores: tuple[ViewScore, ...]
    render_s: tuple[float, ...]
    field_s: tuple[float, ...]

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
        """Views per second at the evaluated size, from a field in memory."""
        return len(self.render_s) / sum(self.render_s)

    @property
    def field_fps(self) -> float:
        """Frames per second from an atlas tensor to a field that can be rendered."""
        return len(self.field_s) / sum(self.field_s)


@dataclass(frozen=True, eq=False)
class Subject:
    """What is evaluated against what; ``sequence`` is the bake that the package was encoded from.

    Raises:
        EvaluationError: if they do not belong together.
    """

    scene: BakedScene
    capture: Capture
    sequence: BakedSequence | None = None

    def __post_init__(self) -> None:
        """Find mix-ups before any work is done."""
        _check_capture(self.scene, self.capture)
        if self.sequence is not None:
            _check_sequence(self.scene, self.sequence)

    @cached_property
    def bitstreams(self) -> Mapping[int, Bitstream]:
        """The package's bitstreams by their index, checked.

        Raises:
            HwcodecError: if a file is missing or damaged.
        """
        indices = [group.stream for group in self.scene.record.groups]
        return {index: self.scene.package.bitstream(index) for index in indices}

    def atlases(self, thread_count: int | None) -> Iterator[FeatureAtlas]:
        """Every atlas of the package, decoded in order."""
        groups = self.scene.record.groups
        streams = [self.bitstreams[group.stream] for group in groups]
        for number, picture in decode_all(streams, thread_count=thread_count, borrow=True):
            group = groups[number]
            yield FeatureAtlas(group.first_frame + picture.pts, unpack_picture(group, picture))

    def field_before_encoding(self, frame_index: int) -> Field | None:
        """The field of the texels as they were trained, or None without a bake."""
        if self.sequence is None:
            return None
        group = self.scene.geometry(self.scene.group_of(frame_index))
        texels = self.sequence.texels(frame_index)
        if len(texels) != group.mapping.texel_count:
            raise EvaluationError(
                f"frame {frame_index} of the scene has {len(texels)} texels, the package "
                f"{group.mapping.texel_count}; name the scene that this package was encoded from"
            )
        constants = self.scene.record.constants
        return make_field(
            group.geometry, texels, empty_density=constants.empty_density, step=constants.step
        )


def open_baked_capture(scene: BakedScene, path: str) -> Capture:
    """Open a capture with the scale, frames and background that a package was baked with.

    Raises:
        CaptureError: if the capture cannot be used.
    """
    record = scene.record.capture
    background = scene.record.constants.background
    return open_capture(CaptureOptions(path, record.scale, record.frames, background))


def evaluate(
    subject: Subject, options: EvaluateOptions, progress: Progress | None = None
) -> Evaluation:
    """Decode every frame, render the chosen views of the chosen frames, and compare.

    Raises:
        EvaluationError: if the options choose nothing that exists.
        HwcodecError: if the package is damaged.
        CaptureError: if a picture of the capture cannot be read.
    """
    views = _chosen_views(subject, options)
    frames = tuple(range(0, subject.scene.frame_count, options.every))
    report = progress or SilentProgress()
    report.start("evaluate", len(frames))
    scorer = _Scorer(subject)
    for atlas in subject.atlases(options.thread_count):
        if atlas.frame_index in frames:
            report.advance(scorer.add(atlas, views))
    if not scorer.scores:
        raise EvaluationError(
            f"none of the views {list(views)} exists in the evaluated frames {list(frames)}; "
            "choose other views, or evaluate every frame"
        )
    return Evaluation(
        frames, views, tuple(scorer.scores), tuple(scorer.render_s), tuple(scorer.field_s)
    )


class _Scorer:
    """Scores frame after frame; remembers the frame before, for the temporal metric."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._before: dict[int, tuple[int, Picture8, Picture8]] = {}
        self.scores: list[ViewScore] = []
        self.render_s: list[float] = []
        self.field_s: list[float] = []

    def add(self, atlas: FeatureAtlas, views: tuple[int, ...]) -> str:
        """Score a frame; a word on its quality for the progress line."""
        capture, index = self._subject.capture, atlas.frame_index
        fields = self._fields(atlas)
        present = {*capture.train_views(index), *capture.test_views(index)}
        scored = [
            self._score(fields, (index, view), capture.view(index, view))
            for view in views
            if view in present
        ]
        self.scores += scored
        if not scored:
            return f"frame {index}: none of the views exists"
        return f"frame {index}: {metrics.mean(score.psnr for score in scored):.2f} dB"

    def _fields(self, atlas: FeatureAtlas) -> tuple[Field, Field | None]:
        """The decoded field and the one before encoding."""
        self._subject.scene.geometry(self._subject.scene.group_of(atlas.frame_index))
        began = time.perf_counter()
        decoded = self._subject.scene.field(atlas)
        self.field_s.append(time.perf_counter() - began)
        return decoded, self._subject.field_before_encoding(atlas.frame_index)

    def _score(
        self, fields: tuple[Field, Field | None], where: tuple[int, int], truth: View
    ) -> ViewScore:
        (decoded, baked), (frame_index, view_index) = fields, where
        camera = self._subject.capture.cameras[view_index]
        if not self.render_s:
            self._render(decoded, camera)  # Compiles; not counted.
        began = time.perf_counter()
        image = to_bytes(self._render(decoded, camera))
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
            else metrics.psnr(to_bytes(self._render(baked, camera)), truth.rgb),
        )

    def _render(self, decoded: Field, camera: Camera) -> Tensor:
        return render_view(decoded, self._subject.scene.appearance, camera).rgb


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


def _check_capture(scene: BakedScene, capture: Capture) -> None:
    """The capture's cameras must be those that the package was baked from."""
    if capture.frame_count != scene.frame_count:
        raise EvaluationError(
            f"capture {capture.name!r} has {capture.frame_count} frames for the selection "
            f"{scene.record.capture.frames!r}, the package has {scene.frame_count}; name the "
            f"capture that was baked, {scene.record.capture.name!r}"
        )
    same = len(scene.cameras) == len(capture.cameras) and all(
        map(_same_camera, scene.cameras, capture.cameras)
    )
    if not same:
        raise EvaluationError(
            f"the {len(capture.cameras)} cameras of capture {capture.name!r} are not the "
            f"{len(scene.cameras)} that the package was baked from; name the capture that was "
            f"baked, {scene.record.capture.name!r}"
        )


def _same_camera(ours: Camera, theirs: Camera) -> bool:
    """Whether two cameras see the same but for the rounding of a file."""
    if (ours.width, ours.height) != (theirs.width, theirs.height):
        return False
    lenses = [
        (camera.focal_x, camera.focal_y, camera.center_x, camera.center_y)
        for camera in (ours, theirs)
    ]
    poses = [camera.world_to_camera for camera in (ours, theirs)]
    return all(
        np.allclose(mine, other, _POSE_TOLERANCE, _POSE_TOLERANCE)
        for mine, other in (lenses, poses)
    )


def _check_sequence(scene: BakedScene, sequence: BakedSequence) -> None:
    """The bake must be the one that the package was encoded from."""
    is_same = sequence.frame_count == scene.frame_count and sequence.grid == scene.record.grid
    if not is_same or sequence.network_bytes() != scene.package.blob(NETWORK_BLOB):
        raise EvaluationError(
            f"the bake in {Path(sequence.root).name} has {sequence.frame_count} frames on a grid "
            f"of {sequence.grid.shape}, the package {scene.frame_count} on "
            f"{scene.record.grid.shape}, or their networks differ; name the scene that this "
            "package was encoded from"
        )
