"""One writer at a time in a folder, by a lock that ends with its process, however that ends."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What the kernel answers where somebody else holds the lock; anything else means it knows no locks.
_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


class FolderTaken(Exception):
    """Another process, or another part of this one, holds the folder's lock."""


@contextmanager
def locked(root: Path) -> Iterator[str]:
    """Hold a folder until the block ends; gives why it cannot be locked, empty if it is.

    The folder itself is locked, so nothing is left behind and a killed process blocks nobody.

    Raises:
        FolderTaken: if somebody else holds it.
    """
    handle, reason = _try_lock(root)
    try:
        yield reason
    finally:
        if handle is not None:
            os.close(handle)


def _try_lock(root: Path) -> tuple[int | None, str]:
    """What holds the lock, or None and why there can be none."""
    try:
        # Absent on systems without POSIX locks.
        import fcntl
    except ImportError:
        return None, "this system has no such locks"
    handle = -1
    try:
        handle = os.open(root, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if handle >= 0:
            os.close(handle)
        if error.errno in _TAKEN:
            raise FolderTaken(str(root)) from error
        return None, str(error.strerror)
    return handle, ""
