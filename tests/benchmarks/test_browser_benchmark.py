"""The web engine in a browser as a measurement: figures, the command, and what may be missing."""

import base64
import json
import sys

import numpy as np
import pytest

from benchmarks import browser_page
from benchmarks.browser_benchmark import _differences, _luma, run_browser_benchmark
from benchmarks.commands import benchmark
from benchmarks.drawing_benchmark import DrawingPlan
from render.console import EXIT_DONE, EXIT_USAGE
from render.scene import open_scene


def text_of(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def has_browser() -> bool:
    return any(map(browser_page.shutil.which, browser_page._BROWSERS))


def test_luma_comes_without_the_padding_of_its_rows() -> None:
    plane = np.arange(12, dtype=np.uint8).reshape(2, 6)
    decoded = {"luma": text_of(plane), "width": 4, "height": 2}
    assert _luma(decoded).tolist() == [[0, 1, 2, 3], [6, 7, 8, 9]]


def test_colors_are_compared_view_by_view_without_opacity(baked_packages) -> None:
    scene = open_scene(baked_packages["h264"])
    camera = scene.cameras[1].scaled(0.5)
    truth = scene.render(2, camera).rgb.numpy()
    image = np.full((camera.height, camera.width, 4), 9, np.float32)
    image[..., :3] = truth + np.float32(0.25)
    (found,) = _differences(scene, 2, [1], ([text_of(image)], 0.5))
    assert found.shape == truth.shape
    assert np.allclose(found, 0.25, atol=1e-6)


@pytest.mark.slow
def test_a_published_package_is_exact_in_luma_and_equal_in_pixels(
    wide_packages, tmp_path, absent
) -> None:
    if not has_browser():
        absent("chromium", "no browser on the path")
    out = tmp_path / "browser.json"
    words = ["--views", "2", "--frames", "2", "--size", "32", "--repeats", "1", "--json", str(out)]
    assert benchmark(["browser", str(wide_packages["h264"]), *words]) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["format"] == "videorf-browser-benchmark"
    assert (record["luma_differing"], record["visible_values"]) == (0, 0)
    assert record["luma_bytes"] > 0
    assert record["mean_difference"] < 1e-6
    assert record["ms_per_view"] > 0
    assert {"commit", "machine", "browser", "device", "route"} <= record.keys()


def test_without_a_browser_the_remedy_is_named(baked_packages, monkeypatch, capsys) -> None:
    monkeypatch.setattr(browser_page.shutil, "which", lambda _: None)
    assert benchmark(["browser", str(baked_packages["h264"])]) == EXIT_USAGE
    assert "install Chromium" in capsys.readouterr().err


def test_without_playwright_the_remedy_is_named(baked_packages, monkeypatch) -> None:
    monkeypatch.setattr(browser_page.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(browser_page.BackendUnavailable, match="pip install playwright"):
        run_browser_benchmark(baked_packages["h264"], DrawingPlan())


def test_a_browser_that_does_not_start_is_named(baked_packages, monkeypatch, tmp_path) -> None:
    pytest.importorskip("playwright.sync_api")
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setattr(browser_page.shutil, "which", lambda _: str(fake))
    with pytest.raises(browser_page.BackendUnavailable, match="start it by hand"):
        run_browser_benchmark(baked_packages["h264"], DrawingPlan())
