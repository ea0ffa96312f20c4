"""A small web server for one folder: threads, sockets, and an end that waits for nobody long.

It is made for looking at a scene on this machine or in the same room, where it has what players
need of a server: parts of files, conditions, and types. For the public, copy the folder to a web
server or a CDN.
"""

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from render.errors import ServeError
from render.request_heads import HeadLimits, HeadReader
from render.served_files import ServedFolder
from render.web_answers import Answer, answer_to, head_bytes, refusal
from render.web_requests import RequestRefused, parse_request

LOOPBACK, EVERY_INTERFACE = "127.0.0.1", "0.0.0.0"
_PIECE_BYTES = 1 << 17
_QUEUE = 128  # connections that the system holds until they are accepted
_REFUSALS_AT_ONCE = 16  # clients that are told about a full server; further ones are cut off
_FAREWELL_SECONDS, _FAREWELL_BYTES = 1.0, 1 << 20
_PAUSE_SECONDS = 0.1  # when the system has no more sockets to give


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where and within which bounds a folder is served.

    Attributes:
        host: IPv4 address to listen on; this machine alone unless given.
        port: 0 takes a free one.
        connection_limit: clients at once; further ones are answered with 503.
        heads: limits of one request.
        send_seconds: a client must take each piece of a file within this time.
        stop_seconds: how long answers on their way may take when the server ends.
    """

    host: str = LOOPBACK
    port: int = 0
    connection_limit: int = 128
    heads: HeadLimits = field(default_factory=HeadLimits)
    send_seconds: float = 60.0
    stop_seconds: float = 2.0


def open_server(folder: str | Path, options: ServeOptions | None = None) -> "PackageServer":
    """Serve a folder from a thread of this process, until the result is closed.

    Raises:
        ServeError: if there is no such folder, or the address cannot be listened on.
    """
    options = options or ServeOptions()
    return PackageServer(ServedFolder(Path(folder)), _listen(options), options)


class PackageServer:
    """A folder being served; a context manager that ends it."""

    def __init__(
        self, folder: ServedFolder, listener: socket.socket, options: ServeOptions
    ) -> None:
        """Take over a listening socket and start to accept; `open_server` is the usual way."""
        self._folder, self._listener, self._options = folder, listener, options
        self.port: int = listener.getsockname()[1]
        self._wake, self._awake = socket.socketpair()
        self._seats = threading.BoundedSemaphore(options.connection_limit)
        self._refusals = threading.BoundedSemaphore(_REFUSALS_AT_ONCE)
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._is_closing = False
        self._ended = threading.Event()
        self._accepting = threading.Thread(target=self._accept, name="serve-accept", daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """Address of the folder's index page for a browser on this machine."""
        host = self._options.host
        return self.url_at(LOOPBACK if host == EVERY_INTERFACE else host)

    def url_at(self, host: str) -> str:
        """The same address as seen by those who know this machine as ``host``."""
        return f"http://{host}:{self.port}/"

    def serve_forever(self) -> None:
        """Wait until another thread closes the server, or Ctrl-C raises KeyboardInterrupt."""
        # In short waits: on some systems nothing interrupts a long one.
        while not self._ended.wait(0.5):
            pass

    def close(self) -> None:
        """End: answers on their way may finish within ``stop_seconds``, then no thread is left."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
        self._wake.send(b"x")
        self._accepting.join()
        self._hang_up(socket.SHUT_RD)
        self._wait_for_threads(self._options.stop_seconds)
        self._hang_up(socket.SHUT_RDWR)
        self._wait_for_threads(_FAREWELL_SECONDS + 1)
        self._wake.close()
        self._awake.close()
        self._ended.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _accept(self) -> None:
        """Take connections until woken; runs in a thread of its own."""
        with self._listener, selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._awake, selectors.EVENT_READ)
            while not self._is_closing:
                selector.select()
                if self._is_closing:
                    return
                try:
                    connection, _ = self._listener.accept()
                except BlockingIOError:
                    continue
                except OSError:
                    # The client has gone again, or the process has no socket left.
                    time.sleep(_PAUSE_SECONDS)
                    continue
                self._seat(connection)

    def _seat(self, connection: socket.socket) -> None:
        """Give a connection its thread, a short one if the server is full, or none."""
        if self._seats.acquire(blocking=False):
            work, seats = self._converse, self._seats
        elif self._refusals.acquire(blocking=False):
            work, seats = self._refuse, self._refusals
        else:
            connection.close()
            return

        def attend() -> None:
            try:
                # A client that went away is no fault of ours.
                with connection, contextlib.suppress(OSError):
                    work(connection)
            finally:
                with self._lock:
                    self._connections.pop(connection, None)
                seats.release()

        thread = threading.Thread(target=attend, name="serve-client", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # The system has no thread left; the client may come again.
            with self._lock:
                del self._connections[connection]
            seats.release()
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        """Answer the requests of one client in their order."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = HeadReader(connection, self._options.heads)
        keep_alive = True
        while keep_alive:
            try:
                lines = reader.read()
                if lines is None:
                    return
                request = parse_request(lines)
            except RequestRefused as refused:
                self._send(connection, refusal(refused.status), "GET", keep_alive=False)
                break
            keep_alive = request.keep_alive and not self._is_closing
            answer = answer_to(request, self._folder)
            with contextlib.closing(answer):
                self._send(connection, answer, request.method, keep_alive=keep_alive)
        _say_farewell(connection)

    def _refuse(self, connection: socket.socket) -> None:
        answer = refusal(HTTPStatus.SERVICE_UNAVAILABLE)
        self._send(connection, answer, "GET", keep_alive=False)
        _say_farewell(connection)

    def _send(
        self, connection: socket.socket, answer: Answer, method: str, *, keep_alive: bool
    ) -> None:
        """Send an answer; a HEAD gets everything but the body.

        Raises:
            OSError: if the client has gone, is too slow, or the file cannot be read to its end.
        """
        # From here the time is that of one whole `sendall`.
        connection.settimeout(self._options.send_seconds)
        head = head_bytes(answer, keep_alive=keep_alive)
        if method == "HEAD":
            connection.sendall(head)
            return
        connection.sendall(head + answer.text)
        for piece in _pieces(answer):
            connection.sendall(piece)

    def _hang_up(self, how: int) -> None:
        """Shut every connection for reading, which ends waits for a request, or altogether."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(how)

    def _wait_for_threads(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._lock:
            threads = list(self._connections.values())
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def lan_address() -> str:
    """IPv4 address by which other machines of the local network reach this one.

    Raises:
        ServeError: if this machine has no network.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Chooses the interface towards an address reserved for examples; sends nothing.
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise ServeError(
                "this machine is in no network, expected one for --lan; connect it, or leave out "
                "--lan"
            ) from error
        return str(probe.getsockname()[0])


