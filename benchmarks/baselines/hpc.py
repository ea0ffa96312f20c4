"""HPC: a pyramid of residual grids, whose coarse levels alone are a stream of lower rate.

Paper: Zheng et al., "HPC: Hierarchical Progressive Coding Framework for Volumetric Video", ACM MM
2024, arXiv 2407.09026. Of it we know the abstract, a figure, and what a later paper says; no code
was found, so none was read and there is no licence to state.

    values of prefix l at frame t = sum over levels k <= l of interpolated
                                    (decoded level k at frame t - 1 + residual k)

Reproduced: nested grids, the key frame a full pyramid and later frames a residual one, levels that
are added one after another in training, a loss over all prefixes, simulated rounding, a learned
entropy model and a rate weight per level. One fit and one stream serve all rates: a rate is how
many levels are sent.

Simplified: levels are summed after trilinear interpolation, without the projections of the recipe,
whose rule of composition is itself recalled; each step trains one prefix, drawn at random with the
loss's weights, instead of all; stages are the key frame's alone, as later frames start from a
pyramid that is there; the shading is deferred and shared by all prefixes; density is a channel like
the others. A level is predicted from its own past only, so that no prefix drifts.

Not run: the paper's captures, resolution and training time. Resolutions and weights are unknown;
those here are ours, tuned on a small built-in capture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bake.progress import Progress
from benchmarks.baselines.coded_values import CodeScale
from benchmarks.baselines.lattice_levels import build_levels
from benchmarks.baselines.pyramid_fit import LEVELS, PyramidDecoder, PyramidFit
from benchmarks.baselines.sequence_fit import (
    exact_frames,
    fit_sequence,
    fitted_codes,
    fitted_network,
)
from benchmarks.rd.entropy_model import decode_frames, encode_frames
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import PlayedFrame, Provenance, Rate
from benchmarks.rd.stream_record import OpenStream, StreamBody, write_stream
from benchmarks.results import Origin
from hwcodec import Package
from hwcodec.records import finite_number, named_values, several, whole_number
from render.errors import SceneError

_SMALLEST_STEP, _LARGEST_STEP, _LARGEST_STRIDE, _MOST_LEVELS = 1e-6, 1e3, 64, 8

_PROVENANCE = Provenance(
    Origin.REIMPLEMENTED,
    "Zheng et al., HPC, ACM MM 2024, arXiv 2407.09026",
    "residual pyramid on the decoded frame before, trained level by level with a loss over all "
    "prefixes and a rate term per level; one stream whose prefixes are the rates",
    "levels are summed without projections; one prefix per step, drawn at random; stages for the "
    "key frame only; deferred shading; factorized mixture of logistic functions as entropy model; "
    "grid, iterations and network are the protocol's; strides and all weights are ours, as the "
    "paper's are unknown",
    "the paper's captures, its resolution and its training time",
)


@dataclass(frozen=True, slots=True)
class _Pyramid:
    """Strides of all levels, and (density, feature) steps of those that are there."""

    strides: tuple[int, ...]
    steps: tuple[tuple[float, float], ...]

    def to_json(self) -> dict[str, Any]:
        return {"strides": list(self.strides), "steps": [list(pair) for pair in self.steps]}

    @classmethod
    def from_json(cls, own: object) -> "_Pyramid":
        try:
            values = named_values("its own part", own, "strides steps")
            strides = several("strides", values["strides"], least=1)
            steps = several("steps", values["steps"], least=1)
            if not len(steps) <= len(strides) <= _MOST_LEVELS:
                raise ValueError(f"it has {len(steps)} steps for {len(strides)} strides")
            return cls(
                tuple(whole_number("a stride", one, 1, _LARGEST_STRIDE) for one in strides),
                tuple(_pair(pair) for pair in steps),
            )
        except ValueError as error:
            raise SceneError(
                f"the stream's record is damaged: {error}; encode the package again"
            ) from error


@dataclass(frozen=True, slots=True)
class Hpc:
    """HPC; the value of a rate is how many levels are sent."""

    name: str
    rates: tuple[Rate, ...]
    provenance: Provenance = _PROVENANCE
    version: int = 1

    def fit_name(self, rate: Rate) -> str:
        """One fit serves all rates."""
        del rate
        return self.name

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Train frame after frame."""
        del rate
        config = footage.config
        rates = (config.optimize.density_rate, config.optimize.feature_rate)
        fit = PyramidFit(rates, 1 + footage.feature_count, config.seed)
        fit_sequence(footage, fit, folder, progress)

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[PlayedFrame]:
        """The frames of the whole pyramid before rounding, each on the rounded one before."""
        return exact_frames(footage, folder)

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Entropy-code the whole numbers of the first few levels."""
        sent = LEVELS[: int(rate.value)]
        strides = tuple(level.stride for level in LEVELS)
        pyramid = _Pyramid(strides, tuple(level.steps for level in sent))
        blobs = {}
        for number, group in enumerate(footage.groups):
            for level in range(len(sent)):
                name = f"level{level}"
                frames = [fitted_codes(folder, index, name) for index in group.frames]
                blobs[_blob(level, number)] = encode_frames(frames)
        body = StreamBody(pyramid.to_json(), blobs, fitted_network(footage, folder))
        write_stream(out, self.name, footage, body)

    def decode(self, package: Package) -> Iterator[PlayedFrame]:
        """The frames of the levels that are there, from the package alone."""
        stream = OpenStream(package, self.name)
        pyramid = _Pyramid.from_json(stream.record.own)
        channels = 1 + stream.record.shading.feature_count
        scales = [CodeScale.of(steps, (1.0, 1.0), channels) for steps in pyramid.steps]
        for number, (_, count) in enumerate(stream.record.groups):
            levels = build_levels(stream.scene(number).mapping, pyramid.strides)
            decoder = PyramidDecoder(levels, scales)
            parts = [
                decode_frames(package.blob(_blob(level, number)), count, (size, channels))
                for level, size in enumerate(levels.sizes[: len(scales)])
            ]
            for codes in zip(*parts, strict=True):
                yield stream.frame(number, decoder.frame(codes))


def _pair(value: object) -> tuple[float, float]:
    density, feature = (
        finite_number("a step", step, _SMALLEST_STEP, _LARGEST_STEP)
        for step in several("steps of a level", value, 2)
    )
    return density, feature


def _blob(level: int, number: int) -> str:
    return f"level{level + 1}-{number:04d}"


HPC = Hpc("hpc", tuple(Rate(f"level{count}", count) for count in range(1, len(LEVELS) + 1)))
