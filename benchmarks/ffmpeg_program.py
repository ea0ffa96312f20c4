"""The ``ffmpeg`` command-line program as a yardstick; used where it happens to be installed."""

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from hwcodec import Codec

_TIMEOUT_S = 300.0
_STARTUP_TRIALS = 5
_EVERY_PICTURE = ("-an", "-fps_mode", "passthrough")
_TO_NOWHERE = ("-f", "null", "-")


class ProgramError(RuntimeError):
    """The program failed or decoded something else than it was given."""


@dataclass(frozen=True, slots=True)
class FfmpegProgram:
    """Where the program is and which version it says it has.

    ``input_words`` stand before every file that it decodes.
    """

    path: str
    version: str
    input_words: tuple[str, ...] = ()

    def on_cuda(self, codec: Codec) -> "FfmpegProgram":
        """The same program, decoding in hardware into device memory."""
        # Its first choice for AV1 is software, which drives no device.
        decoder = ("-c:v", "av1") if codec is Codec.AV1 else ()
        words = ("-hwaccel", "cuda", "-hwaccel_output_format", "cuda", *decoder)
        return replace(self, input_words=words)

    def decode(self, file: Path, *, loops: int, frame_count: int, thread_count: int | None) -> int:
        """Decode a file ``loops`` times in one process; how many frames that was.

        Raises:
            ProgramError: if the program fails or delivers another number of frames.
        """
        expected = loops * frame_count
        looping = ["-stream_loop", str(loops - 1)]
        source = [*_threads(thread_count), *self.input_words, *looping, "-i", str(file)]
        found = self.run([*source, *_EVERY_PICTURE, *_TO_NOWHERE])
        if found != expected:
            raise ProgramError(f"ffmpeg decoded {found} frames of {file.name}, expected {expected}")
        return found

    def startup_s(self, file: Path, thread_count: int | None) -> float:
        """Median seconds from start to end of a process that decodes a file of one frame."""
        times = []
        for _ in range(_STARTUP_TRIALS):
            began = time.perf_counter()
            source = [*_threads(thread_count), *self.input_words, "-i", str(file)]
            self.run([*source, *_EVERY_PICTURE, "-frames:v", "1", *_TO_NOWHERE])
            times.append(time.perf_counter() - began)
        return median(times)

    def run(self, words: Sequence[str]) -> int:
        """Run the program and return how many frames it reports to have put out.

        Raises:
            ProgramError: if it fails or hangs.
        """
        command = [self.path, "-v", "error", "-nostdin", "-progress", "pipe:1", *words]
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
