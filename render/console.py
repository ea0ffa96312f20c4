"""How every command ends: silently with 0, or with one line on the error stream and 1 or 2.

    0   the work is done
    1   the work failed on the way: a damaged file, a full disk, an interruption
    2   the request itself cannot be met: bad arguments, a missing path, an absent backend

Only errors of known families are caught; anything else is a defect and keeps its traceback.
"""

import os
import sys
from collections.abc import Callable

from hwcodec import BackendUnavailable, HwcodecError, UnsupportedConfig
from render.errors import CameraError, RenderError

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2

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


def run(work: Callable[[], None], *, usage: ErrorTypes = (), failures: ErrorTypes = ()) -> int:
    """Do the work of a command and return its exit code; known errors become one line of text.

    ``usage`` and ``failures`` add a layer's own errors to those that end with 2 and with 1; an
    error that belongs to both ends with 2.
    """
    requests: ErrorTypes = (UsageError, *_USAGE, *usage)
    troubles: ErrorTypes = (*_FAILURES, *failures)
    try:
        work()
        sys.stdout.flush()
    except requests as error:
        return _report(error, EXIT_USAGE)
    except BrokenPipeError:
        return _close_quietly()
    except troubles as error:
        return _report(error, EXIT_FAILED)
    except KeyboardInterrupt:
        return _report("stopped; finished files are complete, run the command again", EXIT_FAILED)
    return EXIT_DONE


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
    sys.stderr.write(f"error: {' '.join(text.split()) or type(error).__name__}\n")
    sys.stderr.flush()
    return code


def _close_quietly() -> int:
    """Nobody reads standard output any more; the interpreter must not try again at its end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 -- a device, not a path
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return EXIT_FAILED
