"""The report as text and as JSON says the same, and the JSON is what its head describes."""

import json
from dataclasses import replace

import pytest

from bake.capture import Capture, CaptureOptions
from bake.captures.box import SceneBox
from bake.inspection import report
from bake.inspection.findings import Finding, Verdict
from bake.inspection.inspect import Inspection
from render.geometry import Aabb
from tests.bake.inspection import small_captures

FINDINGS = (
    Finding("scene box", None, Verdict.OK, "stated by the capture"),
    Finding("timing", None, Verdict.NOT_CHECKED, "nothing moves"),
    Finding("pose", 0, Verdict.OK, "rigid", value=1e-9),
    Finding("pose", 1, Verdict.OK, "rigid"),
    Finding("mask", 1, Verdict.WARNING, "at the border", "camera cam01: cut off", "cut off", 0.2),
    Finding("color", 2, Verdict.FAULT, "1.2", "camera cam02: too bright", "exposure", 1.2, (3,)),
)


@pytest.fixture(scope="module")
def found() -> Inspection:
    source = small_captures.balls(5, 32, 6)
    capture = Capture(source, CaptureOptions(path="x", scale=0.5))
    box = Aabb((-1, -1, -1), (1, 1, 2.123456))
    origin = SceneBox(box, "stated by the capture")
    return Inspection(capture, "nerfstudio", (0, 3, 5), origin, box, None, FINDINGS)


def test_the_record_has_the_keys_that_are_described(found) -> None:
    record = report.to_record(found)
    head = report.__doc__ or ""
    assert list(record) == [
        "format",
        "version",
        "capture",
        "verdict",
        "inspected_frames",
        "scene_box",
        "agreed_box",
        "cameras",
        "findings",
    ]
    for part in (record, record["capture"], record["cameras"][0], record["findings"][0]):
        assert not [key for key in part if key not in head]


def test_the_record_is_json_and_comes_back(found) -> None:
    record = json.loads(report.to_json(found))
    assert record == report.to_record(found)
    assert record["format"] == report.FORMAT
    assert record["version"] == report.VERSION == 1
    assert record["verdict"] == "fault"
    assert record["scene_box"]["origin"] == "stated by the capture"


def test_cameras_are_at_the_size_that_was_asked_for(found) -> None:
    camera = report.to_record(found)["cameras"][0]
    assert (camera["width"], camera["height"]) == (16, 16)
    assert camera["focal"] == [24.0, 24.0]
    assert camera["split"] == "train"
    assert report.to_record(found)["cameras"][-1]["split"] == "test"


def test_findings_name_their_camera(found) -> None:
    findings = report.to_record(found)["findings"]
    assert findings[0]["label"] is None
    assert findings[-1]["label"] == "cam02"
    assert findings[-1]["related"] == [3]
    assert findings[-1]["value"] == 1.2


def test_a_missing_box_is_null(found) -> None:
    without = replace(found, box=None, agreed_box=None)
    record = report.to_record(without)
    assert record["scene_box"] is None
    assert record["agreed_box"] is None
    assert "capture.box" not in report.to_table(without)


def test_the_table_has_a_line_per_camera(found) -> None:
    lines = report.to_table(found).splitlines()
    header = next(index for index, line in enumerate(lines) if line.startswith("camera "))
    rows = lines[header + 1 : header + 6]
    assert [row.split()[0] for row in rows] == [f"cam{view:02d}" for view in range(5)]
    assert "FAULT" in rows[2]
    assert "WARNING" in rows[1]
    assert "16x16" in rows[0]


def test_the_table_says_what_to_do_and_ends_with_the_verdict(found) -> None:
    text = report.to_table(found)
    assert text.index("camera cam02: too bright") < text.index("camera cam01: cut off")
    assert "not checked: timing: nothing moves" in text
    assert text.endswith("verdict: fault (1 fault, 1 warning; not checked: timing)")


def test_the_box_can_be_pasted_into_a_bake(found) -> None:
    assert "capture.box=[-1,-1,-1,1,1,2.1235]" in report.to_table(found)
    assert report.as_option(Aabb((0, 0, 0), (1, 2, 3))) == "capture.box=[0,0,0,1,2,3]"


def test_memory_is_that_of_decoded_pictures(found) -> None:
    assert report.frame_bytes(found) == 5 * 16 * 16 * 4


def test_findings_are_found_by_view(found) -> None:
    assert [finding.check for finding in found.of_view(1)] == ["pose", "mask"]
    assert [finding.check for finding in found.of_view(None)] == ["scene box", "timing"]
