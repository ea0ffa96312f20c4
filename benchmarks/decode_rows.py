"""One row per stream and number of sessions: how fast it decodes, and beside what.

demux    read the file, find and check the packets
luma     packets -> luma planes as tensors on the device, in the memory they were decoded to
atlas    packets -> float32 atlases on the device: luma, cut into channels, dequantized
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from benchmarks.engine_limits import LIMIT_SOURCE, limit_fps
from benchmarks.output import aligned, number_text
from benchmarks.stopwatch import Rate, Repeats, Stage, measure, repeated, startup_s
from benchmarks.stream_matrix import StoredStream, StreamSpec
from benchmarks.synthetic import atlas_of
from benchmarks.yardsticks import (
    BARE,
    FFMPEG,
    FFMPEG_SOFTWARE,
    TORCHCODEC,
    Played,
    Yardsticks,
    finished,
    write_files,
    yardsticks,
)
from hwcodec import DecoderChoice, Picture, choose_decoder, decode_all, demux, engine_count

DEMUX, LUMA, ATLAS = "demux", "luma", "atlas"


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """Where and how to decode; ``thread_count`` None lets each decoder choose.

    ``sessions`` streams of a package are decoded at once; a matrix states its own numbers.
    """

    device: str = "cpu"
    thread_count: int | None = None
    repeats: Repeats = field(default_factory=Repeats)
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """Rates of one stream at one number of sessions; what is not in ``rates`` was not measured."""

    spec: StreamSpec
    choice: DecoderChoice
    thread_count: int | None
    sessions: int
    rates: Mapping[str, Rate]
    note: str = ""
    speedup: float | None = None

    def fps(self, name: str) -> float | None:
        """Median rate of a stage or yardstick, or None."""
        return self.rates[name].fps if name in self.rates else None

    def ratio(self, yardstick: str) -> float | None:
        """Our luma decoding over a yardstick, or None; above 1 is faster."""
        other = self.rates.get(yardstick)
        return None if other is None else self.rates[LUMA].ratio_to(other)

    @property
    def limit_fps(self) -> float | None:
        """What the engines in use could do at best, or None on the processor."""
        if not self.choice.is_hardware:
            return None
        engines = min(self.sessions, engine_count(self.spec.codec, device=self.choice.device))
        return limit_fps(self.spec.codec, self.spec.geometry, engines)

    def to_json(self) -> dict[str, Any]:
        """The row as plain values; what was not measured is null."""
        limit, decode_fps = self.limit_fps, self.rates[LUMA].fps
        return {
            **_stream_values(self.spec),
            "sessions": self.sessions,
            "thread_count": self.thread_count,
            "device": self.choice.device,
            "backend": self.choice.backend,
            "reason": self.choice.reason,
            "demux_fps": self.fps(DEMUX),
            "decode_fps": decode_fps,
            "dequantize_fps": self.fps(ATLAS),
            "ms_per_frame": 1000 / decode_fps,
            "ffmpeg_fps": self.fps(FFMPEG),
            "ratio_to_ffmpeg": self.ratio(FFMPEG),
            "ffmpeg_software_fps": self.fps(FFMPEG_SOFTWARE),
            "ratio_to_ffmpeg_software": self.ratio(FFMPEG_SOFTWARE),
            "bare_fps": self.fps(BARE),
            "ratio_to_bare": self.ratio(BARE),
            "torchcodec_fps": self.fps(TORCHCODEC),
            "limit_fps": limit,
            "limit_source": None if limit is None else LIMIT_SOURCE,
            "ratio_to_limit": None if limit is None else decode_fps / limit,
            "speedup_over_one_session": self.speedup,
            "note": self.note,
        }


def measure_stream(
    stored: StoredStream, plan: DecodePlan, sessions: Sequence[int] = (1,)
) -> tuple[DecodeRow, ...]:
    """One row per number of sessions, all of them measured in turns within one run.

    Raises:
        UnsupportedConfig: if the device is not usable here.
        BitstreamError: if the stream is damaged.
        ProgramError: if a yardstick that ran once does not run again.
    """
    with tempfile.TemporaryDirectory(prefix="videorf-") as folder:
        files = write_files([stored.bitstream], Path(folder))
        one = Played((stored.bitstream,), files, plan.device, plan.thread_count)
        played = {count: replace(one, sessions=count) for count in sorted({1, *sessions})}
        others = {count: yardsticks(each) for count, each in played.items()}
        stages = [Stage(DEMUX, repeated(lambda: len(demux(stored.path.read_bytes()).packets)))]
        for count, each in played.items():
            own = decode_stages(each, lambda _, picture: atlas_of(picture))
            stages += [_named(stage, count) for stage in (*own, *others[count].stages)]
        rates = measure(stages, plan.repeats)
    return _rows(stored.spec, plan, rates, others)


def decode_stages(played: Played, unpack: Callable[[int, Picture], object]) -> list[Stage]:
    """The stages from packets to luma and to atlases; ``unpack`` gets the number of the stream.

    What decoding one frame takes, with opening the decoder, is taken off, as it is for ``ffmpeg``.
    """

    def planes(played: Played, loops: int) -> int:
        return finished(sum(1 for _ in _pictures(played, loops)), played.device)

    def atlases(loops: int) -> int:
        count = 0
        for number, picture in _pictures(played, loops):
            unpack(number // (loops * played.sessions), picture)
            count += 1
        return finished(count, played.device)

    overhead_s = startup_s(partial(planes, played.first_frame))
    return [
        Stage(LUMA, partial(planes, played), overhead_s),
        Stage(ATLAS, atlases, overhead_s),
    ]


def decode_table(rows: Sequence[DecodeRow]) -> str:
    """The rows for a person: what was decoded, how fast, and how that compares."""
    has_limits = any(row.choice.is_hardware for row in rows)
    head = ("stream", "sessions", "backend", "demux", "decode", "atlas", "ms/frame", "ffmpeg")
    extra = ("software", "bare", "x bare", "limit", "x limit") if has_limits else ()
    return aligned([(*head, "x ffmpeg", *extra, "speedup"), *(_cells(r, has_limits) for r in rows)])


def _cells(row: DecodeRow, has_limits: bool) -> tuple[str, ...]:  # noqa: FBT001 -- a column switch
    record = row.to_json()
    rates = ("demux_fps", "decode_fps", "dequantize_fps")
    limits = (
        number_text(record["ffmpeg_software_fps"], 1),
        number_text(record["bare_fps"], 1),
        number_text(record["ratio_to_bare"], 2),
        number_text(record["limit_fps"], 0),
        number_text(record["ratio_to_limit"], 2),
    )
    return (
        row.spec.name,
        str(row.sessions),
        row.choice.backend,
        *(number_text(record[name], 1) for name in rates),
        number_text(record["ms_per_frame"], 3),
        number_text(record["ffmpeg_fps"], 1),
        number_text(record["ratio_to_ffmpeg"], 2),
        *(limits if has_limits else ()),
        number_text(row.speedup, 2),
    )


def _pictures(played: Played, loops: int) -> Iterator[tuple[int, Picture]]:
    """Every stream as often as all sessions play it, in the order in which ``ffmpeg`` does it."""
    times = loops * played.sessions
    return decode_all(
        chain.from_iterable(repeat(stream, times) for stream in played.streams),
        device=played.device,
        thread_count=played.thread_count,
        borrow=True,
        sessions=played.sessions,
    )


def _rows(
    spec: StreamSpec,
    plan: DecodePlan,
    rates: Mapping[str, Rate],
    others: Mapping[int, Yardsticks],
) -> tuple[DecodeRow, ...]:
    choice = choose_decoder(spec.codec, spec.geometry, device=plan.device)
    rows = []
    for count, compared in others.items():
        ending = f"@{count}"
        own = {name[: -len(ending)]: r for name, r in rates.items() if name.endswith(ending)}
        speedup = own[LUMA].fps / rates[f"{LUMA}@1"].fps
        own[DEMUX] = rates[DEMUX]
        row = DecodeRow(spec, choice, plan.thread_count, count, own, compared.note, speedup)
        rows.append(row)
    return tuple(rows)


def _named(stage: Stage, sessions: int) -> Stage:
    return replace(stage, name=f"{stage.name}@{sessions}")


def _stream_values(spec: StreamSpec) -> dict[str, Any]:
    return {
        "codec": spec.codec.value,
        "bit_depth": spec.bit_depth,
        "width": spec.width,
        "height": spec.height,
        "frame_count": spec.frame_count,
    }
