"""Kinds of picture files as cameras and tools write them, spelled out byte by byte."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bake.captures.pictures import FileReader, PictureFiles, decode_picture, picture_size
from bake.errors import CaptureError
from render.cameras import Camera

GRAY, RGB, PALETTE, GRAY_ALPHA = 0, 2, 3, 4
COLORS = np.array([[250, 20, 60], [1, 2, 3], [9, 200, 90], [255, 255, 255]], np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows: NDArray[np.integer], color: int, *, depth: int = 8, extra: bytes = b"") -> bytes:
    """A PNG of rows (rows, values), already in the order and byte size of the file."""
    per_row = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2}[color]
    header = struct.pack(">IIBBBBB", rows.shape[1] // per_row, len(rows), depth, color, 0, 0, 0)
    if depth == 1:
        header = struct.pack(">IIBBBBB", rows.shape[1], len(rows), depth, color, 0, 0, 0)
        lines = [np.packbits(row.astype(np.uint8)).tobytes() for row in rows]
    else:
        lines = [row.astype(">u2" if depth == 16 else np.uint8).tobytes() for row in rows]
    body = zlib.compress(b"".join(b"\0" + line for line in lines))
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.fixture
def decoded(tmp_path: Path):  # noqa: ANN201
    """Write bytes to a file and decode it."""

    def decode(data: bytes, name: str = "a.png") -> NDArray[np.integer]:
        (tmp_path / name).write_bytes(data)
        return decode_picture(tmp_path / name)

    return decode


INDICES = np.array([[0, 1, 2, 3], [3, 3, 0, 0]])


def test_a_palette_is_looked_up(decoded) -> None:
    found = decoded(png(INDICES, PALETTE, extra=chunk(b"PLTE", COLORS.tobytes())))
    assert np.array_equal(found, COLORS[INDICES])


def test_transparency_of_a_palette_becomes_straight_alpha(decoded) -> None:
    extra = chunk(b"PLTE", COLORS.tobytes()) + chunk(b"tRNS", bytes([0, 128, 255]))
    found = decoded(png(INDICES, PALETTE, extra=extra))
    assert np.array_equal(found[..., 3], np.array([0, 128, 255, 255])[INDICES])
    assert np.array_equal(found[..., :3][INDICES == 1], COLORS[[1]])


def test_gray_with_alpha_becomes_color_with_alpha(decoded) -> None:
    found = decoded(png(np.array([[7, 100, 200, 0]]), GRAY_ALPHA))
    assert found.tolist() == [[[7, 7, 7, 100], [200, 200, 200, 0]]]


@pytest.mark.parametrize(("depth", "top"), [(1, 1), (8, 255), (16, 65535)])
def test_gray_of_any_depth_fills_the_range_of_its_type(decoded, depth, top) -> None:
    found = decoded(png(np.array([[0, top, 0]]), GRAY, depth=depth))
    assert found.dtype == (np.uint16 if depth == 16 else np.uint8)
    assert found[0, :, 1].tolist() == [0, np.iinfo(found.dtype).max, 0]


@given(seed=st.integers(0, 999))
def test_sixteen_bits_come_back_to_the_last_one(seed, tmp_path_factory) -> None:
    stored = np.random.default_rng(seed).integers(0, 65536, (3, 5, 3))
    path = tmp_path_factory.mktemp("deep") / "a.png"
    path.write_bytes(png(stored.reshape(3, 15), RGB, depth=16))
    assert np.array_equal(decode_picture(path), stored)


@given(cut=st.integers(1, 75))
def test_a_png_that_ends_anywhere_early_is_refused_when_its_pixels_are_needed(
    cut, tmp_path_factory
) -> None:
    data = png(np.random.default_rng(0).integers(0, 256, (8, 24)), RGB)
    path = tmp_path_factory.mktemp("cut") / "a.png"
    path.write_bytes(data[: -12 - cut])
    with pytest.raises(CaptureError, match=r"a\.png cannot be decoded \(\d+ bytes\).*copy it"):
        decode_picture(path)


@pytest.mark.parametrize("kind", ["jpg", "progressive"])
@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), comment=st.integers(0, 300))
def test_a_jpeg_tells_its_size_behind_any_other_segments(
    kind, size, comment, tmp_path_factory
) -> None:
    rows, columns = size
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1] if kind == "progressive" else []
    _, encoded = cv2.imencode(".jpg", np.zeros((rows, columns, 3), np.uint8), options)
    data = encoded.tobytes()
    # A comment full of bytes that look like a start of frame.
    segment = b"\xff\xfe" + struct.pack(">H", 2 + comment) + (b"\xff\xc0\0\x11" * 75)[:comment]
    path = tmp_path_factory.mktemp("jpeg") / "a.jpg"
    path.write_bytes(data[:2] + segment + data[2:])
    assert picture_size(path) == (columns, rows) == decode_picture(path).shape[1::-1]
    # Only the header is left, so nothing but the header can tell.
    frame = data.index(b"\xff\xc2\0\x11" if kind == "progressive" else b"\xff\xc0\0\x11")
    path.write_bytes(data[:2] + segment + data[2 : frame + 9])
    assert picture_size(path) == (columns, rows)


def camera(width: int, height: int) -> Camera:
    return Camera(width, height, 9.0, 9.0, width / 2, height / 2, np.eye(4))


def reader(folder: Path, mask: NDArray[np.integer] | None, size: tuple[int, int]) -> FileReader:
    """One opaque picture, a mask beside it, and a camera of that width and height."""
    cv2.imwrite(str(folder / "a.png"), np.full((4, 6, 3), 77, np.uint8))
    if mask is not None:
        cv2.imwrite(str(folder / "mask.png"), mask)
    files = PictureFiles(folder / "a.png", None if mask is None else folder / "mask.png")
    return FileReader({(0, 0): files}, (camera(*size),))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_mask_of_any_depth_covers_by_its_share_of_white(tmp_path, dtype, channels) -> None:
    mask = np.zeros((4, 6, channels), dtype)
    mask[1], mask[2] = np.iinfo(dtype).max, np.iinfo(dtype).max // 2
    found = reader(tmp_path, mask, (6, 4)).read(0, 0)
    assert found.dtype == np.uint8
    assert found[:, 0, 3].tolist() == [0, 255, 127, 0]
    assert (found[..., :3] == 77).all()


def test_a_mask_of_another_size_is_refused_by_its_own_name(tmp_path) -> None:
    with pytest.raises(CaptureError, match=r"mask\.png is 4x6, expected 6x4"):
        reader(tmp_path, np.zeros((6, 4), np.uint8), (6, 4)).read(0, 0)


def test_a_missing_mask_counts_among_the_missing_pictures(tmp_path) -> None:
    made = reader(tmp_path, np.zeros((4, 6), np.uint8), (6, 4))
    (tmp_path / "mask.png").unlink()
    with pytest.raises(CaptureError, match=r"1 of 2 pictures are missing: .*mask\.png"):
        made.inspect([0])


def test_only_the_frames_that_are_wanted_are_looked_at(tmp_path) -> None:
    made = reader(tmp_path, None, (9, 9))
    assert made.inspect([]) is False
    assert made.inspect([1, 2]) is False
    with pytest.raises(CaptureError, match="is 6x4, expected 9x9"):
        made.inspect([0])


def test_a_size_that_no_header_tells_is_checked_when_read(tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "a.bmp"), np.zeros((4, 6, 3), np.uint8))
    made = FileReader({(0, 0): PictureFiles(tmp_path / "a.bmp")}, (camera(9, 9),))
    assert made.inspect([0]) is False
    with pytest.raises(CaptureError, match=r"a\.bmp is 6x4, expected 9x9"):
        made.read(0, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_floating_point_mask_is_refused_by_its_own_name(tmp_path, dtype) -> None:
    made = reader(tmp_path, np.zeros((4, 6), np.uint8), (6, 4))
    mask = tmp_path / "mask.tiff"
    cv2.imwrite(str(mask), np.zeros((4, 6), dtype))
    files = PictureFiles(made.files[0, 0].picture, mask)
    with pytest.raises(CaptureError, match=r"mask\.tiff holds float.*, expected 8 or 16 bits"):
        FileReader({(0, 0): files}, made.cameras).read(0, 0)