def _listen(options: ServeOptions) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A port whose last connections still wind down may be taken again; elsewhere this
            # option would let two programs share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
        listener.listen(_QUEUE)
        listener.settimeout(0)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ServeError(
            f"cannot listen on {options.host} port {options.port}: {reason}; choose another port, "
            "or 0 for a free one"
        ) from error
    return listener


def _pieces(answer: Answer) -> Iterator[bytes]:
    """The file's part in pieces; exactly as many bytes as the head promised.

    Raises:
        OSError: if the file cannot be read or has become shorter: only breaking off tells that.
    """
    if answer.file is None or answer.span is None:
        return
    handle, left = answer.file.handle, answer.span.length
    handle.seek(answer.span.first)
    while left:
        piece = handle.read(min(left, _PIECE_BYTES))
        if not piece:
            raise OSError("the file became shorter while it was sent")
        left -= len(piece)
        yield piece


def _say_farewell(connection: socket.socket) -> None:
    """End the connection so that the answer arrives: closing over unread bytes would lose it."""
    connection.shutdown(socket.SHUT_WR)
    deadline, room = time.monotonic() + _FAREWELL_SECONDS, _FAREWELL_BYTES
    while room > 0 and (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        data = connection.recv(_PIECE_BYTES)
        if not data:
            return
        room -= len(data)
