"""Curves and pictures for TensorBoard: all figures, some pictures, and the same bake."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bake.commands import bake_sequence
from bake.config import ConfigError, load_command
from bake.errors import CaptureError
from bake.watching import tensorboard as module
from bake.watching.tensorboard import EVENT_FOLDER, TensorBoardProgress


class Events:
    """Stands for a writer of events; remembers."""

    made: list[Path]
    points: list[tuple[str, int, float]]
    pictures: list[tuple[str, int, np.ndarray]]
    flushes: list[int]

    def __init__(self, folder: Path) -> None:
        self.made.append(folder)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.points.append((tag, step, value))

    def add_image(self, tag: str, pixels: np.ndarray, step: int, dataformats: str) -> None:
        assert dataformats == "HWC"
        self.pictures.append((tag, step, pixels))

    def flush(self) -> None:
        self.flushes.append(len(self.points))


@pytest.fixture
def events(monkeypatch) -> type[Events]:
    for name in ("made", "points", "pictures", "flushes"):
        monkeypatch.setattr(Events, name, [], raising=False)
    monkeypatch.setattr(module, "_open", Events)
    return Events


def picture() -> np.ndarray:
    return np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_figures_become_curves_over_frames(tmp_path, events) -> None:
    progress = TensorBoardProgress(tmp_path, 0)
    assert events.made == []
    progress.start("atlas", 3)
    progress.advance(is_resumed=True)
    progress.advance("frame 1", psnr=31.0, estimated_bytes=900.0)
    progress.start("encode", 1)
    assert events.made == [tmp_path / EVENT_FOLDER]
    *points, (tag, step, seconds) = events.points
    assert points == [("atlas/psnr", 1, 31.0), ("atlas/estimated_bytes", 1, 900.0)]
    assert (tag, step) == ("atlas/seconds", 1)
    assert events.flushes == [3], "what a killed bake had told is in the file"
    assert seconds >= 0


def test_every_so_many_frames_there_is_a_picture_in_its_colors(tmp_path, events) -> None:
    progress = TensorBoardProgress(tmp_path, 3)
    progress.start("atlas", 7)
    drawn: list[int] = []
    for frame in range(7):
        progress.show("view", lambda: (drawn.append(0), picture())[1])
        progress.advance(psnr=float(frame))
    assert [(tag, step) for tag, step, _ in events.pictures] == [
        ("atlas/view", step) for step in (0, 3, 6)
    ]
    assert all(np.array_equal(pixels, picture()) for _, _, pixels in events.pictures)
    assert len(drawn) == 3


def test_pictures_can_be_left_out(tmp_path, events) -> None:
    progress = TensorBoardProgress(tmp_path, 0)
    progress.start("atlas", 1)
    progress.show("view", lambda: pytest.fail("drawn"))
    assert events.pictures == []


def test_a_picture_that_cannot_be_drawn_is_told_of_and_stops_nothing(
    tmp_path, events, capsys
) -> None:
    def refuse() -> np.ndarray:
        raise CaptureError("camera 3 is damaged")

    progress = TensorBoardProgress(tmp_path, 1)
    progress.start("atlas", 1)
    progress.show("view", refuse)
    assert capsys.readouterr().err == "warning: no picture of atlas 0: camera 3 is damaged\n"
    assert events.pictures == []


def test_tensorboard_reads_what_was_written(tmp_path) -> None:
    progress = TensorBoardProgress(tmp_path, 1)
    progress.start("atlas", 1)
    progress.show("view", picture)
    progress.advance(psnr=31.5)
    loader = EventAccumulator(str(tmp_path / EVENT_FOLDER))
    loader.Reload()
    (point,) = loader.Scalars("atlas/psnr")
    assert (point.step, point.value) == (0, 31.5)
    (image,) = loader.Images("atlas/view")
    pixels = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(pixels[..., ::-1], picture())


def test_without_tensorboard_a_bake_that_wants_it_ends_before_any_work(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    out = tmp_path / "scene"
    assert bake_sequence([*WORDS, f"out={out}", "log=tensorboard"]) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith("error: log is 'tensorboard', which is not installed")
    )
    assert not out.exists()
    assert bake_sequence([*WORDS, f"out={out}", "log=none"]) == 0


def test_nothing_happens_before_a_stage_begins(tmp_path, events) -> None:
    progress = TensorBoardProgress(tmp_path, 1)
    progress.show("view", picture)
    progress.advance(psnr=1.0)
    assert events.made == events.points == []


WORDS = [
    "capture.path=procedural:3:16",
    "resolution=8",
    "coarse.resolution=8",
    "coarse.iterations=2",
    "optimize.first_iterations=3",
    "optimize.iterations=3",
    "optimize.rays=32",
    "shading.feature_count=3",
    "shading.width=4",
]


def result(folder: Path) -> dict[str, bytes]:
    names = ("scene.json", "atlas/*", "occupancy/*", "shading/*")
    found = [path for name in names for path in folder.glob(name)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_bake_that_is_watched_has_the_bytes_of_one_that_is_not(tmp_path, events) -> None:
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    assert bake_sequence([*WORDS, f"out={plain}"]) == 0
    assert events.made == []
    assert bake_sequence([*WORDS, f"out={watched}", "log=tensorboard", "log_pictures=2"]) == 0
    assert result(watched) == result(plain)
    assert len(result(plain)) == 1 + 3 + 4 + 1
    tags = {tag for tag, _, _ in events.points}
    assert tags == {
        "occupancy/vertices",
        "occupancy/seconds",
        "atlas/psnr",
        "atlas/estimated_bytes",
        "atlas/seconds",
    }
    assert [(tag, step, pixels.shape) for tag, step, pixels in events.pictures] == [
        ("atlas/view", step, (16, 32, 3)) for step in (0, 2)
    ]
    # The left half is drawn from the bake, the right one captured: alike, and not the same.
    for _, _, pixels in events.pictures:
        assert not np.array_equal(pixels[:, :16], pixels[:, 16:])


@pytest.mark.parametrize("word", ["log=wandb", "log_pictures=-1", "log_pictures=many"])
def test_an_unknown_log_is_refused_before_any_work(word, tmp_path, capsys) -> None:
    with pytest.raises(ConfigError, match=r"log"):
        load_command([word])
    assert bake_sequence([*WORDS, f"out={tmp_path / 'scene'}", word]) == 2
    assert not (tmp_path / "scene").exists()


def test_who_watches_decides_nothing_of_the_result() -> None:
    assert load_command(["log=tensorboard"]).config == load_command([]).config
