"""What a disk refuses is told with the file's name and a remedy, before any work where possible."""

import errno
from pathlib import Path

import pytest

from bake import artifacts as module
from bake.artifacts import ArtifactStore, make_key
from bake.errors import ArtifactError


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "scene")


def test_a_result_that_cannot_be_read_is_named_with_a_remedy(store, monkeypatch) -> None:
    store.write("atlas/frame0", make_key(), b"data")

    def refuse(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ArtifactError, match=r"cannot read .*frame0-.*Input/output error; repair"):
        store.read("atlas/frame0", make_key())


def test_a_file_that_cannot_be_removed_is_named_with_a_remedy(store, monkeypatch) -> None:
    store.remove("scene.json")
    store.write("atlas/frame0", make_key("old"), b"old")

    def refuse(path: Path, **options: bool) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    for remove in (lambda: store.remove("scene.json"), ArtifactStore(store.root).discard_unused):
        with pytest.raises(ArtifactError, match=r"cannot remove .*Permission denied; repair"):
            remove()


@pytest.mark.parametrize("name", ["", "atlas"])
def test_a_folder_that_is_read_only_is_refused_before_any_work(store, monkeypatch, name) -> None:
    (store.root / "atlas").mkdir()
    place = store.root / name
    monkeypatch.setattr(module.os, "access", lambda path, *_, **__: path != place)
    with pytest.raises(ArtifactError, match=r"is read-only for this user.*another out folder"):
        ArtifactStore(store.root)


def test_a_place_is_told_relative_to_the_folder(store) -> None:
    assert store.relative("atlas/frame0", "0123", "npy") == "atlas/frame0-0123.npy"
