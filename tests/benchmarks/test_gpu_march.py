"""The checks of marching, drawing and training on a device, tried on the processor."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmarks import gpu_march
from benchmarks.gpu_march import (
    TrainingPlan,
    check_drawing,
    check_drawing_speed,
    check_march,
    check_playback,
    check_training,
    march_parts,
)
from benchmarks.gpu_parts import guarded, run_parts
from benchmarks.gpu_stand import Stand, moved, package_stand, stand_in
from benchmarks.playback_benchmark import PlaybackPlan
from benchmarks.stopwatch import Repeats
from hwcodec import BackendUnavailable
from render.cameras import Camera
from render.field import Field
from render.fragment import ShadedImage, render_view
from render.march import march_backward
from render.playback import MarchRenderer
from render.scene import open_scene
from render.shading import ShadingShape

ONCE = Repeats(1, 0.0)
SMALL = {"small": (24, 16)}
PLAN = TrainingPlan(4, 12, 128, 24, 100, ShadingShape(5, 8, 2, 1))


@pytest.fixture(scope="module")
def stand() -> Stand:
    return stand_in(32, 5, 8)


def drawing(stand: Stand, *, offset: float = 0.0) -> Callable[[Field, Camera], ShadedImage]:
    """A device that draws like the processor, or almost."""

    def draw(field: Field, camera: Camera) -> ShadedImage:
        image = render_view(field, stand.appearance, camera)
        return replace(image, rgb=image.rgb + offset)

    return draw


def test_the_figure_is_a_skin_that_the_camera_sees(stand) -> None:
    image = render_view(stand.field, stand.appearance, stand.camera((64, 64)))
    assert 0.05 < float(image.opacity.mean()) < 0.4
    assert float(image.opacity.max()) > 0.9
    assert stand_in(32, 5, 8).field.density.equal(stand.field.density)


def test_a_camera_of_another_shape_sees_the_figure_as_high_as_before(stand) -> None:
    square, wide = (stand.camera(size) for size in ((64, 64), (128, 64)))
    assert wide.focal_y == square.focal_y
    images = [render_view(stand.field, stand.appearance, c).opacity for c in (square, wide)]
    assert torch.allclose(images[1][:, 32:96], images[0], atol=1e-5)


def test_a_march_that_agrees_passes_with_every_number(stand) -> None:
    found = check_march(stand, "cpu", 500)
    assert found.is_ok
    assert found.data.keys() == {
        *("features", "transmittance", "distance", "d_density", "d_features", "weights")
    }
    assert all(values["largest"] == 0 for values in found.data.values())


def test_a_march_with_wrong_gradients_fails(stand, monkeypatch) -> None:
    count = []

    def sometimes_wrong(field, rays, result, given, into) -> None:
        march_backward(field, rays, result, given, into)
        count.append(field)
        if len(count) == 2:
            into.density[0] *= 1.01

    monkeypatch.setattr(gpu_march, "march_backward", sometimes_wrong)
    found = check_march(stand, "cpu", 500)
    assert not found.is_ok
    assert found.data["d_density"]["largest"] > 0
    assert found.data["features"]["largest"] == 0


@pytest.mark.parametrize(("offset", "is_ok"), [(0.0, True), (1e-5, True), (0.01, False)])
def test_drawing_is_compared_by_pixels(stand, offset, is_ok) -> None:
    found = check_drawing(stand, "cpu", drawing(stand, offset=offset))
    assert found.is_ok is is_ok
    assert found.data["mean"] == pytest.approx(offset, abs=1e-6)


def test_speed_comes_with_its_floor(stand) -> None:
    found = check_drawing_speed(stand, "cpu", drawing(stand), ONCE, SMALL)
    row = found.data["small"]
    assert row["fps"] > 0
    expected = found.data["copied_bytes_per_s"] / row["floor_bytes"] / row["fps"]
    assert row["times_floor"] == pytest.approx(expected)
    assert "x floor" in found.said


def test_training_lowers_the_error_and_is_timed(stand) -> None:
    found = check_training(stand, "cpu", PLAN)
    assert found.is_ok, found.said
    assert found.data["frame_s"] == pytest.approx(found.data["step_ms"] / 10)


def test_fields_move_whole_and_halved(stand) -> None:
    there = moved(stand.field, "meta", is_halved=True)
    assert there.features.dtype == torch.float16
    assert there.density.device.type == "meta"
    assert moved(stand.field, "cpu").features.equal(stand.field.features)


def test_a_package_can_stand_in_for_the_figure(baked_packages) -> None:
    scene = open_scene(baked_packages["raw"])
    found = package_stand(scene)
    assert found.field.density.equal(scene.field(scene.atlas(0)).density)
    assert check_march(found, "cpu", 200).is_ok


def test_playback_is_measured_against_its_stages(baked_packages) -> None:
    scene = open_scene(baked_packages["raw"])
    found = check_playback(scene, MarchRenderer(scene), PlaybackPlan(ONCE, 0.1))
    assert found.is_ok
    assert found.data["pipelined_over_slower"] > 0
    assert "pipelined over the slower" in found.said


def test_the_stand_trains_alike_every_time(stand) -> None:
    first, second = (gpu_march._fitting(stand, "cpu", PLAN)(3) for _ in range(2))
    assert first == second


def test_every_part_fails_with_the_reason_where_nothing_can_be_compiled(monkeypatch) -> None:
    monkeypatch.setattr(gpu_march, "cuda_absence", lambda: "no driver")
    results = run_parts(march_parts("cuda:0", None, ONCE), 60, lambda _: None)
    assert [result.name for result in results] == ["march", "drawing", "drawing speed", "training"]
    for result in results:
        assert not result.outcome.is_ok
        assert "no driver" in result.outcome.said


def test_parts_draw_the_package_that_was_named(monkeypatch, baked_packages) -> None:
    monkeypatch.setattr(gpu_march, "cuda_absence", lambda: None)
    parts = {part.name: part for part in march_parts("cpu", baked_packages["raw"], ONCE)}
    assert guarded(parts["march"].work).is_ok
    missing = march_parts("cpu", baked_packages["raw"] / "nothing", ONCE)[0]
    assert not guarded(missing.work).is_ok
    monkeypatch.setattr(gpu_march, "cuda_absence", lambda: "no driver")
    part = march_parts("cpu", None, ONCE)[0]
    with pytest.raises(BackendUnavailable):
        part.work()
