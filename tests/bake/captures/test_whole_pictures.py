"""Pictures that broke off while they were copied are found by their ends, before any work."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.captures import pictures as module
from bake.captures.pictures import FileReader, PictureFiles
from bake.errors import CaptureError
from render.cameras import Lens, look_at

SIZE = 24
CAMERA = look_at((0, 0, 3), (0, 0, 0), (0, 1, 0), lens=Lens(SIZE, SIZE, 20.0))


def write(path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def inspect(path: Path, mask: Path | None = None) -> None:
    FileReader({(0, 0): PictureFiles(path, mask)}, [CAMERA]).inspect([0])


@pytest.fixture(params=["png", "jpg"])
def picture(request, tmp_path) -> Path:
    return write(tmp_path / f"picture.{request.param}")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_part_of_a_picture_is_refused_whichever_part_it_is(picture, share) -> None:
    data = picture.read_bytes()
    picture.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CaptureError, match=r"cannot be decoded .* copy it again"):
        inspect(picture)


def test_a_part_of_a_mask_is_refused_too(picture, tmp_path) -> None:
    mask = write(tmp_path / "mask.png")
    inspect(picture, mask)
    mask.write_bytes(mask.read_bytes()[:-20])
    with pytest.raises(CaptureError, match=r"mask\.png cannot be decoded"):
        inspect(picture, mask)


def test_whole_pictures_are_not_decoded_for_it(picture, monkeypatch) -> None:
    decoded: list[Path] = []
    original = module._decode
    monkeypatch.setattr(module, "_decode", lambda path: (decoded.append(path), original(path))[1])
    inspect(picture)
    assert decoded == [picture]  # Once, for whether there are masks.


@pytest.mark.parametrize("tail", [b"\0", b"written by some camera" * 40])
def test_bytes_behind_the_end_are_no_damage(picture, tail) -> None:
    picture.write_bytes(picture.read_bytes() + tail)
    inspect(picture)


def test_other_formats_are_left_for_later_unless_they_are_empty(tmp_path) -> None:
    first, second = write(tmp_path / "first.png"), write(tmp_path / "second.bmp")
    reader = FileReader({(0, 0): PictureFiles(first), (1, 0): PictureFiles(second)}, [CAMERA])
    second.write_bytes(second.read_bytes()[:-20])
    reader.inspect([0, 1])
    second.write_bytes(b"")
    with pytest.raises(CaptureError, match=r"second\.bmp cannot be decoded \(0 bytes\)"):
        reader.inspect([0, 1])
