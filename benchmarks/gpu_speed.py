"""How fast a device decodes and encodes, and what crosses over to the processor meanwhile."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import torch

from benchmarks.decode_rows import DecodePlan, DecodeRow, measure_stream
from benchmarks.gpu_exactness import Decode, differing_bytes
from benchmarks.gpu_parts import Outcome
from benchmarks.stopwatch import Repeats, Stage, measure
from benchmarks.stream_matrix import StreamSpec, encoder_settings, stored_stream
from benchmarks.synthetic import synthetic_pictures
from benchmarks.yardsticks import finished
from hwcodec import Bitstream, Codec, Lossless, decode_all, encode
from hwcodec.device_probe import FFMPEG, NVIDIA, DeviceProbe
from hwcodec.registry import refusal as encoder_refusal

SESSIONS = (1, 2, 4, 7)
NVENC = {"h264_nvenc": Codec.H264, "hevc_nvenc": Codec.HEVC, "av1_nvenc": Codec.AV1}
_TO_HOST, _TO_DEVICE, _ON_DEVICE = "Memcpy DtoH", "Memcpy HtoD", "Memcpy DtoD"


# Runs some work and names what the device did meanwhile.
Events = Callable[[Callable[[], object]], Sequence[str]]


def check_capabilities(probe: DeviceProbe) -> Outcome:
    """What the driver and both libraries report."""
    findings = {
        step: {"is_ok": finding.is_ok, "said": finding.said, **finding.data}
        for step, finding in probe.findings.items()
    }
    able = [step for step in (FFMPEG, NVIDIA) if probe.findings[step].is_ok]
    names = ", ".join(probe.device_names) or "no device"
    return Outcome(
        bool(able), f"{names}; works through {' and '.join(able) or 'nothing'}", findings
    )


def check_sessions(
    stream: Bitstream, device: str, repeats: Repeats, counts: Sequence[int] = SESSIONS
) -> Outcome:
    """Rates of one stream decoded by several sessions at once, in turns."""

    def stage(count: int) -> Stage:
        def work(loops: int) -> int:
            streams = repeat(stream, loops * count)
            pictures = decode_all(streams, device=device, borrow=True, sessions=count)
            return finished(sum(1 for _ in pictures), device)

        return Stage(str(count), work)

    rates = measure([stage(count) for count in counts], repeats)
    base = rates[str(counts[0])].fps
    data = {name: {**rate.to_json(), "speedup": rate.fps / base} for name, rate in rates.items()}
    said = ", ".join(f"{name}: {rate.fps:.0f} fps" for name, rate in rates.items())
    return Outcome(is_ok=True, said=said, data=data)


def check_rows(specs: Iterable[StreamSpec], plan: DecodePlan, folder: Path) -> Outcome:
    """Rows of the decode benchmark."""
    rows: list[DecodeRow] = []
    for spec in specs:
        rows += measure_stream(stored_stream(spec, folder), plan)
    slow = [row.spec.name for row in rows if not row.choice.is_hardware]
    said = ", ".join(f"{row.spec.name}: {row.rates['luma'].fps:.0f} fps" for row in rows)
    if slow and plan.device.startswith("cuda"):
        said += f"; in software: {', '.join(slow)}"
    return Outcome(is_ok=bool(rows), said=said, data={"rows": [row.to_json() for row in rows]})


def check_encoders(device: str, size: tuple[int, int] = (512, 384), count: int = 12) -> Outcome:
    """Encode on the device where it has an encoder, and decode the result; else the reason."""
    data: dict[str, Any] = {}
    for name, codec in NVENC.items():
        reason = encoder_refusal(name)
        spec = StreamSpec(codec, 8, *size, count)
        data[name] = {"refused": reason} if reason else _encoded(spec, name, device)
    running = [name for name, found in data.items() if "refused" not in found]
    wrong = [name for name in running if not data[name]["is_ok"]]
    said = f"encoded by {', '.join(running)}" if running else data["hevc_nvenc"]["refused"]
    return Outcome(not wrong, f"wrong pictures: {wrong}" if wrong else said, data)


def check_host_copies(
    decode: Decode, stream: Bitstream, known: Callable[[], object], events: Events | None = None
) -> Outcome:
    """Count copies between device and processor while a stream is decoded; none is expected.

    Packets go to the device, and a driver may show them as copies: one per packet is let pass.
    ``known`` is work with a copy to the processor; a profiler that does not see it sees nothing.
    """

    def work() -> None:
        for _ in decode([stream]):
            pass

    see = events or profiled
    work()  # What happens once, such as loading kernels, is not of interest.
    if not any(_TO_HOST in name for name in see(known)):
        return Outcome(is_ok=False, said="the profiler shows no copies here, so nothing is known")
    counts = Counter(
        kind for name in see(work) for kind in (_TO_HOST, _TO_DEVICE, _ON_DEVICE) if kind in name
    )
    packets = len(stream.packets)
    is_ok = counts[_TO_HOST] == 0 and counts[_TO_DEVICE] <= packets
    said = (
        f"{counts[_TO_HOST]} copies to the processor, {counts[_TO_DEVICE]} from it, "
        f"{counts[_ON_DEVICE]} on the device, for {packets} packets"
    )
    data = {"to_host": counts[_TO_HOST], "to_device": counts[_TO_DEVICE]}
    return Outcome(is_ok, said, {**data, "on_device": counts[_ON_DEVICE], "packets": packets})


def profiled(work: Callable[[], object]) -> list[str]:
    """Names of everything that torch's profiler sees during the work."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    return [str(event.name) for event in profile.events() or ()]


def _encoded(spec: StreamSpec, encoder: str, device: str) -> Mapping[str, Any]:
    """Rate of one encoder, and how its pictures differ; lossless where the encoder has that."""
    pictures = [
        replace(picture, planes=tuple(plane.to(device) for plane in picture.planes))
        for picture in synthetic_pictures(spec.geometry, spec.frame_count)
    ]
    settings = encoder_settings(spec, encoder)
    if spec.codec is Codec.HEVC:
        settings = replace(settings, rate=Lossless())
    streams: list[Bitstream] = []

    def work(loops: int) -> int:
        streams.extend(encode(pictures, settings) for _ in range(loops))
        return loops * len(pictures)

    rate = measure([Stage(encoder, work)], Repeats(3, 0.0))[encoder]
    planes = [picture.luma for _, picture in decode_all(streams[:1])]
    pairs = list(zip(planes, pictures, strict=True))
    differing = sum(differing_bytes(one, other.luma) for one, other in pairs)
    worst = max(int((a.int() - b.luma.cpu().int()).abs().max()) for a, b in pairs)
    return {
        "is_ok": differing == 0 or spec.codec is not Codec.HEVC,
        "rate": str(settings.rate),
        "differing_bytes": differing,
        "largest_difference": worst,
        "bytes_per_frame": streams[0].size_bytes / len(pictures),
        **rate.to_json(),
    }
