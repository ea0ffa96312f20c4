"""How every command ends: silently with 0, or with one line on the error stream and 1 or 2.

    0   the work is done
    1   the work failed on the way: a damaged file, a full disk
    2   the request itself cannot be met: bad arguments, a missing path, an absent backend
    130   it was stopped by Ctrl-C; 143, 129: by a request to terminate, or because its terminal
          is gone, which end it as cleanly

Only errors of known families are caught; anything else is a defect and keeps its traceback.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from hwcodec import BackendUnavailable, HwcodecError, UnsupportedConfig
from render.errors import CameraError, RenderError

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
# What a shell reports for a process that a signal has ended.
EXIT_INTERRUPTED, EXIT_TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
_HANG_UP = 1  # SIGHUP, which Windows has no name for.
EXIT_HUNG_UP = 128 + _HANG_UP

ErrorTypes = tuple[type[Exception], ...]

_USAGE: ErrorTypes = (
    UnsupportedConfig,
    BackendUnavailable,
    CameraError,
    FileNotFoundError,
    FileExistsError,
    NotADirectoryError,
    IsADirectoryError,
)
_FAILURES: ErrorTypes = (HwcodecError, RenderError, OSError)


class UsageError(Exception):
    """The caller asked for something that cannot be done; the message says what to ask for."""


class Terminated(KeyboardInterrupt):
    """The process was asked to terminate; whatever cleans up after Ctrl-C cleans up after this."""

    code = EXIT_TERMINATED
    reason = "asked to terminate"


class HungUp(Terminated):
    """The terminal that the process was started from is gone."""

    code = EXIT_HUNG_UP
    reason = "its terminal is gone"


def run(work: Callable[[], None], *, usage: ErrorTypes = (), failures: ErrorTypes = ()) -> int:
    """Do the work of a command and return its exit code; known errors become one line of text.

    ``usage`` and ``failures`` add a layer's own errors to those that end with 2 and with 1; an
    error that belongs to both ends with 2.
    """
    requests: ErrorTypes = (UsageError, *_USAGE, *usage)
    troubles: ErrorTypes = (*_FAILURES, *failures)
    try:
        with _termination_raised():
            work()
        sys.stdout.flush()
    except requests as error:
        return _report(error, EXIT_USAGE)
    except BrokenPipeError:
        return _close_quietly()
    except troubles as error:
        return _report(error, EXIT_FAILED)
    except KeyboardInterrupt as stop:
        code = stop.code if isinstance(stop, Terminated) else EXIT_INTERRUPTED
        text = "stopped; finished files are complete, run the command again"
        return _report(str(stop) or text, code)
    return EXIT_DONE


@contextmanager
def _termination_raised() -> Iterator[None]:
    """Within it, requests to terminate raise `Terminated`, as Ctrl-C does its own."""
    # Only the main thread receives signals.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number, raised in ((signal.SIGTERM, Terminated), (_HANG_UP, HungUp)):
        # One who ignores a signal has a reason, such as nohup; Windows has no SIGHUP.
        if number in signal.valid_signals() and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _raising(raised))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _raising(kind: type[Terminated]) -> Callable[[int, FrameType | None], None]:
    def terminate(number: int, frame: FrameType | None) -> None:
        raise kind

    return terminate


def say(text: str) -> None:
    """Write a line or a table to standard output."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Write one line about how the work is done, apart from its results."""
    sys.stderr.write(f"note: {text}\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """Write one line that the user should know of, without stopping."""
    sys.stderr.write(f"warning: {text}\n")
    sys.stderr.flush()


def _report(error: Exception | str, code: int) -> int:
    """One line, whatever line breaks the message has; system errors name their file first."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    # A terminal that is gone takes no words, and the exit code says enough.
    with suppress(OSError):
        sys.stderr.write(f"error: {' '.join(text.split()) or type(error).__name__}\n")
        sys.stderr.flush()
    return code


def _close_quietly() -> int:
    """Nobody reads standard output any more; the interpreter must not try again at its end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 -- a device, not a path
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return EXIT_FAILED
