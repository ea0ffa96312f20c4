"""One writer at a time: held by one, told to others, and never left behind."""

import errno
import os
from pathlib import Path

import pytest

from bake import folder_lock as module
from bake.folder_lock import FolderTaken, locked

fcntl = pytest.importorskip("fcntl", reason="this system has no POSIX locks")


def hold(root: Path) -> str:
    with locked(root) as reason:
        return reason


def test_a_folder_is_held_until_the_block_ends(tmp_path) -> None:
    with locked(tmp_path) as reason:
        assert reason == ""
        with pytest.raises(FolderTaken):
            hold(tmp_path)
        assert list(tmp_path.iterdir()) == []
    assert hold(tmp_path) == ""


def test_other_folders_are_free(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with locked(tmp_path / "a"):
        assert hold(tmp_path / "b") == ""


def test_an_error_frees_the_folder(tmp_path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    assert hold(tmp_path) == ""


def test_a_folder_that_is_renamed_stays_held_and_is_freed(tmp_path) -> None:
    (tmp_path / "work").mkdir()
    with locked(tmp_path / "work"):
        (tmp_path / "work").rename(tmp_path / "out")
        with pytest.raises(FolderTaken):
            hold(tmp_path / "out")
    assert hold(tmp_path / "out") == ""


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_the_reason_is_given(tmp_path, monkeypatch, number) -> None:
    def refuse(folder: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path) as reason:
        assert reason == os.strerror(number)


def test_no_descriptor_is_left_open(tmp_path, monkeypatch) -> None:
    closed, close = [], os.close
    monkeypatch.setattr(module.os, "close", lambda number: (closed.append(number), close(number)))
    with locked(tmp_path):
        with pytest.raises(FolderTaken):
            hold(tmp_path)
        assert len(closed) == 1
    assert len(closed) == 2
