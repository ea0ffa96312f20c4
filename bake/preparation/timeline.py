"""One timeline for all cameras: which picture of each video belongs to which frame.

Pictures belong together by their count (``strict``, after checks that nothing was dropped), or by
the time they are shown: counted from each video's own first picture (``first``), or on a clock that
all videos share (``times``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TypeVar

from bake.captures.source import to_frame_rate
from bake.errors import CaptureError
from bake.preparation.time_checks import (
    Times,
    check_rate,
    check_starts,
    check_steady,
    length_notes,
    rate_notes,
)

_Time = TypeVar("_Time", int, Fraction)
# By camera, where what it has begins and ends.
_Spans = Mapping[str, tuple[_Time, _Time]]

ALIGNMENTS = ("strict", "first", "times")


@dataclass(frozen=True, slots=True)
class TimelineOptions:
    """How pictures are matched.

    Attributes:
        align: ``strict``, ``first`` or ``times``.
        offsets: by camera, how many frames its content comes later in its video than in others.
        frame_rate: of the result, or None for that of the videos.
        first, last: frames to keep, ``last`` excluded; None for all.
    """

    align: str = "strict"
    offsets: Mapping[str, int] = field(default_factory=dict)
    frame_rate: Fraction | None = None
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Pictures by camera and frame.

    Attributes:
        frame_rate: frames per second.
        picks: by camera, which picture of its video each frame shows.
        greatest_error_s: largest distance in time of a picture from its frame, in seconds.
        notes: what was cut or repeated, one sentence each.
    """

    frame_rate: Fraction
    picks: Mapping[str, tuple[int, ...]]
    greatest_error_s: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return len(next(iter(self.picks.values())))


def build_timeline(times: Times, options: TimelineOptions) -> Timeline:
    """Match the pictures of all videos.

    Raises:
        CaptureError: naming the camera that does not go with the others, and the remedy.
    """
    unknown = sorted({*options.offsets} - {*times})
    if unknown:
        raise CaptureError(
            f"--offset names camera {unknown[0]}, expected one of {', '.join(times)}"
        )
    intervals = {label: _interval(each) for label, each in times.items()}
    if options.align == "strict":
        whole = _by_count(times, intervals, options)
    else:
        whole = _by_time(times, intervals, options)
    return _selected(whole, options)


def _interval(times: Sequence[Fraction]) -> float:
    """Seconds from picture to picture, gaps left out; 0 of a single picture."""
    steps = [float(b - a) for a, b in pairwise(times)]
    if not steps:
        return 0.0
    usual = median(steps)
    kept = [step for step in steps if abs(step - usual) <= 0.6 * usual] or [usual]
    return sum(kept) / len(kept)


def _by_count(times: Times, intervals: Mapping[str, float], options: TimelineOptions) -> Timeline:
    usual = median(intervals.values())
    offsets = {label: options.offsets.get(label, 0) for label in times}
    start = max(0, *(-offset for offset in offsets.values()))
    for label, each in times.items():
        # What comes after the last frame that is wanted may be as it likes.
        last = None if options.last is None else options.last + start + offsets[label]
        if len(each[:last]) > 1:
            check_rate(label, intervals[label], usual, len(each[:last]))
            check_steady(label, each[:last], intervals[label])
    check_starts(times, usual)
    counts = {label: len(each) - offsets[label] - start for label, each in times.items()}
    count = min(counts.values())
    if count < 1:
        raise _nothing_left(times, offsets)
    lengths = {label: len(each) for label, each in times.items()}
    notes = (
        *rate_notes(times, intervals),
        *length_notes(lengths, counts, options.last),
    )
    rate = options.frame_rate or to_frame_rate(1 / usual if usual else 30.0)
    picks = {
        label: tuple(range(start + offset, start + offset + count))
        for label, offset in offsets.items()
    }
    return Timeline(rate, picks, 0.0, notes)


