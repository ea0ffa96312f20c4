"""Finds the quantization parameter whose package is as large as a bit rate allows.

Encoders' own rate control steers by the pictures it has seen; a bake has few, and a package holds
more than pictures. So whole packages are tried: sizes fall steadily with QP, and bakes encode fast.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import bake.limits as bounds
from hwcodec import UnsupportedConfig
from hwcodec.records import whole_number

# So many QPs more halve a package, roughly; only the number of tries depends on it.
_QPS_PER_HALVING = 6.5


@dataclass(frozen=True, slots=True)
class PackageRate:
    """Bits per second of everything that a player fetches, over the scene's duration.

    Raises:
        ValueError: if the number is none of bits per second.
    """

    bits_per_second: int

    def __post_init__(self) -> None:
        """Refuse what no package has."""
        name = "bits_per_second"
        whole_number(name, self.bits_per_second, 1, bounds.MOST_BITS_PER_SECOND)

    def bytes_of(self, frame_count: int, frame_rate: Fraction) -> int:
        """How large a package of so many frames may be."""
        return int(self.bits_per_second * frame_count / frame_rate / 8)


@dataclass(frozen=True, slots=True)
class QpRange:
    """The QPs to choose from, both ends included, and the one to try first."""

    lowest: int
    highest: int
    first: int


def find_qp(size_at: Callable[[int], int], most_bytes: int, qps: QpRange) -> int:
    """The lowest QP whose size is within the limit, by a few calls of ``size_at``.

    Sizes are taken to fall as QPs rise, nearly by the same factor from QP to QP.

    Raises:
        UnsupportedConfig: if even the highest QP gives more bytes.
    """
    sizes: dict[int, int] = {}
    large, fits = qps.lowest - 1, qps.highest + 1  # Beyond the ends until a size says otherwise.
    qp = min(max(qps.first, qps.lowest), qps.highest)
    while fits - large > 1:
        sizes[qp] = max(size_at(qp), 1)
        if sizes[qp] <= most_bytes:
            fits = qp
        else:
            large = qp
        qp = min(max(_guess(sizes, (large, fits), most_bytes), large + 1), fits - 1)
    if fits not in sizes:
        raise UnsupportedConfig(
            f"a package takes {sizes[qps.highest]} bytes at QP {qps.highest}, expected at most "
            f"{most_bytes}; ask for a higher bit rate, or bake with rate=low"
        )
    return fits


def _guess(sizes: dict[int, int], ends: tuple[int, int], most_bytes: int) -> int:
    """Where the limit is by what is known: between two sizes, or ahead of the only one."""
    large, fits = ends
    if large in sizes and fits in sizes:
        over, under = (math.log(sizes[end] / most_bytes) for end in ends)
        return round(large + (fits - large) * over / (over - under))
    known = large if large in sizes else fits
    ahead = _QPS_PER_HALVING * math.log2(sizes[known] / most_bytes)
    return known + (math.ceil(ahead) if ahead > 0 else math.floor(ahead))
