"""Pictures are shrunk by area, with the camera that fits them, and frames are spread evenly."""

import numpy as np
import pytest

from bake.inspection.small_pictures import read_instant, shrink, small_camera, spread


def test_a_picture_without_alpha_has_no_mask() -> None:
    small = shrink(np.full((8, 6, 3), 200, np.uint8), (3, 4))
    assert small.rgb.shape == (4, 3, 3)
    assert small.mask is None
    assert (small.rgb == 200).all()


def test_alpha_becomes_a_mask_at_one_half() -> None:
    pixels = np.zeros((2, 4, 4), np.uint8)
    pixels[:, :, 3] = [0, 127, 128, 255]
    small = shrink(pixels, (4, 2))
    assert small.mask is not None
    assert small.mask.tolist() == [[False, False, True, True]] * 2


def test_sixteen_bits_become_eight() -> None:
    small = shrink(np.full((2, 2, 3), 0x8040, np.uint16), (2, 2))
    assert (small.rgb == 0x80).all()


def test_a_small_camera_sees_the_same(balls) -> None:
    camera = balls.cameras[0]
    small = small_camera(camera, 24)
    assert max(small.width, small.height) == 24
    point = np.array([[0.3, -0.2, 0.1]])
    assert small.project(point)[0] == pytest.approx(camera.project(point)[0] / 4)


def test_a_camera_is_never_made_larger(balls) -> None:
    assert small_camera(balls.cameras[0], 4096).width == balls.cameras[0].width


def test_an_instant_has_every_view_at_its_cameras_size(balls) -> None:
    instant = read_instant(balls, 1, 48)
    assert instant.views == tuple(range(len(balls.cameras)))
    for view in instant.views:
        assert instant.mask(view).shape == (48, 48)
        assert instant.cameras[view].width == 48


def test_an_instant_without_masks_has_none_to_give(walls) -> None:
    with pytest.raises(AssertionError):
        read_instant(walls, 0).mask(0)


@pytest.mark.parametrize(
    ("length", "count", "expected"),
    [
        (1, 3, (0,)),
        (2, 3, (0, 1)),
        (3, 3, (0, 1, 2)),
        (40, 3, (0, 20, 39)),
        (5, 1, (0,)),
    ],
)
def test_items_are_spread_from_the_first_to_the_last(length, count, expected) -> None:
    assert spread(range(length), count) == expected
