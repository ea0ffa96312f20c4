"""VideoRF: ours as tuned, and the plain recipe of the paper, on the same bake budget and encoder.

Source: Wang et al., "VideoRF: Rendering Dynamic Radiance Fields as 2D Feature Video Streams",
CVPR 2024, arXiv 2312.01407. Its code was never published; the weights of its two losses, 1e-4 each,
are recalled and unverified. Both rows are coded with libx265, 10-bit, where the paper has H.264: so
that their difference is not the encoder's. The codec ladder has the H.264 row.

The paper bakes once and codes at several QPs, and so does the plain row. Ours bakes for a rate, as
users ask for it by ``rate=low|medium|high``: resolution, features and loss weights differ as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bake.config import with_experiment, with_rate
from bake.export import ExportOptions, export
from bake.optimize_config import OptimizeConfig
from bake.pipeline import BakeConfig, bake
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
    "this project, preset fast, rates low, medium and high",
    "as VideoRF, with estimated transform-codec bits in the loss instead of total variation and "
    "temporal L1, a rounding encoder in the loop, a first frame that begins at a quarter of the "
    "resolution, a grid by the pixels of the pictures, fewer features and a smaller network, a "
    "Hilbert curve instead of Morton order, a wider range for density, and starts that move along "
    "with the scene flow; one bake per rate",
    decoder="hardware",
)
_SHARED = Provenance(
    Origin.MEASURED,
    "this project on the grid and network that all methods share",
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
        export(open_sequence(folder), out, self.options(rate))

    def options(self, rate: Rate) -> ExportOptions:
        """How the bake is encoded at a rate."""
        return ExportOptions("libx265", rate=ConstantQp(int(rate.value)))

    def decode(self, package: Package) -> Iterator[Frame]:
        """The frames that a player shows."""
        scene = BakedScene(package)
        for atlas in scene.all_atlases():
            yield PlayedFrame(scene.field(atlas), scene.appearance)


@dataclass(frozen=True, slots=True)
class RatedVideoRf(VideoRf):
    """A bake per named rate, each coded at the QPs that suit it; ``fit_label`` begins their names.

    Labels of rates are those of `rated_qps`.
    """

    def fit_name(self, rate: Rate) -> str:
        """The name of the rate's bake."""
        return f"{self.fit_label}-{_named(rate)}"

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Bake the capture for the rate."""
        bake(footage.capture, rated(footage.config, _named(rate)), folder, progress)


def rated(config: BakeConfig, name: str) -> BakeConfig:
    """The protocol's settings with what a bake for a named rate has of its own."""
    usual = OptimizeConfig()
    own = replace(
        config.optimize,
        vertex_order=usual.vertex_order,
        halvings=usual.halvings,
        levels=usual.levels,
    )
    return replace(with_rate(config, name), optimize=own)


def rated_qps(**qps: tuple[int, ...]) -> tuple[Rate, ...]:
    """Rates such as ``low-qp36`` by QP, in the order given: the smallest size first."""
    return tuple(Rate(f"{name}-qp{qp}", qp) for name, each in qps.items() for qp in each)


def _named(rate: Rate) -> str:
    """Which of ``configs/rate`` a rate belongs to."""
    return rate.label.partition("-")[0]


def qp_rates(*qps: int) -> tuple[Rate, ...]:
    """Rates by QP, the smallest size first."""
    return tuple(Rate(f"qp{qp}", qp) for qp in sorted(qps, reverse=True))


def ablation(experiment: str) -> VideoRf:
    """The plain recipe or that of rate=medium with one thing changed, by ``configs/experiment``.

    The two recipes themselves share their fits with the rows of the comparison.
    """
    recipe = "rate=medium" if experiment.partition("-")[0] == "medium" else "plain"
    changed = replace(
        _PLAIN,
        origin=Origin.MEASURED,
        reproduced=f"the {recipe} recipe with the changes of configs/experiment/{experiment}.yaml",
    )
    version = 1 if recipe == "plain" else TUNED.version
    name, label = f"ablation-{experiment}", f"bake-{experiment}"
    return VideoRf(name, changed, label, _RATES, experiment, version)


_RATES = qp_rates(20, 24, 28, 32, 36, 40)
TUNED = RatedVideoRf(
    "videorf",
    _TUNED,
    "bake",
    rated_qps(low=(40, 36, 32), medium=(32, 28), high=(24, 20)),
    version=4,
)
PLAIN = VideoRf("videorf-plain", _PLAIN, "bake-plain", _RATES, "plain", version=2)
# What the codec ladder codes: one bake for all its rows, on the grid of the protocol.
SHARED = VideoRf("videorf-shared", _SHARED, "bake-tuned", _RATES, version=2)
