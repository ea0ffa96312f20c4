"""What our decoding is compared with, on the same streams, threads and device, in the same run.

    ffmpeg            the program; on CUDA with its frames left in device memory
    ffmpeg_software   on CUDA only: the program on the processor
    bare              on CUDA only: the vendor's decoding loop, nothing of ours around it
    torchcodec        that library where it is installed; it delivers colors

Each is tried once before anything is timed; one that fails is left out, and the note says why.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from benchmarks.ffmpeg_program import FfmpegProgram, ProgramError, find_ffmpeg
from benchmarks.stopwatch import Stage, Work, startup_s
from hwcodec import Bitstream, Codec, mux
from hwcodec.device_probe import NVIDIA, probe_devices

FFMPEG, FFMPEG_SOFTWARE, BARE, TORCHCODEC = "ffmpeg", "ffmpeg_software", "bare", "torchcodec"
_ON_CPU = (
    "ffmpeg decodes the same files to its null output and hands its planes to nobody; the time of "
    "decoding one frame, start-up included, is measured and taken off both sides"
)
_ON_CUDA = (
    "ffmpeg decodes the same files in hardware and leaves the frames in device memory; the time "
    "of decoding one frame, start-up included, is measured and taken off all sides"
)


@dataclass(frozen=True, slots=True)
class Played:
    """Streams as they are played: packets in memory for us, the same as files for others.

    ``thread_count`` None lets each decoder choose. ``sessions`` play at once, each all streams.
    """

    streams: tuple[Bitstream, ...]
    files: tuple[Path, ...]
    device: str = "cpu"
    thread_count: int | None = None
    sessions: int = 1

    @property
    def is_on_cuda(self) -> bool:
        """Whether pictures are wanted in the memory of an NVIDIA device."""
        return self.device.startswith("cuda")

    @property
    def first_frame(self) -> "Played":
        """The first frame of the first stream alone, played the same way; without files."""
        first = self.streams[0]
        return replace(self, streams=(replace(first, packets=first.packets[:1]),), files=())

    @property
    def codec(self) -> Codec:
        """The codec of the first stream, which speaks for all."""
        return self.streams[0].codec


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """Stages to be timed in turns with ours, and what a reader should know of them."""

    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()
    ffmpeg_version: str | None = None

    @property
    def note(self) -> str:
        """All notes in one line."""
        return "; ".join(self.notes)

    @property
    def ffmpeg_startup_s(self) -> float | None:
        """What is taken off each call of the ``ffmpeg`` stage, or None without that stage."""
        found = (stage.overhead_s for stage in self.stages if stage.name == FFMPEG)
        return next(found, None)


def yardsticks(played: Played) -> Yardsticks:
    """Everything on this machine that plays the same streams."""
    found = _ffmpeg(played)
    for make in (_bare, _torchcodec) if played.is_on_cuda else (_torchcodec,):
        stage, said = _tried(partial(make, played))
        found = replace(found, stages=(*found.stages, *stage), notes=(*found.notes, *said))
    return found


def finished(count: int, device: str) -> int:
    """The count, once the device has really done the work."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return count


def _ffmpeg(played: Played) -> Yardsticks:
    if played.codec is Codec.RAW:
        return Yardsticks(notes=("not compared: ffmpeg does not know raw pictures",))
    program = find_ffmpeg()
    if program is None:
        return Yardsticks(notes=("not compared: there is no ffmpeg program on the path",))
    programs = {FFMPEG: program}
    if played.is_on_cuda:
        programs = {FFMPEG: program.on_cuda(played.codec), FFMPEG_SOFTWARE: program}
    stages: list[Stage] = []
    notes: list[str] = []
    for name, one in programs.items():
        stage, said = _tried(partial(_ffmpeg_stage, name, one, played))
        stages += stage
        notes += [f"{name} {text}" if name != FFMPEG else text for text in said]
    if any(stage.name == FFMPEG for stage in stages):
        notes.insert(0, _ON_CUDA if played.is_on_cuda else _ON_CPU)
    return Yardsticks(tuple(stages), tuple(notes), program.version)


def _tried(make: Callable[[], Stage]) -> tuple[list[Stage], list[str]]:
    """The stage after one round of its work, or what it said instead."""
    try:
        stage = make()
        stage.work(1)
    except ImportError:
        return [], []
    except Exception as error:  # noqa: BLE001 -- whatever another program or vendor raises
        return [], [f"not compared: {' '.join(str(error).split())[:300]}"]
    return [stage], []


def _ffmpeg_stage(name: str, program: FfmpegProgram, played: Played) -> Stage:
    """Decode all files with the program, one process per file and session."""
    counts = [len(stream.packets) for stream in played.streams]

    def work(loops: int) -> int:
        return sum(
            program.decode(path, loops=loops, frame_count=count, thread_count=played.thread_count)
            for path, count in zip(played.files, counts, strict=True)
        )

    startup_s = _startup_s(program, played) * len(played.files)
    return Stage(name, _at_once(work, played.sessions), startup_s)


def _startup_s(program: FfmpegProgram, played: Played) -> float:
    """Start-up with as many processes at once as there are sessions.

    The first frame of a longer file comes out only after those it has to wait for, which would
    count some real decoding as start-up; so it gets a file of its own.
    """
    path = played.files[0].with_name("first.mp4")
    path.write_bytes(mux(played.first_frame.streams[0]))
    with ThreadPoolExecutor(played.sessions) as pool:
        trials = [
            pool.submit(program.startup_s, path, played.thread_count)
            for _ in range(played.sessions)
        ]
        return sum(trial.result() for trial in trials) / played.sessions


def _bare(played: Played) -> Stage:
    """The vendor's loop over the same packets, one decoder per session."""
    if not (finding := probe_devices().findings[NVIDIA]).is_ok:
        raise ProgramError(f"the bare loop needs PyNvVideoCodec ({finding.said})")
    from hwcodec.backends.nvidia_bare import bare_loop

    def work_on(some: Played) -> Work:
        loop = bare_loop(some.streams, torch.device(some.device))
        return _then_finished(_at_once(loop, some.sessions), some.device)

    return Stage(BARE, work_on(played), startup_s(work_on(played.first_frame)))


def _torchcodec(played: Played) -> Stage:
    """Every frame of the files as that library gives it.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        decoders: Any = import_module("torchcodec.decoders")
    except (RuntimeError, OSError) as error:
        raise ProgramError(f"torchcodec does not load: {error}") from error
    device = played.device

    def work(loops: int) -> int:
        count = 0
        for path in played.files:
            decoder = decoders.VideoDecoder(
                str(path), num_ffmpeg_threads=played.thread_count or 0, device=device
            )
            count += sum(1 for _ in range(loops) for _ in decoder)
        return count

    return Stage(TORCHCODEC, _then_finished(_at_once(work, played.sessions), device))


def _at_once(work: Work, sessions: int) -> Work:
    """The same work in as many threads, or as it is."""
    if sessions == 1:
        return work

    def together(loops: int) -> int:
        with ThreadPoolExecutor(sessions) as pool:
            return sum(pool.map(work, [loops] * sessions))

    return together


def _then_finished(work: Work, device: str) -> Work:
    return lambda loops: finished(work(loops), device)


def write_files(streams: Sequence[Bitstream], folder: Path) -> tuple[Path, ...]:
    """Each stream as an MP4 file of its own in the folder."""
    paths = [folder / f"group{number:04d}.mp4" for number in range(len(streams))]
    for path, stream in zip(paths, streams, strict=True):
        path.write_bytes(mux(stream))
    return tuple(paths)
