"""The ``ffmpeg`` command-line program as a yardstick; used where it happens to be installed."""

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TIMEOUT_S = 300.0
_STARTUP_TRIALS = 5


class ProgramError(RuntimeError):
    """The program failed or decoded something else than it was given."""


@dataclass(frozen=True, slots=True)
class FfmpegProgram:
    """Where the program is and which version it says it has."""

    path: str
    version: str

    def decode(self, file: Path, *, loops: int, frame_count: int, thread_count: int | None) -> int:
        """Decode a file ``loops`` times in one process; how many frames that was.

        Raises:
            ProgramError: if the program fails or delivers another number of frames.
        """
        expected = loops * frame_count
        looping = ["-stream_loop", str(loops - 1)]
        found = self._count([*_threads(thread_count), *looping, "-i", str(file)], [])
        if found != expected:
            raise ProgramError(f"ffmpeg decoded {found} frames of {file.name}, expected {expected}")
        return found

    def startup_s(self, file: Path, thread_count: int | None) -> float:
        """Median seconds from start to end of a process that decodes a file of one frame."""
        times = []
        for _ in range(_STARTUP_TRIALS):
            began = time.perf_counter()
            self._count([*_threads(thread_count), "-i", str(file)], ["-frames:v", "1"])
            times.append(time.perf_counter() - began)
        return median(times)

    def _count(self, source: list[str], limit: list[str]) -> int:
        """Frames that reach the null output, as the program reports them."""
        command = [self.path, "-v", "error", "-nostdin", "-progress", "pipe:1", *source, "-an"]
        command += ["-fps_mode", "passthrough", *limit, "-f", "null", "-"]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                check=True,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise ProgramError(f"ffmpeg failed: {' '.join(str(said).split())[:300]}") from error
        counts = re.findall(r"^frame=\s*(\d+)$", done.stdout, flags=re.MULTILINE)
        return int(counts[-1]) if counts else 0


def find_ffmpeg() -> FfmpegProgram | None:
    """The program on the path, or None where there is none that runs."""
    path = shutil.which("ffmpeg")
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"ffmpeg version (\S+)", done.stdout)
    return FfmpegProgram(path, found[1] if found else "unknown")


def _threads(thread_count: int | None) -> list[str]:
    return ["-threads", str(thread_count or 0)]
