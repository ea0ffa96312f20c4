"""Who decodes an ordinary video: devices are tried, compared with the processor, and named."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hwcodec import (
    BitstreamError,
    MovieForm,
    MovieWriter,
    UnsupportedConfig,
    choose_movie_decoder,
    open_movie,
)
from hwcodec.movie_decoders import DEVICES, Reader

TRUE = np.full((8, 8, 3), 90, np.uint8)


def reader(answers: dict[str, object]) -> Reader:
    """Devices that show a picture or raise; the processor always shows the true one."""

    def read(path: Path, device: str | None) -> np.ndarray:
        answer = TRUE if device is None else answers[device]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return read


def choose(wanted: str, answers: dict[str, object]) -> tuple[str, str]:
    known = tuple(answers)
    found = choose_movie_decoder(Path("a.mp4"), wanted, known=known, read=reader(answers))
    return found.name, found.reason


def test_the_first_device_that_shows_the_same_picture_decodes() -> None:
    found = choose("auto", {"vaapi": TRUE, "cuda": OSError("no driver"), "videotoolbox": TRUE + 1})
    assert found == ("videotoolbox", "its first picture is that of the processor")


def test_a_device_with_another_picture_size_or_failure_is_passed_over_with_its_reason() -> None:
    answers = {"cuda": TRUE + 90, "vaapi": TRUE[:4], "qsv": RuntimeError("broken\n driver")}
    name, reason = choose("auto", answers)
    assert name == "software"
    assert "cuda: its picture differs by 90.0" in reason
    assert "vaapi: it shows (4, 8, 3), the processor (8, 8, 3)" in reason
    assert "qsv: broken driver" in reason


def test_a_build_without_devices_says_so() -> None:
    name, reason = choose("auto", {})
    assert (name, reason) == ("software", f"this build of FFmpeg has none of {', '.join(DEVICES)}")


def test_software_may_be_asked_for_and_nothing_is_tried() -> None:
    assert choose("software", {"cuda": TRUE}) == ("software", "asked for")


def test_a_device_that_was_asked_for_is_taken_or_refused_but_not_replaced() -> None:
    assert choose("vaapi", {"cuda": TRUE, "vaapi": TRUE})[0] == "vaapi"
    with pytest.raises(UnsupportedConfig, match=r"not decoded by cuda here \(cuda: no driver\)"):
        choose("cuda", {"cuda": OSError("no driver"), "vaapi": TRUE})
    with pytest.raises(UnsupportedConfig, match=r"decoder is 'gpu', expected auto, software, cuda"):
        choose("gpu", {})


def test_a_real_file_is_decoded_by_whatever_there_is(tmp_path) -> None:
    path = tmp_path / "a.mp4"
    with MovieWriter(path, Fraction(25), MovieForm.CLOSE) as writer:
        writer.write(np.full((64, 64, 3), 90, np.uint8))
    chosen = choose_movie_decoder(path)
    assert chosen.reason
    with open_movie(path, chosen.device) as movie:
        assert abs(movie.read(0).mean() - 90) < 2
    with pytest.raises(UnsupportedConfig, match="not decoded by d3d11va here"):
        choose_movie_decoder(path, "d3d11va", known=("d3d11va",))


def test_what_the_processor_cannot_decode_is_an_error(tmp_path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(BitstreamError, match="cannot be read as a video"):
        choose_movie_decoder(tmp_path / "a.mp4", known=("cuda",))
