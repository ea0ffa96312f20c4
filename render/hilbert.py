"""The 3D Hilbert curve: an order of grid vertices in which neighbors on the curve always touch.

Morton order jumps at every power of two; this curve never does, so that texels beside each other
in the atlas are closer in space. Walked as an octree: in each cube the eight children are visited
along a Gray code, which the cube's state turns and mirrors.

Source: Hamilton and Rau-Chaplin, "Compact Hilbert indices", Information Processing Letters 105(5),
2008: entry points, directions and the state's update, for three dimensions.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_OCTANTS, _AXES = 8, 3


def hilbert3(vertices: NDArray[np.integer], levels: int) -> NDArray[np.int64]:
    """Codes (n,) along the curve through a cube of ``2**levels`` vertices a side, from (n, 3).

    The curve depends on ``levels``, at most 21, which vertices must fit; the first code is that of
    the origin.
    """
    children, following = states()
    place = np.empty_like(children)
    np.put_along_axis(place, children, np.arange(_OCTANTS, dtype=children.dtype)[None], axis=1)
    x, y, z = (vertices[:, axis].astype(np.int64) for axis in range(_AXES))
    codes = np.zeros(len(vertices), np.int64)
    state = np.zeros(len(vertices), np.int64)
    for level in range(levels - 1, -1, -1):
        octant = ((x >> level) & 1) << 2 | ((y >> level) & 1) << 1 | ((z >> level) & 1)
        step = place[state, octant]
        codes = codes << _AXES | step
        state = following[state, step]
    return codes


@cache
def states() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two tables (24 states, 8 steps): the octant visited, and the state within that octant.

    An octant is ``x << 2 | y << 1 | z``; state ``entry * 3 + direction`` begins at 0.
    """
    children = np.empty((_OCTANTS * _AXES, _OCTANTS), np.int64)
    following = np.empty_like(children)
    for state in range(_OCTANTS * _AXES):
        entry, direction = divmod(state, _AXES)
        for step in range(_OCTANTS):
            children[state, step] = _rotated(step ^ step >> 1, direction + 1) ^ entry
            new_entry = entry ^ _rotated(_entry(step), direction + 1)
            new_direction = (direction + _direction(step) + 1) % _AXES
            following[state, step] = new_entry * _AXES + new_direction
    return children, following


def _entry(step: int) -> int:
    """Corner where the curve enters the child of a step."""
    even = max(2 * ((step - 1) // 2), 0)
    return even ^ even >> 1


def _direction(step: int) -> int:
    """Axis along which the curve crosses the child of a step."""
    if step == 0:
        return 0
    return _trailing_ones(step if step % 2 else step - 1) % _AXES


def _trailing_ones(number: int) -> int:
    return (~number & number + 1).bit_length() - 1


def _rotated(bits: int, count: int) -> int:
    """Three bits rotated left."""
    count %= _AXES
    return (bits << count | bits >> (_AXES - count)) & (_OCTANTS - 1)
