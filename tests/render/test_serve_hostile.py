"""The web server among clients that mean harm, make mistakes, or are slow."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from render.request_heads import HeadLimits
from render.serve import PackageServer, ServeOptions, open_server
from tests.render.serving import ask, ask_raw, connect, drain, exchange, replies, request

SECRET = b"do-not-tell"
OPTIONS = ServeOptions(
    connection_limit=20,
    heads=HeadLimits(head_seconds=0.5, idle_seconds=0.5),
    send_seconds=0.5,
    stop_seconds=0.5,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a secret beside it, one hidden in it, and links to both."""
    folder = tmp_path_factory.mktemp("outer")
    site = folder / "site"
    (site / "sub").mkdir(parents=True)
    (folder / "secret.txt").write_bytes(SECRET)
    (folder / "index.html").write_bytes(SECRET)
    (site / ".env").write_bytes(SECRET)
    (site / "out.txt").symlink_to(folder / "secret.txt")
    (site / "up").symlink_to("..")
    (site / "env.txt").symlink_to(".env")
    (site / "index.html").write_text("home")
    (site / "sub" / "a.txt").write_text("text")
    (site / "big.bin").write_bytes(bytes(32 << 20))
    return site


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[PackageServer]:
    with open_server(site, OPTIONS) as opened:
        yield opened


