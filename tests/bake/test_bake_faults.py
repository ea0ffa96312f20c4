"""Faults amid a bake: one sentence, nothing damaged, and the same bytes after the repair."""

import errno
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bake import commands
from bake.commands import bake_sequence, encode_atlas
from bake.progress import LineProgress
from bake.scene_folder import LOG_FILE, STATUS_FILE
from bake.status_commands import report_on
from hwcodec import files as hwcodec_files

# Pictures are read anew whenever they are needed.
WORDS = [
    "capture.cache_bytes=0",
    "resolution=10",
    "coarse.resolution=8",
    "coarse.iterations=4",
    "coarse.rays=64",
    "optimize.first_iterations=4",
    "optimize.iterations=3",
    "optimize.group_iterations=3",
    "optimize.rays=64",
    "shading.feature_count=3",
    "shading.width=4",
    "grouping.max_length=2",
    "loop.codec=rounding",
]
FRAMES = 4
slow = pytest.mark.slow
PLACES = [
    pytest.param(("occupancy", 1), id="occupancy-1"),
    pytest.param(("occupancy", 3), id="occupancy-3", marks=slow),
    pytest.param(("atlas", 1), id="atlas-1", marks=slow),
    pytest.param(("atlas", 2), id="atlas-2"),
]
at_every_place = pytest.mark.parametrize("place", PLACES)


