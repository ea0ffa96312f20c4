"""Which cameras the commands look through."""

import numpy as np
import pytest

from render.cameras import Camera, Lens, look_at, orbit
from render.errors import CameraError
from render.geometry import Aabb
from render.views import orbit_around, select_views

BOX = Aabb((-1, -1, 0), (1, 1, 2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("test", (4, 5)), ("train", (0, 1, 2, 3)), ("all", (0, 1, 2, 3, 4, 5)), ("3", (3,)),
     ("5,0, 2", (5, 0, 2)), ("1,1", (1,))],
)  # fmt: skip
def test_views_are_chosen_by_name_or_number(text, expected) -> None:
    assert select_views(text, 6, (4, 5)) == expected


@pytest.mark.parametrize("text", ["", "6", "-1", "one", "1;2", "1,,2", "1.5", "²"])
def test_other_views_are_refused_with_what_there_is(text) -> None:
    with pytest.raises(CameraError, match=r"0\.\.5"):
        select_views(text, 6, (4, 5))


def test_held_out_views_must_exist_to_be_chosen() -> None:
    with pytest.raises(CameraError, match="expected test"):
        select_views("test", 6, ())


def test_the_orbit_walks_where_the_cameras_stand() -> None:
    rig = orbit((0, 0, 1), 3.0, 0.5, 8, Lens(40, 30, 55.0))
    path = orbit_around(BOX, rig, 12)
    assert len(path) == 12
    for camera in path:
        offset = camera.position - BOX.center
        assert np.hypot(offset[0], offset[1]) == pytest.approx(3.0)
        assert offset[2] == pytest.approx(0.5)
        assert (camera.width, camera.height, camera.focal_x) == (40, 30, 55.0)
        (pixel,), _ = camera.project([BOX.center])
        assert pixel == pytest.approx([20, 15])


def test_a_mixed_rig_gives_its_most_common_size_and_the_focal_length_that_goes_with_it() -> None:
    def seen_by(width: int, height: int, focal: float) -> Camera:
        return look_at((3, 0, 1), (0, 0, 1), (0, 0, 1), lens=Lens(width, height, focal))

    large = seen_by(4000, 3000, 5500.0)
    small = [seen_by(40, 30, focal) for focal in (54.0, 55.0, 70.0)]
    for rig in ([large, *small], [*small, large, seen_by(30, 40, 1.0)]):
        camera, *_ = orbit_around(BOX, rig, 3)
        assert (camera.width, camera.height, camera.focal_x) == (40, 30, 55.0)


def test_of_two_equally_common_sizes_the_first_one_is_taken() -> None:
    rig = [look_at((3, 0, 1), (0, 0, 1), (0, 0, 1), lens=Lens(*lens))
           for lens in ((8, 6, 9.0), (80, 60, 90.0))]  # fmt: skip
    camera, *_ = orbit_around(BOX, rig, 3)
    assert (camera.width, camera.height, camera.focal_x) == (8, 6, 9.0)


def test_without_cameras_the_whole_box_is_seen() -> None:
    for camera in orbit_around(BOX, (), 5):
        pixels, depth = camera.project(BOX.corners())
        assert (depth > 0).all()
        assert (pixels >= 0).all()
        assert (pixels <= camera.width).all()


def test_cameras_right_above_the_box_still_give_a_circle() -> None:
    above = look_at((0, 0, 9), (0, 0, 1), (0, 1, 0), lens=Lens(8, 8, 9.0))
    assert len({tuple(camera.position) for camera in orbit_around(BOX, [above], 4)}) == 4
