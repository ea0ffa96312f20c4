"""The whole renderer: pictures of known fields, and the plain twin beside the compiled one."""

import numpy as np
import pytest
import torch

from render.cameras import Camera, Lens, Rays, look_at, pixel_rays
from render.field import Field, build_geometry, make_field
from render.fragment import Appearance, render_rays_reference, render_view
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, cover
from render.shading import ShadingMlp, ShadingShape

BACKGROUND = torch.tensor([0.2, 0.4, 0.6])
SHAPE = ShadingShape(feature_count=3, width=8, depth=2, frequency_count=1)


def ball_field(density: float = 4.0, *, seed: int = 0) -> Field:
    """A ball of radius 0.6 in the box from -1 to 1, with random features."""
    grid = cover(Aabb((-1, -1, -1), (1, 1, 1)), 14)
    places = grid.positions(np.indices(grid.shape).reshape(3, -1).T)
    inside = (np.linalg.norm(places, axis=1) < 0.6).reshape(grid.shape)
    mapping = build_mapping(OccupancyGrid(grid, inside), 8)
    texels = torch.randn(mapping.texel_count, 4, generator=torch.Generator().manual_seed(seed))
    texels[:, 0] = density
    return make_field(build_geometry(grid, mapping), texels, empty_density=-8.0, step=0.5)


def appearance() -> Appearance:
    return Appearance(ShadingMlp(SHAPE).requires_grad_(requires_grad=False), BACKGROUND)


def camera(width: int = 40, height: int = 24, distance: float = 4.0) -> Camera:
    return look_at((distance, 0.3, 0.2), (0, 0, 0), (0, 0, 1), lens=Lens(width, height, 50.0))


def test_the_picture_has_the_cameras_size_and_valid_values() -> None:
    image = render_view(ball_field(), appearance(), camera())
    assert image.rgb.shape == (24, 40, 3)
    assert image.opacity.shape == image.depth.shape == (24, 40)
    assert image.rgb.dtype == image.opacity.dtype == image.depth.dtype == torch.float32
    assert ((image.rgb >= 0) & (image.rgb <= 1)).all()
    assert ((image.opacity >= 0) & (image.opacity <= 1)).all()


def test_where_nothing_is_met_the_background_shows_and_depth_is_zero() -> None:
    image = render_view(ball_field(), appearance(), camera())
    assert torch.equal(image.rgb[0, 0], BACKGROUND)
    assert float(image.opacity[0, 0]) == float(image.depth[0, 0]) == 0


def test_a_dense_ball_is_opaque_in_the_middle_at_the_right_distance() -> None:
    image = render_view(ball_field(), appearance(), camera())
    assert float(image.opacity[12, 20]) > 0.99
    assert float(image.depth[12, 20]) == pytest.approx(4.0 - 0.6, abs=0.2)


def test_an_empty_ball_leaves_the_background_everywhere() -> None:
    image = render_view(ball_field(density=-30.0), appearance(), camera())
    # The empty texel around it is only nearly transparent.
    assert torch.allclose(image.rgb, BACKGROUND.expand_as(image.rgb), atol=2e-3)


def test_the_compiled_renderer_equals_its_plain_twin() -> None:
    field, looks, view = ball_field(density=-1.0), appearance(), camera(20, 12)
    fast = render_view(field, looks, view).rgb.view(-1, 3)
    plain = render_rays_reference(field, looks, pixel_rays(view))
    assert torch.allclose(fast, plain, atol=2e-5)


def test_chunks_leave_no_seam(monkeypatch) -> None:
    field, looks, view = ball_field(), appearance(), camera()
    whole = render_view(field, looks, view)
    monkeypatch.setattr("render.fragment.RAYS_PER_CHUNK", 7)
    parts = render_view(field, looks, view)
    assert torch.allclose(whole.rgb, parts.rgb, atol=1e-6)
    assert torch.equal(whole.opacity, parts.opacity)
    assert torch.equal(whole.depth, parts.depth)


def test_rendering_twice_gives_the_same_bits() -> None:
    field, looks = ball_field(), appearance()
    one, other = (render_view(field, looks, camera()) for _ in range(2))
    assert torch.equal(one.rgb, other.rgb)


def test_rendering_keeps_no_graph() -> None:
    field = ball_field()
    field.features.requires_grad_(requires_grad=True)
    assert not render_view(field, appearance(), camera()).rgb.requires_grad


def test_a_picture_of_one_pixel_is_a_picture() -> None:
    assert render_view(ball_field(), appearance(), camera(1, 1)).rgb.shape == (1, 1, 3)


def test_looking_away_shows_the_background_alone() -> None:
    away = look_at((4.0, 0, 0), (8.0, 0, 0), (0, 0, 1), lens=Lens(8, 8, 10.0))
    image = render_view(ball_field(), appearance(), away)
    assert torch.equal(image.rgb, BACKGROUND.expand(8, 8, 3))


def test_a_camera_inside_the_ball_sees_no_background() -> None:
    inside = look_at((0.05, 0.0, 0.0), (1.0, 0.1, 0.0), (0, 0, 1), lens=Lens(8, 8, 10.0))
    assert float(render_view(ball_field(20.0), appearance(), inside).opacity.min()) > 0.99


def test_light_travels_the_same_path_whichever_the_order_of_rays() -> None:
    field, looks, rays = ball_field(), appearance(), pixel_rays(camera(10, 6))
    order = torch.randperm(60)
    shuffled = Rays(rays.origins[order], rays.directions[order])
    colors = render_rays_reference(field, looks, rays)
    # Sums over a different number of lattice samples may round differently.
    assert torch.allclose(render_rays_reference(field, looks, shuffled), colors[order], atol=1e-6)
