"""Where matter went from one frame to the next, and texels that go with it.

    pictures of two frames --optical flow--> pixels' shifts
    shifts + surface of the field --least squares--> displacements on a lattice
    texels --displacements--> start of the next frame

Training then corrects what moved instead of building it anew. Only starts change: no player knows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bake.coarse import FrameViews
from render.cameras import Camera, pixel_rays
from render.field import Field
from render.mapping import UNMAPPED, MappingTable
from render.march import march_forward

# Pictures are shrunk to this many pixels along their longer side: a lattice needs no more.
_LONGEST_SIDE = 400
# OpenCV's flow refuses pictures with a shorter side, in pixels (measured); such views say nothing.
_SHORTEST_SIDE = 12
# A pixel counts if its ray is this opaque, and if flow forth and back ends this near, in pixels.
_LEAST_OPACITY = 0.7
_MOST_MISMATCH = 1.0
# How strongly neighbors on the lattice agree, beside the mean weight of an observed one.
_SMOOTHNESS = 0.05
_ROUNDS = 200
# Texels that come from nearer than this, in voxels, stay as they are, which costs no bytes.
_STILL = 0.25
# Fixed-point steps from where a texel is to where it came from.
_STEPS_BACK = 4
# Trilinear weight that must lie on vertices with a texel before a value is taken from there.
_LEAST_KNOWN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class SceneFlow:
    """Displacements from one frame to the next.

    ``displacements`` is float32 (x, y, z, 3) in voxels, at every ``spacing``-th vertex of the grid
    along each axis, on the CPU.
    """

    displacements: Tensor
    spacing: int

    def at(self, points: Tensor) -> Tensor:
        """Displacements (points, 3) at positions (points, 3) in voxels, trilinear."""
        return _sample(self.displacements.movedim(-1, 0), points / self.spacing)

    def sources(self, points: Tensor) -> Tensor:
        """Where matter that is now at positions (points, 3) came from, in voxels."""
        found = points
        for _ in range(_STEPS_BACK):
            found = points - self.at(found)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Sightings:
    """What one view says: surface points (n, 3), Jacobians (n, 2, 3) in voxels, shifts (n, 2)."""

    points: NDArray[np.float64]
    jacobians: NDArray[np.float64]
    shifts: NDArray[np.float64]


def estimate_flow(field: Field, before: FrameViews, after: FrameViews, spacing: int) -> SceneFlow:
    """Displacements of the surface of ``field``, which shows the frame ``before``, to ``after``.

    Each pixel whose optical flow can be trusted gives two linear equations for the displacement of
    the surface point behind it; a lattice of points every ``spacing`` voxels is fitted to all of
    them by damped least squares. Views in one frame alone, and tiny ones, are left out; without
    any view everything stays in place.

    Source: scene flow from several optical flows, Vedula et al., ICCV 1999; the flow itself is
    Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, as OpenCV has it.
    """
    shape = tuple(-(-count // spacing) + 1 for count in field.geometry.grid.shape)
    normal = np.zeros((*shape, 3, 3)), np.zeros((*shape, 3))
    earlier = dict(zip(before.indices, before.views, strict=True))
    for index, camera, view in zip(after.indices, after.cameras, after.views, strict=True):
        factor = min(1.0, _LONGEST_SIDE / max(camera.width, camera.height))
        if index in earlier and factor * min(camera.width, camera.height) >= _SHORTEST_SIDE:
            pair = earlier[index].rgb, view.rgb
            _add(_see(field, camera.scaled(factor), pair), normal, spacing)
    return SceneFlow(torch.from_numpy(_solve(*normal)).float(), spacing)


def move_texels(texels: Tensor, mapping: MappingTable, flow: SceneFlow) -> Tensor:
    """A copy of (texel_count, channels) in which values have moved along with the flow.

    A vertex takes the value from where its matter came from, if that place had one.
    """
    vertices = torch.from_numpy(mapping.vertices).long()
    rows = torch.from_numpy(mapping.texels).long()
    places = vertices.float()
    sources = flow.sources(places)
    moved = (sources - places).norm(dim=1) > _STILL
    found, known = _blend(texels, mapping, sources[moved])
    taken = known > _LEAST_KNOWN
    result = texels.clone()
    result[rows[moved][taken]] = found[taken] / known[taken, None]
    return result


def _blend(texels: Tensor, mapping: MappingTable, places: Tensor) -> tuple[Tensor, Tensor]:
    """Trilinear sums of values (places, channels) and of their weights, over what has a texel."""
    table = torch.from_numpy(mapping.texel_of_vertex)
    lowest = places.floor().long()
    lowest = torch.minimum(lowest.clamp_min(0), torch.tensor(table.shape) - 2)
    inside = (places - lowest).clamp(0, 1)
    total, weights = texels.new_zeros(len(places), texels.shape[1]), places.new_zeros(len(places))
    for corner in np.ndindex(2, 2, 2):
        offset = torch.tensor(corner)
        chosen = table[tuple((lowest + offset).T)].long()
        weight = torch.where(offset.bool(), inside, 1 - inside).prod(1)
        weight[chosen == UNMAPPED] = 0
        total += weight[:, None] * texels[chosen.clamp_min(0)]
        weights += weight
    return total, weights


def _see(
    field: Field, camera: Camera, pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> _Sightings:
    """The trusted pixels of one view, at the size of ``camera``."""
    earlier, later = (_gray(picture, (camera.width, camera.height)) for picture in pictures)
    with _single_thread():
        forth, back = _optical_flow(earlier, later), _optical_flow(later, earlier)
    points, opacity = _surface(field, camera)
    trusted = (opacity > _LEAST_OPACITY) & (_mismatch(forth, back) < _MOST_MISMATCH)
    shifts = forth.reshape(-1, 2)[trusted].astype(np.float64)
    return _Sightings(points[trusted], _jacobians(field, camera, points[trusted]), shifts)


def _surface(field: Field, camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Per pixel: the mean point at which its light comes from, in voxels, and its opacity."""
    rays = field.geometry.to_grid(pixel_rays(camera), field.density.device)
    result = march_forward(field, rays)
    opacity = 1 - result.transmittance
    distance = result.distance / opacity.clamp_min(1e-6)
    points = rays.origins + rays.directions * distance[:, None]
    return points.double().cpu().numpy(), opacity.cpu().numpy()


