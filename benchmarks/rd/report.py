"""The report of all measured points: Markdown for reading beside the code, and one HTML page.

Everything in it comes from the points' files, and from what the methods say of themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.rd.comparison import (
    DELTAS,
    Comparison,
    DeltaKind,
    SceneResults,
    by_scene,
    compare_all,
)
from benchmarks.rd.crops import read_crops
from benchmarks.rd.findings import faults, findings, uncoded_distances
from benchmarks.rd.method import Provenance, find_method
from benchmarks.rd.point import RdPoint, read_points
from benchmarks.rd.report_html import report_page
from benchmarks.rd.report_rows import (
    CONDITION_TITLES,
    DEFINITIONS,
    POINT_COLUMNS,
    PROVENANCE_TITLES,
    THIN_MARK,
    THIN_TEXT,
    Provenances,
    condition_rows,
    point_rows,
    provenance_rows,
    spread_text,
)
from benchmarks.rd.scene_page import scene_text
from hwcodec import replace_file
from render.console import UsageError

MARKDOWN, PAGE = "report.md", "report.html"
Comparisons = Mapping[tuple[str, str], Comparison]


def write_report(results: Path, out: Path) -> tuple[Path, Path]:
    """Write ``report.md`` and ``report.html`` from all points below a folder; the two paths.

    Each replaces an older one as a whole.

    Raises:
        UsageError: if there are no points, or the package that computes BD-rates is missing.
        ResultError: if a point's file is damaged.
    """
    points = read_points(results)
    if not points:
        raise UsageError(f"there are no points below {results}; run benchmark rd first")
    known = known_provenances(points)
    texts = (
        report_markdown(points, known),
        report_page(points, known, read_crops(results, points)),
    )
    paths = (out / MARKDOWN, out / PAGE)
    for path, text in zip(paths, texts, strict=True):
        replace_file(path, text.encode())
    return paths


def known_provenances(points: Iterable[RdPoint]) -> dict[str, Provenance]:
    """What the measured methods say of themselves; none for names that are no method any more."""
    found = {}
    for name in sorted({point.method for point in points}):
        with suppress(ValueError):
            found[name] = find_method(name).provenance
    return found


def report_markdown(points: Sequence[RdPoint], provenances: Provenances) -> str:
    """The whole report as Markdown.

    Raises:
        UsageError: if the package bjontegaard is not installed.
    """
    scenes = by_scene(points)
    parts = ["# Rate and distortion", _definitions()]
    for scene in scenes:
        parts += [f"## {scene.name}", *_scene_parts(scene, provenances)]
    parts += ["## Provenance", _table(PROVENANCE_TITLES, provenance_rows(points, provenances))]
    parts += ["## Conditions", _table(CONDITION_TITLES, condition_rows(points))]
    return "\n\n".join(parts) + "\n"


def _scene_parts(scene: SceneResults, provenances: Provenances) -> list[str]:
    comparisons = compare_all(scene)
    titles = [column.title for column in POINT_COLUMNS]
    numbers = [column.is_number for column in POINT_COLUMNS]
    return [
        scene_text(scene),
        "### What the numbers answer",
        _answers(scene),
        "### Points",
        _table(titles, point_rows(scene.points, provenances), numbers),
        *(part for kind in DELTAS for part in _delta_parts(scene, comparisons, kind)),
        spread_text(comparisons.values()),
    ]


def _delta_parts(scene: SceneResults, comparisons: Comparisons, kind: DeltaKind) -> list[str]:
    return [f"### {kind.title}, row beside column", _matrix(scene, comparisons, kind)]


def _answers(scene: SceneResults) -> str:
    rows = [
        (one.question, one.bar, one.verdict.value, one.found, one.detail) for one in findings(scene)
    ]
    claims = _table(("question", "bar", "verdict", "found", "detail"), rows)
    distances, broken = uncoded_distances(scene), faults(scene)
    details = [
        (
            name,
            f"{-distances[name]:+.2f}" if name in distances else "-",
            "no" if name in broken else "yes",
        )
        for name in scene.methods
    ]
    titles = ("method", "uncoded PSNR beside voxel, dB", "monotone")
    return f"{claims}\n\n{_table(titles, details, (False, True, False))}"


def _matrix(scene: SceneResults, comparisons: Comparisons, kind: DeltaKind) -> str:
    """One of the two deltas for every pair; refused ones lead to a note."""
    notes: dict[str, int] = {}

    def cell(test: str, anchor: str) -> str:
        if test == anchor:
            return ""
        outcome = kind.read(comparisons[test, anchor])
        if outcome.delta is None:
            return f"[{notes.setdefault(outcome.reason, len(notes) + 1)}]"
        return kind.text(outcome.delta) + (THIN_MARK if outcome.is_thin else "")

    anchors = scene.anchors
    rows = [[test, *(cell(test, anchor) for anchor in anchors)] for test in scene.methods]
    lines = [_table(["", *anchors], rows, [False, *[True] * len(anchors)])]
    lines += [THIN_TEXT] if any(THIN_MARK in text for row in rows for text in row) else []
    lines += [f"[{number}] {_plain(reason)}" for reason, number in notes.items()]
    return "\n\n".join(lines)


def _definitions() -> str:
    listed = "\n".join(f"- **{name}**: {text}" for name, text in DEFINITIONS.items())
    return f"The protocol is argued in `benchmarks/README.md`.\n\n{listed}"


def _table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool] = ()
) -> str:
    """A Markdown table; columns of numbers are set to the right."""
    aligned = numbers or [False] * len(titles)
    rule = ["--:" if is_number else "---" for is_number in aligned]
    lines = [titles, rule, *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: one line, and no sign of its own."""
    flat = " ".join(text.split())
    return flat.replace("|", "\\|").replace("<", "&lt;")
