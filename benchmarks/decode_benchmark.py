"""How fast a package decodes, stage by stage, beside the ``ffmpeg`` program on the same files.

    demux    read the file, check every sum, find the packets
    luma     packets -> luma planes in tensors of their own
    atlas    packets -> float32 atlases: luma, cut into channels, dequantized

Each stage is timed alone over all groups; ``luma`` and ``atlas`` start from packets in memory.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.ffmpeg_program import FfmpegProgram, ProgramError, find_ffmpeg
from benchmarks.stopwatch import Rate, Repeats, Stage, measure, repeated
from hwcodec import Bitstream, Codec, decode, mux
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

    def planes() -> int:
        count = sum(1 for stream in streams for _ in _pictures(stream, plan))
        return _finished(count, plan.device)

    def atlases() -> int:
        count = 0
        for group, stream in zip(groups, streams, strict=True):
            for picture in _pictures(stream, plan):
                unpack_picture(group, picture)
                count += 1
        return _finished(count, plan.device)

    works = {"demux": read, "luma": planes, "atlas": atlases}
    return [Stage(name, repeated(work)) for name, work in works.items()]


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
            other = _ffmpeg_stage(program, files, plan.thread_count)
            rates = measure([*stages, other], plan.repeats)
        except ProgramError as error:
            rates = measure(stages, plan.repeats)
            return DecodeReport(rates, program.version, None, f"not compared: {error}")
    return DecodeReport(rates, program.version, other.overhead_s / len(files), note)


def _pictures(stream: Bitstream, plan: DecodePlan) -> Iterator[Any]:
    return decode(stream, device=plan.device, thread_count=plan.thread_count)


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
        "ffmpeg decodes the same files to its null output; its start-up, the time of decoding one "
        "frame, is measured and taken off, and it hands its planes to nobody"
    )


def _ffmpeg_stage(
    program: FfmpegProgram, files: list[tuple[Path, int]], thread_count: int | None
) -> Stage:
    """Decode all files with the program, one process per file."""

    def work(loops: int) -> int:
        return sum(
            program.decode(path, loops=loops, frame_count=count, thread_count=thread_count)
            for path, count in files
        )

    startup_s = sum(program.startup_s(path, thread_count) for path, _ in files)
    return Stage(FFMPEG, work, startup_s)


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
