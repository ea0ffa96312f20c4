"""VRVVC: residual tri-planes at any rate from one model.

Source: "VRVVC: Variable-Rate NeRF-Based Volumetric Video Compression", AAAI 2025, arXiv 2412.11362.
No code was released; of the paper only the abstract, a figure and a description were at
hand, so that sizes, formulas and weights are a reconstruction.

Reproduced: tri-planes per group, a key frame and residuals for the others; multipliers lambda_i
with learnable quantization parameters a_i per kind of value, a tiny entropy network that is told
the rate, the loss D + lambda_i R with one rate drawn per step, noise for rounding, a rate term that
sets in gradually; one model for all rates, and rates in between by interpolation. ``SEPARATE``
trains a model for each rate, to show what the shared one costs.

How all rates stay consistent: what trains is the frame, and its residual is taken from what the
decoder has of the frame before at the rate of the step, rounded as it will be. Whatever the rate,
a frame is therefore trained and coded against the same reference, and errors never add up.

Simplified: 4 channels per plane at vertex resolution, as in `benchmarks.baselines.tetrirf`; density
on the occupied vertices; channels are coded independently, by Laplace distributions whose few
numbers are sent instead of the network, or by a measured table where that is smaller; the network
of colors is trained with the first frame at all rates, then frozen; the values feel multipliers
only up to a bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bake.progress import Progress
from benchmarks.baselines.plane_frames import (
    PlaneFrame,
    PlaneGroup,
    PlaneSettings,
    load_frame,
    load_network,
    plane_groups,
    played,
    save_frame,
    save_network,
)
from benchmarks.baselines.planes import TriPlanes
from benchmarks.baselines.rate_model import interpolated, position_of
from benchmarks.baselines.vrvvc_codec import (
    CodedFrame,
    FrameCoder,
    decode_group,
    encode_group,
    settings_from_json,
    settings_to_json,
)
from benchmarks.baselines.vrvvc_fit import (
    FittedFrame,
    FrameTask,
    RateTrainer,
    VrvvcSettings,
    load_rates,
    save_rates,
)
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import PlayedFrame, Provenance, Rate
from benchmarks.rd.stream_record import OpenStream, StreamBody, write_stream
from benchmarks.rd.training import Setting, fresh_shading, frozen_shading
from benchmarks.results import Origin
from hwcodec import Package
from render.shading import round_weights

_SOURCE = "VRVVC, AAAI 2025, arXiv 2412.11362"
_SIMPLIFIED = (
    "sizes, weights and formulas are reconstructed, as only the abstract, a figure and a "
    "description were at hand; 3 x 4 channels at vertex resolution; channels coded independently"
)
_NOT_RUN = "the paper's captures, resolution and iterations"
_PROVENANCE = Provenance(
    Origin.REIMPLEMENTED,
    _SOURCE,
    "residual tri-planes, learnable quantization parameters per rate, an entropy network told the "
    "rate, one model for all rates",
    _SIMPLIFIED,
    _NOT_RUN,
)
_SEPARATE_PROVENANCE = Provenance(
    Origin.REIMPLEMENTED,
    _SOURCE,
    "the same with one multiplier and a model of its own per rate",
    _SIMPLIFIED,
    _NOT_RUN,
)


@dataclass(frozen=True, slots=True)
class Vrvvc:
    """VRVVC with one model for all rates, or one for each."""

    name: str
    provenance: Provenance
    is_separate: bool = False
    version: int = 1
    settings: VrvvcSettings = field(default_factory=VrvvcSettings)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """The trained multipliers; `encode` takes any rate between them as well."""
        return tuple(Rate(f"l{n}", m) for n, m in enumerate(self.settings.multipliers, 1))

    def fit_name(self, rate: Rate) -> str:
        """One fit, or one per rate."""
        return f"{self.name}-{rate.label}" if self.is_separate else self.name

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Train frame after frame, and keep each with its parameters at every rate."""
        settings = self._trained(rate)
        trainer = RateTrainer(footage, settings)
        network, shading = fresh_shading(footage, settings.planes.shading(footage))
        last: tuple[PlaneGroup, FittedFrame] | None = None
        progress.start("train", footage.frame_count)
        for group in plane_groups(footage, settings.planes):
            rays = footage.rays(group.group, list(group.group.frames))
            for index in group.group.frames:
                setting = Setting(footage, group.group.scene, shading)
                start, task = _begin(footage, trainer, (group, index), last)
                fitted = trainer.fit(setting, group, start, task, rays[index])
                if last is None:
                    network = round_weights(network)
                    shading = frozen_shading(footage, network)
                    save_network(folder, network)
                save_frame(folder, index, fitted.frame)
                save_rates(folder, index, fitted.stored)
                last = group, fitted
                progress.advance(f"frame {index}")

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[PlayedFrame]:
        """The trained frames before rounding."""
        network = load_network(folder, footage, self.settings.planes)
        for group in plane_groups(footage, self.settings.planes):
            for index in group.group.frames:
                yield played(footage, group, load_frame(folder, index), network)

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Code every group at a rate, which may lie between two trained ones.

        Raises:
            ValueError: if it lies outside of them.
        """
        settings = self._trained(rate)
        position = position_of(rate.value, settings.multipliers)
        blobs = {
            _blob(number): encode_group(_coded(folder, group, position, settings.planes))
            for number, group in enumerate(plane_groups(footage, settings.planes))
        }
        network = load_network(folder, footage, settings.planes)
        own = settings_to_json(settings.planes)
        write_stream(out, self.name, footage, StreamBody(own, blobs, network))

    def decode(self, package: Package) -> Iterator[PlayedFrame]:
        """The frames of a package.

        Raises:
            HwcodecError, RenderError: if the package is damaged.
        """
        stream = OpenStream(package, self.name)
        settings = settings_from_json(stream.record.own, stream.record.shading)
        for number, (_, frame_count) in enumerate(stream.record.groups):
            mapping = stream.scene(number).mapping
            planes = TriPlanes(mapping, settings.scale)
            coder = FrameCoder(mapping, planes, settings.channels)
            for frame in decode_group(package.blob(_blob(number)), frame_count, coder):
                yield stream.frame(number, frame.texels(planes))

    def _trained(self, rate: Rate) -> VrvvcSettings:
        return self.settings.alone(rate.value) if self.is_separate else self.settings


def _begin(
    footage: Footage,
    trainer: RateTrainer,
    which: tuple[PlaneGroup, int],
    last: tuple[PlaneGroup, FittedFrame] | None,
) -> tuple[PlaneFrame, FrameTask]:
    """Where a frame starts, and how it trains."""
    group, index = which
    config, planes = footage.config.optimize, trainer.settings.planes
    if last is None:
        task = FrameTask(index, config.first_iterations, None)
        return group.fresh(footage, planes), task
    before, fitted = last
    if before is not group:
        task = FrameTask(index, config.group_iterations, None)
        return group.carried(footage, before, fitted.frame), task
    task = FrameTask(index, config.iterations, fitted.decoded)
    return group.moved(footage, fitted.frame, index, index - 1), task


def _coded(
    folder: Path, group: PlaneGroup, position: float, settings: PlaneSettings
) -> list[CodedFrame]:
    """A group's frames at a rate, each against what the decoder has of the one before."""
    coder = FrameCoder(group.group.scene.mapping, group.planes, settings.channels)
    coded: list[CodedFrame] = []
    for index in group.group.frames:
        rates = interpolated(load_rates(folder, index), position)
        before = coded[-1].decoded if coded else None
        coded.append(coder.code(load_frame(folder, index), rates, before))
    return coded


def _blob(number: int) -> str:
    return f"planes{number:04d}"


VRVVC = Vrvvc("vrvvc", _PROVENANCE)
SEPARATE = Vrvvc("vrvvc-separate", _SEPARATE_PROVENANCE, is_separate=True)
