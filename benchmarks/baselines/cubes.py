"""The vertex grid cut into 8 x 8 x 8 cubes, and texel values gathered into them and back.

Only cubes with a texel of the group are listed. Encoder and decoder find the same list, from the
mapping table alone. Places of a cube that have no texel are free: nobody reads them after decoding.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from render.mapping import MappingTable
from render.occupancy import morton3

SIDE = 8
VOLUME = SIDE**3


@dataclass(frozen=True, slots=True, eq=False)
class CubeLayout:
    """Which texel lies where in which cube.

    Attributes:
        cubes: int32 (n, 3), place of each listed cube on the grid of cubes, in 3D Morton order.
        texels: int64 (vertices,), the texels that belong to a vertex, sorted by cube.
        places: int64 (vertices,), where they lie: cube times 512, plus 64 x + 8 y + z.
        starts: int64 (n + 1,), where each cube's texels begin in ``texels``.
        vertices: int32 (vertices, 3), the vertex of each.
        texel_count: texels of the group, padding included.
    """

    cubes: NDArray[np.int32]
    texels: NDArray[np.int64]
    places: NDArray[np.int64]
    starts: NDArray[np.int64]
    vertices: NDArray[np.int32]
    texel_count: int

    @classmethod
    def of(cls, mapping: MappingTable) -> Self:
        """The layout of a group's mapping table."""
        # In Morton order, the vertices of a cube follow each other already.
        vertices = mapping.vertices
        codes, numbers = np.unique(morton3(vertices // SIDE), return_inverse=True)
        order = np.argsort(numbers, kind="stable")
        vertices, numbers = vertices[order], numbers[order]
        starts = np.searchsorted(numbers, np.arange(len(codes) + 1))
        x, y, z = (vertices % SIDE).T.astype(np.int64)
        return cls(
            vertices[starts[:-1]] // SIDE,
            mapping.texels[order].astype(np.int64),
            numbers * VOLUME + (x * SIDE + y) * SIDE + z,
            starts.astype(np.int64),
            np.ascontiguousarray(vertices),
            mapping.texel_count,
        )

    @property
    def count(self) -> int:
        """How many cubes are listed."""
        return len(self.cubes)

    def used(self) -> Tensor:
        """Which places have a texel, bool (cubes, 512)."""
        found = torch.zeros(self.count * VOLUME, dtype=torch.bool)
        found[torch.from_numpy(self.places)] = True
        return found.view(self.count, VOLUME)

    def gather(self, values: Tensor) -> Tensor:
        """Values (texels, channels) as (cubes, channels, 512), zero where there is no texel."""
        flat = values.new_zeros(self.count * VOLUME, values.shape[1])
        flat[torch.from_numpy(self.places)] = values[torch.from_numpy(self.texels)]
        return flat.view(self.count, VOLUME, -1).transpose(1, 2).contiguous()

    def scatter(self, blocks: Tensor) -> Tensor:
        """Values (texels, channels) of (cubes, channels, 512), zero where there is no vertex."""
        flat = blocks.transpose(1, 2).reshape(self.count * VOLUME, -1)
        values = blocks.new_zeros(self.texel_count, blocks.shape[1])
        values[torch.from_numpy(self.texels)] = flat[torch.from_numpy(self.places)]
        return values

    def sums(self, values: Tensor) -> Tensor:
        """Sum of (texels,) over the texels of each cube, (cubes,)."""
        found = values.new_zeros(self.count)
        numbers = torch.from_numpy(self.places // VOLUME)
        return found.index_add(0, numbers, values[torch.from_numpy(self.texels)])

    def spread(self, marks: Tensor) -> Tensor:
        """The marks (cubes,) of each texel's cube, bool (texels,); false without a vertex."""
        found = torch.zeros(self.texel_count, dtype=torch.bool)
        found[torch.from_numpy(self.texels)] = marks[torch.from_numpy(self.places // VOLUME)]
        return found

    def neighbors(self) -> Tensor:
        """Pairs (pairs, 2) of listed cubes that share a face, each once."""
        place = {tuple(cube): number for number, cube in enumerate(self.cubes.tolist())}
        steps = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
        pairs = [
            (number, other)
            for (x, y, z), number in place.items()
            for i, j, k in steps
            if (other := place.get((x + i, y + j, z + k))) is not None
        ]
        return torch.tensor(pairs, dtype=torch.int64).view(-1, 2)
