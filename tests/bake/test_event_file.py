"""Event files are read back by a reader written from the formats' description."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake import event_file as module
from bake.event_file import EventFile, crc32c

Message = list[tuple[int, int | bytes]]


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def fields(data: bytes) -> Message:
    """Fields of a protocol buffer in order; numbers of fixed size stay bytes."""
    found: Message = []
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
            found.append((key >> 3, value))
            continue
        if kind == 2:
            length, at = varint(data, at)
        else:
            length = {1: 8, 5: 4}[kind]
        found.append((key >> 3, data[at : at + length]))
        at += length
    return found


def unmasked(stored: bytes) -> int:
    turned = (int.from_bytes(stored, "little") - 0xA282EAD8) % (1 << 32)
    return (turned >> 17) | (turned << 15) % (1 << 32)


def records(folder: Path) -> list[Message]:
    """Events of the one file in a folder, every checksum checked."""
    (path,) = folder.iterdir()
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        head = data[at : at + 8]
        assert unmasked(data[at + 8 : at + 12]) == crc32c(head)
        end = at + 12 + int.from_bytes(head, "little")
        message = data[at + 12 : end]
        assert unmasked(data[end : end + 4]) == crc32c(message)
        found.append(fields(message))
        at = end + 4
    return found


def value_of(event: Message) -> tuple[int, Message]:
    """Step and the one value of an event."""
    (_, _), (two, step), (five, summary) = event
    assert (two, five) == (2, 5)
    assert isinstance(step, int)
    assert isinstance(summary, bytes)
    ((one, value),) = fields(summary)
    assert one == 1
    assert isinstance(value, bytes)
    return step, fields(value)


def test_the_checksum_is_that_of_its_standard() -> None:
    # RFC 3720, appendix B.4, and the check value of catalogs of checksums.
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(b"") == 0


def test_a_file_begins_with_its_version_and_has_the_name_that_is_looked_for(tmp_path) -> None:
    EventFile(tmp_path / "deep" / "events")
    ((time, version),) = records(tmp_path / "deep" / "events")
    assert struct.unpack("<d", time[1])[0] > 1.7e9
    assert (time[0], version) == (1, (3, b"brain.Event:2"))
    (path,) = (tmp_path / "deep" / "events").iterdir()
    assert path.name.startswith("events.out.tfevents.")


@given(st.text(max_size=9), st.integers(0, (1 << 40)), st.floats(-(2.0**80), 2.0**80, width=32))
def test_a_point_of_a_curve_survives(tmp_path_factory, tag, step, value) -> None:
    folder = tmp_path_factory.mktemp("events")
    EventFile(folder).scalar(tag, step, value)
    _, event = records(folder)
    assert value_of(event) == (step, [(1, tag.encode()), (2, struct.pack("<f", value))])


@given(st.binary(max_size=500))
def test_a_picture_survives(tmp_path_factory, png) -> None:
    folder = tmp_path_factory.mktemp("events")
    EventFile(folder).picture("atlas/view", 300, png, (48, 24))
    step, ((one, tag), (four, image)) = value_of(records(folder)[1])
    assert (step, one, tag, four) == (300, 1, b"atlas/view", 4)
    assert isinstance(image, bytes)
    assert fields(image) == [(1, 24), (2, 48), (3, 3), (4, png)]


@given(st.integers(0, 1 << 63))
def test_whole_numbers_survive(number) -> None:
    data = module._varint(number)
    assert varint(data, 0) == (number, len(data))


def test_every_run_has_a_file_of_its_own(tmp_path) -> None:
    for _ in range(3):
        EventFile(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_disk_that_refuses_is_an_error_of_the_system(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        EventFile(tmp_path / "file")
