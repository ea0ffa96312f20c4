"""Pictures that show quality at a glance: the truth, the render, and what is between them."""

from collections.abc import Sequence

import cv2
import numpy as np

from bake.capture import Capture
from benchmarks.metrics import psnr
from render.scene import BakedScene
from render.video import Picture8, to_bytes

ERROR_GAIN = 8

# Panels smaller than this are enlarged by a whole factor, so that labels stay readable.
_LEAST_SIDE = 256
_LABEL_ROWS, _GAP = 22, 4
_INK, _PAPER = (40, 40, 40), 255


def make_poster(
    scene: BakedScene, capture: Capture, moments: Sequence[tuple[int, int]]
) -> Picture8:
    """One row of truth, render and error times ``ERROR_GAIN`` per (frame, view); uint8 RGB.

    Raises:
        CaptureError: if the capture lacks one of the moments.
        SceneError: if the package does.
    """
    rows = [_row(scene, capture, frame, view) for frame, view in moments]
    width = max(row.shape[1] for row in rows)
    poster: Picture8 = np.concatenate([_padded(row, width) for row in rows])
    return poster


def error_picture(image: Picture8, truth: Picture8) -> Picture8:
    """Absolute difference times ``ERROR_GAIN``, white where there is none."""
    difference = np.abs(image.astype(np.int32) - truth.astype(np.int32)) * ERROR_GAIN
    inverted: Picture8 = (255 - np.minimum(difference, 255)).astype(np.uint8)
    return inverted


def _row(scene: BakedScene, capture: Capture, frame: int, view: int) -> Picture8:
    truth = capture.view(frame, view).rgb
    image = to_bytes(scene.render(frame, capture.cameras[view]).rgb)
    panels = {
        f"capture: frame {frame}, view {view}": truth,
        f"render: {psnr(image, truth):.1f} dB": image,
        f"error x{ERROR_GAIN}": error_picture(image, truth),
    }
    labeled = [_labeled(panel, text) for text, panel in panels.items()]
    gap = np.full((labeled[0].shape[0], _GAP, 3), _PAPER, np.uint8)
    return np.concatenate([labeled[0], gap, labeled[1], gap, labeled[2]], axis=1)


def _labeled(panel: Picture8, text: str) -> Picture8:
    """The panel, enlarged if small, under a line of text."""
    factor = max(1, -(-_LEAST_SIDE // min(panel.shape[:2])))
    large = panel.repeat(factor, axis=0).repeat(factor, axis=1)
    strip = np.full((_LABEL_ROWS, large.shape[1], 3), _PAPER, np.uint8)
    place = (4, _LABEL_ROWS - 7)
    cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return np.concatenate([strip, large])


def _padded(row: Picture8, width: int) -> Picture8:
    missing = width - row.shape[1]
    return np.pad(row, ((0, 0), (0, missing), (0, 0)), constant_values=_PAPER)
