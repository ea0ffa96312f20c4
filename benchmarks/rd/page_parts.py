"""The tables and bars of the page: verdicts, deltas as heat, bytes by kind, cut-outs."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.rd.comparison import DELTAS, Comparison, DeltaKind, Outcome, SceneResults
from benchmarks.rd.crops import crop_name, data_url, truth_name
from benchmarks.rd.curves import swatch
from benchmarks.rd.findings import Finding, Verdict, findings
from benchmarks.rd.lineup import Look
from benchmarks.rd.markup import Markup, join, tag
from benchmarks.rd.point import RdPoint
from benchmarks.rd.report_rows import THIN_MARK, THIN_TEXT, spread_text

Comparisons = Mapping[tuple[str, str], Comparison]
_MARKS = {Verdict.MET: "✓", Verdict.NOT_MET: "✗", Verdict.NOT_MEASURED: "○"}
# A delta of this size, or more, has the full color: a quarter or four times the bytes; 3 dB.
_FULL = {"rate": math.log(4), "psnr": 3.0}
_KIND_COLORS = 8
_LONG_CELL = 20  # Letters of a cell that may wrap, in a column of some width.
_LONG = 160  # Letters of detail that are folded away.


def text_with_code(text: str) -> Markup:
    """Text in which words between backticks are code."""
    pieces = typeset(text).split("`")
    return join(*(tag("code", p) if number % 2 else p for number, p in enumerate(pieces)))


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[bool], caption: str
) -> Markup:
    """A table that scrolls by itself where it is too wide; the first cell of a row is its head."""
    listed, aligned = list(rows), numbers or [False] * len(titles)
    kinds = []
    for number, is_number in enumerate(aligned):
        longest = max((len(row[number]) for row in listed), default=0)
        word = "word long" if longest > _LONG_CELL else "word"
        kinds.append("number" if is_number else word)
    heads = zip(titles, kinds, strict=True)
    head = tag("tr", *(tag("th", title, scope="col", class_=kind) for title, kind in heads))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in listed
    ]
    return _scrolling(
        tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    )


def answers(scenes: Sequence[SceneResults]) -> Markup:
    """Every question with what each scene says to it."""
    found = {scene.name: findings(scene) for scene in scenes}
    first = next(iter(found.values()), [])
    cards = [
        tag(
            "li",
            tag("h3", text_with_code(one.question)),
            tag("p", "Bar: ", text_with_code(one.bar), class_="quiet"),
            tag("dl", *(_answer(name, listed[number]) for name, listed in found.items())),
        )
        for number, one in enumerate(first)
    ]
    return tag("ul", *cards, class_="answers")


def matrix(scene: SceneResults, comparisons: Comparisons, kind: DeltaKind) -> Markup:
    """One of the two deltas of every pair as a heat table, with the reasons of refused pairs."""
    anchors = scene.anchors
    head = tag("tr", tag("td"), *(tag("th", tag("span", n), scope="col") for n in anchors))
    body = [
        tag(
            "tr",
            tag("th", test, scope="row"),
            *(_heat(kind, test, anchor, comparisons.get((test, anchor))) for anchor in anchors),
        )
        for test in scene.methods
    ]
    caption = tag("caption", f"{kind.title}: row beside column. ", _legend(kind))
    outcomes = [kind.read(one) for one in comparisons.values()]
    heat = tag("table", caption, tag("thead", head), tag("tbody", *body), class_="heat")
    notes = [tag("p", THIN_TEXT, class_="quiet")] if any(one.is_thin for one in outcomes) else []
    return tag("div", _scrolling(heat), *notes, _refusals(outcomes), data_delta=kind.name)


def matrices(scene: SceneResults, comparisons: Comparisons) -> Markup:
    """Both deltas, one below the other; the page's script shows one at a time."""
    spread = spread_text(comparisons.values())
    return tag(
        "div",
        *(matrix(scene, comparisons, kind) for kind in DELTAS),
        tag("p", spread, class_="quiet"),
        class_="matrices",
    )


def byte_bars(points: Mapping[str, RdPoint]) -> Markup:
    """What the bytes of each method's point are for, as stacked shares of the whole."""
    kinds = _kinds(points.values())
    rows = [_bar(method, point, kinds) for method, point in points.items()]
    keys = [
        tag("li", tag("i", class_=f"kind-{min(number, _KIND_COLORS - 1)}"), name)
        for number, name in enumerate(kinds)
    ]
    return join(
        tag("p", "What the bytes are for, and KB per frame in all", class_="quiet lead"),
        tag("ul", *keys, class_="kinds"),
        tag("table", tag("tbody", *rows), class_="bars", aria_label="bytes by what they are for"),
    )


