"""One scene on the page: its plots, its deltas, and everything at one common size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from benchmarks.rd.comparison import (
    DELTAS,
    METRICS,
    Metric,
    SceneResults,
    common_size,
    compare_all,
    matched,
)
from benchmarks.rd.curves import draw, frame_chart, frame_spots, rate_chart, rate_spots, swatch
from benchmarks.rd.lineup import Look, panels
from benchmarks.rd.markup import Markup, tag
from benchmarks.rd.page_parts import byte_bars, crop_grid, matrices, table
from benchmarks.rd.point import RdPoint
from benchmarks.rd.report_rows import POINT_COLUMNS, Provenances, point_rows

# Columns of the two tables at the common size; plots and the table of all points hold the rest.
_TIMES = "method, rate, KB/frame, Mbit/s, PSNR dB, uncoded dB, fit s, encode s, decode fps, "
_TIMES += "render views/s, decoder MB"
_DECODERS = "method, rate, decoder, profile, verify"


@dataclass(frozen=True, slots=True, eq=False)
class ScenePage:
    """A scene with what its part of the page needs; ``key`` is unique on the page."""

    key: str
    scene: SceneResults
    looks: Mapping[str, Look]
    provenances: Provenances
    crops: Mapping[str, bytes]


def scene_section(page: ScenePage) -> Markup:
    """The scene's part of the page."""
    scene, nearest = page.scene, matched(page.scene)
    return tag(
        "section",
        tag("h2", scene.name),
        tag("p", scene_text(scene), class_="quiet"),
        _heading("Size and quality", _choice(page, "metric", [(m.name, m.title) for m in METRICS])),
        _rate_panels(page),
        _heading(
            "What one method costs beside another",
            _choice(page, "delta", [(kind.name, kind.title) for kind in DELTAS]),
        ),
        matrices(scene, compare_all(scene)),
        _heading(f"At about {common_size(scene) / 1e3:.1f} KB per frame"),
        tag("p", "Of each method the point nearest to the size that suits all.", class_="quiet"),
        crop_grid(scene.name, nearest, page.crops, page.looks),
        _frame_panels(page, nearest),
        byte_bars(nearest),
        _chosen(page, nearest.values(), _TIMES, "Time and memory"),
        _chosen(page, nearest.values(), _DECODERS, "What decodes it"),
        _all_points(page),
        id=page.key,
    )


def scene_text(scene: SceneResults) -> str:
    """Frames and held-out views of a scene, in a sentence."""
    first = scene.points[0]
    size = "x".join(map(str, first.view_size))
    views = ", ".join(map(str, first.view_indices))
    return (
        f"{first.frame_count} frames at {float(Fraction(first.frame_rate)):g} per second; held-out "
        f"views {views} of {size} pixels."
    )


def _heading(text: str, *more: str) -> Markup:
    return tag("div", tag("h3", text), *more, class_="heading")


def _choice(page: ScenePage, what: str, options: Sequence[tuple[str, str]]) -> Markup:
    """Buttons of which one is on; the script wires them, and without it everything is shown."""
    buttons = [
        tag("button", title, type="button", data_choose=what, data_value=name)
        for name, title in options
    ]
    label = f"{what} on {page.scene.name}"
    return tag("div", *buttons, class_="choice", role="group", aria_label=label)


def _rate_panels(page: ScenePage) -> Markup:
    """Per family a panel, all of a metric on the same axes."""
    figures = []
    for number, (title, names) in enumerate(panels(page.scene.methods)):
        plots = [
            tag("div", _rate_plot(page, number, metric, names), data_metric=metric.name)
            for metric in METRICS
        ]
        figures.append(_panel(page, title, names, plots))
    return tag("div", *figures, class_="panels")


def _rate_plot(page: ScenePage, number: int, metric: Metric, names: Sequence[str]) -> Markup:
    chart = rate_chart(f"{page.key}-{number}", metric, page.scene.methods)
    if chart is None:
        return tag("p", f"{metric.title} was not measured on this scene.", class_="quiet")
    series = {name: rate_spots(metric, page.scene.methods[name]) for name in names}
    return draw(chart, series, page.looks)


def _frame_panels(page: ScenePage, nearest: Mapping[str, RdPoint]) -> Markup:
    """PSNR frame by frame at the common size."""
    if not any(point.per_frame for point in nearest.values()):
        return tag("p", "Nothing was measured frame by frame.", class_="quiet")
    figures = []
    for number, (title, names) in enumerate(panels(nearest)):
        chart = frame_chart(f"{page.key}-{number}", list(nearest.values()))
        series = {name: frame_spots(nearest[name]) for name in names}
        plot = draw(chart, series, page.looks)
        figures.append(_panel(page, f"{title}, frame by frame", names, [plot]))
    return tag("div", *figures, class_="panels")


def _panel(page: ScenePage, title: str, names: Sequence[str], plots: Sequence[Markup]) -> Markup:
    buttons = [
        tag(
            "button",
            swatch(page.looks[name]),
            name,
            type="button",
            data_toggle=name,
            aria_pressed="true",
        )
        for name in names
    ]
    legend = tag("div", *buttons, class_="legend", role="group", aria_label="methods shown")
    return tag("figure", tag("figcaption", title), *plots, legend, class_="panel")


def _chosen(page: ScenePage, points: Iterable[RdPoint], titles: str, caption: str) -> Markup:
    """Some columns of the table of points."""
    columns = {column.title: number for number, column in enumerate(POINT_COLUMNS)}
    kept = [columns[title] for title in titles.split(", ")]
    rows = point_rows(points, page.provenances)
    return table(
        [POINT_COLUMNS[n].title for n in kept],
        [[row[n] for n in kept] for row in rows],
        [POINT_COLUMNS[n].is_number for n in kept],
        caption,
    )


def _all_points(page: ScenePage) -> Markup:
    """Everything that the plots show, as a table."""
    points = page.scene.points
    titles = ", ".join(column.title for column in POINT_COLUMNS)
    content = _chosen(page, points, titles, f"All points of {page.scene.name}")
    summary = tag("summary", f"All {len(points)} points as a table")
    return tag("details", summary, content)
