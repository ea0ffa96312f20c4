"""Exit codes and the one line that a failing command leaves behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hwcodec import BackendUnavailable, BitstreamError, ContainerError, UnsupportedConfig
from render.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_HUNG_UP,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    HungUp,
    Terminated,
    UsageError,
    note,
    run,
    say,
    warn,
)
from render.errors import CameraError, SceneError

ROOT = Path(__file__).resolve().parents[2]


class FromAbove(Exception):
    """Stands for an error of a higher layer."""


class UsageFromAbove(FromAbove):
    """Belongs to both families at once."""


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_done_work_is_silent_and_returns_zero(capsys) -> None:
    assert run(lambda: None) == EXIT_DONE
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error",
    [
        UsageError("no"),
        UnsupportedConfig("no"),
        BackendUnavailable("no"),
        CameraError("no"),
        FileNotFoundError(2, "No such file", "a.png"),
        NotADirectoryError(20, "Not a directory", "a.png"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_requests_that_cannot_be_met_end_with_two(error, capsys) -> None:
    assert run(raising(error)) == EXIT_USAGE
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    "error",
    [
        ContainerError("no"),
        BitstreamError("no"),
        SceneError("no"),
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied", "a.png"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_work_that_fails_ends_with_one(error, capsys) -> None:
    assert run(raising(error)) == EXIT_FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (KeyboardInterrupt(), EXIT_INTERRUPTED),
        (Terminated(), EXIT_TERMINATED),
        (Terminated("stopped at frame 3"), EXIT_TERMINATED),
        (HungUp(), EXIT_HUNG_UP),
    ],
    ids=["Ctrl-C", "terminated", "with a place", "hung up"],
)
def test_stopped_work_ends_as_a_shell_expects_and_says_what_to_do(stop, code, capsys) -> None:
    assert run(raising(stop)) == code
    out, err = capsys.readouterr()
    said = str(stop) or "stopped; finished files are complete, run the command again"
    assert (out, err) == ("", f"error: {said}\n")
    assert (EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_HUNG_UP) == (130, 143, 129)


def test_a_terminal_that_is_gone_changes_no_exit_code(monkeypatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

        flush = write

    monkeypatch.setattr("sys.stderr", Gone())
    assert run(raising(HungUp())) == EXIT_HUNG_UP


posix = pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX does")


endings = pytest.mark.parametrize(
    ("name", "code"), [("SIGTERM", EXIT_TERMINATED), ("SIGHUP", EXIT_HUNG_UP)]
)


@posix
@endings
def test_a_request_to_terminate_unwinds_the_work(name, code, capsys) -> None:
    number, steps = getattr(signal, name), []
    # Whoever runs the tests may ignore signals, as nohup does.
    before = signal.signal(number, signal.SIG_DFL)

    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            steps.append("cleaned up")

    try:
        assert run(work) == code
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert steps == ["cleaned up"]


@posix
@endings
def test_who_ignores_the_request_to_terminate_still_does(name, code, capsys) -> None:
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert run(lambda: signal.raise_signal(number)) == EXIT_DONE
    finally:
        signal.signal(number, before)


def test_work_outside_the_main_thread_leaves_signals_alone() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(run(lambda: None)))
    thread.start()
    thread.join(20)
    assert codes == [EXIT_DONE]


def test_system_errors_name_their_file_first(capsys) -> None:
    run(raising(PermissionError(13, "Permission denied", "a.png")))
    assert capsys.readouterr().err == "error: a.png: Permission denied\n"


def test_a_message_of_several_lines_becomes_one(capsys) -> None:
    run(raising(SceneError("first\n    second\n")))
    assert capsys.readouterr().err == "error: first second\n"


def test_a_message_without_text_still_says_something(capsys) -> None:
    run(raising(SceneError()))
    assert capsys.readouterr().err == "error: SceneError\n"


def test_layers_above_add_their_own_errors() -> None:
    assert run(raising(FromAbove("no")), failures=(FromAbove,)) == EXIT_FAILED
    assert run(raising(FromAbove("no")), usage=(FromAbove,)) == EXIT_USAGE


def test_an_error_of_both_families_is_one_of_usage() -> None:
    code = run(raising(UsageFromAbove("no")), usage=(UsageFromAbove,), failures=(FromAbove,))
    assert code == EXIT_USAGE


def test_a_defect_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


def test_say_note_and_warn_use_their_own_streams(capsys) -> None:
    say("table")
    note("by hand")
    warn("careful")
    assert capsys.readouterr() == ("table\n", "note: by hand\nwarning: careful\n")


@pytest.mark.skipif(os.name != "posix", reason="pipes are closed differently elsewhere")
def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    script = "import sys\nfrom render.console import run, say\n"
    script += "sys.exit(run(lambda: [say('x' * 1000) for _ in range(1000)] and None))\n"
    command = f'{sys.executable} -c "{script}" | head -n 1'
    child = subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert child.stderr == ""
    assert child.stdout.startswith("xxx")
