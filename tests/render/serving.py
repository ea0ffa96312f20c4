"""A raw client for the tests of the web server: bytes out, whole answers back, bounded waits."""

import socket
from dataclasses import dataclass

WAIT_SECONDS = 10.0
LAST = b"Connection: close\r\n"


@dataclass(frozen=True)
class Reply:
    status: int
    fields: dict[str, str]
    body: bytes


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)


def request(target: str, *fields: str, method: str = "GET", last: bool = True) -> bytes:
    """A request with a host, after which the server closes unless ``last`` is false."""
    lines = [f"{method} {target} HTTP/1.1", "Host: test", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n" + (LAST if last else b"") + b"\r\n"


def drain(connection: socket.socket) -> bytes:
    """Everything until the server closes; a reset ends it like a close."""
    received = bytearray()
    try:
        while data := connection.recv(1 << 16):
            received += data
    except ConnectionResetError:
        pass
    return bytes(received)


def exchange(port: int, text: bytes) -> bytes:
    """Send bytes on a connection of its own and take what comes until it closes."""
    with connect(port) as connection:
        connection.sendall(text)
        return drain(connection)


def replies(data: bytes, methods: str = "GET") -> list[Reply]:
    """Take answers apart; ``methods`` are those of the requests, since a HEAD has no body."""
    found: list[Reply] = []
    names = methods.split()
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        assert blank, f"an answer ends within its head: {head[:200]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        assert len(fields) == len(lines), "a header field is sent twice"
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        method = names[min(len(found), len(names) - 1)]
        size = 0 if method == "HEAD" else int(fields.get("content-length", 0))
        assert len(data) >= size
        found.append(Reply(int(status), fields, data[:size]))
        data = data[size:]
    return found


def ask(port: int, target: str, *fields: str, method: str = "GET") -> Reply:
    """One request on a connection of its own."""
    (reply,) = replies(exchange(port, request(target, *fields, method=method)), method)
    return reply


def ask_raw(port: int, text: bytes) -> Reply:
    """Bytes that get one answer, after which the server closes."""
    (reply,) = replies(exchange(port, text))
    return reply
