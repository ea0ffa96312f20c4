"""Views of a scene drawn by OpenGL, with the shaders that the web player runs too.

    group  -> tables as textures          once per group
    luma   -> packed atlas                once per frame, the pack pass
    camera -> float32 color and depth     once per view, the march pass

The march of `render/march.py` is the plain twin; both draw the same pixels but for rounding.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

import numpy as np
import torch

from hwcodec import decode
from render.cameras import Camera
from render.drawing import RendererChoice
from render.errors import SceneError
from render.fragment import ShadedImage
from render.gl_textures import (
    Area,
    GroupTextures,
    LumaPlane,
    check_limits,
    check_scene,
    drawn_area,
    group_textures,
    luma_plane,
    view_uniforms,
)
from render.opengl import AnyArray, Target, Texture, open_gl
from render.scene import BakedScene, FeatureAtlas
from render.scene_record import Group
from render.shader_source import code_layout, shader_sources

# Tables kept at once, as the scene keeps geometry: the group being played and the next one.
_KEPT_GROUPS = 2


class DebugMode(IntEnum):
    """What a view shows in its colors; ``march.frag`` knows the same numbers."""

    COLOR = 0
    OPACITY = 1
    SAMPLE_COUNT = 2
    ATLAS = 3
    OCCUPANCY = 4
    DEPTH = 5


@dataclass(frozen=True, slots=True, eq=False)
class GlFrame:
    """A frame ready to be drawn: its group, the group's tables, and the codes of its picture."""

    frame_index: int
    group: Group
    tables: GroupTextures = field(repr=False)
    luma: LumaPlane = field(repr=False)


