"""What a scene folder is made of, and which folders a bake may make one in."""

from pathlib import Path

from bake.errors import FolderError

SCENE_FILE = "scene.json"
SCENE_FORMAT = "videorf-scene"
# Every result of a stage lies in one of these; nothing outside of them is ever discarded.
STAGE_FOLDERS = ("atlas", "occupancy", "shading")


def check_out_folder(root: Path) -> None:
    """Refuse to bake where something else lies, before any work.

    Raises:
        FolderError: if the folder holds files, but no bake, not even a stopped one.
    """
    if "\0" in str(root):
        raise FolderError(f"out is {str(root)!r}, expected a path without NUL; correct it")
    if not root.is_dir() or not any(root.iterdir()) or _holds_bake(root):
        return
    raise FolderError(
        f"{root} holds files, but no bake, expected a new or empty folder or that of an earlier "
        "bake; choose another out folder"
    )


def _holds_bake(root: Path) -> bool:
    """Whether the folder has what a finished or stopped bake leaves there."""
    if any((root / name).is_dir() for name in STAGE_FOLDERS):
        return True
    # Other programs call their files scene.json too, and a bake begins with removing its own.
    scene = root / SCENE_FILE
    return scene.is_file() and SCENE_FORMAT.encode() in scene.read_bytes()
