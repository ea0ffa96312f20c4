"""Results of stages on disk, named by what they were made from.

A file is called ``NAME-KEY.EXT``; the key is a hash of every input, so a result of other settings
can never be taken for the right one, and a stopped bake finds what it already has. Files appear
whole or not at all.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bake.errors import ArtifactError
from bake.scene_folder import STAGE_FOLDERS, check_out_folder, is_leftover
from hwcodec import replace_file
from render.errors import RenderError

# What `ArtifactStore.path` makes, and the temporary files that a killed bake leaves beside it.
_ARTIFACT = re.compile(r".+-[0-9a-f]{16}\.\w+|\..+\.\d+\.part")

# Raise when a change to the code changes what a stage computes.
STAGE_VERSION = 1

_KEY_LENGTH = 16

# What numpy raises for a damaged file: the header is parsed as Python, its sizes are believed.
_NOT_AN_ARRAY = (
    ValueError,
    TypeError,
    EOFError,
    OSError,
    SyntaxError,
    TokenError,
    MemoryError,
    OverflowError,
)


def make_key(*inputs: object) -> str:
    """A short hash of dataclasses, plain values and bytes, equal only for equal inputs.

    Raises:
        TypeError: if an input has no plain form; mappings have one if their keys are text.
    """
    digest = hashlib.blake2b(digest_size=_KEY_LENGTH // 2)
    digest.update(str(STAGE_VERSION).encode())
    for value in inputs:
        data = b"b" + value if isinstance(value, bytes) else b"j" + _to_json(value)
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def digest_arrays(arrays: Iterable[NDArray[Any]]) -> bytes:
    """A hash of array contents, shapes and types."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


class ArtifactStore:
    """A folder of stage results.

    Raises:
        FolderError: if the folder holds something else than a bake.
        ArtifactError: if the folder cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._used: set[Path] = set()
        check_out_folder(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtifactError(
                f"cannot write to {root}: {error.strerror}; choose another out folder"
            ) from error
        for folder in (root, *(root / name for name in STAGE_FOLDERS)):
            if folder.is_dir() and not _may_write(folder):
                raise ArtifactError(
                    f"cannot write to {folder}: it is read-only for this user, expected a folder "
                    "of your own; correct its permissions or choose another out folder"
                )

    def path(self, name: str, key: str, extension: str) -> Path:
        """Where the result of that name and key lies or will lie."""
        path = self.root / f"{name}-{key}.{extension}"
        self._used.add(path)
        return path

    def read(self, name: str, key: str, extension: str = "bin") -> bytes | None:
        """A stored result, or None when there is none from these inputs.

        Raises:
            ArtifactError: if there is one, but it cannot be read.
        """
        path = self.path(name, key, extension)
        with _disk_named(path, "read"):
            return path.read_bytes() if path.is_file() else None

    def write(self, name: str, key: str, data: bytes, extension: str = "bin") -> None:
        """Store a result.

        Raises:
            ArtifactError: if it cannot be written; earlier results stay as they are.
        """
        write_atomic(self.path(name, key, extension), data)

    def read_array(self, name: str, key: str) -> NDArray[Any] | None:
        """A stored array, or None.

        Raises:
            ArtifactError: if the file is damaged.
        """
        data = self.read(name, key, "npy")
        if data is None:
            return None
        return load_array(data, self.path(name, key, "npy"))

    def write_array(self, name: str, key: str, array: NDArray[Any]) -> None:
        """Store an array as ``.npy``."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        self.write(name, key, buffer.getvalue(), "npy")

    def relative(self, name: str, key: str, extension: str) -> str:
        """The same place as `path` says, relative to the folder, with forward slashes."""
        return self.path(name, key, extension).relative_to(self.root).as_posix()

    def remove(self, name: str) -> None:
        """Remove a file of the folder, if it is there.

        Raises:
            ArtifactError: if that is not allowed.
        """
        with _disk_named(self.root / name, "remove"):
            (self.root / name).unlink(missing_ok=True)

    def discard_unused(self) -> int:
        """Remove results that this run neither read nor wrote; how many files that were.

        Only the stages' own folders are searched, and no link is followed: files that no bake has
        written stay.

        Raises:
            ArtifactError: if removing one is not allowed.
        """
        folders = [self.root / name for name in STAGE_FOLDERS]
        own = [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]
        found = [path for folder in own for path in folder.iterdir()]
        named = [path for path in found if _ARTIFACT.fullmatch(path.name)]
        named += [path for path in self.root.iterdir() if is_leftover(path)]
        files = [path for path in named if path.is_file() and not path.is_symlink()]
        stale = [path for path in files if path not in self._used]
        for path in stale:
            self.remove(path.relative_to(self.root).as_posix())
        return len(stale)


def load_array(data: bytes, path: Path) -> NDArray[Any]:
    """An array from the bytes of a ``.npy`` file.

    Raises:
        ArtifactError: if they are not one.
    """
    try:
        return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
    except _NOT_AN_ARRAY as error:
        raise ArtifactError(
            f"{path.name} is damaged: {error}; delete it and run the bake again"
        ) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        ArtifactError: if it cannot be written, a full disk included; nothing is left behind.
    """
    try:
        replace_file(path, data)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {path.name} ({len(data)} bytes) to {path.parent}: {error.strerror}; "
            "free some space or choose another out folder, then run again to resume"
        ) from error


def _may_write(folder: Path) -> bool:
    """Whether files can be made in a folder, as far as permissions and mounts tell."""
    is_effective = os.access in os.supports_effective_ids
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=is_effective)


@contextmanager
def _disk_named(path: Path, what: str) -> Iterator[None]:
    """Turn a refusal of the disk into an error that names the file and says how to go on."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"cannot {what} {path}: {error.strerror}; repair the disk or the file's permissions, "
            "then run again to resume"
        ) from error


def _to_json(value: object) -> bytes:
    return json.dumps(_plain(value)).encode()


def _plain(value: object) -> object:
    """JSON-ready form of dataclasses, sequences and scalars."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__, **{k: _plain(v) for k, v in asdict(value).items()}}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("cannot key an artifact by a mapping whose keys are not all text")
        return {key: _plain(item) for key, item in sorted(value.items())}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"cannot key an artifact by a {type(value).__name__}")


@contextmanager
def damage_named(file_name: str) -> Iterator[None]:
    """Turn what the renderer says about a stored result into an error that names the file."""
    try:
        yield
    except RenderError as error:
        raise ArtifactError(
            f"{file_name} is damaged: {error}; delete it and run the bake again"
        ) from error
