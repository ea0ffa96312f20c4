"""What rays march through: the geometry of a group and the texel values of one frame."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from render.cameras import Rays
from render.errors import SceneError
from render.mapping import UNMAPPED, MappingTable
from render.occupancy import VoxelGrid, dilate

# Longest jump, in cells, that the distance table promises; longer ones gain nothing measurable.
MAX_JUMP = 64

# Features are fetched four at a time, like the components of a texture.
FEATURE_ALIGNMENT = 4


@dataclass(frozen=True, slots=True, eq=False)
class FieldGeometry:
    """The acceleration structure of one group: which cells are active and where their corners are.

    A cell is active when at least one of its corners has a texel; a corner without one reads the
    empty texel, which is the last row of a field's values.

    Attributes:
        grid: the voxel grid.
        cells: int32 (x - 1, y - 1, z - 1); number of an active cell, or minus the Chebyshev
            distance in cells to the nearest active one.
        corners: int32 (active cells, 8), texel of each corner, z fastest.
        texel_count: texels of the group; ``texel_count`` itself is the empty texel.
    """

    grid: VoxelGrid
    cells: NDArray[np.int32]
    corners: NDArray[np.int32]
    texel_count: int
    _copies: dict[torch.device, tuple[Tensor, Tensor]] = field(
        default_factory=dict, init=False, repr=False
    )

    def to_grid(self, rays: Rays, device: torch.device | str = "cpu") -> Rays:
        """The same rays in grid units (voxels from vertex 0, 0, 0), contiguous on ``device``."""
        origin = torch.from_numpy(self.grid.origin).to(device)
        origins = (rays.origins.to(device).double() - origin) / self.grid.voxel_size
        directions = rays.directions.to(device).float()
        return Rays(origins.float().contiguous(), directions.contiguous())

    def tables(self, device: torch.device | str) -> tuple[Tensor, Tensor]:
        """``cells`` and ``corners`` as int32 tensors on a device, copied there once."""
        key = torch.device(device)
        if key not in self._copies:
            arrays = torch.from_numpy(self.cells), torch.from_numpy(self.corners)
            self._copies[key] = arrays[0].to(key), arrays[1].to(key)
        return self._copies[key]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One frame's radiance field: geometry plus texel values, density first.

    ``density`` is float32 (texel_count + 1,) before activation and ``features`` float32
    (texel_count + 1, channels) with channels padded to a multiple of four; the last row is the
    empty texel. ``step`` is the sample spacing in voxels.
    """

    geometry: FieldGeometry
    density: Tensor
    features: Tensor
    step: float

    def __post_init__(self) -> None:
        """Shapes are checked here once, because the compiled march checks nothing."""
        rows, channels = self.geometry.texel_count + 1, self.features.shape[-1]
        if tuple(self.density.shape) != (rows,) or tuple(self.features.shape) != (rows, channels):
            raise SceneError(
                f"density {tuple(self.density.shape)} and features {tuple(self.features.shape)}, "
                f"expected ({rows},) and ({rows}, channels); add the empty texel as last row"
            )
        if channels % FEATURE_ALIGNMENT or not self.step > 0:
            raise SceneError(
                f"field has {channels} feature channels and step {self.step}, expected a multiple "
                f"of {FEATURE_ALIGNMENT} channels and a positive step; use make_field"
            )


def build_geometry(grid: VoxelGrid, mapping: MappingTable) -> FieldGeometry:
    """Number the active cells, list their corners and measure the distance to them elsewhere."""
    table = mapping.texel_of_vertex
    x, y, z = (n - 1 for n in table.shape)
    corners = np.stack(
        [table[i : i + x, j : j + y, k : k + z] for i in (0, 1) for j in (0, 1) for k in (0, 1)],
        axis=-1,
    )
    active = (corners != UNMAPPED).any(-1)
    cells = -_chebyshev_distance(active)
    cells[active] = np.arange(np.count_nonzero(active), dtype=np.int32)
    listed = corners[active]
    listed[listed == UNMAPPED] = mapping.texel_count
    return FieldGeometry(grid, cells, np.ascontiguousarray(listed), mapping.texel_count)


def make_field(
    geometry: FieldGeometry, texels: Tensor, *, empty_density: float, step: float
) -> Field:
    """A field from texel values (texel_count, 1 + features): adds the empty texel, pads channels.

    ``empty_density`` is the density before activation where no texel exists.
    """
    rows, channels = texels.shape
    features = texels.new_zeros(rows + 1, padded_channels(channels - 1))
    features[:rows, : channels - 1] = texels[:, 1:]
    density = texels.new_full((rows + 1,), empty_density)
    density[:rows] = texels[:, 0]
    return Field(geometry, density, features, step)


def padded_channels(feature_count: int) -> int:
    """The next multiple of ``FEATURE_ALIGNMENT``."""
    return -(-feature_count // FEATURE_ALIGNMENT) * FEATURE_ALIGNMENT


def _chebyshev_distance(active: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Cells to the nearest active cell, capped; dilation by a cube grows the reach one by one."""
    distance = np.full(active.shape, MAX_JUMP, np.int32)
    reached = active.copy()
    distance[reached] = 0
    for radius in range(1, MAX_JUMP):
        if reached.all():
            break
        reached = dilate(reached)
        distance[reached & (distance == MAX_JUMP)] = radius
    return distance
