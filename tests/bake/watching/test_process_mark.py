"""A process is told apart from others that have had its number, and from those elsewhere."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bake.watching import process_mark as module
from bake.watching.process_mark import ProcessMark, this_process

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of processes")


def mark_of(child: subprocess.Popen[bytes]) -> ProcessMark:
    return replace(this_process(), pid=child.pid, start=module._start_of(child.pid))


@linux
def test_this_process_is_running_and_keeps_its_mark() -> None:
    mark = this_process()
    assert mark.pid == os.getpid()
    assert mark.is_running
    assert mark == this_process()


@linux
def test_another_process_runs_until_it_ends_even_before_anybody_asks_how() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = mark_of(child)
    assert mark.start
    assert mark.is_running
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # It stays a zombie.
    assert Path(f"/proc/{child.pid}").exists()
    assert mark.is_running is False
    child.communicate()
    assert mark.is_running is False


@linux
def test_a_number_that_another_process_has_now_is_another_process() -> None:
    mark = this_process()
    assert replace(mark, start=str(int(mark.start) - 1)).is_running is False


@linux
def test_nothing_survives_a_restart_of_the_machine() -> None:
    assert replace(this_process(), boot="an earlier run").is_running is False


def test_another_machine_or_container_cannot_be_looked_into() -> None:
    assert replace(this_process(), host="elsewhere").is_running is None
    assert replace(this_process(), space="pid:[1]").is_running is None


def test_a_system_that_tells_nothing_leaves_it_unknown(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(module, "_PROC", tmp_path / "nothing")
    mark = this_process()
    assert (mark.boot, mark.space, mark.start) == ("", "", "")
    assert mark.is_running is None


def test_a_name_with_blanks_and_parentheses_hides_nothing(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(module, "_PROC", tmp_path)
    (tmp_path / "7").mkdir()
    behind = " ".join(["S", *map(str, range(2, 40))])
    (tmp_path / "7" / "stat").write_text(f"7 (a) Z (b c)) {behind}\n")
    assert module._start_of(7) == "20"
    (tmp_path / "7" / "stat").write_text("7 (cut off) S 1")
    assert module._start_of(7) == ""


def test_a_mark_survives_json() -> None:
    mark = this_process()
    assert ProcessMark.from_json(mark.to_json()) == mark


@pytest.mark.parametrize(
    "change", [{"pid": -1}, {"pid": "1"}, {"host": None}, {"start": 5}], ids=str
)
def test_a_damaged_mark_is_refused(change) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        ProcessMark.from_json(this_process().to_json() | change)


def test_a_mark_without_a_field_is_refused() -> None:
    record = this_process().to_json()
    del record["boot"]
    with pytest.raises(ValueError, match="boot"):
        ProcessMark.from_json(record)
