"""Small captures without a fault: balls with masks, and walls without."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np

from bake.captures.source import Source, Split
from benchmarks.fault_planting import Pixels
from render.cameras import Camera, Lens, look_at, pixel_rays
from render.geometry import Aabb

# Positions, radii and colors of the balls; no two views of them look alike.
_BALLS = np.array(
    [
        [0.0, 0.0, 0.0, 0.42],
        [0.55, 0.1, 0.25, 0.26],
        [-0.2, 0.5, 0.55, 0.22],
        [-0.45, -0.35, -0.5, 0.3],
        [0.2, -0.55, 0.6, 0.16],
    ]
)
_COLORS = np.array([[180, 90, 60], [70, 150, 80], [60, 80, 170], [160, 150, 70], [120, 70, 140]])


@dataclass(frozen=True)
class Balls:
    """Reads pictures of balls that sway, straight RGBA; each is drawn once."""

    cameras: tuple[Camera, ...]
    drawn: dict[tuple[int, int], Pixels] = field(default_factory=dict)

    def inspect(self, frames: Sequence[int]) -> bool:
        return bool(frames)

    def read(self, frame: int, view: int) -> Pixels:
        if (frame, view) not in self.drawn:
            self.drawn[frame, view] = draw_balls(self.cameras[view], frame)
        return self.drawn[frame, view]


def draw_balls(camera: Camera, frame: int) -> Pixels:
    rays = pixel_rays(camera)
    direction = rays.directions.double().numpy()
    nearest = np.full(len(direction), np.inf)
    pixels = np.zeros((len(direction), 4), np.uint8)
    for index, (*center, radius) in enumerate(_BALLS):
        sway = 0.07 * (frame - 2) * np.array([np.cos(index), np.sin(index), 0.5 * (-1) ** index])
        offset = camera.position - (np.array(center) + sway)
        middle = direction @ offset
        inside = middle**2 - offset @ offset + radius**2
        distance = np.where(inside > 0, -middle - np.sqrt(np.maximum(inside, 0)), np.inf)
        normal = (offset + np.where(inside > 0, distance, 0)[:, None] * direction) / radius
        stripes = 0.85 + 0.15 * np.sign(np.sin(9 * normal[:, 2] + index))
        color = np.concatenate(
            [_COLORS[index] * stripes[:, None], np.full((len(normal), 1), 255)], 1
        )
        is_nearer = distance < nearest
        pixels[is_nearer] = color[is_nearer].round()
        nearest = np.minimum(nearest, distance)
    return pixels.reshape(camera.height, camera.width, 4)


def ring(count: int, size: int) -> tuple[Camera, ...]:
    """Cameras around the origin at two heights."""
    lens, cameras = Lens(size, size, 1.5 * size), []
    for index in range(count):
        angle = 2 * np.pi * index / count + 0.1 * (index % 3)
        eye = np.array([4 * np.cos(angle), 4 * np.sin(angle), 0.5 + 1.2 * (index % 2)])
        cameras.append(look_at(eye, (0, 0, 0), (0, 0, 1), lens=lens))
    return tuple(cameras)


def balls(count: int = 14, size: int = 96, frames: int = 5) -> Source:
    cameras = ring(count, size)
    views = tuple(range(count))
    return Source(
        name="balls",
        cameras=cameras,
        labels=tuple(f"cam{view:02d}" for view in views),
        views=dict.fromkeys(range(frames), views),
        frame_rate=Fraction(25),
        aabb=Aabb((-1.1, -1.1, -1.1), (1.1, 1.1, 1.1)),
        split=Split(views[:-1], views[-1:]),
        reader=Balls(cameras),
    )


@dataclass(frozen=True)
class Walls:
    """Reads pictures of two patterned walls, one behind the other, without masks."""

    cameras: tuple[Camera, ...]
    drawn: dict[int, Pixels] = field(default_factory=dict)

    def inspect(self, frames: Sequence[int]) -> bool:
        return False

    def read(self, frame: int, view: int) -> Pixels:
        if view not in self.drawn:
            self.drawn[view] = draw_walls(self.cameras[view])
        return self.drawn[view]


def draw_walls(camera: Camera) -> Pixels:
    generator = np.random.default_rng(3)
    picture = np.full((camera.height, camera.width, 3), 90, np.uint8)
    for depth, side in ((6.0, 8.0), (4.0, 2.4)):
        coarse = generator.integers(40, 215, (24, 24, 3)).astype(np.uint8)
        pattern = cv2.resize(coarse, (480, 480), interpolation=cv2.INTER_CUBIC)
        corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * side / 2
        there, _ = camera.project(corners + np.array([0, 0, depth]))
        here = np.array([[0, 0], [480, 0], [480, 480], [0, 480]], np.float32)
        matrix = cv2.getPerspectiveTransform(here, (there - 0.5).astype(np.float32))
        size = (camera.width, camera.height)
        drawn = cv2.warpPerspective(pattern, matrix, size)
        covers = cv2.warpPerspective(np.full((480, 480), 255, np.uint8), matrix, size) > 127
        picture[covers] = drawn[covers]
    return picture


def walls(count: int = 10) -> Source:
    lens, views = Lens(320, 240, 300), tuple(range(count))
    cameras = tuple(
        look_at(
            (0.35 * (index % 4) - 0.5, 0.3 * (index // 4) - 0.3, 0.1 * (index % 3)),
            (0.05 * index - 0.2, 0, 5),
            (0, -1, 0),
            lens=lens,
        )
        for index in views
    )
    return Source(
        name="walls",
        cameras=cameras,
        labels=tuple(f"w{view}" for view in views),
        views={0: views},
        frame_rate=Fraction(25),
        aabb=Aabb((-2, -2, 3), (2, 2, 7)),
        split=Split(views[1:], views[:1]),
        reader=Walls(cameras),
    )
