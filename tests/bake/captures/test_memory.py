"""How much memory a capture of many cameras takes, in a process of its own."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bake.captures.conftest import footage
from tests.bake.captures.layout_writers import Footage, write_rerf

WIDTH, HEIGHT, FRAMES = 640, 352, 5
FEW, MANY = 8, 32
# What every further camera may take, in bytes per pixel: an open decoder of H.264, whose pictures
# are 1.5 of them, two views of color and opacity, and what the allocator loses between them. At
# 1080p these are 62 MB, so that a hundred cameras with masks stay below 7 GB.
MOST_PER_PIXEL = 30

_READ = """
import resource, sys
from bake.capture import CaptureOptions, open_capture

capture = open_capture(CaptureOptions(sys.argv[1], cache_bytes=0))
last = None
for frame in range(capture.frame_count):
    views = capture.views(frame, range(len(capture.cameras)))
    last = views
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
"""


def of_many(count: int) -> Footage:
    """Cameras that all see the same noise, and the same half of it masked."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (1, FRAMES, HEIGHT, WIDTH, 4), np.uint8)
    pictures[..., 3] = 0
    pictures[..., : WIDTH // 2, 3] = 255
    return replace(
        footage(range(FRAMES)),
        lens=(500.0, 500.0, WIDTH / 2, HEIGHT / 2),
        to_world=np.repeat(footage().to_world, count // 2, axis=0),
        pictures=np.broadcast_to(pictures, (count, *pictures.shape[1:])),
        labels=tuple(map(str, range(count))),
    )


def peak(folder: Path) -> int:
    """Most bytes that reading every picture takes, with the views of two frames held."""
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(folder)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.slow
def test_a_camera_with_masks_takes_a_bounded_share_of_memory(tmp_path) -> None:
    few, many = (peak(write_rerf(tmp_path / str(count), of_many(count))) for count in (FEW, MANY))
    assert (many - few) / (MANY - FEW) < MOST_PER_PIXEL * WIDTH * HEIGHT
