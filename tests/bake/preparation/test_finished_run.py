"""A finished run given again: nothing to do where nothing changed, else what differs."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bake.capture import CaptureOptions, open_capture
from tests.bake.preparation.conftest import COUNT, Studio


def change(studio: Studio, what: Callable[[dict[str, Any]], object]) -> None:
    path = studio.out / "capture.json"
    document = json.loads(path.read_text())
    what(document)
    path.write_text(json.dumps(document))


def contents(studio: Studio) -> dict[str, tuple[int, bytes]]:
    files = [path for path in studio.out.rglob("*") if path.is_file()]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def refusal(studio: Studio, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    capsys.readouterr()
    before = contents(studio)
    assert studio.prepare(*more) == 2
    assert contents(studio) == before
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"error: {studio.out} exists already and ")
    assert told.endswith(", expected a new or empty folder; remove it or choose another")
    return told


def test_the_same_command_again_has_nothing_to_do(studio, capsys) -> None:
    words = ("--masks", str(studio.masks), "--offset", "cam1=1", "--box", "-.6,-.6,-.6,.9,.6,.6")
    assert studio.prepare(*words) == 0
    before = contents(studio)
    capsys.readouterr()
    assert studio.prepare(*words) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{studio.out} is finished already, nothing to do; next: ")
    assert "camera 1/4" not in said.err
    assert contents(studio) == before
    assert not list(studio.folder.glob(".*"))


def test_words_that_change_nothing_written_are_the_same_command(studio, capsys) -> None:
    assert studio.prepare() == 0
    assert studio.prepare("--check-sync", "--frames", f"0:{COUNT}") == 0
    assert "nothing to do" in capsys.readouterr().out


def test_the_keys_are_kept_and_the_capture_opens(studio) -> None:
    assert studio.prepare() == 0
    document = json.loads((studio.out / "capture.json").read_text())
    assert document["provenance"]["keys"].keys() == {*studio.labels}
    assert open_capture(CaptureOptions(str(studio.out))).frame_count == COUNT


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--frames", "1:4"), "(frames: 6 there, 3 now)"),
        (("--test", "cam2"), "(held-out cameras: cam0 there, cam2 now)"),
        (("--offset", "cam2=1"), "offsets: {} there, {'cam2': 1} now"),
        (("--chroma-key", "green"), "(masks: none there, chroma key 40,170,70 now)"),
        (("--lossless",), "(files, frames or color (--lossless) of cam0, cam1, cam2, cam3)"),
        (("--margin", "0.2"), "(calibration or crop of cam0"),
        (("--box", "-1,-1,-1,1,1,0.9"), "(box: [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]] there, "),
        (("--frame-rate", "30"), "(frame rate: 25 there, 30 now)"),
    ],
)
def test_another_command_is_refused_and_what_differs_is_said(studio, capsys, words, told) -> None:
    box = ("--box=-0.5,-0.5,-0.5,0.5,0.5,0.5",) if "--margin" in words else ()
    assert studio.prepare(*box) == 0
    assert told in refusal(studio, capsys, *box, *words)


def test_changed_videos_calibration_and_cameras_are_named(studio, capsys) -> None:
    assert studio.prepare("--no-crop") == 0
    studio.film(1, range(1, COUNT + 1))
    told = refusal(studio, capsys, "--no-crop")
    assert "something else or otherwise (files, frames or color (--lossless) of cam1)" in told

    def move(document: dict[str, Any]) -> None:
        document["frames"][3]["transform_matrix"][0][3] += 0.01

    studio.write_cameras(move)
    assert "(calibration or crop of cam3)" in refusal(studio, capsys, "--no-crop")
    (studio.videos / "cam3.mp4").unlink()
    told = refusal(studio, capsys, "--no-crop", "--subset")
    assert "cameras: cam0, cam1, cam2, cam3 there, cam0, cam1, cam2 now" in told


def test_a_finished_capture_that_lacks_a_file_is_not_taken_for_whole(studio, capsys) -> None:
    assert studio.prepare() == 0
    (studio.out / "video/cam2.mp4").unlink()
    assert "and lacks video/cam2.mp4," in refusal(studio, capsys)


def test_captures_without_keys_and_damaged_ones_are_refused_before_any_look(studio, capsys) -> None:
    assert studio.prepare() == 0
    change(studio, lambda document: document["provenance"].pop("keys"))
    (studio.videos / "cam1.mp4").unlink()
    told = refusal(studio, capsys)
    assert "does not say what it was made from (by 'prepare-capture " in told
    (studio.out / "capture.json").write_text("{")
    assert "and cannot be read (" in refusal(studio, capsys)
