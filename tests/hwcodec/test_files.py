import errno
import os
import re
from pathlib import Path

import pytest

from hwcodec import ContainerError, files, replace_file
from hwcodec.files import open_files, staged_folder, write_files

SMALL = {"manifest.json": b"{}", "blobs/a": b"12", "streams/b.mp4": b"345"}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fail(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(params=["p", "p.vrf"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder and a single file."""
    place: Path = tmp_path / request.param
    return place


def test_files_read_back_as_written(target: Path) -> None:
    write_files(target, SMALL, overwrite=False)
    reader = open_files(target)
    assert {name: reader.read(name) for name in SMALL} == SMALL


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_files(tmp_path / "a/b/c", SMALL, overwrite=False)
    assert tree(tmp_path / "a/b/c") == SMALL


def test_an_existing_package_is_kept_unless_told_otherwise(target: Path) -> None:
    write_files(target, SMALL, overwrite=False)
    with pytest.raises(ContainerError, match=r"exists already.*overwrite=True"):
        write_files(target, {"manifest.json": b"other"}, overwrite=False)
    assert open_files(target).read("manifest.json") == b"{}"


def test_overwriting_replaces_everything(target: Path) -> None:
    write_files(target, SMALL, overwrite=False)
    write_files(target, {"manifest.json": b"new"}, overwrite=True)
    assert open_files(target).read("manifest.json") == b"new"
    with pytest.raises(ContainerError, match="blobs/a"):
        open_files(target).read("blobs/a")
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_what_is_no_package_is_never_overwritten(tmp_path: Path) -> None:
    folder, file, link = tmp_path / "photos", tmp_path / "notes.txt", tmp_path / "link"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"precious")
    file.write_bytes(b"precious")
    link.symlink_to(folder)
    odd = tmp_path / "folder.vrf"
    odd.mkdir()
    for place in (folder, file, link, odd):
        with pytest.raises(ContainerError, match="not a package of this kind"):
            write_files(place, SMALL, overwrite=True)
    assert (folder / "a.jpg").read_bytes() == file.read_bytes() == b"precious"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_nothing_behind_and_the_old_package_alone(
    target: Path, overwrite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if overwrite:
        write_files(target, {"manifest.json": b"old"}, overwrite=False)
    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(ContainerError, match=r"No space left on device; free some space"):
        write_files(target, SMALL, overwrite=overwrite)
    monkeypatch.undo()
    assert [path.name for path in target.parent.iterdir()] == [target.name] * overwrite
    if overwrite:
        assert open_files(target).read("manifest.json") == b"old"


def test_a_disk_that_fills_up_midway_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = files._write_all, []

    def write_two(file, data: bytes) -> None:
        if len(written) == 2:
            fail()
        written.append(data)
        real(file, data)

    monkeypatch.setattr(files, "_write_all", write_two)
    with pytest.raises(ContainerError, match="No space left"):
        write_files(tmp_path / "p", SMALL, overwrite=False)
    assert len(written) == 2
    assert not list(tmp_path.iterdir())


def test_a_failed_exchange_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "p", {"manifest.json": b"old"}, overwrite=False)
    real = Path.rename

    def rename(self: Path, other: Path) -> Path:
        if ".new-" in self.name:
            fail()
        return real(self, other)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(ContainerError, match="untouched"):
        write_files(tmp_path / "p", SMALL, overwrite=True)
    monkeypatch.undo()
    assert tree(tmp_path) == {"p/manifest.json": b"old"}


def test_a_folder_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ContainerError, match="choose another folder"):
        write_files(tmp_path / "file" / "p", SMALL, overwrite=False)


def test_files_are_readable_by_others_as_the_user_set_it(target: Path) -> None:
    write_files(target, SMALL, overwrite=False)
    probe = target.parent / "probe"
    probe.write_bytes(b"")
    written = target / "manifest.json" if target.is_dir() else target
    assert written.stat().st_mode == probe.stat().st_mode


def test_nothing_but_a_package_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ContainerError, match="there is no package"):
        open_files(tmp_path / "absent")
    (tmp_path / "text.vrf").write_text("hello")
    with pytest.raises(ContainerError, match="truncated or damaged"):
        open_files(tmp_path / "text.vrf").read("manifest.json")


def test_a_file_is_replaced_whole_and_its_folders_are_made(tmp_path: Path) -> None:
    for data in (b"long content", b"short"):
        replace_file(tmp_path / "a" / "b", data)
        assert tree(tmp_path) == {"a/b": data}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_stopped_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def stop(_descriptor: int) -> None:
        raise error

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(files.os, "fsync", stop)
    with pytest.raises(type(error)):
        replace_file(tmp_path / "a", b"new")
    assert tree(tmp_path) == {"a": b"old"}


def test_a_file_is_on_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, seen = tmp_path / "a", os.fsync, []

    def watch(descriptor: int) -> None:
        seen.append((path.exists(), os.fstat(descriptor).st_size))
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", watch)
    replace_file(path, b"new")
    assert seen == [(False, 3)]


def test_a_folder_in_the_way_of_a_file_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "inside").write_bytes(b"precious")
    with pytest.raises(OSError, match="a"):
        replace_file(tmp_path / "a", b"new")
    assert tree(tmp_path) == {"a/inside": b"precious"}


def test_two_writers_of_one_file_never_share_a_partial_one(tmp_path: Path) -> None:
    names = {files.partial_path(tmp_path / "a.npy").name for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"\.a\.npy\.\d+\.part", name) for name in names)


@pytest.mark.skipif(os.name != "posix", reason="links need a posix system")
def test_sizes_count_the_bytes_on_disk(target: Path) -> None:
    write_files(target, SMALL, overwrite=False)
    expected = 7 if target.is_dir() else target.stat().st_size
    assert open_files(target).size_bytes() == expected


def test_a_staged_folder_takes_its_place_when_the_block_ends_well(tmp_path) -> None:
    target = tmp_path / "deep" / "place"
    with staged_folder(target) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "a").write_text("new")
        assert not target.exists()
    assert (target / "inner" / "a").read_text() == "new"
    with staged_folder(target) as folder:
        (folder / "b").write_text("newer")
    assert [path.name for path in target.iterdir()] == ["b"]
    assert [path.name for path in target.parent.iterdir()] == ["place"]


def test_a_staged_folder_leaves_nothing_when_the_block_raises(tmp_path) -> None:
    target = tmp_path / "place"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(ValueError, match="stop"):
        fill_and_stop(target)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
    assert (target / "old").read_text() == "old"


def fill_and_stop(target: Path) -> None:
    with staged_folder(target) as folder:
        (folder / "half").write_text("half")
        raise ValueError("stop")
