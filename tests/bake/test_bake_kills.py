"""A bake that is killed without a word, at any moment, ends with the bytes of one that was not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bake.scene_folder import LOG_FILE, STATUS_FILE
from bake.sequence import open_sequence
from bake.status_commands import report_on

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="kills process groups as POSIX does"),
]

# Two groups of two frames with a codec in the loop, as the default rate has it; six views, since
# drawing the built-in capture would take most of the time.
WORDS = [
    "capture.path=procedural:4:20",
    f"capture.test={','.join(str(view) for view in range(30) if view % 4 or view > 20)}",
    "resolution=12",
    "coarse.resolution=8",
    "coarse.iterations=6",
    "optimize.first_iterations=12",
    "optimize.group_iterations=8",
    "optimize.iterations=8",
    "optimize.rays=64",
    "shading.feature_count=3",
    "shading.width=8",
    "grouping.max_length=2",
    "loop.codec=rounding",
    "loop.every=2",
]
# Imports once, also what torch puts off, so that a bake begins at once; each is a child and a
# process group of its own.
SERVER = """
import json, os, signal, sys
import torch._dynamo
from bake.commands import bake_sequence
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        words = json.loads(line)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(words[0], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        os._exit(bake_sequence(words[1:]))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

SCRIPT = "import sys, bake.commands as c; sys.exit(c.bake_sequence(sys.argv[1:]))"


class Bakery:
    """Bakes into folders, and kills what it started after so many seconds."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def said(self) -> str:
        """All error streams so far."""
        return self._log.read_text()

    def bake(
        self, out: Path, kill_after: float | None = None, number: signal.Signals = signal.SIGKILL
    ) -> int:
        """The exit code, which is -9 for a killed bake."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([str(self._log), *WORDS, f"out={out}"]) + "\n")
        self._server.stdin.flush()
        child = int(self._server.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            try:
                os.killpg(child, number)
            except ProcessLookupError:  # The group is made at the child's first step.
                with suppress(ProcessLookupError):
                    os.kill(child, number)
        return int(self._server.stdout.readline())

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(60)
        assert self._server.stdout is not None
        self._server.stdout.close()


@pytest.fixture(scope="module")
def bakery(tmp_path_factory) -> Iterator[Bakery]:
    made = Bakery(tmp_path_factory.mktemp("log") / "stderr.txt")
    yield made
    made.close()


def result(folder: Path) -> dict[str, bytes]:
    """Every file of the folder, but for what the bake tells of itself."""
    found = (path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in files.items() if name not in {STATUS_FILE, LOG_FILE}}


@pytest.fixture(scope="module")
def whole(bakery, tmp_path_factory) -> tuple[dict[str, bytes], float]:
    """The uninterrupted result, and how many seconds a bake takes once kernels are compiled."""
    assert bakery.bake(tmp_path_factory.mktemp("warm") / "scene") == 0
    out = tmp_path_factory.mktemp("whole") / "scene"
    began = time.monotonic()
    assert bakery.bake(out) == 0
    files = result(out)
    assert {name.split("/")[0] for name in files} == {"scene.json", "atlas", "occupancy", "shading"}
    return files, time.monotonic() - began


def check_stopped(out: Path) -> None:
    """What is said of a folder whose bake was killed at any moment, if it has one by then."""
    if not (out / STATUS_FILE).exists():
        return
    report = report_on(out)
    assert report.state in {"stopped", "finished"}
    if report.state == "stopped":
        text = report.to_text()
        assert "stopped at frame " in text
        assert "run the same command to resume" in text
        assert not (out / "scene.json").exists() or "atlas" in text


@pytest.mark.parametrize("moment", range(30))
def test_a_bake_killed_at_a_random_moment_resumes_to_the_same_bytes(
    bakery, whole, tmp_path, moment
) -> None:
    expected, seconds = whole
    out = tmp_path / "scene"
    kill_after = random.Random(moment).uniform(0, seconds)
    if bakery.bake(out, kill_after) != 0:
        check_stopped(out)
    assert bakery.bake(out) == 0
    assert result(out) == expected
    assert report_on(out).state == "finished"


@pytest.mark.parametrize("chain", range(5))
def test_a_bake_that_is_killed_again_and_again_gets_there(bakery, whole, tmp_path, chain) -> None:
    expected, seconds = whole
    out, moments = tmp_path / "scene", random.Random(1000 + chain)
    for _ in range(4):
        if bakery.bake(out, moments.uniform(0.1, 0.7) * seconds) != 0:
            check_stopped(out)
    assert bakery.bake(out) == 0
    assert result(out) == expected
    assert open_sequence(out).frame_count == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("moment", range(4))
def test_a_bake_that_is_asked_to_stop_at_a_random_moment_resumes_to_the_same_bytes(
    bakery, whole, tmp_path, number, moment
) -> None:
    expected, seconds = whole
    out = tmp_path / "scene"
    stop_after = random.Random(2000 + moment).uniform(0.1, 0.9) * seconds
    code = bakery.bake(out, stop_after, number)
    # Before the command has begun the signal ends the process itself.
    assert code in {0, 128 + number, -number}
    if code == 128 + number and (out / STATUS_FILE).exists():
        assert "stopped at frame " in report_on(out).to_text()
        assert "the same command" in bakery.said.splitlines()[-1]
    assert "Traceback" not in bakery.said
    assert bakery.bake(out) == 0
    assert result(out) == expected


def test_a_killed_bake_blocks_nobody_and_a_living_one_everybody(bakery, whole, tmp_path) -> None:
    out = tmp_path / "scene"
    assert bakery.bake(out, whole[1] * 0.6) == -signal.SIGKILL
    first = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys, bake.commands as c; sys.exit(c.bake_sequence({WORDS!r} + ['out={out}']))",
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert first.stderr is not None
    with first:
        lines = [first.stderr.readline(), first.stderr.readline()]
        assert "occupancy 1/4" in lines[1]
        assert bakery.bake(out) == 1
        first.stderr.read()
    assert first.returncode == 0
    assert result(out) == whole[0]
