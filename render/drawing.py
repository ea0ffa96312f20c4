"""What every renderer of a scene can do, whatever it draws with."""

from dataclasses import dataclass
from typing import Protocol

from render.cameras import Camera
from render.field import Field
from render.fragment import ShadedImage
from render.playback import FrameRenderer, MarchRenderer
from render.scene import BakedScene


@dataclass(frozen=True, slots=True)
class RendererChoice:
    """What draws and why.

    Attributes:
        renderer: ``march`` or ``gl``.
        device: ``cpu``, ``cuda``, or what the OpenGL driver calls itself.
        reason: ``requested``, or why this one took the place of another.
    """

    renderer: str
    device: str
    reason: str

    def __str__(self) -> str:
        """One phrase for people."""
        return f"{self.renderer} on {self.device} ({self.reason})"


MARCH_ON_CPU = RendererChoice("march", "cpu", "requested")
"""What draws unless something else is asked for."""


class Renderer(FrameRenderer, Protocol):
    """A `FrameRenderer` that says what it is and can find its frames itself."""

    def describe(self) -> RendererChoice:
        """What draws and why."""
        ...

    def render(self, frame_index: int, camera: Camera) -> ShadedImage:
        """One view of one frame; the latest frame is kept for further views."""
        ...

    def close(self) -> None:
        """Give back what is held on a device; nothing can be drawn afterwards."""
        ...


class SceneMarch(MarchRenderer):
    """The march as a `Renderer`."""

    def __init__(self, scene: BakedScene, reason: str = "requested", device: str = "cpu") -> None:
        super().__init__(scene, device)
        self._found, self._reason = scene, reason
        self._latest: tuple[int, Field] | None = None

    def describe(self) -> RendererChoice:
        """The march, on its device."""
        return RendererChoice("march", self.device, self._reason)

    def render(self, frame_index: int, camera: Camera) -> ShadedImage:
        """One view of one frame.

        Raises:
            SceneError: if there is no such frame.
            BitstreamError: if its stream is damaged.
        """
        if self._latest is None or self._latest[0] != frame_index:
            self._latest = frame_index, self.prepare(self._found.atlas(frame_index))
        return self.draw(self._latest[1], camera)

    def close(self) -> None:
        """Forget the latest frame."""
        self._latest = None
