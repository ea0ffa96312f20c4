"""Packages made to do harm: names that climb, entries that lie, values of any kind."""

import codecs
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hwcodec import (
    GRAY8,
    BitstreamError,
    Codec,
    ContainerError,
    EncoderChoice,
    EncoderSettings,
    Lossless,
    PackageContent,
    Picture,
    PictureGeometry,
    StreamContent,
    decode,
    encode,
    open_package,
    write_package,
)
from hwcodec import manifest as manifests

TABLE = b"the true table"
CODES = torch.arange(64, dtype=torch.int32).reshape(8, 8).to(torch.uint8)


def content() -> PackageContent:
    settings = EncoderSettings("raw", PictureGeometry(GRAY8, 8, 8), Lossless())
    stream = encode([Picture((CODES,), GRAY8, 0)], settings)
    choice = EncoderChoice("raw", "raw", "raw", Codec.RAW, "requested")
    return PackageContent({"a": 1}, {"table": TABLE}, [StreamContent("luma", stream, choice)])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A sound package in one file, alone in its folder."""
    place = tmp_path / "packages" / "p.vrf"
    write_package(place, content())
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same package as a folder."""
    write_package(tmp_path / "p", content())
    return tmp_path / "p"


def assert_sound(place: Path) -> None:
    package = open_package(place)
    assert package.scene == {"a": 1}
    assert package.blob("table") == TABLE
    (picture,) = decode(package.bitstream(0))
    assert torch.equal(picture.luma, CODES)


