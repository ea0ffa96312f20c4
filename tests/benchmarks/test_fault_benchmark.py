"""How findings are judged by what was planted, and what the verb writes, shows and refuses."""

import json
from dataclasses import replace

import pytest

from bake.captures.registry import load_loader
from bake.captures.source import Source
from bake.inspection.findings import Finding, Verdict
from bake.progress import SilentProgress
from benchmarks import fault_benchmark
from benchmarks.commands import benchmark
from benchmarks.fault_benchmark import (
    FAULTS,
    NOTHING,
    FaultPlan,
    FaultRow,
    Outcome,
    alarms_of,
    find_planted,
    judge,
    opposite,
    possible_faults,
    rigs,
    rows_to_json,
    tally,
)
from benchmarks.fault_commands import fault_table
from benchmarks.fault_planting import part_of, without_masks


@pytest.fixture(autouse=True)
def small_grids(monkeypatch) -> None:
    monkeypatch.setattr("bake.inspection.consensus._VOTE_BYTES", 3 << 20)


@pytest.fixture(scope="module")
def fox() -> Source:
    return load_loader("procedural")("procedural:3:48")


@pytest.mark.parametrize(
    ("alarms", "planted", "cause", "expected"),
    [
        ({}, (), "", Outcome.SILENT),
        ({3: ("exposure",)}, (), "", Outcome.WRONG),
        ({None: ("axes flipped",)}, (), "", Outcome.WRONG),
        ({}, (3,), "mirrored", Outcome.SILENT),
        ({3: ("mirrored",)}, (3,), "mirrored", Outcome.NAMED),
        ({3: ("out of step", "mirrored")}, (3,), "mirrored", Outcome.NAMED),
        ({3: ("shifted",)}, (3,), "mirrored", Outcome.NOTICED),
        ({3: ("",)}, (3,), "mirrored", Outcome.NOTICED),
        ({None: ("contradiction",)}, (3,), "mirrored", Outcome.NOTICED),
        ({None: ("contradiction",), 3: ("mirrored",)}, (3,), "mirrored", Outcome.NOTICED),
        ({3: ("mirrored",), 4: ("",)}, (3,), "mirrored", Outcome.WRONG),
        ({4: ("mirrored",)}, (3,), "mirrored", Outcome.WRONG),
        ({3: ("swapped",), 5: ("swapped",)}, (3, 5), "swapped", Outcome.NAMED),
        ({3: ("swapped",)}, (3, 5), "swapped", Outcome.NOTICED),
        ({3: ("swapped",), 5: ("",)}, (3, 5), "swapped", Outcome.NOTICED),
        ({3: ("swapped",), 4: ("swapped",)}, (3, 5), "swapped", Outcome.WRONG),
    ],
)
def test_an_alarm_is_judged_by_what_was_planted(alarms, planted, cause, expected) -> None:
    assert judge(alarms, planted, cause) is expected


def test_alarms_are_faults_and_warnings_with_each_cause_once() -> None:
    findings = [
        Finding("a", 2, Verdict.OK, ""),
        Finding("b", 2, Verdict.FAULT, "", cause="mirrored"),
        Finding("c", 2, Verdict.WARNING, "", cause="mirrored"),
        Finding("d", 2, Verdict.WARNING, ""),
        Finding("e", None, Verdict.NOT_CHECKED, ""),
        Finding("f", 4, Verdict.NOT_CHECKED, "", cause="exposure"),
    ]
    assert alarms_of(findings) == {2: ("mirrored", "")}


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS} | {NOTHING}) == len(FAULTS) + 1


def test_a_capture_has_only_the_faults_that_it_can_have(fox) -> None:
    assert possible_faults(fox) == FAULTS
    names = {fault.name for fault in possible_faults(without_masks(fox))}
    assert {fault.name for fault in FAULTS} - names == {"mask moved by 10 pixels"}
    still = replace(fox, views={0: fox.views[0]})
    assert {f.name for f in FAULTS} - {f.name for f in possible_faults(still)} == {"one frame late"}


@pytest.mark.parametrize("view", range(30))
def test_another_camera_is_opposite(fox, view) -> None:
    assert opposite(fox, view) != view
    assert opposite(fox, opposite(fox, view)) == view


def test_the_whole_rig_is_tried_unless_parts_are_asked_for(fox) -> None:
    for plan in (FaultPlan(), FaultPlan(draws=3), FaultPlan(rig_sizes=(30,), draws=3)):
        (whole,) = rigs(fox, plan)
        assert whole.labels == fox.labels


def test_parts_are_even_first_then_random_and_the_same_every_time(fox) -> None:
    plan = FaultPlan(rig_sizes=(6, 10), draws=3)
    found = [rig.labels for rig in rigs(fox, plan)]
    assert found == [rig.labels for rig in rigs(fox, plan)]
    assert [len(labels) for labels in found] == [6, 6, 6, 10, 10, 10]
    assert len(set(found)) == 6
    assert found[0] == tuple(fox.labels[view] for view in range(0, 30, 5))
    assert all(len(set(labels)) == len(labels) for labels in found)


