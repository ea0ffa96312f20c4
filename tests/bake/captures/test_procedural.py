"""The built-in capture: deterministic, exact at the border, glossy, and moving."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.dancer import AABB, FRAMES_PER_LOOP, pose
from bake.captures.materials import Material
from bake.captures.procedural import draw, parse_settings
from bake.captures.tracing import COLUMNS, Shape
from bake.errors import CaptureError
from render.cameras import Lens, look_at, orbit, pixel_rays


def sphere(material: Material, radius: float = 0.5) -> np.ndarray:
    """A table with one sphere at the origin."""
    table = np.zeros((1, COLUMNS))
    table[0, 0], table[0, 4:13] = Shape.SPHERE, np.eye(3).ravel()
    table[0, 13], table[0, 18], table[0, 22] = radius, material, radius
    return table


@pytest.fixture(scope="module")
def small() -> Capture:
    return open_capture(CaptureOptions(path="procedural:36:64"))


def test_the_default_has_ten_frames_of_thirty_cameras() -> None:
    capture = open_capture(CaptureOptions())
    assert (capture.name, capture.frame_count, capture.frame_rate) == ("procedural", 10, 30)
    assert (len(capture.split.train), len(capture.split.test)) == (24, 6)
    assert {(camera.width, camera.height) for camera in capture.cameras} == {(256, 256)}
    assert capture.has_masks


def test_no_two_cameras_stand_at_the_same_place(small: Capture) -> None:
    eyes = np.array([camera.position for camera in small.cameras])
    gaps = np.linalg.norm(eyes[:, None] - eyes[None], axis=2) + 9 * np.eye(len(eyes))
    assert gaps.min() > 0.3


def test_pictures_are_the_same_every_time(small: Capture) -> None:
    again = open_capture(CaptureOptions(path="procedural:36:64"))
    for view in (0, 17, 29):
        first, second = small.view(5, view), again.view(5, view)
        assert np.array_equal(first.rgb, second.rgb)
        assert np.array_equal(first.alpha, second.alpha)


def test_what_the_subject_does_not_cover_is_exactly_transparent(small: Capture) -> None:
    for view in small.views(0, range(0, 30, 3)):
        assert view.alpha is not None
        outside = view.alpha == 0
        assert 0.5 < outside.mean() < 0.95
        assert (view.rgb[outside] == 255).all()
        edge = np.concatenate([view.alpha[[0, -1]].ravel(), view.alpha[:, [0, -1]].ravel()])
        assert not edge.any()
        assert (view.alpha == 255).any()


def test_alpha_of_a_sphere_is_its_silhouette() -> None:
    camera = look_at((3, 0, 0), (0, 0, 0), (0, 0, 1), lens=Lens(64, 64, 120.0))
    alpha = draw(sphere(Material.FUR), camera)[..., 3]
    directions = pixel_rays(camera).directions.double().numpy()
    distance = np.linalg.norm(np.cross(directions, camera.position), axis=1).reshape(64, 64)
    pixel = 3.0 / 120.0
    assert (alpha[distance < 0.5 - pixel] == 255).all()
    assert (alpha[distance > 0.5 + pixel] == 0).all()
    assert alpha.sum() / 255 == pytest.approx((distance < 0.5).sum(), rel=0.01)


def test_uncovered_pixels_hold_zeros_and_covered_colors_are_straight() -> None:
    camera = look_at((3, 0, 0), (0, 0, 0), (0, 0, 1), lens=Lens(64, 64, 120.0))
    picture = draw(sphere(Material.SPARK), camera)
    assert not picture[picture[..., 3] == 0].any()
    partly = picture[(picture[..., 3] > 0) & (picture[..., 3] < 255)]
    assert len(partly)
    # Not darkened toward the border, as premultiplied colors would be.
    assert partly[:, :3].min() > 90


@pytest.mark.parametrize(("material", "glossy"), [(Material.EYE, True), (Material.SPARK, False)])
def test_gloss_makes_one_surface_point_differ_between_cameras(
    material: Material, glossy: bool
) -> None:
    point = np.array([0.52, 0.42, 0.744]) * 0.5 / np.linalg.norm([0.52, 0.42, 0.744])
    colors = []
    for eye in ((3, 2.4, 4.3), (4.5, -1.5, 1.0)):
        camera = look_at(eye, (0, 0, 0), (0, 0, 1), lens=Lens(64, 64, 150.0))
        column, row = camera.project([point])[0][0].astype(int)
        colors.append(draw(sphere(material), camera)[row, column, :3].astype(int))
    difference = np.abs(colors[0] - colors[1]).max()
    assert difference > 100 if glossy else difference < 40


def test_every_frame_differs_from_the_one_before(small: Capture) -> None:
    pictures = [small.view(frame, 0).rgb.astype(int) for frame in range(4)]
    for before, after in pairwise(pictures):
        assert (np.abs(before - after).max(axis=2) > 30).mean() > 0.02


@given(frame=st.integers(0, FRAMES_PER_LOOP - 1))
def test_the_dance_loops_and_stays_in_the_box(frame: int) -> None:
    table = pose(frame / FRAMES_PER_LOOP)
    assert np.allclose(table, pose(frame / FRAMES_PER_LOOP + 1), atol=1e-9)
    assert np.isfinite(table).all()
    for row in table[table[:, 29] > 0]:
        ends, radius = row[[23, 24, 25, 26, 27, 28]].reshape(2, 3), row[13:15].max()
        assert (ends - radius >= np.array(AABB.minimum) - 1e-9).all()
        assert (ends + radius <= np.array(AABB.maximum) + 1e-9).all()


def test_the_subject_projects_inside_its_box(small: Capture) -> None:
    for view_index in (3, 11, 20, 27):
        alpha = small.view(20, view_index).alpha
        assert alpha is not None
        corners, _ = small.cameras[view_index].project(small.aabb.corners())
        rows, columns = np.nonzero(alpha)
        assert corners[:, 0].min() <= columns.min() <= columns.max() <= corners[:, 0].max()
        assert corners[:, 1].min() <= rows.min() <= rows.max() <= corners[:, 1].max()


@given(angle=st.integers(0, 11), frame=st.integers(0, 35))
def test_any_camera_around_sees_a_subject(angle: int, frame: int) -> None:
    camera = orbit((0, 0, 0.8), 3.5, 0.5, 12, Lens(16, 16, 24.0))[angle]
    picture = draw(pose(frame / 36), camera)
    assert picture.shape == (16, 16, 4)
    assert 0.1 < (picture[..., 3] > 0).mean() < 0.9


def test_picture_sizes_need_not_be_whole_tiles() -> None:
    camera = look_at((3, 0, 0), (0, 0, 0), (0, 0, 1), lens=Lens(33, 21, 40.0))
    assert draw(sphere(Material.WOOD), camera).shape == (21, 33, 4)


def test_the_path_sets_length_and_size() -> None:
    assert tuple(parse_settings("procedural")) == (10, 256)
    assert tuple(parse_settings("procedural:3")) == (3, 256)
    assert tuple(parse_settings("procedural:3:32")) == (3, 32)


@pytest.mark.parametrize(
    "path",
    [
        "procedural:",
        "procedural:x",
        "procedural:0",
        "procedural:5:8",
        "procedural:5:64:1",
        "procedural:5:9999",
        "procedural:-3",
    ],
)
def test_a_path_that_asks_for_the_impossible_is_refused(path: str) -> None:
    with pytest.raises(CaptureError, match="expected"):
        open_capture(CaptureOptions(path=path))
