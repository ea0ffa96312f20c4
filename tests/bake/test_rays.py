"""Drawn rays are those of the pixels they claim; useful pixels are those that may see texels."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bake.errors import CaptureError
from bake.rays import RayBatch, TrainingRays, useful_pixels
from render.cameras import Camera, Lens, Rays, look_at, pixel_rays
from render.field import FieldGeometry, build_geometry
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, cover

GRID = cover(Aabb((-1, -0.5, -1), (1, 1.5, 1)), 9)
# Sizes differ, and so do the two focal lengths of a camera.
CAMERAS = (
    look_at((3, 0.2, 0.3), (0, 0.4, 0), (0, 0, 1), lens=Lens(20, 14, 18.0)),
    look_at((0.3, -3, 0.8), (0, 0.4, 0), (0, 0, 1), lens=Lens(11, 25, 22.0)),
    look_at((-2, 2, 2), (0, 0.4, 0), (0, 0, 1), lens=Lens(16, 16, 15.0)).scaled(0.8),
)


def geometry_of(share: float, seed: int = 0) -> FieldGeometry:
    vertices = np.random.default_rng(seed).random(GRID.shape) < share
    vertices[4, 4, 4] = True
    return build_geometry(GRID, build_mapping(OccupancyGrid(GRID, vertices), 4))


def coded_picture(camera: Camera, view: int) -> NDArray[np.uint8]:
    """Every pixel's color tells its view and its place."""
    row, column = np.mgrid[: camera.height, : camera.width]
    return np.stack([row, column, np.full_like(row, view)], -1).astype(np.uint8)


def training_rays(geometry: FieldGeometry) -> TrainingRays:
    pictures = [coded_picture(camera, view) for view, camera in enumerate(CAMERAS)]
    useful = [useful_pixels(geometry, camera) for camera in CAMERAS]
    return TrainingRays(geometry, CAMERAS, pictures, useful)


def drawn(rays: TrainingRays, count: int = 500, seed: int = 5) -> RayBatch:
    return rays.draw(count, torch.Generator().manual_seed(seed))


def places(batch: RayBatch) -> torch.Tensor:
    """(rays, 3) row, column and view that the colors tell."""
    return (batch.colors * 255).round().long()


def test_a_drawn_ray_is_the_ray_of_the_pixel_whose_color_it_has() -> None:
    geometry = geometry_of(0.3)
    batch = drawn(training_rays(geometry))
    told = places(batch)
    assert set(told[:, 2].tolist()) == {0, 1, 2}
    for view, camera in enumerate(CAMERAS):
        chosen = told[:, 2] == view
        row, column, _ = told[chosen].unbind(1)
        expected = geometry.to_grid(pixel_rays(camera, row * camera.width + column))
        # Both are computed in float64 and rounded once, in another order.
        torch.testing.assert_close(batch.rays.directions[chosen], expected.directions)
        torch.testing.assert_close(batch.rays.origins[chosen], expected.origins)


def test_only_useful_pixels_are_drawn_and_every_one_of_them_can_be() -> None:
    geometry = geometry_of(0.01)
    rays = training_rays(geometry)
    useful = {
        (view, int(pixel))
        for view, camera in enumerate(CAMERAS)
        for pixel in useful_pixels(geometry, camera)
    }
    assert rays.count == len(useful) < sum(c.width * c.height for c in CAMERAS)
    told = places(drawn(rays, 20000)).tolist()
    assert {(v, row * CAMERAS[v].width + column) for row, column, v in told} == useful


def test_rays_have_unit_length_and_colors_lie_between_0_and_1() -> None:
    batch = drawn(training_rays(geometry_of(0.3)))
    torch.testing.assert_close(batch.rays.directions.norm(dim=1), torch.ones(500))
    assert batch.colors.dtype == torch.float32
    assert 0 <= batch.colors.min() < batch.colors.max() <= 1


def test_the_same_generator_draws_the_same_rays() -> None:
    rays = training_rays(geometry_of(0.3))
    first, second, other = drawn(rays), drawn(rays), drawn(rays, seed=6)
    assert torch.equal(first.rays.directions, second.rays.directions)
    assert torch.equal(first.colors, second.colors)
    assert not torch.equal(first.colors, other.colors)


def active_samples(geometry: FieldGeometry, rays: Rays, spacing: float) -> list[bool]:
    """Whether any sample at that spacing, over the whole box, falls into an active cell."""
    size = torch.tensor(geometry.cells.shape)
    ends = torch.stack([-rays.origins, size - rays.origins]).double() / rays.directions.double()
    near, far = ends.amin(0).amax(1).clamp_min(0), ends.amax(0).amin(1)
    found = []
    for index in range(len(rays)):
        length = float(far[index] - near[index])
        offsets = (torch.arange(int(max(length, 0) / spacing)) + 0.5) * spacing
        at = (
            rays.origins[index].double() + (near[index] + offsets)[:, None] * rays.directions[index]
        )
        cells = torch.minimum(at.floor().long().clamp_min(0), size - 1)
        numbers = geometry.cells[tuple(cells.T.numpy())]
        found.append(bool((numbers >= 0).any()))
    return found


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2])
def test_useful_pixels_are_those_with_a_sample_in_an_active_cell(share) -> None:
    geometry = geometry_of(share)
    for camera in CAMERAS:
        rays = geometry.to_grid(pixel_rays(camera))
        expected = np.flatnonzero(active_samples(geometry, rays, 0.5)).tolist()
        found = useful_pixels(geometry, camera).tolist()
        assert len(found) > 0
        assert found == expected


def test_no_ray_that_crosses_an_active_cell_at_length_is_left_out() -> None:
    geometry = geometry_of(0.02)
    for camera in CAMERAS:
        rays = geometry.to_grid(pixel_rays(camera))
        useful = set(useful_pixels(geometry, camera).tolist())
        crossing = set(np.flatnonzero(active_samples(geometry, rays, 0.01)).tolist())
        assert useful <= crossing
        # What is left out clips a corner for less than the half voxel between two samples.
        assert len(crossing - useful) < 0.2 * len(crossing)


def test_more_occupancy_never_makes_fewer_pixels_useful() -> None:
    vertices = np.zeros(GRID.shape, np.bool_)
    found = []
    for x in (3, 5, 7):
        vertices[x, 3:6, 4] = True
        mapping = build_mapping(OccupancyGrid(GRID, vertices.copy()), 4)
        found.append(set(useful_pixels(build_geometry(GRID, mapping), CAMERAS[1]).tolist()))
    assert all(fewer < more for fewer, more in pairwise(found))


def test_a_camera_that_looks_away_has_no_useful_pixel() -> None:
    away = look_at((3, 0, 0), (6, 0, 0), (0, 0, 1), lens=Lens(12, 12, 10.0))
    assert not len(useful_pixels(geometry_of(0.3), away))


def test_cameras_that_all_look_away_are_an_error_that_says_so() -> None:
    away = look_at((3, 0, 0), (6, 0, 0), (0, 0, 1), lens=Lens(12, 12, 10.0))
    geometry, picture = geometry_of(0.3), np.zeros((12, 12, 3), np.uint8)
    useful = [useful_pixels(geometry, away)] * 2
    with pytest.raises(CaptureError, match="camera poses and the aabb"):
        TrainingRays(geometry, [away, away], [picture, picture], useful)


def test_a_pixel_that_can_be_drawn_takes_four_bytes() -> None:
    geometry = geometry_of(0.3)
    assert useful_pixels(geometry, CAMERAS[0]).dtype == torch.int32
    rays = training_rays(geometry)
    assert rays._pixels.element_size() * rays.count == 4 * rays.count
