"""Cameras that are brighter or of another tint than those around them.

A lit subject is brighter from one side than from another. What varies smoothly with the direction
is taken for light; what is left of a camera is its own.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bake.inspection.colors import Gain
from bake.inspection.findings import Finding, Verdict
from bake.inspection.wording import named
from render.cameras import Camera

Array = NDArray[np.float64]
CHECK = "color"
# Log of what a camera may be brighter, and in spreads of all cameras. Choices: the two known rigs
# leave 0 and 0.053, and one and a fifth of the light, planted, leave 0.12 or more.
_TOLERANCE, _SPREADS = 0.09, 4.0
# Spreads of a camera's own points that its gain has to exceed. Of parts of known rigs with fewer
# cameras than tell how light varies, light and errors of shape left up to 2.9 spreads.
_SURE, _SURE_OF_FEW = 1.5, 3.5
# Log of what a channel may differ from the others by: colored light does that too. A choice.
_TINT = 0.4
# Cameras that it takes to know how light varies, in squares and linearly.
_FOR_SQUARES, _FOR_LINES = 18, 8
_ROUNDS = 20
_LIGHT = "brighter or darker by what may be light; so few cameras do not tell it from exposure"


class _Bounds(NamedTuple):
    """Log of the light that a camera may have of its own, and by how many spreads it is sure."""

    allowed: float
    sure: float


def color_findings(
    gains: Mapping[int, Gain],
    cameras: Mapping[int, Camera],
    labels: tuple[str, ...],
    *,
    is_subject: bool,
) -> list[Finding]:
    """One finding for every view that has a gain, and one for the rig if some cannot be told.

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
    is_few = is_subject and len(views) < _FOR_SQUARES
    bounds = _Bounds(
        max(_TOLERANCE, _SPREADS * 1.48 * float(np.median(np.abs(own)))),
        _SURE_OF_FEW if is_few else _SURE,
    )
    found = [
        _finding((view, labels[view]), gains[view], each, bounds)
        for view, each in zip(views, own, strict=True)
    ]
    untold = [
        view
        for view, finding in zip(views, found, strict=True)
        if finding.verdict is Verdict.NOT_CHECKED
    ]
    if untold:
        words = f"{named(untold, labels)}: {_LIGHT}"
        found.append(Finding(CHECK, None, Verdict.NOT_CHECKED, words))
    return found


def _finding(camera: tuple[int, str], gain: Gain, own: Array, bounds: _Bounds) -> Finding:
    """Judge one camera by its own part of the gain, (3,)."""
    view, label = camera
    allowed, sure = bounds
    shown = "/".join(f"{value:.2f}" for value in gain.rgb)
    common = float(np.median(own))
    measured = f"linear red/green/blue {shown} of the others', its own part {_percent(common)}"
    # Exposure is the same factor everywhere; light and errors of shape are not.
    if abs(common) > max(allowed, sure * gain.spread):
        how = "brighter" if common > 0 else "darker"
        helps = (
            f"camera {label}: its pictures are {abs(np.expm1(common)):.0%} {how} than the others'; "
            f"bake with capture.exposure={label}={np.exp(-common):.2f}, or match its exposure"
        )
        value = float(np.exp(common))
        return Finding(CHECK, view, Verdict.FAULT, measured, helps, "exposure", value)
    tint = own - common
    largest = float(tint[np.argmax(np.abs(tint))])
    if abs(largest) > max(_TINT, 2 * allowed, 2 * sure * gain.spread):
        factors = "/".join(f"{factor:.2f}" for factor in np.exp(-tint))
        helps = (
            f"camera {label}: its pictures have another tint than the others'; bake with "
            f"capture.exposure={label}={factors}, or match its white balance"
        )
        value = float(np.exp(largest))
        return Finding(CHECK, view, Verdict.WARNING, measured, helps, "tint", value)
    value = float(np.exp(common))
    if abs(common) > max(allowed, _SURE * gain.spread):
        return Finding(CHECK, view, Verdict.NOT_CHECKED, f"{measured}, {_LIGHT}", value=value)
    return Finding(CHECK, view, Verdict.OK, measured, value=value)


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
