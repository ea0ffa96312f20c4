"""The only door to OpenGL: a context without a window, programs, textures and targets.

Nothing is loaded before `open_gl` or `gl_absence` is called. Every call makes its own context
current and gives the previous one back, so several may be open; each belongs to one thread.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hwcodec import BackendUnavailable
from render.errors import GraphicsError
from render.gl_textures import Area, TextureLimits, UniformValue
from render.shader_source import VERSION_CORE, VERSION_ES

_ES3 = "GL_ARB_ES3_compatibility"
_REMEDY = 'install it with: pip install -e ".[gl]"'
_EGL_REMEDY = (
    "install a driver with EGL, such as the system packages libegl1 and libgl1-mesa-dri, or draw "
    "with the renderer 'march'"
)
# Type letter of a texture per array type, as the library names them.
_TYPES = {"uint8": "u1", "uint16": "u2", "uint32": "u4", "int32": "i4", "float32": "f4"}

AnyArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A texture on the device: what made it, and the shape and type of the arrays it takes."""

    handle: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Textures of one size that are drawn into, in the order of the shader's outputs."""

    handle: Any
    textures: tuple[Texture, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A linked vertex and fragment shader, ready to draw one triangle."""

    handle: Any
    triangle: Any


class Gl:
    """An open context; close it with `close` or a ``with`` block."""

    def __init__(self, context: Any) -> None:  # noqa: ANN401 -- the library has no types
        self._context = context
        self._error: type[Exception] = _library().Error
        info = context.info
        self.limits = TextureLimits(
            int(info["GL_MAX_TEXTURE_SIZE"]), int(info["GL_MAX_3D_TEXTURE_SIZE"])
        )
        self.name: str = str(info["GL_RENDERER"])
        self.version_line: str = VERSION_ES if _ES3 in context.extensions else VERSION_CORE

    def program(self, vertex: str, fragment: str) -> Program:
        """Compile and link two shaders.

        Raises:
            GraphicsError: if the driver refuses them, with what it says.
        """
        with self._opened():
            try:
                handle = self._context.program(vertex_shader=vertex, fragment_shader=fragment)
            except self._error as error:
                raise GraphicsError(
                    f"{self.name} refuses a shader: {' '.join(str(error).split())[:400]}; update "
                    "the driver, or draw with the renderer 'march'"
                ) from error
            return Program(handle, self._context.vertex_array(handle, []))

    def texture(self, array: AnyArray) -> Texture:
        """A texture of an array (rows, columns) or (rows, columns, components).

        Raises:
            GraphicsError: if the device has no room for it.
        """
        return self._make("texture", array, 1 if array.ndim == 2 else array.shape[2])

    def volume(self, array: AnyArray) -> Texture:
        """A texture with depth of an array (a, b, c); a shader's x is c, its z is a.

        Raises:
            GraphicsError: if the device has no room for it.
        """
        return self._make("texture3d", array, 1)

    def fill(self, texture: Texture, array: AnyArray) -> None:
        """Replace what a texture holds by an array of the same shape and type."""
        if array.shape != texture.shape or array.dtype != texture.dtype:
            raise GraphicsError(
                f"array is {array.dtype} {array.shape}, the texture takes {texture.dtype} "
                f"{texture.shape}; make a texture for it"
            )
        with self._opened():
            texture.handle.write(np.ascontiguousarray(array), alignment=1)

    def target(self, *arrays: AnyArray) -> Target:
        """Something to draw into, whose textures have the arrays' shapes and types.

        Raises:
            GraphicsError: if the driver cannot draw into such textures.
        """
        textures = tuple(self.texture(array) for array in arrays)
        with self._opened():
            try:
                handle = self._context.framebuffer([texture.handle for texture in textures])
            except self._error as error:
                raise GraphicsError(
                    f"{self.name} does not draw into {[array.dtype.name for array in arrays]}: "
                    f"{error}; update the driver, or draw with the renderer 'march'"
                ) from error
        return Target(handle, textures)

    def set_uniforms(
        self,
        program: Program,
        values: Mapping[str, UniformValue],
        arrays: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Set uniforms; those that the compiler has left out are passed over."""
        with self._opened():
            for name, value in values.items():
                if name in program.handle:
                    program.handle[name].value = value
            for name, array in (arrays or {}).items():
                if name in program.handle:
                    uniform = program.handle[name]
                    # A compiler may keep only the front of an array whose end it does not need.
                    uniform.write(np.ascontiguousarray(array[: uniform.array_length]))

    def draw(
        self,
        program: Program,
        target: Target,
        textures: Mapping[str, Texture],
        area: Area | None = None,
    ) -> None:
        """Draw over a target, or an area of it, with the textures by their names in the shader."""
        with self._opened():
            target.handle.scissor = _corners(area)
            target.handle.use()
            for unit, (name, texture) in enumerate(textures.items()):
                if name in program.handle:
                    texture.handle.use(unit)
                    program.handle[name].value = unit
            program.triangle.render(vertices=3)

    def read(self, target: Target, attachment: int = 0, area: Area | None = None) -> AnyArray:
        """What was drawn, row 0 being the target's lowest; waits for the device."""
        texture = target.textures[attachment]
        shape = texture.shape
        if area is not None:
            shape = (area.height, area.width, *texture.shape[2:])
        array = np.empty(shape, texture.dtype)
        components = 1 if array.ndim == 2 else array.shape[2]
        with self._opened():
            target.handle.read_into(
                array,
                viewport=_corners(area),
                components=components,
                attachment=attachment,
                dtype=_TYPES[texture.dtype.name],
            )
        return array

    def free(self, *things: Texture | Target | Program | None) -> None:
        """Give device memory back."""
        with self._opened():
            for thing in things:
                if isinstance(thing, Target):
                    for texture in thing.textures:
                        texture.handle.release()
                if isinstance(thing, Program):
                    thing.triangle.release()
                if thing is not None:
                    thing.handle.release()

    def close(self) -> None:
        """Close the context with everything in it; closing twice is allowed."""
        context, self._context = self._context, None
        if context is not None:
            context.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> Any:  # noqa: ANN401 -- the library has no types
        if self._context is None:
            raise GraphicsError("the OpenGL context is closed, expected an open one; open another")
        return self._context

    def _make(self, kind: str, array: AnyArray, components: int) -> Texture:
        """A texture whose size is the array's shape backwards, components left out."""
        is_flat = kind == "texture"
        size = array.shape[1::-1] if is_flat else array.shape[::-1]
        self._check(size, self.limits.side if is_flat else self.limits.depth_side)
        with self._opened():
            try:
                handle = getattr(self._context, kind)(
                    size,
                    components,
                    np.ascontiguousarray(array),
                    alignment=1,
                    dtype=_TYPES[array.dtype.name],
                )
            except self._error as error:
                raise GraphicsError(
                    f"{self.name} has no room for a texture of {array.nbytes} bytes: {error}; "
                    "close other programs, or draw with the renderer 'march'"
                ) from error
            handle.filter = (self._context.NEAREST, self._context.NEAREST)
        return Texture(handle, array.shape, array.dtype)

    def _check(self, size: tuple[int, ...], limit: int) -> None:
        """The library makes textures beyond the limits without a word, and they stay black."""
        if max(size) > limit:
            raise GraphicsError(
                f"a texture would be {tuple(size)}, expected at most {limit} on a side on "
                f"{self.name}; draw with the renderer 'march'"
            )


def _corners(area: Area | None) -> tuple[int, int, int, int] | None:
    return None if area is None else (area.column, area.row, area.width, area.height)


def open_gl() -> Gl:
    """A context of its own, without a window, through EGL.

    Raises:
        BackendUnavailable: if the library or a driver is missing, with what to install.
    """
    library = _library()
    try:
        # The library reports a missing driver by whatever its loader raises.
        context = library.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:
        raise BackendUnavailable(
            f"no OpenGL 3.3 context could be opened through EGL ({error}); {_EGL_REMEDY}"
        ) from error
    return Gl(context)


@cache
def gl_absence() -> str | None:
    """Why OpenGL cannot be used here, or None if it can; asked once per process."""
    try:
        open_gl().close()
    except BackendUnavailable as error:
        return str(error)
    return None


def _library() -> ModuleType:
    try:
        return importlib.import_module("moderngl")
    except ImportError as error:
        raise BackendUnavailable(f"the library moderngl is missing ({error}); {_REMEDY}") from error
