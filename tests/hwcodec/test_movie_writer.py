"""Color video that keeps its pictures: round trips through another reader, order, and faults."""

import errno
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import ContainerError, MovieForm, MovieWriter, UnsupportedConfig, open_movie
from hwcodec.backends import libav
from hwcodec.movie_writer import _to_planes

ROWS, COLUMNS = 96, 128


def ramp(index: int = 0) -> np.ndarray:
    """Slopes of all colors, shifted from picture to picture."""
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    red, green = 2 * column, 2 * row + 16
    blue = 255 - (red + green) // 2 + 3 * index
    return np.dstack([red, green, blue]).clip(0, 255).astype(np.uint8)


def written(path: Path, form: MovieForm, pictures: Iterable[np.ndarray]) -> Path:
    with MovieWriter(path, Fraction(25), form) as writer:
        for picture in pictures:
            writer.write(picture)
    return path


def read(path: Path) -> list[np.ndarray]:
    with open_movie(path) as movie:
        return [movie.read(index) for index in range(movie.facts.frame_count)]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = float(((one.astype(float) - other) ** 2).mean())
    return 10 * np.log10(255**2 / max(error, 1e-9))


def test_close_pictures_come_back_above_45_db_without_a_shift_of_color(tmp_path) -> None:
    pictures = [ramp(index) for index in range(5)]
    back = read(written(tmp_path / "a.mp4", MovieForm.CLOSE, pictures))
    assert min(map(psnr, back, pictures)) > 45
    shift = np.mean([b.astype(float) - p for b, p in zip(back, pictures, strict=True)], (0, 1, 2))
    assert np.abs(shift).max() < 0.2


def test_exact_pictures_come_back_to_the_bit_noise_included(tmp_path) -> None:
    generator = np.random.default_rng(1)
    noise = [generator.integers(0, 256, (ROWS, COLUMNS, 3), np.uint8) for _ in range(3)]
    pictures = [ramp(), *noise]
    back = read(written(tmp_path / "a.mp4", MovieForm.EXACT, pictures))
    assert all(map(np.array_equal, back, pictures))


def test_gray_pictures_come_back_to_the_bit_in_all_channels(tmp_path) -> None:
    generator = np.random.default_rng(2)
    pictures = [ramp()[..., 0], generator.integers(0, 256, (ROWS, COLUMNS), np.uint8)]
    for back, picture in zip(
        read(written(tmp_path / "a.mp4", MovieForm.GRAY, pictures)), pictures, strict=True
    ):
        assert all(np.array_equal(back[..., channel], picture) for channel in range(3))


@pytest.mark.parametrize("form", list(MovieForm))
def test_pictures_stay_in_order_at_their_rate_and_may_be_odd_in_size(tmp_path, form) -> None:
    rate = Fraction(30000, 1001)
    with MovieWriter(tmp_path / "a.mp4", rate, form) as writer:
        for index in range(60):
            level = np.full((35, 51, 3), 4 * index, np.uint8)
            writer.write(level[..., 0] if form is MovieForm.GRAY else level)
    with open_movie(tmp_path / "a.mp4") as movie:
        assert abs(movie.facts.frame_rate - rate) < 1e-3
        assert len(movie.facts.keys) == 3
        assert movie.facts.times[0] == 0
        for index in (0, 59, 24, 23):
            picture = movie.read(index)
            assert picture.shape == (35, 51, 3)
            assert abs(picture.mean() - 4 * index) < 1.5


def test_the_file_says_which_colors_it_means(tmp_path) -> None:
    written(tmp_path / "a.mp4", MovieForm.CLOSE, [ramp()])
    with libav.open_movie(tmp_path / "a.mp4") as file:
        context = file.streams.video[0].codec_context
        assert (context.color_range, context.colorspace, context.color_trc) == (2, 1, 13)
    assert open_movie(tmp_path / "a.mp4").facts.transfer == 13


