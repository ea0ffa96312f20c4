"""Bjontegaard deltas: what one curve costs beside another, averaged over the range both cover.

The integral is that of the package bjontegaard, between points by PCHIP. PCHIP never overshoots, so
a curve that rises from point to point rises everywhere, also where four points lie far apart; it is
the rule of the JCT-VC and JVET common test conditions, so published figures can be checked with it.
Akima follows dense curves a little closer (Herglotz et al., "Beyond Bjontegaard", 2022), but may
overshoot; reports state how far it would be from the figures given.

Source: Bjontegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001;
Bossen, JCTVC-L1100, 2013.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Self

from render.console import UsageError

Interpolation = Literal["pchip", "akima"]
INTERPOLATION: Interpolation = "pchip"
LEAST_POINTS = 4
# Curves of unequal length; no interpolators returned; no warning about the overlap, which is
# returned as a number instead.
_LENIENT = (False, False, 0.0)


class CurveError(ValueError):
    """A curve, or a pair of curves, of which no Bjontegaard delta can be taken."""


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Mean bytes per frame and PSNR in dB of a method's points, from the smallest size.

    Raises:
        CurveError: with fewer than four points, or where more bytes are not more decibels.
    """

    name: str
    sizes_bytes: tuple[float, ...]
    levels_db: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be inverted: a size must belong to every level, and to one alone."""
        count = len(self.sizes_bytes)
        if count != len(self.levels_db) or count < LEAST_POINTS:
            raise CurveError(
                f"{self.name} has {count} sizes and {len(self.levels_db)} levels, expected "
                f"{LEAST_POINTS} or more of both; measure more rates"
            )
        if not all(map(math.isfinite, (*self.sizes_bytes, *self.levels_db))) or (
            min(self.sizes_bytes) <= 0
        ):
            raise CurveError(
                f"{self.name} has the sizes {self.sizes_bytes} and levels {self.levels_db}, "
                "expected finite numbers and sizes above 0; measure again"
            )
        fault = falling(zip(self.sizes_bytes, self.levels_db, strict=True))
        if fault is not None:
            raise CurveError(f"{self.name} is not monotone: {fault}")

    @classmethod
    def of(cls, name: str, pairs: Iterable[tuple[float, float]]) -> Self:
        """The curve of (bytes per frame, dB) in any order.

        Raises:
            CurveError: as the class does.
        """
        ordered = sorted(pairs)
        return cls(name, tuple(size for size, _ in ordered), tuple(level for _, level in ordered))

    def size_at(self, level_db: float) -> float | None:
        """Bytes per frame at a level, straight between points on a logarithmic scale; None outside.

        For reading off single sizes; deltas integrate PCHIP instead.
        """
        points = zip(self.levels_db, self.sizes_bytes, strict=True)
        for (below, small), (above, large) in pairwise(points):
            if below <= level_db <= above:
                share = (level_db - below) / (above - below)
                return float(small * (large / small) ** share)
        return None


@dataclass(frozen=True, slots=True)
class Delta:
    """An average difference, and the range that it is the average over.

    Attributes:
        value: percent of size at equal PSNR, or dB at equal size; of the test beside the anchor.
        low, high: the range both curves cover, in dB, or in bytes per frame.
        share: that range as a share of the range that either covers, in the unit of the integral;
            a small one means that the curves hardly meet.
    """

    value: float
    low: float
    high: float
    share: float


def falling(points: Iterable[tuple[float, float]]) -> str | None:
    """Where more bytes are not more decibels, in words; None for a monotone curve.

    ``points`` are (bytes per frame, dB), the smallest size first.
    """
    for (small, before), (large, after) in pairwise(points):
        if large <= small:
            return (
                f"two points have {small / 1e3:.2f} and {large / 1e3:.2f} KB/frame, expected the "
                "second larger; drop one, or spread the rates"
            )
        if after <= before:
            return (
                f"{large / 1e3:.2f} KB/frame gives {after:.3f} dB after {before:.3f} dB at "
                f"{small / 1e3:.2f} KB/frame, expected more; drop the larger rate, or fit again"
            )
    return None


def bd_rate(
    anchor: RateCurve, test: RateCurve, interpolation: Interpolation = INTERPOLATION
) -> Delta:
    """How much more the test costs than the anchor at equal PSNR, in percent; below 0 is cheaper.

    Raises:
        CurveError: if no PSNR lies on both curves.
        UsageError: if the package bjontegaard is not installed.
    """
    low, high = _shared(anchor, test, anchor.levels_db, test.levels_db)
    value = _package().bd_rate(*_arrays(anchor, test), interpolation, *_LENIENT)
    either = max(*anchor.levels_db, *test.levels_db) - min(*anchor.levels_db, *test.levels_db)
    return Delta(float(value), low, high, (high - low) / either)


def bd_psnr(
    anchor: RateCurve, test: RateCurve, interpolation: Interpolation = INTERPOLATION
) -> Delta:
    """How many dB the test is above the anchor at equal size.

    Raises:
        CurveError: if no size lies on both curves.
        UsageError: if the package bjontegaard is not installed.
    """
    low, high = _shared(anchor, test, anchor.sizes_bytes, test.sizes_bytes)
    value = _package().bd_psnr(*_arrays(anchor, test), interpolation, *_LENIENT)
    sizes = (*anchor.sizes_bytes, *test.sizes_bytes)
    either = math.log(max(sizes) / min(sizes))
    return Delta(float(value), low, high, math.log(high / low) / either)


def _shared(
    anchor: RateCurve, test: RateCurve, ours: tuple[float, ...], theirs: tuple[float, ...]
) -> tuple[float, float]:
    """The range that both cover; sizes and levels are ordered, so the ends are the extremes."""
    low, high = max(ours[0], theirs[0]), min(ours[-1], theirs[-1])
    if low < high:
        return low, high
    unit, scale = ("dB", 1.0) if ours is anchor.levels_db else ("KB/frame", 1e3)
    ends = sorted((curve.name, values) for curve, values in ((anchor, ours), (test, theirs)))
    words = " and ".join(
        f"{name} covers {values[0] / scale:.2f} to {values[-1] / scale:.2f} {unit}"
        for name, values in ends
    )
    raise CurveError(f"{words}, expected ranges that overlap; measure rates in between")


def _arrays(anchor: RateCurve, test: RateCurve) -> tuple[tuple[float, ...], ...]:
    return anchor.sizes_bytes, anchor.levels_db, test.sizes_bytes, test.levels_db


def _package() -> Any:  # noqa: ANN401 -- the package is untyped
    try:
        import bjontegaard  # Brings matplotlib: only when a delta is wanted.
    except ImportError as error:
        raise UsageError(
            "BD-rate needs the package bjontegaard, which is not installed; install the extra: "
            "pip install 'videorf[rd]'"
        ) from error
    return bjontegaard
