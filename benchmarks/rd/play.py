"""The other side of the wire: a fresh process that gets a package and cameras, and nothing else.

python -m benchmarks.rd.play METHOD PACKAGE CAMERAS OUT

CAMERAS is a JSON list of cameras; OUT becomes an .npz file with ``pictures``, uint8 (frames, views,
rows, columns, 3), ``decode_s`` and ``render_s`` in seconds over all frames, and ``peak_bytes``.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import numpy as np
from numpy.typing import NDArray

from bake.sequence import camera_from_json, camera_to_json
from benchmarks.provenance import CHECKOUT
from benchmarks.rd.method import Frame, find_method
from hwcodec import HwcodecError, open_package
from render.cameras import Camera
from render.errors import RenderError
from render.video import to_bytes

_KIB = 1024


class PlayError(RuntimeError):
    """The decoder's process refused the package, or did not end well."""


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What the process delivered: uint8 (frames, views, rows, columns, 3), and what it took."""

    pictures: NDArray[np.uint8]
    decode_s: float
    render_s: float
    peak_bytes: int


def play(method: str, package: Path, cameras: Sequence[Camera]) -> Played:
    """Decode and render a package in a process that can see that one file only.

    Raises:
        PlayError: if the process fails; the message holds its last line.
    """
    with tempfile.TemporaryDirectory(prefix="videorf-play-") as name:
        folder = Path(name)
        copyfile(package, folder / package.name)
        views = json.dumps([camera_to_json(camera) for camera in cameras])
        (folder / "cameras.json").write_text(views)
        words = [method, package.name, "cameras.json", "out.npz"]
        # -P keeps the folder itself off the import path; the checkout takes its place.
        command = [sys.executable, "-P", "-c", _START, str(CHECKOUT), *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            raise PlayError(
                f"decoding {package.name} by {method} ended with {done.returncode}: "
                f"{said[-1] if said else 'no message'}"
            )
        found = np.load(folder / "out.npz")
        return Played(
            found["pictures"],
            float(found["decode_s"]),
            float(found["render_s"]),
            int(found["peak_bytes"]),
        )


def main(argv: Sequence[str]) -> int:
    """Decode, render, write; returns the exit code."""
    name, package, cameras, out = argv
    views = [camera_from_json(value) for value in json.loads(Path(cameras).read_bytes())]
    try:
        played = _played(name, Path(package), views)
    except (HwcodecError, RenderError, ValueError) as error:
        sys.stderr.write(f"error: {type(error).__name__}: {' '.join(str(error).split())}\n")
        return 1
    np.savez(
        out,
        pictures=played.pictures,
        decode_s=played.decode_s,
        render_s=played.render_s,
        peak_bytes=played.peak_bytes,
    )
    return 0


def _played(name: str, package: Path, views: Sequence[Camera]) -> Played:
    decode_s = render_s = 0.0
    frames = find_method(name).decode(open_package(package))
    pictures: list[NDArray[np.uint8]] = []
    while True:
        began = time.perf_counter()
        frame = next(frames, None)
        decode_s += time.perf_counter() - began
        if frame is None:
            break
        if not pictures:
            _render(frame, views[0])  # Compiles; not counted.
        began = time.perf_counter()
        pictures.append(np.stack([_render(frame, camera) for camera in views]))
        render_s += time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    return Played(np.stack(pictures), decode_s, render_s, peak)


def _render(frame: Frame, camera: Camera) -> NDArray[np.uint8]:
    return to_bytes(frame.rgb(camera))


_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from benchmarks.rd.play import main; raise SystemExit(main(sys.argv[2:]))"
)

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
