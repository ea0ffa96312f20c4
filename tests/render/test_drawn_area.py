"""The part of a picture that is drawn at all: never too small, and nothing where nothing is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from render.cameras import Camera, Lens, look_at, pixel_rays
from render.gl_textures import Area, drawn_area, group_textures
from render.march import march
from render.opengl import gl_absence, open_gl
from render.scene import BakedScene
from render.shader_source import PRECISION, VERSION_ES, code_layout, shader_body
from tests.render.drawn_scenes import Recipe, make_scene

CUBE = np.stack(np.meshgrid([-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]), -1).reshape(-1, 3)
numbers = st.floats(-3, 3).map(lambda value: round(value, 2))


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> BakedScene:
    return make_scene(Recipe(), tmp_path_factory.mktemp("area"))


def camera_at(position, target=(0.0, 0.0, 0.0), lens: Lens | None = None) -> Camera:
    return look_at(position, target, (0, 0, 1), lens=lens or Lens(40, 30, 40.0))


def test_a_box_in_the_middle_leaves_the_rim_out() -> None:
    area = drawn_area(camera_at((10.0, 0.0, 0.0)), CUBE)
    # The near face is 9 away, so it reaches 40 / 9 pixels from the middle at (20, 15).
    assert (area.column, area.row) == (14, 9)
    assert (area.width, area.height) == (12, 12)


def test_a_camera_inside_or_beside_a_corner_draws_everything() -> None:
    for position in ((0.5, 0.1, 0.2), (0.0, 0.0, 0.9)):
        assert drawn_area(camera_at(position, (3.0, 1.0, 0.5)), CUBE) == Area(0, 0, 40, 30)
    beside = camera_at((1.5, 0.0, 0.0), (1.5, 5.0, 0.0))
    assert drawn_area(beside, CUBE) == Area(0, 0, 40, 30)


@pytest.mark.parametrize("target", [(20.0, 0.0, 0.0), (6.0, 0.0, 8.0)])
def test_a_camera_that_looks_past_the_box_draws_nothing(target) -> None:
    area = drawn_area(camera_at((10.0, 0.0, 0.0), target), CUBE)
    assert area.width * area.height == 0


def test_the_area_stays_within_the_picture() -> None:
    for lens in (Lens(1, 1, 500.0), Lens(7, 3, 0.1), Lens(640, 2, 900.0)):
        area = drawn_area(camera_at((4.0, 0.5, 0.1), lens=lens), CUBE)
        assert 0 <= area.column <= area.column + area.width <= lens.width
        assert 0 <= area.row <= area.row + area.height <= lens.height


def test_the_box_holds_the_active_cells_and_no_more(scene) -> None:
    for group in scene.record.groups:
        geometry = scene.geometry(group)
        box = group_textures(geometry, group, code_layout(scene.record)).active_box
        active = np.argwhere(geometry.geometry.cells >= 0)
        grid = scene.record.grid
        low, high = active.min(0), active.max(0) + 1
        assert np.allclose(box.min(0), grid.origin + low * grid.voxel_size)
        assert np.allclose(box.max(0), grid.origin + high * grid.voxel_size)
        assert len(np.unique(box, axis=0)) == 8


@given(numbers, numbers, numbers, numbers, st.integers(0, 1))
def test_no_ray_outside_the_area_meets_anything(scene, x, y, z, aim, number) -> None:
    if abs(x - aim) + abs(y) < 0.1:
        return
    group = scene.record.groups[number]
    camera = camera_at((x, y, z), (aim, 0.0, 0.0), Lens(21, 17, 12.0))
    box = group_textures(scene.geometry(group), group, code_layout(scene.record)).active_box
    area = drawn_area(camera, box)
    field = scene.field(scene.atlas(group.first_frame))
    opacity = 1 - march(field, pixel_rays(camera)).transmittance.view(17, 21)
    rows = slice(area.row, area.row + area.height)
    opacity[rows, area.column : area.column + area.width] = 0
    assert not opacity.any()


def test_only_the_area_of_a_target_is_drawn_and_read(absent) -> None:
    if (reason := gl_absence()) is not None:
        absent("egl", reason)
    fragment = (
        "uniform float uValue;\nlayout(location = 0) out highp float o;\n"
        "void main() { o = uValue + gl_FragCoord.x + 10.0 * gl_FragCoord.y; }\n"
    )
    with open_gl() as gl:
        program = gl.program(
            VERSION_ES + shader_body("screen.vert"), VERSION_ES + PRECISION + fragment
        )
        target = gl.target(np.zeros((5, 7), np.float32))
        gl.set_uniforms(program, {"uValue": -5.5})
        gl.draw(program, target, {}, Area(2, 1, 3, 2))
        whole = gl.read(target)
        expected = np.zeros((5, 7), np.float32)
        expected[1:3, 2:5] = np.arange(2, 5) + 10 * np.arange(1, 3)[:, None]
        assert np.array_equal(whole, expected)
        assert np.array_equal(gl.read(target, area=Area(2, 1, 3, 2)), expected[1:3, 2:5])
        gl.draw(program, target, {})
        assert torch.from_numpy(gl.read(target)).count_nonzero() == 34
