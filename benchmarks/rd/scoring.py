"""Held-out pictures against the capture's: qualities of a point, frame by frame and overall."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.capture import Capture, View
from benchmarks import metrics
from benchmarks.rd.method import Frame
from benchmarks.rd.point import FrameScore
from benchmarks.results import Quality
from render.video import to_bytes

Picture8 = NDArray[np.uint8]
# Side of a cut-out as a share of the shorter side of the picture.
_CROP_SHARE = 0.45
_CROP_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Scores:
    """The overall quality and that of each frame."""

    quality: Quality
    per_frame: tuple[FrameScore, ...]

    def to_json(self) -> dict[str, Any]:
        """The overall quality as plain values."""
        return asdict(self.quality)


def score(capture: Capture, views: Sequence[int], pictures: NDArray[np.uint8]) -> Scores:
    """Scores of pictures (frames, views, rows, columns, 3) where the capture has a held-out view.

    Raises:
        ValueError: if there are not as many pictures as frames and views.
    """
    if pictures.shape[:2] != (capture.frame_count, len(views)):
        raise ValueError(
            f"pictures are {pictures.shape}, expected {capture.frame_count} frames of "
            f"{len(views)} views; the decoder lost some"
        )
    truths: list[dict[int, View]] = []
    for index in range(capture.frame_count):
        present = [view for view in capture.test_views(index) if view in views]
        truths.append({view: capture.view(index, view) for view in present})
    rows = {view: row for row, view in enumerate(views)}
    per_frame = [
        _frame_score(index, [(pictures[index, rows[view]], truth) for view, truth in found.items()])
        for index, found in enumerate(truths)
    ]
    temporal = [
        metrics.temporal_psnr(
            [pictures[i, rows[view]] for i in range(len(truths))],
            [found[view].rgb for found in truths],
        )
        for view in views
        if len(truths) > 1 and all(view in found for found in truths)
    ]
    return Scores(_overall(per_frame, truths, temporal), tuple(per_frame))


def score_frames(capture: Capture, frames: Iterator[Frame]) -> Scores:
    """Scores of frames rendered here, for what was never coded."""
    views = tuple(capture.split.test)
    cameras = [capture.cameras[view] for view in views]
    pictures = [np.stack([to_bytes(frame.rgb(camera)) for camera in cameras]) for frame in frames]
    return score(capture, views, np.stack(pictures))


def crop_of(capture: Capture, view_index: int, picture: Picture8) -> bytes:
    """A square around the upper part of the subject in the middle frame, as a WebP file."""
    truth = capture.view(capture.frame_count // 2, view_index)
    rows, columns = picture.shape[:2]
    side = round(min(rows, columns) * _CROP_SHARE)
    top, left = (rows - side) // 2, (columns - side) // 2
    if truth.alpha is not None and truth.alpha.any():
        seen = np.argwhere(truth.alpha > 0)
        top = min(int(seen[:, 0].min()), rows - side)
        middle = int(np.median(seen[seen[:, 0] < top + side, 1]))
        left = min(max(middle - side // 2, 0), columns - side)
    cut = picture[top : top + side, left : left + side, ::-1]
    done, data = cv2.imencode(".webp", cut, [cv2.IMWRITE_WEBP_QUALITY, _CROP_QUALITY])
    if not done:
        raise ValueError(f"a crop of {cut.shape} cannot be written as WebP")
    return data.tobytes()


def truth_crop(capture: Capture, view_index: int) -> bytes:
    """The same cut-out of the captured picture."""
    truth = capture.view(capture.frame_count // 2, view_index)
    return crop_of(capture, view_index, truth.rgb)


def _frame_score(index: int, pairs: Sequence[tuple[Picture8, View]]) -> FrameScore:
    foreground = [
        metrics.psnr_foreground(picture, truth.rgb, truth.alpha)
        for picture, truth in pairs
        if truth.alpha is not None and (truth.alpha > 255 * metrics.FOREGROUND_ALPHA).any()
    ]
    return FrameScore(
        index,
        metrics.mean(metrics.psnr(picture, truth.rgb) for picture, truth in pairs),
        metrics.mean(metrics.ssim(picture, truth.rgb) for picture, truth in pairs),
        metrics.mean(foreground) if foreground else None,
    )


def _overall(
    per_frame: Sequence[FrameScore], truths: Sequence[dict[int, View]], temporal: Sequence[float]
) -> Quality:
    """Means over all pictures; frames count by how many views they have."""
    weights = [len(found) for found in truths]

    def average(values: Sequence[float]) -> float:
        return float(np.average(values, weights=weights))

    foreground = [s.psnr_foreground_db for s in per_frame if s.psnr_foreground_db is not None]
    return Quality(
        sum(weights),
        average([s.psnr_db for s in per_frame]),
        average([s.ssim for s in per_frame]),
        metrics.mean(foreground) if foreground else None,
        metrics.mean(temporal) if temporal else None,
    )
