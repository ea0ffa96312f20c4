"""One self-contained page of all measured points: no request leaves it, it works from a file.

Everything can be read without its script, which only hides and shows, and answers pointer and keys.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.output import UNKNOWN
from benchmarks.rd.comparison import SceneResults, by_scene
from benchmarks.rd.lineup import looks
from benchmarks.rd.markup import Markup, tag
from benchmarks.rd.page_parts import answers, table
from benchmarks.rd.point import RdPoint
from benchmarks.rd.report_rows import (
    CONDITION_TITLES,
    DEFINITIONS,
    PROVENANCE_TITLES,
    Provenances,
    condition_rows,
    provenance_rows,
)
from benchmarks.rd.scene_page import ScenePage, scene_section

_ASSETS = Path(__file__).with_name("page")
_NOTHING = (UNKNOWN, "nothing")
_LEDE = (
    "Every method gets the same captures, occupancy, groups of frames, renderer and budget of "
    "training; curves differ by representation and coding alone. Sizes are all bytes that a player "
    "must fetch. Quality is that of held-out views, decoded in a fresh process that has the file "
    "and nothing else."
)


def report_page(
    points: Sequence[RdPoint], provenances: Provenances, crops: Mapping[str, bytes]
) -> str:
    """The page; ``crops`` are pictures by their place, as `crops.read_crops` finds them.

    Raises:
        ValueError: if there are no points.
        UsageError: if the package bjontegaard is not installed.
    """
    if not points:
        raise ValueError("there are no points, expected at least one; run benchmark rd")
    scenes, drawn = by_scene(points), looks(point.method for point in points)
    parts = [
        scene_section(ScenePage(f"scene-{number}", scene, drawn, provenances, crops))
        for number, scene in enumerate(scenes)
    ]
    main = tag("main", _section("answers", "What the numbers answer", answers(scenes)), *parts)
    ends = [
        _section("provenance", "Where the methods come from", _provenance(points, provenances)),
        _section("conditions", "Conditions", _conditions(points)),
        _section("definitions", "Definitions", _definitions()),
    ]
    return _document(
        _header(points, scenes),
        main,
        tag("footer", *ends),
        tag("div", id="tip", aria_hidden="true"),
        tag("script", Markup(_asset("report.js"))),
    )


def _document(*content: str) -> str:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", "Rate and distortion"),
        tag("link", rel="icon", href="data:,"),  # Browsers ask a server for one otherwise.
        tag("style", Markup(_asset("report.css"))),
    )
    return f'<!doctype html>\n<html lang="en">{head}{tag("body", *content)}</html>\n'


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _header(points: Sequence[RdPoint], scenes: Sequence[SceneResults]) -> Markup:
    methods = {point.method for point in points}
    links = [("answers", "Answers")]
    links += [(f"scene-{number}", scene.name) for number, scene in enumerate(scenes)]
    links += [("provenance", "Provenance"), ("conditions", "Conditions")]
    counts = (
        f"{_counted(len(points), 'measured point')} of {_counted(len(methods), 'method')} on "
        f"{_counted(len(scenes), 'scene')}, the latest of "
        f"{max(point.environment.utc for point in points)[:10]}."
    )
    return tag(
        "header",
        tag("h1", "Rate and distortion"),
        tag("p", _LEDE),
        tag("p", counts, class_="quiet"),
        tag("nav", *(tag("a", text, href=f"#{key}") for key, text in links)),
    )


def _section(key: str, title: str, *content: str) -> Markup:
    return tag("section", tag("h2", title), *content, id=key)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _provenance(points: Sequence[RdPoint], provenances: Provenances) -> Markup:
    """A card per method, since texts are too long for columns; what is nothing is left out."""
    cards = []
    for method, origin, *texts in provenance_rows(points, provenances):
        named = zip(PROVENANCE_TITLES[2:], texts, strict=True)
        known = [(title, text) for title, text in named if text not in _NOTHING]
        listed = (part for title, text in known for part in (tag("dt", title), tag("dd", text)))
        heading = tag("h3", method, tag("span", origin, class_="chip"))
        cards.append(tag("li", heading, tag("dl", *listed)))
    return tag("ul", *cards, class_="cards")


def _conditions(points: Sequence[RdPoint]) -> Markup:
    return table(CONDITION_TITLES, condition_rows(points), (), "Where and when points were taken")


def _definitions() -> Markup:
    pairs = [(tag("dt", name), tag("dd", text)) for name, text in DEFINITIONS.items()]
    return tag("dl", *(part for pair in pairs for part in pair), class_="definitions")
