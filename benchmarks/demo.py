"""From nothing to a played package in minutes: the built-in capture, baked, encoded and measured.

OUT/scene/           the bake; a stopped demo continues from here
OUT/web8/            H.264, 8 bits: plays everywhere
OUT/hq10/            HEVC, 10 bits: finer codes
OUT/comparison.png   truth, render and eightfold error of a held-out view
OUT/orbit.mp4        once around while time runs
OUT/results.json     every number of both evaluations
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bake.capture import Capture, CaptureOptions, open_capture
from bake.coarse import CoarseConfig
from bake.export import ExportOptions, export
from bake.losses import LossConfig
from bake.optimize_config import OptimizeConfig, ShadingConfig
from bake.pipeline import BakeConfig, bake
from bake.progress import Progress
from bake.sequence import BakedSequence
from benchmarks.decode_benchmark import DecodePlan, decode_stages
from benchmarks.evaluate import EvaluateOptions, evaluate
from benchmarks.output import aligned, number_text, write_json
from benchmarks.poster import make_poster
from benchmarks.provenance import environment
from benchmarks.report import KIB, evaluation_record
from benchmarks.stopwatch import Repeats, measure
from benchmarks.subject import Subject
from hwcodec import ConstantQp, EncoderChoice, Tuning
from render.commands import orbit_pictures
from render.scene import open_scene
from render.video import make_folder, write_mp4, write_png
from render.views import orbit_around

PACKAGES: dict[str, ExportOptions] = {
    "web8": ExportOptions("libx264", "web8", ConstantQp(24)),
    "hq10": ExportOptions("libx265", "hq10", ConstantQp(26), tuning=Tuning("slow")),
}
"""Packages of the demo by their folder's name; QPs are chosen for about equal quality."""

_REPEATS = Repeats(count=3, seconds=0.3)
_ORBIT_PICTURES = 90


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Where the demo puts everything, and how much of it there is; ``size`` is in pixels."""

    out: Path = Path("videorf-demo")
    frame_count: int = 6
    size: int = 224

    @property
    def config(self) -> BakeConfig:
        """Settings for two or three minutes on two cores; the preset ``fast`` is a step above.

        Weights of the estimated bits are lower than there: with so few steps per frame, higher ones
        keep texels where they were and moving parts turn to fog. A choice, from trials.
        """
        return BakeConfig(
            capture=CaptureOptions(f"procedural:{self.frame_count}:{self.size}"),
            resolution=max(self.size * 7 // 16, 8),
            coarse=CoarseConfig(resolution=max(self.size // 4, 8), iterations=50),
            optimize=OptimizeConfig(
                first_iterations=350,
                group_iterations=200,
                iterations=120,
                feature_range=2.5,
            ),
            losses=LossConfig(intra_bits=1e-3, inter_bits=1e-3),
            shading=ShadingConfig(feature_count=8, width=32),
        )


def run_demo(plan: DemoPlan, progress: Progress, say: Callable[[str], None]) -> dict[str, Any]:
    """Run everything, tell the results through ``say``, and return what ``results.json`` holds.

    Raises:
        CaptureError: if size or frame count cannot be.
        BakeError: if the bake fails.
        HwcodecError: if an encoder fails or a package cannot be written.
        OutputError: if the folder cannot be written to.
    """
    capture = open_capture(plan.config.capture)
    make_folder(plan.out)
    began = time.monotonic()
    sequence = bake(capture, plan.config, plan.out / "scene", progress)
    bake_s = time.monotonic() - began
    records = {name: _package(plan, name, (sequence, capture), progress) for name in PACKAGES}
    _draw(plan, capture)
    results = {"bake_s": bake_s, "packages": records}
    write_json(plan.out / "results.json", results)
    say(demo_table(records))
    say(_ending(plan, bake_s, time.monotonic() - began))
    return results


def demo_table(records: dict[str, Any]) -> str:
    """One line per package."""
    header = (
        "package",
        "encoder",
        "PSNR",
        "foreground",
        "SSIM",
        "codec loss",
        "KiB/frame",
        "decode fps",
        "views/s",
    )
    rows = [header, *((name, *_cells(record)) for name, record in records.items())]
    return aligned(rows)


def _cells(record: dict[str, Any]) -> Sequence[str]:
    return (
        record["encoder"],
        number_text(record["psnr"], 2),
        number_text(record["psnr_foreground"], 2),
        number_text(record["ssim"], 4),
        number_text(record["codec_loss_db"], 2),
        f"{record['bytes_per_frame'] / KIB:.2f}",
        f"{record['decode_fps']:.0f}",
        f"{record['render_fps']:.1f}",
    )


def _package(
    plan: DemoPlan, name: str, source: tuple[BakedSequence, Capture], progress: Progress
) -> dict[str, Any]:
    """Encode one package and evaluate it; its record."""
    sequence, capture = source
    _, encode_fps = _timed_export(sequence, plan.out / name, PACKAGES[name], progress)
    subject = Subject(open_scene(plan.out / name), capture, sequence)
    evaluation = evaluate(subject, EvaluateOptions(), progress)
    rates = measure(decode_stages(subject.scene, DecodePlan(repeats=_REPEATS)), _REPEATS)
    return evaluation_record(subject, evaluation, rates, environment(), encode_fps=encode_fps)


def _timed_export(
    sequence: BakedSequence, out: Path, options: ExportOptions, progress: Progress
) -> tuple[EncoderChoice, float]:
    """Encode, and how many frames per second that went."""
    began = time.perf_counter()
    choice = export(sequence, out, options, progress=progress)
    return choice, sequence.frame_count / (time.perf_counter() - began)


def _draw(plan: DemoPlan, capture: Capture) -> None:
    """The picture and the clip, both from the 10-bit package."""
    scene = open_scene(plan.out / "hq10")
    moment = scene.frame_count // 2, capture.split.test[0]
    write_png(plan.out / "comparison.png", make_poster(scene, capture, [moment]))
    # Whole loops only, so that the clip can be repeated without a jump in time.
    loops = max(round(_ORBIT_PICTURES / scene.frame_count), 1)
    path = orbit_around(scene.record.grid.aabb, scene.cameras, loops * scene.frame_count)
    pictures = orbit_pictures(scene, path)
    write_mp4(plan.out / "orbit.mp4", pictures, scene.record.frame_rate)


def _ending(plan: DemoPlan, bake_s: float, total_s: float) -> str:
    files = {
        "web8, hq10": "the packages; render-view opens them",
        "comparison.png": "truth, render and eightfold error of a held-out view",
        "orbit.mp4": "once around while time runs",
        "results.json": "every number",
        "scene": "the bake; encode-atlas makes other packages of it",
    }
    rows = [(f"  {name}", text) for name, text in files.items()]
    return (
        f"{total_s:.0f} s, of which the bake took {bake_s:.0f} s; in {plan.out}:\n{aligned(rows)}"
    )
