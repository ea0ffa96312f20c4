"""Cameras of any intrinsics and pose, stored rigs, chosen views, and pictures in scene units."""

import struct

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from render.cameras import Camera, Lens, look_at, orbit, pixel_rays
from render.field import Field, build_geometry, make_field
from render.fragment import Appearance, render_view
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, cover
from render.rig import decode_rig, encode_rig
from render.shading import ShadingMlp, ShadingShape
from render.views import orbit_around, select_views


@st.composite
def cameras(draw) -> Camera:
    """Oblong pixels, a principal point off the middle, and any rotation."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    rotation, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    pose = np.eye(4)
    pose[:3, :3] = rotation * np.linalg.det(rotation)
    pose[:3, 3] = generator.uniform(-5, 5, 3)
    focal_x, focal_y = generator.uniform(20, 200, 2)
    center_x, center_y = generator.uniform(-10, 60, 2)
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return Camera(width, height, focal_x, focal_y, center_x, center_y, pose)


def matrix(camera: Camera) -> NDArray[np.float64]:
    return np.array(
        [[camera.focal_x, 0, camera.center_x], [0, camera.focal_y, camera.center_y], [0, 0, 1]]
    )


@given(cameras())
def test_every_pixel_ray_is_that_of_the_inverse_matrices(camera) -> None:
    rays = pixel_rays(camera)
    rows, columns = np.indices((camera.height, camera.width)).reshape(2, -1)
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
    seen = np.linalg.inv(matrix(camera)) @ pixels
    world = (np.linalg.inv(camera.world_to_camera)[:3, :3] @ seen).T
    world /= np.linalg.norm(world, axis=1, keepdims=True)
    assert np.allclose(rays.directions.numpy(), world, atol=1e-6)
    assert np.allclose(rays.origins[0].numpy(), np.linalg.inv(camera.world_to_camera)[:3, 3],
                       atol=1e-5)  # fmt: skip


@given(cameras(), st.floats(0.1, 50), st.data())
def test_a_point_on_a_ray_lands_in_the_middle_of_its_pixel(camera, distance, data) -> None:
    index = data.draw(st.integers(0, camera.width * camera.height - 1))
    rays = pixel_rays(camera, torch.tensor([index]))
    point = camera.position + distance * rays.directions[0].double().numpy()
    (found,), (depth,) = camera.project(point[None])
    row, column = divmod(index, camera.width)
    assert found == pytest.approx([column + 0.5, row + 0.5], abs=2e-3)
    assert depth == pytest.approx(distance * float(rays.directions[0].double() @ torch.from_numpy(
        camera.forward)), rel=1e-5)  # fmt: skip


def test_what_lies_beside_or_behind_a_camera_has_no_positive_depth_and_no_warning() -> None:
    camera = look_at((0, 0, 0), (1, 0, 0), (0, 0, 1), lens=Lens(8, 8, 9.0))
    pixels, depth = camera.project([[0.0, 0, 0], [0, 3, 1], [-2, 0.5, 0], [2, 0, 0]])
    assert depth == pytest.approx([0, 0, -2, 2])
    assert not np.isfinite(pixels[:2]).any()
    assert pixels[3] == pytest.approx([4, 4])


def test_what_a_camera_hands_out_cannot_change_it() -> None:
    camera = look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), lens=Lens(8, 8, 9.0))
    before = camera.world_to_camera.copy()
    for vector in (camera.position, camera.forward, camera.up):
        vector += 1.0
    assert np.array_equal(camera.world_to_camera, before)


@given(cameras())
def test_a_stored_camera_lies_in_its_bytes_as_the_document_says(camera) -> None:
    data = encode_rig([camera])
    assert struct.unpack("<2H", data[:4]) == (1, 1)
    assert struct.unpack("<2H", data[4:8]) == (camera.width, camera.height)
    inner = [camera.focal_x, camera.focal_y, camera.center_x, camera.center_y]
    assert struct.unpack("<4f", data[8:24]) == tuple(np.float32(inner).tolist())
    x, y, z, w, *shift = struct.unpack("<7f", data[24:])
    assert shift == np.float32(camera.world_to_camera[:3, 3]).tolist()
    # A quaternion turns v to v + 2 u x (u x v + w v), with u its first three numbers.
    u = np.array([x, y, z])
    turned = [v + 2 * np.cross(u, np.cross(u, v) + w * v) for v in np.eye(3)]
    assert np.allclose(np.transpose(turned), camera.world_to_camera[:3, :3], rtol=0, atol=1e-6)
    (read,) = decode_rig(data)
    assert np.allclose(read.position, camera.position, atol=1e-4)


@given(st.integers(1, 12), st.sets(st.integers(0, 11)))
def test_held_out_and_other_views_share_out_all_of_them(count, held_out) -> None:
    test = sorted(view for view in held_out if view < count)
    assume(0 < len(test) < count)
    found = [select_views(word, count, test) for word in ("test", "train", "all")]
    assert sorted(found[0] + found[1]) == list(found[2]) == list(range(count))
    assert list(found[0]) == test


def test_an_orbit_takes_no_outlier_among_the_cameras_seriously() -> None:
    box = Aabb((-1, -1, -1), (1, 1, 1))
    usual = orbit((0, 0, 0), 4.0, 1.0, 7, Lens(20, 20, 25.0))
    far = look_at((900, 0, 500), (0, 0, 0), (0, 0, 1), lens=Lens(20, 20, 25.0))
    for camera in orbit_around(box, [*usual, far], 5):
        assert np.hypot(*camera.position[:2]) == pytest.approx(4.0)
        assert camera.position[2] == pytest.approx(1.0)


def ball(size: float) -> tuple[Field, Appearance]:
    """A dense ball in a box of this many scene units, on the same grid whatever the unit."""
    grid = cover(Aabb((-size, -size, -size), (size, size, size)), 12)
    places = grid.positions(np.indices(grid.shape).reshape(3, -1).T)
    inside = (np.linalg.norm(places, axis=1) < 0.7 * size).reshape(grid.shape)
    mapping = build_mapping(OccupancyGrid(grid, inside), 4)
    texels = torch.randn(mapping.texel_count, 5, generator=torch.Generator().manual_seed(2))
    texels[:, 0] = 6
    field = make_field(build_geometry(grid, mapping), texels, empty_density=-9.0, step=0.5)
    mlp = ShadingMlp(ShadingShape(4, 8, 2, 1)).requires_grad_(requires_grad=False)
    return field, Appearance(mlp, torch.tensor([0.1, 0.5, 0.9]))


@pytest.mark.parametrize("unit", [0.25, 64.0])
def test_depth_is_in_scene_units_and_nothing_else_is(unit) -> None:
    images = []
    for size in (1.0, unit):
        torch.manual_seed(0)
        camera = look_at((3.5 * size, 0.4 * size, 0), (0, 0, 0), (0, 0, 1), lens=Lens(16, 12, 20.0))
        images.append(render_view(*ball(size), camera))
    one, other = images
    assert float(one.depth[6, 8]) == pytest.approx(2.8, abs=0.2)
    assert torch.allclose(other.depth, unit * one.depth, rtol=1e-3)
    assert torch.allclose(other.rgb, one.rgb, atol=1e-4)
    assert torch.allclose(other.opacity, one.opacity, atol=1e-4)


def test_half_a_picture_taken_by_a_shifted_center_is_half_of_the_picture() -> None:
    field, looks = ball(1.0)
    whole = look_at((0.3, -3.5, 0.5), (0, 0, 0), (0, 0, 1), lens=Lens(16, 12, 20.0))
    right = Camera(8, 12, 20.0, 20.0, whole.center_x - 8, whole.center_y, whole.world_to_camera)
    picture = render_view(field, looks, whole)
    half = render_view(field, looks, right)
    assert torch.allclose(half.rgb, picture.rgb[:, 8:], atol=1e-5)
    assert torch.allclose(half.depth, picture.depth[:, 8:], atol=1e-4)
