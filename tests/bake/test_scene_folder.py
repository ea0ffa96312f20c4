"""A bake goes into a new folder, an empty one or that of an earlier bake, and nowhere else."""

from pathlib import Path

import pytest

from bake.artifacts import ArtifactStore
from bake.commands import bake_sequence
from bake.errors import FolderError
from bake.scene_folder import (
    LOG_FILE,
    SCENE_FILE,
    STAGE_FOLDERS,
    STATUS_FILE,
    STATUS_FORMAT,
    check_out_folder,
)

QUICK = ["capture.path=procedural:1:16", "resolution=8"]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_new_and_an_empty_folder_are_taken(tmp_path) -> None:
    check_out_folder(tmp_path)
    check_out_folder(tmp_path / "new" / "newer")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", STAGE_FOLDERS)
def test_a_stopped_bake_is_resumed(tmp_path, name) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    check_out_folder(tmp_path)


@pytest.mark.parametrize("name", [SCENE_FILE, STATUS_FILE, LOG_FILE])
def test_what_a_bake_that_was_killed_at_once_leaves_is_taken(tmp_path, name) -> None:
    (tmp_path / f".{name}.123456.part").write_bytes(b"half")
    check_out_folder(tmp_path)
    assert ArtifactStore(tmp_path).discard_unused() == 1
    assert not files(tmp_path)


def test_a_bake_that_has_only_its_status_is_resumed(tmp_path) -> None:
    (tmp_path / STATUS_FILE).write_text(f'{{"format": "{STATUS_FORMAT}"}}')
    check_out_folder(tmp_path)


@pytest.mark.parametrize("name", [".notes.txt.1.part", ".scene.json.part", "scene.json.1.part"])
def test_what_only_looks_like_that_is_somebody_elses(tmp_path, name) -> None:
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(FolderError, match="holds files, but no bake"):
        check_out_folder(tmp_path)


def test_a_folder_that_cannot_be_looked_into_is_refused(tmp_path, monkeypatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(FolderError, match=r"Permission denied.*choose another out folder"):
        check_out_folder(tmp_path)


def test_a_finished_bake_is_resumed(baked_sequence) -> None:
    check_out_folder(baked_sequence.root)


@pytest.mark.parametrize(
    ("name", "text"), [("notes.txt", "mine"), (SCENE_FILE, '{"objects": []}'), (".git/config", "")]
)
def test_a_folder_with_something_else_is_refused_and_left_alone(
    tmp_path, capsys, name, text
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    before = files(tmp_path)
    with pytest.raises(FolderError, match=r"holds files, but no bake.*choose another out folder"):
        ArtifactStore(tmp_path)
    assert bake_sequence([*QUICK, f"out={tmp_path}"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {tmp_path} holds files, but no bake")
    assert files(tmp_path) == before


@pytest.mark.parametrize("out", ["", " ", "a\0b"], ids=["empty", "blank", "NUL"])
def test_an_out_that_names_no_folder_is_refused(tmp_path, monkeypatch, capsys, out) -> None:
    monkeypatch.chdir(tmp_path)
    assert bake_sequence([*QUICK, f"out={out}"]) == 2
    assert "out is '" in capsys.readouterr().err
    assert not files(tmp_path)


def test_the_folder_of_an_interface_is_checked_like_that_of_the_command(tmp_path) -> None:
    with pytest.raises(FolderError, match="without NUL"):
        ArtifactStore(tmp_path / "a\0b")
