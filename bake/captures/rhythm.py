"""The rhythm of motion: how well two series of change fit, when one is moved against the other."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Below it a series is even, and what is left of it is rounding. A choice.
_EVEN = 1e-9


def fits_by_shift(own: Array, others: Array, most: int) -> Array:
    """Correlation (2 most + 1) of ``own`` with ``others``, both (frames), for every shift.

    Entry ``most + s`` is for ``own`` being late by s frames: what it shows at frame n + s, others
    show at n. Only frames that both have are compared; the fit with an even series is 0.
    """
    count = len(own)
    fits = []
    for shift in range(-most, most + 1):
        mine = own[max(0, shift) : count + min(0, shift)]
        theirs = others[max(0, -shift) : count + min(0, -shift)]
        fits.append(float(np.mean(standardized(mine) * standardized(theirs))))
    return np.array(fits)


def standardized(series: Array) -> Array:
    """Moved to mean 0 and scaled to variance 1."""
    middle = series - series.mean()
    scaled: Array = middle / max(float(middle.std()), _EVEN)
    return scaled
