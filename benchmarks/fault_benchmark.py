"""What `inspect-capture` finds of faults that were planted into a capture, camera by camera.

Of a planted fault the inspection may name camera and cause; may notice it, but say less or blame
the rig as a whole; may say nothing; or may blame a camera that is right. The last is the worst, as
somebody will then repair what was whole. Nothing planted is a fault as well: any alarm is wrong.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bake.capture import Capture, CaptureOptions
from bake.captures.source import Source
from bake.inspection.findings import Finding, Verdict
from bake.inspection.inspect import inspect
from bake.inspection.small_pictures import spread
from bake.progress import Progress
from benchmarks import fault_planting as planting

_ALARMS = (Verdict.WARNING, Verdict.FAULT)


class Outcome(StrEnum):
    """How the inspection of a planted fault ended."""

    NAMED = "named"
    NOTICED = "noticed"
    SILENT = "silent"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: how it is planted into a view, and the cause that should be named.

    ``is_paired`` says that the view opposite takes part, ``needs_masks`` and ``needs_frames`` what
    a capture must have for it.
    """

    name: str
    cause: str
    plant: Callable[[Source, int], Source]
    is_paired: bool = False
    needs_masks: bool = False
    needs_frames: bool = False


def opposite(source: Source, view: int) -> int:
    """The view half the list of cameras away from another."""
    count = len(source.cameras)
    return (view + count // 2) % count


FAULTS = (
    Fault(
        "swapped with another camera",
        "swapped",
        lambda source, view: planting.swap(source, view, opposite(source, view)),
        is_paired=True,
    ),
    Fault("focal length x 1.05", "focal length", planting.zoom),
    Fault(
        "focal length / 1.05",
        "focal length",
        lambda source, view: planting.zoom(source, view, 1 / 1.05),
    ),
    Fault("axes flipped", "axes flipped", planting.misread),
    Fault("mirrored", "mirrored", planting.mirror),
    Fault("mask moved by 10 pixels", "shifted", planting.shift_mask, needs_masks=True),
    Fault("one frame late", "out of step", planting.delay, needs_frames=True),
    Fault("exposure + 20 %", "exposure", planting.expose),
)
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What is tried.

    Attributes:
        camera_count: in how many cameras of a rig each fault is planted, evenly spread.
        rig_sizes: rigs of so many of the capture's cameras; empty for all of them alone.
        draws: rigs of each size: the first has evenly spread cameras, others random ones.
    """

    camera_count: int = 4
    rig_sizes: tuple[int, ...] = ()
    draws: int = 1


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One inspection: the rig, what was planted where, and what was said.

    ``alarms`` maps the label of a camera, or "" for the rig, to the causes that were named, where
    "" stands for a fault or a warning without one.
    """

    rig: tuple[str, ...]
    fault: str
    planted: tuple[str, ...]
    outcome: Outcome
    alarms: Mapping[str, tuple[str, ...]]


def possible_faults(source: Source) -> tuple[Fault, ...]:
    """Faults that the capture can have: of masks and of timing only if it has them."""
    frames = sorted(source.views)
    has_masks = source.reader.inspect(frames[:1])
    return tuple(
        fault
        for fault in FAULTS
        if (has_masks or not fault.needs_masks) and (len(frames) > 1 or not fault.needs_frames)
    )


def rigs(source: Source, plan: FaultPlan) -> list[Source]:
    """The capture, or the parts of it that the plan asks for; the same ones every time."""
    everyone = range(len(source.cameras))
    found = []
    for size in plan.rig_sizes or (len(everyone),):
        # All cameras can be drawn in one way only.
        for draw in range(plan.draws if size < len(everyone) else 1):
            chosen = sorted(random.Random(1000 * size + draw).sample(everyone, size))
            evenly = [len(everyone) * place // size for place in range(size)]
            found.append(planting.part_of(source, chosen if draw else evenly))
    return found


def find_planted(source: Source, plan: FaultPlan, progress: Progress) -> Iterator[FaultRow]:
    """Plant, inspect and judge, one row after the other.

    Raises:
        CaptureError: if a picture cannot be read.
    """
    faults, everything = possible_faults(source), rigs(source, plan)
    each = [spread(range(len(rig.cameras)), plan.camera_count) for rig in everything]
    progress.start("planted faults", sum(1 + len(faults) * len(views) for views in each))
    for rig, views in zip(everything, each, strict=True):
        yield _inspected(rig, None, 0, progress)
        for fault in faults:
            for view in views:
                yield _inspected(rig, fault, view, progress)


def _inspected(rig: Source, fault: Fault | None, view: int, progress: Progress) -> FaultRow:
    planted: tuple[int, ...] = ()
    source, cause = rig, ""
    if fault is not None:
        planted = (view, opposite(rig, view)) if fault.is_paired else (view,)
        source, cause = fault.plant(rig, view), fault.cause
    capture = Capture(source, CaptureOptions(path=source.name))
    alarms = alarms_of(inspect(source, capture, "planted").findings)
    labels = tuple(rig.labels[each] for each in planted)
    row = FaultRow(
        rig.labels,
        NOTHING if fault is None else fault.name,
        labels,
        judge(alarms, planted, cause),
        {"" if each is None else rig.labels[each]: causes for each, causes in alarms.items()},
    )
    where = f" in {' and '.join(labels)}" if labels else ""
    progress.advance(f"{len(rig.labels)} cameras, {row.fault}{where}: {row.outcome}")
    return row


def alarms_of(findings: Sequence[Finding]) -> dict[int | None, tuple[str, ...]]:
    """Causes of faults and warnings by view, None being the rig, each cause once and in order."""
    found: dict[int | None, list[str]] = {}
    for finding in findings:
        if finding.verdict in _ALARMS:
            causes = found.setdefault(finding.view, [])
            if finding.cause not in causes:
                causes.append(finding.cause)
    return {view: tuple(causes) for view, causes in found.items()}


def judge(
    alarms: Mapping[int | None, Sequence[str]], planted: Sequence[int], cause: str
) -> Outcome:
    """Judge alarms by the views where a fault of a cause was planted; none if nothing was."""
    if not alarms:
        return Outcome.SILENT
    if not planted or set(alarms) - {None, *planted}:
        return Outcome.WRONG
    if set(alarms) == set(planted) and all(cause in alarms[view] for view in planted):
        return Outcome.NAMED
    return Outcome.NOTICED


def tally(rows: Sequence[FaultRow]) -> dict[tuple[int, str], Counter[Outcome]]:
    """How often each outcome came, by size of the rig and by fault, in the order of the rows."""
    counts: dict[tuple[int, str], Counter[Outcome]] = {}
    for row in rows:
        counts.setdefault((len(row.rig), row.fault), Counter())[row.outcome] += 1
    return counts


def rows_to_json(rows: Sequence[FaultRow]) -> dict[str, object]:
    """The rows as a result file holds them: rigs once, by the labels of their cameras."""
    tried = list(dict.fromkeys(row.rig for row in rows))
    return {
        "rigs": [",".join(rig) for rig in tried],
        "rows": [
            {
                "rig": tried.index(row.rig),
                "fault": row.fault,
                "planted": ",".join(row.planted),
                "outcome": row.outcome.value,
                "alarms": {label: ",".join(causes) for label, causes in row.alarms.items()},
            }
            for row in rows
        ],
    }
