"""Findings from what masks, matches and motion say of the cameras together."""

from collections.abc import Mapping
from typing import NamedTuple

from bake.captures.source import Source
from bake.inspection.agreement import FAULT_BELOW, WARN_BELOW, Agreement
from bake.inspection.colors import color_misfit
from bake.inspection.conventions import Convention
from bake.inspection.epipolar import FAULT_SHARE, WARN_SHARE, Epipolar
from bake.inspection.findings import Finding, Verdict
from bake.inspection.outlines import Explanation
from bake.inspection.timing import Timing
from bake.inspection.wording import named, remedy, shift_of, swapped

CONSISTENCY, EPIPOLAR, TIMING = "mask consistency", "epipolar", "timing"
# Median overlap, or share of fitting matches, below which cameras fit nothing in common.
_CHAOS = {CONSISTENCY: 0.6, EPIPOLAR: 0.4}
# Why a low overlap proves nothing.
_LOOSE = "that contradicts no mask; too few cameras see the subject from around to tell"
# A picture's colors must fit so much better in one place than in the other to say where it is.
_CLEARLY = 0.75


# What explains every view, the labels, and in words what a shift has moved.
_Told = tuple[Mapping[int, Explanation], tuple[str, ...], str]


class Measure(NamedTuple):
    """How well a view fits: a number, in words, and the numbers of the usual view and of bounds."""

    value: float
    words: str
    usual: float
    fault: float
    warn: float


def mask_findings(found: Agreement, source: Source) -> list[Finding]:
    """One for every view whose mask was compared, and some for the rig."""
    rig = rig_finding(CONSISTENCY, found.median, found.convention)
    if rig.verdict is Verdict.FAULT and found.convention is None:
        if not found.fits:
            return [rig]
        rig = Finding(CONSISTENCY, None, Verdict.NOT_CHECKED, f"{rig.measured}, {_LOOSE}")
    findings = [rig, *_untold(found, source.labels)]
    for view, stated in found.stated.items():
        words = f"{stated:.1%} overlap with what the others see (usual {found.median:.1%})"
        bounds = (found.median - FAULT_BELOW, found.median - WARN_BELOW)
        if view in found.disputed:
            words = f"{words}, its mask contradicts others, which may be wrong as well"
            findings.append(Finding(CONSISTENCY, view, Verdict.NOT_CHECKED, words))
            continue
        if view in found.loose and stated < bounds[1]:
            findings.append(Finding(CONSISTENCY, view, Verdict.NOT_CHECKED, f"{words}, {_LOOSE}"))
            continue
        measure = Measure(stated, words, found.median, *bounds)
        shifted = ""
        if found.best[view].cause == "shifted":
            camera = source.cameras[view]
            size = (camera.width, camera.height)
            shifted = shift_of(found.best[view], size, _what_is_shifted(found, view))
        findings.append(_judged(CONSISTENCY, view, measure, (found.best, source.labels, shifted)))
    return findings


def _untold(found: Agreement, labels: tuple[str, ...]) -> list[Finding]:
    """What is said of the rig when nothing can be told of some views."""
    findings = []
    if found.disputed:
        names = named(found.disputed, labels)
        words = f"{names}: masks that cannot be of one subject"
        helps = (
            f"{names}: their masks contradict each other or the rest, and too few cameras agree to "
            "tell which is wrong; look at all pictures, masks and poses, or add cameras"
        )
        findings.append(Finding(CONSISTENCY, None, Verdict.FAULT, words, helps, "contradiction"))
    loose = {view for view in found.loose if found.stated[view] < found.median - WARN_BELOW}
    if loose:
        words = f"{named(loose, labels)}: a low overlap {_LOOSE}"
        findings.append(Finding(CONSISTENCY, None, Verdict.NOT_CHECKED, words))
    return findings


def match_findings(found: Epipolar, labels: tuple[str, ...]) -> list[Finding]:
    """One for every view whose pictures were matched, and one for the rig."""
    rig = rig_finding(EPIPOLAR, found.usual, found.convention)
    if rig.verdict is Verdict.FAULT and found.convention is None:
        return [rig]
    findings = [rig]
    for view, count in found.trusted_count.items():
        if view in found.fitting:
            share = found.fitting[view]
            words = (
                f"{share:.0%} of {count} matches that can be trusted fit (usual "
                f"{found.usual:.0%}), median {found.distance[view]:.2f} pixels off"
            )
            bounds = (FAULT_SHARE * found.usual, WARN_SHARE * found.usual)
            measure = Measure(share, words, found.usual, *bounds)
            findings.append(_judged(EPIPOLAR, view, measure, (found.best, labels, "")))
        elif _is_told(found, view):
            words = "no matches with neighbors that can be trusted"
            told = (found.best, labels, "")
            findings.append(_explained(EPIPOLAR, view, (words, None), told))
        else:
            words = f"too few matches that can be trusted ({count} with its neighbors)"
            findings.append(Finding(EPIPOLAR, view, Verdict.NOT_CHECKED, words))
    untold = [labels[view] for view in found.trusted_count if not _is_told(found, view)]
    if untold:
        words = f"too few matches that can be trusted for cameras {', '.join(untold)}"
        findings.append(Finding(EPIPOLAR, None, Verdict.NOT_CHECKED, words))
    return findings


