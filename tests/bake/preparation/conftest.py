"""A miniature studio: a sphere before a backdrop, filmed by a ring of cameras as ordinary video."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bake.prepare_commands import prepare_capture
from hwcodec.backends import libav
from tests.bake.conftest import SphereScene

SIZE, COUNT = 64, 6
WHITE, GREEN = (235.0, 235.0, 235.0), (40.0, 170.0, 70.0)
UNIT = Fraction(1, 600)
Pixels = np.ndarray


def write_movie(
    path: Path, pictures: Sequence[Pixels], times: Sequence[int] | None = None, crf: int = 8
) -> Path:
    """H.264 4:2:0 as a camera writes it; ``times`` in units of 1/600 s, else 25 per second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = times or [24 * index for index in range(len(pictures))]
    options = {"crf": str(crf), "bf": "0", "preset": "veryfast"}
    with libav.av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options=options)
        rows, columns = pictures[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        context = stream.codec_context
        context.time_base, context.color_range, context.colorspace = UNIT, 1, 1
        for pts, picture in zip(times, pictures, strict=True):
            frame = libav.av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)
            frame.pts, frame.time_base = pts, UNIT
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def over(rgba: Pixels, color: Sequence[float] | Pixels) -> Pixels:
    """RGBA before a backdrop, as codes."""
    alpha = rgba[..., 3:] / 255
    mixed = rgba[..., :3] * alpha + np.asarray(color) * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)


@dataclass
class Studio:
    """Writes videos, masks and cameras below a folder; every test may then damage them."""

    folder: Path
    scene: SphereScene
    # Skin rather than the sphere's own colors, which have every hue.
    is_warm: bool = False

    @property
    def labels(self) -> list[str]:
        return [f"cam{number}" for number in range(len(self.scene.cameras))]

    @property
    def videos(self) -> Path:
        return self.folder / "videos"

    @property
    def masks(self) -> Path:
        return self.folder / "masks"

    @property
    def cameras(self) -> Path:
        return self.folder / "transforms.json"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def rgba(self, number: int, frame: int) -> Pixels:
        """What a camera sees, from pictures of twice the size so that edges are soft."""
        camera = self.scene.cameras[number]
        fine = self.scene.picture(camera.resized(2 * SIZE, 2 * SIZE), frame).astype(float)
        fine[..., :3] *= fine[..., 3:] / 255
        mean = fine.reshape(SIZE, 2, SIZE, 2, 4).mean((1, 3))
        mean[..., :3] /= np.maximum(mean[..., 3:], 1) / 255
        if self.is_warm:
            mean[..., :3] = 0.25 * mean[..., :3] + 0.75 * np.array([190, 110, 90])
        return np.rint(mean).clip(0, 255).astype(np.uint8)

    def film(
        self,
        number: int,
        frames: Sequence[int] = range(COUNT),
        times: Sequence[int] | None = None,
        backdrop: Sequence[float] | Pixels = WHITE,
    ) -> Path:
        pictures = [over(self.rgba(number, frame), backdrop) for frame in frames]
        return write_movie(self.videos / f"cam{number}.mp4", pictures, times)

    def mask(self, number: int, frames: Sequence[int] = range(COUNT)) -> Path:
        pictures = [np.repeat(self.rgba(number, frame)[..., 3:], 3, 2) for frame in frames]
        return write_movie(self.masks / f"cam{number}.mp4", pictures)

    def write_cameras(self, change: Callable[[dict[str, Any]], object] | None = None) -> Path:
        entries = []
        for label, camera in zip(self.labels, self.scene.cameras, strict=True):
            pose = np.linalg.inv(camera.world_to_camera)
            pose[:, 1:3] *= -1  # OpenGL axes
            entries.append(
                {"file_path": f"pictures/{label}.png", "transform_matrix": pose.tolist()}
            )
        box = self.scene.aabb
        document = {
            "w": SIZE,
            "h": SIZE,
            "fl_x": float(SIZE),
            "aabb": [box.minimum, box.maximum],
            "frames": entries,
        }
        if change is not None:
            change(document)
        self.cameras.write_text(json.dumps(document))
        return self.cameras

    def words(self, *more: str) -> list[str]:
        return [str(self.videos), "--cameras", str(self.cameras), *more, str(self.out)]

    def prepare(self, *more: str) -> int:
        """Run the command; decoding in software keeps the tests alike everywhere."""
        return prepare_capture(self.words("--decoder", "software", *more))


@pytest.fixture(scope="session")
def studio_scene() -> SphereScene:
    return SphereScene(radius=0.5, size=SIZE, camera_count=4)


@pytest.fixture
def studio(tmp_path: Path, studio_scene: SphereScene) -> Studio:
    """Four cameras, six frames, masks and transforms.json."""
    made = Studio(tmp_path, studio_scene)
    made.write_cameras()
    for number in range(4):
        made.film(number)
        made.mask(number)
    return made
