"""The door to OpenGL: what it says where something is missing, and what goes through it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from hwcodec import BackendUnavailable
from render import opengl
from render.errors import GraphicsError
from render.opengl import Gl, gl_absence, open_gl
from render.shader_source import VERSION_CORE, VERSION_ES

VERTEX = (
    VERSION_ES
    + "void main() { vec2 p = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));\n"
    + "  gl_Position = vec4(2.0 * p - 1.0, 0.0, 1.0); }\n"
)
HEAD = VERSION_ES + "precision highp float;\nprecision highp int;\n"


class FakeError(Exception):
    """What the library raises."""


class FakeContext:
    """A context that refuses whatever it is told to."""

    def __init__(self, *refused: str, extensions: tuple[str, ...] = ()) -> None:
        self.refused, self.extensions = refused, extensions
        self.info = {
            "GL_MAX_TEXTURE_SIZE": 64,
            "GL_MAX_3D_TEXTURE_SIZE": 16,
            "GL_RENDERER": "fake driver",
        }
        self.is_released, self.depth, self.NEAREST = False, 0, 9728

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1

    def _make(self, name: str) -> SimpleNamespace:
        assert self.depth == 1, "used without being current"
        if name in self.refused:
            raise FakeError(f"no\n\n{name} today")
        return SimpleNamespace(release=lambda: None)

    def program(self, **_: str) -> SimpleNamespace:
        return self._make("program")

    def vertex_array(self, *_: object) -> SimpleNamespace:
        return self._make("vertex_array")

    def texture(self, *_: object, **__: object) -> SimpleNamespace:
        return self._make("texture")

    def texture3d(self, *_: object, **__: object) -> SimpleNamespace:
        return self._make("texture3d")

    def framebuffer(self, *_: object) -> SimpleNamespace:
        return self._make("framebuffer")

    def release(self) -> None:
        self.is_released = True


@pytest.fixture
def install(monkeypatch):  # noqa: ANN201
    """Puts a library in the place of the real one."""
    gl_absence.cache_clear()

    def put(context: FakeContext | Exception) -> None:
        def create(**_: object) -> FakeContext:
            if isinstance(context, Exception):
                raise context
            return context

        library = SimpleNamespace(Error=FakeError, create_context=create)
        monkeypatch.setitem(sys.modules, "moderngl", library)

    yield put
    gl_absence.cache_clear()


@pytest.fixture
def gl(absent):  # noqa: ANN201
    if (reason := gl_absence()) is not None:
        absent("egl", reason)
    with open_gl() as opened:
        yield opened


def test_a_missing_library_names_the_command_that_installs_it(monkeypatch, install) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    with pytest.raises(BackendUnavailable, match=r"moderngl is missing .*pip install -e"):
        open_gl()
    assert "pip install" in str(gl_absence())


@pytest.mark.parametrize(
    "error", [Exception("libEGL.so not loaded"), ValueError("version"), OSError("no"), FakeError()]
)
def test_a_missing_driver_names_what_to_install(install, error) -> None:
    install(error)
    with pytest.raises(BackendUnavailable, match=r"libegl1 .*renderer 'march'") as caught:
        open_gl()
    assert str(error) in str(caught.value)
    assert gl_absence() == str(caught.value)


def test_where_a_context_opens_nothing_is_absent_and_the_probe_closes_it(install) -> None:
    context = FakeContext()
    install(context)
    assert gl_absence() is None
    assert context.is_released


def test_the_machine_is_asked_once(install) -> None:
    install(OSError("nothing"))
    first = gl_absence()
    install(FakeContext())
    assert gl_absence() == first


@pytest.mark.parametrize(
    ("extensions", "line"),
    [(("GL_ARB_ES3_compatibility",), VERSION_ES), (("GL_ARB_else",), VERSION_CORE)],
)
def test_the_version_line_is_what_the_driver_takes(install, extensions, line) -> None:
    install(FakeContext(extensions=extensions))
    assert open_gl().version_line == line


def test_refused_shaders_end_in_one_line_with_the_drivers_words(install) -> None:
    install(FakeContext("program"))
    with pytest.raises(GraphicsError, match="fake driver refuses a shader: no program today;"):
        open_gl().program("a", "b")


def test_a_device_without_room_says_so(install) -> None:
    install(FakeContext("texture", "texture3d"))
    gl = open_gl()
    with pytest.raises(GraphicsError, match="no room for a texture of 16 bytes"):
        gl.texture(np.zeros((4, 4), np.uint8))
    with pytest.raises(GraphicsError, match="no room for a texture of 32 bytes"):
        gl.volume(np.zeros((2, 2, 2), np.int32))


def test_a_target_that_cannot_be_drawn_into_says_so(install) -> None:
    install(FakeContext("framebuffer"))
    with pytest.raises(GraphicsError, match=r"does not draw into.*float32"):
        open_gl().target(np.zeros((4, 4, 4), np.float32))


def test_textures_beyond_the_limits_are_refused_before_the_driver_sees_them(install) -> None:
    install(FakeContext())
    gl = open_gl()
    assert (gl.limits.side, gl.limits.depth_side) == (64, 16)
    gl.texture(np.zeros((64, 64), np.uint8))
    gl.volume(np.zeros((16, 16, 16), np.int32))
    for shape in ((65, 1), (1, 65)):
        with pytest.raises(GraphicsError, match="at most 64 on a side on fake driver"):
            gl.texture(np.zeros(shape, np.uint8))
    with pytest.raises(GraphicsError, match="at most 16"):
        gl.volume(np.zeros((1, 17, 1), np.int32))


def test_a_closed_context_refuses_everything_and_closes_only_once(install) -> None:
    context = FakeContext()
    install(context)
    with open_gl() as gl:
        pass
    assert context.is_released
    gl.close()
    for call in (
        lambda: gl.program("a", "b"),
        lambda: gl.texture(np.zeros((1, 1), np.uint8)),
        lambda: gl.volume(np.zeros((1, 1, 1), np.int32)),
        lambda: gl.target(np.zeros((1, 1), np.float32)),
        lambda: gl.free(None),
    ):
        with pytest.raises(GraphicsError, match="closed"):
            call()


def test_importing_the_door_loads_no_library() -> None:
    assert not hasattr(opengl, "moderngl")


def draw(gl: Gl, fragment: str, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    program = gl.program(VERTEX, HEAD + fragment)
    drawn = gl.target(target)
    texture = gl.volume(source) if source.ndim == 3 and source.dtype == np.int32 else None
    gl.draw(program, drawn, {"uSource": texture or gl.texture(source)})
    return gl.read(drawn)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_whole_numbers_come_back_exactly_with_row_0_first(gl, dtype) -> None:
    source = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7), dtype, endpoint=True)
    fragment = (
        "uniform highp usampler2D uSource;\nlayout(location = 0) out highp uvec4 o;\n"
        "void main() { o = uvec4(texelFetch(uSource, ivec2(gl_FragCoord.xy), 0).r); }\n"
    )
    found = draw(gl, fragment, source, np.zeros((5, 7, 4), np.uint32))
    assert np.array_equal(found, np.repeat(source[..., None], 4, 2))


def test_a_volume_is_read_with_its_fastest_axis_as_x(gl) -> None:
    source = np.arange(-30, 30, dtype=np.int32).reshape(3, 4, 5)
    fragment = (
        "uniform highp isampler3D uSource;\nlayout(location = 0) out highp float o;\n"
        "void main() { ivec2 p = ivec2(gl_FragCoord.xy);\n"
        "  o = float(texelFetch(uSource, ivec3(p.x, p.y % 4, p.y / 4), 0).r); }\n"
    )
    found = draw(gl, fragment, source, np.zeros((12, 5), np.float32))
    assert np.array_equal(found, source.reshape(12, 5))


def test_textures_are_refilled_only_with_what_fits(gl) -> None:
    texture = gl.texture(np.zeros((3, 5), np.uint8))
    gl.fill(texture, np.ones((3, 5), np.uint8))
    for other in (np.ones((5, 3), np.uint8), np.ones((3, 5), np.uint16)):
        with pytest.raises(GraphicsError, match="make a texture for it"):
            gl.fill(texture, other)


def test_uniforms_that_a_compiler_left_out_are_passed_over(gl) -> None:
    fragment = (
        "uniform float uUsed; uniform float uUnused; uniform vec4 uFront[3];\n"
        "layout(location = 0) out highp vec4 o;\nvoid main() { o = uUsed * uFront[0]; }\n"
    )
    program = gl.program(VERTEX, HEAD + fragment)
    target = gl.target(np.zeros((2, 2, 4), np.float32))
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    gl.set_uniforms(program, {"uUsed": 2.0, "uUnused": 1.0, "uNowhere": 3}, {"uFront": values})
    gl.draw(program, target, {})
    assert np.array_equal(gl.read(target)[0, 0], 2 * values[0])


def test_two_outputs_are_read_apart(gl) -> None:
    fragment = (
        "layout(location = 0) out highp vec4 a;\nlayout(location = 1) out highp float b;\n"
        "void main() { a = vec4(1.0, 2.0, 3.0, 4.0); b = gl_FragCoord.x; }\n"
    )
    program = gl.program(VERTEX, HEAD + fragment)
    target = gl.target(np.zeros((2, 3, 4), np.float32), np.zeros((2, 3), np.float32))
    gl.draw(program, target, {})
    assert np.array_equal(gl.read(target, 0)[1, 2], [1, 2, 3, 4])
    assert np.array_equal(gl.read(target, 1), [[0.5, 1.5, 2.5]] * 2)


def test_a_real_driver_refuses_nonsense_in_one_line(gl) -> None:
    with pytest.raises(GraphicsError, match="refuses a shader") as caught:
        gl.program(VERTEX, HEAD + "void main() { nonsense }")
    assert "\n" not in str(caught.value)
    assert gl.name


def test_memory_is_given_back_and_contexts_are_apart(gl) -> None:
    with open_gl() as other:
        texture, target = (
            gl.texture(np.zeros((2, 2), np.uint8)),
            other.target(np.zeros((2, 2), np.float32)),
        )
        other.free(target, None)
        gl.free(texture)