def append(place: Path, name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(place, "a") as archive:
        warnings.simplefilter("ignore")  # A second entry of one name is the point here.
        archive.writestr(zipfile.ZipInfo(name), data, method)


@pytest.mark.parametrize(
    "name",
    ["../up", "../../manifest.json", "/manifest.json", "/etc/passwd", "blobs/../../x",
     "streams/../blobs/table", "C:\\x", "..\\x", "blobs//table", "./blobs/table", "blobs/",
     "BLOBS/TABLE", "x" * 300, "blobs/table\n", "README.md"],
)  # fmt: skip
def test_entries_that_the_manifest_does_not_mention_are_ignored(archive, name) -> None:
    append(archive, name, b"evil")
    before = sorted(archive.parent.parent.rglob("*"))
    assert_sound(archive)
    assert sorted(archive.parent.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["blobs/table", "streams/luma.mp4", "manifest.json"])
def test_a_second_entry_of_a_name_never_passes_for_the_first(archive, name) -> None:
    append(archive, name, b"evil" * 20)
    with pytest.raises(ContainerError, match=name):
        assert_sound(archive)


def test_a_single_compressed_part_is_refused_and_the_others_are_read(tmp_path, folder) -> None:
    place = tmp_path / "mixed.vrf"
    with zipfile.ZipFile(place, "w") as mixed:
        for name in ("manifest.json", "streams/luma.mp4", "blobs/table"):
            method = zipfile.ZIP_DEFLATED if "blobs" in name else zipfile.ZIP_STORED
            mixed.write(folder / name, name, method)
    package = open_package(place)
    assert len(package.bitstream(0).packets) == 1
    with pytest.raises(ContainerError, match=r"blobs/table in .*compressed or encrypted"):
        package.blob("table")


# Offset of a field in the central directory's record, its size, and what to write there.
LIES = {
    "encrypted": (8, "<H", 1),
    "compressed": (10, "<H", 8),
    "unknown method": (10, "<H", 77),
    "huge": (24, "<I", 2**32 - 2),
    "huge on disk": (20, "<I", 2**32 - 2),
    "empty": (20, "<I", 0),
    "elsewhere": (42, "<I", 1),
    "past the end": (42, "<I", 2**31),
    "a needed version": (6, "<H", 200),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_directory_that_lies_about_an_entry_is_an_error_or_harmless(archive, lie) -> None:
    whole = bytearray(archive.read_bytes())
    offset, layout, value = LIES[lie]
    record = whole.rindex(b"PK\1\2", 0, whole.rindex(b"blobs/table"))
    struct.pack_into(layout, whole, record + offset, value)
    archive.write_bytes(whole)
    try:
        data = open_package(archive).blob("table")
    except ContainerError:
        return
    assert data == TABLE
    assert lie.startswith("huge")


def test_an_archive_that_follows_other_bytes_is_read_too(archive) -> None:
    archive.write_bytes(b"#!/bin/sh\nexit 1\n" + archive.read_bytes())
    assert_sound(archive)


@pytest.mark.parametrize("name", ["manifest.json", "blobs/table", "streams/luma.mp4"])
@pytest.mark.parametrize("kind", ["folder", "dangling", "loop", "empty"])
def test_a_part_that_is_no_file_is_named(folder, name, kind) -> None:
    place = folder / name
    place.unlink()
    if kind == "folder":
        place.mkdir()
    elif kind == "empty":
        place.touch()
    else:
        place.symlink_to(place if kind == "loop" else folder / "nothing")
    with pytest.raises(ContainerError, match=name.replace(".", r"\.")):
        assert_sound(folder)


def rewrite(place: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and make its checksum right again, as an attacker would."""
    document = json.loads((place / "manifest.json").read_bytes())
    del document["crc32"]
    change(document)
    rest = json.dumps(document, separators=(",", ":")).encode()[1:]
    (place / "manifest.json").write_bytes(b'{"crc32":"%08x",' % zlib.crc32(rest) + rest)


HOSTILE = [
    ("packet_crc32", [None]),
    ("packet_crc32", ["1"]),
    ("packet_crc32", [[1], {}]),
    ("packet_crc32", []),
    ("packet_crc32", [2**70] * 1000),
    ("frame_rate", []),
    ("frame_rate", ["30", "1"]),
    ("frame_rate", [60, 2]),
    ("frame_rate", [30, 0]),
    ("frame_count", 10**30),
    ("bytes", 10**30),
    ("crc32", 2**64),
    ("codec", "RAW"),
    ("width", 8.0),
    ("bit_depth", True),
    ("name", "../luma"),
    ("name", "luma.mp4"),
    ("name", "\ud800"),
    ("reason", None),
]


@pytest.mark.parametrize(("key", "value"), HOSTILE, ids=lambda part: str(part)[:20].strip())
def test_no_value_of_a_stream_record_passes_or_escapes_untyped(folder, key, value) -> None:
    rewrite(folder, lambda document: document["streams"][0].update({key: value}))
    with pytest.raises((ContainerError, BitstreamError)):
        open_package(folder).bitstream(0)


@pytest.mark.parametrize(("key", "value"), [("bytes", 0), ("bytes", 10**30), ("crc32", 2**32 + 5)])
def test_no_value_of_a_blob_record_passes_or_escapes_untyped(folder, key, value) -> None:
    rewrite(folder, lambda document: document["blobs"]["table"].update({key: value}))
    with pytest.raises(ContainerError, match="blobs/table"):
        open_package(folder).blob("table")


def test_unknown_keys_are_ignored_at_every_level(folder) -> None:
    def change(document: dict[str, Any]) -> None:
        document["later"] = {"x": [1]}
        document["blobs"]["table"]["codec"] = "zstd"
        document["streams"][0]["alpha"] = None

    rewrite(folder, change)
    assert_sound(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: codecs.BOM_UTF8 + text,
        lambda text: text.decode().encode("utf-16"),
        lambda text: b" " + text,
        lambda text: text + b"\n",
        lambda text: text[:10] + text[10:18].upper() + text[18:],
        lambda text: b'{"format":"x",' + text[1:],
        lambda text: text[:10] + b"0x" + text[12:],
    ],
    ids=["mark", "wide", "space", "newline", "upper case", "a key before", "prefix"],
)
def test_a_manifest_in_any_other_spelling_is_refused(change) -> None:
    document = {"blobs": {}, "streams": [], "scene": {"\u00e4": "\U0001f600"}}
    text = manifests.serialize(document)
    # Letters among the digits, so that their case is something to get wrong.
    while not any(chr(digit).isalpha() for digit in text[10:18]):
        document["scene"] = {**document["scene"], f"key{len(document['scene'])}": 0}
        text = manifests.serialize(document)
    assert manifests.parse(text, Path("p"))["scene"] == document["scene"]
    with pytest.raises(ContainerError):
        manifests.parse(change(text), Path("p"))
