"""What most cameras agree on: voxels that nearly all masks hold.

The visual hull lets a single wrong camera carve everything away. Here every camera has a vote, and
the vote of the camera in question is left out, so that it is judged by the others alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from bake.hull import grow_mask, projection_matrix, voxel_radius
from bake.inspection.small_pictures import Instant
from render.cameras import Camera
from render.geometry import Aabb
from render.occupancy import VoxelGrid, cover

# Bytes of votes kept at a time, one per voxel and camera; looking for the place takes an eighth.
_VOTE_BYTES = 24 << 20
_MOST_RESOLUTION = 112
# Looks at the same box, as it shrinks around what was found.
_ROUNDS = 3
_LITTLE_CHANGE = 0.7
# A voxel that few cameras see would be kept for want of anybody who says otherwise.
_SEEN_SHARE = 0.5
_LEAST_SEEN = 3
# The vote of a camera on whose mask a voxel lies.
_ON = 2
# Votes are kept of voxels that may still be agreed on when some cameras are left out.
_KEPT_BELOW = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """What every camera says of voxels that many hold to be inside.

    Attributes:
        points: their middles, (voxels, 3).
        voxel_size: their edge length in scene units.
        views: which views voted.
        said: uint8 (views, voxels): 0 out of the picture, 1 off the mask, 2 on the mask.
    """

    points: NDArray[np.float64]
    voxel_size: float
    views: tuple[int, ...]
    said: NDArray[np.uint8]

    def count(self, jury: frozenset[int]) -> "Ballot":
        """Count the votes of some views."""
        rows = [row for row, view in enumerate(self.views) if view in jury]
        return Ballot(self, frozenset(self.views) & jury, *_tally(self.said, np.array(rows, int)))


@dataclass(frozen=True, slots=True, eq=False)
class Ballot:
    """Votes as counted for a jury: how many of it see each voxel, and hold it to be inside."""

    votes: Votes
    jury: frozenset[int]
    seen: NDArray[np.int32]
    inside: NDArray[np.int32]

    def agreed(self, share: float, without: int | None = None) -> NDArray[np.bool_]:
        """Which voxels at least ``share`` of those that see them hold, with one view left out."""
        seen, inside, members = self.seen, self.inside, len(self.jury)
        if without in self.jury:
            said = self.votes.said[self.votes.views.index(without)]
            seen, inside, members = seen - (said > 0), inside - (said == _ON), members - 1
        least = max(_LEAST_SEEN, _SEEN_SHARE * members)
        kept: NDArray[np.bool_] = (seen >= least) & (inside >= share * seen - 1e-9)
        return kept


def collect_votes(
    instant: Instant, region: Aabb, jury: frozenset[int], share: float
) -> Votes | None:
    """Find what the jury agrees on within a region and ask all cameras about its voxels.

    None if there is nothing.
    """
    place: Aabb | None = region
    for _ in range(_ROUNDS):
        if place is None:
            return None
        before, place = place, _around(instant, place, jury, share)
        if place is not None and np.prod(place.size) > _LITTLE_CHANGE * np.prod(before.size):
            break
    if place is None:
        return None
    grid = _fitting_grid(place, _VOTE_BYTES // max(len(instant.views), 1))
    masks = {view: instant.mask(view) for view in instant.views}
    votes = _ask_all(grid, instant.cameras, masks, (jury, share - _KEPT_BELOW))
    return votes if len(votes.points) else None


def silhouette(points: NDArray[np.float64], voxel_size: float, camera: Camera) -> NDArray[np.bool_]:
    """Pixels (rows, columns) that any of the voxels covers, each drawn as a square."""
    return np.isfinite(depth_picture(points, voxel_size, camera))


def depth_picture(
    points: NDArray[np.float64], voxel_size: float, camera: Camera
) -> NDArray[np.float32]:
    """Depth (rows, columns) of the nearest voxel, in scene units; infinite where there is none."""
    depth = np.full((camera.height, camera.width), np.inf, np.float32)
    _draw(depth, points, projection_matrix(camera), voxel_size / 2 * camera.focal_x)
    return depth


def _fitting_grid(region: Aabb, voxels: int) -> VoxelGrid:
    """A grid of about so many voxels, and of a bounded number."""
    return cover(region, max(2, min(_MOST_RESOLUTION, int(voxels ** (1 / 3)))))


def _around(instant: Instant, region: Aabb, jury: frozenset[int], share: float) -> Aabb | None:
    """The box of what is agreed on within a region, seen through a coarse grid."""
    members = {view: instant.cameras[view] for view in instant.views if view in jury}
    grid = _fitting_grid(region, _VOTE_BYTES // 8 // max(len(members), 1))
    # As large as half a voxel looks, so that nothing thin falls between two of them.
    radius = {view: min(voxel_radius(grid, camera), 64) for view, camera in members.items()}
    grown = {
        view: grow_mask(instant.mask(view).view(np.uint8), radius[view]) > 0 for view in members
    }
    found = _ask_all(grid, members, grown, (jury, share)).points
    if not len(found):
        return None
    return Aabb(tuple(found.min(0) - grid.voxel_size), tuple(found.max(0) + grid.voxel_size))


def _ask_all(
    grid: VoxelGrid,
    cameras: Mapping[int, Camera],
    masks: Mapping[int, NDArray[np.bool_]],
    wanted: tuple[frozenset[int], float],
) -> Votes:
    """The votes of all cameras on those vertices of a grid that a share of a jury agrees on."""
    said = np.zeros((len(cameras), grid.vertex_count), np.uint8)
    for row, (view, camera) in enumerate(cameras.items()):
        where = (grid.origin, grid.voxel_size)
        _ask(said[row], grid.shape, where, projection_matrix(camera), masks[view])
    everything = Votes(np.empty((0, 3)), grid.voxel_size, tuple(cameras), said)
    jury, share = wanted
    kept = np.flatnonzero(everything.count(jury).agreed(share))
    points = grid.positions(np.stack(np.unravel_index(kept, grid.shape), axis=1))
    return replace(everything, points=points, said=np.ascontiguousarray(said[:, kept]))


@numba.njit(cache=True, nogil=True)
def _ask(
    said: NDArray[np.uint8],
    shape: tuple[int, int, int],
    where: tuple[NDArray[np.float64], float],
    p: NDArray[np.float64],
    mask: NDArray[np.bool_],
) -> None:
    """Fills in one camera's votes on the vertices of a grid at an origin with a voxel size."""
    origin, size = where
    rows, columns = mask.shape
    index = 0
    for x in range(shape[0]):
        for y in range(shape[1]):
            for z in range(shape[2]):
                wx, wy, wz = origin[0] + size * x, origin[1] + size * y, origin[2] + size * z
                depth = p[2, 0] * wx + p[2, 1] * wy + p[2, 2] * wz + p[2, 3]
                if depth > 0:
                    u = (p[0, 0] * wx + p[0, 1] * wy + p[0, 2] * wz + p[0, 3]) / depth
                    v = (p[1, 0] * wx + p[1, 1] * wy + p[1, 2] * wz + p[1, 3]) / depth
                    if 0 <= u < columns and 0 <= v < rows:
                        said[index] = 2 if mask[np.uint64(v), np.uint64(u)] else 1
                index += 1


