"""Reports: where the bytes of a package go, what a table shows, and files that are whole or old."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.capture import CaptureOptions, open_capture
from benchmarks.evaluate import EvaluateOptions, evaluate
from benchmarks.metrics import PSNR_CAP_DB, SSIM_SIGMA, SSIM_WINDOW
from benchmarks.output import aligned, write_json
from benchmarks.provenance import Commit, Environment, Machine
from benchmarks.report import (
    DEFINITIONS,
    KIB,
    bytes_by_kind,
    bytes_per_frame,
    describe_package,
    evaluation_record,
    evaluation_table,
)
from benchmarks.results_table import insert_table, main, read_evaluations, results_table
from benchmarks.stopwatch import Rate
from benchmarks.subject import Subject
from render.scene import open_scene

RATES = {"atlas": Rate((12.5, 10.0, 99.0)), "luma": Rate((20.0,))}
ENVIRONMENT = Environment(
    Commit("f" * 40, is_dirty=True), Machine("cpu", 2, None, None, "Linux"), {}, "evaluate", "now"
)


@pytest.fixture(scope="module")
def subject(baked_packages) -> Subject:
    capture = open_capture(CaptureOptions("procedural:3:32"))
    return Subject(open_scene(baked_packages["h264"]), capture)


@pytest.fixture(scope="module")
def record(subject) -> dict:
    evaluation = evaluate(subject, EvaluateOptions(views=(25,), every=2))
    return evaluation_record(subject, evaluation, RATES, ENVIRONMENT)


def test_a_frames_bytes_are_its_packet_and_its_shares(subject) -> None:
    scene, path = subject.scene, subject.scene.package.path
    disk = {
        p.relative_to(path).as_posix(): p.stat().st_size for p in path.rglob("*") if p.is_file()
    }
    shared, expected = dict(disk), [0.0] * 3
    for index, (first, count) in enumerate(((0, 2), (2, 1))):
        packets = scene.package.bitstream(index).packets
        stream = scene.package.streams[index]["name"]
        group = shared.pop(f"streams/{stream}.mp4") + shared.pop(f"blobs/occupancy{index:04d}")
        rest = group - sum(len(packet.data) for packet in packets)
        for packet in packets:
            expected[first + packet.pts] = len(packet.data) + rest / count
    everywhere = sum(shared.values()) / 3
    assert bytes_per_frame(subject) == pytest.approx([own + everywhere for own in expected])


def test_every_file_of_a_package_has_its_kind(subject) -> None:
    kinds = bytes_by_kind(subject.scene.package, subject.scene)
    blobs = {p.name: p.stat().st_size for p in (subject.scene.package.path / "blobs").iterdir()}
    occupancy = sum(size for name, size in blobs.items() if name.startswith("occupancy"))
    assert kinds["occupancy"] == occupancy > 0
    assert kinds["network"] + kinds["rig"] == sum(blobs.values()) - occupancy
    assert min(kinds["network"], kinds["rig"], kinds["manifest"], kinds["pictures"]) > 0
    assert (kinds["other"], kinds["container"]) == (0, 0)


def test_a_package_is_described_by_its_own_records(baked_packages) -> None:
    for name, codec, depth in (("raw", "raw", 8), ("h264", "h264", 8)):
        found = describe_package(open_scene(baked_packages[name]))
        assert (found["codec"], found["bit_depth"], found["package"]) == (codec, depth, name)
        assert (found["frame_count"], found["group_count"]) == (3, 2)
        assert found["frame_rate"] == "30"
        assert found["requested"] == found["encoder"]
        assert json.loads(json.dumps(found)) == found


def test_the_record_holds_medians_of_the_rates_and_the_frames_that_were_looked_at(record) -> None:
    assert (record["decode_fps"], record["luma_fps"]) == (12.5, 20.0)
    assert record["encode_fps"] is None
    assert record["evaluated_frames"] == [0, 2]
    assert [entry["original_frame"] for entry in record["per_frame"]] == [0, 2]
    assert record["per_view"] == [{"view": 25, **{n: record[n] for n in METRICS}}]
    assert record["codec_loss_db"] is record["psnr_bake"] is None
    assert record["commit"] == {"revision": "f" * 40, "is_dirty": True}


METRICS = ("psnr", "psnr_foreground", "ssim", "temporal_psnr", "psnr_bake")


def test_the_definitions_state_the_constants_in_use() -> None:
    assert f"capped at {PSNR_CAP_DB:g}" in DEFINITIONS["psnr"]
    assert f"{SSIM_WINDOW}x{SSIM_WINDOW}, sigma {SSIM_SIGMA}" in DEFINITIONS["ssim"]


def test_every_defined_number_is_in_the_record(record) -> None:
    for name in DEFINITIONS:
        part, _, inner = name.partition(".")
        assert part in record
        assert not inner or all(inner in entry for entry in record[part])


def test_the_table_shows_sizes_in_kib_and_bits_in_mbit(record) -> None:
    changed = {**record, "bytes_per_frame": 1.5 * KIB, "bits_per_second": 2_345_678.0}
    lines = {
        line[:24].strip(): line[24:].strip() for line in evaluation_table(changed).splitlines()
    }
    assert lines["KiB per frame"] == "1.50"
    assert lines["bit rate"] == "2.35 Mbit/s at 30 fps"
    assert lines["pictures"] == "1 views of 32x32, 2 of 3 frames"
    assert "temporal PSNR" not in lines


cells = st.text(
    st.characters(categories=("L", "N", "P"), max_codepoint=0x17F), min_size=1, max_size=6
)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5))
def test_columns_begin_at_the_same_place_in_every_row(rows) -> None:
    lines = aligned(rows).split("\n")
    starts = [0, 2 + max(len(row[0]) for row in rows)]
    starts.append(starts[1] + 2 + max(len(row[1]) for row in rows))
    for line, row in zip(lines, rows, strict=True):
        assert line == line.rstrip()
        assert all(line.startswith(cell, at) for cell, at in zip(row, starts, strict=True))


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, b"bytes"])
def test_a_record_that_cannot_be_written_leaves_the_older_file(tmp_path: Path, value) -> None:
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"psnr": 1.5, "name": "größe"})
    before = path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"psnr": value})
    assert path.read_bytes() == before
    assert "größe" in before.decode()
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def as_table(record: Mapping, **changes: object) -> str:
    return results_table([{**record, **changes}])


def test_an_evaluation_file_becomes_a_row_of_the_readme(record, tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", record)
    write_json(tmp_path / "b.json", {"format": "videorf-decode-benchmark", "fps": 3})
    (found,) = read_evaluations(tmp_path)
    row = results_table([found]).splitlines()[2]
    assert row.startswith(f"| procedural | libx264 8-bit | qp 24 | {record['psnr']:.2f} | ")
    assert row.endswith(" - |")


def test_conditions_list_every_machine_and_commit_once(record) -> None:
    other = {**record, "machine": {"cpu": "another", "core_count": 8}}
    text = results_table([record, other, record]).splitlines()[-1]
    assert "2 and 8 cores (another, cpu)" in text
    assert text.count("f" * 10) == 1


def test_a_loss_of_nothing_is_a_number_and_no_loss_is_a_dash(record) -> None:
    assert "| 0.00 |" in as_table(record, codec_loss_db=0.0)
    assert "| 0.00 |" not in as_table(record, codec_loss_db=None)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_updating_a_document_twice_is_updating_it_once(before, inside, after) -> None:
    document = f"{before}<!-- results -->{inside}<!-- end of results -->{after}"
    once = insert_table(document, "| row |")
    assert insert_table(once, "| row |") == once
    assert once.startswith(before)
    assert once.endswith(after)


@pytest.mark.parametrize(
    "text",
    ["<!-- results -->", "<!-- end of results --><!-- results -->", "<!-- end of results -->"],
)
def test_a_document_with_half_the_markers_is_left_as_it_is(tmp_path: Path, text) -> None:
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="add both"):
        main([str(path)])
    assert path.read_text() == text


def test_frames_without_a_score_count_in_no_mean(subject) -> None:
    evaluation = evaluate(subject, EvaluateOptions(views=(24, 25)))
    first, *rest = evaluation.scores
    changed = replace(evaluation, scores=(replace(first, psnr_foreground=None), *rest))
    kept = [score.psnr_foreground for score in rest]
    assert changed.average("psnr_foreground") == pytest.approx(sum(kept) / len(kept))
    assert changed.average("psnr_foreground", frame_index=0) == rest[0].psnr_foreground
