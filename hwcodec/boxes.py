"""Boxes of the ISO base media file format, written and read as bytes.

Source: ISO/IEC 14496-12. Only what one fragmented video track needs.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hwcodec.errors import BitstreamError

LARGEST_SHORT_SIZE = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Box:
    """Where one box lies: ``start`` of its header, ``body`` of its content, ``end`` past it."""

    kind: str
    start: int
    body: int
    end: int


def box(kind: str, *parts: bytes) -> bytes:
    """A box of ``kind`` around the parts; from 4 GiB on its size takes 64 bits."""
    size, name = 8 + sum(map(len, parts)), kind.encode("ascii")
    if size <= LARGEST_SHORT_SIZE:
        return b"".join((struct.pack(">I4s", size, name), *parts))
    return b"".join((struct.pack(">I4sQ", 1, name, size + 8), *parts))


def full_box(kind: str, version: int, flags: int, *parts: bytes) -> bytes:
    """A box that starts with a version and 24 flag bits."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Boxes that lie back to back between ``start`` and ``end``.

    Raises:
        BitstreamError: if one of them does not fit.
    """
    stop = len(data) if end is None else end
    position = start
    while position < stop:
        if position + 8 > stop:
            raise _broken(f"{stop - position} stray bytes at offset {position}")
        size, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1 and position + 16 <= stop:
            size, header = struct.unpack_from(">Q", data, position + 8)[0], 16
        if size < header or position + size > stop:
            raise _broken(f"box {kind!r} of {size} bytes at offset {position}")
        yield Box(kind.decode("latin-1"), position, position + header, position + size)
        position += size


def find(data: bytes, parent: Box, *path: str) -> Box:
    """The first box down a path of kinds.

    Raises:
        BitstreamError: if one step is missing.
    """
    here = parent
    for kind in path:
        match = next(
            (child for child in children(data, here.body, here.end) if child.kind == kind), None
        )
        if match is None:
            raise _broken(f"no {kind!r} box inside {here.kind!r}")
        here = match
    return here


class Reader:
    """A cursor over the fields of one box; it refuses to read past the box's end."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, where: Box) -> None:
        self._data, self._position, self._end = data, where.body, where.end

    def take(self, layout: str) -> int:
        """The next number, in ``struct`` notation without byte order."""
        size = struct.calcsize(">" + layout)
        if self._position + size > self._end:
            raise _broken(f"a box ends at offset {self._end} inside one of its fields")
        value: int = struct.unpack_from(">" + layout, self._data, self._position)[0]
        self._position += size
        return value

    def version_and_flags(self) -> tuple[int, int]:
        """The version and the flags that open a full box."""
        word = self.take("I")
        return word >> 24, word & 0xFFFFFF

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        self._position += count


def _broken(what: str) -> BitstreamError:
    return BitstreamError(
        f"stream file is not readable: {what}, expected whole ISO media boxes; "
        "it is truncated or damaged, fetch it again"
    )
