"""The box from masks: it holds the subject, and not much else."""

from dataclasses import replace

import numpy as np
import pytest

from bake.captures.box import find_box
from bake.captures.mask_box import box_from_masks
from bake.captures.procedural import open_source
from bake.captures.source import Source
from bake.errors import CaptureError
from bake.hull import visual_hull
from render.cameras import Lens, orbit
from render.occupancy import cover


@pytest.fixture(scope="module")
def dancer() -> Source:
    return open_source("procedural:3:48")


def hull_bounds(source: Source, frame: int) -> tuple[np.ndarray, np.ndarray]:
    assert source.aabb is not None
    grid = cover(source.aabb, 40)
    masks = [source.reader.read(frame, view)[..., 3] for view in source.views[frame]]
    bits = visual_hull(grid, source.cameras, masks).vertices
    places = grid.origin + grid.voxel_size * np.argwhere(bits)
    return places.min(0), places.max(0)


def test_it_holds_the_hull_of_every_frame_and_little_more(dancer) -> None:
    box = box_from_masks(dancer)
    assert box is not None
    assert dancer.aabb is not None
    for frame in (0, 2):
        low, high = hull_bounds(dancer, frame)
        voxel = 0.1 * dancer.aabb.size
        assert (low >= box.minimum - voxel).all()
        assert (high <= box.maximum + voxel).all()
    assert np.prod(box.size) < 2 * np.prod(dancer.aabb.size)


def test_a_capture_without_a_box_gets_it_and_says_so(dancer) -> None:
    found = find_box(replace(dancer, aabb=None), ())
    assert found.aabb == box_from_masks(dancer)
    assert found.origin == "around what all masks show"
    assert find_box(dancer, ()).origin == "stated by the capture"


class Unmasked:
    """The same pictures, and no mask."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def inspect(self, frames: object) -> bool:
        return False

    def read(self, frame: int, view: int) -> np.ndarray:
        return self._source.reader.read(frame, view)[..., :3]


def test_without_masks_there_is_none(dancer) -> None:
    bare = replace(dancer, reader=Unmasked(dancer), aabb=None)
    assert box_from_masks(bare) is None
    with pytest.raises(CaptureError, match="masks from all around, or at least 50 points"):
        find_box(bare, ())


def test_cameras_that_look_the_same_way_surround_nothing(dancer) -> None:
    alike = replace(dancer, cameras=(dancer.cameras[0],) * len(dancer.cameras))
    assert box_from_masks(alike) is None


class Ball:
    """A ball of half a unit around the middle, as cameras 4 units away from it see it."""

    def __init__(self, lens: Lens) -> None:
        rows, columns = np.mgrid[: lens.height, : lens.width] + 0.5
        away = np.hypot(columns - lens.width / 2, rows - lens.height / 2) / lens.focal
        self._picture = np.zeros((lens.height, lens.width, 4), np.uint8)
        self._picture[away < 0.5 / np.sqrt(4**2 - 0.5**2), 3] = 255

    def inspect(self, frames: object) -> bool:
        return True

    def read(self, frame: int, view: int) -> np.ndarray:
        return self._picture


@pytest.mark.parametrize("focal", [60, 125, 250])
def test_lenses_may_be_wide_or_long(dancer, focal) -> None:
    lens = Lens(160, 90, focal)
    cameras = [orbit((0, 0, 0), 4.0, height, 8, lens) for height in (-0.9, 0.0, 0.9)]
    around = tuple(camera for ring in cameras for camera in ring)
    everything = tuple(range(len(around)))
    seen = replace(dancer, cameras=around, views={0: everything}, reader=Ball(lens))
    box = box_from_masks(seen)
    assert box is not None
    assert np.abs(np.array([box.minimum, box.maximum]) / 0.5 - [[-1], [1]]).max() < 0.4


class Empty(Unmasked):
    """Masks with nothing in them."""

    def inspect(self, frames: object) -> bool:
        return True

    def read(self, frame: int, view: int) -> np.ndarray:
        return np.zeros_like(self._source.reader.read(frame, view))


def test_empty_masks_make_no_box(dancer) -> None:
    assert box_from_masks(replace(dancer, reader=Empty(dancer))) is None
