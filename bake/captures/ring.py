"""The room between cameras that look at the same thing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from render.cameras import Camera
from render.geometry import Aabb

Array = NDArray[np.float64]
# A subject stays within the ring of cameras, and needs not fill it.
_RING_SHARE = 0.95
# Optical axes as parallel as that meet nowhere.
_MOST_CONDITION = 1e6


def meeting_point(cameras: Sequence[Camera], weights: Array) -> Array | None:
    """The point (3,) nearest to all optical axes, by weights (cameras,); None if it is nowhere."""
    across, positions = _across(cameras), _positions(cameras)
    total = (weights[:, None, None] * across).sum(0)
    if not np.isfinite(total).all() or np.linalg.cond(total) > _MOST_CONDITION:
        return None
    pulled = (weights[:, None, None] * (across @ positions[:, :, None])).sum(0)[:, 0]
    found: Array = np.linalg.solve(total, pulled)
    return found


def missed_by(cameras: Sequence[Camera], point: Array) -> Array:
    """How far from a point each optical axis passes, (cameras,)."""
    off = (_across(cameras) @ (point - _positions(cameras))[:, :, None])[..., 0]
    distances: Array = np.linalg.norm(off, axis=1)
    return distances


def cube_around(cameras: Sequence[Camera], middle: Array) -> Aabb | None:
    """The cube around a point that reaches nearly to the nearest camera; None if one is there."""
    reach = _RING_SHARE * float(np.linalg.norm(_positions(cameras) - middle, axis=1).min())
    return Aabb(tuple(middle - reach), tuple(middle + reach)) if reach > 0 else None


def _across(cameras: Sequence[Camera]) -> Array:
    """Projections (cameras, 3, 3) onto the planes across the optical axes."""
    forward = np.array([camera.forward for camera in cameras])
    across: Array = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    return across


def _positions(cameras: Sequence[Camera]) -> Array:
    return np.array([camera.position for camera in cameras])