def crop_grid(
    scene: str,
    points: Mapping[str, RdPoint],
    crops: Mapping[str, bytes],
    looks: Mapping[str, Look],
) -> Markup:
    """The same cut-out of the captured picture and of every method; empty without cut-outs."""
    truth = _picture(crops.get(truth_name(scene)), "the captured picture")
    figures = [tag("figure", truth, tag("figcaption", tag("b", "captured")))] if truth else []
    for method, point in points.items():
        size, level = f"{point.bytes_per_frame / 1e3:.1f} KB/frame", point.quality.psnr_db
        picture = _picture(crops.get(crop_name(point)), f"{method} at {size}")
        if picture:
            name = tag("b", swatch(looks[method]), method)
            lines = (f" {point.label}", tag("br"), size, tag("br"), f"{level:.2f} dB")
            text = tag("figcaption", name, *lines)
            figures.append(tag("figure", picture, text))
    return tag("div", *figures, class_="crops") if figures else Markup("")


def typeset(text: str) -> str:
    """Text with minus signs before numbers, and units that stay with theirs."""
    signed = re.sub(r"(?<![\w-])-(?=\d)", "\N{MINUS SIGN}", text)
    return re.sub(r"(?<=\d) (?=dB|%|KB)", "\N{NO-BREAK SPACE}", signed)


def _answer(scene: str, finding: Finding) -> Markup:
    word = finding.verdict.value
    chip = tag("span", _MARKS[finding.verdict], " ", word, class_=f"chip {word.replace(' ', '-')}")
    is_open = finding.verdict is Verdict.NOT_MEASURED
    found, rest = (finding.detail, "") if is_open else (finding.found, typeset(finding.detail))
    small = tag("small", rest) if rest else ""
    if len(rest) > _LONG:
        small = tag("details", tag("summary", "one by one"), small)
    return tag("div", tag("dt", scene, " ", chip), tag("dd", text_with_code(found), small))


def _heat(kind: DeltaKind, test: str, anchor: str, one: Comparison | None) -> Markup:
    """A cell: the color says better or worse and how much, the text says the value."""
    if one is None:
        return tag("td", class_="same")
    outcome = kind.read(one)
    delta = outcome.delta
    if delta is None:
        return tag("td", "·", class_="refused", title=f"{test} beside {anchor}: {outcome.reason}")
    size = math.log1p(max(delta.value, -99.9) / 100) if kind.is_cost else delta.value
    text = f"{delta.value:+.{kind.digits - 1}f}".replace("-", "\N{MINUS SIGN}")
    said = f"{kind.text(delta)} {kind.unit} over {kind.range_text(delta)}"
    return tag(
        "td",
        text,
        THIN_MARK if outcome.is_thin else "",
        class_="better" if (delta.value < 0) == kind.is_cost else "worse",
        style=f"--heat:{min(abs(size) / _FULL[kind.name], 1.0):.2f}",
        title=f"{test} beside {anchor}: {said}",
    )


def _legend(kind: DeltaKind) -> Markup:
    words = ("smaller", "larger") if kind.is_cost else ("better", "worse")
    return join(
        tag("span", words[0], class_="better key", style="--heat:.7"),
        " ",
        tag("span", words[1], class_="worse key", style="--heat:.7"),
    )


def _refusals(outcomes: Iterable[Outcome]) -> Markup:
    reasons = list(dict.fromkeys(one.reason for one in outcomes if one.reason))
    if not reasons:
        return Markup("")
    return tag(
        "details",
        tag("summary", f"Why some pairs have no value ({len(reasons)})"),
        tag("ul", *(tag("li", reason) for reason in reasons)),
    )


def _kinds(points: Iterable[RdPoint]) -> list[str]:
    """Kinds of bytes, the largest over all points first."""
    totals: dict[str, float] = {}
    for point in points:
        for kind, size in point.bytes_by_kind.items():
            totals[kind] = totals.get(kind, 0) + size / point.size_bytes
    return sorted((kind for kind, total in totals.items() if total), key=lambda k: -totals[k])


def _bar(method: str, point: RdPoint, kinds: Sequence[str]) -> Markup:
    pieces = []
    for number, kind in enumerate(kinds):
        size = point.bytes_by_kind.get(kind, 0) / point.frame_count
        if size:
            share = 100 * size / point.bytes_per_frame
            said = f"{kind} {size / 1e3:.2f} KB/frame, {share:.1f} %"
            look = f"kind-{min(number, _KIND_COLORS - 1)}"
            hidden = tag("span", f"{said}; ", class_="unseen")
            width = f"width:{share:.3f}%"
            pieces.append(tag("i", hidden, class_=look, style=width, title=f"{method}: {said}"))
    total = f"{point.bytes_per_frame / 1e3:.1f}"
    bar = tag("td", tag("div", *pieces, class_="bar"))
    return tag("tr", tag("th", method, scope="row"), bar, tag("td", total, class_="number"))


def _picture(data: bytes | None, text: str) -> Markup | None:
    address = None if data is None else data_url(data)
    return tag("img", src=address, alt=text) if address else None


def _scrolling(content: Markup) -> Markup:
    """Wide tables scroll inside the page; reachable by keyboard for that."""
    return tag("div", content, class_="wide", tabindex="0", role="group")
