"""What a scene folder is made of, and which folders a bake may make one in."""

import re
from pathlib import Path

from bake.errors import FolderError

SCENE_FILE = "scene.json"
SCENE_FORMAT = "videorf-scene"
# What a bake tells of itself as it goes; no part of the result.
STATUS_FILE = "status.json"
STATUS_FORMAT = "videorf-bake-status"
LOG_FILE = "log.jsonl"
_OWN_FILES = (SCENE_FILE, STATUS_FILE, LOG_FILE)
# Every result of a stage lies in one of these; nothing outside of them is ever discarded.
STAGE_FOLDERS = ("atlas", "occupancy", "shading")
# What `hwcodec.replace_file` writes before a file of a scene folder takes its place.
_LEFTOVER = re.compile(rf"\.(?:{'|'.join(map(re.escape, _OWN_FILES))})\.\d+\.part")


def check_out_folder(root: Path) -> None:
    """Refuse to bake where something else lies, before any work.

    Raises:
        FolderError: if the folder holds files, but no bake, not even a stopped one.
    """
    if "\0" in str(root):
        raise FolderError(f"out is {str(root)!r}, expected a path without NUL; correct it")
    try:
        if not root.is_dir() or all(map(is_leftover, root.iterdir())) or _holds_bake(root):
            return
    except OSError as error:
        raise FolderError(
            f"out is {root}, which cannot be looked into ({error.strerror}), expected a folder of "
            "your own; correct its permissions or choose another out folder"
        ) from error
    raise FolderError(
        f"{root} holds files, but no bake, expected a new or empty folder or that of an earlier "
        "bake; choose another out folder"
    )


def _holds_bake(root: Path) -> bool:
    """Whether the folder has what a finished or stopped bake leaves there."""
    if any((root / name).is_dir() for name in STAGE_FOLDERS):
        return True
    # Other programs call their files scene.json too, and a bake begins with removing its own.
    marked = ((root / SCENE_FILE, SCENE_FORMAT), (root / STATUS_FILE, STATUS_FORMAT))
    return any(path.is_file() and mark.encode() in path.read_bytes() for path, mark in marked)


def is_leftover(path: Path) -> bool:
    """Whether a bake that was killed has left this half-written beside its record."""
    return _LEFTOVER.fullmatch(path.name) is not None
