"""Views by OpenGL: the same pixels as the march and its plain twin, on any scene and camera."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from hwcodec import BitstreamError
from render.cameras import Lens, look_at, orbit, pixel_rays
from render.errors import GraphicsError, SceneError
from render.fragment import render_view
from render.gl_renderer import DebugMode, GlRenderer
from render.gl_textures import pack_atlas
from render.opengl import gl_absence
from render.player import Player
from render.scene import BakedScene, open_scene
from render.shader_source import code_layout
from tests.render.drawn_scenes import (
    Recipe,
    along_x,
    assert_same_pixels,
    make_scene,
    reference,
)

RECIPES = {
    "8 bit": Recipe(),
    "10 bit": Recipe(profile="hq10"),
    "8 bit in two texels": Recipe(features=20, width=12, depth=3, octaves=2),
    "10 bit in two texels": Recipe(features=9, profile="hq10", depth=1, octaves=0),
    "a step of its own": Recipe(features=3, step=0.37, octaves=4),
}


@pytest.fixture(scope="module", params=RECIPES.values(), ids=RECIPES)
def scene(request, tmp_path_factory) -> BakedScene:
    return make_scene(request.param, tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> BakedScene:
    return make_scene(Recipe(), tmp_path_factory.mktemp("plain"))


@pytest.fixture(autouse=True)
def egl(absent) -> None:
    if (reason := gl_absence()) is not None:
        absent("egl", reason)


@pytest.fixture
def renderer(scene):  # noqa: ANN201
    with GlRenderer(scene) as opened:
        yield opened


@pytest.fixture
def plain_renderer(plain):  # noqa: ANN201
    with GlRenderer(plain) as opened:
        yield opened


def marched(scene: BakedScene, frame: int, camera):  # noqa: ANN201
    return render_view(scene.field(scene.atlas(frame)), scene.appearance, camera)


def test_views_around_equal_the_march_over_all_frames_and_a_group_change(scene, renderer) -> None:
    for frame in (0, 1, 2, 0):
        for camera in orbit((0, 0.1, 0), 2.5, 0.7, 3, Lens(40, 30, 40.0)):
            assert_same_pixels(renderer.render(frame, camera), marched(scene, frame, camera))


def test_views_equal_the_plain_twin_in_torch(scene, renderer) -> None:
    camera = look_at((1.5, -1.2, 0.9), (0, 0, 0), (0, 0, 1), lens=Lens(24, 18, 20.0))
    for frame in (1, 2):
        expected = reference(scene, frame, pixel_rays(camera)).view(18, 24, 3)
        difference = (renderer.render(frame, camera).rgb - expected).abs()
        assert float(difference.mean()) < 1e-5
        assert float(difference.max()) < 2e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 1), (17, 31), (64, 2)])
def test_pictures_of_odd_sizes_equal_the_march(plain, plain_renderer, size) -> None:
    camera = look_at((2, 1, 0.5), (0, 0, 0), (0, 0, 1), lens=Lens(*size, 25.0))
    assert_same_pixels(plain_renderer.render(0, camera), marched(plain, 0, camera))


def test_a_camera_inside_the_box_equals_the_march(scene, renderer) -> None:
    camera = look_at((0.1, 0.05, -0.1), (0.5, 0.4, 0.3), (0, 0, 1), lens=Lens(31, 23, 16.0))
    image = renderer.render(2, camera)
    assert_same_pixels(image, marched(scene, 2, camera))
    assert float(image.opacity.min()) > 0


def test_a_camera_that_looks_away_sees_exactly_the_background(scene, renderer) -> None:
    camera = look_at((3, 0, 0), (6, 0, 0), (0, 0, 1), lens=Lens(9, 9, 9.0))
    image = renderer.render(0, camera)
    assert torch.equal(image.rgb, scene.appearance.background.expand(9, 9, 3))
    assert not image.opacity.any()
    assert not image.depth.any()


@pytest.mark.parametrize(
    "position",
    [
        (-2.0, 0.1, 0.05),  # through the middle
        (0.0, 0.0, 0.0),  # from the inside
        (-2.0, -0.5, -0.9),  # along an edge of the box
        (-2.0, 5.0, 0.0),  # parallel to the box and beside it
        (-2.0, 0.1, 7.0),
    ],
)
def test_rays_parallel_to_axes_equal_the_march_and_its_twin(
    plain, plain_renderer, position
) -> None:
    camera = along_x(position)
    image = plain_renderer.render(0, camera)
    rays = pixel_rays(camera)
    assert (rays.directions == 0).any()
    assert_same_pixels(image, marched(plain, 0, camera))
    difference = (image.rgb.view(-1, 3) - reference(plain, 0, rays)).abs()
    assert float(difference.max()) < 2e-3
    assert torch.isfinite(image.rgb).all()


def test_the_first_row_is_the_upper_one(plain, plain_renderer) -> None:
    camera = look_at((2.5, 0, 2.5), (0, 0, 2.0), (0, 0, 1), lens=Lens(16, 16, 16.0))
    opacity = plain_renderer.render(0, camera).opacity
    assert not opacity[0].any()
    assert opacity[8:].any()


def test_a_frame_twice_gives_the_same_bits_whatever_was_drawn_in_between(
    plain, plain_renderer
) -> None:
    one, other = (plain.cameras[view] for view in (0, 5))
    first = plain_renderer.render(0, one)
    plain_renderer.render(2, other)
    again = plain_renderer.render(0, one)
    for name in ("rgb", "opacity", "depth"):
        assert torch.equal(getattr(first, name), getattr(again, name))


def test_the_packed_atlas_is_that_of_the_plain_twin(scene, renderer) -> None:
    for frame in (1, 2):
        content = renderer.frame(frame)
        renderer.set_group(content.tables)
        renderer.set_picture(content.luma)
        expected = pack_atlas(content.luma, content.group, code_layout(scene.record))
        assert np.array_equal(renderer.atlas(), expected)


def test_a_prepared_atlas_draws_what_the_picture_itself_draws(scene, renderer) -> None:
    camera = scene.cameras[3]
    for frame in (0, 2):
        from_atlas = renderer.draw(renderer.prepare(scene.atlas(frame)), camera)
        from_picture = renderer.draw(renderer.frame(frame), camera)
        assert torch.equal(from_atlas.rgb, from_picture.rgb)


def test_codes_outside_the_range_are_clamped_as_the_march_does(plain, plain_renderer) -> None:
    content = plain_renderer.frame(0)
    rough = np.where(
        np.arange(content.luma.size).reshape(content.luma.shape) % 3, content.luma, 255
    )
    rough[::5] = 0
    plain_renderer.set_group(content.tables)
    plain_renderer.set_picture(rough.astype(np.uint8))
    low, high = content.group.quantizer.lowest_code, content.group.quantizer.highest_code
    clamped = pack_atlas(
        rough.clip(low, high).astype(np.uint8), content.group, code_layout(plain.record)
    )
    assert np.array_equal(plain_renderer.atlas(), clamped)


def test_frames_can_be_prepared_in_another_thread(plain, plain_renderer) -> None:
    camera = plain.cameras[0]
    with ThreadPoolExecutor(1) as pool:
        prepared = pool.submit(plain_renderer.prepare, plain.atlas(2)).result()
    assert_same_pixels(plain_renderer.draw(prepared, camera), marched(plain, 2, camera))


def test_a_player_plays_through_it(plain, plain_renderer) -> None:
    camera = plain.cameras[1]
    with Player(plain, plain_renderer) as player:
        shown = [player.draw_next(camera) for _ in range(4)]
    assert [picture.frame_index for picture in shown] == [0, 1, 2, 0]
    for picture in shown:
        assert_same_pixels(picture.image, marched(plain, picture.frame_index, camera))


def test_two_renderers_do_not_disturb_each_other(scene, plain) -> None:
    camera = plain.cameras[2]
    with GlRenderer(scene) as one, GlRenderer(plain) as other:
        for frame in (0, 2):
            first, second = one.render(frame, camera), other.render(frame, camera)
            assert_same_pixels(first, marched(scene, frame, camera))
            assert_same_pixels(second, marched(plain, frame, camera))


class TestDebugModes:
    @pytest.fixture
    def draw(self, plain, plain_renderer):  # noqa: ANN201
        content, camera = plain_renderer.frame(0), plain.cameras[0]
        return lambda mode: plain_renderer.draw(content, camera, mode)

    def test_every_mode_leaves_opacity_and_depth_as_they_are(self, draw) -> None:
        usual = draw(DebugMode.COLOR)
        for mode in DebugMode:
            image = draw(mode)
            assert torch.equal(image.opacity, usual.opacity)
            assert torch.equal(image.depth, usual.depth)
            assert ((image.rgb >= 0) & (image.rgb <= 1)).all()
            assert mode is DebugMode.COLOR or not torch.equal(image.rgb, usual.rgb)

    def test_opacity_is_gray(self, draw) -> None:
        image = draw(DebugMode.OPACITY)
        assert torch.equal(image.rgb, image.opacity[..., None].expand_as(image.rgb))

    def test_samples_are_counted_where_something_is_met(self, draw) -> None:
        image = draw(DebugMode.SAMPLE_COUNT)
        assert (image.rgb[image.opacity > 0].sum(-1) > 0).all()
        assert (image.rgb[..., 0] >= image.rgb[..., 1]).all()

    def test_the_atlas_is_shown_from_its_upper_left_corner(self, plain, plain_renderer) -> None:
        content = plain_renderer.frame(0)
        rows, columns = content.tables.atlas_shape
        camera = look_at((2, 0, 0), (0, 0, 0), (0, 0, 1), lens=Lens(columns, rows, 9.0))
        image = plain_renderer.draw(content, camera, DebugMode.ATLAS)
        texels = pack_atlas(content.luma, content.group, code_layout(plain.record))
        codes = np.stack([(texels[..., 0] >> shift) & 255 for shift in (0, 8, 16)], -1)
        assert np.allclose(image.rgb.numpy(), codes / 255, atol=1e-6)

    def test_occupancy_shows_the_background_beside_the_active_cells(self, draw, plain) -> None:
        image = draw(DebugMode.OCCUPANCY)
        is_background = (image.rgb == plain.appearance.background).all(-1)
        assert is_background.any()
        assert not is_background[image.opacity > 0].any()

    def test_occupancy_gives_each_block_of_cells_one_hue(self, draw, plain) -> None:
        image = draw(DebugMode.OCCUPANCY)
        seen = image.rgb[image.opacity > 0]
        hues = torch.unique((seen / seen.sum(-1, keepdim=True) * 1000).round().to(int), dim=0)
        blocks = np.prod([-(-side // 8) for side in plain.record.grid.shape])
        # Light and distance change all channels alike; rounding may tell some hues apart twice.
        assert 1 < len(hues) <= 4 * blocks
        assert len(hues) < len(torch.unique(seen, dim=0))

    def test_depth_is_black_where_nothing_is_met_and_darker_far_away(self, draw) -> None:
        image = draw(DebugMode.DEPTH)
        assert not image.rgb[image.opacity == 0].any()
        assert (image.rgb[image.opacity > 0] > 0).all()


def test_it_says_what_draws_and_why(plain) -> None:
    with GlRenderer(plain, "because") as renderer:
        choice = renderer.describe()
        assert (choice.renderer, choice.reason) == ("gl", "because")
        assert choice.device
        assert renderer.device == "cpu"


def test_a_picture_before_any_group_is_refused(plain_renderer) -> None:
    with pytest.raises(SceneError, match="call set_group first"):
        plain_renderer.set_picture(np.zeros((4, 4), np.uint8))
    with pytest.raises(SceneError, match="call set_group first"):
        plain_renderer.atlas()


def test_frames_that_do_not_exist_are_refused(plain, plain_renderer) -> None:
    with pytest.raises(SceneError, match=r"expected 0\.\.2"):
        plain_renderer.render(3, plain.cameras[0])


def test_after_closing_nothing_is_drawn(plain) -> None:
    renderer = GlRenderer(plain)
    renderer.close()
    renderer.close()
    with pytest.raises(GraphicsError, match="closed"):
        renderer.render(0, plain.cameras[0])


def test_a_network_too_large_for_a_shader_is_refused(tmp_path) -> None:
    with pytest.raises(SceneError, match="renderer 'march'"):
        GlRenderer(make_scene(Recipe(width=128, depth=4), tmp_path))


def test_damage_in_a_stream_is_an_error_and_other_groups_draw_on(tmp_path) -> None:
    scene = make_scene(Recipe(), tmp_path)
    stream = tmp_path / "package" / "streams" / "group0002.mp4"
    data = bytearray(sorted(stream.parent.iterdir())[1].read_bytes())
    data[-1] ^= 255
    sorted(stream.parent.iterdir())[1].write_bytes(data)
    damaged = open_scene(tmp_path / "package")
    with GlRenderer(damaged) as renderer:
        with pytest.raises((BitstreamError, ValueError)):
            renderer.render(2, scene.cameras[0])
        assert_same_pixels(
            renderer.render(0, scene.cameras[0]), marched(scene, 0, scene.cameras[0])
        )
