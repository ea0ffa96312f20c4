"""How fast a package decodes, stage by stage, beside the ``ffmpeg`` program on the same files.

    demux    read the file, check every sum, find the packets
    luma     packets -> luma planes as tensors; on the processor in the memory they were decoded to
    atlas    packets -> float32 atlases: luma, cut into channels, dequantized

Each stage is timed alone over all groups, each played in a loop with the decoder left open, as
``ffmpeg`` does; ``luma`` and ``atlas`` start from packets in memory.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch

from benchmarks.ffmpeg_program import FfmpegProgram, ProgramError, find_ffmpeg
from benchmarks.stopwatch import Rate, Repeats, Stage, measure, repeated
from hwcodec import Bitstream, Codec, Picture, decode_all, mux
from render.scene import BakedScene, unpack_picture

FFMPEG = "ffmpeg"


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """Where and how to decode; ``thread_count`` None lets each decoder choose."""

    device: str = "cpu"
    thread_count: int | None = None
    repeats: Repeats = field(default_factory=Repeats)


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """Rates by stage, and what is to be said about the comparison with ``ffmpeg``."""

    rates: dict[str, Rate]
    ffmpeg_version: str | None
    ffmpeg_startup_s: float | None
    note: str

    @property
    def ratio(self) -> float | None:
        """Our luma decoding over that of ``ffmpeg`` without its start-up; above 1 is faster."""
        if FFMPEG not in self.rates:
            return None
        return self.rates["luma"].fps / self.rates[FFMPEG].fps

    def to_json(self) -> dict[str, Any]:
        """All rates as plain numbers; what was not measured is null."""
        stages = {name: rate.to_json() for name, rate in self.rates.items()}
        return {
            FFMPEG: None,
            **stages,
            "decode_fps": self.rates["atlas"].fps,
            "luma_fps": self.rates["luma"].fps,
            "decode_vs_ffmpeg": self.ratio,
            "ffmpeg_version": self.ffmpeg_version,
            "ffmpeg_startup_s": self.ffmpeg_startup_s,
            "ffmpeg_note": self.note,
        }


def decode_stages(scene: BakedScene, plan: DecodePlan) -> list[Stage]:
    """The three stages of a package, ready to be timed.

    Raises:
        UnsupportedConfig: if the device is not usable here.
        ContainerError: if a file is missing or damaged.
        BitstreamError: if a stream is.
    """
    groups = scene.record.groups
    streams = [scene.package.bitstream(group.stream) for group in groups]

    def read() -> int:
        return sum(len(scene.package.bitstream(group.stream).packets) for group in groups)

    def planes(loops: int) -> int:
        count = sum(1 for _ in _pictures(streams, loops, plan))
        return _finished(count, plan.device)

    def atlases(loops: int) -> int:
        count = 0
        for number, picture in _pictures(streams, loops, plan):
            unpack_picture(groups[number // loops], picture)
            count += 1
        return _finished(count, plan.device)

    return [Stage("demux", repeated(read)), Stage("luma", planes), Stage("atlas", atlases)]


def run_decode_benchmark(scene: BakedScene, plan: DecodePlan) -> DecodeReport:
    """Time a package, and ``ffmpeg`` in turns with it where that program is on the path.

    Raises:
        HwcodecError: as `decode_stages` does.
    """
    stages = decode_stages(scene, plan)
    program, note = _comparable(scene, plan)
    if program is None:
        return DecodeReport(measure(stages, plan.repeats), None, None, note)
    with _stream_files(scene) as files:
        try:
            startup_s = program.startup_s(_one_frame_file(scene, files), plan.thread_count)
            other = _ffmpeg_stage(program, files, plan.thread_count, startup_s)
            rates = measure([*stages, other], plan.repeats)
        except ProgramError as error:
            rates = measure(stages, plan.repeats)
            return DecodeReport(rates, program.version, None, f"not compared: {error}")
    return DecodeReport(rates, program.version, other.overhead_s / len(files), note)


def _pictures(
    streams: Sequence[Bitstream], loops: int, plan: DecodePlan
) -> Iterator[tuple[int, Picture]]:
    """Every stream ``loops`` times without a stop, in the order in which ``ffmpeg`` does it."""
    played = chain.from_iterable(repeat(stream, loops) for stream in streams)
    return decode_all(played, device=plan.device, thread_count=plan.thread_count, borrow=True)


def _finished(count: int, device: str) -> int:
    """The count, once the device has really done the work."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return count


def _comparable(scene: BakedScene, plan: DecodePlan) -> tuple[FfmpegProgram | None, str]:
    """The program, if a comparison would mean something, and what a reader should know."""
    if {record["codec"] for record in scene.package.streams} & {Codec.RAW.value}:
        return None, "not compared: ffmpeg does not know raw pictures"
    if plan.device != "cpu":
        return None, "not compared: ffmpeg would decode to the processor's memory"
    program = find_ffmpeg()
    if program is None:
        return None, "not compared: there is no ffmpeg program on the path"
    return program, (
        "ffmpeg decodes the same files to its null output; its start-up, the time of decoding a "
        "file of one frame, is measured and taken off, and it hands its planes to nobody"
    )


def _ffmpeg_stage(
    program: FfmpegProgram,
    files: Sequence[tuple[Path, int]],
    thread_count: int | None,
    startup_s: float,
) -> Stage:
    """Decode all files with the program, one process per file."""

    def work(loops: int) -> int:
        return sum(
            program.decode(path, loops=loops, frame_count=count, thread_count=thread_count)
            for path, count in files
        )

    return Stage(FFMPEG, work, startup_s * len(files))


def _one_frame_file(scene: BakedScene, files: Sequence[tuple[Path, int]]) -> Path:
    """The scene's first frame as a file of its own, beside the others.

    The first frame of a longer file comes out only after those it has to wait for, which would
    count some real decoding as start-up.
    """
    first = scene.package.bitstream(scene.record.groups[0].stream)
    path = files[0][0].with_name("first.mp4")
    path.write_bytes(mux(replace(first, packets=first.packets[:1])))
    return path


@contextmanager
def _stream_files(scene: BakedScene) -> Iterator[list[tuple[Path, int]]]:
    """The MP4 file of every group and its frame count; a folder of files whatever the package."""
    with tempfile.TemporaryDirectory(prefix="videorf-") as folder:
        files = []
        for group in scene.record.groups:
            path = Path(folder) / f"group{group.stream:04d}.mp4"
            path.write_bytes(mux(scene.package.bitstream(group.stream)))
            files.append((path, group.frame_count))
        yield files