@pytest.fixture(autouse=True)
def still_alive(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test did, the server answers the next client and no thread hangs."""
    yield
    if "server" not in request.fixturenames:
        return
    port = request.getfixturevalue("server").port
    assert ask(port, "/").body == b"home"
    deadline = time.monotonic() + 10
    while clients() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not clients()


def clients() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "serve-client"]


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/%252e%252e/secret.txt",
        "/....//secret.txt",
        "//secret.txt",
        "/./index.html",
        "/sub//a.txt",
        "/sub%2fa.txt",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/C:/secret.txt",
        "/C%3A%5Csecret.txt",
        "/.env",
        "/%2eenv",
        "/sub/../.env",
        "/out.txt",
        "/up/secret.txt",
        "/up/",
        "/up",
        "/env.txt",
        "/sub/",
        "/sub",
        "/index.html/",
        "/index.html/x",
        "/..;/secret.txt",
        "/~/secret.txt",
        "/..%c0%afsecret.txt",
        "/%00",
        "/index.html%00.png",
        "/index.html%0d%0aX-Evil:1",
        "http://test/../secret.txt",
        "file:///etc/passwd",
    ],
)
def test_no_path_leads_out_or_to_what_is_hidden(server, site, target) -> None:
    data = exchange(server.port, request(target))
    (reply,) = replies(data)
    assert reply.status in {400, 404}
    assert SECRET not in data
    assert b"root:" not in data
    assert "x-evil" not in reply.fields


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "TRACE"])
@pytest.mark.parametrize("target", ["/missing", "/../secret.txt", "/sub/", "/%zz"])
def test_an_error_tells_nothing_but_its_status(server, site, method, target) -> None:
    data = exchange(server.port, request(target, "X-Mark: echo-me", method=method))
    for inside in (b"Python", b"Traceback", b"echo-me", str(site).encode(), b"Server:", b".py"):
        assert inside not in data
    assert b"missing" not in data
    assert b"a.txt" not in data


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_refused_with_those_that_work(server, method) -> None:
    body = b"x" * 100_000
    text = request("/", f"Content-Length: {len(body)}", method=method, last=False) + body
    reply = ask_raw(server.port, text)
    assert reply.status == 405
    assert reply.fields["allow"] == "GET, HEAD, OPTIONS"
    assert reply.fields["connection"] == "close"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 50_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + (b"A: " + b"x" * 8000 + b"\r\n") * 10 + b"\r\n", 431),
        (b"x" * 500_000, 414),
        (b"\0" * 1000 + b"\r\n\r\n", 400),
        (b"\r\n" * 1000, 400),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA b\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGET", 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    ],
)
def test_a_request_that_is_too_much_or_wrong_gets_its_status_and_a_close(
    server, text, status
) -> None:
    reply = ask_raw(server.port, text)
    assert reply.status == status
    assert reply.fields["connection"] == "close"
    assert reply.body.startswith(str(status).encode())


def test_what_follows_a_refused_request_is_not_taken_for_one(server) -> None:
    smuggled = request("/sub/a.txt", last=False)
    text = request("/", f"Content-Length: {len(smuggled)}", last=False) + smuggled
    assert ask_raw(server.port, text).status == 413


@pytest.mark.parametrize("cut", [1, 3, 5, 14, 16, 20, 30])
def test_a_truncated_request_is_a_bad_one(server, cut) -> None:
    with connect(server.port) as connection:
        connection.sendall(request("/index.html")[:cut])
        connection.shutdown(socket.SHUT_WR)
        assert replies(drain(connection))[0].status == 400


def test_a_client_that_says_nothing_is_left_without_a_word(server) -> None:
    start = time.monotonic()
    assert exchange(server.port, b"") == b""
    assert time.monotonic() - start < 5


def test_a_client_that_drips_is_timed_out(server) -> None:
    with connect(server.port) as connection:
        start = time.monotonic()
        try:
            for byte in request("/index.html") * 10:
                connection.sendall(bytes([byte]))
                time.sleep(0.03)
        except OSError:
            pass  # The server has closed already.
        took = time.monotonic() - start
        assert took < 5


def test_a_client_that_waits_halfway_is_told_of_the_time(server) -> None:
    assert ask_raw(server.port, b"GET / HTTP/1.1\r\nHost:").status == 408


def test_a_client_that_does_not_read_is_dropped_and_others_are_served(server) -> None:
    with connect(server.port) as connection:
        connection.sendall(request("/big.bin"))
        assert ask(server.port, "/sub/a.txt").body == b"text"
        time.sleep(1.0)
        assert len(drain(connection)) < 32 << 20


def test_clients_that_reset_or_vanish_do_no_harm(server) -> None:
    for text in (b"", b"GET", request("/big.bin"), request("/", method="POST")):
        with connect(server.port) as connection:
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(text)


def test_beyond_its_limit_the_server_says_that_it_is_busy(site) -> None:
    options = ServeOptions(connection_limit=3, stop_seconds=0.2)
    with open_server(site, options) as server:
        held = [connect(server.port) for _ in range(3)]
        for connection in held:
            connection.sendall(request("/", last=False))
            assert connection.recv(5) == b"HTTP/"
        busy = ask_raw(server.port, request("/"))
        assert busy.status == 503
        assert busy.fields["retry-after"] == "1"
        held.pop().close()
        deadline = time.monotonic() + 5
        while ask(server.port, "/").status == 503:
            assert time.monotonic() < deadline
        for connection in held:
            connection.close()


def test_a_flood_of_connections_is_cut_and_the_server_recovers(site) -> None:
    options = ServeOptions(connection_limit=4, stop_seconds=0.2)
    with open_server(site, options) as server:
        flood = [connect(server.port) for _ in range(100)]
        assert len(clients()) <= 4 + 16
        for connection in flood:
            connection.close()
        deadline = time.monotonic() + 10
        while not exchange(server.port, request("/")).startswith(b"HTTP/1.1 200"):
            assert time.monotonic() < deadline


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors through /proc")
def test_no_descriptor_is_left_behind(site) -> None:
    count = open_descriptors()
    with open_server(site, OPTIONS) as server:
        for target in ("/", "/missing", "/sub/a.txt", "/out.txt"):
            ask(server.port, target)
            ask(server.port, target, method="HEAD")
            ask(server.port, target, "Range: bytes=999999-")
            ask(server.port, target, "If-None-Match: *")
    assert open_descriptors() == count


@settings(max_examples=60)
@given(text=st.binary(max_size=200))
def test_any_bytes_get_an_answer_or_a_close(server: PackageServer, text: bytes) -> None:
    with connect(server.port) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        data = drain(connection)
    assert data == b"" or data.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))


@settings(max_examples=60)
@given(names=st.lists(st.sampled_from(["..", "%2e", "%2f", "%5c", "/", "sub", "up", ".env", "%"])))
def test_no_path_made_of_tricks_tells_the_secret(server: PackageServer, names: list[str]) -> None:
    assert SECRET not in exchange(server.port, request("/" + "".join(names)))
    assert SECRET not in exchange(server.port, request("/" + "/".join([*names, "secret.txt"])))
