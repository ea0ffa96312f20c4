"""Stage 1 keeps the surface, drops the void, and says what is wrong when nothing is left."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.capture import CaptureOptions, open_capture
from bake.coarse import CoarseConfig, FrameViews, find_occupancy, read_training_views
from bake.errors import CaptureError
from bake.hull import visual_hull
from render.cameras import Lens, look_at
from render.occupancy import OccupancyGrid, cover

CONFIG = CoarseConfig(
    resolution=10,
    iterations=25,
    rays=256,
    density_rate=0.5,
    initial_density=-2.0,
    weight_threshold=0.02,
)
WHITE = (1.0, 1.0, 1.0)


def found(grid, views, config=CONFIG, seed=0) -> OccupancyGrid:
    return find_occupancy(grid, views, config, WHITE, seed)


def shell(sphere, grid, frame: int, thickness: float) -> np.ndarray:
    """Vertices that close to the true surface."""
    distance = np.linalg.norm(
        grid.positions(np.argwhere(np.ones(grid.shape))) - sphere.center(frame), axis=1
    )
    return (np.abs(distance - sphere.radius) <= thickness).reshape(grid.shape)


@pytest.mark.parametrize("frame", [0, 3])
def test_the_surface_of_the_sphere_is_kept_and_the_box_is_not(sphere, frame) -> None:
    grid = cover(sphere.aabb, 14)
    occupancy = found(grid, sphere.views(frame))
    surface = shell(sphere, grid, frame, grid.voxel_size / 2)
    assert occupancy.vertices[surface].mean() > 0.97
    assert occupancy.count < 0.4 * grid.vertex_count


def test_what_the_hull_excludes_is_never_kept(sphere) -> None:
    grid = cover(sphere.aabb, 14)
    views = sphere.views()
    hull = visual_hull(grid, views.cameras, [view.alpha for view in views.views])
    assert not (found(grid, views).vertices & ~hull.vertices).any()


def test_pictures_without_masks_are_enough(sphere) -> None:
    masked = sphere.views()
    bare = replace(masked, views=tuple(v._replace(alpha=None) for v in masked.views))
    grid = cover(sphere.aabb, 10)
    occupancy = found(grid, bare, replace(CONFIG, unmasked_iterations=60, weight_threshold=0.1))
    assert occupancy.vertices[shell(sphere, grid, 0, grid.voxel_size / 2)].mean() > 0.8
    assert occupancy.count < 0.9 * grid.vertex_count


def test_pictures_without_masks_train_for_longer_since_the_whole_box_is_to_be_searched(
    sphere,
) -> None:
    masked = sphere.views()
    bare = replace(masked, views=tuple(v._replace(alpha=None) for v in masked.views))
    grid = cover(sphere.aabb, 8)
    few = replace(CONFIG, iterations=1, unmasked_iterations=40)
    assert not np.array_equal(
        found(grid, bare, few).vertices,
        found(grid, bare, replace(few, unmasked_iterations=1)).vertices,
    )
    assert np.array_equal(
        found(grid, masked, few).vertices,
        found(grid, masked, replace(few, unmasked_iterations=2)).vertices,
    )


def test_the_same_seed_finds_the_same_vertices(sphere) -> None:
    grid, views = cover(sphere.aabb, 10), sphere.views()
    assert np.array_equal(found(grid, views).vertices, found(grid, views).vertices)


def test_a_higher_threshold_keeps_fewer_vertices(sphere) -> None:
    grid, views = cover(sphere.aabb, 14), sphere.views()
    counts = [
        found(grid, views, replace(CONFIG, weight_threshold=t)).count for t in (0.0, 0.1, 0.4)
    ]
    assert counts[0] >= counts[1] > counts[2]


def test_a_threshold_beyond_every_weight_falls_back_to_the_hull(sphere) -> None:
    grid, views = cover(sphere.aabb, 10), sphere.views()
    hull = visual_hull(grid, views.cameras, [view.alpha for view in views.views])
    nothing_trained = replace(CONFIG, iterations=1, initial_density=-7.9, weight_threshold=0.9)
    kept = found(grid, views, nothing_trained)
    assert 0.8 * hull.count < kept.count <= hull.count


def test_the_coarse_grid_is_never_finer_than_the_fine_one(sphere) -> None:
    grid, views = cover(sphere.aabb, 8), sphere.views()
    exact = found(grid, views, replace(CONFIG, resolution=8))
    capped = found(grid, views, replace(CONFIG, resolution=200))
    assert np.array_equal(exact.vertices, capped.vertices)


def test_masks_that_share_no_vertex_are_an_error_with_a_remedy(sphere) -> None:
    views = sphere.views()
    corner = np.zeros_like(views.views[0].alpha)
    corner[0, 0] = 255
    wrong = replace(views, views=tuple(v._replace(alpha=corner) for v in views.views))
    with pytest.raises(CaptureError, match=r"hull is empty.*check the masks"):
        found(cover(sphere.aabb, 10), wrong)


def test_cameras_that_see_nothing_of_the_box_are_an_error_with_a_remedy(sphere) -> None:
    away = look_at((3, 0, 0), (6, 0, 0), (0, 0, 1), lens=Lens(32, 32, 32.0))
    view = sphere.views().views[0]
    with pytest.raises(CaptureError, match="check the camera poses and the aabb"):
        found(cover(sphere.aabb, 10), FrameViews((0,), (away,), (view,)))


def test_training_views_are_read_without_the_held_out_one(open_sphere, sphere) -> None:
    views = read_training_views(open_sphere("1:3"), 1)
    assert len(views.cameras) == len(views.views) == sphere.camera_count - 1
    assert views.indices == tuple(range(sphere.camera_count - 1))
    expected = sphere.view(sphere.cameras[0], 2)
    assert np.array_equal(views.views[0].alpha, expected.alpha)
    # Compositing in float and rounding once may differ from a picture drawn on white by a code.
    difference = views.views[0].rgb.astype(int) - expected.rgb
    assert np.abs(difference).max() <= 1


def test_a_frame_without_training_views_is_named(sphere, tmp_path) -> None:
    folder = sphere.write(tmp_path, 2)
    capture = open_capture(CaptureOptions(str(folder)))
    capture.split = replace(capture.split, train=())
    with pytest.raises(CaptureError, match=r"frame 1 .*no training view.*training split"):
        read_training_views(capture, 1)


@given(resolution=st.integers(-2, 6), iterations=st.integers(-2, 2), rays=st.integers(-2, 2))
def test_settings_that_train_nothing_are_refused(resolution, iterations, rays) -> None:
    if resolution >= 4 and iterations >= 1 and rays >= 1:
        replace(CONFIG, resolution=resolution, iterations=iterations, rays=rays)
        return
    with pytest.raises(ValueError, match="expected a whole number in"):
        replace(CONFIG, resolution=resolution, iterations=iterations, rays=rays)


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("name", ["density_rate", "weight_threshold", "initial_density"])
def test_numbers_that_leave_nothing_or_are_none_are_refused(name, value) -> None:
    if value in {"density_rate": {1.0}, "weight_threshold": {0.0}}.get(name, {0.0, 1.0}):
        assert getattr(replace(CONFIG, **{name: value}), name) == value
        return
    with pytest.raises(ValueError, match=f"{name} is {value:.1g}".replace("+", r"\+")):
        replace(CONFIG, **{name: value})
