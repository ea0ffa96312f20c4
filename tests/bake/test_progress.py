"""Progress lines say where a stage is, how long it took and what is left."""

import io
import sys

import pytest

from bake import progress as module
from bake.progress import LineProgress, SilentProgress, StageClock, duration_text


class Clock:
    """Time that only passes when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_line_says_stage_place_time_and_message(clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("atlas", 3)
    clock.now += 2.5
    progress.advance("frame 0")
    assert stream.getvalue() == "atlas 1/3  2.5 s  (about 5 s left)  frame 0\n"


def test_the_time_left_follows_the_items_so_far(clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("atlas", 4)
    for seconds in (1, 3):
        clock.now += seconds
        progress.advance()
    assert stream.getvalue().splitlines()[1] == "atlas 2/4  3.0 s  (about 4 s left)"


def test_the_last_item_has_nothing_left_and_no_trailing_space(clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("encode", 1)
    clock.now += 60
    progress.advance()
    assert stream.getvalue() == "encode 1/1  60.0 s\n"


def test_a_new_stage_starts_its_own_count_and_clock(clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("occupancy", 1)
    clock.now += 50
    progress.advance()
    clock.now += 50  # Between the stages.
    progress.start("atlas", 2)
    clock.now += 0.2
    progress.advance()
    assert stream.getvalue().splitlines()[1] == "atlas 1/2  0.2 s"


def test_lines_go_to_standard_error_unless_told_otherwise(capsys) -> None:
    progress = LineProgress()
    progress.start("atlas", 1)
    progress.advance("done")
    written = capsys.readouterr()
    assert written.out == ""
    assert "atlas 1/1" in written.err
    assert sys.stderr is not None


def test_silent_progress_says_nothing(capsys) -> None:
    progress = SilentProgress()
    progress.start("atlas", 1)
    progress.advance("done")
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", "")


def test_a_resumed_item_says_nothing_about_the_time_left(clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("atlas", 20)
    for _ in range(9):
        clock.now += 0.1
        progress.advance("resumed", is_resumed=True)
    clock.now += 60
    progress.advance("trained", psnr=30.0)
    lines = stream.getvalue().splitlines()
    assert not [line for line in lines[:9] if "left" in line]
    assert lines[9] == "atlas 10/20  60.0 s  (about 10 min left)  trained"


def test_an_item_that_took_far_longer_than_others_does_not_count(clock) -> None:
    stage = StageClock("atlas", 100)
    assert stage.left is None
    for seconds in (600, 10, 10, 10):
        clock.now += seconds
        stage.advance(is_resumed=False)
    assert (stage.done, stage.spent, stage.left) == (4, 10, 960)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1.4, "1 s"),
        (119.4, "119 s"),
        (119.5, "2 min"),
        (3599, "60 min"),
        (7169, "119 min"),
        (7170, "2 h 00 min"),
        (11_100, "3 h 05 min"),
        (100 * 3600, "100 h 00 min"),
    ],
)
def test_long_times_are_told_in_minutes_and_hours(seconds, text) -> None:
    assert duration_text(seconds) == text
