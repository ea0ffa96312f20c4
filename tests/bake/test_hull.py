"""The hull keeps what the masks may show, drops what one of them rules out, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bake.hull import visual_hull
from render.cameras import Camera, Lens, look_at, orbit
from render.geometry import Aabb
from render.occupancy import VoxelGrid, cover

BOX = Aabb((-1, -1, -1), (1, 1, 1))
GRID = cover(BOX, 8)
# Off the axes, so that no vertex projects exactly onto the border of two pixels.
RING = orbit((0.103, 0.017, 0.009), 3.0, 0.7, 4, Lens(40, 30, 35.0))
Mask = NDArray[np.uint8]


def every_vertex(grid: VoxelGrid) -> NDArray[np.int64]:
    return np.argwhere(np.ones(grid.shape, np.bool_))


def radius_of(grid: VoxelGrid, camera: Camera) -> int:
    """Half a voxel's diagonal at the nearest corner of the box, in whole pixels."""
    depths = [(camera.world_to_camera @ [*corner, 1])[2] for corner in grid.aabb.corners()]
    return int(np.ceil(camera.focal_x * grid.voxel_size * 3**0.5 / 2 / min(depths)))


def plain_hull(grid: VoxelGrid, cameras, masks, *, grow: int = 0) -> NDArray[np.bool_]:
    """The definition, vertex by vertex: any mask pixel within the radius keeps it."""
    positions = grid.positions(every_vertex(grid))
    kept = np.ones(len(positions), np.bool_)
    for camera, mask in zip(cameras, masks, strict=True):
        radius = radius_of(grid, camera) + grow
        pixels, depth = camera.project(positions)
        columns, rows = np.floor(pixels).astype(int).T
        seen = (depth > 0) & (columns >= 0) & (rows >= 0)
        seen &= (columns < camera.width) & (rows < camera.height)
        for index in np.flatnonzero(seen):
            top, left = max(rows[index] - radius, 0), max(columns[index] - radius, 0)
            near = mask[top : rows[index] + radius + 1, left : columns[index] + radius + 1]
            kept[index] &= bool(near.any())
    return kept.reshape(grid.shape)


def random_masks(share: float, seed: int) -> list[Mask]:
    rng = np.random.default_rng(seed)
    masks = [rng.random((c.height, c.width)) < share for c in RING]
    return [np.where(mask, rng.integers(1, 256, mask.shape), 0).astype(np.uint8) for mask in masks]


@settings(max_examples=10)
@given(share=st.sampled_from([0.0, 0.005, 0.02, 0.1]), seed=st.integers(0, 1000))
def test_the_hull_is_what_its_plain_twin_says(share, seed) -> None:
    masks = random_masks(share, seed)
    found = visual_hull(GRID, RING, masks).vertices
    assert np.array_equal(found, plain_hull(GRID, RING, masks))


def test_a_larger_radius_would_keep_more_than_the_hull_does() -> None:
    masks = random_masks(0.02, 1)
    found = visual_hull(GRID, RING, masks).vertices
    assert (plain_hull(GRID, RING, masks, grow=1) & ~found).any()
    assert (~plain_hull(GRID, RING, masks, grow=-1) & found).any()


def test_the_hull_contains_the_true_sphere_and_is_cut_by_the_masks(sphere) -> None:
    views = sphere.views(1)
    masks = [view.alpha for view in views.views]
    grid = cover(sphere.aabb, 16)
    hull = visual_hull(grid, views.cameras, masks)
    distance = np.linalg.norm(grid.positions(every_vertex(grid)) - sphere.center(1), axis=1)
    inside = (distance <= sphere.radius).reshape(grid.shape)
    assert hull.vertices[inside].all()
    # Four side views bound a sphere by something a good deal smaller than the box.
    assert inside.sum() < hull.count < 0.3 * grid.vertex_count


def test_every_further_view_can_only_cut(sphere) -> None:
    views = sphere.views()
    masks = [view.alpha for view in views.views]
    hulls = [visual_hull(GRID, views.cameras[:n], masks[:n]).vertices for n in range(5)]
    assert hulls[0].all()
    assert all((small <= large).all() for large, small in pairwise(hulls))
    counts = [int(hull.sum()) for hull in hulls]
    assert counts == sorted(counts, reverse=True)
    assert counts[1] > counts[2]


@given(st.tuples(*[st.floats(-1, 1)] * 3))
def test_the_vertex_nearest_to_anything_visible_survives(point) -> None:
    masks = []
    for camera in RING:
        mask = np.zeros((camera.height, camera.width), np.uint8)
        (pixel,), _ = camera.project([point])
        column, row = np.floor(pixel).astype(int)
        if 0 <= column < camera.width and 0 <= row < camera.height:
            mask[row, column] = 1
        else:
            mask[:] = 1  # A view that does not see the point cannot have cut it.
        masks.append(mask)
    nearest = np.rint((np.array(point) - GRID.origin) / GRID.voxel_size).astype(int)
    nearest = np.clip(nearest, 0, np.array(GRID.shape) - 1)
    assert visual_hull(GRID, RING, masks).vertices[tuple(nearest)]


def test_a_view_says_nothing_about_vertices_outside_its_picture() -> None:
    narrow = look_at((3, 0.1, 0.2), (0, 0, 0), (0, 0, 1), lens=Lens(24, 24, 120.0))
    nothing = np.zeros((24, 24), np.uint8)
    hull = visual_hull(GRID, [narrow], [nothing]).vertices.reshape(-1)
    pixels, _ = narrow.project(GRID.positions(every_vertex(GRID)))
    seen = ((pixels >= 0) & (pixels < 24)).all(1)
    assert 0 < seen.sum() < len(seen)
    assert np.array_equal(hull, ~seen)


def test_a_view_says_nothing_about_vertices_behind_it() -> None:
    away = look_at((3, 0, 0), (6, 0, 0), (0, 0, 1), lens=Lens(24, 24, 20.0))
    assert visual_hull(GRID, [away], [np.zeros((24, 24), np.uint8)]).vertices.all()


def test_a_camera_inside_the_box_still_sees_what_is_before_it() -> None:
    within = look_at((0.05, 0.05, 0.05), (1, 0, 0), (0, 0, 1), lens=Lens(16, 16, 12.0))
    empty = visual_hull(GRID, [within], [np.zeros((16, 16), np.uint8)]).vertices
    assert not empty[-1, 4, 4]
    assert empty[0, 4, 4]
    assert visual_hull(GRID, [within], [np.ones((16, 16), np.uint8)]).vertices.all()


def test_masks_must_come_one_per_camera() -> None:
    with pytest.raises(ValueError, match="shorter"):
        visual_hull(GRID, RING, random_masks(0.5, 0)[:-1])
