"""Where a player begins to look: what the first held-out camera saw, and an orbit's axis."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from render.cameras import Camera, Lens, look_at
from render.scene import BakedScene
from render.views import orbit_around

# Captures are mostly set up with z up; a rig whose mean up is this close to it means exactly z.
_UPRIGHT = 0.9
_ALONG = 0.99
_POSTER_ROWS = 720


@dataclass(frozen=True, slots=True, eq=False)
class StartView:
    """A camera without a picture size: scene units, and focal length over picture height."""

    position: NDArray[np.float64]
    target: NDArray[np.float64]
    up: NDArray[np.float64]
    focal_per_height: float

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scene.json."""
        return {
            "position": _rounded(self.position),
            "target": _rounded(self.target),
            "up": _rounded(self.up),
            "focal_per_height": round(self.focal_per_height, 6),
        }

    def camera(self, width: int, height: int) -> Camera:
        """The view at a picture size."""
        lens = Lens(width, height, self.focal_per_height * height)
        return look_at(self.position, self.target, self.up, lens=lens)


def start_view(scene: BakedScene) -> StartView:
    """The first held-out camera of the capture, turned to the middle of what it looks at.

    Without cameras, a view that shows the whole box.
    """
    cameras = scene.cameras
    center = scene.record.grid.aabb.center
    if not cameras:
        camera = orbit_around(scene.record.grid.aabb, (), 1)[0]
        return StartView(camera.position, center, np.array([0.0, 0.0, 1.0]), _focal(camera))
    known = [view for view in scene.record.capture.test_views if view < len(cameras)]
    camera = cameras[known[0] if known else 0]
    # The point of its axis that is nearest to the middle of the box: what orbiting keeps in place.
    along = max(float((center - camera.position) @ camera.forward), 1e-3)
    target = camera.position + along * camera.forward
    up = _upward(cameras)
    # A camera that looks along the common up leaves no horizon; its own picture has one.
    up = camera.up if abs(up @ camera.forward) > _ALONG else up
    return StartView(camera.position, target, up, _focal(camera))


def poster_camera(view: StartView, scene: BakedScene) -> Camera:
    """The start view at poster size, shaped like the capture's pictures."""
    first = scene.cameras[0] if scene.cameras else None
    shape = 1.0 if first is None else first.width / first.height
    return view.camera(max(2, round(_POSTER_ROWS * shape)), _POSTER_ROWS)


def _focal(camera: Camera) -> float:
    return camera.focal_y / camera.height


def _upward(cameras: tuple[Camera, ...]) -> NDArray[np.float64]:
    mean = np.mean([camera.up for camera in cameras], axis=0)
    length = float(np.linalg.norm(mean))
    vertical = np.array([0.0, 0.0, 1.0])
    if length < 1e-6:  # Cameras all around have no up in common.
        return vertical
    upward: NDArray[np.float64] = mean / length
    return vertical if upward @ vertical > _UPRIGHT else upward


def _rounded(vector: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 6) for value in vector]
