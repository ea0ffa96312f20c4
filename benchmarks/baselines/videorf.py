"""VideoRF: ours as tuned, and the plain recipe of the paper, on the same bake budget and encoder.

Source: Wang et al., "VideoRF: Rendering Dynamic Radiance Fields as 2D Feature Video Streams",
CVPR 2024, arXiv 2312.01407. Its code was never published; the weights of its two losses, 1e-4 each,
are recalled and unverified. Both rows are coded with libx265, 10-bit, where the paper has H.264: so
that their difference is the training's alone. The codec ladder has the H.264 row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bake.config import with_experiment
from bake.export import ExportOptions, export
from bake.pipeline import bake
from bake.progress import Progress
from bake.sequence import open_sequence
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import Frame, PlayedFrame, Provenance, Rate
from benchmarks.results import Origin
from hwcodec import ConstantQp, Package
from render.field import build_geometry, make_field
from render.fragment import Appearance
from render.scene import BakedScene
from render.shading import weights_from_bytes

_PLAIN = Provenance(
    Origin.REIMPLEMENTED,
    "Wang et al., VideoRF, CVPR 2024, arXiv 2312.01407",
    "2D feature images by Morton-ordered mapping table, adaptive groups, total variation and "
    "temporal L1 in training, deferred shading, one video stream per group",
    "grid, iterations and network are the protocol's, not the paper's; loss weights are recalled; "
    "HEVC 10-bit instead of H.264",
    "the paper's captures and its resolution",
    decoder="hardware",
)
_TUNED = Provenance(
    Origin.MEASURED,
    "this project, preset fast",
    "as VideoRF, with estimated transform-codec bits in the loss instead of total variation and "
    "temporal L1, a wider range for density, and starts that move along with the scene flow",
    decoder="hardware",
)


@dataclass(frozen=True, slots=True)
class VideoRf:
    """A bake with some settings, coded at several QPs; one fit serves all of them."""

    name: str
    provenance: Provenance
    fit_label: str
    rates: tuple[Rate, ...]
    experiment: str = ""
    version: int = 1

    def fit_name(self, rate: Rate) -> str:
        """The bake's name, whatever the rate."""
        del rate
        return self.fit_label

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Bake the capture into the folder."""
        del rate
        config = footage.config
        if self.experiment:
            config = with_experiment(config, self.experiment)
        bake(footage.capture, config, folder, progress)

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[Frame]:
        """The baked frames before quantization."""
        del footage
        sequence = open_sequence(folder)
        settings = sequence.settings
        network = weights_from_bytes(sequence.network_bytes(), sequence.shading)
        appearance = Appearance(network, torch.tensor(settings.background))
        for span in sequence.groups:
            geometry = build_geometry(sequence.grid, sequence.mapping(span))
            for index in range(span.first_frame, span.first_frame + span.frame_count):
                field = make_field(
                    geometry,
                    sequence.texels(index),
                    empty_density=-settings.density_range,
                    step=settings.step,
                )
                yield PlayedFrame(field, appearance)

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Encode the bake at a QP."""
        del footage
        options = ExportOptions("libx265", rate=ConstantQp(int(rate.value)))
        export(open_sequence(folder), out, options)

    def decode(self, package: Package) -> Iterator[Frame]:
        """The frames that a player shows."""
        scene = BakedScene(package)
        for atlas in scene.all_atlases():
            yield PlayedFrame(scene.field(atlas), scene.appearance)


def qp_rates(*qps: int) -> tuple[Rate, ...]:
    """Rates by QP, the smallest size first."""
    return tuple(Rate(f"qp{qp}", qp) for qp in sorted(qps, reverse=True))


def ablation(experiment: str) -> VideoRf:
    """The plain recipe with one thing changed, as ``configs/experiment`` states it."""
    changed = replace(
        _PLAIN,
        origin=Origin.MEASURED,
        reproduced=f"the plain recipe with the changes of configs/experiment/{experiment}.yaml",
    )
    # The plain recipe itself is a row of the comparison already; its fit is shared.
    label = "bake-plain" if experiment == "plain" else f"bake-{experiment}"
    return VideoRf(f"ablation-{experiment}", changed, label, _RATES, experiment)


_RATES = qp_rates(20, 24, 28, 32, 36, 40)
# One rate more at the bottom, where the plain recipe lies on fast motion.
TUNED = VideoRf("videorf", _TUNED, "bake-tuned", qp_rates(20, 24, 28, 32, 36, 40, 44), version=2)
PLAIN = VideoRf("videorf-plain", _PLAIN, "bake-plain", _RATES, "plain")
