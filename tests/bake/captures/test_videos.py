"""The reader of videos, and what cameras of video captures cannot be."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bake.captures.neural3d import read_poses_bounds
from bake.captures.videos import CameraVideo, VideoReader, open_video, shared_frames, videos_in
from bake.errors import CaptureError
from hwcodec import BitstreamError, Movie, write_rgb_video
from render.cameras import Camera
from tests.bake.captures.test_video_captures import opened, write_rerf

SIZE = 32
CAMERA = Camera(SIZE, SIZE, 30.0, 30.0, 16.0, 16.0, np.eye(4))


def video(path: Path, count: int, level: int = 90) -> Path:
    rgb = np.full((SIZE, SIZE, 3), level, np.uint8)
    write_rgb_video(path, [rgb] * count, Fraction(30))
    return path


def test_masks_are_joined_as_opacity(tmp_path) -> None:
    movie, mask = (open_video(video(tmp_path / f"{n}.mp4", 3, n)) for n in (90, 200))
    reader = VideoReader([CameraVideo(movie, mask)], [CAMERA])
    assert reader.inspect(range(3))
    pixels = reader.read(2, 0)
    assert pixels.shape == (SIZE, SIZE, 4)
    assert pixels[5, 5].tolist() == pytest.approx([90, 90, 90, 200], abs=2)


def test_masks_are_decoded_a_run_at_a_time_and_leave_no_decoder_open(tmp_path, monkeypatch) -> None:
    levels = [0, 60, 120, 180, 240]
    pictures = [np.full((SIZE, SIZE, 3), level, np.uint8) for level in levels]
    write_rgb_video(tmp_path / "mask.mp4", pictures, Fraction(30))
    masks = open_video(tmp_path / "mask.mp4")
    both = CameraVideo(open_video(video(tmp_path / "cam.mp4", 5)), masks)
    reader = VideoReader([both], [CAMERA])
    for most_ahead, kept in ((48, {1, 2, 3, 4}), (2, {3, 4})):
        monkeypatch.setattr("bake.captures.videos._MOST_AHEAD", most_ahead)
        both.packed.clear()
        for frame in (0, 1, 2, 3, 4):
            assert int(reader.read(frame, 0)[5, 5, 3]) == pytest.approx(levels[frame], abs=2)
        assert both.packed.keys() == kept
        assert masks._file is None
        assert sum(map(len, both.packed.values())) < len(kept) * SIZE * SIZE / 10
    assert int(reader.read(1, 0)[0, 0, 3]) == pytest.approx(60, abs=2)
    assert both.packed.keys() == {1}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ([0], {0}),
        ([0, 1], {1, 2, 3, 4, 5, 6, 7, 8}),
        ([0, 3], {3, 4, 5, 6, 7, 8}),
        ([0, 4], {4}),
        ([3, 2], {2}),
        ([0, 8], {8}),
        ([0, 1, 8, 0], {0}),
    ],
)
def test_who_leaps_through_masks_gets_one_at_a_time(tmp_path, monkeypatch, asked, kept) -> None:
    monkeypatch.setattr("bake.captures.videos._NEAR", 3)
    pictures = [np.full((SIZE, SIZE, 3), 25 * index, np.uint8) for index in range(9)]
    write_rgb_video(tmp_path / "mask.mp4", pictures, Fraction(30))
    both = CameraVideo(
        open_video(video(tmp_path / "cam.mp4", 9)), open_video(tmp_path / "mask.mp4")
    )
    reader = VideoReader([both], [CAMERA])
    for frame in asked:
        assert int(reader.read(frame, 0)[5, 5, 3]) == pytest.approx(25 * frame, abs=2)
    assert both.packed.keys() == kept


def test_a_run_of_masks_ends_where_they_are_damaged_or_large(tmp_path, monkeypatch) -> None:
    class Torn:
        """Noise up to the third picture."""

        def __init__(self, movie: Movie) -> None:
            self.facts, self.path = movie.facts, movie.path

        def read(self, index: int) -> np.ndarray:
            if index == 3:
                raise BitstreamError("picture 3 is torn")
            return np.random.default_rng(index).integers(0, 256, (SIZE, SIZE, 3), np.uint8)

        def close(self) -> None:
            """Nothing is open."""

    movie = open_video(video(tmp_path / "cam.mp4", 5))
    both = CameraVideo(movie, Torn(movie))
    reader = VideoReader([both], [CAMERA])
    reader.read(0, 0)
    reader.read(1, 0)
    assert both.packed.keys() == {1, 2}
    with pytest.raises(CaptureError, match="picture 3 is torn"):
        reader.read(3, 0)
    monkeypatch.setattr("bake.captures.videos._MOST_PACKED", 500)
    reader.read(0, 0)
    reader.read(1, 0)
    assert both.packed.keys() == {1}


def test_videos_too_short_or_of_another_size_are_named(tmp_path) -> None:
    movie = open_video(video(tmp_path / "cam.mp4", 3))
    plain = VideoReader([CameraVideo(movie)], [CAMERA])
    assert not plain.inspect(range(3))
    with pytest.raises(CaptureError, match=r"cam\.mp4 has 3 pictures, expected at least 6"):
        plain.inspect([5])
    with pytest.raises(CaptureError, match=r"cam\.mp4 is 32x32, expected 16x16"):
        VideoReader([CameraVideo(movie)], [CAMERA.scaled(0.5)]).inspect([0])
    with pytest.raises(CaptureError, match="has no picture 9"):
        plain.read(9, 0)


def test_the_shortest_video_or_mask_decides(tmp_path) -> None:
    long, short = (open_video(video(tmp_path / f"{n}.mp4", n)) for n in (5, 2))
    assert shared_frames([CameraVideo(long), CameraVideo(long, short)]) == range(2)


def test_videos_are_found_by_their_endings(tmp_path) -> None:
    for name in ("b.MP4", "a.mov", "c.txt"):
        (tmp_path / name).touch()
    assert list(videos_in(tmp_path)) == ["a", "b"]
    assert videos_in(tmp_path / "nowhere") == {}
    with pytest.raises(CaptureError, match="is missing, expected a video"):
        open_video(tmp_path / "z.mp4")


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((0, 17)),
        np.zeros((3, 16)),
        np.zeros(17),
        np.full((2, 17), np.nan),
        np.full((2, 17), 1e200),
        np.full((2, 17), "x"),
        np.array([{}]),
    ],
    ids=lambda rows: f"{rows.dtype}{rows.shape}",
)
def test_rows_that_are_no_poses_are_refused(tmp_path, rows) -> None:
    path = tmp_path / "poses_bounds.npy"
    np.save(path, rows, allow_pickle=True)
    with pytest.raises(CaptureError, match=r"poses_bounds\.npy (holds|cannot be read)"):
        read_poses_bounds(path)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("CamPose.inf", "1 2 3\n1 2 3\n", "a row of 3 numbers, expected 12"),
        ("CamPose.inf", "a b c\n", r"CamPose\.inf cannot be read"),
        ("CamPose.inf", ("nan " * 12 + "\n") * 2, "a number that is not finite"),
        ("CamPose.inf", ("1 " * 12 + "\n") * 2, "no usable camera 000"),
        ("Intrinsic.inf", "0\n1 0 1\n0 1 1\n", "not blocks of a number and three rows"),
        ("Intrinsic.inf", "0\n1 0 1\n0 1 1\n0 0 1\n", "2 poses, 1 intrinsics and 2 videos"),
    ],
)
def test_cameras_of_rerf_that_cannot_be_are_refused(tmp_path, name, text, words) -> None:
    folder = write_rerf(tmp_path / "scene")
    (folder / name).write_text(text)
    with pytest.raises(CaptureError, match=words):
        opened(folder)


def test_masks_of_some_cameras_alone_are_refused(tmp_path) -> None:
    folder = write_rerf(tmp_path / "scene")
    (folder / "mask/001.mp4").unlink()
    with pytest.raises(CaptureError, match="lacks the masks of camera 001"):
        opened(folder)
