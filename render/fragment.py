"""The whole renderer on one page: rays, march, shade."""

from dataclasses import dataclass

import torch
from torch import Tensor

from render.cameras import Camera, Rays, pixel_rays
from render.field import Field
from render.march import MarchResult, march, march_reference
from render.shading import ShadingMlp, ViewLight, shade

# Rays per call; bounds the memory of per-ray results without starving the threads.
RAYS_PER_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class ShadedImage:
    """A rendered view: rgb (rows, columns, 3), opacity and depth (rows, columns), all float32.

    Colors are display-referred in [0, 1] over the background; depth is the weighted mean distance
    along the ray in scene units (0 where nothing was met).
    """

    rgb: Tensor
    opacity: Tensor
    depth: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """What turns marched features into colors: the network and the background color (3,)."""

    mlp: ShadingMlp
    background: Tensor


@torch.no_grad()
def render_view(field: Field, appearance: Appearance, camera: Camera) -> ShadedImage:
    """Render one view of one frame with the compiled march."""
    rays = pixel_rays(camera)
    chunks = [
        _render_rays(field, appearance, Rays(origins, directions))
        for origins, directions in zip(
            rays.origins.split(RAYS_PER_CHUNK),
            rays.directions.split(RAYS_PER_CHUNK),
            strict=True,
        )
    ]
    rgb, opacity, depth = (torch.cat(parts) for parts in zip(*chunks, strict=True))
    size = (camera.height, camera.width)
    return ShadedImage(rgb.view(*size, 3), opacity.view(size), depth.view(size))


@torch.no_grad()
def render_rays_reference(field: Field, appearance: Appearance, rays: Rays) -> Tensor:
    """Colors (rays, 3) by the plain twin; slow, for tests."""
    return _shade_result(march_reference(field, rays), appearance, rays.directions)


def _render_rays(field: Field, appearance: Appearance, rays: Rays) -> tuple[Tensor, Tensor, Tensor]:
    """Colors, opacity and depth of some rays."""
    result = march(field, rays)
    opacity = 1 - result.transmittance
    mean = result.distance / opacity.clamp_min(1e-6)
    depth = torch.where(opacity > 0, mean * field.geometry.grid.voxel_size, torch.zeros_like(mean))
    return _shade_result(result, appearance, rays.directions), opacity, depth


def _shade_result(result: MarchResult, appearance: Appearance, directions: Tensor) -> Tensor:
    view = ViewLight(directions, appearance.background)
    return shade(appearance.mlp, result.features, result.transmittance, view)