def test_every_fault_is_tried_in_every_chosen_camera(fox, monkeypatch) -> None:
    looked = []

    class Nothing:
        findings = ()

    monkeypatch.setattr(
        fault_benchmark, "inspect", lambda *all_words: looked.append(all_words) or Nothing()
    )
    rows = list(find_planted(fox, FaultPlan(3, (6, 8)), SilentProgress()))
    assert len(rows) == len(looked) == 2 * (1 + 3 * len(FAULTS))
    assert {row.outcome for row in rows} == {Outcome.SILENT}
    for size in (6, 8):
        for fault in FAULTS:
            named = [r.planted for r in rows if (len(r.rig), r.fault) == (size, fault.name)]
            assert len({planted[0] for planted in named}) == 3
            assert {len(planted) for planted in named} == {2 if fault.is_paired else 1}


def test_a_capture_of_too_few_cameras_is_refused(fox, monkeypatch, capsys) -> None:
    few = part_of(fox, (0, 1, 2))
    monkeypatch.setattr("benchmarks.fault_commands.load_loader", lambda name: lambda path: few)
    assert benchmark(["faults", "procedural:1:16"]) == 2
    error = capsys.readouterr().err
    assert "has 3 cameras, expected 4 or more" in error
    assert "--cameras" not in error


def rows_of(*outcomes: Outcome) -> list[FaultRow]:
    return [FaultRow(("a", "b"), "mirrored", ("a",), outcome, {}) for outcome in outcomes]


def test_rows_are_counted_by_rig_and_fault() -> None:
    rows = [*rows_of(Outcome.NAMED, Outcome.SILENT), FaultRow(("a",), NOTHING, (), "silent", {})]
    found = tally(rows)
    assert list(found) == [(2, "mirrored"), (1, NOTHING)]
    assert found[2, "mirrored"] == {Outcome.NAMED: 1, Outcome.SILENT: 1}


def test_a_file_names_rigs_once() -> None:
    alarms = {"": ("contradiction",), "a": ("mirrored", "")}
    rows = [
        FaultRow(("a", "b"), "mirrored", ("a",), Outcome.NOTICED, alarms),
        FaultRow(("c", "d"), "swapped", ("c", "d"), Outcome.SILENT, {}),
        FaultRow(("a", "b"), NOTHING, (), Outcome.SILENT, {}),
    ]
    record = rows_to_json(rows)
    assert record["rigs"] == ["a,b", "c,d"]
    assert record["rows"] == [
        {
            "rig": 0,
            "fault": "mirrored",
            "planted": "a",
            "outcome": "noticed",
            "alarms": {"": "contradiction", "a": "mirrored,"},
        },
        {"rig": 1, "fault": "swapped", "planted": "c,d", "outcome": "silent", "alarms": {}},
        {"rig": 0, "fault": NOTHING, "planted": "", "outcome": "silent", "alarms": {}},
    ]


def test_the_table_has_a_line_per_fault() -> None:
    lines = fault_table(rows_of(Outcome.NAMED, Outcome.NAMED, Outcome.WRONG)).splitlines()
    assert lines[0].split() == ["cameras", "planted", "named", "noticed", "silent", "wrong", "of"]
    assert lines[1].split() == ["2", "mirrored", "2", "0", "0", "1", "3"]


@pytest.mark.slow
def test_the_verb_plants_inspects_and_writes_rows(tmp_path, capsys) -> None:
    path = tmp_path / "faults.json"
    words = ["faults", "procedural:3:96", "--planted", "1", "--cameras", "14", "--json", str(path)]
    assert benchmark(words) == 0
    shown = capsys.readouterr()
    assert "mirrored" in shown.out
    assert f"/{1 + len(FAULTS)}" in shown.err
    record = json.loads(path.read_text())
    assert record["plan"] == {"camera_count": 1, "rig_sizes": [14], "draws": 1}
    assert record["has_masks"] is True
    assert len(record["rows"]) == 1 + len(FAULTS)
    first, *others = record["rows"]
    assert (first["fault"], first["planted"], first["outcome"]) == (NOTHING, "", "silent")
    assert [rig.count(",") for rig in record["rigs"]] == [13]
    # Pictures of a hundred pixels tell little of a focal length, and nothing of the rest is wrong.
    assert "wrong" not in {row["outcome"] for row in others}
    mirrored = [row for row in others if row["fault"] == "mirrored"]
    assert [row["outcome"] for row in mirrored] == ["named"]
    assert all("mirrored" in row["alarms"][row["planted"]] for row in mirrored)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nowhere"], "nowhere"),
        (["procedural:1:16", "--cameras", "3"], "asks for 3, expected 4 to 30"),
        (["procedural:1:16", "--cameras", "6,31"], "has 30 cameras, and --cameras asks for 31"),
        (["procedural:1:16", "--json", "."], "a folder, expected a file name"),
    ],
)
def test_what_cannot_be_measured_is_refused(capsys, words, named) -> None:
    assert benchmark(["faults", *words]) == 2
    assert named in capsys.readouterr().err
