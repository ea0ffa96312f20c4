"""What the pipeline tells its observers: figures and pictures of the frames it worked on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bake.capture import Capture
from bake.grouping import GroupingConfig
from bake.pipeline import BakeConfig, bake
from bake.progress import SilentProgress
from bake.sequence import open_sequence


class Witness(SilentProgress):
    """Remembers everything, and draws all that can be drawn."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool, dict[str, float]]] = []
        self.shown: list[np.ndarray] = []
        self.stage = ""

    def start(self, stage: str, total: int) -> None:
        self.stage = stage

    def advance(self, message: str = "", *, is_resumed: bool = False, **figures: float) -> None:
        self.told.append((self.stage, is_resumed, figures))

    def show(self, name: str, draw: Callable[[], np.ndarray]) -> None:
        assert (self.stage, name) == ("atlas", "view")
        self.shown.append(draw())


@pytest.fixture
def capture(open_sphere) -> Capture:
    return open_sphere(":3")


@pytest.fixture
def config(tiny_config) -> BakeConfig:
    return tiny_config(grouping=GroupingConfig(texel_capacity=2000, max_length=2))


def run(capture: Capture, config: BakeConfig, out: Path) -> Witness:
    witness = Witness()
    bake(capture, config, out, witness)
    return witness


def test_a_frame_that_is_worked_on_has_figures_and_a_resumed_one_has_none(
    capture, config, tmp_path
) -> None:
    first, again = (run(capture, config, tmp_path).told for _ in range(2))
    stages = ["occupancy"] * 3 + ["atlas"] * 3
    assert [stage for stage, _, _ in first] == [stage for stage, _, _ in again] == stages
    assert again == [(stage, True, {}) for stage in stages]
    assert not any(is_resumed for _, is_resumed, _ in first)
    for _, _, figures in first[:3]:
        assert figures.keys() == {"vertices"}
        assert figures["vertices"] > 0
    for _, _, figures in first[3:]:
        assert figures.keys() == {"psnr", "estimated_bytes"}
        assert 5 < figures["psnr"] < 60
        assert figures["estimated_bytes"] > 0


def test_only_the_frames_that_were_missing_have_figures(capture, config, tmp_path) -> None:
    run(capture, config, tmp_path)
    (tmp_path / open_sequence(tmp_path).atlas_files[1]).unlink()
    told = run(capture, config, tmp_path).told
    assert [is_resumed for _, is_resumed, _ in told] == [True] * 4 + [False, True]


def test_frames_that_are_worked_on_can_be_looked_at(capture, config, tmp_path) -> None:
    first, again = (run(capture, config, tmp_path).shown for _ in range(2))
    assert (len(first), len(again)) == (3, 0)
    assert first[0].shape == (32, 64, 3)
    # The subject moves, in what was captured and in what was baked.
    assert not np.array_equal(first[0], first[2])


def test_being_looked_at_changes_no_byte(capture, config, tmp_path) -> None:
    bake(capture, config, tmp_path / "alone", SilentProgress())
    run(capture, config, tmp_path / "watched")
    files = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "alone", tmp_path / "watched")
    ]
    assert files[0] == files[1]
