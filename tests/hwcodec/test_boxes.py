import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import BitstreamError, boxes
from hwcodec.boxes import Box, Reader, box, children, find, full_box

CONTENTS = st.lists(st.tuples(st.sampled_from(["moov", "free", "abcd"]), st.binary(max_size=20)))


@given(CONTENTS)
def test_boxes_read_back_as_written(contents: list[tuple[str, bytes]]) -> None:
    data = b"".join(box(kind, body) for kind, body in contents)
    found = [(one.kind, data[one.body : one.end]) for one in children(data)]
    assert found == contents


@given(st.binary(max_size=60))
def test_any_bytes_are_boxes_or_a_typed_error(data: bytes) -> None:
    try:
        found = list(children(data))
    except BitstreamError:
        return
    assert sum(one.end - one.start for one in found) == len(data)


@pytest.mark.parametrize("keep", [1, 7, 8, 12])
def test_truncated_boxes_are_errors(keep: int) -> None:
    with pytest.raises(BitstreamError, match="truncated or damaged"):
        list(children(box("moov", b"12345")[:keep]))


def test_large_sizes_are_understood() -> None:
    data = struct.pack(">I4sQ", 1, b"mdat", 20) + b"abcd"
    (one,) = children(data)
    assert data[one.body : one.end] == b"abcd"


def test_what_is_too_large_for_a_short_size_is_written_with_a_long_one(monkeypatch) -> None:
    monkeypatch.setattr(boxes, "LARGEST_SHORT_SIZE", 12)
    assert box("mdat", b"abcd") == struct.pack(">I4s", 12, b"mdat") + b"abcd"
    long = box("mdat", b"abc", b"de")
    assert long == struct.pack(">I4sQ", 1, b"mdat", 21) + b"abcde"
    (one,) = children(long)
    assert long[one.body : one.end] == b"abcde"


def test_the_short_size_ends_at_four_gibibytes() -> None:
    assert boxes.LARGEST_SHORT_SIZE == 2**32 - 1
    with pytest.raises(struct.error):
        struct.pack(">I", boxes.LARGEST_SHORT_SIZE + 1)


def test_a_size_smaller_than_its_header_is_an_error() -> None:
    with pytest.raises(BitstreamError, match="4 bytes at offset 0"):
        list(children(struct.pack(">I4s", 4, b"moov")))


def test_paths_lead_inwards_and_missing_steps_are_named() -> None:
    data = box("moov", box("trak", box("mdia", b"")))
    (movie,) = children(data)
    assert find(data, movie, "trak", "mdia").kind == "mdia"
    with pytest.raises(BitstreamError, match="no 'minf' box inside 'trak'"):
        find(data, movie, "trak", "minf")


def test_a_reader_stops_at_the_end_of_its_box() -> None:
    data = full_box("tfdt", 1, 0x20000, struct.pack(">Q", 7)) + b"more"
    fields = Reader(data, next(children(data, 0, 20)))
    assert fields.version_and_flags() == (1, 0x20000)
    assert fields.take("Q") == 7
    with pytest.raises(BitstreamError, match="inside one of its fields"):
        fields.take("B")


def test_skipping_moves_the_cursor() -> None:
    fields = Reader(b"abcd\0\0\0\5", Box("x", 0, 0, 8))
    fields.skip(4)
    assert fields.take("I") == 5
