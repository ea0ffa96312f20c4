"""Samples and bytes of a view, counted where both are known."""

import numpy as np
import pytest
import torch

from benchmarks.march_traffic import view_traffic
from render.cameras import Rays
from render.field import Field, build_geometry
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid


def field(density: float, shape: tuple[int, int, int] = (9, 3, 3)) -> Field:
    x, y, z = shape
    grid = VoxelGrid(Aabb((0, 0, 0), (x - 1, y - 1, z - 1)), 1.0, shape)
    mapping = build_mapping(OccupancyGrid(grid, np.ones(shape, np.bool_)), 4)
    geometry = build_geometry(grid, mapping)
    rows = geometry.texel_count + 1
    return Field(geometry, torch.full((rows,), density), torch.ones(rows, 8), 0.5)


def along_x(count: int) -> Rays:
    origins = torch.tensor([[-1.0, 0.5, 0.5]]).repeat(count, 1)
    return Rays(origins, torch.tensor([[1.0, 0, 0]]).repeat(count, 1))


@pytest.mark.parametrize(("density", "seen"), [(-3.0, 16), (-12.0, 0)])
def test_a_thin_fog_is_sampled_to_its_end_and_seen_if_dense_enough(density, seen) -> None:
    found = view_traffic(field(density), along_x(3))
    assert (found.sample_count, found.seen_count) == (3 * 16, 3 * seen)
    # Cell, eight corners, eight densities; then eight texels of eight channels of two bytes.
    assert found.gathered_bytes == 3 * (16 * (4 + 32 + 32) + seen * 8 * 16)


def test_a_wall_is_sampled_once_and_nothing_behind_it() -> None:
    found = view_traffic(field(60.0), along_x(5))
    assert (found.sample_count, found.seen_count) == (5, 5)
    # Eight texels, the cells around them, five pixels.
    whole = field(60.0).geometry
    touched = whole.corners[whole.cells[0, 0, 0]]
    cells = int(np.isin(whole.corners, touched).any(1).sum())
    assert found.floor_bytes == 8 * (4 + 16) + cells * 36 + 5 * 20


def test_the_floor_counts_what_many_rays_share_once() -> None:
    one, many = (view_traffic(field(-3.0), along_x(count)) for count in (1, 100))
    assert many.floor_bytes == one.floor_bytes + 99 * 20
    assert many.gathered_bytes == 100 * one.gathered_bytes


def test_single_precision_features_are_twice_as_long() -> None:
    half, single = (view_traffic(field(-3.0), along_x(1), size) for size in (2, 4))
    assert single.gathered_bytes - half.gathered_bytes == 16 * 8 * 16


def test_rays_that_miss_cost_their_pixels_only() -> None:
    away = Rays(torch.tensor([[-1.0, 9.0, 0.5]]), torch.tensor([[1.0, 0, 0]]))
    found = view_traffic(field(-3.0), away)
    assert (found.sample_count, found.floor_bytes, found.gathered_bytes) == (0, 20, 0)
