"""What a bake tells of itself: written as it goes, true at its end, and never in its way."""

import math
from pathlib import Path

import numpy as np
import pytest

from bake.progress import SharedProgress, SilentProgress
from bake.scene_folder import LOG_FILE, STATUS_FILE
from bake.watching import status_progress as module
from bake.watching.run_log import read_log
from bake.watching.status import BakeFacts, BakeStatus, read_status
from bake.watching.status_progress import StatusProgress, Tolerant, facts_of, recorded
from render.console import HungUp, Terminated
from render.devices import ON_CPU

FACTS = BakeFacts("fox", "bake-sequence", key="one")


class Clock:
    """Time that only passes when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def written(root: Path) -> BakeStatus:
    status = read_status(root)
    assert status is not None
    return status


def test_a_stage_is_on_record_when_it_begins(tmp_path) -> None:
    progress = StatusProgress(tmp_path, FACTS)
    assert not (tmp_path / STATUS_FILE).exists()
    progress.start("occupancy", 4)
    status = written(tmp_path)
    assert (status.state, status.stage, status.done, status.total) == ("running", "occupancy", 0, 4)
    assert status.about == FACTS
    assert status.process.is_running is not False
    assert status.left is None


def test_items_figures_and_time_left_follow(tmp_path, clock) -> None:
    progress = StatusProgress(tmp_path, FACTS)
    progress.start("atlas", 4)
    clock.now += 5
    progress.advance("for people", psnr=31.5)
    status = written(tmp_path)
    assert (status.done, status.figures, status.left) == (1, {"psnr": 31.5}, 15)


def test_quick_items_are_not_all_written_but_the_end_is(tmp_path, clock) -> None:
    progress = StatusProgress(tmp_path, FACTS)
    progress.start("atlas", 9)
    for _ in range(3):
        clock.now += 0.1
        progress.advance()
    assert written(tmp_path).done == 0
    clock.now += 1
    progress.advance()
    assert written(tmp_path).done == 4
    progress.advance()
    progress.end("finished")
    assert (written(tmp_path).done, written(tmp_path).state) == (5, "finished")


def test_an_end_without_a_beginning_writes_nothing(tmp_path) -> None:
    StatusProgress(tmp_path, FACTS).end("failed", "another bake is at work")
    assert list(tmp_path.iterdir()) == []


def test_all_observers_are_told_in_turn(tmp_path) -> None:
    told: list[object] = []

    class Listener(SilentProgress):
        def advance(self, message: str = "", **figures: float) -> None:
            told.append((message, figures))

    with recorded(tmp_path, FACTS, Listener(), Listener()) as progress:
        progress.start("atlas", 1)
        progress.advance("frame 0", psnr=30.0)
    assert told == [("frame 0", {"is_resumed": False, "psnr": 30.0})] * 2
    assert [item.figures for item in read_log(tmp_path)] == [{"psnr": 30.0}]
    assert written(tmp_path).state == "finished"


def broken_off(root: Path, done: int, error: BaseException) -> None:
    """A bake of 300 frames that ends after so many."""
    with recorded(root, FACTS) as progress:
        progress.start("atlas", 300)
        for _ in range(done):
            progress.advance()
        raise error


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ValueError("the disk\n is full"), "failed", "the disk is full"),
        (MemoryError(), "failed", "MemoryError"),
        (KeyboardInterrupt(), "stopped", "Ctrl-C"),
        (Terminated(), "stopped", "asked to terminate"),
        (HungUp(), "stopped", "its terminal is gone"),
    ],
    ids=["failed", "without a word", "Ctrl-C", "terminated", "hung up"],
)
def test_every_end_is_on_record_with_its_reason(tmp_path, error, state, reason) -> None:
    with pytest.raises(type(error)):
        broken_off(tmp_path, 16, error)
    status = written(tmp_path)
    assert (status.state, status.reason, status.done) == (state, reason, 16)


def test_who_stops_a_bake_is_told_where_and_how_to_go_on(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        broken_off(tmp_path, 1, KeyboardInterrupt())
    assert str(caught.value) == (
        "stopped at frame 2 of 300 (atlas); run the same command again to resume"
    )


class Full(SilentProgress):
    """A disk without space, which is asked to write again and again."""

    asked = 0

    def start(self, stage: str, total: int) -> None:
        self._refuse()

    def advance(self, message: str = "", **figures: float) -> None:
        self._refuse()

    def show(self, name: str, draw: object) -> None:
        self._refuse()

    def _refuse(self) -> None:
        self.asked += 1
        raise OSError(28, "No space left on device")


def test_a_record_that_cannot_be_written_is_told_of_once_and_stops_nothing(capsys) -> None:
    full = Full()
    progress = Tolerant(full, "the log")
    progress.start("atlas", 2)
    progress.advance(psnr=1.0)
    progress.show("view", lambda: np.zeros((1, 1, 3), np.uint8))
    assert full.asked == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the log cannot be written")
    assert "No space left" in line


def test_a_bake_without_any_space_for_its_record_still_ends(tmp_path, monkeypatch, capsys) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_status", refuse)
    with recorded(tmp_path, FACTS) as progress:
        progress.start("atlas", 1)
        progress.advance()
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [LOG_FILE]


def test_figures_that_are_no_numbers_stay_out_of_records(tmp_path) -> None:
    with recorded(tmp_path, FACTS) as progress:
        progress.start("atlas", 1)
        progress.advance(psnr=math.nan, vertices=np.float64(7), error=math.inf)
    assert [item.figures for item in read_log(tmp_path)] == [{"vertices": 7}]


def test_shared_progress_lets_everybody_draw() -> None:
    drawn: list[str] = []

    class Painter(SilentProgress):
        def show(self, name: str, draw: object) -> None:
            drawn.append(name)

    SharedProgress(Painter(), SilentProgress(), Painter()).show("view", lambda: np.zeros((1, 1, 3)))
    assert drawn == ["view", "view"]


def test_facts_tell_the_capture_and_differ_when_the_result_would(open_sphere, tiny_config) -> None:
    config = tiny_config()
    facts = facts_of(open_sphere(":4"), config, ON_CPU, "bake-sequence out=s")
    assert facts.capture == "sphere: 4 frames, 4 training and 1 held-out views of 32x32"
    assert facts.command == "bake-sequence out=s"
    assert facts.folder == str(Path.cwd())
    same = facts_of(open_sphere(":4"), config, ON_CPU, "another call")
    assert same.key == facts.key
    others = [
        facts_of(open_sphere(":3"), config, ON_CPU, ""),
        facts_of(open_sphere(":4"), tiny_config(seed=9), ON_CPU, ""),
    ]
    assert len({facts.key, *(other.key for other in others)}) == 3
