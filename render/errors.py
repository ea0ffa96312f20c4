"""Every error this package raises.

RenderError
├── SceneError     a scene, box or grid is not what the renderer can draw
├── CameraError    a camera, lens or pixel selection cannot exist
├── GraphicsError  a graphics driver refuses a shader, a texture or its size
├── OutputError    a picture or clip cannot be written where it was asked for
└── ServeError     an address cannot be listened on, or a folder not be served
"""


class RenderError(Exception):
    """Anything that goes wrong between a baked scene and its pixels."""


class SceneError(RenderError, ValueError):
    """The scene, its box or its grids break a rule; the message says which and what to do."""


class CameraError(RenderError, ValueError):
    """The camera, lens or pixel selection cannot exist; the message says why and what to do."""


class GraphicsError(RenderError, RuntimeError):
    """A graphics driver refuses a shader, a texture or its size; the message says which."""


class OutputError(RenderError, OSError):
    """A rendered picture or clip cannot be written; the message says where, why and what to do."""


class ServeError(RenderError, OSError):
    """An address cannot be listened on, or a folder not be served; the message says why."""
