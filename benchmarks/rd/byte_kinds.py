"""What the bytes of a package are for."""

import re
from pathlib import Path

from hwcodec import open_package

_COUNTERS = re.compile(r"[\d-]+$")


def bytes_by_kind(path: Path) -> dict[str, int]:
    """Bytes of a package by kind; they add up to its size on disk.

    Video streams are ``pictures``; blobs go by their name without its number, such as ``occupancy``
    or ``motion``; what the one-file container adds is ``container``.

    Raises:
        ContainerError: if it is no package.
    """
    package = open_package(path)
    kinds: dict[str, int] = {}
    for name, size in package.sizes().items():
        folder, _, own = name.partition("/")
        kind = {"streams": "pictures", "blobs": _COUNTERS.sub("", own)}.get(folder, "manifest")
        kinds[kind] = kinds.get(kind, 0) + size
    rest = package.size_bytes - sum(kinds.values())
    return kinds | ({"container": rest} if rest else {})
