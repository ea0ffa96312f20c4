"""A real capture goes all the way, small, and comes back recognizable."""

import json

import pytest

from bake.commands import bake_sequence, encode_atlas
from benchmarks.commands import evaluate_package

pytestmark = [pytest.mark.captures, pytest.mark.slow]


@pytest.mark.parametrize(("name", "scale"), [("performer", "0.25"), ("host", "0.32")])
def test_a_real_capture_survives_the_whole_path(captures, tmp_path, name, scale) -> None:
    scene, package, result = (tmp_path / part for part in ("scene", "package", "result.json"))
    words = [f"capture.path={captures / name}", f"capture.scale={scale}", "capture.frames=0:3"]
    small = ["resolution=64", "optimize.first_iterations=250", "optimize.iterations=80"]
    assert bake_sequence([*words, f"out={scene}", "preset=fast", *small]) == 0
    assert (
        encode_atlas([str(scene), "--out", str(package), "--codec", "libx264", "--qp", "20"]) == 0
    )
    capture = str(captures / name)
    words = [str(package), "--capture", capture, "--json", str(result), "--scene", str(scene)]
    assert evaluate_package(words) == 0
    record = json.loads(result.read_text())
    # Far below what the preset reaches at full size; a broken stage falls well under it.
    assert record["psnr"] > 30
    assert record["codec_loss_db"] < 1
    assert record["bytes_total"] == sum(f.stat().st_size for f in package.rglob("*") if f.is_file())
    assert record["frame_count"] == 3
