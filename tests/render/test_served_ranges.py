"""Ranges of a served file, as a client gets them, beside what RFC 9110 says in plain words."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render.serve import PackageServer, open_server

CLIP = bytes(range(256)) * 20
ENDS = st.just("") | st.integers(0, 2 * len(CLIP)).map(str) | st.sampled_from(["007", "9" * 40])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageServer]:
    site: Path = tmp_path_factory.mktemp("site")
    (site / "clip.mp4").write_bytes(CLIP)
    (site / "empty.mp4").write_bytes(b"")
    with open_server(site) as opened:
        yield opened


def ask(server: PackageServer, wanted: str, name: str = "clip.mp4") -> tuple[int, str, bytes]:
    """Status, Content-Range and body."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        client.request("GET", f"/{name}", headers={"Range": wanted})
        reply = client.getresponse()
        return reply.status, reply.headers.get("Content-Range", ""), reply.read()
    finally:
        client.close()


def part_of(first: str, last: str) -> bytes:
    """The bytes that ``first-last`` means; none where it means none."""
    if first:
        return CLIP[int(first) : int(last) + 1 if last else len(CLIP)]
    return CLIP[max(len(CLIP) - int(last), 0) :] if last and int(last) else b""


@given(ENDS, ENDS)
def test_every_range_is_answered_as_the_standard_says(server, first, last) -> None:
    part = part_of(first, last)
    status, place, body = ask(server, f"bytes={first}-{last}")
    if not part:
        assert (status, place) == (416, f"bytes */{len(CLIP)}")
        return
    begin = int(first) if first else len(CLIP) - len(part)
    assert (status, body) == (206, part)
    assert place == f"bytes {begin}-{begin + len(part) - 1}/{len(CLIP)}"


@given(ENDS, ENDS)
def test_no_range_of_an_empty_file_exists(server, first, last) -> None:
    assert ask(server, f"bytes={first}-{last}", "empty.mp4")[:2] == (416, "bytes */0")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_any_text_as_a_range_gives_the_whole_a_part_or_a_refusal(server, text) -> None:
    status, place, body = ask(server, text)
    assert status in {200, 206, 416}
    assert (body == CLIP) if status == 200 else place.startswith("bytes ")
    assert status != 206 or (body and body in CLIP)


@given(st.lists(st.integers(0, len(CLIP) - 1), min_size=1, max_size=8, unique=True))
def test_a_file_put_together_from_its_parts_is_the_file(server, cuts) -> None:
    starts = sorted({0, *cuts})
    ends = [*(start - 1 for start in starts[1:]), ""]
    parts = [ask(server, f"bytes={a}-{b}")[2] for a, b in zip(starts, ends, strict=True)]
    assert b"".join(parts) == CLIP
