"""Named bytes in a folder or in one stored archive, read plainly and written atomically."""

import contextlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Protocol

from hwcodec.errors import ContainerError
from hwcodec.manifest import NAME

ARCHIVE_SUFFIX = ".vrf"
_ARCHIVE_TIME = (1980, 1, 1, 0, 0, 0)


class PackageFiles(Protocol):
    """How a package reads the files it is made of."""

    def read(self, name: str) -> bytes:
        """Bytes of one file."""

    def size_bytes(self) -> int:
        """Bytes on disk of the whole package."""


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes:
        try:
            return (self._path / name).read_bytes()
        except OSError as error:
            raise ContainerError(
                f"{name} in {self._path} cannot be read: {error.strerror}; "
                "the package is incomplete, copy it again"
            ) from error

    def size_bytes(self) -> int:
        return sum(entry.stat().st_size for entry in self._path.rglob("*") if entry.is_file())


class _Archive:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self._path) as archive:
                entry = archive.getinfo(name)
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                    raise ContainerError(
                        f"{name} in {self._path} is compressed or encrypted, expected it stored; "
                        "write the package again with write_package()"
                    )
                return archive.read(entry)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            if isinstance(error, ContainerError):
                raise
            raise ContainerError(
                f"{name} in {self._path} cannot be read: {error}; "
                "the file is truncated or damaged, copy it again"
            ) from error

    def size_bytes(self) -> int:
        return self._path.stat().st_size


def open_files(path: Path) -> PackageFiles:
    """A reader for whatever lies at ``path``.

    Raises:
        ContainerError: if nothing does.
    """
    if path.is_dir():
        return _Folder(path)
    if path.is_file():
        return _Archive(path)
    raise ContainerError(
        f"there is no package at {path}, expected a folder with {NAME} or a {ARCHIVE_SUFFIX} file"
    )


def write_files(path: Path, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write a folder, or an archive when the suffix says so, beside ``path`` and rename it there.

    Raises:
        ContainerError: if something is in the way or the disk refuses; nothing is left behind.
    """
    _check_target(path, overwrite=overwrite)
    fresh = _fresh_path(path)
    try:
        if path.suffix == ARCHIVE_SUFFIX:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_archive(fresh, files)
            fresh.replace(path)
            _sync(path.parent)
        else:
            with staged_folder(path) as folder:
                _write_folder(folder, files)
    except OSError as error:
        raise ContainerError(
            f"package {path} cannot be written: {error.strerror or error}; free some space or "
            "choose another folder, what was there before is untouched"
        ) from error
    finally:
        _remove(fresh)


@contextlib.contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """A new, hidden folder beside ``path`` that takes its place when the block ends well.

    Folders above it are made. What was at ``path`` stays as it is until then, and for good if the
    block raises.

    Raises:
        OSError: if the disk refuses; nothing is left behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _fresh_path(path)
    try:
        fresh.mkdir()
        yield fresh
        for folder in [*(entry for entry in fresh.rglob("*") if entry.is_dir()), fresh]:
            _sync(folder)
        _swap(fresh, path)
        _sync(path.parent)
    finally:
        _remove(fresh)


def replace_file(path: Path, data: bytes) -> None:
    """Put bytes at ``path`` so that a reader sees the old file or the new one, never a part.

    Folders above it are made.

    Raises:
        OSError: if the disk refuses; nothing is left behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        with partial.open("xb") as file:
            _write_all(file, data)
        partial.replace(path)
    finally:
        _remove(partial)


def partial_path(path: Path) -> Path:
    """Where a file is written before it takes its place: hidden, beside it, nobody else's."""
    return path.with_name(f".{path.name}.{secrets.randbelow(10**9)}.part")


def _check_target(path: Path, *, overwrite: bool) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise ContainerError(
            f"{path} exists already; choose another path, or pass overwrite=True to replace it"
        )
    is_package = (path / NAME).is_file() if path.is_dir() else path.suffix == ARCHIVE_SUFFIX
    if path.is_symlink() or not is_package or path.is_dir() == (path.suffix == ARCHIVE_SUFFIX):
        raise ContainerError(
            f"{path} exists and is not a package of this kind, expected one to overwrite; "
            "remove it yourself or choose another path"
        )


def _fresh_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.new-{secrets.token_hex(4)}")


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        with place.open("xb") as file:
            _write_all(file, data)


def _write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    with path.open("xb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, data in files.items():
                # A fixed date, so that equal content gives equal bytes.
                entry = zipfile.ZipInfo(name, _ARCHIVE_TIME)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)
        file.flush()
        os.fsync(file.fileno())


def _write_all(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _swap(fresh: Path, path: Path) -> None:
    """Put a folder in the place of another; the old one comes back if that fails.

    Folders cannot be exchanged in one step, so a crash in between leaves the old one under a name
    that starts with a dot and ends with ``.old-`` and eight digits.
    """
    if not path.exists():
        fresh.rename(path)
        return
    old = path.with_name(f".{path.name}.old-{secrets.token_hex(4)}")
    path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(fresh: Path) -> None:
    if fresh.is_dir():
        shutil.rmtree(fresh, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            fresh.unlink()
