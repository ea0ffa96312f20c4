"""Points of a PLY file, as calibration tools leave them beside cameras: positions alone."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bake.captures.files import read_bounded
from bake.errors import CaptureError

# Of ten million points with colors and normals.
_MOST_BYTES = 512 << 20
# PLY's names of its numbers, old and new. Source: the format's description by Greg Turk, 1994.
_KINDS = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
_END = b"end_header"


def read_points(path: Path) -> NDArray[np.float64]:
    """Positions (points, 3) of the vertices in the file's units, without those not finite.

    Raises:
        CaptureError: if it cannot be read, or is no PLY file whose first element is vertices with
            x, y and z.
    """
    try:
        return _parsed(read_bounded(path, _MOST_BYTES))
    except (OSError, ValueError, IndexError) as error:
        raise CaptureError(
            f"{path} cannot be read as points: {error}; expected a PLY file of vertices with x, y "
            "and z; export it again, or leave it out and give capture.box"
        ) from error


def _parsed(data: bytes) -> NDArray[np.float64]:
    place = data.find(_END)
    if not data.startswith(b"ply") or place < 0:
        raise ValueError("it has no PLY header")
    form, count, names = _header(data[:place].decode("ascii", "replace"))
    body = data[data.index(b"\n", place) + 1 :]
    if form == "ascii":
        rows = body.split(b"\n", count)[:count]
        values = np.array([[float(word) for word in row.split()[: len(names)]] for row in rows])
        if values.shape != (count, len(names)):
            raise ValueError(f"it promises {count} vertices and has fewer")
        columns = [values[:, [name for name, _ in names].index(axis)] for axis in "xyz"]
    else:
        kind = np.dtype([(name, _ORDERS[form] + code) for name, code in names])
        if count * kind.itemsize > len(body):
            raise ValueError(f"it promises {count} vertices and ends before them")
        vertices = np.frombuffer(body, kind, count)
        columns = [vertices[axis] for axis in "xyz"]
    points = np.stack(columns, axis=1).astype(np.float64)
    kept: NDArray[np.float64] = points[np.isfinite(points).all(1)]
    return kept


def _header(text: str) -> tuple[str, int, list[tuple[str, str]]]:
    """The form, how many vertices there are, and their numbers by name and NumPy's code."""
    lines = [line.split() for line in text.splitlines()[1:] if line.split()]
    form = next((words[1] for words in lines if words[0] == "format"), "")
    elements = [index for index, words in enumerate(lines) if words[0] == "element"]
    if form not in {"ascii", *_ORDERS} or not elements:
        raise ValueError(f"its form is {form!r:.40}")
    first = elements[0]
    end = elements[1] if len(elements) > 1 else len(lines)
    if lines[first][1] != "vertex":
        raise ValueError("its first element is no vertex")
    stated = [words for words in lines[first + 1 : end] if words[0] == "property"]
    names = [(words[2], _KINDS.get(words[1], "")) for words in stated]
    if not all(code for _, code in names) or not {"x", "y", "z"} <= {name for name, _ in names}:
        raise ValueError("its vertices have no x, y and z among single numbers")
    count = lines[first][2]
    if not count.isascii() or not count.isdigit() or len(count) > 9:
        raise ValueError(f"it has {count!r:.40} vertices")
    return form, int(count), names
