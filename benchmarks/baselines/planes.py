"""Three feature planes behind the vertices of a group, and differentiable reading of them.

    plane xy at (x, y) | plane xz at (x, z) | plane yz at (y, z)  ->  features of vertex (x, y, z)

The channels of the three planes are concatenated, as in TeTriRF (CVPR 2024). Planes have the
resolution of the vertices or less: the shared renderer reads features at vertices only, so that
finer planes, such as the paper's threefold ones, would hold pixels that nobody reads. Only pixels
that some vertex reads exist as values, numbered plane by plane and row by row; the others lie
outside the projected occupancy and are zero.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.baselines.sparse_rows import Neighborhood, SparseProduct, neighbors
from render.errors import SceneError
from render.mapping import UNMAPPED, MappingTable

AXES = ((0, 1), (0, 2), (1, 2))
"""Grid axes along the rows and columns of each plane."""

PLANE_COUNT = len(AXES)
SMALLEST_SCALE = 1 / 16

Box = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneBox:
    """The pixels that the planes of a group span.

    ``scale`` is pixels per vertex; ``first`` and ``size`` are the box of pixels along x, y and z
    that the occupied vertices read. Pixel 0 lies on vertex 0 for every group, so that the pixels
    of all groups of one scale coincide.
    """

    scale: float
    first: Box
    size: Box

    def shape(self, plane: int) -> tuple[int, int]:
        """Rows and columns of a plane."""
        down, right = AXES[plane]
        return self.size[down], self.size[right]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each plane's pixels begin when all are numbered in a row, and where they end."""
        areas = [rows * columns for rows, columns in map(self.shape, range(PLANE_COUNT))]
        return tuple(int(total) for total in np.cumsum([0, *areas]))


class TriPlanes:
    """The planes of one group: which pixels carry values, and how vertices read them."""

    def __init__(self, mapping: MappingTable, scale: float = 1.0) -> None:
        """Planes of ``scale`` pixels per vertex.

        Raises:
            SceneError: if the scale is not within 1/16 and 1.
        """
        if not SMALLEST_SCALE <= scale <= 1:
            raise SceneError(
                f"plane scale is {scale}, expected {SMALLEST_SCALE} to 1 pixels per vertex; finer "
                "planes would hold pixels that no vertex reads"
            )
        positions = mapping.vertices * np.float64(scale)
        first = np.floor(positions.min(0)).astype(np.int64)
        size = np.ceil(positions.max(0)).astype(np.int64) - first + 1
        x, y, z = (int(number) for number in first)
        self.box = PlaneBox(scale, (x, y, z), (int(size[0]), int(size[1]), int(size[2])))
        places, weights = _reads(positions - first, self.box)
        self.pixels: NDArray[np.int64] = np.unique(places[weights > 0])
        """Numbers (pixels,) of the pixels with values, as `PlaneBox.offsets` counts them."""
        self._mapping, self._places, self._weights = mapping, places, weights

    @property
    def pixel_count(self) -> int:
        """Pixels that carry values, over all planes."""
        return len(self.pixels)

    @property
    def counts(self) -> tuple[int, ...]:
        """Pixels that carry values, plane by plane."""
        ends = np.searchsorted(self.pixels, self.box.offsets)
        return tuple(int(number) for number in np.diff(ends))

    @cached_property
    def product(self) -> SparseProduct:
        """The matrix (3 * texels, pixels): each texel reads each plane.

        Texels without a vertex read what the last one with a vertex reads, as in
        `MappingTable.fill_padding`.
        """
        mapping = self._mapping
        sources = np.full(mapping.texel_count, len(mapping.texels) - 1, np.int64)
        sources[mapping.texels] = np.arange(len(mapping.texels))
        rows = np.searchsorted(self.pixels, self._places).clip(max=self.pixel_count - 1)
        columns = torch.from_numpy(rows[sources]).flatten(0, 1)
        weights = torch.from_numpy(self._weights[sources].astype(np.float32)).flatten(0, 1)
        return SparseProduct(columns, weights, self.pixel_count)

    @cached_property
    def neighborhood(self) -> Neighborhood:
        """Pixels with values beside each other in one plane."""
        tables = []
        for plane, first in enumerate(self.box.offsets[:-1]):
            rows, columns = self.box.shape(plane)
            wanted = np.arange(first, first + rows * columns)
            found = np.searchsorted(self.pixels, wanted)
            known = np.isin(wanted, self.pixels)
            tables.append(neighbors(np.where(known, found, UNMAPPED).reshape(rows, columns)))
        return Neighborhood(torch.from_numpy(np.concatenate(tables)))

    @cached_property
    def vertex_neighborhood(self) -> Neighborhood:
        """Texels whose vertices lie beside each other along an axis of the grid."""
        mapping = self._mapping
        found = np.repeat(np.arange(mapping.texel_count)[:, None], 6, axis=1)
        found[mapping.texels] = neighbors(mapping.texel_of_vertex, mapping.vertices)
        return Neighborhood(torch.from_numpy(found))

    def features(self, values: Tensor) -> Tensor:
        """Features (texels, 3 * channels) from values (pixels, channels), differentiable."""
        return self.product(values).reshape(-1, PLANE_COUNT * values.shape[1])

    def to_images(self, values: Tensor) -> tuple[Tensor, ...]:
        """The planes as images (channels, rows, columns), zero where no vertex reads."""
        full = values.new_zeros(self.box.offsets[-1], values.shape[1])
        full[torch.from_numpy(self.pixels)] = values
        areas = np.diff(self.box.offsets).tolist()
        return tuple(
            part.T.reshape(-1, *self.box.shape(plane))
            for plane, part in enumerate(full.split(areas))
        )

    def from_images(self, images: tuple[Tensor, ...]) -> Tensor:
        """The values (pixels, channels) in images (channels, rows, columns) of the planes."""
        full = torch.cat([image.flatten(1).T for image in images])
        return full[torch.from_numpy(self.pixels)]

    def carried(self, before: "TriPlanes", values: Tensor) -> Tensor:
        """Another group's values (pixels, channels) at the pixels of this one; 0 where it has none.

        Raises:
            SceneError: if the two have different scales.
        """
        if before.box.scale != self.box.scale:
            raise SceneError(
                f"planes have scale {before.box.scale}, expected {self.box.scale} as in the next "
                "group; use one scale for a sequence"
            )
        keys, wanted = before._keys(), self._keys()
        found = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        known = torch.from_numpy(keys[found] == wanted)
        return torch.where(known[:, None], values[torch.from_numpy(found)], 0.0)

    def _keys(self) -> NDArray[np.int64]:
        """What tells a pixel from all others in any group: plane, row and column; ascending."""
        parts = []
        for plane, (start, end) in enumerate(
            zip(self.box.offsets[:-1], self.box.offsets[1:], strict=True)
        ):
            own = self.pixels[(self.pixels >= start) & (self.pixels < end)] - start
            row, column = np.divmod(own, self.box.shape(plane)[1])
            down, right = AXES[plane]
            row, column = row + self.box.first[down], column + self.box.first[right]
            parts.append((np.int64(plane) << 60) | (row << 30) | column)
        return np.concatenate(parts)