def _is_told(found: Epipolar, view: int) -> bool:
    """Whether matches say anything of a view: how well it fits, or what explains it."""
    return view in found.fitting or (view in found.best and bool(found.best[view].cause))


def timing_findings(found: Timing, labels: tuple[str, ...]) -> list[Finding]:
    """One for every view whose lag could be told."""
    if not found.lags:
        return [Finding(TIMING, None, Verdict.NOT_CHECKED, found.reason)]
    findings = []
    for view, lag in found.lags.items():
        if not lag.frames:
            words = f"in step, by {found.told_by}"
            findings.append(Finding(TIMING, view, Verdict.OK, words, value=0.0))
            continue
        count = f"{abs(lag.frames)} frame{'s' if abs(lag.frames) > 1 else ''}"
        where, other = ("ahead of", "later") if lag.frames > 0 else ("behind", "earlier")
        words = f"{count} {where} the others, by {found.told_by}"
        helps = (
            f"camera {labels[view]}: it is {count} {where} the others; number its pictures "
            f"{count} {other}"
        )
        fault = Verdict.FAULT
        findings.append(Finding(TIMING, view, fault, words, helps, "out of step", lag.frames))
    return findings


def rig_finding(check: str, usual: float, convention: Convention | None) -> Finding:
    """Whether the cameras fit together at all, and if not as stated, then how."""
    if convention is not None:
        words = f"{usual:.1%} for the usual camera once all poses are read otherwise"
        helps = f"all cameras: {convention.wrong}; {convention.remedy} of every pose"
        return Finding(check, None, Verdict.FAULT, words, helps, convention.cause, usual)
    words = f"{usual:.1%} for the usual camera"
    if usual >= _CHAOS[check]:
        return Finding(check, None, Verdict.OK, words, value=usual)
    helps = (
        "all cameras: pictures and poses do not fit together, whichever way poses are read; check "
        "that the calibration is of these pictures, and the order of the cameras"
    )
    return Finding(check, None, Verdict.FAULT, words, helps, "nothing fits", usual)


def _judged(check: str, view: int, measure: Measure, told: _Told) -> Finding:
    """Judge a view by what explains it, else by how far behind it is."""
    best, labels, _ = told
    if view in best and best[view].cause:
        return _explained(check, view, (measure.words, measure.value), told)
    if measure.value >= measure.warn:
        return Finding(check, view, Verdict.OK, measure.words, value=measure.value)
    verdict = Verdict.WARNING if measure.value >= measure.fault else Verdict.FAULT
    helps = (
        f"camera {labels[view]}: it does not fit the others, and no single error explains it; look "
        "at its pictures, mask, pose and timing, or leave it out"
    )
    return Finding(check, view, verdict, measure.words, helps, "", measure.value)


def _explained(check: str, view: int, measured: tuple[str, float | None], told: _Told) -> Finding:
    """A fault with its cause; the number is None if it could only be measured otherwise."""
    (words, value), (best, labels, shifted) = measured, told
    why = best[view]
    helps = remedy(why, labels[view], labels, shifted)
    related: tuple[int, ...] = ()
    if why.partner is not None:
        related = (why.partner,)
        if view == best.get(why.partner, why).partner:
            helps = swapped(labels[view], labels[why.partner])
    words = f"{words}, {why.overlap:.1%} if {why.cause}"
    return Finding(check, view, Verdict.FAULT, words, helps, why.cause, value, related)


def _what_is_shifted(found: Agreement, view: int) -> str:
    """Whether the colors say that the picture moved with its mask, or the mask alone."""
    others = found.jury - {view}
    here = color_misfit(found.scenes, view, others, (0.0, 0.0))
    there = color_misfit(found.scenes, view, others, found.best[view].shift)
    if here < _CLEARLY * there:
        return "mask"
    return "picture" if there < _CLEARLY * here else "either"
