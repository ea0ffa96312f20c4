"""Training rays of one frame, drawn at random from the pixels that can see the scene.

Only pixel numbers are kept; rays are computed for the pixels drawn, so that memory stays at the
captured pictures plus four bytes per useful pixel, however many cameras there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bake.errors import CaptureError
from render.cameras import Camera, Rays, pixel_rays
from render.field import FieldGeometry, make_field
from render.march import texel_weights

# So dense that a ray which enters any active cell is stopped at once.
_OPAQUE = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class RayBatch:
    """Rays in grid units, their unit world directions, and captured colors (rays, 3) in [0, 1]."""

    rays: Rays
    colors: Tensor


class TrainingRays:
    """All useful pixels of one frame's training views.

    ``pictures`` are uint8 (rows, columns, 3); ``useful`` lists, per view, the flat pixel numbers
    whose rays meet an active cell. Rays are drawn on the device that these lie on.

    Raises:
        CaptureError: if there is no useful pixel at all.
    """

    def __init__(
        self,
        geometry: FieldGeometry,
        cameras: Sequence[Camera],
        pictures: Sequence[NDArray[np.uint8]],
        useful: Sequence[Tensor],
    ) -> None:
        device = useful[0].device if useful else torch.device("cpu")
        sizes = [camera.width * camera.height for camera in cameras]
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        self._first = torch.from_numpy(first).to(device)
        colors = torch.from_numpy(np.concatenate([p.reshape(-1, 3) for p in pictures]))
        self._colors = colors.to(device)
        kind = torch.int32 if sum(sizes) < 1 << 31 else torch.int64
        self._pixels = torch.cat(
            [pixels.to(kind) + int(start) for pixels, start in zip(useful, first, strict=True)]
        )
        if not len(self._pixels):
            raise CaptureError(
                "no pixel of any training view looks at the scene; check the camera poses and the "
                "aabb, which must be in the same units and axes"
            )
        self._widths = torch.tensor([camera.width for camera in cameras], device=device)
        lenses = [[c.focal_x, c.focal_y, c.center_x, c.center_y] for c in cameras]
        self._lenses = torch.tensor(lenses, dtype=torch.float64, device=device)
        turns = np.stack([camera.world_to_camera[:3, :3] for camera in cameras])
        self._turns = torch.from_numpy(turns).to(device)
        positions = np.stack([camera.position for camera in cameras])
        offsets = torch.from_numpy(positions - geometry.grid.origin).to(device)
        self._origins = offsets / geometry.grid.voxel_size

    @property
    def count(self) -> int:
        """Useful pixels over all views."""
        return len(self._pixels)

    def draw(self, count: int, generator: torch.Generator) -> RayBatch:
        """``count`` random pixels, with replacement; the generator is of the rays' device."""
        device = self._pixels.device
        numbers = torch.randint(self.count, (count,), generator=generator, device=device)
        chosen = self._pixels[numbers].long()
        view = torch.searchsorted(self._first, chosen, right=True) - 1
        local = chosen - self._first[view]
        column, row = local % self._widths[view], local // self._widths[view]
        lens = self._lenses[view]
        x = (column + 0.5 - lens[:, 2]) / lens[:, 0]
        y = (row + 0.5 - lens[:, 3]) / lens[:, 1]
        seen = torch.stack([x, y, torch.ones_like(x)], 1)
        directions = torch.einsum("ri,rij->rj", seen, self._turns[view])
        directions = torch.nn.functional.normalize(directions, dim=1).float()
        rays = Rays(self._origins[view].float(), directions)
        return RayBatch(rays, self._colors[chosen].float() / 255)


def useful_pixels(
    geometry: FieldGeometry, camera: Camera, device: torch.device | str = "cpu"
) -> Tensor:
    """Flat numbers of the pixels whose rays meet an active cell, in 32 bits.

    The rest shows background only.
    """
    pixels = torch.arange(camera.width * camera.height, device=device)
    rays = geometry.to_grid(pixel_rays(camera, pixels), device)
    texels = torch.full((geometry.texel_count, 2), _OPAQUE, device=device)
    field = make_field(geometry, texels, empty_density=_OPAQUE, step=0.5)
    _, transmittance = texel_weights(field, rays)
    return torch.nonzero(transmittance < 1).flatten().int()
