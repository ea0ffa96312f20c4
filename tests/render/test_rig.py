"""Cameras as a package stores them."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from render.cameras import Camera, Lens, look_at, orbit
from render.console import EXIT_FAILED, run
from render.errors import CameraError, SceneError
from render.rig import decode_rig, encode_rig

RECORD_BYTES = 68


def camera(width: int = 640, height: int = 480) -> Camera:
    return look_at((3.0, 1.0, 0.5), (0, 0, 0.2), (0, 0, 1), lens=Lens(width, height, 700.0))


@given(
    eye=st.tuples(*[st.floats(-50, 50)] * 3).filter(lambda p: np.hypot(p[0], p[1]) > 0.1),
    size=st.tuples(st.integers(1, 65535), st.integers(1, 65535)),
    focal=st.floats(1, 1e5),
)
def test_cameras_come_back_to_single_precision(eye, size, focal) -> None:
    original = look_at(eye, (0, 0, 0), (0, 0, 1), lens=Lens(*size, focal))
    (read,) = decode_rig(encode_rig([original]))
    assert (read.width, read.height) == size
    assert read.focal_x == np.float32(focal)
    assert read.center_y == np.float32(original.center_y)
    assert np.array_equal(
        read.world_to_camera, original.world_to_camera.astype(np.float32).astype(np.float64)
    )


def test_reading_and_writing_again_changes_nothing() -> None:
    data = encode_rig(orbit((0, 0, 1), 2.5, 0.5, 7, Lens(33, 21, 40.5)))
    assert encode_rig(decode_rig(data)) == data


def test_a_camera_takes_68_bytes_and_order_is_kept() -> None:
    cameras = [camera(width) for width in (10, 20, 30)]
    data = encode_rig(cameras)
    assert len(data) == 3 * RECORD_BYTES
    assert [read.width for read in decode_rig(data)] == [10, 20, 30]


def test_an_empty_rig_is_a_rig() -> None:
    assert encode_rig([]) == b""
    assert decode_rig(b"") == ()


@pytest.mark.parametrize("length", [1, 67, 69, 3 * RECORD_BYTES - 1])
def test_a_part_of_a_camera_is_refused(length) -> None:
    data = encode_rig([camera()] * 3)[:length]
    with pytest.raises(SceneError, match="multiple of 68"):
        decode_rig(data)


def test_a_camera_that_cannot_exist_is_refused() -> None:
    data = bytearray(encode_rig([camera()]))
    data[0:4] = bytes(4)
    with pytest.raises(
        SceneError, match=r"size.*the package is damaged, export it again"
    ) as caught:
        decode_rig(bytes(data))
    assert isinstance(caught.value.__cause__, CameraError)


def test_a_damaged_rig_is_a_failure_and_no_mistake_of_the_caller() -> None:
    def work() -> None:
        decode_rig(bytes(RECORD_BYTES))

    assert run(work) == EXIT_FAILED


@given(st.binary(min_size=RECORD_BYTES, max_size=RECORD_BYTES))
def test_any_bytes_give_a_camera_or_a_typed_error(data) -> None:
    with suppress(SceneError):
        decode_rig(data)


def test_the_picture_of_a_point_moves_by_less_than_a_hundredth_of_a_pixel() -> None:
    original = camera()
    (read,) = decode_rig(encode_rig([original]))
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    assert np.allclose(original.project(points)[0], read.project(points)[0], atol=0.01)
