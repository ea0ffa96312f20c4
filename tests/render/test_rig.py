"""Cameras as a package stores them."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from render.cameras import Camera, Lens, look_at, orbit
from render.console import EXIT_FAILED, run
from render.errors import CameraError, SceneError
from render.rig import decode_rig, encode_rig

COUNTS_BYTES, LENS_BYTES, POSE_BYTES = 4, 20, 28


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
    # Quaternions of single precision turn by less than 1e-6 of a radian.
    assert np.allclose(read.world_to_camera, original.world_to_camera, rtol=1e-6, atol=1e-6)


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_every_rotation_comes_back(quaternion) -> None:
    x, y, z, w = np.array(quaternion) / np.linalg.norm(quaternion)
    pose = np.eye(4)
    # Columns are where the axes go: v + 2 u x (u x v + w v), Rodrigues in quaternions.
    u = np.array([x, y, z])
    for axis, v in enumerate(np.eye(3)):
        pose[:3, axis] = v + 2 * np.cross(u, np.cross(u, v) + w * v)
    (read,) = decode_rig(encode_rig([Camera(4, 3, 5, 5, 2, 1.5, pose)]))
    assert np.allclose(read.world_to_camera, pose, rtol=0, atol=1e-6)


def test_cameras_of_one_lens_share_it_and_order_is_kept() -> None:
    cameras = orbit((0, 0, 1), 2.5, 0.5, 7, Lens(33, 21, 40.5))
    data = encode_rig(cameras)
    assert len(data) == COUNTS_BYTES + LENS_BYTES + 7 * POSE_BYTES
    for read, original in zip(decode_rig(data), cameras, strict=True):
        assert np.allclose(read.position, original.position, atol=1e-5)


def test_cameras_of_several_lenses_each_name_theirs() -> None:
    data = encode_rig([camera(width) for width in (10, 20, 10)])
    assert len(data) == COUNTS_BYTES + 2 * LENS_BYTES + 3 * (2 + POSE_BYTES)
    assert [read.width for read in decode_rig(data)] == [10, 20, 10]


def test_an_empty_rig_is_a_rig() -> None:
    assert encode_rig([]) == bytes(COUNTS_BYTES)
    assert decode_rig(bytes(COUNTS_BYTES)) == ()


def test_more_cameras_than_16_bits_count_are_refused() -> None:
    with pytest.raises(SceneError, match="at most 65535"):
        encode_rig([camera()] * 65536)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 23, 24, 107])
def test_a_part_of_a_rig_is_refused(length) -> None:
    data = encode_rig([camera()] * 3)[:length]
    with pytest.raises(SceneError, match=f"takes {length} bytes, expected"):
        decode_rig(data)


def test_a_lens_that_is_not_there_is_refused() -> None:
    data = bytearray(encode_rig([camera(10), camera(20)]))
    data[COUNTS_BYTES + 2 * LENS_BYTES] = 2
    with pytest.raises(SceneError, match="lens 2 is named, expected one of 2"):
        decode_rig(bytes(data))


def test_a_rotation_that_is_none_is_refused() -> None:
    data = bytearray(encode_rig([camera()]))
    data[COUNTS_BYTES + LENS_BYTES : COUNTS_BYTES + LENS_BYTES + 16] = bytes(16)
    with pytest.raises(SceneError, match="quaternion of length 0, expected 1"):
        decode_rig(bytes(data))


def test_a_camera_that_cannot_exist_is_refused() -> None:
    data = bytearray(encode_rig([camera()]))
    data[COUNTS_BYTES : COUNTS_BYTES + 4] = bytes(4)
    with pytest.raises(
        SceneError, match=r"size.*the package is damaged, export it again"
    ) as caught:
        decode_rig(bytes(data))
    assert isinstance(caught.value.__cause__, CameraError)


def test_a_damaged_rig_is_a_failure_and_no_mistake_of_the_caller() -> None:
    def work() -> None:
        decode_rig(struct.pack("<2H", 1, 1) + bytes(LENS_BYTES + POSE_BYTES))

    assert run(work) == EXIT_FAILED


@given(st.binary(min_size=LENS_BYTES + POSE_BYTES, max_size=LENS_BYTES + POSE_BYTES))
def test_any_bytes_give_a_camera_or_a_typed_error(data) -> None:
    with suppress(SceneError):
        decode_rig(struct.pack("<2H", 1, 1) + data)


def test_the_picture_of_a_point_moves_by_less_than_a_hundredth_of_a_pixel() -> None:
    original = camera()
    (read,) = decode_rig(encode_rig([original]))
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    assert np.allclose(original.project(points)[0], read.project(points)[0], atol=0.01)
