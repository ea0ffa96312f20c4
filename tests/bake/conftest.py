"""A sphere that slides through a box, seen by a ring of cameras: the capture of these tests.

Pictures are analytic, so that every test knows what the scene really is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bake.capture import Capture, CaptureOptions, View, open_capture
from bake.coarse import CoarseConfig, FrameViews
from bake.grouping import GroupingConfig
from bake.losses import LossConfig
from bake.optimize import OptimizeConfig, ShadingConfig
from bake.pipeline import BakeConfig
from render.cameras import Camera, Lens, orbit, pixel_rays
from render.geometry import Aabb

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class SphereScene:
    """Colored by its surface normal, in front of white; the last camera is held out."""

    radius: float = 0.55
    size: int = 32
    camera_count: int = 5
    aabb: Aabb = field(default_factory=lambda: Aabb((-1, -1, -1), (1, 1, 1)))

    @cached_property
    def cameras(self) -> tuple[Camera, ...]:
        return orbit((0, 0, 0), 3.0, 0.8, self.camera_count, Lens(self.size, self.size, self.size))

    def center(self, frame: int) -> NDArray[np.float64]:
        return np.array([0.15 * frame - 0.2, 0.05, 0.0])

    def picture(self, camera: Camera, frame: int) -> Picture:
        """RGBA with straight alpha, transparent beside the sphere."""
        rays = pixel_rays(camera)
        direction = rays.directions.double().numpy()
        offset = camera.position - self.center(frame)
        middle = direction @ offset
        inside = middle**2 - offset @ offset + self.radius**2
        distance = -middle - np.sqrt(np.maximum(inside, 0))
        normal = (offset + distance[:, None] * direction) / self.radius
        color = np.where(inside[:, None] > 0, 0.5 + 0.45 * np.clip(normal, -1, 1), 0)
        pixels = np.concatenate([color, inside[:, None] > 0], 1)
        flat = np.rint(255 * pixels).astype(np.uint8)
        return flat.reshape(camera.height, camera.width, 4)

    def view(self, camera: Camera, frame: int) -> View:
        pixels = self.picture(camera, frame)
        alpha = pixels[..., 3]
        return View(np.where(alpha[..., None] > 0, pixels[..., :3], np.uint8(255)), alpha)

    def views(self, frame: int = 0) -> FrameViews:
        """What the training cameras see."""
        cameras = self.cameras[:-1]
        views = tuple(self.view(camera, frame) for camera in cameras)
        return FrameViews(tuple(range(len(cameras))), cameras, views)

    def write(self, folder: Path, frame_count: int, *, masks: bool = True) -> Path:
        """The capture in nerfstudio's form, which every test may then damage."""
        entries = []
        for index, camera in enumerate(self.cameras):
            pose = np.linalg.inv(camera.world_to_camera)
            pose[:, 1:3] *= -1  # OpenGL axes
            for frame in range(frame_count):
                name = f"camera{index}/{frame:03d}.png"
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                view = self.view(camera, frame)
                rgba = np.dstack([view.rgb, view.alpha])
                code = cv2.COLOR_RGBA2BGRA if masks else cv2.COLOR_RGBA2BGR
                cv2.imwrite(str(folder / name), cv2.cvtColor(rgba, code))
                where = {"camera_index": index, "frame_index": frame}
                entries.append({"file_path": name, "transform_matrix": pose.tolist(), **where})
        names = [entry["file_path"] for entry in entries]
        document = {
            "w": self.size,
            "h": self.size,
            "fl_x": float(self.size),
            "fps": 25.0,
            "aabb": [self.aabb.minimum, self.aabb.maximum],
            "train_filenames": names[:-frame_count],
            "test_filenames": names[-frame_count:],
            "frames": entries,
        }
        (folder / "transforms.json").write_text(json.dumps(document))
        return folder


@pytest.fixture(scope="session")
def sphere() -> SphereScene:
    return SphereScene()


@pytest.fixture(scope="session")
def sphere_folder(sphere: SphereScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames on disk; not to be changed."""
    return sphere.write(tmp_path_factory.mktemp("captures") / "sphere", 5)


@pytest.fixture
def open_sphere(sphere_folder: Path) -> Callable[[str], Capture]:
    """Open some frames of the capture on disk."""

    def open_frames(frames: str = ":") -> Capture:
        capture = open_capture(CaptureOptions(str(sphere_folder), frames=frames))
        assert capture.frame_rate == Fraction(25)
        return capture

    return open_frames


TINY = BakeConfig(
    capture=CaptureOptions("sphere"),
    resolution=10,
    coarse=CoarseConfig(
        resolution=8,
        iterations=8,
        rays=128,
        density_rate=0.5,
        initial_density=-2.0,
        weight_threshold=0.02,
    ),
    grouping=GroupingConfig(texel_capacity=2000, max_length=3),
    optimize=OptimizeConfig(
        first_iterations=8,
        group_iterations=5,
        iterations=4,
        rays=128,
        step=0.5,
        block_size=4,
        density_rate=0.3,
        feature_rate=0.1,
        network_rate=0.01,
        final_factor=0.3,
        later_factor=0.5,
        density_range=8.0,
        feature_range=4.0,
        levels=219,
        initial_density=-2.0,
    ),
    losses=LossConfig(
        opacity_entropy=1e-3,
        spatial=1e-5,
        temporal=1e-4,
        intra_bits=1e-4,
        inter_bits=1e-3,
        target_qp=30,
    ),
    shading=ShadingConfig(feature_count=3, width=8, depth=2, frequency_count=1),
    seed=3,
)


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., BakeConfig]:
    """A bake of seconds; keywords replace whole stages, or fields of the bake itself."""

    def configure(**changes: object) -> BakeConfig:
        return replace(TINY, **changes)

    return configure
