"""One bake at a time in a folder; a dead one blocks nobody."""

import errno
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bake.errors import FolderError
from bake.pipeline import bake
from bake.progress import SilentProgress
from bake.scene_folder import STATUS_FILE
from bake.watching.process_mark import this_process
from bake.watching.scene_lock import only_bake
from bake.watching.status import BakeFacts, BakeStatus, write_status

ROOT = Path(__file__).resolve().parents[3]
locks = pytest.mark.skipif(os.name != "posix", reason="locks as POSIX systems do")
HOLD = (
    "import sys; from pathlib import Path; from bake.watching.scene_lock import only_bake\n"
    "with only_bake(Path(sys.argv[1])):\n"
    "    print('held', flush=True); input()\n"
)


def hold(root: Path) -> None:
    with only_bake(root):
        pass


def record(root: Path, **changes: object) -> None:
    now = time.time()
    status = BakeStatus(BakeFacts("fox"), this_process(), now, now)
    write_status(root, replace(status, **changes))


@locks
def test_a_second_bake_is_refused_until_the_first_ends(tmp_path) -> None:
    with only_bake(tmp_path):
        with pytest.raises(FolderError, match=r"another bake is writing.*wait until it ends"):
            hold(tmp_path)
        assert list(tmp_path.iterdir()) == []
    hold(tmp_path)


@locks
def test_an_error_in_a_bake_frees_the_folder(tmp_path) -> None:
    with pytest.raises(ZeroDivisionError), only_bake(tmp_path):
        raise ZeroDivisionError
    hold(tmp_path)


@locks
def test_the_refusal_names_the_process_that_is_at_work(tmp_path) -> None:
    record(tmp_path)
    with only_bake(tmp_path), pytest.raises(FolderError) as caught:
        hold(tmp_path)
    assert f"process {os.getpid()} on {this_process().host}" in str(caught.value)


@locks
@pytest.mark.parametrize("text", ["{", None], ids=["damaged", "ended"])
def test_a_record_of_nobody_at_work_names_nobody(tmp_path, text) -> None:
    if text is None:
        record(tmp_path, state="finished")
    else:
        (tmp_path / STATUS_FILE).write_text(text)
    with only_bake(tmp_path), pytest.raises(FolderError, match=r"into \S+, expected one"):
        hold(tmp_path)


@locks
def test_another_process_is_refused_and_a_killed_one_is_taken_over(tmp_path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(FolderError, match="another bake"):
            hold(tmp_path)
        child.kill()
    hold(tmp_path)


@locks
def test_the_pipeline_itself_refuses_and_leaves_everything_alone(
    open_sphere, tiny_config, tmp_path
) -> None:
    (tmp_path / "atlas").mkdir()
    (tmp_path / "scene.json").write_text("finished by the other one")
    with only_bake(tmp_path), pytest.raises(FolderError, match="another bake"):
        bake(open_sphere(":1"), tiny_config(), tmp_path, SilentProgress())
    assert (tmp_path / "scene.json").read_text() == "finished by the other one"


@pytest.fixture
def no_locks(monkeypatch) -> None:
    """A file system that cannot lock, as some network ones."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(folder: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_a_living_process_on_record_is_believed(tmp_path, no_locks) -> None:
    record(tmp_path)
    if not this_process().start:
        pytest.skip("this system does not tell whether a process lives")
    with pytest.raises(FolderError, match="another bake"):
        hold(tmp_path)


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_without_locks_a_dead_one_is_taken_over_with_a_warning(
    tmp_path, no_locks, capsys, state
) -> None:
    record(tmp_path, state=state, process=replace(this_process(), start="1", boot="earlier"))
    hold(tmp_path)
    assert "cannot be locked (No locks available)" in capsys.readouterr().err


def test_a_system_without_such_locks_is_told_of(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    hold(tmp_path)
    assert "this system has no such locks" in capsys.readouterr().err
