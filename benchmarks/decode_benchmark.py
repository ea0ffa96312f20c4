"""How fast a package decodes, stage by stage, beside the ``ffmpeg`` program on the same files.

    demux    read the file, check every sum, find the packets
    luma     packets -> luma planes as tensors; on the processor in the memory they were decoded to
    atlas    packets -> float32 atlases: luma, cut into channels, dequantized

Each stage is timed alone over all groups, each played in a loop with the decoder left open, as
``ffmpeg`` does; ``luma`` and ``atlas`` start from packets in memory, and the time of opening the
decoder for one frame is taken off them.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.decode_rows import ATLAS, DEMUX, LUMA, DecodePlan, DecodeRow
from benchmarks.decode_rows import decode_stages as stages_of_streams
from benchmarks.stopwatch import Rate, Stage, measure, repeated
from benchmarks.stream_matrix import StreamSpec
from benchmarks.yardsticks import FFMPEG, Played, Yardsticks, write_files, yardsticks
from hwcodec import Bitstream, Codec, Picture, choose_decoder
from render.scene import BakedScene, unpack_picture

__all__ = ["FFMPEG", "DecodePlan", "DecodeReport", "decode_stages", "run_decode_benchmark"]


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """Rates by stage, and what is to be said about the comparison with ``ffmpeg``."""

    rates: dict[str, Rate]
    ffmpeg_version: str | None
    ffmpeg_startup_s: float | None
    note: str

    @property
    def ratio(self) -> float | None:
        """Our luma decoding over that of ``ffmpeg``, both without start-up; above 1 is faster."""
        if FFMPEG not in self.rates:
            return None
        return self.rates[LUMA].ratio_to(self.rates[FFMPEG])

    def to_json(self) -> dict[str, Any]:
        """All rates as plain numbers; what was not measured is null."""
        stages = {name: rate.to_json() for name, rate in self.rates.items()}
        return {
            FFMPEG: None,
            **stages,
            "decode_fps": self.rates[ATLAS].fps,
            "luma_fps": self.rates[LUMA].fps,
            "decode_vs_ffmpeg": self.ratio,
            "ffmpeg_version": self.ffmpeg_version,
            "ffmpeg_startup_s": self.ffmpeg_startup_s,
            "ffmpeg_note": self.note,
        }

    def row(self, scene: BakedScene, plan: DecodePlan) -> DecodeRow:
        """The package as a row among others; its first stream speaks for all."""
        first = scene.package.bitstream(scene.record.groups[0].stream)
        choice = choose_decoder(first.codec, first.geometry, device=plan.device)
        spec = StreamSpec.of(first, scene.frame_count)
        speedup = 1.0 if plan.sessions == 1 else None
        return DecodeRow(
            spec, choice, plan.thread_count, plan.sessions, self.rates, self.note, speedup
        )


def decode_stages(scene: BakedScene, plan: DecodePlan) -> list[Stage]:
    """The three stages of a package, ready to be timed.

    Raises:
        UnsupportedConfig: if the device is not usable here.
        ContainerError: if a file is missing or damaged.
        BitstreamError: if a stream is.
    """
    groups = scene.record.groups
    played = Played(_streams(scene), (), plan.device, plan.thread_count, plan.sessions)

    def read() -> int:
        return sum(len(stream.packets) for stream in _streams(scene))

    def unpack(number: int, picture: Picture) -> object:
        return unpack_picture(groups[number], picture)

    return [Stage(DEMUX, repeated(read)), *stages_of_streams(played, unpack)]


def run_decode_benchmark(scene: BakedScene, plan: DecodePlan) -> DecodeReport:
    """Time a package, and in turns with it what else plays the same files on this machine.

    Raises:
        HwcodecError: as `decode_stages` does.
        ProgramError: if a yardstick that ran once does not run again.
    """
    stages = decode_stages(scene, plan)
    streams = _streams(scene)
    with tempfile.TemporaryDirectory(prefix="videorf-") as folder:
        others = _others(streams, Path(folder), plan)
        rates = measure([*stages, *others.stages], plan.repeats)
    startup_s = others.ffmpeg_startup_s
    per_file_s = None if startup_s is None else startup_s / len(streams)
    return DecodeReport(rates, others.ffmpeg_version, per_file_s, others.note)


def _others(streams: Sequence[Bitstream], folder: Path, plan: DecodePlan) -> Yardsticks:
    if any(stream.codec is Codec.RAW for stream in streams):
        return Yardsticks(notes=("not compared: ffmpeg does not know raw pictures",))
    files = write_files(streams, folder)
    return yardsticks(Played(tuple(streams), files, plan.device, plan.thread_count, plan.sessions))


def _streams(scene: BakedScene) -> tuple[Bitstream, ...]:
    return tuple(scene.package.bitstream(group.stream) for group in scene.record.groups)