def result(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, but for what a bake tells of itself."""
    found = (path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in files.items() if name not in {STATUS_FILE, LOG_FILE}}


@pytest.fixture(scope="module")
def whole(sphere_folder, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "scene"
    words = [f"capture.path={sphere_folder}", f"capture.frames=:{FRAMES}", *WORDS]
    assert bake_sequence([*words, f"out={out}"]) == 0
    return result(out)


@pytest.fixture
def folder(sphere_folder, tmp_path) -> Path:
    """The capture, to be damaged."""
    return Path(shutil.copytree(sphere_folder, tmp_path / "sphere"))


class Bench:
    """Bakes a capture; something happens once a stage has done so many items."""

    def __init__(self, folder: Path, out: Path, patch: pytest.MonkeyPatch) -> None:
        self.out, self._patch = out, patch
        self._words = [f"capture.path={folder}", f"capture.frames=:{FRAMES}", *WORDS, f"out={out}"]

    def bake(
        self, place: tuple[str, int] = ("", 0), event: Callable[[], None] = lambda: None
    ) -> int:
        class Saboteur(LineProgress):
            def start(self, stage: str, total: int) -> None:
                super().start(stage, total)
                self.now = [stage, 0]

            def advance(self, message: str = "", *, is_resumed: bool = False, **_: float) -> None:
                super().advance(message, is_resumed=is_resumed)
                self.now[1] += 1
                if tuple(self.now) == place:
                    event()

        self._patch.setattr(commands, "LineProgress", Saboteur)
        return bake_sequence(self._words)


@pytest.fixture
def bench(folder, tmp_path, monkeypatch) -> Bench:
    return Bench(folder, tmp_path / "scene", monkeypatch)


def the_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line, which is the only one about an error."""
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
    assert "Traceback" not in "".join(lines)
    return lines[-1]


def check_repaired(bench: Bench, whole: dict[str, bytes]) -> None:
    """What was stored is part of the whole result, and going on leads to all of it."""
    stored = result(bench.out)
    assert stored
    assert {name: whole[name] for name in stored} == stored
    assert bench.bake() == 0
    assert result(bench.out) == whole
    assert report_on(bench.out).state == "finished"


@at_every_place
def test_a_picture_that_was_cut_off(bench, folder, whole, place, capsys) -> None:
    path = folder / "camera1" / "003.png"
    data = path.read_bytes()
    assert bench.bake(place, lambda: path.write_bytes(data[: len(data) // 2]) and None) == 1
    error = the_error(capsys)
    assert f"{path} cannot be decoded" in error
    assert "expected a whole picture; copy it again or leave its frame out" in error
    report = report_on(bench.out)
    assert (report.state, report.reason) == ("failed", error.removeprefix("error: "))
    path.write_bytes(data)
    check_repaired(bench, whole)


@at_every_place
def test_a_picture_that_vanished(bench, folder, whole, place, capsys) -> None:
    path = folder / "camera2" / "003.png"
    data = path.read_bytes()
    assert bench.bake(place, path.unlink) == 1
    error = the_error(capsys)
    assert f"a picture is missing: {path}, expected every listed file" in error
    path.write_bytes(data)
    check_repaired(bench, whole)


@at_every_place
def test_a_capture_that_vanished(bench, folder, whole, place, capsys) -> None:
    away = folder.with_name("away")
    assert bench.bake(place, lambda: folder.rename(away) and None) == 1
    assert "a picture is missing" in the_error(capsys)
    assert bench.bake() == 2
    assert str(folder) in the_error(capsys)
    away.rename(folder)
    check_repaired(bench, whole)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes, as the kernel itself refuses on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_the_system_does_not_let_grow(bench, whole, capsys) -> None:
    atlas = min(len(data) for name, data in whole.items() if name.startswith("atlas"))
    with largest_file(atlas // 2):
        assert bench.bake() == 1
    error = the_error(capsys)
    assert "cannot write frame00000-" in error
    assert "File too large; free some space or choose another out folder, then run again" in error
    assert not [name for name in result(bench.out) if name.endswith(".part")]
    check_repaired(bench, whole)


@pytest.mark.parametrize(
    "number",
    [errno.ENOSPC, *(pytest.param(n, marks=slow) for n in (errno.EROFS, errno.EDQUOT, errno.EIO))],
)
@at_every_place
def test_a_disk_that_refuses_from_some_moment_on(
    bench, whole, place, number, monkeypatch, capsys
) -> None:
    def refuse(file: object, data: bytes) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        code = bench.bake(place, lambda: patch.setattr(hwcodec_files, "_write_all", refuse))
    assert code == 1
    error = the_error(capsys)
    assert os.strerror(number) in error
    assert "then run again to resume" in error
    # Not even the record of it could be written: the process is taken for what it is, alive.
    assert report_on(bench.out).status is not None
    check_repaired(bench, whole)


def test_a_scene_folder_that_is_read_only_is_refused_before_any_work(
    bench, monkeypatch, capsys
) -> None:
    bench.out.mkdir()
    monkeypatch.setattr("bake.artifacts.os.access", lambda *_, **__: False)
    assert bench.bake() == 1
    error = the_error(capsys)
    assert f"cannot write to {bench.out}: it is read-only" in error
    assert "choose another out folder" in error
    assert list(bench.out.iterdir()) == []


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
@at_every_place
def test_a_signal_ends_the_bake_within_its_frame(bench, whole, place, name, code, capsys) -> None:
    number = getattr(signal, name)
    # Whoever runs the tests may ignore signals, as nohup does.
    usual = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
    before = signal.signal(number, usual)
    try:
        assert bench.bake(place, lambda: signal.raise_signal(number)) == code
    finally:
        signal.signal(number, before)
    stage, done = place
    expected = f"stopped at frame {done + 1} of {FRAMES} ({stage})"
    assert the_error(capsys) == f"error: {expected}; run the same command again to resume"
    report = report_on(bench.out)
    assert report.state == "stopped"
    assert expected in report.to_text()
    check_repaired(bench, whole)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_the_last_picture_is_looked_at_before_the_first_is_baked(
    bench, folder, damage, capsys
) -> None:
    path = folder / "camera4" / f"{FRAMES - 1:03d}.png"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else -9])
    assert bench.bake() == 2
    assert str(path) in the_error(capsys)
    assert not bench.out.exists()


def test_a_package_for_which_there_is_no_space_leaves_nothing_behind(
    baked_sequence, tmp_path, capsys
) -> None:
    out = tmp_path / "package"
    words = [str(baked_sequence.root), "--codec", "raw", "--out"]
    assert encode_atlas([*words, str(out)]) == 0
    before = result(out)
    for target in (out, tmp_path / "new", tmp_path / "new.vrf"):
        with largest_file(max(map(len, before.values())) // 2):
            assert encode_atlas([*words, str(target)]) == 1
        error = the_error(capsys)
        assert f"package {target} cannot be written: File too large; free some space" in error
    assert result(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
