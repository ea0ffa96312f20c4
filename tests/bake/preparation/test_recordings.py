"""Videos of a rig: found by name, checked before work, and decoded by whoever can."""

from pathlib import Path

import numpy as np
import pytest

from bake.errors import CaptureError
from bake.preparation.recordings import find_videos, open_recordings
from hwcodec import MovieDecoder
from hwcodec.backends import libav
from tests.bake.preparation.conftest import write_movie

GRAY = [np.full((32, 48, 3), 90, np.uint8)] * 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cam1", "cam0"):
        write_movie(tmp_path / f"rig/{name}.mp4", GRAY)
    return tmp_path / "rig"


def test_folders_and_files_give_cameras_in_order(folder, tmp_path) -> None:
    extra = write_movie(tmp_path / "side.mp4", GRAY)
    found = find_videos([extra, folder])
    assert list(found) == ["cam0", "cam1", "side"]
    assert list(find_videos([folder, folder / "cam0.mp4"])) == ["cam0", "cam1"]


def test_missing_empty_and_doubled_places_are_named(folder, tmp_path) -> None:
    with pytest.raises(CaptureError, match=r"no video at .*nowhere"):
        find_videos([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CaptureError, match=r"no video at .*empty"):
        find_videos([tmp_path / "empty"])
    other = write_movie(tmp_path / "other/cam0.mp4", GRAY)
    with pytest.raises(CaptureError, match="are both videos of camera cam0"):
        find_videos([folder, other])


def test_a_decoder_is_chosen_once_for_each_kind_of_video(folder) -> None:
    write_movie(folder / "wide.mp4", [np.zeros((32, 64, 3), np.uint8)] * 3)
    asked: list[str] = []

    def choose(path: Path, wanted: str) -> MovieDecoder:
        asked.append(f"{path.stem} {wanted}")
        return MovieDecoder(None, "a test")

    found = open_recordings(find_videos([folder]), "auto", choose)
    assert asked == ["cam0 auto", "wide auto"]
    assert found["cam1"].size == (48, 32)
    assert {recording.decoder.reason for recording in found.values()} == {"a test"}


def test_a_decoder_that_is_none_is_refused(folder) -> None:
    with pytest.raises(CaptureError, match="decoder is 'gpu', expected auto, software"):
        open_recordings(find_videos([folder]), "gpu")


def test_a_device_of_a_decoder_is_the_one_that_reads(folder, monkeypatch) -> None:
    opened: list[str | None] = []
    real = libav.open_movie

    def watch(path: Path, device: str | None = None) -> object:
        opened.append(device)
        return real(path)

    monkeypatch.setattr(libav, "open_movie", watch)
    found = open_recordings(
        find_videos([folder]), "auto", lambda *_: MovieDecoder("cuda", "a test")
    )
    assert found["cam0"].movie.device == "cuda"
    assert found["cam0"].decoder.name == "cuda"
    assert "cuda" in opened


@pytest.mark.parametrize(("number", "words"), [(16, "PQ"), (18, "HLG"), (8, "linear light")])
def test_colors_far_from_srgb_are_refused(folder, number, words) -> None:
    path = folder / "cam2.mp4"
    with libav.av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.color_trc = number
        frame = libav.av.VideoFrame.from_ndarray(GRAY[0], format="rgb24")
        file.mux(stream.encode(frame.reformat(format="yuv420p", dst_color_trc=number)))
        file.mux(stream.encode())
    with pytest.raises(CaptureError, match=rf"camera cam2 states {words}.*export it as BT\.709"):
        open_recordings(find_videos([folder]), "software")


def test_what_cannot_be_decoded_is_named_before_any_work(folder) -> None:
    (folder / "cam2.mp4").write_bytes(b"\0" * 300)
    with pytest.raises(CaptureError, match=r"cam2\.mp4 cannot be read as a video"):
        open_recordings(find_videos([folder]), "software")
