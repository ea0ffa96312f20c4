"""Occupancy bits as a few kilobytes: lossless, adaptive, binary arithmetic coding.

Layout, little-endian (every field below is unsigned):

    byte  0        version, 1
    bytes 1..6     shape of the grid, 3 x 16 bits, x y z
    bytes 7..12    first vertex of the occupied box, 3 x 16 bits
    bytes 13..18   extent of the occupied box in vertices, 3 x 16 bits; all zero if none is occupied
    bytes 19..     arithmetic code of the box; absent if none is occupied

The code holds one binary decision per vertex of the box, x slowest and z fastest: is it occupied?
Its context has one bit for each of the already coded vertices at ``NEIGHBORS`` behind it, the first
one most significant; vertices outside the box count as empty. Each context keeps a probability
that the vertex is occupied, p, in units of 1 / 2**22, which starts at 2**21, and a counter n, which
starts at 0. To decode, start with range = 2**32 - 1 and code = the first four bytes, most
significant first; then for each vertex

    bound = (range >> 15) * max(p >> 7, 1)
    occupied if code < bound:  range = bound;                 p += 2 * (2**22 - p) // (2 * n + 3)
    empty otherwise:           range -= bound; code -= bound; p -= 2 * p // (2 * n + 3)
    n = min(n + 1, 254)
    while range < 2**24:       range <<= 8;  code = (code << 8) + next byte

All numbers are unsigned and fit 32 bits; // rounds down. At the end every byte has been read and
the code is 0. Damage almost never leaves it so, but this is no checksum: in particular a damaged
first vertex shifts the box, and all full boxes have equal codes.

Source: range coding with carry after Martin (1979), eager renormalization as in LZMA; the estimator
is Krichevsky-Trofimov's with a limited memory.
"""

import struct

import numba
import numpy as np
from numpy.typing import NDArray

from render.errors import SceneError
from render.occupancy import check_vertex_count

VERSION = 1
HEADER = struct.Struct("<B9H")
MAX_EXTENT = 0xFFFF

# Offsets (x, y, z) from a context's vertices to the coded one. Chosen greedily for the smallest
# code of one real performer and five synthetic shapes; a context of fewer vertices learns quicker,
# one of more vertices predicts better. Part of the format.
NEIGHBORS = (
    (0, 0, 1),
    (0, 1, 0),
    (1, 0, 0),
    (1, -1, -1),
    (2, 1, 1),
    (0, 1, -3),
    (1, 0, 1),
    (1, -2, 0),
    (0, 1, 1),
    (0, 1, -1),
    (1, 0, -1),
    (2, 1, -1),
    (1, -1, 0),
    (1, -1, 1),
)
# No neighbor is farther along any axis, so a margin of this many empty vertices saves all checks.
_MARGIN = 3
_CONTEXT_COUNT = 1 << len(NEIGHBORS)

# All part of the format.
_ONE = 1 << 22
_MAX_COUNT = 254
_TOP, _FULL = 1 << 24, (1 << 32) - 1

ByteArray = NDArray[np.uint8]
IntArray = NDArray[np.int64]


def encode_occupancy(vertices: NDArray[np.bool_]) -> bytes:
    """The bits of a bool grid, indexed [x, y, z], as bytes; the same bits give the same bytes.

    Raises:
        SceneError: if the array is not a bool grid with 1 to ``MAX_EXTENT`` vertices per axis and
            at most ``MAX_VERTICES`` in all.
    """
    _check_shape(vertices.shape)
    if vertices.dtype != np.bool_:
        raise SceneError(f"occupancy is {vertices.dtype}, expected bool; compare it to a threshold")
    first, extent = _bounds(vertices)
    header = HEADER.pack(VERSION, *vertices.shape, *first, *extent)
    if not all(extent):
        return header
    box = vertices[tuple(slice(low, low + n) for low, n in zip(first, extent, strict=True))]
    padded = np.pad(np.ascontiguousarray(box, np.uint8), _MARGIN)
    # No decision costs two whole bytes, as no probability is below 2**-15.
    code = np.zeros(2 * box.size + 8, np.uint8)
    length = _encode(padded.ravel(), _rows(padded), _offsets(padded), code)
    return header + code[:length].tobytes()


