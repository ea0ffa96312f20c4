"""The manifest of a package: JSON with its own checksum, checked field by field on reading."""

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwcodec.errors import ContainerError

NAME = "manifest.json"
FORMAT, VERSION = "videorf-package", 1
SIZE_LIMIT_BYTES = 1 << 28

_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
# The checksum comes first and covers every byte after it, so that no canonical form is needed.
_PREFIX_PATTERN = re.compile(rb'\{"crc32":"([0-9a-f]{8})",')
_PREFIX_BYTES = len(b'{"crc32":"00000000",')

_BLOB_FIELDS: Mapping[str, type] = {"bytes": int, "crc32": int}
_STREAM_FIELDS: Mapping[str, type] = {
    "name": str,
    "codec": str,
    "codec_string": str,
    "encoder": str,
    "backend": str,
    "requested": str,
    "reason": str,
    "width": int,
    "height": int,
    "chroma": str,
    "bit_depth": int,
    "frame_rate": list,
    "frame_count": int,
    "bytes": int,
    "crc32": int,
    "packet_crc32": list,
}


def check_name(name: str) -> str:
    """The name itself, if it may become a file name.

    Raises:
        ContainerError: if it could leave its folder, hide, or clash on some file system.
    """
    if not isinstance(name, str) or not _NAME_PATTERN.fullmatch(name) or name.endswith("."):
        raise ContainerError(
            f"name is {name!r}, expected 1 to 100 of a-z, 0-9, '.', '_' and '-', starting with a "
            "letter or digit; names become file names on every system"
        )
    return name


def blob_file(name: str) -> str:
    """Where a blob lies inside the package."""
    return f"blobs/{check_name(name)}"


def stream_file(name: str) -> str:
    """Where a bitstream lies inside the package."""
    return f"streams/{check_name(name)}.mp4"


def serialize(document: Mapping[str, Any]) -> bytes:
    """Compact JSON of the document, with format, version and checksum in front.

    Raises:
        ContainerError: if the document holds something JSON has no word for, such as NaN.
    """
    whole = {"format": FORMAT, "version": VERSION, **document}
    try:
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise ContainerError(
            f"manifest cannot be written as JSON: {error}; the scene may hold finite numbers, "
            "strings, booleans, null, lists and dictionaries with string keys"
        ) from error
    rest = text[1:].encode("ascii")
    return f'{{"crc32":"{zlib.crc32(rest):08x}",'.encode("ascii") + rest


def parse(data: bytes, where: Path) -> dict[str, Any]:
    """The document that ``serialize`` wrote, with every field of ours checked.

    Raises:
        ContainerError: if it is damaged, of another format, or newer than this package.
    """
    if len(data) > SIZE_LIMIT_BYTES:
        raise ContainerError(
            f"{NAME} in {where} has {len(data)} bytes, expected at most {SIZE_LIMIT_BYTES}"
        )
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(where, f"no JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ContainerError(
            f"{NAME} in {where} is not of format {FORMAT!r}; this is no package, or it is damaged"
        )
    _check_version(document.get("version"), where)
    prefix = _PREFIX_PATTERN.match(data)
    if prefix is None or int(prefix[1], 16) != zlib.crc32(data[_PREFIX_BYTES:]):
        raise _damaged(where, "a text that does not match its checksum")
    _check_document(document, where)
    return document


def _check_version(version: object, where: Path) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _damaged(where, f"version {version!r}")
    if version > VERSION:
        raise ContainerError(
            f"package {where} has version {version}, expected at most {VERSION}; "
            "update this software to read it"
        )


def _check_document(document: dict[str, Any], where: Path) -> None:
    for key, kind in (("blobs", dict), ("streams", list), ("scene", dict)):
        if not isinstance(document.get(key), kind):
            raise _damaged(where, f"no {key}")
    for name, record in document["blobs"].items():
        check_name(name)
        _check_fields(record, _BLOB_FIELDS, where)
    names = set()
    for record in document["streams"]:
        _check_fields(record, _STREAM_FIELDS, where)
        names.add(check_name(record["name"]))
    if len(names) != len(document["streams"]):
        raise _damaged(where, "two streams of one name")


def _check_fields(record: object, fields: Mapping[str, type], where: Path) -> None:
    if not isinstance(record, dict):
        raise _damaged(where, "a record that is no object")
    for key, kind in fields.items():
        value = record.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _damaged(where, f"{key} {value!r}")
        if isinstance(value, int) and value < 0:
            raise _damaged(where, f"{key} {value}")


def _damaged(where: Path, what: str) -> ContainerError:
    return ContainerError(
        f"{NAME} in {where} holds {what}, expected a manifest as FORMAT.md states; it is damaged "
        "or was edited, copy the package again"
    )
