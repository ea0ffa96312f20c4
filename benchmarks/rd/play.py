"""The other side of the wire: a fresh process that gets packages and cameras, and nothing else.

python -m benchmarks.rd.play METHOD

Each line on its standard input names a package in the current folder; ``cameras.json`` there is a
list of cameras. It answers ``done``, after writing ``out.npz`` with ``pictures``, uint8 (frames,
views, rows, columns, 3), ``decode_s`` and ``render_s`` in seconds over all frames and
``peak_bytes`` of the process so far, or ``error: `` and the reason.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bake.sequence import camera_from_json, camera_to_json
from benchmarks.provenance import CHECKOUT, peak_memory_bytes
from benchmarks.rd.method import Frame, Method, find_method
from hwcodec import HwcodecError, open_package
from render.cameras import Camera
from render.errors import RenderError
from render.video import to_bytes

_DONE, _LOG = "done", "said.txt"


class PlayError(RuntimeError):
    """The decoder's process refused the package, or did not end well."""


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What the process delivered: uint8 (frames, views, rows, columns, 3), and what it took."""

    pictures: NDArray[np.uint8]
    decode_s: float
    render_s: float
    peak_bytes: int


class DecoderProcess:
    """A process that decodes packages of one method; it starts with the first of them.

    A context manager: it ends with the block.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            # The end of its input is the end of its work.
            self._process.communicate()
        if self._folder is not None:
            self._folder.cleanup()

    def play(self, package: Path, cameras: Sequence[Camera]) -> Played:
        """Decode and render a package; the process sees that one file only.

        Raises:
            PlayError: if it refuses the package or ends; the message holds what it said.
        """
        folder, process = self._started()
        views = json.dumps([camera_to_json(camera) for camera in cameras])
        (folder / "cameras.json").write_text(views)
        copyfile(package, folder / package.name)
        try:
            answer = _asked(process, package.name)
            if answer != _DONE:
                said = answer or _last_line(folder / _LOG) or "no message"
                raise PlayError(f"decoding {package.name} by {self._method}: {said}")
            with np.load(folder / "out.npz") as found:
                return Played(
                    found["pictures"],
                    float(found["decode_s"]),
                    float(found["render_s"]),
                    int(found["peak_bytes"]),
                )
        finally:
            for name in (package.name, "out.npz"):
                (folder / name).unlink(missing_ok=True)

    def _started(self) -> tuple[Path, "subprocess.Popen[str]"]:
        if self._process is not None and self._folder is not None:
            return Path(self._folder.name), self._process
        self._folder = tempfile.TemporaryDirectory(prefix="videorf-play-")
        folder = Path(self._folder.name)
        # -P keeps the folder itself off the import path; the checkout takes its place.
        command = [sys.executable, "-P", "-c", _START, str(CHECKOUT), self._method]
        with (folder / _LOG).open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return folder, self._process


def _asked(process: "subprocess.Popen[str]", name: str) -> str:
    """The answer to the name of a package; empty if the process has ended."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the process was started with pipes")
    try:
        process.stdin.write(f"{name}\n")
        process.stdin.flush()
    except BrokenPipeError:
        return ""
    return process.stdout.readline().strip()


def _last_line(log: Path) -> str:
    said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return said[-1] if said else ""


def main(argv: Sequence[str]) -> int:
    """Answer until the input ends; returns the exit code."""
    (name,) = argv
    method, is_warm = find_method(name), False
    # Whatever a library prints must not pass for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        package = Path(line.strip())
        views = [camera_from_json(one) for one in json.loads(Path("cameras.json").read_bytes())]
        try:
            if not is_warm:  # Compiles and loads libraries; not counted.
                _render(next(method.decode(open_package(package))), views[0])
                is_warm = True
            played = _played(method, package, views)
        except (HwcodecError, RenderError, ValueError) as error:
            reason = " ".join(str(error).split())
            answers.write(f"error: {type(error).__name__}: {reason}\n")
        else:
            _write(played)
            answers.write(f"{_DONE}\n")
        answers.flush()
    return 0


def _write(played: Played) -> None:
    np.savez(
        "out.npz",
        pictures=played.pictures,
        decode_s=played.decode_s,
        render_s=played.render_s,
        peak_bytes=played.peak_bytes,
    )


def _played(method: Method, package: Path, views: Sequence[Camera]) -> Played:
    decode_s = render_s = 0.0
    frames = method.decode(open_package(package))
    pictures: list[NDArray[np.uint8]] = []
    while True:
        began = time.perf_counter()
        frame = next(frames, None)
        decode_s += time.perf_counter() - began
        if frame is None:
            break
        began = time.perf_counter()
        pictures.append(np.stack([_render(frame, camera) for camera in views]))
        render_s += time.perf_counter() - began
    return Played(np.stack(pictures), decode_s, render_s, peak_memory_bytes())


def _render(frame: Frame, camera: Camera) -> NDArray[np.uint8]:
    return to_bytes(frame.rgb(camera))


_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from benchmarks.rd.play import main; raise SystemExit(main(sys.argv[2:]))"
)

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
