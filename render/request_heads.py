"""Request heads from a socket, line by line, with a limit on every size and every wait."""

import socket
import time
from dataclasses import dataclass
from http import HTTPStatus

from render.web_requests import RequestRefused

_RECEIVE_BYTES = 16384
_BLANK_LINES = 2  # tolerated before a request, as older clients send one after a body


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """What one request head may take.

    Attributes:
        line_bytes: of the request line and of each field.
        head_bytes: of all lines together.
        field_count: of header fields.
        head_seconds: from the first byte to the end of the head.
        idle_seconds: between two requests of one connection.
    """

    line_bytes: int = 8192
    head_bytes: int = 32768
    field_count: int = 100
    head_seconds: float = 10.0
    idle_seconds: float = 30.0


class HeadReader:
    """Heads of the requests on one connection; bytes that came early wait for the next call."""

    def __init__(self, connection: socket.socket, limits: HeadLimits) -> None:
        self._connection = connection
        self._limits = limits
        self._waiting = bytearray()

    def read(self) -> list[bytes] | None:
        """The lines of the next head without line ends, or None if no further request came.

        Raises:
            RequestRefused: 400 if the client stops halfway, 408 if it takes too long, 414 for a
                long request line, 431 for long or many fields.
            OSError: if the connection broke.
        """
        try:
            if not self._waiting and not self._receive(self._limits.idle_seconds):
                return None
        except TimeoutError:
            return None
        deadline = time.monotonic() + self._limits.head_seconds
        lines = [self._first_line(deadline)]
        room = self._limits.head_bytes - len(lines[0])
        while line := self._line(deadline, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE):
            room -= len(line)
            if room < 0 or len(lines) > self._limits.field_count:
                raise RequestRefused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            lines.append(line)
        return lines

    def _first_line(self, deadline: float) -> bytes:
        for _ in range(_BLANK_LINES + 1):
            if line := self._line(deadline, HTTPStatus.REQUEST_URI_TOO_LONG):
                return line
        raise RequestRefused(HTTPStatus.BAD_REQUEST)

    def _line(self, deadline: float, too_long: HTTPStatus) -> bytes:
        """One line without its end; a return inside a line is refused, as it could hide another."""
        while (end := self._waiting.find(b"\n")) < 0:
            if len(self._waiting) > self._limits.line_bytes:
                raise RequestRefused(too_long)
            self._receive_before(deadline)
        if end > self._limits.line_bytes:
            raise RequestRefused(too_long)
        line = bytes(self._waiting[:end]).removesuffix(b"\r")
        del self._waiting[: end + 1]
        if b"\r" in line:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        return line

    def _receive_before(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            received = self._receive(left)
        except TimeoutError:
            raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT) from None
        if not received:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)

    def _receive(self, seconds: float) -> bool:
        """Wait for more bytes; False at the end of the client's stream."""
        self._connection.settimeout(seconds)
        data = self._connection.recv(_RECEIVE_BYTES)
        self._waiting += data
        return bool(data)