class GlRenderer:
    """Draws frames of one scene; a `render.playback.FrameRenderer`.

    `prepare` may run in another thread; everything else belongs to the thread that opened it.

    Raises:
        BackendUnavailable: if there is no OpenGL here.
        GraphicsError: if the driver refuses the scene's shaders.
        SceneError: if the scene is too large for a shader or for the driver's textures.
    """

    def __init__(self, scene: BakedScene, reason: str = "requested") -> None:
        self._scene, self._reason = scene, reason
        self._layout = code_layout(scene.record)
        self._background = scene.appearance.background
        self._tables: OrderedDict[int, GroupTextures] = OrderedDict()
        self._gl = gl = open_gl()
        try:
            check_scene(scene.record, gl.limits)
            mlp = scene.appearance.mlp
            sources = shader_sources(scene.record, mlp, version=gl.version_line, is_with_depth=True)
            self._pack = gl.program(sources.vertex, sources.pack)
            self._march = gl.program(sources.vertex, sources.march)
        except Exception:
            gl.close()
            raise
        self._shown: GlFrame | None = None
        self._rendered: GlFrame | None = None
        self._group: GroupTextures | None = None
        self._textures: dict[str, Texture] = {}
        self._atlas: Target | None = None
        self._picture: Target | None = None

    @property
    def device(self) -> str:
        """Where atlases are wanted: pictures are uploaded from host memory."""
        return "cpu"

    def describe(self) -> RendererChoice:
        """What draws, on which driver, and why."""
        return RendererChoice("gl", self._gl.name, self._reason)

    def prepare(self, atlas: FeatureAtlas) -> GlFrame:
        """The codes and tables of a decoded atlas."""
        group = self._scene.group_of(atlas.frame_index)
        if atlas.luma is None:
            luma = luma_plane(group, atlas.values.cpu())
        else:
            luma = atlas.luma.cpu().numpy()
        return GlFrame(atlas.frame_index, group, self._tables_of(group), luma)

    def frame(self, frame_index: int) -> GlFrame:
        """A frame decoded straight to the codes of its picture.

        Raises:
            SceneError: if there is no such frame.
            BitstreamError: if its stream is damaged.
        """
        group = self._scene.group_of(frame_index)
        stream = self._scene.package.bitstream(group.stream)
        *_, picture = decode(stream, stop=frame_index - group.first_frame + 1)
        return GlFrame(frame_index, group, self._tables_of(group), picture.luma.numpy())

    def render(self, frame_index: int, camera: Camera) -> ShadedImage:
        """One view of one frame; the latest frame is kept.

        Raises:
            SceneError: if there is no such frame.
            BitstreamError: if its stream is damaged.
        """
        if self._rendered is None or self._rendered.frame_index != frame_index:
            self._rendered = self.frame(frame_index)
        return self.draw(self._rendered, camera)

    def draw(
        self, prepared: GlFrame, camera: Camera, mode: DebugMode = DebugMode.COLOR
    ) -> ShadedImage:
        """One view of a prepared frame; ``mode`` puts something else in the place of colors.

        Raises:
            SceneError: if the frame's group is too large for the device's textures.
        """
        if prepared is not self._shown:
            self.set_group(prepared.tables)
            self.set_picture(prepared.luma)
            self._shown = prepared
        uniforms = view_uniforms(camera, self._scene.record.grid) | {"uMode": int(mode)}
        self._gl.set_uniforms(self._march, uniforms)
        area = Area(0, 0, camera.width, camera.height)
        if mode is DebugMode.COLOR:
            area = drawn_area(camera, prepared.tables.active_box)
        return self._image(camera, area)

    def set_group(self, tables: GroupTextures) -> None:
        """Upload the tables of a group, unless they are those already there.

        Raises:
            SceneError: if they are too large for the device's textures.
        """
        if tables is self._group:
            return
        gl = self._gl
        check_limits(tables, gl.limits)
        self._shown = self._group = None
        self._fill("uCells", tables.cells)
        self._fill("uCorners", tables.corners)
        if self._atlas is None or self._atlas.textures[0].shape[:2] != tables.atlas_shape:
            gl.free(self._atlas)
            self._atlas = None
            self._atlas = gl.target(np.zeros((*tables.atlas_shape, 4), np.uint32))
        self._textures["uAtlas"] = self._atlas.textures[0]
        gl.set_uniforms(self._pack, tables.pack)
        arrays = {"uMinimum": tables.minimum, "uStep": tables.step}
        gl.set_uniforms(self._march, tables.march, arrays)
        self._group = tables

    def set_picture(self, luma: LumaPlane) -> None:
        """Upload the luma plane of a picture of the group that was set, and pack it.

        Raises:
            SceneError: if no group was set.
        """
        if self._atlas is None:
            raise SceneError("a picture came before its group; call set_group first")
        self._shown = None
        self._fill("uLuma", luma)
        self._gl.draw(self._pack, self._atlas, {"uLuma": self._textures["uLuma"]})

    def atlas(self) -> AnyArray:
        """The packed atlas as it lies on the device: uint32 (layers * rows, columns, 4).

        Raises:
            SceneError: if no group was set.
        """
        if self._atlas is None:
            raise SceneError("there is no atlas yet; call set_group first")
        return self._gl.read(self._atlas)

    def close(self) -> None:
        """Close the context and free everything in it."""
        self._gl.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _image(self, camera: Camera, area: Area) -> ShadedImage:
        """Draws an area and puts it into a picture that shows nothing but the background."""
        rgb = self._background.expand(camera.height, camera.width, 3).clone()
        opacity, depth = torch.zeros(2, camera.height, camera.width)
        if area.width and area.height:
            gl, target = self._gl, self._target(camera)
            gl.draw(self._march, target, self._textures, area)
            color, distance = (torch.from_numpy(gl.read(target, i, area)) for i in range(2))
            rows = slice(area.row, area.row + area.height)
            columns = slice(area.column, area.column + area.width)
            rgb[rows, columns] = color[..., :3]
            opacity[rows, columns], depth[rows, columns] = color[..., 3], distance
        return ShadedImage(rgb, opacity, depth)

    def _tables_of(self, group: Group) -> GroupTextures:
        """The tables of a group; the latest are kept."""
        first = group.first_frame
        if first not in self._tables:
            geometry = self._scene.geometry(group)
            self._tables[first] = group_textures(geometry, group, self._layout)
        self._tables.move_to_end(first)
        while len(self._tables) > _KEPT_GROUPS:
            self._tables.popitem(last=False)
        return self._tables[first]

    def _fill(self, name: str, array: AnyArray) -> None:
        """Put an array into the texture of that name, in the old memory where it fits."""
        gl, old = self._gl, self._textures.get(name)
        if old is not None and old.shape == array.shape and old.dtype == array.dtype:
            gl.fill(old, array)
            return
        gl.free(self._textures.pop(name, None))
        self._textures[name] = gl.volume(array) if name == "uCells" else gl.texture(array)

    def _target(self, camera: Camera) -> Target:
        shape = (camera.height, camera.width)
        if self._picture is None or self._picture.textures[0].shape[:2] != shape:
            self._gl.free(self._picture)
            self._picture = None
            color, depth = np.zeros((*shape, 4), np.float32), np.zeros(shape, np.float32)
            self._picture = self._gl.target(color, depth)
        return self._picture
