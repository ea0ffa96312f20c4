"""Everything a package is made from is checked when a scene opens, not while it is encoded."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bake.commands import encode_atlas
from bake.errors import ArtifactError
from bake.sequence import SCENE_FILE, open_sequence, save_sequence

Record = dict[str, Any]
HUGE, OUTSIDE = 10**400, ["../../../../etc/hostname", "/etc/hostname", "atlas/../../a", "a\0b", ""]


@pytest.fixture
def scene(baked_sequence, tmp_path) -> Path:
    """A copy of a finished bake that a test may change."""
    return Path(shutil.copytree(baked_sequence.root, tmp_path / "scene"))


def put(*keys: str | int, value: object) -> Callable[[Record], None]:
    """A change of one value."""

    def change(record: Record) -> None:
        place: Any = record
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


CAMERA = ("rig", "cameras", 0)
CHANGES = [
    *[put("grid", "shape", value=[value, 9, 9]) for value in (math.inf, 9.5, 1, HUGE, "9", None)],
    put("grid", "shape", value=[1 << 20] * 3),
    *[put("grid", "maximum", 0, value=value) for value in (HUGE, math.inf, math.nan, "2", None)],
    *[put("grid", "voxel_size", value=value) for value in (HUGE, math.inf, 0, "x", True)],
    *[put("atlas_files", 0, value=value) for value in (1, None, *OUTSIDE)],
    *[put("atlas_files", value=value) for value in ([], ["a", "b"], "abc", 3, {})],
    *[put("groups", 0, 2, value=value) for value in (1, None, *OUTSIDE)],
    *[put("groups", 0, value=value) for value in (["0", 2, "a"], [0, "2", "a"], [0, 2], "0", 7)],
    *[put("groups", 0, 0, value=value) for value in (-1, 1, 0.0, math.nan, HUGE)],
    *[put("groups", 0, 1, value=value) for value in (0, 1, 3, 2.0, HUGE)],
    put("groups", value=[]),
    *[put("network", "file", value=value) for value in (1, None, *OUTSIDE)],
    *[put("network", "width", value=value) for value in (0, 8.0, "8", HUGE, True)],
    *[put("settings", "step", value=value) for value in ("x", 0, -1, 1e-30, math.nan, HUGE, None)],
    *[put("settings", "block_size", value=value) for value in (3, 0, 8.0, HUGE)],
    *[put("settings", "density_range", value=value) for value in (0, math.inf, 1e6, HUGE, "8")],
    *[put("settings", "feature_range", value=value) for value in (-1, math.nan)],
    *[put("settings", "background", value=value) for value in ([1, 1], [1, 1, 2], "abc", None)],
    put("settings", "surprise", value=1),
    *[put("rig", part, value=[99]) for part in ("train", "test")],
    *[put("rig", "test", value=value) for value in ([], [-1], [0.0], "0", None)],
    put("rig", "cameras", value=[]),
    *[put(*CAMERA, "size", value=[value, 32]) for value in (1e300, HUGE, 0, 70_000, "32")],
    *[put(*CAMERA, "lens", 0, value=value) for value in (1e300, HUGE, math.nan, 0, "9")],
    *[put(*CAMERA, "pose", value=value) for value in ([], [[HUGE] * 4] * 3, [[1e300] * 4] * 3)],
    *[put("frame_rate", value=value) for value in ([30], [0, 1], [1, 0], [-30, -1], [30.0, 1])],
    put("frame_rate", value=[HUGE, 1]),
    *[put("version", value=value) for value in (0, -1, True, 1.0, "1", None)],
    *[put("provenance", value=value) for value in (None, {}, [], {"capture": "a", "config": {}})],
    put("provenance", "capture", value=3),
    *[put("provenance", "config", "capture", "scale", value=value) for value in (0, 2, "1", HUGE)],
    put("provenance", "config", "capture", "frames", value=None),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_record_that_could_not_be_encoded_does_not_open(scene, tmp_path, number) -> None:
    record = json.loads((scene / SCENE_FILE).read_text())
    CHANGES[number](record)
    (scene / SCENE_FILE).write_text(json.dumps(record))
    with pytest.raises(ArtifactError, match=rf"{SCENE_FILE} is damaged: .*bake the scene again"):
        open_sequence(scene)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"format":' * 50_000, '{"version": ' + "9" * 5000 + "}"],
    ids=["deep list", "deep object", "many digits"],
)
def test_a_record_that_no_reader_can_take_in_does_not_open(scene, capsys, text) -> None:
    (scene / SCENE_FILE).write_text(text)
    assert encode_atlas([str(scene), "--codec", "raw"]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert f"{SCENE_FILE} is damaged" in error


def test_a_name_that_leaves_the_scene_is_refused_before_it_is_read(scene, tmp_path, capsys) -> None:
    record = json.loads((scene / SCENE_FILE).read_text())
    weights = scene / record["network"]["file"]
    weights.rename(tmp_path / "weights.bin")
    record["network"]["file"] = "../weights.bin"
    (scene / SCENE_FILE).write_text(json.dumps(record))
    assert encode_atlas([str(scene), "--out", str(tmp_path / "package"), "--codec", "raw"]) == 1
    assert "expected a file inside the folder" in capsys.readouterr().err
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize("data", [b"", b"\0", b"\0" * 10_000], ids=len)
def test_a_network_of_another_size_does_not_open(scene, baked_sequence, data) -> None:
    (scene / baked_sequence.network_file).write_bytes(data)
    with pytest.raises(ArtifactError, match=rf"network-key\.bin: .*take {len(data)} bytes.*again"):
        open_sequence(scene)


def test_an_untouched_record_opens_and_is_saved_as_it_was(scene) -> None:
    before = (scene / SCENE_FILE).read_bytes()
    save_sequence(open_sequence(scene))
    assert (scene / SCENE_FILE).read_bytes() == before


def test_a_grid_beyond_the_memory_is_an_error_with_a_remedy(scene, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    sequence = open_sequence(scene)
    monkeypatch.setattr("bake.sequence.decode_occupancy", refuse)
    with pytest.raises(ArtifactError, match=r"vertices, which takes more memory .*lower resolut"):
        sequence.mapping(sequence.groups[0])
