"""A scene folder that something has changed: each part that is gone or wrong is called damaged."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.commands import encode_atlas
from bake.errors import ArtifactError
from bake.sequence import SCENE_FILE, BakedSequence, open_sequence

Keys = tuple[str, ...]


@pytest.fixture
def scene(baked_sequence, tmp_path) -> Path:
    """A copy of a finished bake that a test may change."""
    return Path(shutil.copytree(baked_sequence.root, tmp_path / "scene"))


@pytest.fixture(scope="module")
def record(baked_sequence) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((baked_sequence.root / SCENE_FILE).read_text())
    return content


def opened(folder: Path, record: object) -> BakedSequence:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SCENE_FILE).write_text(json.dumps(record))
    return open_sequence(folder)


def places(record: object, above: Keys = ()) -> Iterator[Keys]:
    """Every key of every object; what a capture adds as provenance is its own."""
    if isinstance(record, dict):
        for key, value in record.items():
            yield (*above, key)
            if key != "provenance":
                yield from places(value, (*above, key))
    elif isinstance(record, list) and record and isinstance(record[0], dict):
        yield from places(record[0], (*above, "0"))


def step_into(record: Any, keys: Keys) -> Any:  # noqa: ANN401 - any part of a JSON file
    for key in keys:
        record = record[int(key) if isinstance(record, list) else key]
    return record


def test_no_key_of_the_record_can_be_left_out(record, tmp_path) -> None:
    listed = list(places(record))
    assert {("grid", "shape"), ("rig", "cameras", "0", "lens"), ("network", "file")} <= set(listed)
    for keys in listed:
        if keys == ("settings", "vertex_order"):  # Earlier bakes had no choice of it.
            continue
        changed = copy.deepcopy(record)
        del step_into(changed, keys[:-1])[keys[-1]]
        with pytest.raises(ArtifactError, match=rf"{SCENE_FILE} is damaged.*bake the scene again"):
            opened(tmp_path, changed)


@pytest.mark.parametrize("value", [None, True, "text", 3.5])
def test_no_part_of_the_record_can_be_a_single_value(record, tmp_path, value) -> None:
    parts = [keys for keys in places(record) if isinstance(step_into(record, keys), dict)]
    for keys in parts:
        changed = copy.deepcopy(record)
        step_into(changed, keys[:-1])[keys[-1]] = value
        with pytest.raises(ArtifactError, match=f"{SCENE_FILE} is damaged"):
            opened(tmp_path, changed)


@given(data=st.data())
def test_a_truncated_record_is_damaged_wherever_it_ends(
    baked_sequence, tmp_path_factory, data
) -> None:
    whole = (baked_sequence.root / SCENE_FILE).read_bytes()
    folder = tmp_path_factory.mktemp("cut")
    (folder / SCENE_FILE).write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ArtifactError, match=f"{SCENE_FILE} is damaged"):
        open_sequence(folder)


def test_a_record_opens_whatever_else_lies_in_the_folder(scene) -> None:
    (scene / "notes.txt").write_text("mine")
    (scene / f".{SCENE_FILE}.1.part").write_bytes(b"{")
    assert open_sequence(scene).frame_count == 3


def test_a_renamed_scene_folder_is_read_where_it_is_now(scene, baked_sequence) -> None:
    moved = scene.rename(scene.with_name("moved"))
    found = open_sequence(moved)
    for frame in range(3):
        assert found.texels(frame).equal(baked_sequence.texels(frame))
    assert found.network_bytes() == baked_sequence.network_bytes()


KINDS, WAYS = ("atlas", "occupancy", "shading"), ("gone", "folder", "empty")


@pytest.mark.parametrize(("kind", "way"), [(kind, way) for kind in KINDS for way in WAYS])
def test_encoding_a_scene_with_a_lost_file_ends_with_one_and_no_package(
    scene, tmp_path, capsys, kind, way
) -> None:
    path = sorted((scene / kind).iterdir())[0]
    path.unlink()
    if way == "folder":
        path.mkdir()
    elif way == "empty":
        path.touch()
    out = tmp_path / "package"
    code = encode_atlas([str(scene), "--out", str(out), "--codec", "raw"])
    assert code == 1
    assert not out.exists()
    (error,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert path.name in error
    assert "again" in error


@pytest.mark.parametrize(
    "array",
    [np.zeros(5), np.zeros((2, 3, 5)), np.zeros((9, 4)), np.array(3)],
    ids=["flat", "deep", "narrow", "single"],
)
def test_an_atlas_of_another_shape_is_refused_by_name(scene, array) -> None:
    sequence = open_sequence(scene)
    np.save(scene / sequence.atlas_files[1], array.astype(np.float16))
    with pytest.raises(ArtifactError, match=r"frame1-key\.npy has shape .*expected \(texels, 5\)"):
        sequence.texels(1)


@pytest.mark.parametrize("dtype", [np.float64, np.int16, np.complex64, np.dtype("U3")], ids=str)
def test_an_atlas_of_another_kind_of_number_is_refused_by_name(scene, dtype) -> None:
    sequence = open_sequence(scene)
    np.save(scene / sequence.atlas_files[1], np.zeros((9, 5), dtype))
    with pytest.raises(ArtifactError, match=r"frame1-key\.npy holds .*, expected float16; bake"):
        sequence.texels(1)
