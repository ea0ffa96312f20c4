"""The shaders of a scene: its header, in which order the parts come, and that drivers take them."""

import re
from dataclasses import replace

import pytest

from hwcodec import PROFILES, Quantizer
from render.march_types import MAX_DENSITY, MIN_ALPHA, MIN_TRANSMITTANCE
from render.network_source import network_source, number
from render.opengl import gl_absence, open_gl
from render.scene import BakedScene
from render.scene_record import SceneRecord
from render.shader_source import (
    PRECISION,
    VERSION_CORE,
    VERSION_ES,
    CodeLayout,
    code_layout,
    scene_header,
    shader_body,
    shader_sources,
)
from render.shading import ShadingShape
from tests.render.drawn_scenes import Recipe, make_scene

RECIPES = (Recipe(), Recipe(features=17, profile="hq10"), Recipe(features=40, octaves=0, depth=1))


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: f"{recipe.features} features")
def scene(request, tmp_path_factory) -> BakedScene:
    return make_scene(request.param, tmp_path_factory.mktemp("shaders"))


@pytest.fixture
def record(baked_packages) -> SceneRecord:
    from render.scene import open_scene

    return open_scene(baked_packages["raw"]).record


def with_features(record: SceneRecord, count: int, profile: str = "web8") -> SceneRecord:
    """The record with other channels and codes; nothing else of it is changed."""
    low, high = (group.quantizer.minimum[:1].repeat(1 + count) for group in [record.groups[0]] * 2)
    quantizer = Quantizer.of(low, -high, PROFILES[profile])
    groups = tuple(replace(group, quantizer=quantizer) for group in record.groups)
    return replace(record, groups=groups, shading=ShadingShape(count, 4, 1, 0))


@pytest.mark.parametrize(
    ("channels", "bits", "expected"),
    [
        (1, 8, (4, 1, 1)),
        (4, 8, (4, 1, 1)),
        (9, 8, (4, 3, 1)),
        (16, 8, (4, 4, 1)),
        (17, 8, (4, 5, 2)),
        (65, 8, (4, 17, 5)),
        (8, 16, (2, 4, 1)),
        (9, 16, (2, 5, 2)),
        (65, 16, (2, 33, 9)),
    ],
)
def test_channels_fill_words_and_words_fill_texels(channels, bits, expected) -> None:
    layout = CodeLayout(channels, bits)
    assert (layout.per_word, layout.words, layout.layers) == expected
    assert layout.words * layout.per_word >= channels > (layout.words - 1) * layout.per_word


def test_one_group_with_deep_codes_makes_all_of_them_wide(record) -> None:
    assert code_layout(record).code_bits == 8
    deep = Quantizer.of(
        record.groups[1].quantizer.minimum,
        record.groups[1].quantizer.maximum,
        PROFILES["hq10"],
    )
    mixed = (record.groups[0], replace(record.groups[1], quantizer=deep))
    assert code_layout(replace(record, groups=mixed)).code_bits == 16


def test_the_header_is_exactly_that_of_the_docstring(record) -> None:
    small = with_features(record, 8)
    x, y, z = (count - 1 for count in record.grid.shape)
    assert scene_header(small).splitlines() == [
        "#define CHANNELS 9",
        "#define CODE_BITS 8",
        "#define CORNER_COLUMNS 1024",
        "#define WORDS 3",
        "#define TEXEL_LAYERS 1",
        "#define EACH_WORD(X) X(w0, t0.x, 0) X(w1, t0.y, 1) X(w2, t0.z, 2)",
        "#define EACH_MORE_LAYER(X)",
        "struct Features { vec4 w0; vec4 w1; vec4 w2; };",
        f"const ivec3 CELLS = ivec3({x}, {y}, {z});",
        "const float STEP = 5e-1;",
        f"const float EMPTY_DENSITY = {number(record.constants.empty_density)};",
        f"const float VOXEL_SIZE = {number(record.grid.voxel_size)};",
        "const vec3 BACKGROUND = vec3(1e0, 1e0, 1e0);",
        "const float MIN_ALPHA = 9.99999975e-5;",
        "const float MIN_TRANSMITTANCE = 1.00000005e-3;",
        "const float MAX_DENSITY = 8e1;",
    ]


def test_words_of_further_texels_are_named_by_their_layer(record) -> None:
    header = scene_header(with_features(record, 8, "hq10"))
    assert "#define CODE_BITS 16" in header
    assert "#define EACH_MORE_LAYER(X) X(t1, 1)\n" in header
    assert "X(w3, t0.w, 3) X(w4, t1.x, 4)\n" in header
    assert "struct Features { vec2 w0; vec2 w1; vec2 w2; vec2 w3; vec2 w4; };" in header


def test_the_limits_are_those_of_the_march(record) -> None:
    header = scene_header(record)
    for name, value in (
        ("MIN_ALPHA", MIN_ALPHA),
        ("MIN_TRANSMITTANCE", MIN_TRANSMITTANCE),
        ("MAX_DENSITY", MAX_DENSITY),
    ):
        found = re.search(rf"const float {name} = (.*);", header)
        assert found
        assert type(value)(found[1]) == value


def test_the_parts_come_in_their_order(scene) -> None:
    mlp = scene.appearance.mlp
    sources = shader_sources(scene.record, mlp, is_with_depth=True)
    header = scene_header(scene.record)
    network = network_source(mlp, code_layout(scene.record).per_word)
    assert sources.vertex == VERSION_ES + shader_body("screen.vert")
    assert sources.pack == VERSION_ES + PRECISION + header + shader_body("pack.frag")
    assert sources.march == (
        f"{VERSION_ES}#define WITH_DEPTH\n{PRECISION}{header}{network}{shader_body('march.frag')}"
    )


def test_without_depth_and_with_another_version_only_those_lines_change(scene) -> None:
    mlp = scene.appearance.mlp
    usual = shader_sources(scene.record, mlp, is_with_depth=True)
    other = shader_sources(scene.record, mlp, version=VERSION_CORE)
    assert other.pack == usual.pack.replace(VERSION_ES, VERSION_CORE)
    assert other.march == usual.march.replace(VERSION_ES + "#define WITH_DEPTH\n", VERSION_CORE)


@pytest.mark.parametrize("name", ["screen.vert", "pack.frag", "march.frag"])
def test_the_files_state_no_version_and_use_what_every_language_version_has(name) -> None:
    body = shader_body(name)
    assert body.isascii()
    assert "#version" not in body
    assert "##" not in body
    # Continued lines came to desktop GLSL only with version 4.20.
    assert "\\\n" not in body
    assert not re.search(r"\btexture(Lod|Grad|Offset)?\(", body)


@pytest.mark.parametrize("version", [VERSION_ES, VERSION_CORE])
@pytest.mark.parametrize("is_with_depth", [False, True])
def test_a_driver_takes_the_shaders(scene, absent, version, is_with_depth) -> None:
    if (reason := gl_absence()) is not None:
        absent("egl", reason)
    sources = shader_sources(
        scene.record, scene.appearance.mlp, version=version, is_with_depth=is_with_depth
    )
    with open_gl() as gl:
        gl.program(sources.vertex, sources.pack)
        gl.program(sources.vertex, sources.march)
        colors = "#define PICTURE_IS_COLOR\n"
        gl.program(sources.vertex, sources.pack.replace(version, version + colors))
