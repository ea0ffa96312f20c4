"""Which matches of two pictures can be trusted, told from the pictures alone.

Between cameras that stand far apart most matches are wrong, and lie anywhere. Those that are right
agree with one geometry of the two pictures, whatever their cameras are said to be. It is sought by
random samples, and believed if chance would hardly let as many matches agree (a contrario, Moisan
and Stival 2004): it then measures how many matches the stated cameras should explain.
"""

from dataclasses import dataclass
from math import comb, log10

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.inspection.features import Array, Matches, line_distances

# Matches that fix a geometry, and geometries that they leave (Hartley and Zisserman, 11.1.2).
_SAMPLE, _SOLUTIONS = 7, 3
_LEAST = _SAMPLE + 1
# Samples are drawn until one is free of wrong matches this surely, or that many are drawn.
_SURENESS, _SAMPLES = 0.9999, 5000
# Geometries that may pass by chance, per pair of pictures whose matches are all wrong. A choice.
_FALSE_ALARMS = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Matching points of two views that agree on a geometry in a number that chance has not.

    Attributes:
        matches: of the two views, without repetitions.
        here: points (matches, 2) in the first view, in pixels.
        there: the same points in the second.
        agrees: which matches agree with the geometry of the pictures.
    """

    matches: Matches
    here: Array
    there: Array
    agrees: NDArray[np.bool_]

    @property
    def views(self) -> tuple[int, int]:
        """The two views."""
        return self.matches.views

    @property
    def trusted(self) -> Matches:
        """The matches that agree."""
        return _chosen(self.matches, self.agrees)

    @property
    def count(self) -> int:
        """Matches that can be trusted."""
        return int(np.count_nonzero(self.agrees))

    @property
    def expected(self) -> int:
        """Matches that right cameras explain: those that fixed the geometry fit it in any case."""
        return self.count - _SAMPLE


def trusted(matches: Matches, points: tuple[Array, Array], tolerance: float) -> Pair | None:
    """The matches if some can be trusted; None where they might as well all be wrong.

    ``points`` (matches, 2) are where they lie in each picture, in pixels.
    ``tolerance`` is the distance from its epipolar line, in pixels, at which a match still fits.
    """
    # A corner that is found in several directions is still one point.
    _, kept = np.unique(np.hstack(points).round(1), axis=0, return_index=True)
    here, there = points[0][kept], points[1][kept]
    if len(kept) < _LEAST:
        return None
    fundamental, _ = cv2.findFundamentalMat(
        here, there, cv2.FM_RANSAC, tolerance, _SURENESS, _SAMPLES
    )
    if fundamental is None or len(fundamental) != 3:
        return None
    agrees = line_distances(here, there, np.asarray(fundamental)) < tolerance
    chance = _chance(here, there, np.asarray(fundamental), tolerance)
    if not _is_significant(len(kept), int(np.count_nonzero(agrees)), chance):
        return None
    return Pair(_chosen(matches, kept), here, there, agrees)


def _chance(here: Array, there: Array, fundamental: Array, tolerance: float) -> float:
    """How often a point of one picture fits another's partner: what wrong matches do."""
    count = len(here)
    one, other = np.repeat(here, count, axis=0), np.tile(there, (count, 1))
    fits = (line_distances(one, other, fundamental) < tolerance).reshape(count, count)
    wrong = np.count_nonzero(fits) - np.count_nonzero(np.diag(fits))
    return float((wrong + 1) / (count * (count - 1) + 1))


def _is_significant(count: int, agreeing: int, chance: float) -> bool:
    """Whether wrong matches would hardly ever agree with any geometry as well as these do."""
    if agreeing < _LEAST:
        return False
    tried = _SOLUTIONS * (count - _SAMPLE) * comb(count, agreeing) * comb(agreeing, _SAMPLE)
    return log10(tried) + (agreeing - _SAMPLE) * log10(chance) < log10(_FALSE_ALARMS)


def _chosen(matches: Matches, which: NDArray[np.int64] | NDArray[np.bool_]) -> Matches:
    return Matches(matches.views, matches.first[which], matches.second[which])
