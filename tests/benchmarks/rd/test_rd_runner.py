"""Runs of the protocol: what is measured, what is kept, and what a decoder gets to see."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bake.capture import open_capture
from bake.config import load_config
from bake.progress import SilentProgress
from benchmarks.baselines.videorf import TUNED, qp_rates
from benchmarks.rd import runner as runner_module
from benchmarks.rd.byte_kinds import bytes_by_kind
from benchmarks.rd.method import METHODS, Method, find_method
from benchmarks.rd.play import PlayError, play
from benchmarks.rd.point import RdPoint, read_points
from benchmarks.rd.runner import RunPlan, run_points
from benchmarks.rd.scenes import SCENES, RdScene
from benchmarks.rd.scoring import score
from benchmarks.results import ResultError

TINY = RdScene(
    "tiny",
    "procedural:2:32",
    (
        "preset=fast",
        "resolution=16",
        "coarse.resolution=12",
        "coarse.iterations=10",
        "optimize.first_iterations=30",
        "optimize.iterations=10",
        "optimize.rays=256",
    ),
    is_built_in=True,
)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ours alone, at two rates, in a version that the test chooses."""

    def use(version: int = 1) -> None:
        method = replace(TUNED, rates=qp_rates(24, 40), version=version)
        monkeypatch.setattr(runner_module, "find_method", lambda _: method)

    use()
    return use


class Run:
    """A run of the tiny scene, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.plan = RunPlan(TINY, ("videorf",), None, folder / "results", folder / "work")
        self.said: list[str] = []

    def start(self) -> Iterator[RdPoint]:
        self.said.clear()
        return run_points(self.plan, SilentProgress(), self.said.append)

    @property
    def fits(self) -> int:
        return sum("fitting" in line for line in self.said)

    @property
    def kept(self) -> int:
        return sum(line.endswith("kept") for line in self.said)


@pytest.fixture
def tiny_run(tmp_path: Path, ours: Callable[[int], None]) -> Run:
    return Run(tmp_path)


def test_a_run_measures_each_point_once_and_keeps_it_afterwards(tiny_run) -> None:
    first = list(tiny_run.start())
    assert (tiny_run.fits, tiny_run.kept) == (1, 0)
    assert [point.label for point in first] == ["qp40", "qp24"]
    assert first[0].size_bytes < first[1].size_bytes
    assert first[0].quality.psnr_db < first[1].quality.psnr_db
    again = list(tiny_run.start())
    assert (tiny_run.fits, tiny_run.kept) == (0, 2)
    assert again == first
    stored = read_points(tiny_run.plan.results)
    assert sorted(stored, key=lambda point: point.label) == sorted(first, key=lambda p: p.label)
    crops = sorted(path.name for path in tiny_run.plan.results.rglob("*.webp"))
    assert crops == ["qp24.webp", "qp40.webp", "truth.webp"]


def test_a_stopped_run_goes_on_with_the_next_point_and_the_same_fit(tiny_run) -> None:
    run = tiny_run.start()
    next(run)
    run.close()
    assert len(list(tiny_run.start())) == 2
    assert (tiny_run.fits, tiny_run.kept) == (0, 1)


def test_a_fit_that_was_interrupted_is_made_again(tiny_run) -> None:
    run = tiny_run.start()
    next(run)
    (record,) = (tiny_run.plan.work / "tiny" / "fits").glob("*.json")
    record.unlink()
    run.close()
    list(tiny_run.start())
    assert (tiny_run.fits, tiny_run.kept) == (1, 1)


def test_another_version_of_a_method_is_measured_anew(tiny_run, ours) -> None:
    list(tiny_run.start())
    ours(2)
    list(tiny_run.start())
    assert (tiny_run.fits, tiny_run.kept) == (1, 0)


def test_a_damaged_point_is_refused_and_not_overwritten(tiny_run) -> None:
    next(tiny_run.start())
    path = tiny_run.plan.results / "tiny/videorf/qp40.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ResultError, match="qp40"):
        next(tiny_run.start())


def test_a_decoder_needs_the_package_alone(tiny_run) -> None:
    point = next(tiny_run.start())
    work = tiny_run.plan.work / "tiny"
    package = work / "streams" / "videorf-qp40.vrf"
    alone = work.parent / "alone.vrf"
    package.rename(alone)
    for folder in ("fits", "footage"):
        for path in sorted((work / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    capture = open_capture(load_config(("capture.path=procedural:2:32",)).capture)
    played = play("videorf", alone, [capture.cameras[view] for view in point.view_indices])
    assert score(capture, point.view_indices, played.pictures).quality == point.quality
    assert sum(bytes_by_kind(alone).values()) == point.size_bytes == alone.stat().st_size


def test_a_damaged_package_ends_the_decoder_with_one_line_and_no_traceback(tiny_run) -> None:
    point = next(tiny_run.start())
    package = tiny_run.plan.work / "tiny/streams/videorf-qp40.vrf"
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 255
    package.write_bytes(data)
    capture = open_capture(load_config(("capture.path=procedural:2:32",)).capture)
    with pytest.raises(PlayError, match=r"ended with 1: error: \w+Error: "):
        play("videorf", package, [capture.cameras[point.view_indices[0]]])


def test_pictures_that_are_missing_are_not_scored_as_if_they_were_there(tiny_run) -> None:
    capture = open_capture(load_config(("capture.path=procedural:2:32",)).capture)
    with pytest.raises(ValueError, match="expected 2 frames of 3 views"):
        score(capture, (0, 1, 2), np.zeros((1, 3, 32, 32, 3), np.uint8))


def test_a_scene_in_a_folder_asks_for_the_folder() -> None:
    with pytest.raises(ValueError, match="--captures"):
        SCENES["performer"].config(None)


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'nerf', expected one of .*videorf"):
        find_method("nerf")


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is_and_has_rates_from_small_to_large(name) -> None:
    method: Method = find_method(name)
    known = method.provenance
    assert method.name == name
    assert all((known.source, known.reproduced, known.simplified, known.not_run, known.decoder))
    assert len({rate.label for rate in method.rates}) == len(method.rates) > 0
    assert len(method.rates) >= 4 or name == "lossless"
    assert method.fit_name(method.rates[0])
