"""`bake-status` says whether a bake runs, where it is, how good it is, and how to go on."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bake import status_commands as module
from bake.scene_folder import LOG_FILE, SCENE_FILE, STATUS_FILE
from bake.status_commands import bake_status, report_on
from bake.watching.process_mark import this_process
from bake.watching.run_log import LogProgress
from bake.watching.status import BakeFacts, BakeStatus, write_status

FACTS = BakeFacts("fox: 300 frames", "bake-sequence out=s rate=low", "folder", "cpu (asked)", "k")
HERE = this_process()
DEAD = replace(HERE, start="1", boot="an earlier run")
ELSEWHERE = replace(HERE, host="node7")


@pytest.fixture
def root(tmp_path) -> Path:
    """A bake on record at frame 17 of 300, with figures of three frames."""
    record(tmp_path)
    log = LogProgress(tmp_path, FACTS)
    log.start("atlas", 300)
    for quality in (31.0, 29.0, 33.0):
        log.advance(psnr=quality, estimated_bytes=900.0)
    (tmp_path / "atlas").mkdir()
    (tmp_path / "atlas" / "frame.npy").write_bytes(bytes(1000))
    return tmp_path


def record(root: Path, ago: float = 0.0, **changes: object) -> None:
    now = time.time()
    status = BakeStatus(FACTS, HERE, now - 3700, now - ago, "running", "", "atlas", 16, 300, 7500.0)
    write_status(root, replace(status, **changes))


def said(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert bake_status([str(root), *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_running_bake(root, capsys) -> None:
    text = said(root, capsys)
    first, *facts = text.splitlines()
    assert first == f"{root}: running, frame 17 of 300 (atlas), about 2 h 05 min left in this stage"
    assert "62 min of work, process" in facts[0]
    assert facts[1:] == [
        "  capture  fox: 300 frames",
        "  command  bake-sequence out=s rate=low",
        "  in       folder",
        "  device   cpu (asked)",
        "  quality  31.00 dB on training rays, mean of 3 frames; least 29.00 (frame 1), latest "
        "33.00",
        f"  stored   {stored(root) / 1e6:.1f} MB in 3 files",
    ]


def stored(root: Path) -> int:
    names = (STATUS_FILE, LOG_FILE, "atlas/frame.npy")
    return sum((root / name).stat().st_size for name in names)


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        (
            {"process": DEAD},
            "stopped at frame 17 of 300 (atlas), run the same command to resume (its process "
            "ended without a word: killed, or the machine was turned off)",
        ),
        (
            {"state": "stopped", "reason": "Ctrl-C"},
            "stopped at frame 17 of 300 (atlas), run the same command to resume (Ctrl-C)",
        ),
        (
            {"state": "failed", "reason": "the disk is full; free some space"},
            "failed at frame 17 of 300 (atlas), run the same command to resume once this is "
            "repaired: the disk is full; free some space",
        ),
        (
            {"state": "finished", "done": 300},
            "stopped at frame 300 of 300 (atlas), run the same command to resume (scene.json is "
            "missing since)",
        ),
        (
            {"process": ELSEWHERE, "left": None, "ago": 7300},
            "at frame 17 of 300 (atlas) on node7, last heard 2 h 02 min ago",
        ),
    ],
    ids=["killed", "stopped", "failed", "spoiled", "elsewhere"],
)
def test_every_other_state_and_what_to_do(root, capsys, changes, headline) -> None:
    record(root, **changes)
    assert said(root, capsys).splitlines()[0] == f"{root}: {headline}"


def test_a_finished_bake(root, capsys) -> None:
    record(root, state="finished", done=300)
    (root / SCENE_FILE).write_text("{}")
    assert said(root, capsys).splitlines()[0] == f"{root}: finished, 300 frames"


def test_everything_for_scripts(root, capsys) -> None:
    found = json.loads(said(root, capsys, "--json"))
    assert found["state"] == "running"
    assert found["status"]["stage"] == "atlas"
    assert found["status"]["left"] == pytest.approx(7500, abs=5)
    assert found["psnr"] == {
        "count": 3,
        "mean": 31.0,
        "least": 29.0,
        "least_frame": 1,
        "latest": 33.0,
    }
    assert (found["stored_files"], found["stored_bytes"]) == (3, stored(root))


def test_a_bake_without_a_record_is_told_by_its_files(tmp_path, capsys) -> None:
    (tmp_path / "atlas").mkdir()
    assert "stopped; no status was recorded here" in said(tmp_path, capsys)
    (tmp_path / SCENE_FILE).write_text("{}")
    assert "finished; no status was recorded here" in said(tmp_path, capsys)
    assert json.loads(said(tmp_path, capsys, "--json"))["status"] is None


def test_watching_goes_on_until_the_bake_ends_and_repeats_nothing(
    root, capsys, monkeypatch
) -> None:
    steps = [
        {},
        {"done": 17, "updated": 1001.0},
        {"done": 17, "updated": 1001.0},
        {"process": DEAD, "updated": 1002.0},
    ]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        record(root, **({"updated": 1000.0} | steps[len(waits)]))

    record(root, updated=1000.0)
    monkeypatch.setattr(module.time, "sleep", wait)
    heads = [line for line in said(root, capsys, "--watch").splitlines() if line[0] != " "]
    assert [head.partition(": ")[2].partition(",")[0] for head in heads] == [
        "running",
        "running",
        "stopped at frame 17 of 300 (atlas)",
    ]
    assert len(waits) == 3


def test_ctrl_c_ends_watching_quietly(root, capsys, monkeypatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "sleep", interrupt)
    assert said(root, capsys, "--watch").startswith(f"{root}: running")


def test_watching_for_scripts_is_a_line_per_report(root, capsys) -> None:
    record(root, state="failed", reason="no")
    (line,) = said(root, capsys, "--watch", "--json").splitlines()
    assert json.loads(line)["state"] == "failed"


@pytest.mark.parametrize("name", ["missing", "a\0b", "empty"])
def test_a_folder_without_a_bake_exits_with_2(tmp_path, capsys, name) -> None:
    (tmp_path / "empty").mkdir()
    assert bake_status([str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "expected the out folder of bake-sequence" in error


def test_a_damaged_record_exits_with_1_and_a_remedy(root, capsys) -> None:
    (root / STATUS_FILE).write_text("{")
    assert bake_status([str(root)]) == 1
    assert "writes it anew" in capsys.readouterr().err


def test_files_that_vanish_while_they_are_counted_do_not_count(root, monkeypatch) -> None:
    stat = Path.stat

    def vanish(path: Path, **options: bool) -> object:
        if path.name == "frame.npy":
            raise FileNotFoundError(2, "No such file", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "is_file", lambda path: path.name != "atlas")
    monkeypatch.setattr(Path, "stat", vanish)
    monkeypatch.setattr(Path, "is_dir", lambda path: path.name == "atlas" or path == root)
    assert report_on(root).stored_files == 2
