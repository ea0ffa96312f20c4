"""Captures as folders: a folder of numbered pictures for every camera."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bake.captures.labels import first_few
from bake.captures.pictures import PictureFiles
from bake.errors import CaptureError

PICTURE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
_NUMBER = re.compile(r"(\d{1,9})$")
_NAMED_AT_MOST = 5

Timeline = dict[int, Path]
"""Picture files by frame number."""


def numbered_pictures(folder: Path) -> Timeline:
    """The pictures of a folder by the number their names end with, or else by rank.

    Raises:
        CaptureError: if it holds no picture, or two have one number.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS)
    if not files:
        raise CaptureError(
            f"{folder} holds no picture, expected some such as 000000.png; "
            "complete the download or remove the folder"
        )
    found = [_NUMBER.search(path.stem) for path in files]
    if not all(found):
        return dict(enumerate(files))
    numbers = [int(match[1]) for match in found if match]
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise CaptureError(
            f"{folder} holds several pictures of frame {twice}, expected one; remove the others"
        )
    return dict(zip(numbers, files, strict=True))


def mask_pictures(folders: Sequence[Path]) -> Timeline | None:
    """The masks of one camera, in the first of these folders that is there; None without any.

    Raises:
        CaptureError: as `numbered_pictures` does.
    """
    found = [folder for folder in folders if folder.is_dir()]
    return numbered_pictures(found[0]) if found else None


def by_frame(
    timelines: Sequence[Timeline], labels: Sequence[str], masks: Sequence[Timeline | None]
) -> tuple[dict[tuple[int, int], PictureFiles], dict[int, tuple[int, ...]]]:
    """Files by (frame, view), and the views of every frame: all of them.

    ``masks`` are those of each camera, or None where it has none.

    Raises:
        CaptureError: if a camera lacks a picture or a mask at a frame that others have.
    """
    frames = sorted({frame for timeline in timelines for frame in timeline})
    for kind, each in (("picture", timelines), ("mask", masks)):
        for label, timeline in zip(labels, each, strict=True):
            if timeline is not None:
                _check_whole(kind, label, timeline, frames)
    files = {
        (frame, view): PictureFiles(timelines[view][frame], _at(masks[view], frame))
        for frame in frames
        for view in range(len(labels))
    }
    return files, dict.fromkeys(frames, tuple(range(len(labels))))


def _at(masks: Timeline | None, frame: int) -> Path | None:
    return None if masks is None else masks[frame]


def _check_whole(
    kind: str, label: str, timeline: Mapping[int, Path], frames: Sequence[int]
) -> None:
    lacking = [str(frame) for frame in frames if frame not in timeline]
    if lacking:
        raise CaptureError(
            f"camera {label} has no {kind} at {len(lacking)} of {len(frames)} frames "
            f"({first_few(lacking, _NAMED_AT_MOST)}), expected one at each; complete the "
            "download, or remove these frames or this camera"
        )
