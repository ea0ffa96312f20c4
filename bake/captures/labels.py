"""What cameras are called: as their folders or pictures are, so that people find them again."""

from collections.abc import Collection, Sequence
from pathlib import PurePath

from bake.errors import CaptureError


def camera_labels(pictures: Sequence[Sequence[PurePath]]) -> tuple[str, ...] | None:
    """Names of cameras by the pictures of each, or None where those do not tell them apart.

    A camera is called as the one folder of its pictures (``cam03/0001.png``), else as its pictures
    (``cam03.png``, at one frame or in folders of frames), else as both (``left/cam03``).
    """
    folders = [_shared([path.parent.name for path in paths]) for paths in pictures]
    stems = [_shared([path.stem for path in paths]) for paths in pictures]
    both = [
        folder and stem and f"{folder}/{stem}" for folder, stem in zip(folders, stems, strict=True)
    ]
    for names in (folders, stems, both):
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    return None


def check_distinct(name: str, labels: Sequence[str]) -> None:
    """Refuse a capture of which two cameras have one name.

    Raises:
        CaptureError: naming the first of them.
    """
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise CaptureError(
            f"capture {name!r} has several cameras that are called {twice!r}, expected a name for "
            "each; rename their folders or pictures"
        )


def first_few(names: Collection[str], most: int = 4) -> str:
    """Up to ``most`` of the names, and dots if there are more."""
    return ", ".join([*names][:most]) + ", ..." * (len(names) > most)


def _shared(names: Sequence[str]) -> str:
    """The name that all have, or none."""
    return names[0] if names and len(set(names)) == 1 else ""
