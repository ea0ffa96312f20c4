"""The demo, small enough for a test, and the pictures it draws."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.capture import CaptureOptions, open_capture
from bake.errors import BakeError, CaptureError
from bake.pipeline import BakeConfig
from bake.progress import SilentProgress
from benchmarks.demo import PACKAGES, DemoPlan, demo_table, run_demo
from benchmarks.poster import ERROR_GAIN, error_picture, make_poster
from benchmarks.stopwatch import Repeats
from hwcodec import open_package
from render.scene import open_scene


class QuickPlan(DemoPlan):
    """The demo's plan with next to no training."""

    @property
    def config(self) -> BakeConfig:
        full = super().config
        return replace(
            full,
            resolution=12,
            coarse=replace(full.coarse, resolution=12, iterations=2, rays=128),
            optimize=replace(full.optimize, first_iterations=3, iterations=2, rays=128),
        )


class CountingProgress(SilentProgress):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def advance(self, message: str = "", **figures: object) -> None:
        self.messages.append(message)


@pytest.fixture(scope="module", autouse=True)
def brief() -> Iterator[None]:
    """A short clip, and timing that is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.demo._ORBIT_PICTURES", 6)
        patch.setattr("benchmarks.demo._REPEATS", Repeats(1, 0.0))
        yield


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> DemoPlan:
    return QuickPlan(tmp_path_factory.mktemp("demo") / "out", 2, 32)


@pytest.fixture(scope="module")
def told(plan) -> list[str]:
    lines: list[str] = []
    run_demo(plan, SilentProgress(), lines.append)
    return lines


@pytest.fixture(scope="module")
def results(plan, told) -> dict:
    assert told
    record: dict = json.loads((plan.out / "results.json").read_text())
    return record


def test_the_settings_of_the_demo_are_valid_and_follow_its_size() -> None:
    config = DemoPlan().config
    assert config.capture.path == f"procedural:{DemoPlan().frame_count}:{DemoPlan().size}"
    assert DemoPlan(size=400).config.resolution > config.resolution
    assert DemoPlan(size=16).config.resolution >= 8


@pytest.mark.usefixtures("told")
def test_everything_promised_is_there(plan) -> None:
    names = {"scene", "comparison.png", "orbit.mp4", "results.json", *PACKAGES}
    assert {path.name for path in plan.out.iterdir()} == names


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.usefixtures("told")
def test_the_packages_are_what_their_names_say(plan, name) -> None:
    package = open_package(plan.out / name)
    depth = {"web8": 8, "hq10": 10}[name]
    assert package.streams[0]["bit_depth"] == depth
    assert open_scene(plan.out / name).frame_count == 2


def test_the_results_hold_an_evaluation_of_every_package(results) -> None:
    assert list(results["packages"]) == list(PACKAGES)
    for record in results["packages"].values():
        assert record["format"] == "videorf-evaluation"
        assert record["encode_fps"] > 0
        assert record["psnr_bake"] is not None
    assert results["bake_s"] > 0


def test_the_end_tells_the_numbers_and_where_everything_is(told, plan, results) -> None:
    table, ending = told
    assert table == demo_table(results["packages"])
    assert all(name in table for name in PACKAGES)
    for name in ("comparison.png", "orbit.mp4", "results.json", str(plan.out)):
        assert name in ending


@pytest.mark.usefixtures("told")
def test_the_clip_shows_whole_loops(plan) -> None:
    reader = cv2.VideoCapture(str(plan.out / "orbit.mp4"))
    assert int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) % 2 == 0


def test_running_again_resumes_the_bake(plan, results) -> None:
    progress = CountingProgress()
    run_demo(plan, progress, lambda _: None)
    assert sum("resumed" in message for message in progress.messages) == 2
    again = json.loads((plan.out / "results.json").read_text())
    for name, record in results["packages"].items():
        assert again["packages"][name]["psnr"] == record["psnr"]
        assert again["packages"][name]["bytes_total"] == record["bytes_total"]


def test_sizes_that_cannot_be_are_refused_before_a_folder_exists(tmp_path) -> None:
    with pytest.raises(CaptureError, match="procedural"):
        run_demo(DemoPlan(tmp_path / "out", 2, 8), SilentProgress(), lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_refused(tmp_path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises((BakeError, OSError)):
        run_demo(DemoPlan(tmp_path / "out", 2, 32), SilentProgress(), lambda _: None)


def test_the_error_picture_is_white_where_nothing_differs() -> None:
    truth = np.full((3, 4, 3), 100, np.uint8)
    assert (error_picture(truth, truth) == 255).all()
    image = truth.copy()
    image[1, 2] = 110, 90, 200
    shown = error_picture(image, truth)
    assert shown[1, 2].tolist() == [255 - 10 * ERROR_GAIN, 255 - 10 * ERROR_GAIN, 0]
    assert (np.delete(shown.reshape(-1, 3), 6, axis=0) == 255).all()


def test_the_poster_shows_truth_render_and_error_side_by_side(baked_packages) -> None:
    scene = open_scene(baked_packages["raw"])
    capture = open_capture(CaptureOptions("procedural:3:32"))
    one = make_poster(scene, capture, [(1, 24)])
    two = make_poster(scene, capture, [(0, 24), (2, 27)])
    assert one.dtype == np.uint8
    side = 256  # 32 pixels, enlarged eight times
    assert one.shape[1] == 3 * side + 2 * 4
    assert two.shape == (2 * one.shape[0], one.shape[1], 3)
    panel = one[-side:, :side][::8, ::8]
    assert np.array_equal(panel, capture.view(1, 24).rgb)


def test_the_default_folder_is_the_one_documented() -> None:
    assert DemoPlan().out == Path("videorf-demo")
