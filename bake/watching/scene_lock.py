"""One bake at a time in a scene folder."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bake.errors import ArtifactError, FolderError
from bake.watching.status import RUNNING, BakeStatus, read_status
from render.console import warn

# What the kernel answers where somebody else holds the lock; anything else means it knows no locks.
_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


@contextmanager
def only_bake(root: Path) -> Iterator[None]:
    """Keep other bakes out of a folder until the block ends, or the process does in any way.

    The folder itself is locked, so nothing is left behind and a killed bake blocks nobody. Where
    the system cannot lock it, the status record tells whether a bake on this machine is at work.

    Raises:
        FolderError: if another bake is at work there.
    """
    held, reason = _try_lock(root)
    try:
        if held is None:
            status = _status_of(root)
            if not reason or (status is not None and status.process.is_running):
                raise FolderError(_refusal(root, status))
            warn(f"{root} cannot be locked ({reason}); let no other bake write there meanwhile")
        yield
    finally:
        if held is not None:
            os.close(held)


def _try_lock(root: Path) -> tuple[int | None, str]:
    """What holds the lock, or None and why there can be no lock: empty if another has it."""
    try:
        # Absent on systems without POSIX locks.
        import fcntl
    except ImportError:
        return None, "this system has no such locks"
    folder = -1
    try:
        folder = os.open(root, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if folder >= 0:
            os.close(folder)
        return None, "" if error.errno in _TAKEN else str(error.strerror)
    return folder, ""


def _status_of(root: Path) -> BakeStatus | None:
    """Who says to be at work; a damaged record says nothing."""
    status = None
    with suppress(ArtifactError):
        status = read_status(root)
    return status if status is not None and status.state == RUNNING else None


def _refusal(root: Path, status: BakeStatus | None) -> str:
    who = "" if status is None else f": process {status.process.pid} on {status.process.host}"
    return (
        f"another bake is writing into {root}{who}, expected one at a time; wait until it ends, "
        "stop it, or choose another out folder"
    )
