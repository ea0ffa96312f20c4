"""The report as Markdown and as files: every point, every pair or its reason, and nothing typed."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.provenance import CHECKOUT, Commit
from benchmarks.rd import report as report_module
from benchmarks.rd.crops import crop_name, data_url, read_crops, truth_name
from benchmarks.rd.findings import (
    MOTION_SAVING_PERCENT,
    TUNING_SAVING_PERCENT,
    UNCODED_DISTANCE_DB,
    VARIABLE_RATE_COST_PERCENT,
    Verdict,
)
from benchmarks.rd.method import METHODS
from benchmarks.rd.point import RdPoint, StreamNote, point_file, write_point
from benchmarks.rd.report import MARKDOWN, PAGE, known_provenances, report_markdown, write_report
from benchmarks.rd.report_rows import (
    CONDITION_TITLES,
    POINT_COLUMNS,
    PROVENANCE_TITLES,
    THIN_MARK,
    condition_rows,
    point_rows,
    provenance_rows,
    spread_text,
)
from benchmarks.rd.scenes import SCENES
from benchmarks.results import ResultError
from render.console import UsageError
from tests.benchmarks.rd.made_up_points import ENVIRONMENT, PROVENANCE, curve, made_up, moved

WEBP = b"RIFF\0\0\0\0WEBP"
POINTS = [
    *curve("videorf", 1),
    *curve("rerf", 3),
    *moved(curve("hpc", 2), 3, 30.0),
    *curve("rerf", 3, scene="host"),
]
KNOWN = {"videorf": PROVENANCE, "rerf": PROVENANCE}


def section(text: str, title: str) -> str:
    """What stands between a heading and the next of its kind."""
    _, _, rest = text.partition(f"{title}\n")
    marks = title.partition(" ")[0]
    return rest.split(f"\n{marks} ")[0]


def table(text: str) -> list[list[str]]:
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_every_scene_and_every_point_is_in_the_report() -> None:
    text = report_markdown(POINTS, KNOWN)
    assert text.index("## performer") < text.index("## host") < text.index("## Provenance")
    rows = table(section(section(text, "## performer"), "### Points"))
    assert rows[0] == [column.title for column in POINT_COLUMNS]
    assert len(rows) == 2 + 15
    assert len(table(section(section(text, "## host"), "### Points"))) == 2 + 5


def test_a_row_says_everything_of_a_point() -> None:
    (row,) = point_rows([made_up("rerf", 123_450, 33.333, "q50")], {"rerf": PROVENANCE})
    titles = [column.title for column in POINT_COLUMNS]
    assert dict(zip(titles, row, strict=True)) == {
        "method": "rerf",
        "rate": "q50",
        "origin": "reimplemented",
        "KB/frame": "12.35",
        "Mbit/s": "2.96",
        "PSNR dB": "33.33",
        "foreground dB": "24.83",
        "SSIM": "0.9915",
        "temporal dB": "34.33",
        "uncoded dB": "41.00",
        "fit s": "120",
        "encode s": "3.5",
        "decode fps": "12.5",
        "render views/s": "10.0",
        "decoder MB": "300",
        "decoder": "own program on the processor",
        "profile": "hq10",
        "verify": "yes",
    }


@pytest.mark.parametrize(
    ("note", "text"),
    [
        (StreamNote("web8", is_verified=True, reason=""), "yes"),
        (StreamNote("", is_verified=False, reason="it is 4:4:4"), "no: it is 4:4:4"),
        (StreamNote("", is_verified=None, reason="no video stream"), "no video stream"),
        (StreamNote("", is_verified=None, reason=""), "-"),
    ],
)
def test_a_row_says_whether_the_stream_is_verified_or_why_not(note, text) -> None:
    (row,) = point_rows([replace(made_up("rerf", 1000, 30), stream=note)], {})
    assert row[-1] == text


def test_a_stage_that_took_no_time_has_no_rate() -> None:
    point = made_up("rerf", 1000, 30)
    (row,) = point_rows([replace(point, timing=replace(point.timing, decode_s=0.0))], {})
    assert row[[column.title for column in POINT_COLUMNS].index("decode fps")] == "-"


def test_every_pair_has_a_value_or_a_note_that_says_why() -> None:
    text = section(report_markdown(POINTS, KNOWN), "## performer")
    part = section(text, "### BD-rate in percent, row beside column")
    head, _, *rows = table(part)
    assert head[1:] == [row[0] for row in rows] == ["videorf", "rerf", "hpc"]
    assert rows[0][1:] == ["", "-66.7", "[1]"]
    assert rows[1][1:] == ["+200.0", "", "[1]"]
    assert rows[2][1:] == ["[1]", "[1]", ""]
    assert "[1] hpc is not monotone: 96.00 KB/frame gives 30.000 dB" in part
    levels = table(section(text, "### BD-PSNR in dB, row beside column"))
    assert float(levels[2][2].rstrip(THIN_MARK)) > 0 > float(levels[3][1].rstrip(THIN_MARK))
    assert "Akima instead of PCHIP" in text


def test_a_thin_overlap_is_marked_and_explained() -> None:
    higher = [made_up("rerf", p.size_bytes, p.quality.psnr_db + 3.5) for p in curve("x", 1)]
    text = report_markdown([*curve("videorf", 1), *higher], {})
    part = section(text, "### BD-rate in percent, row beside column")
    assert table(part)[3][1].endswith(THIN_MARK)
    assert "less than 50 %" in part


def test_every_claim_has_a_verdict() -> None:
    text = section(report_markdown(POINTS, KNOWN), "## performer")
    rows = table(section(text, "### What the numbers answer"))[2:9]
    assert [row[2] for row in rows].count(Verdict.NOT_MEASURED.value) == 5
    assert [row[2] for row in rows].count(Verdict.NOT_MET.value) == 2


def test_provenance_is_printed_for_every_method_known_or_not() -> None:
    rows = provenance_rows(POINTS, KNOWN)
    assert [row[0] for row in rows] == ["videorf", "rerf", "hpc"]
    assert rows[0][2:] == (
        PROVENANCE.source,
        PROVENANCE.reproduced,
        PROVENANCE.simplified,
        PROVENANCE.not_run,
        PROVENANCE.official_code,
        PROVENANCE.decoder,
    )
    assert "not among the methods" in rows[2][2]
    assert all(len(row) == len(PROVENANCE_TITLES) for row in rows)


def test_conditions_are_grouped_with_how_many_points_they_hold() -> None:
    dirty = replace(ENVIRONMENT, commit=Commit("f" * 40, is_dirty=True), utc="2031-01-01")
    later = replace(ENVIRONMENT, utc="2030-09-09T00:00:00+00:00")
    points = [replace(p, environment=e) for p, e in zip(POINTS, [dirty, later], strict=False)]
    rows = condition_rows([*points, *POINTS[2:]])
    assert len(rows) == 2
    assert all(len(row) == len(CONDITION_TITLES) for row in rows)
    assert rows[0][:2] == ("1", "ffffffffff with changes")
    assert rows[1][0] == str(len(POINTS) - 1)
    assert rows[1][1] == "0123456789"
    assert rows[1][2] == "A processor, 2 cores, 8 GiB, Linux x86_64"
    assert rows[1][4] == "2030-01-02T03:04:05+00:00 to 2030-09-09T00:00:00+00:00"
    assert rows[1][5] == "python 3.11.0, torch 2.0"


def test_text_cannot_break_a_table_or_become_markup() -> None:
    odd = replace(PROVENANCE, source="a | b\n<script>")
    text = report_markdown(curve("rerf", 1), {"rerf": odd})
    assert "a \\| b &lt;script>" in text


def test_without_comparisons_there_is_no_spread() -> None:
    assert spread_text([]) == ""


def stored(folder: Path, points: list[RdPoint]) -> Path:
    for point in points:
        path = point_file(folder, point.scene, point.method, point.label)
        write_point(path, point)
        (folder / crop_name(point)).write_bytes(WEBP + point.label.encode())
    return folder


def test_both_files_are_written_and_replaced_as_a_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(report_module, "known_provenances", lambda _: KNOWN)
    results, out = stored(tmp_path / "results", POINTS), tmp_path / "out"
    paths = write_report(results, out)
    assert paths == (out / MARKDOWN, out / PAGE)
    assert sorted(path.name for path in out.iterdir()) == [PAGE, MARKDOWN]
    first = [path.read_bytes() for path in paths]
    write_report(results, out)
    assert [path.read_bytes() for path in paths] == first
    assert first[1].count(b"data:image/webp;base64") == 4  # One point per method and scene.


def test_the_report_may_lie_among_the_results(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(report_module, "known_provenances", lambda _: {})
    results = stored(tmp_path, curve("rerf", 1))
    write_report(results, results)
    write_report(results, results)


def test_no_points_are_refused_with_what_to_run(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"no points below .*run benchmark rd first"):
        write_report(tmp_path, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_point_stops_the_report_and_leaves_the_old_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(report_module, "known_provenances", lambda _: {})
    results = stored(tmp_path / "results", curve("rerf", 1))
    markdown, _ = write_report(results, tmp_path / "out")
    before = markdown.read_bytes()
    (results / "performer/rerf/q1.json").write_text("{")
    with pytest.raises(ResultError, match=r"q1\.json"):
        write_report(results, tmp_path / "out")
    assert markdown.read_bytes() == before


def test_only_measured_methods_are_asked_what_they_are(monkeypatch) -> None:
    asked = []

    def find(name: str) -> object:
        asked.append(name)
        if name not in METHODS:
            raise ValueError(name)
        return type("Method", (), {"provenance": PROVENANCE})

    monkeypatch.setattr(report_module, "find_method", find)
    points = [made_up("rerf", 1000, 30), made_up("gone", 1000, 30)]
    assert known_provenances(points) == {"rerf": PROVENANCE}
    assert asked == ["gone", "rerf"]


def test_crops_are_found_by_place_and_missing_ones_left_out(tmp_path) -> None:
    points = curve("rerf", 1)
    stored(tmp_path, points[:3])
    (tmp_path / truth_name("performer")).write_bytes(WEBP)
    found = read_crops(tmp_path, points)
    assert sorted(found) == [
        *(f"performer/rerf/q{n}.webp" for n in range(3)),
        "performer/truth.webp",
    ]
    assert found["performer/rerf/q1.webp"] == WEBP + b"q1"


@pytest.mark.parametrize("crop", ["../../secret", "a/../../../secret", ""])
def test_a_crop_that_points_elsewhere_is_not_read(tmp_path, crop) -> None:
    (tmp_path / "secret").write_bytes(WEBP)
    results = tmp_path / "results"
    results.mkdir()
    assert read_crops(results, [replace(made_up("rerf", 1000, 30), crop=crop)]) == {}


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (WEBP, "data:image/webp;base64,"),
        (b"\x89PNG\r\n", "data:image/png;base64,"),
        (b"\xff\xd8\xff\xe0", "data:image/jpeg;base64,"),
    ],
)
def test_a_picture_becomes_an_address_by_its_signature(data, start) -> None:
    assert str(data_url(data)).startswith(start)


@pytest.mark.parametrize("data", [b"", b"<svg onload=x>", b"RIFF" + bytes(5 << 20)])
def test_what_is_no_picture_or_too_large_is_not_embedded(data) -> None:
    assert data_url(data) is None


PROTOCOL = (CHECKOUT / "benchmarks" / "README.md").read_text()


@pytest.mark.parametrize("name", [*METHODS, *SCENES])
def test_the_protocol_names_every_method_and_scene(name) -> None:
    assert f"`{name}`" in PROTOCOL


def test_the_protocol_states_the_bars_that_findings_use() -> None:
    assert f"at most {UNCODED_DISTANCE_DB:g} dB below `voxel`" in PROTOCOL
    assert f"at least {MOTION_SAVING_PERCENT:g} % below `rerf-intra`" in PROTOCOL
    assert f"at most {VARIABLE_RATE_COST_PERCENT:g} % above `vrvvc-separate`" in PROTOCOL
    assert f"at least {TUNING_SAVING_PERCENT:g} % below `videorf-plain`" in PROTOCOL


@pytest.mark.parametrize("name", SCENES)
def test_the_protocol_states_the_budget_of_every_scene(name) -> None:
    config = SCENES[name].config(Path("captures"))
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PROTOCOL, flags=re.MULTILINE)
    steps = config.optimize
    budget = (steps.first_iterations, steps.group_iterations, steps.iterations)
    assert " / ".join(map(str, budget)) in row
    assert f"| {config.resolution}" in row


def test_files_that_the_protocol_names_exist() -> None:
    named = re.findall(r"`((?:benchmarks|tests|configs)/[\w./]+?)`", PROTOCOL)
    assert named
    outputs = {"benchmarks/results/rd"}
    assert not [name for name in {*named} - outputs if not (CHECKOUT / name).exists()]
