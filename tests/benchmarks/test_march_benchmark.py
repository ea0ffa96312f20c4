"""The march benchmark measures both marches on the same rays and says how they compare."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.commands import benchmark
from benchmarks.march_benchmark import MarchPlan, MarchReport, run_march_benchmark
from render.errors import SceneError
from render.scene import open_scene


def test_the_ratio_is_the_median_of_the_turns() -> None:
    report = MarchReport(10, (1.0, 2.0, 1.0), (4.0, 4.0, 9.0))
    assert report.ratio == 4.0
    assert report.to_json()["compiled_rays_per_s"] == 10.0


def test_both_marches_are_measured_on_every_turn(baked_packages) -> None:
    scene = open_scene(next(iter(baked_packages.values())))
    report = run_march_benchmark(scene, MarchPlan(ray_count=32, repeats=2))
    assert report.ray_count == 32
    assert len(report.compiled_s) == len(report.reference_s) == 2
    assert min(*report.compiled_s, *report.reference_s) > 0


def test_the_command_writes_its_numbers(baked_packages, tmp_path, capsys) -> None:
    package = next(iter(baked_packages.values()))
    out = tmp_path / "march.json"
    words = ["march", str(package), "--rays", "16", "--repeats", "1", "--json", str(out)]
    assert benchmark(words) == 0
    assert json.loads(out.read_text())["ratio"] > 0
    assert "rays/s" in capsys.readouterr().out


def test_a_missing_package_is_the_callers_mistake(tmp_path, capsys) -> None:
    assert benchmark(["march", str(tmp_path / "none")]) == 2
    assert "error" in capsys.readouterr().err


def test_a_view_that_shows_nothing_is_named(baked_packages) -> None:
    scene = open_scene(next(iter(baked_packages.values())))
    away = np.array(scene.cameras[0].world_to_camera)
    away[:3] = np.diag([-1, 1, -1]) @ away[:3]
    scene.cameras = (replace(scene.cameras[0], world_to_camera=away),)
    with pytest.raises(SceneError, match="shows nothing"):
        run_march_benchmark(scene, MarchPlan(ray_count=8, repeats=1))


@pytest.mark.parametrize("word", ["0", "-3", "many"])
def test_a_ray_count_must_be_positive(word, tmp_path) -> None:
    with pytest.raises(SystemExit) as stop:
        benchmark(["march", str(tmp_path), "--rays", word])
    assert stop.value.code == 2