def _jacobians(field: Field, camera: Camera, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How a pixel moves with its point: (points, 2, 3), pixels per voxel."""
    grid = field.geometry.grid
    turn, shift = camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3]
    seen = (points * grid.voxel_size + grid.origin) @ turn.T + shift
    depth = seen[:, 2:]
    columns = camera.focal_x * (turn[0] - seen[:, :1] / depth * turn[2]) / depth
    rows = camera.focal_y * (turn[1] - seen[:, 1:2] / depth * turn[2]) / depth
    return np.stack([columns, rows], 1) * grid.voxel_size


def _add(
    seen: _Sightings, normal: tuple[NDArray[np.float64], NDArray[np.float64]], spacing: int
) -> None:
    """Adds a view's equations to the normal equations of the lattice, trilinearly."""
    matrices, sides = normal
    shape = np.array(sides.shape[:3])
    squares = np.einsum("nki,nkj->nij", seen.jacobians, seen.jacobians).reshape(-1, 9)
    targets = np.einsum("nki,nk->ni", seen.jacobians, seen.shifts)
    places = seen.points / spacing
    lowest = np.clip(np.floor(places).astype(np.int64), 0, shape - 2)
    inside = np.clip(places - lowest, 0, 1)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, inside, 1 - inside), axis=1)
        flat = np.ravel_multi_index(tuple((lowest + corner).T), tuple(shape))
        for into, values in ((matrices, squares), (sides, targets)):
            columns = into.reshape(-1, values.shape[1])
            for column in range(values.shape[1]):
                columns[:, column] += np.bincount(
                    flat, weight * values[:, column], minlength=len(columns)
                )


def _solve(matrices: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacements that fit the equations and their six neighbors, by Jacobi's iteration."""
    traces = np.trace(matrices, axis1=-2, axis2=-1)
    observed = traces[traces > 0]
    if not len(observed):
        return np.zeros_like(sides)
    scale = observed.mean() / 3
    pull = 6 * _SMOOTHNESS * np.eye(3)
    inverse = np.linalg.inv(matrices / scale + pull)
    known = sides / scale
    found = np.zeros_like(sides)
    for _ in range(_ROUNDS):
        around = np.pad(found, [(1, 1)] * 3 + [(0, 0)], mode="edge")
        total = sum(
            np.roll(around, step, axis)[1:-1, 1:-1, 1:-1] for axis in range(3) for step in (1, -1)
        )
        found = np.einsum("xyzij,xyzj->xyzi", inverse, known + _SMOOTHNESS * total)
    return found


def _sample(values: Tensor, places: Tensor) -> Tensor:
    """Trilinear samples (points, channels) of (channels, x, y, z) at lattice positions."""
    last = torch.tensor(values.shape[1:]) - 1
    # Torch's own sampling wants (z, y, x) in [-1, 1].
    scaled = (places / last.clamp_min(1) * 2 - 1).flip(-1)
    found = torch.nn.functional.grid_sample(
        values[None], scaled[None, None, None], align_corners=True, padding_mode="border"
    )
    return found.reshape(len(values), -1).T


def _gray(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture in gray at (width, height)."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if gray.shape[::-1] != size:
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return np.asarray(gray, np.uint8)


def _optical_flow(earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shifts (rows, columns, 2) in pixels along columns and rows."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    nothing = np.zeros((*earlier.shape, 2), np.float32)
    return np.asarray(method.calc(earlier, later, nothing), np.float32)


def _mismatch(forth: NDArray[np.float32], back: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far from its start every pixel (flat) ends after going forth and back."""
    rows, columns = np.mgrid[: forth.shape[0], : forth.shape[1]].astype(np.float32)
    there = columns + forth[..., 0], rows + forth[..., 1]
    returned = cv2.remap(back, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.linalg.norm(forth + returned, axis=-1).ravel(), np.float32)


@contextmanager
def _single_thread() -> Iterator[None]:
    """OpenCV on one thread: its flow depends on how many share the picture."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
