"""Which renderer draws a scene: asked for by name, or the best that this machine has.

A renderer that was named is the one that draws, or an error says what it lacks. ``auto`` takes the
march on a GPU, then OpenGL, then the march on the CPU, and `Renderer.describe` says why.

The march runs on every device of `march_devices`. Support for another one is a module that calls
`add_march_device`, with what asks for the device and what opens a renderer on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hwcodec import BackendUnavailable, UnsupportedConfig
from render.devices import cuda_absence
from render.drawing import Renderer, SceneMarch
from render.errors import GraphicsError, SceneError
from render.gl_renderer import GlRenderer
from render.opengl import gl_absence
from render.scene import BakedScene

AUTO, MARCH, GL = "auto", "march", "gl"
RENDERERS = (MARCH, GL, AUTO)
DEVICES = (AUTO, "cpu", "cuda")

REQUESTED = "requested"


@dataclass(frozen=True, slots=True)
class MarchDevice:
    """The march on one device.

    Attributes:
        absence: asks the machine; why the march cannot run there, or None if it can.
        open: a renderer of a scene, with the reason that it will state.
    """

    absence: Callable[[], str | None]
    open: Callable[[BakedScene, str], Renderer]


def _open_cuda(scene: BakedScene, reason: str) -> Renderer:
    """The march on a CUDA device; its module is loaded here, as it brings numba's CUDA part."""
    from render.cuda_renderer import CudaMarch

    return CudaMarch(scene, reason)


_march_devices: dict[str, MarchDevice] = {
    "cpu": MarchDevice(lambda: None, SceneMarch),
    "cuda": MarchDevice(cuda_absence, _open_cuda),
}


def march_devices() -> Mapping[str, MarchDevice]:
    """The devices that the march knows, by name."""
    return MappingProxyType(_march_devices)


def add_march_device(name: str, device: MarchDevice) -> None:
    """Let the march run on another device.

    Raises:
        ValueError: if the name is taken or not one of ``DEVICES``.
    """
    if name in _march_devices or name not in DEVICES or name == AUTO:
        raise ValueError(
            f"march device is {name!r}, expected one of {DEVICES[1:]} that is not there yet; "
            f"there are {sorted(_march_devices)}"
        )
    _march_devices[name] = device


def march_absence(device: str) -> str | None:
    """Why the march cannot run on a device here, or None if it can."""
    known = _march_devices.get(device)
    return f"there is no march on {device}" if known is None else known.absence()


def open_renderer(scene: BakedScene, renderer: str = AUTO, device: str = AUTO) -> Renderer:
    """The renderer for a scene; ``close`` it when done.

    Raises:
        UnsupportedConfig: if there is no such renderer or device, or they exclude each other.
        BackendUnavailable: if what was named is missing here.
        GraphicsError, SceneError: if OpenGL was named and cannot draw this scene.
    """
    _check(renderer, device)
    if renderer == GL:
        return GlRenderer(scene, REQUESTED)
    if device != AUTO:
        return _open_march(scene, device)
    absence = march_absence("cuda")
    if absence is None:
        return _march_devices["cuda"].open(scene, "the fastest here")
    if renderer == MARCH:
        return SceneMarch(scene, f"no march on cuda: {absence}")
    return _open_gl_or_march(scene, absence)


def _check(renderer: str, device: str) -> None:
    if renderer not in RENDERERS or device not in DEVICES:
        raise UnsupportedConfig(
            f"renderer is {renderer!r} on device {device!r}, expected one of {RENDERERS} on one of "
            f"{DEVICES}"
        )
    if renderer == GL and device != AUTO:
        raise UnsupportedConfig(
            f"renderer 'gl' on device {device!r}: OpenGL draws where its driver does; leave the "
            "device out, or take the renderer 'march'"
        )


def _open_march(scene: BakedScene, device: str) -> Renderer:
    absence = march_absence(device)
    if absence is not None:
        raise BackendUnavailable(
            f"the march cannot run on {device} here: {absence}; use the device 'cpu' or 'auto'"
        )
    return _march_devices[device].open(scene, REQUESTED)


def _open_gl_or_march(scene: BakedScene, no_cuda: str) -> Renderer:
    absence = gl_absence()
    if absence is not None:
        return SceneMarch(scene, f"no march on cuda: {no_cuda}; no OpenGL: {absence}")
    try:
        return GlRenderer(scene, f"no march on cuda: {no_cuda}")
    except (GraphicsError, SceneError, BackendUnavailable) as error:
        return SceneMarch(scene, f"no march on cuda: {no_cuda}; no OpenGL: {error}")