def decode_occupancy(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """The bool grid, of the given shape, that ``encode_occupancy`` turned into these bytes.

    Raises:
        SceneError: if the data is of another version or shape, truncated, too long or damaged.
    """
    _check_shape(shape)
    first, extent = _read_header(data, shape)
    vertices = np.zeros(shape, np.bool_)
    # A copy is writable whatever the data is, so that there is one kernel to compile.
    payload = np.frombuffer(data, np.uint8, offset=HEADER.size).copy()
    if not all(extent):
        _check_end(data, 0, 0)
        return vertices
    padded = np.zeros([n + 2 * _MARGIN for n in extent], np.uint8)
    _check_end(data, *_decode(payload, padded.ravel(), _rows(padded), _offsets(padded)))
    box = padded[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    vertices[tuple(slice(low, low + n) for low, n in zip(first, extent, strict=True))] = box
    return vertices


def _check_shape(shape: tuple[int, ...]) -> None:
    """Extents must fit the header's fields, and all vertices together a player's memory."""
    if len(shape) != 3 or not all(1 <= n <= MAX_EXTENT for n in shape):
        raise SceneError(
            f"occupancy has shape {shape}, expected (x, y, z) of 1 to {MAX_EXTENT} vertices each; "
            "choose a lower resolution or a less elongated box"
        )
    check_vertex_count(shape)


def _bounds(vertices: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """First vertex and extent of the smallest box around all occupied vertices."""
    first, extent = [], []
    for others in ((1, 2), (0, 2), (0, 1)):
        occupied = np.flatnonzero(vertices.any(others))
        low, high = (int(occupied[0]), int(occupied[-1]) + 1) if len(occupied) else (0, 0)
        first.append(low)
        extent.append(high - low)
    return first, extent


def _read_header(data: bytes, shape: tuple[int, int, int]) -> tuple[list[int], list[int]]:
    """First vertex and extent of the box, after everything that can be checked before decoding."""
    if len(data) < HEADER.size:
        raise SceneError(
            f"occupancy data has {len(data)} bytes, expected at least {HEADER.size}; "
            "the package is damaged, export it again"
        )
    version, *numbers = HEADER.unpack_from(data)
    if version != VERSION:
        raise SceneError(
            f"occupancy data has version {version}, expected {VERSION}; "
            "a newer release wrote it or it is damaged"
        )
    stored, first, extent = numbers[:3], numbers[3:6], numbers[6:]
    if stored != list(shape):
        raise SceneError(
            f"occupancy data is for a grid of {stored}, expected {list(shape)}; "
            "it belongs to another scene or another group"
        )
    inside = all(low + n <= full for low, n, full in zip(first, extent, stored, strict=True))
    if not inside or any(extent) != all(extent):
        raise SceneError(
            f"occupied box starts at {first} and has extent {extent}, expected one inside "
            f"{stored}; the package is damaged, export it again"
        )
    return first, extent


def _check_end(data: bytes, used: int, code: int) -> None:
    """All of the payload must have been read, and exactly the code of the last vertex remain."""
    available = len(data) - HEADER.size
    if used == available and code == 0:
        return
    what = "does not decode to its end"
    if used != available:
        what = "ends early" if used > available else "goes on after its end"
    raise SceneError(
        f"occupancy data of {len(data)} bytes {what}, expected exactly one code; "
        "the package is damaged, export it again"
    )


def _offsets(padded: ByteArray) -> IntArray:
    """How far before a vertex each of its neighbors lies in the flattened padded box."""
    offsets: IntArray = np.array(NEIGHBORS, np.int64) @ np.array(padded.strides, np.int64)
    return offsets


def _rows(padded: ByteArray) -> IntArray:
    """Where each row of the box starts and ends in the flattened padded box, (rows, 2)."""
    x, y, z = padded.shape
    lines = np.arange(x * y).reshape(x, y)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN].ravel() * z
    return np.stack([lines + _MARGIN, lines + (z - _MARGIN)], axis=1)


@numba.njit(cache=True)
def _context(flat: ByteArray, at: int, offsets: IntArray) -> int:
    """The context number of a vertex: one bit per neighbor, the first most significant."""
    context = 0
    for offset in offsets:
        context = 2 * context + flat[at - offset]
    return context


@numba.njit(cache=True)
def _learn(p: IntArray, n: IntArray, context: int, bit: int) -> None:
    """Moves a context's probability toward a decision, slower the more it has seen."""
    divisor = 2 * n[context] + 3
    if bit:
        p[context] += 2 * (_ONE - p[context]) // divisor
    else:
        p[context] -= 2 * p[context] // divisor
    n[context] = min(n[context] + 1, _MAX_COUNT)


@numba.njit(cache=True)
def _carry(code: ByteArray, length: int) -> None:
    """Adds one to the number written so far, which never reaches the byte before the first."""
    length -= 1
    while code[length] == 255:
        code[length] = 0
        length -= 1
    code[length] += 1


@numba.njit(cache=True)
def _encode(flat: ByteArray, rows: IntArray, offsets: IntArray, code: ByteArray) -> int:
    """Fills ``code`` and returns its length in bytes."""
    p = np.full(_CONTEXT_COUNT, _ONE // 2, np.int64)
    n = np.zeros(_CONTEXT_COUNT, np.int64)
    low, span, length = 0, _FULL, 0
    for row in rows:
        for at in range(row[0], row[1]):
            context = _context(flat, at, offsets)
            bound = (span >> 15) * max(p[context] >> 7, 1)
            if flat[at]:
                span = bound
            else:
                span -= bound
                low += bound
            _learn(p, n, context, flat[at])
            if low > _FULL:
                low &= _FULL
                _carry(code, length)
            while span < _TOP:
                span <<= 8
                code[length] = low >> 24
                low = (low << 8) & _FULL
                length += 1
    for shift in (24, 16, 8, 0):
        code[length] = (low >> shift) & 255
        length += 1
    return length


@numba.njit(cache=True)
def _decode(data: ByteArray, flat: ByteArray, rows: IntArray, offsets: IntArray) -> tuple[int, int]:
    """Fills ``flat``, which is all zero; returns how many bytes that took and the rest of the code.

    One byte more than there are means that they did not suffice.
    """
    p = np.full(_CONTEXT_COUNT, _ONE // 2, np.int64)
    n = np.zeros(_CONTEXT_COUNT, np.int64)
    code, span, used = 0, _FULL, 4
    for byte in data[:4]:
        code = (code << 8) + byte
    for row in rows:
        for at in range(row[0], row[1]):
            context = _context(flat, at, offsets)
            bound = (span >> 15) * max(p[context] >> 7, 1)
            if code < bound:
                span, flat[at] = bound, 1
            else:
                span -= bound
                code -= bound
            _learn(p, n, context, flat[at])
            while span < _TOP:
                if used >= len(data):
                    return len(data) + 1, 0
                span <<= 8
                code = (code << 8) + data[used]
                used += 1
    return used, code
