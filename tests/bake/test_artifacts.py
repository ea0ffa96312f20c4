"""Stored results are found by what they came from, and are there whole or not at all."""

import errno
import io
import os
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake import artifacts as module
from bake.artifacts import ArtifactStore, digest_arrays, load_array, make_key, write_atomic
from bake.coarse import CoarseConfig
from bake.errors import ArtifactError
from bake.grouping import GroupingConfig
from bake.losses import LossConfig
from bake.optimize import OptimizeConfig, ShadingConfig


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "scene")


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


CONFIGS = (
    CoarseConfig(),
    GroupingConfig(),
    LossConfig(),
    OptimizeConfig(initial_density=-1.0),
    ShadingConfig(),
)


@pytest.mark.parametrize(
    ("config", "name"), [(c, f.name) for c in CONFIGS for f in fields(c)], ids=str
)
def test_every_field_of_every_stage_changes_the_key(config, name) -> None:
    value = getattr(config, name)
    step = value if name == "block_size" else 1 if isinstance(value, int) else 0.01
    changed = "morton" if isinstance(value, str) else value + step
    other = replace(config, **{name: changed})
    assert make_key("stage", config) != make_key("stage", other)
    assert make_key("stage", config) == make_key("stage", replace(config))


plain = st.one_of(st.text(max_size=4), st.integers(), st.booleans(), st.none(), st.binary())


@given(st.lists(plain, max_size=3), st.lists(plain, max_size=3))
def test_keys_are_equal_only_for_equal_inputs(a, b) -> None:
    same = [(type(x), x) for x in a] == [(type(x), x) for x in b]
    assert (make_key(*a) == make_key(*b)) == same


@given(st.binary(min_size=1), st.data())
def test_one_flipped_bit_changes_the_key(data, draw) -> None:
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    assert make_key(data) != make_key(bytes(flipped))


def test_bytes_and_the_text_that_spells_them_have_different_keys() -> None:
    assert make_key(b'"a"') != make_key("a")


def test_the_same_numbers_of_another_kind_have_another_key() -> None:
    @dataclass
    class Other:
        texel_capacity: int = 5
        max_length: int = 6

    assert make_key(GroupingConfig(5, 6)) != make_key(Other())


def test_a_change_of_the_code_changes_every_key(monkeypatch) -> None:
    before = make_key("stage")
    monkeypatch.setattr(module, "STAGE_VERSION", 999)
    assert make_key("stage") != before


def test_keys_do_not_depend_on_the_order_of_a_mapping() -> None:
    assert make_key({"a": 1, "b": 2}) == make_key({"b": 2, "a": 1})


def test_what_has_no_plain_form_cannot_be_a_key() -> None:
    with pytest.raises(TypeError, match="cannot key an artifact by a ndarray"):
        make_key([np.zeros(3)])


@pytest.mark.parametrize("mapping", [{1: 2}, {1: 2, "1": 3}, {None: 0}, {"a": {True: 1}}], ids=str)
def test_a_mapping_whose_keys_are_not_text_cannot_be_a_key(mapping) -> None:
    with pytest.raises(TypeError, match="a mapping whose keys are not all text"):
        make_key(mapping)


def test_array_digests_tell_contents_shapes_types_and_order_apart() -> None:
    a, b = np.arange(6, dtype=np.int32), np.zeros(6, np.int32)
    variants = [[a], [b], [a.reshape(2, 3)], [a.astype(np.uint32)], [a, b], [b, a], []]
    assert len({digest_arrays(variant) for variant in variants}) == len(variants)
    whole = np.arange(12).reshape(3, 4)
    assert digest_arrays([whole.T]) == digest_arrays([whole.T.copy()])


def test_results_are_found_by_name_and_key(store) -> None:
    store.write("atlas/frame0", make_key(1), b"one")
    assert store.read("atlas/frame0", make_key(1)) == b"one"
    assert store.read("atlas/frame0", make_key(2)) is None
    assert store.read("atlas/frame1", make_key(1)) is None
    assert list(content(store.root)) == [f"atlas/frame0-{make_key(1)}.bin"]


@given(
    array=st.sampled_from([np.float16, np.uint8, np.bool_]).map(
        lambda kind: np.random.default_rng(0).integers(0, 2, (3, 5)).astype(kind)
    )
)
def test_arrays_come_back_as_they_were(array, tmp_path_factory) -> None:
    store = ArtifactStore(tmp_path_factory.mktemp("store"))
    store.write_array("a", make_key(0), array)
    found = store.read_array("a", make_key(0))
    assert found is not None
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
    assert store.read_array("b", make_key(0)) is None


