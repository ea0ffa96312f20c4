"""Where numbers come from: taken from real repositories, and silent where nothing can be known."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import provenance
from benchmarks.provenance import (
    CHECKOUT,
    COMMIT_VARIABLE,
    Commit,
    command_line,
    commit,
    cpu_model,
    environment,
    libav_versions,
    machine,
    output_of,
    peak_memory_bytes,
    versions,
    without_folders,
)


@pytest.fixture(autouse=True)
def no_stated_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMMIT_VARIABLE, raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit and nothing changed since."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    (tmp_path / "file").write_text("one")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "first")):
        subprocess.run(("git", *words), cwd=tmp_path, check=True)
    return tmp_path


def test_a_clean_checkout_gives_its_commit(repository: Path) -> None:
    found = commit(repository)
    assert re.fullmatch(r"[0-9a-f]{40}", found.revision)
    assert found.is_dirty is False


@pytest.mark.parametrize("name", ["file", "untracked"])
def test_a_changed_or_new_file_makes_it_dirty(repository: Path, name) -> None:
    (repository / name).write_text("two")
    assert commit(repository).is_dirty is True


def test_results_do_not_make_the_code_dirty(repository: Path) -> None:
    place = repository / "benchmarks" / "results" / "performer"
    place.mkdir(parents=True)
    (place / "new.json").write_text("{}")
    assert commit(repository).is_dirty is False


def test_a_folder_inside_a_foreign_repository_is_unknown(repository: Path) -> None:
    inside = repository / "site-packages"
    inside.mkdir()
    assert commit(inside) == Commit("unknown", None)


def test_outside_any_repository_the_commit_is_unknown(tmp_path: Path) -> None:
    assert commit(tmp_path) == Commit("unknown", None)


def test_without_git_the_commit_is_unknown(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit(repository) == Commit("unknown", None)


def test_a_repository_without_commits_is_unknown(tmp_path: Path) -> None:
    subprocess.run(("git", "init", "-q"), cwd=tmp_path, check=True)
    assert commit(tmp_path) == Commit("unknown", None)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("abc123", Commit("abc123", is_dirty=False)), ("abc-dirty", Commit("abc", is_dirty=True))],
)
def test_the_variable_states_the_commit_of_an_install(
    repository: Path, monkeypatch: pytest.MonkeyPatch, stated, expected
) -> None:
    monkeypatch.setenv(COMMIT_VARIABLE, stated)
    assert commit(repository) == expected


def test_the_checkout_is_the_folder_of_the_packages() -> None:
    assert (CHECKOUT / "benchmarks" / "provenance.py").is_file()


def test_a_missing_or_failing_command_says_nothing(tmp_path: Path) -> None:
    assert output_of(("no-such-command-anywhere",), tmp_path) is None
    assert output_of((sys.executable, "-c", "raise SystemExit(3)"), tmp_path) is None
    assert output_of((sys.executable, "-c", "print(' said ')"), tmp_path) == "said"


def test_a_command_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "TIMEOUT_S", 0.2)
    assert output_of((sys.executable, "-c", "import time; time.sleep(30)"), tmp_path) is None


def test_the_machine_is_described_without_host_or_user() -> None:
    found = machine()
    assert found.cpu
    assert 1 <= found.core_count <= (os.cpu_count() or 1)
    assert found.memory_bytes is None or found.memory_bytes > 2**26
    text = json.dumps(asdict(found))
    host = os.uname().nodename
    assert len(host) < 4 or host not in text
    assert str(Path.home()) not in text


def test_the_processor_name_is_read_from_the_listing(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor\t: 0\nmodel name\t: Example 9000 @ 3 GHz\nmodel name\t: other\n")
    assert cpu_model(listing) == "Example 9000 @ 3 GHz"


@pytest.mark.parametrize("content", ["", "processor\t: 0\nBogoMIPS\t: 50.00\n"])
def test_a_listing_without_a_name_still_gives_something(tmp_path: Path, content) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text(content)
    assert cpu_model(listing)
    assert cpu_model(tmp_path / "missing")


def test_taking_a_record_without_a_device_does_not_start_cuda() -> None:
    script = (
        "import torch; from benchmarks.provenance import gpu_name; name = gpu_name(); "
        "assert name is not None or not torch.cuda.is_initialized(); "
        "assert (name is None) == (not torch.cuda.is_available())"
    )
    subprocess.run((sys.executable, "-c", script), cwd=CHECKOUT, check=True)


def test_the_gpu_is_named_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Example GPU {index}")
    assert provenance.gpu_name() == "Example GPU 0"


def test_versions_name_python_and_every_library() -> None:
    found = versions()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "numpy", "av", "numba", "videorf", "libavcodec", "libavformat"} <= set(found)
    assert all(isinstance(value, str) and value for value in found.values())


def test_a_library_that_is_not_installed_is_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "LIBRARIES", ("no-such-library",))
    assert versions()["no-such-library"] == "not installed"


def test_libav_versions_are_read_from_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = "PyAV v1\nlibrary license: x\nlibavcodec     62. 28.102\nlibswscale      9.  5.102"
    monkeypatch.setattr(provenance, "output_of", lambda command, folder: listing)
    assert libav_versions() == {"libavcodec": "62.28.102", "libswscale": "9.5.102"}


def test_no_libav_gives_no_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "output_of", lambda command, folder: None)
    assert libav_versions() == {}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/opt/venv/bin/benchmark", "benchmark"),
        ("/data/performer/", "performer"),
        ("capture.path=/data/performer", "capture.path=performer"),
        ("--out=/data/my results/a.json", "--out=a.json"),
        ("paths=[/data/a,/data/b]", "paths=[a,b]"),
        ("~/captures/host", "host"),
        (r"C:\captures\host", "host"),
        ("out=D:/captures/host", "out=host"),
        ("file:///srv/capture", "file://capture"),
        ("-o/srv/out.json", "-oout.json"),
        ("capture.path='/srv/host'", "capture.path='host'"),
        ("../shared/data", "../shared/data"),
        ("relative/folder", "relative/folder"),
        ("scale=0.5", "scale=0.5"),
        ("frames=0:10", "frames=0:10"),
        ("a/b=c", "a/b=c"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_places_on_the_machine_are_shortened_to_their_last_name(word, expected) -> None:
    assert without_folders(word) == expected


def test_the_command_is_quoted_for_a_shell() -> None:
    assert command_line(["/opt/benchmark", "label=two words"]) == "benchmark 'label=two words'"


def test_the_record_is_complete_and_plain() -> None:
    record = environment(["/opt/bin/benchmark", "scene=/data/host"])
    assert record.command == "benchmark scene=host"
    assert json.loads(json.dumps(asdict(record))) == asdict(record)


def test_the_time_is_utc_and_now() -> None:
    taken = datetime.fromisoformat(environment([]).utc)
    assert taken.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - taken) < timedelta(minutes=5)


def test_peak_memory_is_that_of_the_program_alone_and_not_of_who_started_it() -> None:
    held = bytearray(os.urandom(1 << 20) * 256)
    program = "from benchmarks.provenance import peak_memory_bytes as p; print(p())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert 1 << 20 < int(done.stdout) < len(held) <= peak_memory_bytes()


def test_peak_memory_is_known_where_no_status_is_given(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("VmHWM: many kB")
    for status in (tmp_path / "none", tmp_path / "odd"):
        assert peak_memory_bytes(status) > 1 << 20