def _nothing_left(times: Times, offsets: Mapping[str, int]) -> CaptureError:
    """That an offset leaves no frame; there is one, as else all cameras have the first frame."""
    spans = {label: (max(0, -n), len(times[label]) - n) for label, n in offsets.items()}
    misplaced = _misplaced(spans, offsets)
    label = misplaced or max(offsets, key=lambda label: abs(offsets[label]))
    expected = "smaller offsets"
    if misplaced:
        low, high = _shared(spans, label)
        expected = f"one of {1 - high} to {len(times[label]) - low - 1}"
    return CaptureError(
        f"camera {label} has {len(times[label])} pictures and offset {offsets[label]}, which leaves"
        f" no frame that all cameras have, expected {expected}; correct --offset"
    )


def _misplaced(spans: _Spans[_Time], offsets: Mapping[str, int]) -> str | None:
    """The camera whose offset alone leaves nothing in common; of several that of the largest."""
    for label in sorted(offsets, key=lambda label: -abs(offsets[label])):
        if offsets[label] and len(spans) > 1:
            low, high = _shared(spans, label)
            if low < high:
                return label
    return None


def _shared(spans: _Spans[_Time], apart: str) -> tuple[_Time, _Time]:
    """Where what all cameras but one have in common begins and ends."""
    rest = [span for label, span in spans.items() if label != apart]
    return max(begin for begin, _ in rest), min(end for _, end in rest)


def _by_time(times: Times, intervals: Mapping[str, float], options: TimelineOptions) -> Timeline:
    usual = median(intervals.values())
    if not usual:
        raise CaptureError("the videos have one picture each, expected --align strict for those")
    rate = options.frame_rate or to_frame_rate(1 / usual)
    clocks = {}
    for label, each in times.items():
        zero = each[0] if options.align == "first" else Fraction(0)
        zero += options.offsets.get(label, 0) / rate
        clocks[label] = [time - zero for time in each]
    start = max(clock[0] for clock in clocks.values())
    end = min(clock[-1] for clock in clocks.values())
    # A quarter of a frame is rounding.
    count = int((end - start) * rate + Fraction(1, 4)) + 1 if end >= start else 0
    if count < 1:
        spans = {label: (clock[0], clock[-1]) for label, clock in clocks.items()}
        misplaced = _misplaced(spans, options.offsets)
        if misplaced is not None:
            raise CaptureError(
                f"camera {misplaced} has {len(times[misplaced])} pictures and offset "
                f"{options.offsets[misplaced]}, which leaves no time that all cameras have, "
                "expected a smaller one; correct --offset"
            )
        late = max(clocks, key=lambda label: clocks[label][0])
        raise CaptureError(
            f"camera {late} begins at {float(start):.3f} s, when another has ended, expected a "
            "time that all have; give --align first, or leave the camera out"
        )
    wanted = [start + frame / rate for frame in range(count)]
    picks = {label: tuple(_nearest(clock, wanted)) for label, clock in clocks.items()}
    errors = {
        label: max(abs(clocks[label][pick] - t) for pick, t in zip(each, wanted, strict=True))
        for label, each in picks.items()
    }
    worst = max(errors, key=lambda label: errors[label])
    repeated = sum(len(each) - len({*each}) for each in picks.values())
    notes = (
        f"pictures are matched by time, off by up to {float(errors[worst]) * 1e3:.1f} ms (camera "
        f"{worst}); {repeated} of {count * len(picks)} are repetitions",
    )
    return Timeline(rate, picks, float(errors[worst]), notes)


def _nearest(clock: Sequence[Fraction], wanted: Sequence[Fraction]) -> list[int]:
    """The picture nearest to each time; both are in order."""
    found, place = [], 0
    for time in wanted:
        while place + 1 < len(clock) and abs(clock[place + 1] - time) < abs(clock[place] - time):
            place += 1
        found.append(place)
    return found


def _selected(whole: Timeline, options: TimelineOptions) -> Timeline:
    last = whole.frame_count if options.last is None else options.last
    if not 0 <= options.first < last <= whole.frame_count:
        raise CaptureError(
            f"--frames is {options.first}:{last}, expected a part of 0:{whole.frame_count}, the "
            "frames that all cameras have"
        )
    picks = {label: each[options.first : last] for label, each in whole.picks.items()}
    return Timeline(whole.frame_rate, picks, whole.greatest_error_s, whole.notes)