@pytest.mark.parametrize(
    ("form", "picture"),
    [
        (MovieForm.CLOSE, np.zeros((4, 4), np.uint8)),
        (MovieForm.CLOSE, np.zeros((4, 4, 4), np.uint8)),
        (MovieForm.CLOSE, np.zeros((4, 4, 3), np.float32)),
        (MovieForm.GRAY, np.zeros((4, 4, 3), np.uint8)),
        (MovieForm.EXACT, np.zeros((0, 4, 3), np.uint8)),
    ],
)
def test_what_is_no_picture_of_the_form_is_refused(tmp_path, form, picture) -> None:
    with (
        pytest.raises(UnsupportedConfig, match=r"picture 0 is .*; convert or resize it"),
        MovieWriter(tmp_path / "a.mp4", Fraction(25), form) as writer,
    ):
        writer.write(picture)
    assert not list(tmp_path.iterdir())


def test_pictures_of_another_size_and_no_pictures_are_refused(tmp_path) -> None:
    with pytest.raises(UnsupportedConfig, match="picture 1 is uint8"):
        written(tmp_path / "a.mp4", MovieForm.CLOSE, [ramp(), ramp()[:8]])
    with (
        pytest.raises(UnsupportedConfig, match="got no pictures"),
        MovieWriter(tmp_path / "a.mp4", Fraction(25), MovieForm.CLOSE),
    ):
        pass
    with pytest.raises(UnsupportedConfig, match="frame rate is 0"):
        MovieWriter(tmp_path / "a.mp4", Fraction(0), MovieForm.CLOSE)
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_block_keeps_the_older_video(tmp_path) -> None:
    path = written(tmp_path / "a.mp4", MovieForm.GRAY, [ramp()[..., 0]])
    before = path.read_bytes()

    def stopped() -> Iterator[np.ndarray]:
        yield ramp()[..., 1]
        raise KeyError("stopped")

    with pytest.raises(KeyError):
        written(path, MovieForm.GRAY, stopped())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_and_a_full_disk_are_named(tmp_path, monkeypatch) -> None:
    with (
        pytest.raises(ContainerError, match=r"nowhere.* cannot be written.*run the command again"),
        MovieWriter(tmp_path / "nowhere" / "a.mp4", Fraction(25), MovieForm.CLOSE) as writer,
    ):
        writer.write(ramp())

    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ContainerError, match="No space left on device"):
        written(tmp_path / "a.mp4", MovieForm.CLOSE, [ramp()])
    assert not list(tmp_path.iterdir())


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_color_comes_back_within_two_codes(color) -> None:
    planes = _to_planes(np.full((2, 2, 3), color, np.uint8))
    luma, blue, red = (float(plane[0, 0]) for plane in planes)
    # ITU-R BT.709, full range, the other way around.
    back_red = luma + 1.5748 * (red - 128)
    back_blue = luma + 1.8556 * (blue - 128)
    back_green = (luma - 0.2126 * back_red - 0.0722 * back_blue) / 0.7152
    assert np.array([back_red, back_green, back_blue]) == pytest.approx(color, abs=2)


def test_a_still_scene_costs_next_to_nothing(tmp_path) -> None:
    one = written(tmp_path / "one.mp4", MovieForm.CLOSE, [ramp()])
    many = written(tmp_path / "many.mp4", MovieForm.CLOSE, [ramp()] * 24)
    assert many.stat().st_size < 4 * one.stat().st_size


def test_a_writer_takes_pictures_of_any_memory_layout(tmp_path) -> None:
    turned = np.asfortranarray(ramp())
    flipped = ramp()[::-1, ::-1][::-1, ::-1]
    for form in (MovieForm.CLOSE, MovieForm.EXACT):
        back = read(written(tmp_path / f"{form.value}.mp4", form, [turned, flipped]))
        assert np.array_equal(back[0], back[1]) or psnr(back[0], back[1]) > 45
        assert psnr(back[0], ramp()) > 45
