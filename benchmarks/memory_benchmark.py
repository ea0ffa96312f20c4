"""How much memory a bake takes of a rig of any size, on a capture that is made for it.

Cameras stand in a ring and look at a ball in its middle that swells and shrinks. As all of them see
the same picture, one video of it and one of its mask serve for the whole rig, and a capture of a
hundred cameras is written in the time of one. Every camera has decoders and pictures of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import pi, sin, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bake.captures.compact_record import CAPTURE_FILE, CompactCamera, CompactCapture, to_document
from bake.captures.lens import NO_DISTORTION, LensCamera
from bake.captures.source import every_eighth
from benchmarks.ffmpeg_program import ProgramError
from hwcodec import replace_file, write_rgb_video
from render.cameras import Camera, Lens, orbit
from render.geometry import Aabb

_RATE = Fraction(30)
_DISTANCE, _HALF_BOX = 4.0, 1.25
# The ball's radius swings between these within a second.
_LEAST_RADIUS, _MOST_RADIUS = 0.9, 1.1
# Codes of the noise on it: cameras' videos are never smooth.
_NOISE = 12
# The steps that a bake makes are no question of its memory. Its voxels are, and users choose
# how many; with these the ball fits into the usual atlas.
SETTINGS = (
    "resolution=128",
    "coarse.iterations=10",
    "optimize.first_iterations=20",
    "optimize.group_iterations=10",
    "optimize.iterations=5",
)
_BAKE = """
import sys
from bake.commands import bake_sequence
from benchmarks.provenance import peak_memory_bytes

code = bake_sequence(sys.argv[1:])
print(peak_memory_bytes())
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class RigPlan:
    """A capture to be made: cameras in a ring, frames of each, and the size of pictures."""

    camera_count: int = 100
    frame_count: int = 300
    size: tuple[int, int] = (1920, 1080)


@dataclass(frozen=True, slots=True)
class BakePlan:
    """A bake of it: the scale of pictures, and frames from the first on."""

    scale: float = 1.0
    frame_count: int = 2


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """The most memory that a bake held at any time, and how many seconds it took."""

    plan: BakePlan
    peak_bytes: int
    seconds: float

    def to_json(self) -> dict[str, float]:
        """The row as plain values."""
        return asdict(self.plan) | {"peak_bytes": self.peak_bytes, "seconds": self.seconds}


def write_rig(folder: Path, plan: RigPlan) -> None:
    """Write the compact capture of a rig into an existing folder.

    Raises:
        HwcodecError: if a video cannot be written.
        OSError: if the disk refuses.
    """
    width, height = plan.size
    lens = Lens(width, height, 1.1 * min(width, height))
    cameras = orbit((0, 0, 0), _DISTANCE, 0.0, plan.camera_count, lens)
    write_rgb_video(folder / "ball.mp4", (shown for shown, _ in _pictures(lens, plan)), _RATE)
    write_rgb_video(folder / "mask.mp4", (mask for _, mask in _pictures(lens, plan)), _RATE)
    held_out = {*every_eighth(plan.camera_count).test}
    capture = CompactCapture(
        tuple(_compact(view, camera, view in held_out) for view, camera in enumerate(cameras)),
        _RATE,
        plan.frame_count,
        Aabb((-_HALF_BOX,) * 3, (_HALF_BOX,) * 3),
        {"made_by": "benchmark memory"},
    )
    replace_file(folder / CAPTURE_FILE, json.dumps(to_document(capture)).encode())


def measure_bake(folder: Path, plan: BakePlan, out: Path) -> MemoryRow:
    """Bake frames of a capture into ``out`` in a process of its own, by `SETTINGS`.

    Raises:
        ProgramError: if the bake ends with an error.
    """
    words = [
        f"capture.path={folder}",
        f"capture.scale={plan.scale}",
        f"capture.frames=0:{plan.frame_count}",
        f"out={out}",
        *SETTINGS,
    ]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _BAKE, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise ProgramError(f"bake-sequence ended with {done.returncode}: {said}")
    return MemoryRow(plan, int(done.stdout.split()[-1]), time.monotonic() - began)


def _compact(view: int, camera: Camera, is_held_out: bool) -> CompactCamera:  # noqa: FBT001
    return CompactCamera(
        label=f"cam{view:03d}",
        video="ball.mp4",
        mask="mask.mp4",
        camera=camera,
        filmed=LensCamera(camera, NO_DISTORTION),
        window=(0, 0),
        is_held_out=is_held_out,
        source={},
    )


def _pictures(lens: Lens, plan: RigPlan) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """What every camera sees of the ball, lit from itself and noisy, and its mask, both RGB."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[: lens.height, : lens.width].astype(np.float32) + 0.5
    x, y = (columns - lens.width / 2) / lens.focal, (rows - lens.height / 2) / lens.focal
    away = np.hypot(x, y)  # Tangent of the angle between a pixel's ray and the optical axis.
    for frame in range(plan.frame_count):
        swing = 0.5 + 0.5 * sin(2 * pi * frame / float(_RATE))
        radius = _LEAST_RADIUS + (_MOST_RADIUS - _LEAST_RADIUS) * swing
        edge = radius / sqrt(_DISTANCE**2 - radius**2)
        light = 90 + 130 * np.sqrt(np.clip(1 - (away / edge) ** 2, 0, 1))
        noise = random.integers(-_NOISE, _NOISE + 1, light.shape)
        gray = np.where(away < edge, light + noise, 255).astype(np.uint8)
        mask = np.where(away < edge, 255, 0).astype(np.uint8)
        yield tuple(np.repeat(each[..., None], 3, axis=2) for each in (gray, mask))  # type: ignore[misc]