def _reads(
    positions: NDArray[np.float64], box: PlaneBox
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixels and bilinear weights (vertices, planes, entries) that vertices at pixels read."""
    if box.scale == 1:  # Every vertex lies on a pixel of each plane.
        cells = positions.astype(np.int64)
        whole = [_place(cells, (0, 0), plane, box) for plane in range(PLANE_COUNT)]
        return np.stack(whole, 1)[..., None], np.ones((len(positions), PLANE_COUNT, 1))
    low = np.minimum(np.floor(positions), np.maximum(np.array(box.size) - 2, 0)).astype(np.int64)
    part = positions - low
    entries = [_bilinear(low, part, step, box) for step in ((0, 0), (0, 1), (1, 0), (1, 1))]
    return np.stack([e[0] for e in entries], -1), np.stack([e[1] for e in entries], -1)


def _bilinear(
    low: NDArray[np.int64], part: NDArray[np.float64], step: tuple[int, int], box: PlaneBox
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One corner's pixels and weights (vertices, planes)."""
    weights = []
    for axes in AXES:
        sides = [
            part[:, axis] if ahead else 1 - part[:, axis]
            for axis, ahead in zip(axes, step, strict=True)
        ]
        weights.append(sides[0] * sides[1])
    places = [_place(low, step, plane, box) for plane in range(PLANE_COUNT)]
    return np.stack(places, 1), np.stack(weights, 1)


def _place(
    cells: NDArray[np.int64], step: tuple[int, int], plane: int, box: PlaneBox
) -> NDArray[np.int64]:
    """Pixel numbers; corners beyond the last pixel, whose weight is 0, stay on it."""
    rows, columns = box.shape(plane)
    down, right = AXES[plane]
    row = np.minimum(cells[:, down] + step[0], rows - 1)
    column = np.minimum(cells[:, right] + step[1], columns - 1)
    found: NDArray[np.int64] = box.offsets[plane] + row * columns + column
    return found