class FullDisk:
    """Stands for a step of writing that the disk refuses."""

    def __call__(self, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_result_and_nothing_else(store, monkeypatch, step) -> None:
    store.write("a", make_key(0), b"old")
    before = content(store.root)
    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), FullDisk())
    for key in (make_key(0), make_key(1)):
        with pytest.raises(ArtifactError) as caught:
            store.write("a", key, b"new" * 100)
        message = str(caught.value)
        assert os.strerror(errno.ENOSPC) in message
        assert f"a-{key}.bin (300 bytes)" in message
        assert "free some space or choose another out folder" in message
    assert content(store.root) == before


def test_an_interrupted_write_leaves_nothing(store, monkeypatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.write("a", make_key(0), b"new")
    assert content(store.root) == {}


def test_a_file_in_the_way_of_a_folder_is_reported(store) -> None:
    (store.root / "atlas").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"cannot write .* choose another out folder"):
        store.write("atlas/frame0", make_key(0), b"new")
    assert content(store.root) == {"atlas": b""}


def test_a_root_that_cannot_be_a_folder_is_reported(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"cannot write to .*choose another out folder"):
        ArtifactStore(tmp_path / "file")


def test_a_write_replaces_what_was_there(tmp_path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_atomic(path, b"first")
    write_atomic(path, b"second")
    assert content(tmp_path) == {"deep/file.json": b"second"}


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


GOOD = npy(np.arange(24, dtype=np.float16).reshape(6, 4))


@given(st.integers(0, len(GOOD) - 1))
def test_a_truncated_array_is_an_error_that_names_the_file(length) -> None:
    with pytest.raises(ArtifactError, match=r"^x\.npy is damaged: .*delete it and run the bake"):
        load_array(GOOD[:length], Path("folder/x.npy"))


@pytest.mark.filterwarnings("ignore:Reading")  # numpy suspects an old Python behind the damage.
@given(st.integers(0, 127), st.integers(1, 255))
def test_a_damaged_header_is_an_error_or_an_array(at, change) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= change
    # Anything but these two outcomes fails the test.
    with suppress(ArtifactError):
        assert isinstance(load_array(bytes(damaged), Path("x.npy")), np.ndarray)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an array",
        b"PK\x03\x04 not a zip",
        GOOD.replace(b"(6, 4)", b"(6666666666666, 444444)")[:200],
        b"\x93NUMPY\x09\x00v\x00",
    ],
    ids=["empty", "text", "zip", "huge", "version"],
)
def test_what_is_no_array_is_an_error(data) -> None:
    with pytest.raises(ArtifactError, match="is damaged"):
        load_array(data, Path("x.npy"))


def test_pickled_arrays_are_not_read() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"code": "runs"}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="is damaged"):
        load_array(buffer.getvalue(), Path("x.npy"))


def test_results_of_other_settings_are_discarded_and_used_ones_stay(store) -> None:
    for number in range(3):
        store.write(f"atlas/frame{number}", make_key("old", number), b"old")
    later = ArtifactStore(store.root)
    later.write("atlas/frame0", make_key("new"), b"new")
    assert later.read("atlas/frame1", make_key("old", 1)) == b"old"
    assert later.discard_unused() == 2
    assert sorted(content(store.root).values()) == [b"new", b"old"]
    assert later.discard_unused() == 0


def test_leftovers_of_a_killed_bake_are_discarded(store) -> None:
    (store.root / "atlas").mkdir()
    (store.root / "atlas" / f".frame0-{make_key(0)}.npy.123.part").write_bytes(b"half")
    (store.root / ".scene.json.123.part").write_bytes(b"half")
    assert store.discard_unused() == 2
    assert content(store.root) == {}


def test_files_that_no_bake_has_written_are_never_discarded(store) -> None:
    names = ["holiday-photo.jpg", "notes.txt", "my-scene.vrf", "a-0123456789abcdef0.bin", ".keep"]
    for name in names:
        (store.root / name).write_bytes(b"mine")
    assert store.discard_unused() == 0
    assert sorted(content(store.root)) == sorted(names)


def test_nothing_outside_the_folders_of_stages_is_discarded(store) -> None:
    stale = f"frame0-{make_key(0)}.npy"
    places = ["", ".git/objects/", ".venv/lib/", "mine/atlas/", "atlas/deeper/"]
    for place in places:
        (store.root / place).mkdir(parents=True, exist_ok=True)
        (store.root / place / stale).write_bytes(b"mine")
    (store.root / "atlas" / stale).write_bytes(b"ours")
    assert store.discard_unused() == 1
    assert set(content(store.root)) == {f"{place}{stale}" for place in places}


def test_discarding_follows_no_link_and_removes_none(store, tmp_path) -> None:
    stale, elsewhere = f"frame0-{make_key(0)}.npy", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / stale).write_bytes(b"mine")
    (store.root / "atlas").symlink_to(elsewhere)
    (store.root / "shading").mkdir()
    (store.root / "shading" / stale).symlink_to(elsewhere / stale)
    assert store.discard_unused() == 0
    assert content(elsewhere) == {stale: b"mine"}
    assert (store.root / "shading" / stale).is_symlink()
