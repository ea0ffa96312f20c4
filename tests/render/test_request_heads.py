"""Heads arrive whole, in pieces, too long, too slowly, or not at all."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from render.request_heads import HeadLimits, HeadReader
from render.web_requests import RequestRefused

LIMITS = HeadLimits(
    line_bytes=100, head_bytes=300, field_count=5, head_seconds=0.3, idle_seconds=0.2
)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, HeadReader]]:
    near, far = socket.socketpair()
    with near, far:
        yield far, HeadReader(near, LIMITS)


def status_of(reader: HeadReader) -> int:
    with pytest.raises(RequestRefused) as refused:
        reader.read()
    return refused.value.status.value


def test_a_head_is_read_to_its_blank_line(ends) -> None:
    client, reader = ends
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reader.read() == [b"GET / HTTP/1.1", b"Host: x"]


def test_lines_may_end_in_a_newline_alone_and_blank_ones_come_first(ends) -> None:
    client, reader = ends
    client.sendall(b"\r\n\nGET / HTTP/1.1\nHost: x\n\n")
    assert reader.read() == [b"GET / HTTP/1.1", b"Host: x"]


def test_requests_that_came_together_are_read_one_by_one(ends) -> None:
    client, reader = ends
    client.sendall(b"one\r\n\r\ntwo\r\nA: b\r\n\r\nthr")
    assert reader.read() == [b"one"]
    assert reader.read() == [b"two", b"A: b"]
    client.sendall(b"ee\r\n\r\n")
    assert reader.read() == [b"three"]


def test_a_head_may_come_byte_by_byte(ends) -> None:
    client, reader = ends
    text = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    def dribble() -> None:
        for i in range(len(text)):
            client.sendall(text[i : i + 1])
            time.sleep(0.001)

    thread = threading.Thread(target=dribble)
    thread.start()
    assert reader.read() == [b"GET / HTTP/1.1", b"Host: x"]
    thread.join()


def test_a_client_that_says_nothing_or_leaves_is_no_request(ends) -> None:
    client, reader = ends
    start = time.monotonic()
    assert reader.read() is None
    assert time.monotonic() - start < 2
    client.close()
    assert reader.read() is None


@pytest.mark.parametrize("text", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_client_that_stops_halfway_made_a_bad_request(ends, text) -> None:
    client, reader = ends
    client.sendall(text)
    client.shutdown(socket.SHUT_WR)
    assert status_of(reader) == 400


def test_a_client_that_waits_halfway_is_timed_out(ends) -> None:
    client, reader = ends
    client.sendall(b"GET / HT")
    assert status_of(reader) == 408


def test_a_slow_drip_does_not_extend_the_time(ends) -> None:
    client, reader = ends
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            client.sendall(b"x")

    client.sendall(b"G")
    thread = threading.Thread(target=drip)
    thread.start()
    start = time.monotonic()
    assert status_of(reader) == 408
    assert time.monotonic() - start < 3
    stop.set()
    thread.join()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"G" * 101, 414),
        (b"G" * 101 + b"\r\n\r\n", 414),
        (b"G\r\nA: " + b"x" * 100, 431),
        (b"G\r\nA: " + b"x" * 100 + b"\r\n\r\n", 431),
        (b"G\r\n" + b"A: x\r\n" * 6 + b"\r\n", 431),
        (b"G\r\n" + (b"A: " + b"x" * 90 + b"\r\n") * 4 + b"\r\n", 431),
        (b"\r\n\r\n\r\n", 400),
        (b"GET /\rHost: x\r\n\r\n", 400),
    ],
)
def test_what_is_too_much_is_refused(ends, text, status) -> None:
    client, reader = ends
    client.sendall(text)
    assert status_of(reader) == status


def test_as_many_fields_as_allowed_are_read(ends) -> None:
    client, reader = ends
    client.sendall(b"G\r\n" + b"A: x\r\n" * 5 + b"\r\n")
    lines = reader.read()
    assert lines is not None
    assert len(lines) == 6
