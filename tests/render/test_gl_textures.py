"""Arrays and numbers for the shaders, checked without OpenGL against what the march reads."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import PROFILES, PlaneLayout, Quantizer, decode
from render.cameras import Camera, Lens, look_at, pixel_rays
from render.errors import SceneError
from render.gl_textures import (
    EMPTY_TEXEL,
    TextureLimits,
    check_limits,
    check_scene,
    group_textures,
    luma_plane,
    pack_atlas,
    texel_positions,
    view_uniforms,
)
from render.occupancy import VoxelGrid
from render.opengl import gl_absence, open_gl
from render.scene import BakedScene
from render.scene_record import Group
from render.shader_source import CORNER_COLUMNS, VERSION_ES, CodeLayout, code_layout, shader_sources
from tests.render.drawn_scenes import Recipe, make_scene

RECIPES = (Recipe(), Recipe(features=9, profile="hq10"), Recipe(features=18))
LARGE = TextureLimits(16384, 2048)


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: f"{recipe.features} features")
def scene(request, tmp_path_factory) -> BakedScene:
    return make_scene(request.param, tmp_path_factory.mktemp("textures"))


def luma_of(scene: BakedScene, group: Group) -> np.ndarray:
    return next(iter(decode(scene.package.bitstream(group.stream)))).luma.numpy()


def unpacked(texels: np.ndarray, layout: CodeLayout, rows: int) -> np.ndarray:
    """Codes (channels, rows, columns) above the lowest one, taken apart bit by bit."""
    codes = []
    for channel in range(layout.channels):
        word, place = divmod(channel, layout.per_word)
        layer, component = divmod(word, 4)
        words = texels[layer * rows : (layer + 1) * rows, :, component]
        codes.append((words >> (place * layout.code_bits)) & ((1 << layout.code_bits) - 1))
    return np.stack(codes)


def test_texels_lie_where_the_mapping_table_reads_them(scene) -> None:
    for group in scene.record.groups:
        mapping = scene.geometry(group).mapping
        image = torch.arange(mapping.rows * mapping.columns).view(1, mapping.rows, mapping.columns)
        places = texel_positions(mapping)
        row, column = places[:-1] >> 16, places[:-1] & 65535
        expected = mapping.from_image(image)[:, 0].numpy()
        assert np.array_equal(row.astype(np.int64) * mapping.columns + column, expected)
        assert places[-1] == EMPTY_TEXEL


def test_corners_follow_the_order_of_the_active_cells(scene) -> None:
    for group in scene.record.groups:
        geometry = scene.geometry(group)
        tables = group_textures(geometry, group, code_layout(scene.record))
        assert tables.corners.dtype == np.uint32
        assert tables.corners.shape[1:] == (2 * CORNER_COLUMNS, 4)
        entries = tables.corners.reshape(-1, 8)
        active = len(geometry.geometry.corners)
        expected = texel_positions(geometry.mapping)[geometry.geometry.corners]
        assert np.array_equal(entries[:active], expected)
        assert (entries[active:] == EMPTY_TEXEL).all()
        assert (entries[:active] != EMPTY_TEXEL).any(1).all()


def test_cells_are_those_of_the_geometry_z_fastest(scene) -> None:
    group = scene.record.groups[0]
    geometry = scene.geometry(group)
    tables = group_textures(geometry, group, code_layout(scene.record))
    assert np.array_equal(tables.cells, geometry.geometry.cells)
    assert tables.cells.flags.c_contiguous
    assert tables.cells.dtype == np.int32


def test_the_packed_atlas_holds_every_code_in_its_bits(scene) -> None:
    layout = code_layout(scene.record)
    for group in scene.record.groups:
        luma, plane = luma_of(scene, group), group.layout
        texels = pack_atlas(luma, group, layout)
        tables = group_textures(scene.geometry(group), group, layout)
        assert texels.shape == (*tables.atlas_shape, 4)
        codes = plane.unpack(torch.from_numpy(luma)).numpy().astype(np.int64)
        expected = codes.clip(group.quantizer.lowest_code, group.quantizer.highest_code)
        found = unpacked(texels, layout, plane.rows) + group.quantizer.lowest_code
        assert np.array_equal(found, expected)


def test_packed_codes_and_steps_give_the_values_that_the_march_reads(scene) -> None:
    layout = code_layout(scene.record)
    atlas = scene.atlas(2)
    group = scene.group_of(2)
    tables = group_textures(scene.geometry(group), group, layout)
    packed = pack_atlas(luma_of(scene, group), group, layout)
    codes = unpacked(packed, layout, group.layout.rows).astype(np.float32)
    minimum, step = (
        values.ravel()[: layout.channels, None, None] for values in (tables.minimum, tables.step)
    )
    assert np.allclose(minimum + codes * step, atlas.values.numpy(), rtol=0, atol=1e-5)


def test_an_atlas_gives_the_codes_of_its_picture_back(scene) -> None:
    for frame in (0, 2):
        group = scene.group_of(frame)
        plane = luma_plane(group, scene.atlas(frame).values)
        luma = luma_of(scene, group)
        assert plane.dtype == luma.dtype
        unpack = group.layout.unpack
        found, expected = (unpack(torch.from_numpy(p)) for p in (plane, luma))
        assert torch.equal(found, expected)


@given(
    channels=st.integers(1, 40),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    profile=st.sampled_from(["web8", "full8", "hq10", "raw16"]),
    seed=st.integers(0, 99),
)
def test_any_layout_packs_every_code_once(channels, rows, columns, profile, seed) -> None:
    codes = PROFILES[profile]
    layout = CodeLayout(channels, 8 if codes.bit_depth <= 8 else 16)
    plane = PlaneLayout.plan(channels, rows, columns)
    quantizer = Quantizer.of(torch.zeros(channels), torch.ones(channels), codes)
    group = Group(0, 1, "occupancy", 0, plane, quantizer)
    kind = np.uint8 if codes.bit_depth <= 8 else np.uint16
    drawn = np.random.default_rng(seed).integers(
        codes.lowest_code, codes.highest_code + 1, (channels, rows, columns)
    )
    luma = plane.pack(torch.from_numpy(drawn.astype(np.int32))).numpy().astype(kind)
    found = unpacked(pack_atlas(luma, group, layout), layout, rows)
    assert np.array_equal(found + codes.lowest_code, drawn)


def ray_of_pixel(uniforms: dict, column: int, row: int) -> np.ndarray:
    """What the shader computes, in double precision."""
    place = np.array([column + 0.5, row + 0.5])
    x, y = (place - uniforms["uCenter"]) / uniforms["uFocal"]
    right, down, forward = (np.array(uniforms[name]) for name in ("uRight", "uDown", "uForward"))
    direction = x * right + y * down + forward
    return direction / np.linalg.norm(direction)


def test_the_rays_are_those_of_pixel_rays(scene) -> None:
    grid = scene.record.grid
    square = look_at((2, -1, 0.7), (0.1, 0, 0), (0, 0, 1), lens=Lens(13, 9, 11.0))
    skewed = Camera(13, 9, 11.0, 12.5, 5.25, 6.0, square.world_to_camera)
    for camera in (square, skewed):
        uniforms = view_uniforms(camera, grid)
        rays = pixel_rays(camera)
        grid_rays = scene.geometry(scene.record.groups[0]).geometry.to_grid(rays)
        for pixel, expected in enumerate(rays.directions.numpy()):
            found = ray_of_pixel(uniforms, pixel % 13, pixel // 13)
            assert np.allclose(found, expected, atol=1e-7)
        origin = np.array(uniforms["uOrigin"], np.float32)
        assert np.array_equal(origin, grid_rays.origins[0].numpy())
        assert uniforms["uPicture"] == (13.0, 9.0)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (TextureLimits(16384, 8), "grid"),
        (TextureLimits(40, 2048), "atlas|luma plane"),
        (TextureLimits(90, 2048), "luma plane"),
    ],
)
def test_scenes_beyond_the_limits_are_refused_by_name(scene, limits, name) -> None:
    with pytest.raises(SceneError, match=f"the ({name}) needs .* renderer 'march'"):
        check_scene(scene.record, limits)


def test_scenes_within_the_limits_pass(scene) -> None:
    check_scene(scene.record, LARGE)
    group = scene.record.groups[0]
    tables = group_textures(scene.geometry(group), group, code_layout(scene.record))
    check_limits(tables, LARGE)
    with pytest.raises(SceneError, match="corner table needs a texture of 2048"):
        check_limits(tables, TextureLimits(2047, 2048))


def test_uniforms_are_plain_numbers(scene) -> None:
    group = scene.record.groups[0]
    tables = group_textures(scene.geometry(group), group, code_layout(scene.record))
    camera = scene.cameras[0]
    grid: VoxelGrid = scene.record.grid
    for values in (tables.pack, tables.march, view_uniforms(camera, grid)):
        for value in values.values():
            parts = value if isinstance(value, tuple) else (value,)
            assert all(type(part) in {int, float} for part in parts)


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (255 / 219, -16 * 255 / 219)])
def test_pictures_that_came_as_colors_pack_to_the_same_atlas(
    tmp_path, absent, scale, offset
) -> None:
    """The route of a browser that gives colors: exact, or taken for limited range."""
    if (reason := gl_absence()) is not None:
        absent("egl", reason)
    scene = make_scene(Recipe(), tmp_path)
    group, layout = scene.record.groups[0], code_layout(scene.record)
    luma = luma_of(scene, group)
    tables = group_textures(scene.geometry(group), group, layout)
    # Colors arrive in 8 bits: the limited line spreads 16..235 over 0..255 and rounds.
    red = np.round(luma * scale + offset).clip(0, 255).astype(np.float32) / np.float32(255)
    pack = shader_sources(scene.record, scene.appearance.mlp)
    with open_gl() as gl:
        text = pack.pack.replace(VERSION_ES, VERSION_ES + "#define PICTURE_IS_COLOR\n")
        program = gl.program(pack.vertex, text)
        gl.set_uniforms(program, tables.pack)
        gl.set_uniforms(program, {"uCalibration": (1 / scale, -offset / scale)})
        target = gl.target(np.zeros((*tables.atlas_shape, 4), np.uint32))
        gl.draw(program, target, {"uLuma": gl.texture(red)})
        assert np.array_equal(gl.read(target), pack_atlas(luma, group, layout))
