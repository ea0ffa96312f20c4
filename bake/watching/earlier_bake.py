"""What an earlier bake left in a scene folder, and whether this one would bake over it."""

from contextlib import suppress
from pathlib import Path

from bake.errors import ArtifactError, FolderError
from bake.scene_folder import SCENE_FILE
from bake.watching.status import BakeFacts, read_status


def check_earlier(root: Path, about: BakeFacts, *, may_replace: bool) -> None:
    """Refuse to bake over frames of another capture or of other settings, unless it is wanted.

    Those of the same are resumed. A folder without a status record is a program's own affair.

    Raises:
        FolderError: saying what is there, and how it was made.
    """
    status = None
    with suppress(ArtifactError):
        status = read_status(root)
    frames = len(list((root / "atlas").glob("*.npy"))) if (root / "atlas").is_dir() else 0
    if may_replace or status is None or not frames or status.about.key == about.key:
        return
    kind = "a finished bake" if (root / SCENE_FILE).is_file() else f"{frames} frames of a bake"
    raise FolderError(
        f"{root} holds {kind} of another capture or with other settings ({status.about.capture}; "
        f"{status.about.command}), expected the same to go on with; choose another out folder, or "
        "add replace=true to bake over it"
    )
