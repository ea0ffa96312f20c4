"""One bake at a time in a scene folder."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bake.errors import ArtifactError, FolderError
from bake.folder_lock import FolderTaken, locked
from bake.watching.status import RUNNING, BakeStatus, read_status
from render.console import warn


@contextmanager
def only_bake(root: Path) -> Iterator[None]:
    """Keep other bakes out of a folder until the block ends, or the process does in any way.

    Where the system cannot lock it, the status record tells whether a bake on this machine is at
    work.

    Raises:
        FolderError: if another bake is at work there.
    """
    try:
        with locked(root) as reason:
            if reason:
                status = _status_of(root)
                if status is not None and status.process.is_running:
                    raise FolderError(_refusal(root, status))
                warn(f"{root} cannot be locked ({reason}); let no other bake write there meanwhile")
            yield
    except FolderTaken as error:
        raise FolderError(_refusal(root, _status_of(root))) from error


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
