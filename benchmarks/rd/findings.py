"""What the numbers answer: each claim of the comparison, its bar, and whether it is met.

A claim is judged by measured points alone. What was not measured, or makes no curve, is reported as
not measured with the reason, never as met.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from benchmarks.rd.bd_rate import falling
from benchmarks.rd.comparison import SceneResults, compare
from benchmarks.rd.lineup import Family, family_of
from benchmarks.rd.point import RdPoint

# The bars of the comparison; all are ours, not the papers'.
UNCODED_DISTANCE_DB = 1.5
MOTION_SAVING_PERCENT = 40.0
VARIABLE_RATE_COST_PERCENT = 10.0
TUNING_SAVING_PERCENT = 70.0

_LAYER = re.compile(r"(?<![a-z])(?:l|layers?-?|levels?-?)(\d+)")


class Verdict(StrEnum):
    """How a claim ended."""

    MET = "met"
    NOT_MET = "not met"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Finding:
    """A question, what was found, the bar it is held to, and the verdict with what it rests on."""

    question: str
    bar: str
    verdict: Verdict
    found: str
    detail: str = ""


def findings(scene: SceneResults) -> list[Finding]:
    """Every question of the comparison, answered for one scene."""
    return [question(scene) for question in _QUESTIONS]


def uncoded_level(points: Sequence[RdPoint]) -> float:
    """PSNR of a method before coding, in dB; that of its best fit where rates have their own."""
    return max(point.uncoded.psnr_db for point in points)


def uncoded_distances(scene: SceneResults) -> dict[str, float]:
    """How far below the voxel grid each method is before coding, in dB; empty without the grid.

    Ablations are left out: what they leave out may well cost quality.
    """
    if "voxel" not in scene.methods:
        return {}
    limit = uncoded_level(scene.methods["voxel"])
    return {
        name: limit - uncoded_level(points)
        for name, points in scene.methods.items()
        if name != "voxel" and family_of(name) is not Family.ABLATIONS
    }


def faults(scene: SceneResults) -> dict[str, str]:
    """Methods whose curve is not monotone in PSNR, and where."""
    found = {}
    for name, points in scene.methods.items():
        fault = falling((point.bytes_per_frame, point.quality.psnr_db) for point in points)
        if fault is not None:
            found[name] = fault
    return found


def layer_gains(points: Sequence[RdPoint]) -> list[tuple[str, float]]:
    """What each further layer adds, in dB, with a name such as ``l1 to l2``.

    Layers are told by labels such as ``l2`` or ``q8-layers3``; points that differ in nothing else
    are compared. Without such labels every point is a layer on top of the next smaller one.
    """
    stacks: dict[str, list[tuple[int, RdPoint]]] = {}
    for number, point in enumerate(points):
        layer = _LAYER.search(point.label)
        rest = _LAYER.sub("", point.label) if layer else ""
        stacks.setdefault(rest, []).append((int(layer[1]) if layer else number, point))
    return [
        (f"{before.label} to {after.label}", after.quality.psnr_db - before.quality.psnr_db)
        for stack in stacks.values()
        for (_, before), (_, after) in pairwise(sorted(stack, key=lambda entry: entry[0]))
    ]


def _uncoded(scene: SceneResults) -> Finding:
    words = (
        "Do all methods start from comparable fits?",
        f"uncoded PSNR at most {UNCODED_DISTANCE_DB:g} dB below `voxel`",
    )
    distances = uncoded_distances(scene)
    if not distances:
        return _open(words, "`voxel` and another method are needed")
    worst = max(distances, key=lambda name: distances[name])
    far = [name for name, value in distances.items() if value > UNCODED_DISTANCE_DB]
    found = f"{len(distances) - len(far)} of {len(distances)} within; {worst} is the farthest, "
    found += f"{-distances[worst]:+.2f} dB"
    detail = ", ".join(f"{name} {-value:+.2f} dB" for name, value in distances.items())
    return _closed(words, found, detail, is_met=not far)


def _monotone(scene: SceneResults) -> Finding:
    compared = [name for name in scene.methods if family_of(name) is not Family.ABLATIONS]
    found = {name: fault for name, fault in faults(scene).items() if name in compared}
    count = len(compared)
    return _closed(
        ("Is every curve monotone?", "more bytes, more PSNR"),
        f"{count - len(found)} of {count} curves",
        "; ".join(f"{name}: {fault}" for name, fault in found.items()),
        is_met=not found,
    )


def _motion(scene: SceneResults) -> Finding:
    words = (
        "What does motion compensation save? `rerf` beside `rerf-intra`",
        f"at least {MOTION_SAVING_PERCENT:g} % of the bytes at equal PSNR",
    )
    return _delta(scene, ("rerf", "rerf-intra"), words, lambda v: v <= -MOTION_SAVING_PERCENT)


def _joint(scene: SceneResults) -> Finding:
    words = "Does training with the rate pay? `jointrf` beside `rerf`", "BD-rate below 0 %"
    return _delta(scene, ("jointrf", "rerf"), words, lambda v: v < 0)


def _layers(scene: SceneResults) -> Finding:
    words = "Does every layer of `hpc` add quality?", "each layer adds more than 0 dB"
    gains = layer_gains(scene.methods.get("hpc", ()))
    if not gains:
        return _open(words, "two layers of `hpc` are needed")
    text = ", ".join(f"{name} {gain:+.2f} dB" for name, gain in gains)
    return _closed(words, text, is_met=all(gain > 0 for _, gain in gains))


def _variable(scene: SceneResults) -> Finding:
    words = (
        "What does one model for all rates cost? `vrvvc` beside `vrvvc-separate`",
        f"BD-rate at most {VARIABLE_RATE_COST_PERCENT:+g} %",
    )
    pair = ("vrvvc", "vrvvc-separate")
    return _delta(scene, pair, words, lambda v: v <= VARIABLE_RATE_COST_PERCENT)


def _tuning(scene: SceneResults) -> Finding:
    words = (
        "What does our tuning save? `videorf` beside `videorf-plain`",
        f"BD-rate at most {-TUNING_SAVING_PERCENT:g} %",
    )
    pair = ("videorf", "videorf-plain")
    return _delta(scene, pair, words, lambda v: v <= -TUNING_SAVING_PERCENT)


def _ahead(scene: SceneResults) -> Finding:
    words = (
        "Is ours ahead of every other radiance-field method? `videorf` beside each",
        "BD-rate at most 0 %",
    )
    others = [name for name in scene.methods if family_of(name) is Family.FIELDS]
    if "videorf" not in scene.methods or not others:
        return _open(words, "`videorf` and another radiance-field method are needed")
    outcomes = {name: compare(scene, name, "videorf").rate for name in others}
    found = {name: one.delta for name, one in outcomes.items() if one.delta is not None}
    refused = [f"{name}: {one.reason}" for name, one in outcomes.items() if one.delta is None]
    if not found:
        return _open(words, "; ".join(refused))
    worst = max(found, key=lambda name: found[name].value)
    text = f"worst beside {worst}: BD-rate {found[worst].value:+.1f} %"
    detail = ", ".join(
        f"{name} {delta.value:+.1f} %{' (thin)' if outcomes[name].is_thin else ''}"
        for name, delta in found.items()
    )
    return _closed(words, text, "; ".join([detail, *refused]), is_met=found[worst].value <= 0)


_QUESTIONS: tuple[Callable[[SceneResults], Finding], ...] = (
    _uncoded,
    _monotone,
    _motion,
    _joint,
    _layers,
    _variable,
    _tuning,
    _ahead,
)


def _delta(
    scene: SceneResults,
    pair: tuple[str, str],
    words: tuple[str, str],
    is_enough: Callable[[float], bool],
) -> Finding:
    """A claim about the BD-rate of a (test, anchor)."""
    test, anchor = pair
    outcome = compare(scene, anchor, test).rate
    delta = outcome.delta
    if delta is None:
        return _open(words, outcome.reason)
    text = f"BD-rate {delta.value:+.1f} % over {delta.low:.2f} to {delta.high:.2f} dB"
    detail = _at_the_top(scene, pair, delta.high)
    if outcome.is_thin:
        detail += f"; the curves share only {100 * delta.share:.0f} % of their range"
    return _closed(words, text, detail, is_met=is_enough(delta.value))


def _at_the_top(scene: SceneResults, pair: tuple[str, str], level_db: float) -> str:
    """Both sizes at the highest PSNR that both reach."""
    sizes = [scene.curve(name).size_at(level_db) for name in pair]
    first, second = (size or float("nan") for size in sizes)
    return (
        f"at {level_db:.2f} dB: {first / 1e3:.2f} instead of {second / 1e3:.2f} KB/frame, "
        f"{100 * (first / second - 1):+.1f} %"
    )


def _closed(words: tuple[str, str], found: str, detail: str = "", *, is_met: bool) -> Finding:
    question, bar = words
    return Finding(question, bar, Verdict.MET if is_met else Verdict.NOT_MET, found, detail)


def _open(words: tuple[str, str], reason: str) -> Finding:
    question, bar = words
    return Finding(question, bar, Verdict.NOT_MEASURED, "-", reason)
