"""The two commands of the bake: what they write, what they say, and how they exit."""

import json
from pathlib import Path

import pytest

from bake.commands import bake_sequence, encode_atlas
from bake.sequence import open_sequence
from hwcodec import open_package

SMALL = [
    "resolution=12",
    "coarse.resolution=8",
    "coarse.iterations=4",
    "optimize.first_iterations=4",
    "optimize.iterations=2",
    "optimize.rays=64",
    "shading.feature_count=3",
    "shading.width=8",
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("commands") / "scene"
    assert bake_sequence(["capture.path=procedural:2:32", f"out={out}", *SMALL]) == 0
    return out


def test_a_bake_leaves_a_finished_scene(scene) -> None:
    sequence = open_sequence(scene)
    assert sequence.frame_count == 2
    assert sequence.provenance["config"]["capture"]["path"] == "procedural:2:32"


def test_a_bake_records_where_it_ran_and_why(scene) -> None:
    device = open_sequence(scene).provenance["device"]
    assert device["device"] in {"cpu", "cuda"}
    assert device["reason"]


def test_running_a_finished_bake_again_takes_it_over(scene, capsys) -> None:
    before = {path: path.stat().st_mtime_ns for path in scene.rglob("*.npy")}
    assert bake_sequence(["capture.path=procedural:2:32", f"out={scene}", *SMALL]) == 0
    assert "resumed" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in scene.rglob("*.npy")} == before


def test_help_shows_examples_presets_and_keys(capsys) -> None:
    assert bake_sequence(["--help"]) == 0
    text = capsys.readouterr().out
    assert "capture.path=DIR" in text
    assert "fast, paper" in text
    assert "first_iterations" in text


@pytest.mark.parametrize(
    "words",
    [
        ["capture.path=/no/such/folder"],
        ["nonsense=1"],
        ["device=tpu"],
        ["capture.path=procedural:2:32", "capture.frames=5:9"],
        ["capture.path=procedural:2:32", "grouping.texel_capacity=10", *SMALL],
    ],
    ids=["missing capture", "unknown key", "unknown device", "missing frames", "too large"],
)
def test_a_request_that_cannot_be_met_exits_with_2(words, tmp_path, capsys) -> None:
    assert bake_sequence([*words, f"out={tmp_path / 'out'}"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")


def test_cuda_without_a_device_is_refused(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert bake_sequence(["device=cuda", f"out={tmp_path / 'out'}"]) == 2
    assert "device=cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "profile", "rate"),
    [
        (["--codec", "libx264", "--qp", "30"], "web8", "qp 30"),
        (["--codec", "libx265", "--crf", "30", "--preset", "fast"], "hq10", "crf 30"),
        (["--codec", "libx265", "--bitrate", "1M", "--preset", "fast"], "hq10", "1000000 bit/s"),
        (
            ["--codec", "libx265", "--profile", "lossless", "--preset", "fast"],
            "lossless",
            "lossless",
        ),
        (["--codec", "raw", "--profile", "web8"], "web8", "lossless"),
    ],
)
def test_one_bake_is_encoded_in_many_ways(scene, tmp_path, words, profile, rate) -> None:
    out = tmp_path / "package"
    assert encode_atlas([str(scene), "--out", str(out), *words]) == 0
    record = open_package(out).scene
    assert (record["profile"], record["rate"]) == (profile, rate)


def test_a_single_file_package_is_named_by_its_ending(scene, tmp_path) -> None:
    out = tmp_path / "fox.vrf"
    assert encode_atlas([str(scene), "--out", str(out), "--codec", "raw"]) == 0
    assert out.is_file()


def test_missing_hardware_falls_back_aloud_and_on_record(scene, tmp_path, capsys) -> None:
    out = tmp_path / "package"
    assert encode_atlas([str(scene), "--out", str(out), "--codec", "hevc_nvenc", "--qp", "30"]) == 0
    stream = json.loads((out / "manifest.json").read_text())["streams"][0]
    assert stream["requested"] == "hevc_nvenc"
    if stream["encoder"] == "hevc_nvenc":
        pytest.skip("this machine has the hardware encoder, so there is no fallback to see")
    assert stream["encoder"] == "libx265"
    assert stream["reason"]
    warnings = [line for line in capsys.readouterr().err.splitlines() if "hevc_nvenc" in line]
    assert len(warnings) == 1


def test_a_forbidden_fallback_exits_with_2_and_writes_nothing(scene, tmp_path, capsys) -> None:
    out = tmp_path / "package"
    words = [str(scene), "--out", str(out), "--codec", "av1_nvenc", "--no-fallback"]
    code = encode_atlas(words)
    if code == 0:
        pytest.skip("this machine has the hardware encoder")
    assert code == 2
    assert not out.exists()
    assert "av1_nvenc" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--qp", "99"], ["--codec", "libx264", "--profile", "hq10"], ["--preset", "sideways"]],
    ids=["qp", "profile", "preset"],
)
def test_settings_that_do_not_go_together_exit_with_2(scene, tmp_path, words) -> None:
    assert encode_atlas([str(scene), "--out", str(tmp_path / "package"), *words]) == 2
    assert not (tmp_path / "package").exists()


def test_a_package_never_lands_inside_the_scene(scene) -> None:
    assert encode_atlas([str(scene), "--out", str(scene / "package"), "--codec", "raw"]) == 2


@pytest.mark.parametrize("make", [False, True], ids=["missing", "empty"])
def test_a_folder_without_a_bake_is_refused(tmp_path, make) -> None:
    folder = tmp_path / "scene"
    if make:
        folder.mkdir()
    assert encode_atlas([str(folder)]) == (1 if make else 2)


def test_a_bake_for_a_bit_rate_is_encoded_within_it(tmp_path) -> None:
    scene, out = tmp_path / "scene", tmp_path / "package"
    words = ["capture.path=procedural:2:32", f"out={scene}", *SMALL, "rate=900k"]
    assert bake_sequence(words) == 0
    encode = open_sequence(scene).provenance["config"]["encode"]
    assert encode["bits_per_second"] == 900_000
    assert encode_atlas([str(scene), "--out", str(out), "--preset", "veryfast"]) == 0
    sequence = open_sequence(scene)
    most = 900_000 / 8 * sequence.frame_count / float(sequence.frame_rate)
    assert open_package(out).size_bytes <= most


def test_a_bit_rate_of_the_package_can_be_asked_for_when_encoding(scene, tmp_path) -> None:
    out = tmp_path / "package"
    words = [str(scene), "--out", str(out), "--preset", "veryfast", "--package-bitrate", "1200k"]
    assert encode_atlas(words) == 0
    sequence = open_sequence(scene)
    most = 1_200_000 / 8 * sequence.frame_count / float(sequence.frame_rate)
    assert open_package(out).size_bytes <= most
