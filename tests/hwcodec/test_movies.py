"""Any maker's video, picture by picture: the right one in any order, its colors, and damage."""

import random
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from hwcodec import BitstreamError, UnsupportedConfig, open_movie, write_rgb_video
from hwcodec.backends import libav

COUNT, ROWS, COLUMNS = 40, 48, 64
Write = Callable[..., Path]


def picture(index: int) -> np.ndarray:
    """A gray level per picture, and a red corner."""
    rgb = np.full((ROWS, COLUMNS, 3), 20 + 5 * index, np.uint8)
    rgb[:16, :16] = (200, 30, 30)
    return rgb


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie") / "cam.mp4"
    write_rgb_video(path, map(picture, range(COUNT)), Fraction(30))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Videos of other makers: any encoder and container that this build of FFmpeg writes."""
    folder = tmp_path_factory.mktemp("made")

    def write(name: str, encoder: str = "libx264", **options: str) -> Path:
        path = folder / name
        if path.is_file():
            return path
        with libav.av.open(str(path), "w") as file:
            stream = file.add_stream(encoder, rate=Fraction(30000, 1001), options=options)
            stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "yuv420p"
            for index in range(COUNT):
                frame = libav.av.VideoFrame.from_ndarray(picture(index), format="rgb24")
                file.mux(stream.encode(frame.reformat(format="yuv420p")))
            file.mux(stream.encode())
        return path

    return write


def level(rgb: np.ndarray) -> float:
    return float(rgb[24:40, 24:].mean())


def test_facts_are_those_of_the_file(movie) -> None:
    facts = open_movie(movie).facts
    assert (facts.width, facts.height, facts.frame_count) == (COLUMNS, ROWS, COUNT)
    assert facts.frame_rate == 30
    assert facts.codec == "h264"
    assert facts.keys[0] == 0


@pytest.mark.parametrize("order", ["forward", "backward", "random", "twice"])
def test_every_picture_is_the_one_that_was_asked_for(movie, order) -> None:
    orders = {
        "forward": list(range(COUNT)),
        "backward": list(range(COUNT))[::-1],
        "random": random.Random(1).sample(range(COUNT), COUNT),
        "twice": [5, 5, 6, 0, 0, COUNT - 1, COUNT - 1, 3],
    }
    with open_movie(movie) as opened:
        for index in orders[order]:
            assert level(opened.read(index)) == pytest.approx(20 + 5 * index, abs=2)


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("open.mp4", "libx264", {"x264-params": "open-gop=1:keyint=7:bframes=3"}),
        ("key.mkv", "libx264", {"g": "1"}),
        ("long.mov", "libx264", {"g": "250", "bf": "3"}),
        ("hevc.mp4", "libx265", {"x265-params": "keyint=9:log-level=none"}),
        ("web.webm", "libvpx-vp9", {"g": "8"}),
        ("old.avi", "mpeg4", {"g": "6"}),
    ],
)
def test_other_makers_files_are_read_in_any_order(made, name, encoder, options) -> None:
    with open_movie(made(name, encoder, **options)) as opened:
        assert opened.facts.frame_count == COUNT
        assert abs(float(opened.facts.frame_rate) - 29.97) < 0.1
        for index in random.Random(2).sample(range(COUNT), COUNT):
            assert level(opened.read(index)) == pytest.approx(20 + 5 * index, abs=4)


def test_colors_are_those_that_were_written(movie) -> None:
    with open_movie(movie) as opened:
        corner = opened.read(0)[2:12, 2:12].mean((0, 1))
    assert corner == pytest.approx([200, 30, 30], abs=4)


def test_a_closed_movie_opens_again(movie) -> None:
    opened = open_movie(movie)
    first = opened.read(9)
    opened.close()
    opened.close()
    assert np.array_equal(opened.read(9), first)
    opened.close()


@pytest.mark.parametrize("index", [-1, COUNT])
def test_a_picture_that_does_not_exist_is_refused(movie, index) -> None:
    with pytest.raises(UnsupportedConfig, match=rf"no picture {index}, expected 0..{COUNT - 1}"):
        open_movie(movie).read(index)


@pytest.mark.parametrize("data", [b"", b"no video at all", b"\0" * 5000])
def test_what_is_no_video_is_refused(tmp_path, data) -> None:
    path = tmp_path / "cam.mp4"
    path.write_bytes(data)
    with pytest.raises(BitstreamError, match=r"copy it again or convert it|holds no video"):
        open_movie(path)
    with pytest.raises(BitstreamError, match="cannot be read as a video"):
        open_movie(tmp_path / "missing.mp4")


def test_damage_is_named_or_decoded_but_never_crashes(movie, tmp_path) -> None:
    whole, path = movie.read_bytes(), tmp_path / "cam.mp4"
    generator = random.Random(3)
    for _ in range(60):
        data = bytearray(whole)
        place = generator.randrange(len(data))
        if generator.random() < 0.3:
            del data[place:]
        else:
            data[place : place + 4] = generator.randbytes(4)
        path.write_bytes(bytes(data))
        with suppress(BitstreamError, UnsupportedConfig), open_movie(path) as opened:
            for index in (0, 20, 39):
                opened.read(index)


def filmed_lying(path: Path, degrees: float) -> Path:
    with libav.av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "yuv420p"
        stream.set_display_rotation(degrees)
        for index in range(6):
            frame = libav.av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_a_video_that_asks_to_be_turned_is_turned_as_others_do_it(tmp_path, degrees) -> None:
    path = filmed_lying(tmp_path / "phone.mp4", degrees)
    others = cv2.VideoCapture(str(path))
    with open_movie(path) as opened:
        for index in range(6):
            is_there, shown = others.read()
            assert is_there
            expected = cv2.cvtColor(shown, cv2.COLOR_BGR2RGB).astype(int)
            found = opened.read(index)
            assert found.flags.c_contiguous
            assert found.shape == expected.shape
            assert (opened.facts.height, opened.facts.width) == expected.shape[:2]
            # Two ways from coded chroma to colors; the red corner stands elsewhere by far more.
            assert np.abs(found - expected).mean() < 4
    others.release()


def test_a_turn_that_is_no_quarter_is_refused(tmp_path) -> None:
    path = filmed_lying(tmp_path / "leaning.mp4", 30)
    with pytest.raises(
        UnsupportedConfig, match=r"turned by -?(29|30) degrees, expected a multiple"
    ):
        open_movie(path)


def test_chroma_is_smooth_between_its_samples(made) -> None:
    """The nearest chroma would repeat itself in every second column."""
    with open_movie(made("smooth.mp4")) as opened:
        rgb = opened.read(3).astype(int)
    redness = rgb[2:12, :, 0] - rgb[2:12, :, 1]
    steps = np.abs(np.diff(redness, axis=1))[:, 8:28]
    pairs = np.abs(redness[:, 8:28:2] - redness[:, 9:29:2])
    assert steps.max() > 20
    assert pairs.max() > 5
