"""OpenGL beside the march: figures that follow from the pictures, and the verb that shows them."""

import json
import sys

import numpy as np
import pytest
import torch

from benchmarks.benchmark_commands import benchmark
from benchmarks.drawing_benchmark import (
    Agreement,
    DrawingPlan,
    DrawingReport,
    run_drawing_benchmark,
)
from render.console import EXIT_DONE, EXIT_USAGE
from render.drawing import RendererChoice, SceneMarch
from render.fragment import ShadedImage
from render.opengl import gl_absence
from render.scene import BakedScene, open_scene

CLOSE = Agreement(12, 1e-7, 1e-5, 0)


@pytest.fixture
def scene(baked_packages) -> BakedScene:
    return open_scene(baked_packages["raw"])


@pytest.fixture
def egl(absent) -> None:
    if (reason := gl_absence()) is not None:
        absent("egl", reason)


class ShiftedMarch(SceneMarch):
    """The march with a known fault: one value of each picture is off."""

    def __init__(self, scene: BakedScene, shift: float) -> None:
        super().__init__(scene)
        self.shift = shift
        self.drawn: list[object] = []

    def draw(self, prepared: object, camera: object) -> ShadedImage:
        self.drawn.append(prepared)
        image = super().draw(prepared, camera)
        rgb = image.rgb.clone()
        rgb[0, 0, 0] -= self.shift
        return ShadedImage(rgb, image.opacity, image.depth)

    def describe(self) -> RendererChoice:
        return RendererChoice("shifted", "cpu", "tested")


def report(**changes: object) -> DrawingReport:
    values = {
        "frames": (0,),
        "views": (0, 1),
        "view_size": (8, 6),
        "ours_s": (0.01, 0.02, 0.04),
        "march_s": (0.02, 0.02, 0.16),
        "first_view_s": (0.05,),
        "agreement": CLOSE,
    }
    return DrawingReport(**{**values, **changes})


def test_agreement_counts_values_of_all_pictures() -> None:
    parts = [np.array([0, 0.5], np.float32), np.array([[0.25], [1 / 255]], np.float32)]
    found = Agreement.of(parts)
    assert (found.values, found.largest, found.visible) == (4, 0.5, 2)
    assert found.mean == pytest.approx((0.75 + 1 / 255) / 4)
    assert found.to_json()["visible_share"] == 0.5


def test_the_ratio_is_the_median_of_the_turns() -> None:
    assert report().ratio == 2.0
    assert report(march_s=(0.01, 0.01, 0.16)).ratio == 1.0


def test_the_record_holds_times_sizes_and_agreement() -> None:
    numbers = json.loads(json.dumps(report().to_json()))
    assert numbers["ms_per_view"] == 20
    assert numbers["march_ms_per_view"] == 20
    assert numbers["first_view_ms"] == 50
    assert numbers["view_size"] == [8, 6]
    assert numbers["mean_difference"] == 1e-7
    assert numbers["view_s"] == [0.01, 0.02, 0.04]


def test_a_renderer_against_itself_agrees_in_every_bit(scene) -> None:
    plan = DrawingPlan(view_count=2, frame_count=2, size=24, repeats=1)
    found = run_drawing_benchmark(scene, SceneMarch(scene), SceneMarch(scene), plan)
    assert found.agreement == Agreement(2 * 2 * 24 * 24 * 3, 0.0, 0.0, 0)
    assert found.frames == (0, 2)
    assert found.views == (0, len(scene.cameras) - 1)
    assert max(found.view_size) == 24


def test_a_fault_is_found_and_counted_in_every_picture(scene) -> None:
    plan = DrawingPlan(view_count=3, frame_count=1, size=16, repeats=2)
    faulty = ShiftedMarch(scene, 0.125)
    found = run_drawing_benchmark(scene, faulty, SceneMarch(scene), plan)
    assert found.agreement.visible == 3
    assert found.agreement.largest == pytest.approx(0.125)
    assert found.agreement.mean == pytest.approx(3 * 0.125 / found.agreement.values)


def test_every_view_is_timed_as_often_as_asked_and_the_warm_up_is_not_counted(scene) -> None:
    plan = DrawingPlan(view_count=3, frame_count=2, size=16, repeats=2)
    ours = ShiftedMarch(scene, 0.0)
    found = run_drawing_benchmark(scene, ours, SceneMarch(scene), plan)
    assert len(found.ours_s) == len(found.march_s) == 3 * 2 * 2
    assert len(found.first_view_s) == 2
    assert len(ours.drawn) == 1 + 2 + 12
    # The first timed view is of something that was never drawn, so that its upload is counted.
    assert ours.drawn[0] is not ours.drawn[1]


@pytest.mark.parametrize(("count", "expected"), [(1, (0,)), (2, (0, 2)), (9, (0, 1, 2))])
def test_frames_are_spread_from_the_first_to_the_last(scene, count, expected) -> None:
    plan = DrawingPlan(view_count=1, frame_count=count, size=8, repeats=1)
    found = run_drawing_benchmark(scene, SceneMarch(scene), SceneMarch(scene), plan)
    assert found.frames == expected


def test_the_verb_measures_writes_and_shows(baked_packages, tmp_path, capsys, egl) -> None:
    out = tmp_path / "gl.json"
    words = ("--views", "2", "--frames", "2", "--size", "32", "--repeats", "1", "--json", str(out))
    assert benchmark(["gl", str(baked_packages["h264"]), *words]) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["format"] == "videorf-drawing-benchmark"
    assert record["renderer"] == "gl"
    assert record["renderer_reason"] == "requested"
    assert record["device"]
    assert record["values"] == 2 * 2 * 32 * 32 * 3
    assert record["mean_difference"] < 1e-5
    assert record["largest_difference"] < 2e-3
    assert record["visible_values"] == 0
    assert {"commit", "machine", "versions", "command"} <= record.keys()
    text = capsys.readouterr().out
    assert "march / gl" in text
    assert f"0 of {record['values']} values" in text


def test_the_verb_without_opengl_ends_with_the_remedy(baked_packages, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    assert benchmark(["gl", str(baked_packages["raw"])]) == EXIT_USAGE
    assert "pip install" in capsys.readouterr().err


def test_the_verb_refuses_a_result_that_cannot_be_written(baked_packages, tmp_path) -> None:
    words = ["gl", str(baked_packages["raw"]), "--json", str(tmp_path)]
    assert benchmark(words) == EXIT_USAGE


def test_differences_are_of_colors_alone(scene) -> None:
    class Transparent(SceneMarch):
        """Says something else about opacity and depth."""

        def draw(self, prepared: object, camera: object) -> ShadedImage:
            image = super().draw(prepared, camera)
            return ShadedImage(image.rgb, torch.zeros(1), torch.zeros(1))

    plan = DrawingPlan(view_count=1, frame_count=1, size=8, repeats=1)
    found = run_drawing_benchmark(scene, Transparent(scene), SceneMarch(scene), plan)
    assert found.agreement.largest == 0
