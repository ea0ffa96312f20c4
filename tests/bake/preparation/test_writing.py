"""Videos of one camera: what is written, what of an earlier run is believed, and what it kept."""

import errno
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import ArtifactError, CaptureError
from bake.preparation import writing
from bake.preparation.masks import VideoMasker
from bake.preparation.recordings import open_recordings
from bake.preparation.shots import CameraShots
from bake.preparation.writing import (
    EXACT_DB,
    CameraTarget,
    finished,
    mean_psnr_db,
    psnr_db,
    write_camera,
)
from hwcodec import MovieForm, open_movie
from tests.bake.preparation.conftest import write_movie

SIZE, COUNT = 32, 7


def picture(frame: int) -> np.ndarray:
    rgb = np.full((SIZE, SIZE, 3), 60 + 10 * frame, np.uint8)
    rgb[8:24, 8:24] = (180, 90, 60)
    return rgb


@pytest.fixture
def shots(tmp_path: Path) -> CameraShots:
    """Every second picture of a video, with masks."""
    video = write_movie(tmp_path / "cam0.mp4", [picture(frame) for frame in range(2 * COUNT)])
    mask = np.zeros((SIZE, SIZE, 3), np.uint8)
    mask[8:24, 8:24] = 255
    masks = open_movie(write_movie(tmp_path / "mask.mp4", [mask] * 2 * COUNT))
    recording = open_recordings({"cam0": video}, "software")["cam0"]

    def cut(pixels: np.ndarray) -> np.ndarray:
        return pixels[4:28, 2:30]

    return CameraShots(recording, range(0, 2 * COUNT, 2), cut, VideoMasker(masks, cut))


@pytest.fixture
def target(tmp_path: Path) -> CameraTarget:
    return CameraTarget(tmp_path / "work", "cam0", "key", Fraction(25), MovieForm.CLOSE)


def test_color_and_masks_are_written_as_picked_and_cut(shots, target) -> None:
    written = write_camera(shots, target)
    with open_movie(target.folder / target.video) as video:
        assert (video.facts.width, video.facts.height) == (28, 24)
        assert video.facts.frame_count == COUNT
        assert video.read(3)[10, 10].tolist() == pytest.approx([180, 90, 60], abs=4)
    with open_movie(target.folder / target.mask) as masks:
        assert masks.facts.frame_count == COUNT
        alpha = masks.read(3)[..., 1]
        assert alpha[10, 10] == 255
        assert alpha[0, 0] == 0
    assert written.video_bytes == (target.folder / target.video).stat().st_size
    assert written.mask_bytes == (target.folder / target.mask).stat().st_size
    assert 40 < written.psnr_db < EXACT_DB


def test_without_masks_there_is_one_video(shots, target) -> None:
    plain = replace(shots, masker=None)
    written = write_camera(plain, replace(target, form=MovieForm.EXACT))
    assert (written.mask_bytes, written.psnr_db) == (0, EXACT_DB)
    with open_movie(target.folder / target.video) as video:
        for frame in (6, 0, 2):
            assert np.array_equal(video.read(frame), plain.read(frame))


def test_a_finished_camera_is_believed_by_key_and_sizes_alone(shots, target) -> None:
    assert finished(target) is None
    written = write_camera(shots, target)
    assert finished(target) == written
    assert finished(replace(target, key="other")) is None
    (target.folder / target.video).write_bytes(b"shorter")
    assert finished(target) is None
    write_camera(shots, target)
    (target.folder / target.mask).unlink()
    assert finished(target) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"key": 3}', "\0", '{"key":"key","video_bytes":-1}']
)
def test_a_damaged_record_means_that_the_camera_is_written_again(shots, target, text) -> None:
    write_camera(shots, target)
    target.record.write_text(text)
    assert finished(target) is None


def test_the_record_goes_before_the_videos_change(shots, target, monkeypatch) -> None:
    write_camera(shots, target)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CameraShots, "read", stop)
    with pytest.raises(KeyboardInterrupt):
        write_camera(shots, target)
    assert not target.record.exists()
    assert finished(target) is None


def test_a_disk_that_refuses_is_one_sentence(shots, target, monkeypatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(writing, "replace_file", refuse)
    with pytest.raises(ArtifactError, match=r"cannot write to .*work: No space left.*to go on"):
        write_camera(shots, target)
    blocked = replace(target, folder=target.folder / "video/cam0.mp4")
    with pytest.raises(ArtifactError, match="cannot write to"):
        write_camera(shots, blocked)


def test_a_picture_that_cannot_be_decoded_names_its_camera(shots, target) -> None:
    beyond = replace(shots, picks=(0, 99))
    with pytest.raises(CaptureError, match=r"camera cam0: .*has no picture 99"):
        write_camera(beyond, target)
    assert not (target.folder / target.video).exists()


def test_the_record_is_plain_json(shots, target) -> None:
    write_camera(shots, target)
    record = json.loads(target.record.read_text())
    assert record["key"] == "key"
    assert record.keys() == {"key", "video_bytes", "mask_bytes", "psnr_db"}


@given(st.floats(0.01, 1e9), st.integers(1, 10**9))
def test_psnr_is_the_definition(squares, count) -> None:
    mse = squares / count
    assert psnr_db(squares, count) == pytest.approx(min(EXACT_DB, 10 * np.log10(255**2 / mse)))


def test_psnr_of_equal_pictures_and_of_no_pixels_is_exact() -> None:
    assert psnr_db(0, 100) == psnr_db(0, 0) == EXACT_DB
    assert mean_psnr_db([EXACT_DB, EXACT_DB]) == EXACT_DB


@given(st.lists(st.floats(20, 60), min_size=1, max_size=9))
def test_the_mean_of_psnrs_is_that_of_the_errors(values) -> None:
    mean = mean_psnr_db(values)
    assert min(values) - 1e-9 <= mean <= max(values) + 1e-9
    assert mean == pytest.approx(-10 * np.log10(np.mean([10 ** (-v / 10) for v in values])))
