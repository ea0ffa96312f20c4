"""Cameras and the rays through their pixels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from render.cameras import Camera, Lens, Rays, look_at, orbit, pixel_rays
from render.errors import CameraError, RenderError

LENS = Lens(width=64, height=48, focal=80.0)
Point = tuple[float, float, float]
coordinates = st.floats(-3, 3)
points = st.tuples(coordinates, coordinates, coordinates)


def identity_camera(**changes: object) -> Camera:
    fields = {
        "width": 64,
        "height": 48,
        "focal_x": 100.0,
        "focal_y": 50.0,
        "center_x": 32.0,
        "center_y": 24.0,
        "world_to_camera": np.eye(4),
    }
    return Camera(**(fields | changes))


def posed(**changes: float) -> np.ndarray:
    pose = np.eye(4)
    for name, value in changes.items():
        pose[int(name[1]), int(name[2])] = value
    return pose


def test_a_known_point_projects_to_its_hand_computed_pixel() -> None:
    pixels, depth = identity_camera().project([[0.2, -0.4, 2.0]])
    assert depth.tolist() == [2.0]
    assert pixels[0] == pytest.approx([32 + 100 * 0.1, 24 - 50 * 0.2])


def test_x_grows_to_the_right_and_y_downward() -> None:
    pixels, _ = identity_camera().project([[0, 0, 1], [0.1, 0, 1], [0, 0.1, 1]])
    assert pixels[1, 0] > pixels[0, 0]
    assert pixels[2, 1] > pixels[0, 1]


def test_the_first_pixel_ray_passes_half_a_pixel_inside_the_corner() -> None:
    camera = identity_camera()
    rays = pixel_rays(camera, torch.tensor([0]))
    expected = np.array([(0.5 - 32) / 100, (0.5 - 24) / 50, 1.0])
    expected /= np.linalg.norm(expected)
    assert rays.directions[0].numpy() == pytest.approx(expected, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    eye=points,
    target=points,
    pixels=st.lists(st.integers(0, 64 * 48 - 1), min_size=1, max_size=8),
    depth=st.floats(0.5, 20),
)
def test_rays_and_projection_are_inverse(
    eye: Point, target: Point, pixels: list[int], depth: float
) -> None:
    if math.dist(eye, target) < 0.1 or math.dist(eye[:2], target[:2]) < 0.05:
        return
    camera = look_at(eye, target, (0, 0, 1), lens=LENS)
    rays = pixel_rays(camera, torch.tensor(pixels))
    found, seen = camera.project(rays.origins + depth * rays.directions)
    expected = np.stack([np.mod(pixels, 64) + 0.5, np.floor_divide(pixels, 64) + 0.5], axis=1)
    assert np.allclose(found, expected, atol=2e-3)
    assert (seen > 0).all()


def test_all_pixels_come_row_by_row() -> None:
    camera = identity_camera()
    every = pixel_rays(camera)
    some = pixel_rays(camera, torch.tensor([0, 65, 64 * 48 - 1]))
    assert len(every) == 64 * 48
    assert torch.equal(every.directions[[0, 65, -1]], some.directions)
    assert every.directions.dtype == every.origins.dtype == torch.float32


def test_directions_have_unit_length_and_one_origin() -> None:
    camera = look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), lens=LENS)
    rays = pixel_rays(camera)
    assert torch.allclose(rays.directions.norm(dim=1), torch.ones(len(rays)), atol=1e-6)
    assert np.allclose(rays.origins.numpy(), camera.position, atol=1e-6)


def test_no_pixels_yield_no_rays() -> None:
    assert len(pixel_rays(identity_camera(), torch.empty(0, dtype=torch.int64))) == 0


def test_look_at_puts_the_target_in_the_middle_and_up_above_it() -> None:
    camera = look_at((4, -2, 1), (0.5, 0.5, 0.5), (0, 0, 1), lens=LENS)
    pixels, depth = camera.project([[0.5, 0.5, 0.5], [0.5, 0.5, 0.6]])
    assert pixels[0] == pytest.approx([32, 24])
    assert pixels[1, 1] < 24
    assert depth[0] == pytest.approx(math.dist((4, -2, 1), (0.5, 0.5, 0.5)))
    assert np.allclose(camera.position, (4, -2, 1))
    assert camera.up[2] > 0
    assert np.allclose(camera.forward @ camera.up, 0)


def test_an_orbit_circles_the_center_at_one_height() -> None:
    ring = orbit((1, 2, 3), 4.0, 0.5, 6, LENS)
    eyes = np.array([camera.position for camera in ring])
    assert np.allclose(np.hypot(eyes[:, 0] - 1, eyes[:, 1] - 2), 4)
    assert np.allclose(eyes[:, 2], 3.5)
    assert np.allclose(eyes[0], (5, 2, 3.5))
    assert eyes[1, 1] > 2
    assert all(np.allclose(camera.project([[1, 2, 3]])[0], [[32, 24]]) for camera in ring)
    assert orbit((0, 0, 0), 1.0, 0.0, 0, LENS) == ()


@settings(max_examples=40, deadline=None)
@given(factor=st.floats(0.1, 3), point=points)
def test_scaling_moves_pixels_by_the_exact_size_ratio(factor: float, point: Point) -> None:
    camera = look_at((8, 0, 1), (0, 0, 0), (0, 0, 1), lens=Lens(101, 67, 90.0))
    small = camera.scaled(factor)
    assert (small.width, small.height) == (round(101 * factor), round(67 * factor))
    ratio = np.array([small.width / 101, small.height / 67])
    assert np.allclose(small.project([point])[0], camera.project([point])[0] * ratio)


def test_the_pose_is_a_frozen_copy() -> None:
    pose = np.eye(4)
    camera = identity_camera(world_to_camera=pose)
    pose[0, 3] = 9.0
    assert camera.position.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        camera.world_to_camera[0, 3] = 1.0


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (posed(m00=1.01), "deviates from orthonormal.*remove the scale"),
        (posed(m01=0.2), "deviates from orthonormal"),
        (posed(m00=-1.0), "mirrors space.*flip the axis"),
        (posed(m03=math.nan), "NaN or infinity.*calibrate"),
        (posed(m11=math.inf), "NaN or infinity"),
        (posed(m30=1.0), "expected 0 0 0 1; transpose"),
        (np.eye(3), r"shape \(3, 3\), expected \(4, 4\); append"),
    ],
)
def test_a_pose_that_is_not_rigid_is_refused_with_a_remedy(pose: np.ndarray, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        identity_camera(world_to_camera=pose)


def test_a_pose_printed_with_five_digits_is_accepted() -> None:
    pose = look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), lens=LENS).world_to_camera
    identity_camera(world_to_camera=np.round(pose, 5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "picture size is 0x48"),
        ({"height": 4.5}, "expected two positive integers"),
        ({"focal_x": 0.0}, "expected positive pixels"),
        ({"focal_y": -3.0}, "expected positive pixels"),
        ({"focal_x": math.nan}, "expected positive pixels"),
        ({"center_x": math.nan}, "principal point"),
    ],
)
def test_impossible_intrinsics_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CameraError, match=message):
        identity_camera(**changes)


@pytest.mark.parametrize("fields", [(0, 4, 1.0), (4, 4, 0.0)])
def test_an_impossible_lens_is_refused(fields: tuple[int, int, float]) -> None:
    with pytest.raises(CameraError, match="expected"):
        Lens(*fields)


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf, 0.001])
def test_a_scale_that_leaves_no_picture_is_refused(factor: float) -> None:
    with pytest.raises(CameraError, match="scale"):
        identity_camera().scaled(factor)


@pytest.mark.parametrize(
    ("eye", "up", "message"),
    [((0, 0, 0), (0, 0, 1), "coincide"), ((0, 0, 5), (0, 0, 1), "parallel")],
)
def test_a_view_without_an_orientation_is_refused(eye: Point, up: Point, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        look_at(eye, (0, 0, 0), up, lens=LENS)


@pytest.mark.parametrize(
    "pixels",
    [torch.tensor([-1]), torch.tensor([64 * 48]), torch.tensor([[0]]), torch.tensor([0.5])],
)
def test_pixels_outside_the_picture_are_refused(pixels: torch.Tensor) -> None:
    with pytest.raises(CameraError, match="expected"):
        pixel_rays(identity_camera(), pixels)


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(CameraError, match=r"expected \(points, 3\)"):
        identity_camera().project([1.0, 2.0, 3.0])


def test_rays_of_mismatched_shapes_are_refused() -> None:
    with pytest.raises(CameraError, match="expand one origin"):
        Rays(torch.zeros(1, 3), torch.zeros(5, 3))


def test_rays_move_between_devices_together() -> None:
    rays = Rays(torch.zeros(2, 3), torch.ones(2, 3)).to("cpu")
    assert rays.origins.device == rays.directions.device == torch.device("cpu")


def test_camera_errors_can_be_caught_as_value_errors() -> None:
    assert issubclass(CameraError, RenderError)
    assert issubclass(CameraError, ValueError)
