"""Pictures and clips for people: right colors, whole files, typed errors."""

import builtins
import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hwcodec import BackendUnavailable, ContainerError, UnsupportedConfig, write_rgb_video
from hwcodec.viewing import to_yuv420
from render.errors import OutputError
from render.video import make_folder, to_bytes, write_file, write_mp4, write_png

Picture8 = NDArray[np.uint8]
RATE = Fraction(30)

# Source: ITU-R BT.709, 8-bit limited range; luma, blue difference, red difference.
BT709 = {
    (255, 255, 255): (235, 128, 128),
    (0, 0, 0): (16, 128, 128),
    (255, 0, 0): (63, 102, 240),
    (0, 255, 0): (173, 42, 26),
    (0, 0, 255): (32, 240, 118),
}


def gradient(rows: int = 32, columns: int = 48, shift: int = 0) -> Picture8:
    y, x = np.mgrid[:rows, :columns]
    return np.stack([3 * x + shift, 5 * y, 255 - 2 * x - 2 * y], axis=2).astype(np.uint8)


def read_video(path: Path) -> list[Picture8]:
    """Decode with another library's own color conversion."""
    reader = cv2.VideoCapture(str(path))
    pictures = []
    while True:
        found, bgr = reader.read()
        if not found:
            return pictures
        pictures.append(np.asarray(bgr[..., ::-1]).copy())


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_colors_round_to_the_nearest_byte_and_are_clipped() -> None:
    values = torch.tensor([-1.0, 0.0, 0.5, 0.499 / 255, 1.0, 7.0])
    assert to_bytes(values).tolist() == [0, 0, 128, 0, 255, 255]
    assert to_bytes(values).dtype == np.uint8


def test_every_byte_survives_the_way_over_floats() -> None:
    codes = torch.arange(256)
    assert to_bytes(codes / 255).tolist() == codes.tolist()


@pytest.mark.parametrize(("rgb", "expected"), BT709.items(), ids=str)
def test_colors_become_bt709_in_limited_range(rgb, expected) -> None:
    planes = to_yuv420(np.full((4, 4, 3), rgb, np.uint8))
    assert [plane.shape for plane in planes] == [(4, 4), (2, 2), (2, 2)]
    assert tuple(int(plane[0, 0]) for plane in planes) == expected
    assert all((plane == plane[0, 0]).all() for plane in planes)


def test_odd_pictures_repeat_their_last_row_and_column() -> None:
    luma, blueness, redness = to_yuv420(gradient(5, 7))
    assert (luma.shape, blueness.shape, redness.shape) == ((6, 8), (3, 4), (3, 4))
    assert np.array_equal(luma[-1], luma[-2])
    assert np.array_equal(luma[:, -1], luma[:, -2])


def test_a_png_holds_exactly_the_picture(tmp_path) -> None:
    path = tmp_path / "new" / "view.png"
    write_png(path, gradient())
    assert np.array_equal(cv2.imread(str(path))[..., ::-1], gradient())
    assert leftovers(path.parent) == ["view.png"]


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)],
    ids=["gray", "float", "empty"],
)
def test_other_pictures_are_refused(tmp_path, picture) -> None:
    with pytest.raises(OutputError, match="to_bytes"):
        write_png(tmp_path / "view.png", picture)
    assert leftovers(tmp_path) == []


def test_a_clip_has_its_pictures_in_order_and_in_color(tmp_path) -> None:
    path = tmp_path / "clip.mp4"
    pictures = [gradient(shift=20 * index) for index in range(5)]
    write_mp4(path, iter(pictures), RATE)
    read = read_video(path)
    assert len(read) == 5
    for ours, theirs in zip(pictures, read, strict=True):
        assert np.abs(ours.astype(int) - theirs.astype(int)).mean() < 6
    assert leftovers(tmp_path) == ["clip.mp4"]


def test_the_index_comes_before_the_pictures_so_that_a_browser_can_start(tmp_path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(path, [gradient()] * 3, RATE)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"avc1" in data


def test_one_picture_of_odd_size_is_a_clip(tmp_path) -> None:
    write_mp4(tmp_path / "clip.mp4", [gradient(17, 31)], Fraction(24000, 1001))
    (picture,) = read_video(tmp_path / "clip.mp4")
    assert picture.shape == (18, 32, 3)


def test_nothing_to_show_is_refused_before_a_file_exists(tmp_path) -> None:
    with pytest.raises(UnsupportedConfig, match="no pictures"):
        write_mp4(tmp_path / "clip.mp4", [], RATE)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-1), Fraction(2000)])
def test_impossible_frame_rates_are_refused(tmp_path, rate) -> None:
    with pytest.raises(UnsupportedConfig, match="frame rate"):
        write_rgb_video(tmp_path / "clip.mp4", [gradient()], rate)


def test_a_picture_of_another_size_ends_the_clip_and_keeps_the_old_file(tmp_path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    with pytest.raises(UnsupportedConfig, match="picture 1"):
        write_mp4(path, [gradient(), gradient(16, 16)], RATE)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["clip.mp4"]


def test_an_error_while_rendering_leaves_no_half_clip(tmp_path) -> None:
    def pictures():  # noqa: ANN202
        yield gradient()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mp4(tmp_path / "clip.mp4", pictures(), RATE)
    assert leftovers(tmp_path) == []


def test_a_clip_that_cannot_be_written_says_where(tmp_path) -> None:
    (tmp_path / "clip.mp4").mkdir()
    with pytest.raises(ContainerError, match=r"clip\.mp4 cannot be written"):
        write_mp4(tmp_path / "clip.mp4", [gradient()], RATE)


def test_without_the_library_the_remedy_is_named(tmp_path, monkeypatch) -> None:
    original = builtins.__import__

    def importing(name, *rest: object) -> object:
        if name == "hwcodec.backends.ffmpeg_viewing":
            raise ImportError("no av here")
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(BackendUnavailable, match="install PyAV"):
        write_rgb_video(tmp_path / "clip.mp4", [gradient()], RATE)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(OutputError, match="cannot create the folder"):
            make_folder(folder)
    with pytest.raises(OutputError, match="cannot create the folder"):
        write_png(tmp_path / "file" / "view.png", gradient())


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "view.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["view.png"]
