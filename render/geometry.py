"""The box that bounds a scene; grids, cameras and loaders all refer to it."""

from dataclasses import dataclass
from itertools import product
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from render.errors import SceneError

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Aabb:
    """An axis-aligned box in scene units, with a positive extent along every axis.

    Raises:
        SceneError: if a bound or an extent is not finite, or a minimum is not below its maximum.
    """

    minimum: Vector
    maximum: Vector

    def __post_init__(self) -> None:
        """Refuse boxes that no grid could fill, and store plain floats."""
        object.__setattr__(self, "minimum", _vector("minimum", self.minimum))
        object.__setattr__(self, "maximum", _vector("maximum", self.maximum))
        for axis, low, high in zip("xyz", self.minimum, self.maximum, strict=True):
            if not isfinite(high - low):
                raise SceneError(
                    f"aabb runs from {low} to {high} along {axis}, expected a finite extent; "
                    "bound the scene by the region that the cameras see"
                )
            if not low < high:
                raise SceneError(
                    f"aabb runs from {low} to {high} along {axis}, expected minimum < maximum; "
                    "swap the corners or give the box an extent"
                )

    @property
    def size(self) -> NDArray[np.float64]:
        """Edge lengths, shape (3,), in scene units."""
        return np.subtract(self.maximum, self.minimum, dtype=np.float64)

    @property
    def center(self) -> NDArray[np.float64]:
        """Midpoint, shape (3,), in scene units."""
        return np.add(self.minimum, self.maximum, dtype=np.float64) / 2

    def corners(self) -> NDArray[np.float64]:
        """All corners, shape (8, 3), with z changing fastest."""
        return np.array(list(product(*zip(self.minimum, self.maximum, strict=True))), np.float64)


def _vector(name: str, values: Vector) -> Vector:
    """Three finite floats, or an error that names the corner."""
    try:
        x, y, z = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise SceneError(
            f"aabb {name} is {values!r:.200}, expected three numbers; write it as (x, y, z)"
        ) from error
    if not all(isfinite(value) for value in (x, y, z)):
        raise SceneError(
            f"aabb {name} is {values!r:.200}, expected finite numbers; "
            "bound the scene by the region that the cameras see"
        )
    return x, y, z
