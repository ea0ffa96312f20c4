"""The web server as a player uses it: files, parts, conditions, types, many clients, an end."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from urllib.request import urlopen

import pytest

from render.errors import ServeError
from render.serve import EVERY_INTERFACE, PackageServer, ServeOptions, lan_address, open_server
from tests.render.serving import ask, connect, drain, exchange, replies, request

FILM = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageServer]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html>home")
    (folder / "a b").mkdir()
    (folder / "a b" / "index.html").write_text("sub")
    (folder / "film.mp4").write_bytes(FILM)
    (folder / "empty.bin").write_bytes(b"")
    for name in ("player.js", "scene.json", "master.m3u8", "x.vrf", "p.png", "s.glsl", "p.css"):
        (folder / name).write_text(name)
    with open_server(folder) as opened:
        yield opened


def test_a_standard_client_reads_the_page(server) -> None:
    with urlopen(server.url, timeout=10) as answer:
        assert answer.read() == b"<!doctype html>home"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_file_comes_whole_with_what_describes_it(server) -> None:
    reply = ask(server.port, "/film.mp4")
    assert (reply.status, reply.body) == (200, FILM)
    assert reply.fields["content-length"] == str(len(FILM))
    assert reply.fields["accept-ranges"] == "bytes"
    assert reply.fields["etag"].startswith('"')
    assert reply.fields["last-modified"].endswith("GMT")
    assert reply.fields["cache-control"] == "no-cache"
    assert reply.fields["connection"] == "close"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("player.js", "text/javascript; charset=utf-8"),
        ("scene.json", "application/json"),
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("film.mp4", "video/mp4"),
        ("x.vrf", "application/octet-stream"),
        ("p.png", "image/png"),
        ("s.glsl", "text/plain; charset=utf-8"),
        ("p.css", "text/css; charset=utf-8"),
    ],
)
def test_every_file_has_its_type_and_no_browser_may_guess(server, name, kind) -> None:
    reply = ask(server.port, f"/{name}", method="HEAD")
    assert reply.fields["content-type"] == kind
    assert reply.fields["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("target", ["/film.mp4", "/", "/missing", "/a%20b", "/empty.bin"])
def test_head_tells_the_same_as_get_without_the_body(server, target) -> None:
    head, got = ask(server.port, target, method="HEAD"), ask(server.port, target)
    assert head.status == got.status
    assert head.body == b""
    head.fields.pop("date")
    got.fields.pop("date")
    assert head.fields == got.fields


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("0-0", 0, 0),
        ("10-99", 10, 99),
        ("1048570-", 1048570, 1048575),
        ("1048570-9999999", 1048570, 1048575),
        ("-5", 1048571, 1048575),
        ("-9999999", 0, 1048575),
    ],
)
def test_a_part_is_sent_as_asked(server, wanted, first, last) -> None:
    reply = ask(server.port, "/film.mp4", f"Range: bytes={wanted}")
    assert reply.status == 206
    assert reply.body == FILM[first : last + 1]
    assert reply.fields["content-range"] == f"bytes {first}-{last}/{len(FILM)}"
    assert reply.fields["content-type"] == "video/mp4"


@pytest.mark.parametrize("wanted", ["1048576-", "-0", "9-2", "-", "x-y", "9" * 3000 + "-"])
def test_a_part_that_is_not_there_is_not_satisfiable(server, wanted) -> None:
    reply = ask(server.port, "/film.mp4", f"Range: bytes={wanted}")
    assert reply.status == 416
    assert reply.fields["content-range"] == f"bytes */{len(FILM)}"


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=0-1", "nonsense"])
def test_what_is_no_single_range_of_bytes_gets_the_whole(server, wanted) -> None:
    assert ask(server.port, "/film.mp4", f"Range: {wanted}").status == 200
    assert ask(server.port, "/film.mp4", f"Range: {wanted}").body == FILM


def test_the_range_of_a_head_is_left_aside(server) -> None:
    assert ask(server.port, "/film.mp4", "Range: bytes=0-1", method="HEAD").status == 200


def test_a_part_of_another_version_becomes_the_whole(server) -> None:
    fields = ask(server.port, "/film.mp4", method="HEAD").fields
    part = ("Range: bytes=0-1",)
    same = ask(server.port, "/film.mp4", *part, f"If-Range: {fields['etag']}")
    assert (same.status, same.body) == (206, FILM[:2])
    for other in ('"other"', f"W/{fields['etag']}", fields["last-modified"]):
        assert ask(server.port, "/film.mp4", *part, f"If-Range: {other}").status == 200


def test_a_copy_that_is_still_good_is_not_sent_again(server) -> None:
    fields = ask(server.port, "/film.mp4").fields
    for condition in (
        f"If-None-Match: {fields['etag']}",
        f'If-None-Match: "x", W/{fields["etag"]}',
        "If-None-Match: *",
        f"If-Modified-Since: {fields['last-modified']}",
    ):
        reply = ask(server.port, "/film.mp4", condition)
        assert (reply.status, reply.body) == (304, b"")
        assert reply.fields["etag"] == fields["etag"]
        assert "content-length" not in reply.fields


def test_a_copy_that_is_old_is_sent_again(server) -> None:
    late = f"If-Modified-Since: {formatdate(time.time() + 1000, usegmt=True)}"
    for conditions in (
        ('If-None-Match: "x"',),
        ('If-None-Match: "x"', late),  # The tag decides where there is one.
        (f"If-Modified-Since: {formatdate(0, usegmt=True)}",),
        ("If-Modified-Since: soon",),
    ):
        assert ask(server.port, "/film.mp4", *conditions).status == 200


def test_players_of_other_sites_may_read_everything(server) -> None:
    for target in ("/film.mp4", "/missing"):
        fields = ask(server.port, target, "Origin: https://example.org").fields
        assert fields["access-control-allow-origin"] == "*"
        assert "Content-Range" in fields["access-control-expose-headers"]


@pytest.mark.parametrize("target", ["/film.mp4", "*", "/missing"])
def test_a_browser_that_asks_first_is_told_what_it_may(server, target) -> None:
    reply = ask(
        server.port,
        target,
        "Origin: https://example.org",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: range",
        method="OPTIONS",
    )
    assert reply.status == 204
    assert "Range" in reply.fields["access-control-allow-headers"]
    assert reply.fields["access-control-allow-methods"] == "GET, HEAD, OPTIONS"


def test_a_folder_without_its_slash_is_redirected_within_the_site(server) -> None:
    reply = ask(server.port, "/a%20b?x")
    assert reply.status == 301
    assert reply.fields["location"] == "/a%20b/"
    assert ask(server.port, "/a%20b/").body == b"sub"


def test_one_connection_serves_many_requests(server) -> None:
    with connect(server.port) as connection:
        for _ in range(5):
            connection.sendall(request("/scene.json", last=False))
            data = b""
            while not data.endswith(b"scene.json"):
                data += connection.recv(4096)
            assert replies(data)[0].status == 200
        connection.sendall(request("/"))
        assert replies(drain(connection))[0].body == b"<!doctype html>home"


def test_requests_sent_ahead_are_answered_in_their_order(server) -> None:
    text = request("/p.css", last=False) + request("/x.vrf", method="HEAD", last=False)
    text += request("/missing", last=False) + request("/film.mp4", "Range: bytes=0-3")
    got = replies(exchange(server.port, text), "GET HEAD GET GET")
    assert [reply.status for reply in got] == [200, 200, 404, 206]
    assert [reply.body for reply in got] == [b"p.css", b"", b"404 Not Found\n", FILM[:4]]


def test_an_old_client_gets_one_answer_and_a_close(server) -> None:
    (reply,) = replies(exchange(server.port, b"GET /p.css HTTP/1.0\r\n\r\n"))
    assert (reply.status, reply.body) == (200, b"p.css")


def test_fifty_clients_at_once_all_get_everything(server) -> None:
    results: list[bool] = []
    start = threading.Barrier(50)

    def client(number: int) -> None:
        start.wait(10)
        first = number * 1000
        part = ask(server.port, "/film.mp4", f"Range: bytes={first}-{first + 4999}")
        whole = ask(server.port, "/film.mp4")
        results.append(part.body == FILM[first : first + 5000] and whole.body == FILM)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [True] * 50


def test_the_server_ends_with_all_its_threads(tmp_path) -> None:
    before = set(threading.enumerate())
    with open_server(tmp_path) as server:
        waiting = [connect(server.port) for _ in range(5)]
        waiting[0].sendall(b"GET / HT")
        assert ask(server.port, "/").status == 404
    for connection in waiting:
        drain(connection)
        connection.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(OSError, match="refused"):
        connect(server.port)
    server.close()  # A second time does nothing.


def test_an_answer_on_its_way_is_finished_when_the_server_ends(tmp_path) -> None:
    (tmp_path / "film.mp4").write_bytes(FILM * 16)
    with open_server(tmp_path) as server, connect(server.port) as connection:
        connection.sendall(request("/film.mp4", last=False))
        first = connection.recv(1000)
        closing = threading.Thread(target=server.close)
        closing.start()
        (reply,) = replies(first + drain(connection))
        closing.join(10)
    assert reply.body == FILM * 16


def test_waiting_for_the_end_returns_once_it_is_closed(tmp_path) -> None:
    with open_server(tmp_path) as server:
        waiting = threading.Thread(target=server.serve_forever)
        waiting.start()
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_port_in_use_and_what_is_no_address_are_told(tmp_path) -> None:
    with open_server(tmp_path) as server, pytest.raises(ServeError, match="choose another port"):
        open_server(tmp_path, ServeOptions(port=server.port))
    for wrong in (ServeOptions(host="256.0.0.1"), ServeOptions(port=70000)):
        with pytest.raises(ServeError, match="cannot listen"):
            open_server(tmp_path, wrong)
    with pytest.raises(ServeError, match="no folder"):
        open_server(tmp_path / "missing")


def test_only_this_machine_is_served_unless_asked(tmp_path) -> None:
    with open_server(tmp_path) as server:
        assert server.url == f"http://127.0.0.1:{server.port}/"
    with open_server(tmp_path, ServeOptions(host=EVERY_INTERFACE)) as server:
        assert server.url == f"http://127.0.0.1:{server.port}/"
        assert server.url_at("192.0.2.7") == f"http://192.0.2.7:{server.port}/"
        assert ask(server.port, "/").status == 404


def test_the_local_network_address_is_one() -> None:
    try:
        address = lan_address()
    except ServeError:
        pytest.skip("network: this machine is in none")
    assert len(socket.inet_aton(address)) == 4


def test_a_machine_without_a_network_is_told_what_to_leave_out(monkeypatch) -> None:
    class Nowhere(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", Nowhere)
    with pytest.raises(ServeError, match="leave out --lan"):
        lan_address()


def test_a_file_that_became_shorter_breaks_off(tmp_path: Path) -> None:
    place = tmp_path / "film.mp4"
    place.write_bytes(FILM * 32)
    with open_server(tmp_path) as server, connect(server.port) as connection:
        connection.sendall(request("/film.mp4"))
        connection.recv(1000)
        os.truncate(place, 10)
        assert len(drain(connection)) < len(FILM) * 32
        assert ask(server.port, "/film.mp4").body == FILM[:10]