@numba.njit(cache=True, nogil=True)
def _tally(
    said: NDArray[np.uint8], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """How many views see each voxel, and how many of these hold it to be inside."""
    seen = np.zeros(said.shape[1], np.int32)
    inside = np.zeros(said.shape[1], np.int32)
    for row in rows:
        for voxel in range(said.shape[1]):
            seen[voxel] += said[row, voxel] > 0
            inside[voxel] += said[row, voxel] == 2
    return seen, inside


@numba.njit(cache=True, nogil=True)
def _draw(
    picture: NDArray[np.float32], points: NDArray[np.float64], p: NDArray[np.float64], reach: float
) -> None:
    """Draws voxels as squares of depth; ``reach`` is half an edge in pixels at depth 1."""
    rows, columns = picture.shape
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        depth = p[2, 0] * x + p[2, 1] * y + p[2, 2] * z + p[2, 3]
        if depth <= 0:
            continue
        u = (p[0, 0] * x + p[0, 1] * y + p[0, 2] * z + p[0, 3]) / depth
        v = (p[1, 0] * x + p[1, 1] * y + p[1, 2] * z + p[1, 3]) / depth
        r = reach / depth
        if not (-r < u < columns + r and -r < v < rows + r):
            continue
        # Pixels whose middle the square holds.
        left, right = (
            max(int(np.ceil(u - r - 0.5)), 0),
            min(int(np.floor(u + r - 0.5)), columns - 1),
        )
        low, high = max(int(np.ceil(v - r - 0.5)), 0), min(int(np.floor(v + r - 0.5)), rows - 1)
        for row in range(low, high + 1):
            for column in range(left, right + 1):
                picture[row, column] = min(picture[row, column], np.float32(depth))
