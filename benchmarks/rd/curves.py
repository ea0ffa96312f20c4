"""Plots as inline SVG: size against quality, and quality frame by frame.

Every point carries its values as a title, which browsers show and readers of screens say; the
page's script turns them into tooltips. Lines are straight between points: nothing is invented.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.rd.axes import Axis, fitted, fitted_logarithmic, tick_text
from benchmarks.rd.comparison import METRICS, Metric
from benchmarks.rd.lineup import DASHES, MARKERS, Look
from benchmarks.rd.markup import Markup, tag
from benchmarks.rd.point import RdPoint

WIDTH, HEIGHT = 460, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 14.0, 28.0, 42.0
_MOST_FRAME_MARKERS = 40
Methods = Mapping[str, tuple[RdPoint, ...]]


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a series, in the units of the axes, and what it says."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """An empty plot: ``key`` is unique on the page, ``tick`` writes values of the lower axis."""

    key: str
    title: str
    x_title: str
    y_title: str
    x: Axis
    y: Axis
    tick: Callable[[float], str]


def swatch(look: Look) -> Markup:
    """A short piece of a method's line with its marker, for legends."""
    line = tag("path", d="M1 6H27", stroke_dasharray=DASHES[look.dash] or None, class_="line")
    mark = tag("path", d=MARKERS[look.marker], transform="translate(14 6)", class_="mark")
    hue = f"swatch hue-{look.hue}"
    return tag("svg", line, mark, class_=hue, viewBox="0 0 28 12", aria_hidden="true")


def rate_chart(key: str, metric: Metric, methods: Methods) -> Chart | None:
    """The empty plot of a metric over size for all methods of a scene; None if none has it."""
    points = [point for points in methods.values() for point in points]
    values = [value for value in map(metric.read, points) if value is not None]
    if not values:
        return None
    sizes = (point.bytes_per_frame / 1e3 for point in points)
    unit = f", {metric.unit}" if metric.unit else ""
    return Chart(
        f"{key}-{metric.name}",
        f"{metric.title} over size",
        "KB per frame, all bytes",
        f"{metric.title}{unit}",
        fitted_logarithmic(sizes, _LEFT, WIDTH - _RIGHT),
        fitted(values, HEIGHT - _BOTTOM, _TOP),
        lambda value: f"{value:g}",
    )


def rate_spots(metric: Metric, points: Iterable[RdPoint]) -> list[Spot]:
    """A method's points on such a plot."""
    return [
        Spot(point.bytes_per_frame / 1e3, value, _point_text(point))
        for point in points
        if (value := metric.read(point)) is not None
    ]


def frame_chart(key: str, points: Sequence[RdPoint]) -> Chart:
    """The empty plot of PSNR frame by frame."""
    scores = [score for point in points for score in point.per_frame]
    frames = [float(score.frame_index) for score in scores]
    return Chart(
        f"{key}-frames",
        "PSNR frame by frame",
        "frame",
        "PSNR, dB",
        replace(fitted(frames, _LEFT, WIDTH - _RIGHT), is_whole=True),
        fitted((score.psnr_db for score in scores), HEIGHT - _BOTTOM, _TOP),
        lambda value: f"{value:g}",
    )


def frame_spots(point: RdPoint) -> list[Spot]:
    """A point's frames on such a plot."""
    return [
        Spot(
            float(score.frame_index),
            score.psnr_db,
            f"{point.method} {point.label}\nframe {score.frame_index}, {score.psnr_db:.2f} dB",
        )
        for score in point.per_frame
    ]


def draw(chart: Chart, series: Mapping[str, Sequence[Spot]], looks: Mapping[str, Look]) -> Markup:
    """The plot with one line per method."""
    count = sum(1 for spots in series.values() if spots)
    described = (
        f"{chart.y_title} against {chart.x_title} of {count} methods: {', '.join(series)}. "
        "The tables on this page hold the same values."
    )
    keys = f"{chart.key}-title", f"{chart.key}-text"
    return tag(
        "svg",
        tag("title", chart.title, id=keys[0]),
        tag("desc", described, id=keys[1]),
        _frame(chart),
        *(_line(chart, name, spots, looks[name]) for name, spots in series.items() if spots),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="group",
        aria_labelledby=" ".join(keys),
    )


def _frame(chart: Chart) -> Markup:
    """Grid, ticks and titles of both axes."""
    parts: list[str] = []
    left, right, bottom = _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM
    ticks = chart.y.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.0
    for value in ticks:
        y = chart.y.place(value)
        parts.append(tag("path", d=f"M{left:.1f} {y:.1f}H{right:.1f}", class_="grid"))
        parts.append(tag("text", tick_text(value, step), x=left - 7, y=y + 4, class_="tick end"))
    for value in chart.x.ticks():
        x = chart.x.place(value)
        parts.append(tag("path", d=f"M{x:.1f} {_TOP:.1f}V{bottom:.1f}", class_="grid"))
        parts.append(tag("text", chart.tick(value), x=x, y=bottom + 17, class_="tick middle"))
    parts.append(tag("text", chart.y_title, x=2, y=12, class_="axis"))
    x_place = {"x": (left + right) / 2, "y": HEIGHT - 6.0}
    parts.append(tag("text", chart.x_title, class_="axis middle", **x_place))
    return tag("g", *parts, aria_hidden="true")


def _line(chart: Chart, method: str, spots: Sequence[Spot], look: Look) -> Markup:
    """A method's line and markers."""
    places = [(chart.x.place(spot.x), chart.y.place(spot.y)) for spot in spots]
    way = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    path = tag("path", d=way, stroke_dasharray=DASHES[look.dash] or None, class_="line")
    small = "" if len(spots) <= _MOST_FRAME_MARKERS else " small"
    marks = [
        tag(
            "g",
            tag("title", spot.text),
            tag("path", d=MARKERS[look.marker], class_="mark"),
            class_=f"spot{small}",
            transform=f"translate({x:.1f} {y:.1f})",
            role="img",
        )
        for spot, (x, y) in zip(spots, places, strict=True)
    ]
    return tag("g", path, *marks, class_=f"series hue-{look.hue}", data_method=method)


def _point_text(point: RdPoint) -> str:
    """What a point says of itself: its name, then its values."""
    values = [f"{metric.title} {metric.text(metric.read(point))}" for metric in METRICS]
    size = f"{point.bytes_per_frame / 1e3:.2f} KB/frame"
    uncoded = f"uncoded {point.uncoded.psnr_db:.2f} dB"
    return f"{point.method} {point.label}\n{', '.join([size, *values, uncoded])}"
