"""Whether a camera's content comes earlier or later than the others': a hint from what moves.

How much changes from picture to picture rises and falls for all cameras at the same frames, as they
see the same motion. A camera whose rises fit those of the others best some frames away is late.

Limits: even motion, or none, tells nothing, and then that is said; flicker of lamps and the
exposure of one camera mislead; parts of a frame are not seen.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.rhythm import fits_by_shift, standardized
from bake.errors import CaptureError
from bake.preparation.recordings import Recording
from hwcodec import HwcodecError

Energy = NDArray[np.float64]
"""Logarithm of the mean change between pictures, by frame after the first."""

# Pictures looked at, from the first frame on: ten seconds at 30 per second. A choice.
_MOST_FRAMES = 300
# Side to which pictures are shrunk; motion is coarser, and noise is averaged away.
_SIDE = 160
# Frames that a camera may be late or early, and that have to be left to compare.
_MOST_SHIFT, _LEAST_FRAMES = 5, 12
LEAST_PICTURES, LEAST_CAMERAS = 1 + _LEAST_FRAMES + 2 * _MOST_SHIFT, 3
"""Without so many nothing can be told."""
# Correlation that the best fit must have, and by how much it must lead over no shift, and over all
# but its neighbors, which slow motion fits nearly as well. Guessed; all hints on the captures tried
# were right with them.
_LEAST_FIT, _LEAST_LEAD = 0.6, 0.15
# Change that is noise: codes, and multiples of the median's; and what is added before the logarithm
# so that a still scene is even. Guessed.
_STILL_CODES, _STILL_SHARE, _STILL = 1.0, 4.0, 0.02


class Hint(NamedTuple):
    """Frames that a camera seems late by; unless ``is_sure``, its motion does not tell."""

    frames: int
    is_sure: bool


def offset_hints(
    recordings: Mapping[str, Recording], picks: Mapping[str, Sequence[int]]
) -> dict[str, Hint]:
    """How late every camera seems, in frames as ``--offset`` takes them; empty: nothing is told.

    Raises:
        CaptureError: if a picture cannot be decoded.
    """
    energies = {label: _energy(recordings[label], picks[label]) for label in recordings}
    return hints_of(energies)


def hints_of(energies: Mapping[str, Energy]) -> dict[str, Hint]:
    """How late each series of changes is against the median of the others; empty for too few."""
    count = min((len(energy) for energy in energies.values()), default=0)
    if count < LEAST_PICTURES - 1 or len(energies) < LEAST_CAMERAS:
        return {}
    scaled = {label: standardized(energy[:count]) for label, energy in energies.items()}
    hints = {}
    for label, own in scaled.items():
        others = np.median([each for name, each in scaled.items() if name != label], axis=0)
        hints[label] = _hint(own, others)
    return hints


def _energy(recording: Recording, picks: Sequence[int]) -> Energy:
    energy = []
    before: NDArray[np.float32] | None = None
    try:
        for pick in picks[:_MOST_FRAMES]:
            gray = cv2.cvtColor(recording.movie.read(pick), cv2.COLOR_RGB2GRAY)
            scale = min(1.0, _SIDE / max(gray.shape))
            small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            now = np.asarray(small, np.float32)
            if before is not None:
                energy.append(_change(now, before))
            before = now
    except HwcodecError as error:
        raise CaptureError(f"camera {recording.label}: {error}") from error
    return np.log(np.array(energy) + _STILL)


def _change(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """Mean change of what moves; what half of the picture does is noise.

    Encoders make pictures of different quality in turn, at the same frames in every camera, which
    would fit best without any shift.
    """
    change = np.abs(now - before)
    noise = _STILL_CODES + _STILL_SHARE * float(np.median(change))
    return float((change - noise).clip(0).mean())


def _hint(own: Energy, others: Energy) -> Hint:
    fits = fits_by_shift(own, others, _MOST_SHIFT)
    best = int(np.argmax(fits))
    away = np.abs(np.arange(len(fits)) - best) > 1
    away[_MOST_SHIFT] = best != _MOST_SHIFT
    is_sure = fits[best] >= _LEAST_FIT and fits[best] - fits[away].max() >= _LEAST_LEAD
    return Hint(best - _MOST_SHIFT, bool(is_sure))
