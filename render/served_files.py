"""From the names in a request to an open file: inside one folder, never hidden, never a device."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from render.errors import ServeError

INDEX = "index.html"
_TEXT = "; charset=utf-8"
# Written out, since what the platform knows about endings differs from machine to machine.
CONTENT_TYPES = {
    ".html": "text/html" + _TEXT,
    ".css": "text/css" + _TEXT,
    ".js": "text/javascript" + _TEXT,
    ".mjs": "text/javascript" + _TEXT,
    ".glsl": "text/plain" + _TEXT,
    ".txt": "text/plain" + _TEXT,
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
}
UNKNOWN_TYPE = "application/octet-stream"  # packages (.vrf) and their blobs among others
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # A pipe without a writer would hold the thread forever.
)


class FileRefused(Exception):
    """There is nothing to send under these names; why is not told."""


class FolderNamed(Exception):
    """The names lead to a folder, but the path does not end in a slash as its links need."""


@dataclass(frozen=True, slots=True)
class ServedFile:
    """An open file with what describes it to a client.

    Attributes:
        handle: open at its first byte; whoever got the object closes it.
        size: bytes when it was opened.
        modified: seconds since 1970.
        tag: strong entity tag with its quotes; a file written anew has another.
        content_type: from the ending of the name that was asked for.
    """

    handle: FileIO
    size: int
    modified: float
    tag: str
    content_type: str


class ServedFolder:
    """One folder whose regular files may be read by name; symbolic links must stay inside."""

    def __init__(self, folder: Path) -> None:
        """Remember where the folder really is.

        Raises:
            ServeError: if it is not a folder.
        """
        self._root = Path(os.path.realpath(folder))
        if not self._root.is_dir():
            raise ServeError(f"{folder} is no folder, expected one to serve; check the path")

    def open(self, segments: Sequence[str]) -> ServedFile:
        """Open the file under these names; an empty last name means the folder's index page.

        Raises:
            FileRefused: if there is none that may be sent.
            FolderNamed: if they name a folder with an index page.
        """
        names = list(segments) or [""]
        asks_folder = names[-1] == ""
        if asks_folder:
            names[-1] = INDEX
        if not all(map(_is_permitted, names)):
            raise FileRefused
        try:
            place = self._inside(names)
            if not asks_folder and place.is_dir():
                self._inside([*names, INDEX]).stat()
                raise FolderNamed
            return _open(place, names[-1])
        except (OSError, ValueError, RuntimeError):
            raise FileRefused from None

    def _inside(self, names: Sequence[str]) -> Path:
        """Where the names lead with every link followed, if that is in the folder and not hidden.

        Raises:
            FileRefused: if it is not.
            OSError, RuntimeError: if nothing is there, or links lead in a circle.
        """
        place = self._root.joinpath(*names).resolve(strict=True)
        if not place.is_relative_to(self._root):
            raise FileRefused
        if any(part.startswith(".") for part in place.relative_to(self._root).parts):
            raise FileRefused
        return place


def _is_permitted(name: str) -> bool:
    """Names of this folder only: no way up, no hidden file, no second separator, no drive."""
    return bool(name) and not name.startswith(".") and not set(name) & set("/\\:\0")


def _open(place: Path, name: str) -> ServedFile:
    """Open a regular file; what it is gets asked after opening, so nothing can change between."""
    descriptor = os.open(place, _OPEN_FLAGS)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise FileRefused
        handle = FileIO(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
    return ServedFile(
        handle=handle,
        size=facts.st_size,
        modified=facts.st_mtime,
        tag=f'"{facts.st_size:x}-{facts.st_mtime_ns:x}-{facts.st_ino:x}"',
        content_type=CONTENT_TYPES.get(Path(name).suffix.lower(), UNKNOWN_TYPE),
    )
