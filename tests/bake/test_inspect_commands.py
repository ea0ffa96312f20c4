"""`inspect-capture` from the command line: what it writes, prints and returns."""

import json

import cv2
import pytest

from bake.inspect_commands import inspect_capture


@pytest.fixture(autouse=True)
def small_grids(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("bake.inspection.consensus._VOTE_BYTES", 3 << 20)
    monkeypatch.chdir(tmp_path)


def test_a_capture_is_looked_over(sphere_folder, tmp_path, capsys) -> None:
    code = inspect_capture([str(sphere_folder), "--out", "looked", "--json", "more/r.json"])
    shown = capsys.readouterr()
    assert code in {0, 1}
    assert "sphere: nerfstudio, 5 cameras, 5 frames at 25 per second, masks" in shown.out
    assert "capture.box=[-1,-1,-1,1,1,1]" in shown.out
    for name in ("cameras.png", "rig.png"):
        assert cv2.imread(str(tmp_path / "looked" / name)) is not None
    report = json.loads((tmp_path / "looked" / "report.json").read_text())
    assert report == json.loads((tmp_path / "more" / "r.json").read_text())
    assert (report["verdict"] == "fault") == (code == 1)


def test_json_alone_is_printed_when_asked_for(sphere_folder, capsys) -> None:
    inspect_capture([str(sphere_folder), "--frame", "1", "--frame", "3", "--json", "-"])
    report = json.loads(capsys.readouterr().out)
    assert report["inspected_frames"] == [1, 3]
    assert report["capture"]["loader"] == "nerfstudio"


def test_the_folder_is_named_after_the_capture(sphere_folder, tmp_path) -> None:
    inspect_capture([str(sphere_folder), "--frames", "0:2"])
    assert (tmp_path / "sphere-inspection" / "report.json").is_file()


def test_faults_are_told_by_the_exit_code(sphere_folder, capsys) -> None:
    small = "[-0.1,5,5,0.1,6,6]"
    assert inspect_capture([str(sphere_folder), "--box", small, "--frame", "0"]) == 1
    assert "verdict: fault" in capsys.readouterr().out


def test_options_reach_the_capture(sphere_folder, capsys) -> None:
    words = ["--scale", "0.5", "--box=-1,-1,-1,1,1,1", "--test", "camera1,camera3", "--json", "-"]
    inspect_capture([str(sphere_folder), *words, "--loader", "nerfstudio"])
    report = json.loads(capsys.readouterr().out)
    assert report["cameras"][0]["width"] == 16
    assert report["scene_box"]["origin"] == "given"
    assert [camera["split"] for camera in report["cameras"]].count("test") == 2


def test_gains_are_applied_before_colors_are_compared(capsys) -> None:
    assert inspect_capture(["procedural:1:64", "--exposure", "2=0.5", "--json", "-"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    blamed = [each for each in findings if each["verdict"] == "fault"]
    assert [(each["view"], each["cause"]) for each in blamed] == [(2, "exposure")]
    assert blamed[0]["value"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere"],
        ["SPHERE", "--frame", "9"],
        ["SPHERE", "--frames", "7:9"],
        ["SPHERE", "--scale", "2"],
        ["SPHERE", "--box", "1,2"],
        ["SPHERE", "--box", "one,two"],
        ["SPHERE", "--loader", "unheard-of"],
        ["SPHERE", "--test", "nobody"],
        ["SPHERE", "--exposure", "nobody=2"],
        ["SPHERE", "--out", "a\0b"],
    ],
)
def test_what_cannot_be_used_is_one_line_and_a_two(sphere_folder, capsys, words) -> None:
    named = [str(sphere_folder) if word == "SPHERE" else word for word in words]
    assert inspect_capture(named) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")


def test_a_file_in_the_way_of_the_folder_is_refused(sphere_folder, tmp_path, capsys) -> None:
    (tmp_path / "taken").write_text("mine")
    assert inspect_capture([str(sphere_folder), "--out", "taken"]) == 2
    assert capsys.readouterr().err.endswith("choose another output path with --out FOLDER\n")
    assert (tmp_path / "taken").read_text() == "mine"


def test_help_tells_the_exit_codes(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        inspect_capture(["--help"])
    assert ended.value.code == 0
    assert "exit code: 0 if nothing is wrong" in capsys.readouterr().out
