"""Videos for people, read back with another reader: colors, sizes, times, and what may go wrong."""

import os
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hwcodec import ContainerError, UnsupportedConfig, write_rgb_video
from hwcodec.viewing import to_yuv420

av = pytest.importorskip("av")

Picture8 = NDArray[np.uint8]
RATE = Fraction(25)
PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7), st.just(3)))


def flat(color: tuple[int, int, int], rows: int = 32, columns: int = 32) -> Picture8:
    return np.full((rows, columns, 3), color, np.uint8)


def to_rgb(luma: float, blueness: float, redness: float) -> NDArray[np.float64]:
    """ITU-R BT.709 the other way, from limited range."""
    y, b, r = (luma - 16) / 219, (blueness - 128) / 224, (redness - 128) / 224
    red, blue = y + 1.5748 * r, y + 1.8556 * b
    return 255 * np.array([red, (y - 0.2126 * red - 0.0722 * blue) / 0.7152, blue])


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    """Luma and chroma planes below each other, as the decoder has them."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]


def planes_of(stacked: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    rows, columns = stacked.shape[0] * 2 // 3, stacked.shape[1]
    chroma = stacked[rows:].reshape(2, rows // 2, columns // 2)
    return stacked[:rows], chroma[0], chroma[1]


@given(color=st.tuples(*[st.integers(0, 255)] * 3))
def test_every_color_comes_back_from_its_planes_within_rounding(color) -> None:
    codes = (float(plane[0, 0]) for plane in to_yuv420(flat(color, 2, 2)))
    # Half a code of each plane, times the largest factor a difference has in a color.
    assert np.abs(to_rgb(*codes) - color).max() <= 255 * (0.5 / 219 + 0.5 * 1.8556 / 224) + 1e-3


@given(PICTURES)
def test_no_picture_leaves_the_limited_range(rgb) -> None:
    luma, *chroma = to_yuv420(rgb)
    assert 16 <= luma.min() <= luma.max() <= 235
    assert all(16 <= plane.min() <= plane.max() <= 240 for plane in chroma)


@given(PICTURES)
def test_chroma_is_the_mean_over_squares_of_four_pixels(rgb) -> None:
    luma, blueness, redness = to_yuv420(rgb)
    even = rgb[np.minimum(np.arange(luma.shape[0]), len(rgb) - 1)]
    even = even[:, np.minimum(np.arange(luma.shape[1]), rgb.shape[1] - 1)] / 255.0
    light = even @ (0.2126, 0.7152, 0.0722)
    assert np.abs(luma - (16 + 219 * light)).max() <= 0.501
    for y, x in product(*map(range, blueness.shape)):
        square = np.s_[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        blue = (even[square][..., 2] - light[square]).mean() / 1.8556
        red = (even[square][..., 0] - light[square]).mean() / 1.5748
        assert blueness[y, x] == pytest.approx(128 + 224 * blue, abs=0.501)
        assert redness[y, x] == pytest.approx(128 + 224 * red, abs=0.501)


def test_grays_have_no_color_and_rise_strictly_with_their_code() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 2)[None, :, None].repeat(2, 0).repeat(3, 2)
    luma, blueness, redness = to_yuv420(ramp)
    assert (blueness == 128).all()
    assert (redness == 128).all()
    steps = np.diff(luma[0, ::2].astype(int))
    assert (luma[0, 0], luma[0, -1]) == (16, 235)
    assert ((steps == 0) | (steps == 1)).all()


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40)])
def test_another_reader_sees_the_color_that_was_written(tmp_path, color) -> None:
    write_rgb_video(tmp_path / "a.mp4", [flat(color)] * 2, RATE)
    for stacked in decoded(tmp_path / "a.mp4"):
        codes = [float(np.median(plane)) for plane in planes_of(stacked)]
        assert np.abs(to_rgb(*codes) - color).max() < 5


def test_the_file_says_which_colors_it_means(tmp_path) -> None:
    write_rgb_video(tmp_path / "a.mp4", [flat((9, 99, 199))] * 3, RATE)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (stream.codec_context.name, context.pix_fmt) == ("h264", "yuv420p")
        limited, bt709 = 1, 1
        for frame in container.decode(video=0):
            assert (frame.color_range, frame.colorspace) == (limited, bt709)
        assert (context.color_primaries, context.color_trc) == (bt709, bt709)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(1, 2)], ids=str)
def test_pictures_are_shown_in_order_at_the_asked_rate(tmp_path, rate) -> None:
    levels = [20, 220, 60, 180, 100, 140, 240, 30, 90, 200]
    write_rgb_video(tmp_path / "a.mp4", (flat((level,) * 3) for level in levels), rate)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        frames = list(container.decode(stream))
        times = [frame.pts * frame.time_base * rate for frame in frames]
    assert times == list(range(10))
    for frame, level in zip(frames, levels, strict=True):
        luma = frame.to_ndarray(format="yuv420p")[:32].mean()
        assert luma == pytest.approx(16 + 219 * level / 255, abs=2)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (17, 16), (16, 17), (33, 35)])
def test_odd_sizes_gain_one_row_or_column_and_keep_their_content(tmp_path, rows, columns) -> None:
    y, x = np.mgrid[:rows, :columns]
    rgb = np.stack([7 * x, 7 * y, 128 + 0 * x], axis=2).astype(np.uint8)
    write_rgb_video(tmp_path / "a.mp4", [rgb], RATE)
    (stacked,) = decoded(tmp_path / "a.mp4")
    luma, expected = planes_of(stacked)[0].astype(int), to_yuv420(rgb)[0].astype(int)
    assert luma.shape == (rows + rows % 2, columns + columns % 2)
    assert np.abs(luma - expected).mean() < 3


def test_a_renderer_may_draw_every_picture_into_the_same_memory(tmp_path) -> None:
    def reused():  # noqa: ANN202
        canvas = flat((0, 0, 0))
        for level in (30, 120, 210):
            canvas[:] = level
            yield canvas

    write_rgb_video(tmp_path / "a.mp4", reused(), RATE)
    means = [stacked[:32].mean() for stacked in decoded(tmp_path / "a.mp4")]
    assert means == pytest.approx([16 + 219 * level / 255 for level in (30, 120, 210)], abs=2)


def test_the_memory_layout_of_a_picture_does_not_matter(tmp_path) -> None:
    plain = np.random.default_rng(0).integers(0, 256, (18, 22, 3), np.uint8)
    wide = np.zeros((18, 44, 3), np.uint8)
    wide[:, ::2] = plain
    layouts = [plain, plain[..., ::-1].copy()[..., ::-1], plain[::-1].copy()[::-1], wide[:, ::2]]
    layouts += [np.asfortranarray(plain), plain.transpose(1, 0, 2).copy().transpose(1, 0, 2)]
    for index, layout in enumerate(layouts):
        write_rgb_video(tmp_path / f"{index}.mp4", [layout], RATE)
    files = {(tmp_path / f"{index}.mp4").read_bytes() for index in range(len(layouts))}
    assert len(files) == 1


@pytest.mark.parametrize("name", ["12:30.mp4", "file:a.mp4", "http:x.mp4", "a%03d.mp4"])
def test_a_relative_name_is_a_file_whatever_stands_before_a_colon(
    tmp_path, monkeypatch, name
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rgb_video(name, [flat((1, 2, 3))], RATE)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert b"moov" in (tmp_path / name).read_bytes()


def test_a_missing_folder_is_named_and_not_made(tmp_path) -> None:
    with pytest.raises(ContainerError, match=r"no/a\.mp4 cannot be written: No such file"):
        write_rgb_video(tmp_path / "no" / "a.mp4", [flat((1, 2, 3))], RATE)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_older_video_and_nothing_else(tmp_path, monkeypatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.mp4").write_bytes(b"older")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ContainerError, match=r"No space left.*before is untouched"):
        write_rgb_video(tmp_path / "a.mp4", [flat((1, 2, 3))], RATE)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"older"}


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.int16),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 0, 3), np.uint8),
        np.zeros((), np.uint8),
    ],
    ids=["gray", "four channels", "wide codes", "no rows", "no columns", "a number"],
)
def test_a_first_picture_of_another_form_is_refused_before_a_file_exists(tmp_path, picture) -> None:
    with pytest.raises(UnsupportedConfig, match=r"picture 0 is .*expected uint8"):
        write_rgb_video(tmp_path / "a.mp4", [picture, flat((1, 2, 3), 8, 8)], RATE)
    assert not list(tmp_path.iterdir())
