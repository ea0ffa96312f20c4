import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import ContainerError, manifest

HERE = Path("scene")
EMPTY: dict[str, object] = {"blobs": {}, "streams": [], "scene": {}}


def parse(document: dict[str, object]) -> dict[str, object]:
    return manifest.parse(manifest.serialize(document), HERE)


def test_format_and_version_are_added() -> None:
    document = parse(EMPTY)
    assert document["format"] == "videorf-package"
    assert document["version"] == 1
    assert document["blobs"] == {}


def test_the_text_is_compact_and_plain_ascii() -> None:
    text = manifest.serialize(EMPTY | {"scene": {"name": "Ä", "n": [1, 2]}})
    assert b" " not in text
    assert text.isascii()


@pytest.mark.parametrize(
    "name",
    [
        "../up", "/root", "a/b", "a\\b", "", ".", "..", ".hidden", "-dash", "UPPER", "a b", "ä",
        "a\0b", "con:", "x" * 101, "dot.", 3, None,
    ],
)  # fmt: skip
def test_names_that_could_leave_the_folder_or_clash_are_refused(name: object) -> None:
    for make in (manifest.blob_file, manifest.stream_file):
        with pytest.raises(ContainerError, match="expected 1 to 100 of a-z"):
            make(name)  # type: ignore[arg-type]


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,98}[a-z0-9_-]", fullmatch=True))
def test_plain_names_stay_inside_their_folder(name: str) -> None:
    assert Path(manifest.blob_file(name)).parent == Path("blobs")
    assert Path(manifest.stream_file(name)).parent == Path("streams")


def test_a_name_in_a_manifest_is_checked_as_well() -> None:
    record = {"bytes": 1, "crc32": 2}
    with pytest.raises(ContainerError, match=r"'\.\./\.\./etc/passwd'"):
        parse(EMPTY | {"blobs": {"../../etc/passwd": record}})


def test_a_newer_package_is_refused_with_the_remedy_before_anything_else() -> None:
    text = manifest.serialize(EMPTY).replace(b'"version":1', b'"version":2')
    with pytest.raises(ContainerError, match="version 2, expected at most 1; update this software"):
        manifest.parse(text, HERE)


@pytest.mark.parametrize("version", [b"0", b"-1", b'"1"', b"null", b"true", b"1.5"])
def test_odd_versions_are_damage(version: bytes) -> None:
    text = manifest.serialize(EMPTY).replace(b'"version":1', b'"version":' + version)
    with pytest.raises(ContainerError, match="holds version"):
        manifest.parse(text, HERE)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_a_typed_error(text: bytes) -> None:
    with pytest.raises(ContainerError, match="no JSON"):
        manifest.parse(text, HERE)


@pytest.mark.parametrize("text", [b"[]", b"1", b"null", b"{}", b'{"format":"glTF","version":1}'])
def test_other_json_is_no_package(text: bytes) -> None:
    with pytest.raises(ContainerError, match="this is no package"):
        manifest.parse(text, HERE)


def test_an_edited_manifest_is_noticed() -> None:
    text = manifest.serialize(EMPTY | {"scene": {"gain": 1.25}})
    with pytest.raises(ContainerError, match="does not match its checksum"):
        manifest.parse(text.replace(b"1.25", b"1.75"), HERE)
    with pytest.raises(ContainerError, match="does not match its checksum"):
        manifest.parse(json.dumps(json.loads(text)).encode(), HERE)


@pytest.mark.parametrize("key", ["blobs", "streams", "scene"])
def test_every_section_is_needed(key: str) -> None:
    with pytest.raises(ContainerError, match=f"no {key}"):
        parse({name: value for name, value in EMPTY.items() if name != key})


@pytest.mark.parametrize(
    "record", [None, [], {}, {"bytes": 1}, {"bytes": "1", "crc32": 1}, {"bytes": -1, "crc32": 1},
               {"bytes": True, "crc32": 1}]
)  # fmt: skip
def test_damaged_blob_records_are_refused(record: object) -> None:
    with pytest.raises(ContainerError, match="damaged or was edited"):
        parse(EMPTY | {"blobs": {"a": record}})


def test_two_streams_of_one_name_are_refused() -> None:
    record = {
        key: {str: "x", int: 1, list: []}[kind] for key, kind in manifest._STREAM_FIELDS.items()
    }
    assert parse(EMPTY | {"streams": [record]})["streams"] == [record]
    with pytest.raises(ContainerError, match="two streams of one name"):
        parse(EMPTY | {"streams": [record, record]})


def test_a_giant_manifest_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "SIZE_LIMIT_BYTES", 10)
    with pytest.raises(ContainerError, match="expected at most 10"):
        manifest.parse(manifest.serialize(EMPTY), HERE)
