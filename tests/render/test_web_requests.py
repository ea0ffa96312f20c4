"""Request lines, header fields, paths, ranges and conditions: what is understood and refused."""

import contextlib
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render.web_requests import (
    METHODS,
    ByteSpan,
    RequestRefused,
    byte_span,
    names_tag,
    not_modified_since,
    parse_request,
    path_segments,
)


def refused_with(lines: list[bytes]) -> int:
    with pytest.raises(RequestRefused) as refused:
        parse_request(lines)
    return refused.value.status.value


def test_a_request_is_read_into_its_parts() -> None:
    request = parse_request([b"GET /a/b%20c.js?v=1 HTTP/1.1", b"Host: x", b"RANGE:\t bytes=0- "])
    assert request.method == "GET"
    assert request.segments == ("a", "b c.js")
    assert request.fields == {"host": "x", "range": "bytes=0-"}
    assert request.keep_alive


def test_repeated_fields_are_joined() -> None:
    request = parse_request([b"GET / HTTP/1.1", b"Host: x", b"A: 1", b"a: 2"])
    assert request.fields["a"] == "1, 2"


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        (b"1.1", b"keep-alive", True),
        (b"1.1", b"Upgrade, CLOSE", False),
        (b"1.0", b"keep-alive", False),
        (b"1.2", b"", True),
    ],
)
def test_the_connection_stays_unless_one_side_cannot(version, connection, stays) -> None:
    lines = [b"GET / HTTP/" + version, b"Host: x", b"Connection: " + connection]
    assert parse_request(lines).keep_alive is stays


def test_an_old_client_need_not_name_the_host() -> None:
    assert parse_request([b"HEAD / HTTP/1.0"]).segments == ()


def test_options_may_ask_about_the_whole_server() -> None:
    assert parse_request([b"OPTIONS * HTTP/1.1", b"Host: x"]).segments is None


@pytest.mark.parametrize(
    "line",
    [
        b"GET",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / x HTTP/1.1",
        b"GET / http/1.1",
        b"GET / HTTP/1",
        b"GET / HTTP/11.1",
        b"G(T / HTTP/1.1",
        b" / HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET index.html HTTP/1.1",
        b"GET ftp://x/ HTTP/1.1",
        b"GET /#part HTTP/1.1",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_a_malformed_request_line_is_a_bad_request(line) -> None:
    assert refused_with([line, b"Host: x"]) == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("version", [b"2.0", b"0.9", b"3.0", b"9.9"])
def test_another_major_version_is_told(version) -> None:
    assert refused_with([b"PRI * HTTP/" + version]) == HTTPStatus.HTTP_VERSION_NOT_SUPPORTED


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"get", b"CONNECT", b"PROPFIND"])
def test_other_methods_are_not_allowed(method) -> None:
    lines = [method + b" / HTTP/1.1", b"Host: x"]
    assert refused_with(lines) == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(
    "field",
    [
        b"no colon",
        b": empty",
        b"Name : x",
        b" folded: x",
        b"\tfolded: x",
        b"A: \x00",
        b"A: \x1b[2J",
        b"Host: y",
    ],
)
def test_a_malformed_field_is_a_bad_request(field) -> None:
    assert refused_with([b"GET / HTTP/1.1", b"Host: x", field]) == HTTPStatus.BAD_REQUEST


def test_a_request_without_a_host_is_bad() -> None:
    assert refused_with([b"GET / HTTP/1.1"]) == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "field", [b"Content-Length: 5", b"Content-Length: -1", b"Transfer-Encoding: chunked"]
)
def test_a_body_is_refused(field) -> None:
    lines = [b"GET / HTTP/1.1", b"Host: x", field]
    assert refused_with(lines) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert parse_request([*lines[:2], b"Content-Length: 0"]).method == "GET"


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("/", ()),
        ("/?scene=../x", ()),
        ("/a", ("a",)),
        ("/a/", ("a", "")),
        ("//a", ("", "a")),
        ("/%41%2fb", ("A/b",)),
        ("/%2e%2E/x", ("..", "x")),
        ("/a%5cb", ("a\\b",)),
        ("/%C3%A9", ("é",)),
        ("http://host:80/a?b", ("a",)),
        ("HTTPS://host", ()),
    ],
)
def test_a_path_is_split_before_it_is_decoded(target, names) -> None:
    assert path_segments(target) == names


@pytest.mark.parametrize(
    "target", ["", "a", "/%", "/%4", "/%zz", "/%00", "/a%0a", "/%ff", "/%c0%ae"]
)
def test_a_path_that_cannot_be_decoded_is_refused(target) -> None:
    with pytest.raises(RequestRefused, match="400"):
        path_segments(target)


@pytest.mark.parametrize(
    ("text", "first", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-5", 2, 4),
        ("BYTES= 2-5 ", 2, 4),
        ("bytes=7-", 7, 3),
        ("bytes=7-99", 7, 3),
        ("bytes=-3", 7, 3),
        ("bytes=-99", 0, 10),
        ("bytes=0-" + "9" * 5000, 0, 10),
        ("bytes=-" + "9" * 5000, 0, 10),
        ("bytes=" + "0" * 5000 + "1-1", 1, 1),
    ],
)
def test_one_range_is_one_part(text, first, length) -> None:
    assert byte_span(text, 10) == ByteSpan(first, length)


@pytest.mark.parametrize("text", ["", "items=0-1", "bytes 0-1", "bytes=0-1,3-4", "bytes=0-0,-1"])
def test_other_units_and_several_ranges_get_the_whole(text) -> None:
    assert byte_span(text, 10) is None


@pytest.mark.parametrize(
    "text",
    [
        "bytes=",
        "bytes=-",
        "bytes=10-",
        "bytes=5-2",
        "bytes=-0",
        "bytes=a-b",
        "bytes=1",
        "bytes=--1",
        "bytes=0x1-2",
        "bytes=\u00b2-",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_a_range_that_holds_nothing_is_not_satisfiable(text) -> None:
    with pytest.raises(RequestRefused, match="416"):
        byte_span(text, 10)


def test_an_empty_file_has_no_parts() -> None:
    for text in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        with pytest.raises(RequestRefused, match="416"):
            byte_span(text, 0)


@given(st.text(max_size=30), st.integers(0, 1000))
def test_whatever_the_range_the_part_is_inside_the_file(text: str, size: int) -> None:
    try:
        span = byte_span(f"bytes={text}", size)
    except RequestRefused:
        return
    assert span is None or 0 <= span.first < span.first + span.length <= size


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_any_bytes_are_read_or_refused(lines: list[bytes]) -> None:
    with contextlib.suppress(RequestRefused):
        assert parse_request(lines).method in METHODS


@pytest.mark.parametrize(
    ("text", "named"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False)],
)
def test_a_tag_is_found_among_those_named(text, named) -> None:
    assert names_tag(text, '"a"') is named


@pytest.mark.parametrize(
    ("text", "is_old"),
    [
        ("Thu, 01 Jan 1970 00:01:40 GMT", True),
        ("Thu, 01 Jan 1970 00:01:39 GMT", False),
        ("Thu, 01 Jan 1970 00:01:40 -0000", True),
        ("yesterday", False),
        ("", False),
        ("Thu, 99 Jan 99999 00:00:00 GMT", False),
    ],
)
def test_a_date_counts_by_the_second_and_an_unreadable_one_not_at_all(text, is_old) -> None:
    assert not_modified_since(text, 100.7) is is_old
