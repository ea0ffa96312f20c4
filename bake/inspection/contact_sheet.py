"""All cameras of one frame side by side, with their labels, masks' outlines and verdicts."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.inspection.findings import Finding, Verdict, worst
from bake.inspection.small_pictures import Instant, Small

Picture = NDArray[np.uint8]
# Colors (red, green, blue) of verdicts, on the sheet and in the drawing of the rig.
VERDICT_COLORS = {
    Verdict.OK: (38, 140, 70),
    Verdict.NOT_CHECKED: (110, 110, 110),
    Verdict.WARNING: (214, 130, 0),
    Verdict.FAULT: (204, 34, 34),
}
_OUTLINE = (255, 0, 200)
_BEHIND = (236, 236, 236)
SHEET_SIDE = 320
_BAR, _GAP, _EDGE = 42, 6, 6
# Size of text, and the least that is still read.
_TEXT, _LEAST_TEXT = 0.5, 0.32


def contact_sheet(instant: Instant, labels: Sequence[str], findings: Sequence[Finding]) -> Picture:
    """A sheet (rows, columns, 3) with one tile per view, in as square an arrangement as fits."""
    tiles = []
    for view, small in instant.pictures.items():
        mine = [finding for finding in findings if finding.view == view]
        tiles.append(_tile(small, labels[view], mine))
    width = max(tile.shape[1] for tile in tiles) + _GAP
    height = max(tile.shape[0] for tile in tiles) + _GAP
    columns = max(1, round(np.sqrt(len(tiles) * height / width)))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * height + _GAP, columns * width + _GAP, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = _GAP + index // columns * height, _GAP + index % columns * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def write_on(
    picture: Picture, text: str, at: tuple[int, int], color: tuple[int, int, int], size: float = 0.5
) -> None:
    """Put a line of text on a picture, its lower left corner at (x, y)."""
    shown = text.encode("ascii", "replace").decode()
    cv2.putText(picture, shown, at, cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)


def _tile(small: Small, label: str, findings: Sequence[Finding]) -> Picture:
    """One picture on gray with its outline, under a bar with its label and what is wrong."""
    picture = small.rgb.copy()
    if small.mask is not None:
        picture = np.where(small.mask[..., None], picture, np.uint8(_BEHIND[0]))
        found = cv2.findContours(small.mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, found[0], -1, _OUTLINE, 1, cv2.LINE_AA)
    verdict = worst(findings)
    bar = np.full((_BAR, picture.shape[1], 3), VERDICT_COLORS[verdict], np.uint8)
    bad = [finding for finding in findings if finding.verdict is verdict]
    about = (bad[0].cause or bad[0].check) if bad and verdict is not Verdict.OK else ""
    for line, text in enumerate((label, about)):
        shown, size = _fitted(text, picture.shape[1] - 2 * _EDGE)
        write_on(bar, shown, (_EDGE, 17 + 18 * line), (255, 255, 255), size)
    return np.ascontiguousarray(np.vstack([bar, picture]))


def _fitted(text: str, width: int) -> tuple[str, float]:
    """The text and its size for so many pixels: smaller first, and then cut off with dots."""
    size, shown = _TEXT, text
    while shown and _width(shown, size) > width:
        if size > _LEAST_TEXT:
            size -= 0.02
        else:
            text = text[:-1]
            shown = text and f"{text}..."
    return shown, size


def _width(text: str, size: float) -> int:
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0])
