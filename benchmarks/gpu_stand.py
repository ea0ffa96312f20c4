"""What the checks of a device draw and train on: a figure made here, or the frame of a package."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from render.cameras import Camera, Lens, orbit
from render.field import Field, build_geometry, make_field
from render.fragment import Appearance
from render.geometry import Aabb
from render.mapping import MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid, cover
from render.scene import BakedScene
from render.shading import ShadingMlp, ShadingShape

BLOCK_SIDE = 8
EMPTY_DENSITY, STEP = -8.0, 0.5
_BOX = Aabb((-1.0, -1.0, -2.0), (1.0, 1.0, 2.0))
# Center and radii of each ellipsoid: head, trunk, arms and legs.
_FIGURE = np.array(
    [
        [[0.0, 0.0, 1.45], [0.24, 0.26, 0.32]],
        [[0.0, 0.0, 0.5], [0.3, 0.42, 0.7]],
        [[0.0, -0.6, 0.7], [0.14, 0.34, 0.14]],
        [[0.0, 0.6, 0.7], [0.14, 0.34, 0.14]],
        [[0.0, -0.25, -0.95], [0.19, 0.17, 0.9]],
        [[0.0, 0.25, -0.95], [0.19, 0.17, 0.9]],
    ]
)
# Half the thickness of its skin, in voxels.
_SKIN = 3.0


@dataclass(frozen=True, eq=False)
class Stand:
    """What is drawn: a field in the processor's memory, its colors, and cameras around it."""

    field: Field
    appearance: Appearance
    cameras: tuple[Camera, ...]

    def camera(self, size: tuple[int, int]) -> Camera:
        """The first camera with pictures of another size (width, height), seeing as much in y."""
        first, (width, height) = self.cameras[0], size
        focal = first.focal_y * height / first.height
        return Camera(*(width, height, focal, focal, width / 2, height / 2), first.world_to_camera)


def stand_in(resolution: int = 160, features: int = 8, width: int = 32) -> Stand:
    """The figure: a skin of texels, as a performer's, with smooth random colors."""
    grid = cover(_BOX, resolution)
    depth = _depth(grid)
    mapping = build_mapping(OccupancyGrid(grid, np.abs(depth) < _SKIN), BLOCK_SIDE)
    texels = _texels(grid, mapping, depth, features)
    field = make_field(
        build_geometry(grid, mapping), texels, empty_density=EMPTY_DENSITY, step=STEP
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ShadingMlp(ShadingShape(features, width, 3, 2))
    appearance = Appearance(network.requires_grad_(requires_grad=False), torch.ones(3))
    return Stand(field, appearance, orbit((0, 0, 0), 5.5, 0.6, 8, Lens(512, 512, 620.0)))


def package_stand(scene: BakedScene) -> Stand:
    """The first frame of a package, without its codes."""
    return Stand(scene.field(scene.atlas(0)), scene.appearance, scene.cameras)


def moved(field: Field, device: str, *, is_halved: bool = False) -> Field:
    """A copy of a field on a device, with its features in half precision if asked."""
    features = field.features.to(device, copy=True)
    return Field(
        field.geometry,
        field.density.to(device, copy=True),
        features.half() if is_halved else features,
        field.step,
    )


def _depth(grid: VoxelGrid) -> NDArray[np.float64]:
    """How far below the figure's surface each vertex lies, in voxels."""
    axes = [grid.origin[a] + grid.voxel_size * np.arange(grid.shape[a]) for a in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    depth = np.full(grid.shape, -np.inf)
    for center, radii in _FIGURE:
        ratio = np.linalg.norm((points - center) / radii, axis=-1)
        depth = np.maximum(depth, (1 - ratio) * radii.min() / grid.voxel_size)
    return depth


def _texels(
    grid: VoxelGrid, mapping: MappingTable, depth: NDArray[np.float64], features: int
) -> torch.Tensor:
    """Dense inside and thin outside; colors are waves in space."""
    generator = torch.Generator().manual_seed(0)
    waves = 4 * torch.randn(3, features, generator=generator)
    positions = torch.from_numpy(grid.origin + grid.voxel_size * mapping.vertices).float()
    own = torch.from_numpy(depth[tuple(mapping.vertices.T)]).float()
    density = (3 * own).clamp(EMPTY_DENSITY, -EMPTY_DENSITY)
    texels = torch.zeros(mapping.texel_count, 1 + features)
    rows = torch.from_numpy(mapping.texels).long()
    texels[rows] = torch.cat([density[:, None], torch.sin(positions @ waves)], 1)
    return texels
