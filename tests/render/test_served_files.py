"""Names to files: what is inside is found, what is outside, hidden or no file is not."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render.errors import ServeError
from render.served_files import CONTENT_TYPES, FileRefused, FolderNamed, ServedFolder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder to serve, with a secret beside it and one hidden in it."""
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "bare").mkdir()
    (folder / ".git").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "site-secret").mkdir()
    (tmp_path / "site-secret" / "a.txt").write_text("secret")
    (folder / ".git" / "config").write_text("secret")
    (folder / ".env").write_text("secret")
    (folder / "index.html").write_text("home")
    (folder / "sub" / "index.html").write_text("sub home")
    (folder / "sub" / "a.mp4").write_bytes(b"film")
    (folder / "bare" / "é b.txt").write_text("names")
    return folder


def content(folder: Path, *names: str) -> bytes:
    file = ServedFolder(folder).open(names)
    with file.handle as handle:
        return handle.read()


def is_refused(folder: Path, *names: str) -> bool:
    try:
        content(folder, *names)
    except FileRefused:
        return True
    return False


def test_files_are_found_by_their_names(site) -> None:
    assert content(site, "sub", "a.mp4") == b"film"
    assert content(site, "bare", "é b.txt") == b"names"


def test_a_folder_is_its_index_page(site) -> None:
    assert content(site) == content(site, "") == content(site, "index.html") == b"home"
    assert content(site, "sub", "") == b"sub home"


def test_a_folder_without_the_slash_is_told_and_one_without_a_page_is_not(site) -> None:
    with pytest.raises(FolderNamed):
        ServedFolder(site).open(["sub"])
    assert is_refused(site, "bare")
    assert is_refused(site, "bare", "")


@pytest.mark.parametrize(
    "names",
    [
        ("..", "secret.txt"),
        ("sub", "..", "..", "secret.txt"),
        ("../secret.txt",),
        ("sub/a.mp4",),
        ("sub\\a.mp4",),
        ("..\\secret.txt",),
        ("", "etc", "passwd"),
        ("/etc/passwd",),
        ("C:", "secret.txt"),
        ("C:secret.txt",),
        ("index.html::$DATA",),
        (".env",),
        (".git", "config"),
        (".git", ""),
        (".",),
        ("...",),
        ("sub", "."),
        ("index.html\0.png",),
        ("index.html", ""),
        ("index.html", "x"),
        ("missing",),
        ("x" * 5000,),
        ("a",) * 5000,
        ("\ud800",),
    ],
)
def test_names_that_lead_elsewhere_or_nowhere_are_refused(site, names) -> None:
    assert is_refused(site, *names)


def test_links_are_followed_inside_only(site) -> None:
    (site / "inside.txt").symlink_to(site / "index.html")
    (site / "outside.txt").symlink_to(site.parent / "secret.txt")
    (site / "upwards").symlink_to("..")
    (site / "beside").symlink_to(site.parent / "site-secret")
    (site / "hidden.txt").symlink_to(".env")
    (site / "circle").symlink_to("circle")
    (site / "nowhere").symlink_to("missing")
    assert content(site, "inside.txt") == b"home"
    for name in ("outside.txt", "hidden.txt", "circle", "nowhere", "upwards", "beside"):
        assert is_refused(site, name)
    assert is_refused(site, "upwards", "secret.txt")
    assert is_refused(site, "beside", "a.txt")


def test_the_folder_itself_may_be_a_link_or_lie_in_a_hidden_one(site, tmp_path) -> None:
    (tmp_path / "link").symlink_to(site)
    assert content(tmp_path / "link", "sub", "a.mp4") == b"film"
    site.rename(tmp_path / ".hidden")
    assert content(tmp_path / ".hidden", "sub", "a.mp4") == b"film"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are a thing of POSIX")
def test_a_pipe_is_no_file_and_nobody_waits_for_it(site) -> None:
    os.mkfifo(site / "pipe.mp4")
    assert is_refused(site, "pipe.mp4")


def test_a_file_that_may_not_be_read_looks_like_none(site) -> None:
    (site / "locked.txt").write_text("secret")
    (site / "locked.txt").chmod(0)
    if not os.access(site / "locked.txt", os.R_OK):
        assert is_refused(site, "locked.txt")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.JS", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("march.frag.glsl", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.mp4", "video/mp4"),
        ("a.m3u8", "application/vnd.apple.mpegurl"),
        ("a.png", "image/png"),
        ("a.vrf", "application/octet-stream"),
        ("a.bin", "application/octet-stream"),
        ("noending", "application/octet-stream"),
    ],
)
def test_the_type_follows_from_the_ending(site, name, kind) -> None:
    (site / name).write_bytes(b"x")
    file = ServedFolder(site).open([name])
    file.handle.close()
    assert file.content_type == kind


def test_endings_are_written_as_they_are_looked_up() -> None:
    assert all(ending.startswith(".") and ending == ending.lower() for ending in CONTENT_TYPES)


def test_a_file_written_anew_has_another_tag(site) -> None:
    tags = set()
    for text in ("one", "two", "three"):
        (site / "new").write_text(text)
        (site / "new").rename(site / "a.txt")
        file = ServedFolder(site).open(["a.txt"])
        file.handle.close()
        assert file.size == len(text)
        tags.add(file.tag)
    assert len(tags) == 3


def test_what_is_no_folder_cannot_be_served(site) -> None:
    for place in (site / "index.html", site / "missing"):
        with pytest.raises(ServeError, match="no folder"):
            ServedFolder(place)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "secret").write_text("secret")
    (folder / "site").mkdir()
    (folder / "site" / "a").write_text("open")
    return folder / "site"


@given(names=st.lists(st.sampled_from(["..", ".", "", "a", "secret", "/", "~", "\\"]), max_size=6))
def test_no_combination_of_names_leads_out(shared_site: Path, names: list[str]) -> None:
    with contextlib.suppress(FileRefused, FolderNamed):
        assert content(shared_site, *names) == b"open"
