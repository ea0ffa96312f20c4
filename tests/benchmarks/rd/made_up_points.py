"""Points that nobody measured, with the shape of real ones, for tests of reports."""

import math
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.provenance import Commit, Environment, Machine
from benchmarks.rd.method import Provenance
from benchmarks.rd.point import FrameScore, PointTiming, RdPoint, StreamNote
from benchmarks.results import Origin, Quality

ENVIRONMENT = Environment(
    Commit("0123456789abcdef", is_dirty=False),
    Machine("A processor", 2, 8 << 30, None, "Linux x86_64"),
    {"python": "3.11.0", "torch": "2.0", "av": "not installed"},
    "benchmark rd --scene performer",
    "2030-01-02T03:04:05+00:00",
)
FRAMES = 10
PROVENANCE = Provenance(
    Origin.REIMPLEMENTED,
    "Somebody et al., A Method, VENUE 2024",
    "the transform and the tables",
    "the grid is the protocol's",
    "the paper's captures",
    "a repository, research only",
)


def made_up(
    method: str,
    size_bytes: int,
    psnr_db: float,
    label: str = "",
    *,
    scene: str = "performer",
    uncoded_db: float = 41.0,
) -> RdPoint:
    """A point of so many bytes over all frames."""
    pictures = size_bytes * 3 // 4
    kinds = {"pictures": pictures, "occupancy": size_bytes // 8, "network": size_bytes // 16}
    kinds["manifest"] = size_bytes - sum(kinds.values())
    frames = tuple(
        FrameScore(n, psnr_db + 0.3 * math.sin(n), 0.99, psnr_db - 8.5) for n in range(FRAMES)
    )
    ssim = min(1 - math.exp(-psnr_db / 7), 1.0)
    return RdPoint(
        scene=scene,
        method=method,
        label=label or f"q{size_bytes}",
        value=1.0,
        origin=Origin.REIMPLEMENTED,
        key="key",
        settings={"scene": "preset=fast"},
        size_bytes=size_bytes,
        bytes_by_kind=kinds,
        frame_count=FRAMES,
        frame_rate="30/1",
        view_indices=(24, 25),
        view_size=(256, 256),
        quality=Quality(20, psnr_db, ssim, psnr_db - 8.5, psnr_db + 1),
        uncoded=Quality(20, uncoded_db, 0.995, uncoded_db - 8.5, uncoded_db + 1),
        per_frame=frames,
        timing=PointTiming(120.0, 3.5, 0.8, 2.0, 20, 300_000_000),
        stream=StreamNote("hq10", is_verified=True, reason=""),
        environment=ENVIRONMENT,
        crop=f"{label or size_bytes}.webp",
    )


def curve(
    method: str, factor: float, loss_db: float = 0.0, *, count: int = 5, scene: str = "performer"
) -> list[RdPoint]:
    """Points that need ``factor`` times the bytes of the curve with factor 1 for the same PSNR."""
    return [
        made_up(
            method,
            round(60_000 * factor * 2**step),
            34 + 5 * (1 - math.exp(-step / 2)) - loss_db,
            f"q{step}",
            scene=scene,
            uncoded_db=41 - loss_db,
        )
        for step in range(count)
    ]


def moved(points: Sequence[RdPoint], number: int, psnr_db: float) -> list[RdPoint]:
    """The same points with one at another level."""
    listed = list(points)
    listed[number] = replace(
        listed[number], quality=replace(listed[number].quality, psnr_db=psnr_db)
    )
    return listed
