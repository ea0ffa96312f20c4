"""Whether a video shows masks is looked at before the work: what passes, and what is named."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.errors import CaptureError
from bake.preparation.masks import check_mask_video
from hwcodec import MovieForm, MovieWriter, open_movie
from tests.bake.preparation.conftest import Studio, write_movie

SIDE = 96
Picture = np.ndarray


def mask(blur: float = 1.0) -> Picture:
    hard = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(hard, (SIDE // 2, SIDE // 2), SIDE // 4, 255, -1)
    gray = np.rint(cv2.GaussianBlur(hard, (0, 0), blur)).astype(np.uint8)
    return np.repeat(gray[..., None], 3, 2)


def subject(color: tuple[int, int, int], behind: int = 255) -> Picture:
    alpha = mask()[..., :1] / 255
    return np.rint(alpha * np.array(color) + (1 - alpha) * behind).astype(np.uint8)


def checked(path: Path, picture: Picture, crf: int = 8) -> None:
    with open_movie(write_movie(path, [picture] * 4, crf=crf)) as movie:
        check_mask_video(movie, "cam0")


@pytest.mark.parametrize(
    "picture",
    [
        mask(),
        mask(blur=8),
        np.rint(16 + mask() * (219 / 255)).astype(np.uint8),
        np.zeros((SIDE, SIDE, 3), np.uint8),
        np.full((SIDE, SIDE, 3), 255, np.uint8),
        subject((200, 206, 200), behind=0),
    ],
    ids=["sharp", "soft", "limited range", "nobody", "everything", "a tint"],
)
@pytest.mark.parametrize("crf", [8, 40])
def test_masks_pass_whatever_their_edges_range_and_coding(tmp_path, picture, crf) -> None:
    checked(tmp_path / "m.mp4", picture, crf)


def test_our_own_gray_masks_pass(tmp_path) -> None:
    with MovieWriter(tmp_path / "m.mp4", Fraction(25), MovieForm.GRAY) as writer:
        writer.write(mask()[..., 0])
    with open_movie(tmp_path / "m.mp4") as movie:
        check_mask_video(movie, "cam0")


@pytest.mark.parametrize("behind", [255, 0, 128])
def test_color_is_named_with_the_video_and_what_to_do(tmp_path, behind) -> None:
    with pytest.raises(
        CaptureError,
        match=r"m\.mp4 is no video of masks of camera cam0: \d+\.\d% of the pixels have color in "
        r"picture 0, expected gray pictures.*check --masks, or .*--chroma-key or --clean-plate",
    ):
        checked(tmp_path / "m.mp4", subject((190, 120, 100), behind))


def test_gray_pictures_of_all_tones_are_no_masks(tmp_path) -> None:
    ramp = np.tile(np.linspace(0, 255, SIDE).astype(np.uint8)[None, :, None], (SIDE, 1, 3))
    with pytest.raises(CaptureError, match=r"[45]\d% of the pixels are neither nearly black nor"):
        checked(tmp_path / "m.mp4", ramp)


def late_color(count: int) -> list[Picture]:
    return [np.full((SIDE, SIDE, 3), 255, np.uint8)] * (count - 1) + [subject((190, 120, 100))]


def test_color_that_comes_late_is_seen_and_the_decoder_is_closed(tmp_path, monkeypatch) -> None:
    movie = open_movie(write_movie(tmp_path / "m.mp4", late_color(9)))
    closed: list[bool] = []
    close: Callable[[], None] = movie.close
    monkeypatch.setattr(movie, "close", lambda: (closed.append(True), close()))
    with pytest.raises(CaptureError, match="have color in picture 8"):
        check_mask_video(movie, "cam0")
    assert closed


def test_masks_that_cannot_be_decoded_name_their_camera(tmp_path, monkeypatch) -> None:
    movie = open_movie(write_movie(tmp_path / "m.mp4", [mask()] * 3))
    (tmp_path / "m.mp4").write_bytes(b"\0" * 99)
    with pytest.raises(CaptureError, match="the masks of camera cam0: "):
        check_mask_video(movie, "cam0")


def test_videos_given_as_their_own_masks_are_refused_before_work(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    assert studio.prepare("--masks", str(studio.videos)) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"error: {studio.videos / 'cam0.mp4'} is no video of masks")
    assert not list(studio.folder.glob("*out*"))
