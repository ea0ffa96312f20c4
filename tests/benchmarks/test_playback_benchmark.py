"""Playback speed: stages, the pipelined ratio, and the command with its file."""

import json

import pytest

from benchmarks.commands import benchmark
from benchmarks.playback_benchmark import PlaybackPlan, PlaybackReport, run_playback_benchmark
from benchmarks.stopwatch import Rate, Repeats
from render.console import EXIT_DONE, EXIT_USAGE
from render.playback import MarchRenderer, PlaybackCount
from render.scene import open_scene

QUICK = PlaybackPlan(Repeats(2, 0.0), 0.2)


def test_every_stage_has_a_rate_and_playback_shows_frames(baked_packages) -> None:
    scene = open_scene(baked_packages["h264"])
    report = run_playback_benchmark(scene, MarchRenderer(scene), QUICK)
    assert list(report.rates) == ["decode", "prepare", "render", "pipelined"]
    assert all(len(rate.values) == 2 and rate.fps > 0 for rate in report.rates.values())
    assert report.played.shown > 0
    assert report.played_s >= 0.2


def test_the_ratio_is_to_the_slower_of_decoding_and_drawing() -> None:
    rates = {
        "decode": Rate((100.0, 120.0)),
        "prepare": Rate((1.0, 1.0)),
        "render": Rate((50.0, 40.0)),
        "pipelined": Rate((45.0, 36.0)),
    }
    report = PlaybackReport(rates, PlaybackCount(shown=30, dropped=10), 2.0)
    assert report.ratio == pytest.approx(0.9)
    record = report.to_json()
    assert (record["shown_fps"], record["dropped"], record["render_fps"]) == (15.0, 10, 45.0)


def test_the_command_writes_what_it_shows(baked_packages, tmp_path, capsys) -> None:
    out = tmp_path / "playback.json"
    words = ["--repeats", "1", "--seconds", "0.1", "--json", str(out)]
    assert benchmark(["playback", str(baked_packages["h264"]), *words]) == EXIT_DONE
    record = json.loads(out.read_text())
    assert record["format"] == "videorf-playback-benchmark"
    assert (record["renderer"], record["device"], record["frame_count"]) == ("march", "cpu", 3)
    assert {"commit", "machine"} <= record.keys()
    assert "frames/s shown" in capsys.readouterr().out


def test_a_package_that_is_not_there_is_a_users_mistake(tmp_path, capsys) -> None:
    assert benchmark(["playback", str(tmp_path / "none")]) == EXIT_USAGE
    assert "no package" in capsys.readouterr().err
