"""``serve-package`` and ``play-package`` as a user calls them: addresses, exit codes, Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from hwcodec import BackendUnavailable
from render import serve_commands
from render.console import EXIT_DONE, EXIT_FAILED, EXIT_USAGE
from render.publish import PublishOptions, publish
from render.serve import PackageServer
from render.serve_commands import play_package, serve_package

ROOT = Path(__file__).resolve().parents[2]


class Visits:
    """What was seen at each server, and what the browser was asked for."""

    def __init__(self) -> None:
        self.scenes: list[dict[str, object]] = []
        self.opened: list[str] = []
        self.browser_exists = True

    def visit(self, server: PackageServer) -> None:
        """Stands in for the wait: look at the scene, then press Ctrl-C."""
        with urlopen(f"{server.url}scene.json", timeout=10) as answer:
            self.scenes.append(json.load(answer))
        raise KeyboardInterrupt

    def open(self, url: str) -> bool:
        self.opened.append(url)
        return self.browser_exists


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> Visits:
    seen = Visits()
    monkeypatch.setattr(PackageServer, "serve_forever", lambda server: seen.visit(server))
    monkeypatch.setattr("webbrowser.open", seen.open)
    return seen


@pytest.fixture(scope="module")
def site(baked_packages, tmp_path_factory) -> Path:
    options = PublishOptions("A site")
    return publish([baked_packages["h264"]], tmp_path_factory.mktemp("out") / "s", options).folder


def call(command: Callable[[list[str]], int], *words: object) -> int:
    return command([str(word) for word in words])


def test_a_published_scene_is_served_and_its_address_told(visits, site, capsys) -> None:
    assert call(serve_package, site, "--port", 0) == EXIT_DONE
    said = capsys.readouterr()
    assert visits.scenes[0]["title"] == "A site"
    assert re.fullmatch(
        rf"{re.escape(str(site))} is served at http://127\.0\.0\.1:\d+/ .*\n", said.out
    )
    assert said.err == ""
    assert visits.opened == []


def test_a_package_is_published_for_the_time_being(
    visits, baked_packages, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert call(serve_package, baked_packages["h264"], "--port", 0, "--open") == EXIT_DONE
    said = capsys.readouterr()
    assert visits.scenes[0]["format"] == "videorf-scene"
    assert len(visits.opened) == 1
    assert visits.opened[0] in said.out
    assert "temporary folder" in said.err
    assert list(tmp_path.iterdir()) == []


def test_playing_opens_a_browser_unless_told_not_to(visits, site, capsys) -> None:
    assert call(play_package, site) == EXIT_DONE
    assert visits.opened[0] in capsys.readouterr().out
    assert call(play_package, site, "--no-browser") == EXIT_DONE
    assert len(visits.opened) == 1
    assert len(visits.scenes) == 2


def test_a_machine_without_a_browser_is_told_so(visits, site, capsys) -> None:
    visits.browser_exists = False
    assert call(play_package, site) == EXIT_DONE
    assert "no browser was found" in capsys.readouterr().err


def test_the_local_network_sees_it_only_if_asked(visits, site, monkeypatch, capsys) -> None:
    monkeypatch.setattr(serve_commands, "lan_address", lambda: "192.0.2.9")
    monkeypatch.setattr(serve_commands, "qr_text", lambda url: f"code of {url}\n")
    assert call(serve_package, site, "--port", 0, "--lan") == EXIT_DONE
    said = capsys.readouterr()
    assert re.search(r"^code of http://192\.0\.2\.9:\d+/$", said.out, re.MULTILINE)
    assert "https" in said.err
    assert call(serve_package, site, "--port", 0) == EXIT_DONE
    assert "192.0.2.9" not in capsys.readouterr().out


def test_without_the_library_for_codes_the_address_is_enough(
    visits, site, monkeypatch, capsys
) -> None:
    def missing(url: str) -> str:
        raise BackendUnavailable("no segno here")

    monkeypatch.setattr(serve_commands, "lan_address", lambda: "192.0.2.9")
    monkeypatch.setattr(serve_commands, "qr_text", missing)
    assert call(serve_package, site, "--port", 0, "--lan") == EXIT_DONE
    said = capsys.readouterr()
    assert "http://192.0.2.9:" in said.out
    assert "no segno here" in said.err


def test_a_place_that_is_not_there_is_a_users_mistake(tmp_path, capsys) -> None:
    for command in (serve_package, play_package):
        assert call(command, tmp_path / "none") == EXIT_USAGE
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: there is nothing at")
        assert said.err.count("\n") == 1


def test_what_is_no_package_is_told(tmp_path, capsys) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.vrf").write_bytes(b"no package")
    for place in (tmp_path / "notes", tmp_path / "a.vrf"):
        assert call(serve_package, place, "--port", 0) in {EXIT_FAILED, EXIT_USAGE}
        assert re.fullmatch(r"error: .+\n", capsys.readouterr().err)


def test_a_port_in_use_is_a_users_mistake(site, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert call(serve_package, site, "--port", other.getsockname()[1]) == EXIT_USAGE
    assert "choose another port" in capsys.readouterr().err


@pytest.mark.parametrize("command", [serve_package, play_package])
@pytest.mark.parametrize(
    "words", [(), ("a", "b"), ("a", "--port", "65536"), ("a", "--port", "-1"), ("a", "--port", "x")]
)
def test_words_that_do_not_fit_end_with_the_usage(command, words, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        call(command, *words)
    assert stop.value.code == EXIT_USAGE
    assert "usage: " in capsys.readouterr().err


@pytest.mark.parametrize("command", [serve_package, play_package])
def test_the_help_shows_examples(command, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        call(command, "--help")
    assert stop.value.code == EXIT_DONE
    assert "examples:" in capsys.readouterr().out


def test_it_works_outside_the_main_thread(visits, site) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(call(play_package, site)))
    thread.start()
    thread.join(20)
    assert codes == [EXIT_DONE]


@pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX does")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_request_to_terminate_end_it_quietly(ending, baked_packages, tmp_path) -> None:
    # Whoever runs the tests in the background may have told them to ignore Ctrl-C.
    script = (
        "import signal, sys, render.serve_commands as c; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.exit(c.play_package(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, str(baked_packages["h264"]), "--no-browser"]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stderr is not None
        address = re.search(r"http://\S+", child.stdout.readline())
        if address is None:
            pytest.fail(child.stderr.read())
        with urlopen(address[0], timeout=10) as answer:
            assert b"<html" in answer.read()
        child.send_signal(ending)
        try:
            assert child.wait(20) == EXIT_DONE
        finally:
            child.kill()
        assert "Traceback" not in child.stderr.read()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("videorf-")]
