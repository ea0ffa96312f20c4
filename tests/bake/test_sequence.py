"""A saved bake opens as what was saved, and a broken one says what to do."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from bake.artifacts import ArtifactStore, make_key
from bake.errors import ArtifactError
from bake.sequence import (
    SCENE_FILE,
    BakedSequence,
    FieldSettings,
    Rig,
    Span,
    camera_from_json,
    camera_to_json,
    open_sequence,
    save_sequence,
)
from render.cameras import Camera, Lens, look_at, orbit
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, cover
from render.occupancy_codec import encode_occupancy
from render.shading import ShadingMlp, ShadingShape, weights_to_bytes

GRID = cover(Aabb((-1, -2, 0.1), (1, 2, 3.3)), 6)
SHAPE = ShadingShape(2, 5, 2, 1)
WEIGHTS = weights_to_bytes(ShadingMlp(SHAPE))
CAMERAS = (
    *orbit((0, 0, 1), 4.0, 0.3, 3, Lens(30, 20, 25.0)),
    look_at((1, 2, 3), (0, 0, 0.1), (0, 0, 1), lens=Lens(31, 17, 12.3)).scaled(0.7),
)


def occupancy() -> OccupancyGrid:
    return OccupancyGrid(GRID, np.random.default_rng(0).random(GRID.shape) < 0.4)


@pytest.fixture
def saved(tmp_path: Path) -> BakedSequence:
    """Two frames in one group, written by hand."""
    store, key = ArtifactStore(tmp_path / "scene"), make_key("test")
    count = build_mapping(occupancy(), 4).texel_count
    texels = np.random.default_rng(1).normal(size=(2, count, 3)).astype(np.float16)
    for frame in range(2):
        store.write_array(f"atlas/frame{frame}", key, texels[frame])
    store.write("occupancy/group0", key, encode_occupancy(occupancy().vertices))
    store.write("shading/network", key, WEIGHTS)
    sequence = BakedSequence(
        root=store.root,
        grid=GRID,
        groups=(Span(0, 2, f"occupancy/group0-{key}.bin"),),
        atlas_files=tuple(f"atlas/frame{frame}-{key}.npy" for frame in range(2)),
        shading=SHAPE,
        network_file=f"shading/network-{key}.bin",
        settings=FieldSettings(4, 0.4, 7.5, 3.25, (1.0, 0.5, 0.1)),
        rig=Rig(CAMERAS, (0, 1, 3), (2,)),
        frame_rate=Fraction(30000, 1001),
        provenance={
            "capture": "hand",
            "config": {"seed": 1, "capture": {"scale": 0.5, "frames": ":"}},
        },
    )
    save_sequence(sequence)
    return sequence


def same_camera(a: Camera, b: Camera) -> bool:
    names = [field.name for field in fields(Camera) if field.name != "world_to_camera"]
    plain = all(getattr(a, name) == getattr(b, name) for name in names)
    return plain and np.array_equal(a.world_to_camera, b.world_to_camera)


def test_a_saved_sequence_opens_as_it_was(saved) -> None:
    found = open_sequence(saved.root)
    for field in fields(BakedSequence):
        if field.name != "rig":
            assert getattr(found, field.name) == getattr(saved, field.name), field.name
    assert (found.rig.train, found.rig.test) == (saved.rig.train, saved.rig.test)
    assert all(map(same_camera, found.rig.cameras, saved.rig.cameras))
    assert found.frame_count == 2


def test_its_parts_are_read_from_their_files(saved) -> None:
    found = open_sequence(saved.root)
    (group,) = found.groups
    assert found.network_bytes() == WEIGHTS
    assert np.array_equal(
        found.mapping(group).texel_of_vertex, build_mapping(occupancy(), 4).texel_of_vertex
    )
    texels = found.texels(1)
    assert texels.dtype == torch.float32
    assert np.array_equal(texels.numpy(), np.load(saved.root / saved.atlas_files[1]))


def test_saving_twice_gives_the_same_bytes(saved) -> None:
    before = (saved.root / SCENE_FILE).read_bytes()
    save_sequence(open_sequence(saved.root))
    assert (saved.root / SCENE_FILE).read_bytes() == before


@pytest.mark.parametrize("camera", CAMERAS, ids=["east", "north", "south", "odd"])
def test_cameras_survive_their_record_exactly(camera) -> None:
    record = json.loads(json.dumps(camera_to_json(camera)))
    assert same_camera(camera_from_json(record), camera)


def test_a_folder_without_a_finished_bake_says_how_to_finish_one(tmp_path) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_sequence(tmp_path)
    assert f"{tmp_path} holds no finished bake" in str(caught.value)
    assert "run bake-sequence again" in str(caught.value)
    assert "{" not in str(caught.value)


@pytest.mark.parametrize("kind", ["network_file", "occupancy", "atlas"])
def test_a_missing_file_is_named_with_its_remedy(saved, kind) -> None:
    name, read = {
        "network_file": (saved.network_file, lambda: saved.network_bytes()),
        "occupancy": (saved.groups[0].occupancy_file, lambda: saved.mapping(saved.groups[0])),
        "atlas": (saved.atlas_files[0], lambda: saved.texels(0)),
    }[kind]
    (saved.root / name).unlink()
    with pytest.raises(ArtifactError) as caught:
        read()
    assert Path(name).name in str(caught.value)
    assert "bake the scene again" in str(caught.value)


@pytest.mark.parametrize("length", [0, 10, 40])
def test_a_damaged_occupancy_is_named_with_its_remedy(saved, length) -> None:
    path = saved.root / saved.groups[0].occupancy_file
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ArtifactError, match=r"occupancy/group0-.*bake the scene again"):
        saved.mapping(saved.groups[0])


def test_a_damaged_atlas_is_named_with_its_remedy(saved) -> None:
    path = saved.root / saved.atlas_files[0]
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ArtifactError, match=rf"{path.name} is damaged.*run the bake again"):
        saved.texels(0)


def test_an_atlas_with_other_channels_is_refused(saved) -> None:
    wrong = replace(saved, shading=ShadingShape(9, 5, 2, 1))
    with pytest.raises(ArtifactError, match=r"expected \(texels, 10\); bake the scene again"):
        wrong.texels(0)


def test_a_newer_version_asks_for_an_update(saved) -> None:
    edit(saved, lambda record: record.update(version=99))
    with pytest.raises(ArtifactError, match=r"version 99, expected at most .*update this software"):
        open_sequence(saved.root)


def edit(sequence: BakedSequence, change: Callable[[dict], object]) -> None:
    path = sequence.root / SCENE_FILE
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(format="something else"),
        lambda record: record.update(version="1"),
        lambda record: record.pop("grid"),
        lambda record: record["grid"].update(voxel_size=-1),
        lambda record: record["grid"].update(shape=[3, 3]),
        lambda record: record["grid"].update(minimum=[9, 9, 9]),
        lambda record: record["network"].update(width=0),
        lambda record: record["network"].update(surprise=1),
        lambda record: record["settings"].pop("step"),
        lambda record: record.update(groups=[[0]]),
        lambda record: record["rig"]["cameras"][0].update(lens=[0, 0, 0, 0]),
        lambda record: record["rig"]["cameras"][0].update(pose=[[1, 0], [0, 1]]),
        lambda record: record.update(frame_rate=[1, 0]),
    ],
)
def test_a_damaged_record_is_named_with_its_remedy(saved, change) -> None:
    edit(saved, change)
    with pytest.raises(ArtifactError, match=rf"{SCENE_FILE} is damaged: .*bake the scene again"):
        open_sequence(saved.root)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_record_is_named_with_its_remedy(saved, data) -> None:
    (saved.root / SCENE_FILE).write_bytes(data)
    with pytest.raises(ArtifactError, match=rf"{SCENE_FILE} is damaged: .*bake the scene again"):
        open_sequence(saved.root)
