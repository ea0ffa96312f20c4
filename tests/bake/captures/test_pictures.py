"""Picture files: sizes from headers, channel orders, depths and damage."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.captures.pictures import FileReader, PictureFiles, decode_picture, picture_size
from bake.captures.source import to_frame_rate
from bake.errors import CaptureError
from render.cameras import Camera

NTSC = [(23.98, (24000, 1001)), (29.97, (30000, 1001)), (59.94, (60000, 1001))]


def picture(channels: int, dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(channels).integers(0, top, (6, 9, channels), dtype, endpoint=True)


@pytest.mark.parametrize("extension", [".png", ".jpg", ".bmp"])
def test_the_size_is_known_without_or_with_decoding(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"picture{extension}"
    cv2.imwrite(str(path), picture(3))
    assert picture_size(path) == (9, 6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_channels_come_as_rgb_at_their_own_depth(
    tmp_path: Path, channels: int, dtype: type
) -> None:
    stored = picture(channels, dtype)
    cv2.imwrite(str(tmp_path / "a.png"), stored)
    found = decode_picture(tmp_path / "a.png")
    assert found.dtype == dtype
    assert np.array_equal(found[..., :3], stored[..., 2::-1])
    assert np.array_equal(found[..., 3:], stored[..., 3:])


def test_a_gray_picture_becomes_rgb(tmp_path: Path) -> None:
    stored = picture(1)[..., 0]
    cv2.imwrite(str(tmp_path / "a.png"), stored)
    assert np.array_equal(decode_picture(tmp_path / "a.png"), np.dstack([stored] * 3))


def test_a_floating_point_picture_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tiff"), np.zeros((4, 4, 3), np.float32))
    with pytest.raises(CaptureError, match="holds float32, expected 8 or 16 bits"):
        decode_picture(tmp_path / "a.tiff")


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"a picture is missing: .*none\.png"):
        picture_size(tmp_path / "none.png")


def test_only_a_few_of_many_missing_pictures_are_named(tmp_path: Path) -> None:
    files = {(frame, 0): PictureFiles(tmp_path / f"{frame}.png") for frame in range(9)}
    with pytest.raises(CaptureError, match=r"9 of 9 .* and 6 more"):
        FileReader(files, ()).inspect(range(9))


@settings(max_examples=30)
@given(data=st.binary(max_size=64), magic=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8"]))
def test_garbage_never_raises_anything_but_a_capture_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "a.png"
    path.write_bytes(magic + data)
    with pytest.raises(CaptureError):
        decode_picture(path)
    camera = Camera(5, 5, 1.0, 1.0, 2.5, 2.5, np.eye(4))
    with pytest.raises(CaptureError):
        FileReader({(0, 0): PictureFiles(path)}, (camera,)).inspect([0])


def test_a_mask_multiplies_the_alpha_at_the_depth_of_the_picture(tmp_path: Path) -> None:
    stored = np.full((4, 4, 4), 60000, np.uint16)
    stored[..., 3] = 32768
    cv2.imwrite(str(tmp_path / "a.png"), stored)
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((4, 4), 128, np.uint8))
    camera = Camera(4, 4, 1.0, 1.0, 2.0, 2.0, np.eye(4))
    files = {(0, 0): PictureFiles(tmp_path / "a.png", tmp_path / "mask.png")}
    found = FileReader(files, (camera,)).read(0, 0)
    assert found.dtype == np.uint16
    assert found[..., 3] == pytest.approx(32768 * 128 / 255, abs=1)


@pytest.mark.parametrize(("rate", "fraction"), [*NTSC, (30, (30, 1)), (12.5, (25, 2))])
def test_rates_become_the_fractions_that_video_uses(rate: float, fraction: tuple[int, int]) -> None:
    assert to_frame_rate(rate).as_integer_ratio() == fraction


@pytest.mark.parametrize("rate", [0, -30, float("nan"), float("inf")])
def test_a_rate_that_is_not_positive_is_refused(rate: float) -> None:
    with pytest.raises(CaptureError, match="expected a positive number"):
        to_frame_rate(rate)
