"""The rig that memory is measured on, and what the verb writes and refuses."""

import json

import numpy as np
import pytest

from bake.capture import CaptureOptions, open_capture
from bake.coarse import CoarseConfig, find_occupancy, read_training_views
from bake.grid import cover
from benchmarks.commands import benchmark
from benchmarks.ffmpeg_program import ProgramError
from benchmarks.memory_benchmark import BakePlan, RigPlan, measure_bake, write_rig

SMALL = RigPlan(camera_count=9, frame_count=16, size=(64, 48))


def test_all_cameras_see_the_ball_where_it_is(tmp_path) -> None:
    write_rig(tmp_path, SMALL)
    capture = open_capture(CaptureOptions(str(tmp_path)))
    assert (len(capture.cameras), capture.frame_count) == (9, 16)
    assert capture.split.test == (0, 8)
    areas = []
    for frame in (0, 7):
        first, *others = capture.views(frame, range(9))
        assert first.alpha is not None
        assert all(np.array_equal(first.rgb, other.rgb) for other in others)
        areas.append(np.count_nonzero(first.alpha > 127))
        assert first.rgb[24, 32].max() < 250 < first.rgb[0, 0].min()
    assert areas[0] < areas[1]  # It swells.
    config = CoarseConfig(resolution=16, iterations=4, rays=64)
    grid = cover(capture.aabb, 16)
    kept = find_occupancy(grid, read_training_views(capture, 0), config, (1, 1, 1), 0)
    assert kept.count > 0


def test_no_more_is_written_for_more_cameras(tmp_path) -> None:
    write_rig(tmp_path, SMALL)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"capture.json", "ball.mp4", "mask.mp4"}


def test_a_bake_that_fails_is_told_in_its_own_words(tmp_path) -> None:
    write_rig(tmp_path, SMALL)
    with pytest.raises(ProgramError, match=r"ended with 2: error: .*16 frames"):
        measure_bake(tmp_path, BakePlan(1.0, 17), tmp_path / "scene")


@pytest.mark.slow
def test_the_verb_writes_a_row_per_scale(tmp_path, capsys) -> None:
    words = ["--cameras", "8", "--frames", "3", "--size", "160x96", "--baked", "1"]
    path = tmp_path / "memory.json"
    assert benchmark(["memory", *words, "--scale", "0.5", "--json", str(path)]) == 0
    assert "peak MiB" in capsys.readouterr().out
    record = json.loads(path.read_text())
    assert record["rig"] == {"camera_count": 8, "frame_count": 3, "size": [160, 96]}
    (row,) = record["rows"]
    assert (row["scale"], row["frame_count"]) == (0.5, 1)
    assert 100e6 < row["peak_bytes"] < 4e9


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--cameras", "3"], "at least 4 --cameras"),
        (["--size", "64x48,32x32"], "one --size"),
        (["--frames", "2", "--baked", "3"], "at most the 2 --frames"),
    ],
)
def test_what_cannot_be_measured_is_refused(capsys, words, named) -> None:
    assert benchmark(["memory", *words]) == 2
    assert named in capsys.readouterr().err
