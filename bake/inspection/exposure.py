"""Cameras that are brighter or of another tint than those around them.

A lit subject is brighter from one side than from another. What varies smoothly with the direction
is taken for light; what is left of a camera is its own.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bake.inspection.colors import Gain
from bake.inspection.findings import Finding, Verdict
from render.cameras import Camera

Array = NDArray[np.float64]
CHECK = "color"
# Log of what a camera may be brighter, and in spreads of all cameras. Choices: the two known rigs
# leave 0 and 0.053, and one and a fifth of the light, planted, leave 0.12 or more.
_TOLERANCE, _SPREADS = 0.09, 4.0
# Cameras that it takes to know how light varies, in squares and linearly.
_FOR_SQUARES, _FOR_LINES = 18, 8
_ROUNDS = 20


def color_findings(
    gains: Mapping[int, Gain],
    cameras: Mapping[int, Camera],
    labels: tuple[str, ...],
    *,
    is_subject: bool,
) -> list[Finding]:
    """One finding for every view that has a gain; the rest were not checked.

    ``is_subject`` says that gains were measured on a subject alone, which light shades smoothly.
    What is measured on whole pictures differs for more reasons, and cameras are held to how much.
    """
    if len(gains) < 3:
        reason = "too few cameras share points whose colors can be compared"
        return [Finding(CHECK, None, Verdict.NOT_CHECKED, reason)]
    views = sorted(gains)
    logs = np.log([gains[view].rgb for view in views])
    positions = np.array([cameras[view].position for view in views])
    terms = _terms(positions) if is_subject else np.ones((len(views), 1))
    own = np.stack([_left_over(terms, logs[:, channel]) for channel in range(3)], axis=1)
    allowed = np.maximum(_TOLERANCE, _SPREADS * 1.48 * np.median(np.abs(own), axis=0))
    return [
        _finding((view, labels[view]), gains[view], each, allowed)
        for view, each in zip(views, own, strict=True)
    ]


def _finding(camera: tuple[int, str], gain: Gain, own: Array, allowed: Array) -> Finding:
    """Judge one camera by its own part of the gain."""
    view, label = camera
    shown = "/".join(f"{value:.2f}" for value in gain.rgb)
    measured = f"linear red/green/blue {shown} of the others', its own part {_percent(own.mean())}"
    if (np.abs(own) <= allowed).all():
        return Finding(CHECK, view, Verdict.OK, measured, value=float(np.exp(own.mean())))
    factors = np.exp(-own)
    if np.ptp(own) < _TOLERANCE:
        how = "brighter" if own.mean() > 0 else "darker"
        wrong = f"its pictures are {abs(np.expm1(own.mean())):.0%} {how} than the others'"
        help_by = f"multiply its linear colors by {np.exp(-own.mean()):.2f}"
        cause = "exposure"
    else:
        wrong = "its pictures have another tint than the others'"
        shown = ", ".join(f"{factor:.2f}" for factor in factors)
        help_by = f"multiply its linear red, green and blue by {shown}"
        cause = "tint"
    remedy = f"camera {label}: {wrong}; {help_by}, or match its exposure and white balance"
    value = float(np.exp(own[np.argmax(np.abs(own))]))
    return Finding(CHECK, view, Verdict.FAULT, measured, remedy, cause, value)


def _percent(log: float) -> str:
    return f"{np.expm1(log):+.0%}"


def _terms(positions: Array) -> Array:
    """What light may vary with, (cameras, terms), by how many cameras there are to tell."""
    away = positions - positions.mean(0)
    x, y, z = (away / max(float(np.linalg.norm(away, axis=1).mean()), 1e-12)).T
    one = np.ones(len(positions))
    if len(positions) >= _FOR_SQUARES:
        squares = [x * y, x * z, y * z, x * x - y * y, z * z]
        return np.stack([one, x, y, z, *squares], axis=1)
    return np.stack([one, x, y, z] if len(positions) >= _FOR_LINES else [one], axis=1)


def _left_over(terms: Array, values: Array) -> Array:
    """Residuals of a fit in which what does not fit counts little (Cauchy weights)."""
    weights, left = np.ones(len(values)), values
    for _ in range(_ROUNDS):
        found = np.linalg.lstsq(terms * weights[:, None], values * weights, rcond=None)[0]
        left = values - terms @ found
        spread = max(1.48 * float(np.median(np.abs(left))), 0.01)
        weights = 1 / np.sqrt(1 + (left / (2 * spread)) ** 2)
    return left
