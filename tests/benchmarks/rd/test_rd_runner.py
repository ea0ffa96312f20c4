"""Runs of the protocol: what is measured, what is kept, and what a decoder gets to see."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bake.capture import open_capture
from bake.config import load_config
from bake.progress import SilentProgress
from benchmarks.baselines.videorf import SHARED, qp_rates
from benchmarks.rd import runner as runner_module
from benchmarks.rd.byte_kinds import bytes_by_kind
from benchmarks.rd.method import METHODS, Method, find_method
from benchmarks.rd.play import DecoderProcess, PlayError
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


class Run:
    """A run of the tiny scene, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.plan = RunPlan(TINY, ("videorf",), None, folder / "results", folder / "work")
        self.said: list[str] = []

    def start(self) -> Iterator[RdPoint]:
        self.said.clear()
        return run_points(self.plan, SilentProgress(), self.said.append)

    def point(self, label: str) -> Path:
        return self.plan.results / "tiny/videorf" / f"{label}.json"

    @property
    def stored(self) -> list[RdPoint]:
        return read_points(self.plan.results)

    @property
    def fits(self) -> int:
        return sum("fitting" in line for line in self.said)

    @property
    def kept(self) -> int:
        return sum(line.endswith("kept") for line in self.said)


@pytest.fixture(scope="module", autouse=True)
def ours() -> Iterator[Callable[[int], None]]:
    """Ours alone, at two rates, in a version that a test may choose."""
    with pytest.MonkeyPatch.context() as patch:

        def use(version: int = 1) -> None:
            method = replace(SHARED, name="videorf", rates=qp_rates(24, 40), version=version)
            patch.setattr(runner_module, "find_method", lambda _: method)

        use()
        yield use


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, ours: Callable[[int], None]) -> Run:
    """A whole run, made once."""
    run = Run(tmp_path_factory.mktemp("measured"))
    assert len(list(run.start())) == 2
    return run


@pytest.fixture
def tiny_run(tmp_path: Path, measured: Run) -> Run:
    """A run over a copy of what the whole run left behind."""
    shutil.copytree(measured.plan.results, tmp_path / "results")
    shutil.copytree(measured.plan.work, tmp_path / "work")
    return Run(tmp_path)


def test_a_run_measures_each_point_once_from_one_fit(measured) -> None:
    small, large = measured.stored
    assert (measured.fits, measured.kept) == (1, 0)
    assert [small.label, large.label] == ["qp40", "qp24"]
    assert small.size_bytes < large.size_bytes
    assert small.quality.psnr_db < large.quality.psnr_db
    crops = sorted(path.name for path in measured.plan.results.rglob("*.webp"))
    assert crops == ["qp24.webp", "qp40.webp", "truth.webp"]


def test_what_is_measured_is_kept(tiny_run, measured) -> None:
    assert list(tiny_run.start()) == measured.stored
    assert (tiny_run.fits, tiny_run.kept) == (0, 2)


def test_a_stopped_run_goes_on_with_the_next_point_and_the_same_fit(tiny_run, measured) -> None:
    tiny_run.point("qp24").unlink()
    found = list(tiny_run.start())
    assert (tiny_run.fits, tiny_run.kept) == (0, 1)
    assert [point.quality for point in found] == [point.quality for point in measured.stored]


def test_a_fit_that_was_interrupted_is_made_again(tiny_run) -> None:
    (record,) = (tiny_run.plan.work / "tiny" / "fits").glob("*.json")
    record.unlink()
    tiny_run.point("qp24").unlink()
    assert len(list(tiny_run.start())) == 2
    assert (tiny_run.fits, tiny_run.kept) == (1, 1)


def test_fits_whose_names_differ_behind_a_dot_are_told_apart(tiny_run, monkeypatch) -> None:
    method = replace(SHARED, name="videorf", rates=qp_rates(24), fit_label="bake-0.001")
    other = replace(method, name="other", fit_label="bake-0.0003")
    plan = replace(tiny_run.plan, methods=("videorf", "other"))
    monkeypatch.setattr(runner_module, "find_method", lambda n: other if n == "other" else method)
    monkeypatch.setattr(runner_module, "DecoderProcess", lambda _: DecoderProcess("videorf"))
    list(run_points(plan, SilentProgress(), tiny_run.said.append))
    assert tiny_run.fits == 2


def test_another_version_of_a_method_is_measured_anew(tiny_run, ours) -> None:
    ours(2)
    next(tiny_run.start())
    ours(1)
    assert (tiny_run.fits, tiny_run.kept) == (1, 0)


def test_a_damaged_point_is_refused_and_not_overwritten(tiny_run) -> None:
    path = tiny_run.point("qp40")
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ResultError, match="qp40"):
        next(tiny_run.start())


def test_a_decoder_needs_the_package_alone(tiny_run) -> None:
    point = tiny_run.stored[0]
    work = tiny_run.plan.work / "tiny"
    package = work / "streams" / "videorf-qp40.vrf"
    alone = work.parent / "alone.vrf"
    package.rename(alone)
    for folder in ("fits", "footage"):
        for path in sorted((work / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    capture = open_capture(load_config(("capture.path=procedural:2:32",)).capture)
    cameras = [capture.cameras[view] for view in point.view_indices]
    with DecoderProcess("videorf") as decoder:
        played = decoder.play(alone, cameras)
    assert score(capture, point.view_indices, played.pictures).quality == point.quality
    assert sum(bytes_by_kind(alone).values()) == point.size_bytes == alone.stat().st_size


def test_a_damaged_package_is_refused_by_name_and_the_next_one_plays(tiny_run) -> None:
    point = tiny_run.stored[0]
    package = tiny_run.plan.work / "tiny/streams/videorf-qp40.vrf"
    whole = package.read_bytes()
    data = bytearray(whole)
    data[len(data) // 2] ^= 255
    capture = open_capture(load_config(("capture.path=procedural:2:32",)).capture)
    cameras = [capture.cameras[point.view_indices[0]]]
    with DecoderProcess("videorf") as decoder:
        package.write_bytes(data)
        with pytest.raises(PlayError, match=r"qp40.vrf by videorf: error: \w+Error: "):
            decoder.play(package, cameras)
        package.write_bytes(whole)
        assert decoder.play(package, cameras).pictures.shape == (2, 1, 32, 32, 3)


def test_a_decoder_that_ends_on_its_own_is_reported_with_its_last_words(tiny_run) -> None:
    package = tiny_run.plan.work / "tiny/streams/videorf-qp40.vrf"
    with DecoderProcess("nerf") as decoder, pytest.raises(PlayError, match="method is 'nerf'"):
        decoder.play(package, [])


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
