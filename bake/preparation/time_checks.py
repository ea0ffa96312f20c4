"""What has to hold where pictures belong together by count: equal rates, steps and lengths."""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median, median_high

from bake.captures.labels import first_few
from bake.errors import CaptureError

Times = Mapping[str, Sequence[Fraction]]
"""When each picture is shown, in seconds, by camera."""

# Shares of a frame's time. Guessed: clocks that are printed in milliseconds stay well below.
_JITTER, _GAP, _DRIFT, _LATE = 0.3, 1.5, 0.25, 0.5
# Rates that differ by so much are never the same, however short the videos. Guessed.
_OTHER_RATE = 0.06
# Pictures that a recorder may keep after the others have stopped: at most so many, and at most that
# share, or one, as a short video that lacks some has rather lost them on the way. Choices.
_MOST_CUT, _MOST_CUT_SHARE = 5, 0.02
_NAMED_AT_MOST = 4


def check_rate(label: str, interval: float, usual: float, count: int) -> None:
    """Until its end a video may drift by part of a frame from the others.

    Raises:
        CaptureError: naming the camera and both rates, if it drifts by more.
    """
    if abs(interval / usual - 1) * count > min(_DRIFT, _OTHER_RATE * count):
        raise CaptureError(
            f"camera {label} has {1 / interval:.4g} pictures per second and the others "
            f"{1 / usual:.4g}, expected the same; film again, or give --align times (or first) to "
            "take the pictures nearest in time"
        )


def check_steady(label: str, times: Sequence[Fraction], interval: float) -> None:
    """Pictures follow each other at even steps.

    Raises:
        CaptureError: naming the camera that dropped pictures, or has steps of many lengths.
    """
    steps = [float(b - a) / interval for a, b in pairwise(times)]
    gaps = [index for index, step in enumerate(steps) if step > _GAP]
    if gaps:
        lost = sum(round(steps[index]) - 1 for index in gaps)
        places = first_few([str(index) for index in gaps])
        raise CaptureError(
            f"camera {label} dropped about {lost} pictures (gaps after picture {places}), "
            "expected none; choose frames without them by --frames, leave the camera out, or give "
            "--align times (or first) to repeat the pictures nearest in time"
        )
    widest = max(steps, key=lambda step: abs(step - 1))
    if abs(widest - 1) > _JITTER:
        raise CaptureError(
            f"camera {label} has a variable frame rate (steps of {min(steps) * interval * 1e3:.1f} "
            f"to {max(steps) * interval * 1e3:.1f} ms), expected a constant one; record with a "
            "constant rate, or give --align times (or first) to take the pictures nearest in time"
        )


def check_starts(times: Times, usual: float) -> None:
    """All videos begin at one time.

    Raises:
        CaptureError: naming the cameras that begin at another.
    """
    starts = {label: float(each[0]) for label, each in times.items()}
    middle = median(starts.values())
    late = [label for label in starts if abs(starts[label] - middle) > _LATE * usual]
    if late and usual:
        listed = ", ".join(f"{label} {starts[label]:.3f} s" for label in late[:_NAMED_AT_MOST])
        raise CaptureError(
            f"the first pictures of {len(late)} cameras are shown at another time than the others' "
            f"({listed}; the others at {middle:.3f} s), expected the same; give --align times if "
            "all videos share one clock, or --align first if their first pictures belong together"
        )


def rate_notes(times: Times, intervals: Mapping[str, float]) -> tuple[str, ...]:
    """Notes on cameras whose rate is another than the others', if only by part of a frame."""
    usual = median_high(intervals.values())
    reference = next(label for label in times if intervals[label] == usual)
    drifts: dict[str, dict[str, float]] = {}
    # Of two pictures nothing tells another rate from rounding.
    long = [label for label, each in times.items() if len(each) > 2]
    for label in long if reference in long else ():
        apart = abs(intervals[label] - usual)
        if apart > _doubt(times[label]) + _doubt(times[reference]):
            rate = f"{1 / intervals[label]:.4g}"
            drifts.setdefault(rate, {})[label] = apart / usual * len(times[label])
    others = f"{1 / usual:.4g}" if drifts else ""
    return tuple(
        f"{_named(found)} {rate} pictures per second and the others {others}, which makes "
        f"{max(found.values()):.2g} of a frame at the end; pictures are matched by their count"
        for rate, found in drifts.items()
        if rate != others
    )


def length_notes(
    lengths: Mapping[str, int], counts: Mapping[str, int], last: int | None
) -> tuple[str, ...]:
    """Notes on trailing pictures that are cut.

    ``lengths`` are pictures of whole videos, ``counts`` those from the first frame on, which
    offsets change: where either is even enough nothing is wrong. Frames before ``last`` are wanted.

    Raises:
        CaptureError: if too many are cut, naming the cameras that are shorter or longer.
    """
    count, longest = min(counts.values()), max(counts.values())
    most = min(_MOST_CUT, max(1, int(_MOST_CUT_SHARE * longest)))
    apart = min(longest - count, max(lengths.values()) - min(lengths.values()))
    if apart > most and (last is None or last > count):
        raise _uneven(lengths, most, count)
    if longest == count:
        return ()
    cut = [label for label, each in counts.items() if each > count]
    return (
        f"up to {longest - count} trailing pictures of {len(cut)} cameras ({first_few(cut)}) are "
        "cut, as others end earlier",
    )


def _uneven(lengths: Mapping[str, int], most: int, count: int) -> CaptureError:
    usual = median_high(lengths.values())
    odd = [label for label, each in lengths.items() if abs(each - usual) > most]
    if not odd:
        odd = [label for label, each in lengths.items() if each == min(lengths.values())]
    length = lengths[odd[0]]
    than, remedy = "fewer", "copy the video again"
    if length > usual:
        than, remedy = "more", "give --offset if it began earlier"
    return CaptureError(
        f"{_named(odd)} {length} pictures and others have {usual}, expected at most {most} {than}; "
        f"{remedy}, leave the camera out, or choose frames that all have by --frames 0:{count}"
    )


def _doubt(times: Sequence[Fraction]) -> float:
    """By how many seconds the mean step may be wrong: clocks in milliseconds have uneven steps."""
    steps = [float(b - a) for a, b in pairwise(times)]
    return (max(steps) - min(steps)) / len(steps) + 1e-7


def _named(labels: Collection[str]) -> str:
    is_one = len(labels) == 1
    return f"camera{'' if is_one else 's'} {first_few(labels)} {'has' if is_one else 'have'}"
