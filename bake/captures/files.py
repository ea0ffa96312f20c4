"""Files that describe a capture, read whole and never without end."""

from pathlib import Path

from bake.errors import CaptureError


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """All bytes of an ordinary file; pipes and devices, which need not end, are none.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is something else, or larger than any such file needs to be.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is no ordinary file")
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it has more than the {most_bytes} bytes that such a file may have")
    return data


def file_stamp(path: Path) -> str:
    """What changes when a file is written anew: its place, size and date.

    Raises:
        CaptureError: if it is missing.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise CaptureError(
            f"{path} cannot be read ({error.strerror}), expected it as when the capture was "
            "opened; restore it or leave its frame out, then run again"
        ) from error
    return f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}"
