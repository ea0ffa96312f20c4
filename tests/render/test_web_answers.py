"""Answers as values: what they say, which part of a file they send, how they are written."""

from http import HTTPStatus
from pathlib import Path

import pytest

from render.served_files import ServedFolder
from render.web_answers import Answer, answer_to, head_bytes, refusal
from render.web_requests import ByteSpan, Request


@pytest.fixture
def folder(tmp_path: Path) -> ServedFolder:
    (tmp_path / "a.mp4").write_bytes(b"0123456789")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "é #?").mkdir()
    (tmp_path / "é #?" / "index.html").write_text("page")
    return ServedFolder(tmp_path)


def answer(folder: ServedFolder, *names: str, method: str = "GET", **fields: str) -> Answer:
    """Answer a request for names; the file is closed, as only the description matters here."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    made = answer_to(Request(method, names, named, keep_alive=True), folder)
    made.close()
    return made


def test_a_whole_file_is_a_span_of_all_its_bytes(folder) -> None:
    assert answer(folder, "a.mp4").span == ByteSpan(0, 10)
    assert answer(folder, "empty").span == ByteSpan(0, 0)
    assert answer(folder, "empty").status is HTTPStatus.OK


def test_a_part_is_a_span_of_those_bytes(folder) -> None:
    part = answer(folder, "a.mp4", range="bytes=2-4")
    assert (part.status, part.span) == (HTTPStatus.PARTIAL_CONTENT, ByteSpan(2, 3))
    assert ("Content-Range", "bytes 2-4/10") in part.fields
    assert ("Content-Length", "3") in part.fields


def test_a_good_copy_sends_no_bytes_even_where_a_part_was_wanted(folder) -> None:
    good = answer(folder, "a.mp4", range="bytes=0-1", if_none_match="*")
    assert (good.status, good.span, good.text) == (HTTPStatus.NOT_MODIFIED, None, b"")


def test_every_file_that_was_opened_is_closed_with_its_answer(folder) -> None:
    for fields in ({}, {"if_none_match": "*"}, {"range": "bytes=0-1"}):
        made = answer(folder, "a.mp4", **fields)
        assert made.file is not None
        assert made.file.handle.closed


def test_a_part_that_is_not_there_keeps_no_file(folder) -> None:
    refused = answer(folder, "a.mp4", range="bytes=10-")
    assert (refused.status, refused.file) == (HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, None)


def test_the_place_of_a_folder_is_written_so_that_it_stays_a_path(folder) -> None:
    moved = answer(folder, "é #?")
    assert moved.status is HTTPStatus.MOVED_PERMANENTLY
    assert ("Location", "/%C3%A9%20%23%3F/") in moved.fields


def test_a_refusal_says_its_status_and_what_would_help() -> None:
    assert refusal(HTTPStatus.NOT_FOUND).text == b"404 Not Found\n"
    assert ("Allow", "GET, HEAD, OPTIONS") in refusal(HTTPStatus.METHOD_NOT_ALLOWED).fields
    assert ("Retry-After", "1") in refusal(HTTPStatus.SERVICE_UNAVAILABLE).fields


@pytest.mark.parametrize("keep_alive", [True, False])
def test_a_head_ends_with_a_blank_line_and_tells_a_close(keep_alive) -> None:
    head = head_bytes(refusal(HTTPStatus.NOT_FOUND), keep_alive=keep_alive)
    assert head.startswith(b"HTTP/1.1 404 Not Found\r\nDate: ")
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1
    assert (b"\r\nConnection: close\r\n" in head) is not keep_alive
