"""The shaders of one scene: the GLSL files behind a header that is made from the scene's record.

`render/web/engine/shader_source.js` makes the same text byte for byte. A shader is, in this order:

1. the version line: ``#version 300 es``, or ``#version 330 core`` where a desktop driver lacks
   GL_ARB_ES3_compatibility;
2. one ``#define NAME`` line per option: ``WITH_DEPTH`` (march: second output, depth) or
   ``PICTURE_IS_COLOR`` (pack: the picture came as colors);
3. ``PRECISION`` below, for fragment shaders;
4. the scene's header, for fragment shaders;
5. the function of `render/network_source.py`, for the march;
6. the file's text.

The header has one declaration to a line, each with a newline behind it, in this order. Whole
numbers are plain decimal, all others are written by `network_source.number`. ``n`` is the channels
per 32-bit word, ``32 / CODE_BITS``, and there are four words to a texel.

    #define CHANNELS 9                 1 + feature_count
    #define CODE_BITS 8                8, or 16 if the largest bit_depth of all groups is above 8
    #define CORNER_COLUMNS 1024        active cells per row of uCorners
    #define WORDS 3                    ceil(CHANNELS / n)
    #define TEXEL_LAYERS 1             ceil(WORDS / 4)
    #define EACH_WORD(X) X(w0, t0.x, 0) X(w1, t0.y, 1) X(w2, t0.z, 2)
                                       per word i: X(w{i}, t{i // 4}.{xyzw}[i % 4], i)
    #define EACH_MORE_LAYER(X)         per layer l from 1 on " X(t{l}, l)"; nothing behind ")" else
    struct Features { vec4 w0; vec4 w1; vec4 w2; };       vec4, or vec2 if CODE_BITS is 16
    const ivec3 CELLS = ivec3(113, 82, 229);              grid - 1, along x, y, z
    const float STEP = 5e-1;                              step
    const float EMPTY_DENSITY = -8e0;                     empty_density
    const float VOXEL_SIZE = 7.97748105e-3;               voxel_size
    const vec3 BACKGROUND = vec3(1e0, 1e0, 1e0);          background
    const float MIN_ALPHA = 9.99999975e-5;                float32 of 1e-4
    const float MIN_TRANSMITTANCE = 1.00000005e-3;        float32 of 1e-3
    const float MAX_DENSITY = 8e1;

Textures and uniforms are those that the GLSL files declare; `render/gl_textures.py` says how their
contents are laid out.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from render.march_types import MAX_DENSITY, MIN_ALPHA, MIN_TRANSMITTANCE
from render.network_source import network_source, number
from render.scene_record import SceneRecord
from render.shading import ShadingMlp

VERSION_ES = "#version 300 es\n"
VERSION_CORE = "#version 330 core\n"
PRECISION = (
    "precision highp float;\n"
    "precision highp int;\n"
    "precision highp sampler2D;\n"
    "precision highp usampler2D;\n"
    "precision highp isampler3D;\n"
)
CORNER_COLUMNS = 1024
WORD_BITS, WORDS_PER_TEXEL = 32, 4


@dataclass(frozen=True, slots=True)
class CodeLayout:
    """How codes are packed: channels per texel follow from the bits that one code takes (8, 16)."""

    channels: int
    code_bits: int

    @property
    def per_word(self) -> int:
        """Channels in one 32-bit word."""
        return WORD_BITS // self.code_bits

    @property
    def words(self) -> int:
        """32-bit words that hold all channels of a texel."""
        return -(-self.channels // self.per_word)

    @property
    def layers(self) -> int:
        """128-bit texels that hold all channels, below each other in the packed atlas."""
        return -(-self.words // WORDS_PER_TEXEL)


@dataclass(frozen=True, slots=True)
class ShaderSources:
    """The three shaders of a scene, complete."""

    vertex: str
    pack: str
    march: str


def code_layout(record: SceneRecord) -> CodeLayout:
    """How the codes of a scene are packed; one layout serves all its groups."""
    depth = max(group.quantizer.bit_depth for group in record.groups)
    return CodeLayout(1 + record.shading.feature_count, 8 if depth <= 8 else 16)


def scene_header(record: SceneRecord) -> str:
    """Constants and declarations of a scene, as this module's docstring lists them."""
    layout, constants = code_layout(record), record.constants
    kind = "vec4" if layout.per_word == 4 else "vec2"
    words = range(layout.words)
    each_word = " ".join(f"X(w{i}, t{i // 4}.{'xyzw'[i % 4]}, {i})" for i in words)
    more_layers = "".join(f" X(t{layer}, {layer})" for layer in range(1, layout.layers))
    members = " ".join(f"{kind} w{i};" for i in words)
    cells = ", ".join(str(count - 1) for count in record.grid.shape)
    background = ", ".join(map(number, constants.background))
    lines = [
        f"#define CHANNELS {layout.channels}",
        f"#define CODE_BITS {layout.code_bits}",
        f"#define CORNER_COLUMNS {CORNER_COLUMNS}",
        f"#define WORDS {layout.words}",
        f"#define TEXEL_LAYERS {layout.layers}",
        f"#define EACH_WORD(X) {each_word}",
        f"#define EACH_MORE_LAYER(X){more_layers}",
        f"struct Features {{ {members} }};",
        f"const ivec3 CELLS = ivec3({cells});",
        f"const float STEP = {number(constants.step)};",
        f"const float EMPTY_DENSITY = {number(constants.empty_density)};",
        f"const float VOXEL_SIZE = {number(record.grid.voxel_size)};",
        f"const vec3 BACKGROUND = vec3({background});",
        f"const float MIN_ALPHA = {number(float(MIN_ALPHA))};",
        f"const float MIN_TRANSMITTANCE = {number(float(MIN_TRANSMITTANCE))};",
        f"const float MAX_DENSITY = {number(float(MAX_DENSITY))};",
    ]
    return "".join(f"{line}\n" for line in lines)


def shader_sources(
    record: SceneRecord, mlp: ShadingMlp, *, version: str = VERSION_ES, is_with_depth: bool = False
) -> ShaderSources:
    """The shaders of a scene; ``is_with_depth`` gives the march its second output.

    Raises:
        SceneError: if the shading network is too large to be written out.
    """
    header = PRECISION + scene_header(record)
    network = network_source(mlp, code_layout(record).per_word)
    depth = "#define WITH_DEPTH\n" if is_with_depth else ""
    return ShaderSources(
        vertex=version + shader_body("screen.vert"),
        pack=version + header + shader_body("pack.frag"),
        march=version + depth + header + network + shader_body("march.frag"),
    )


@cache
def shader_body(name: str) -> str:
    """The text of one GLSL file, ``screen.vert``, ``pack.frag`` or ``march.frag``."""
    return (files("render") / "shaders" / f"{name}.glsl").read_text(encoding="utf-8")
