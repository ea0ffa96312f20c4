"""HPC: a pyramid of residual grids, whose coarse levels alone are a stream of lower rate.

Paper: Zheng et al., "HPC: Hierarchical Progressive Coding Framework for Volumetric Video", ACM MM
2024, arXiv 2407.09026. Of it we know the abstract, a figure, and what a later paper says; no code
was found, so none was read and there is no licence to state.

    values of prefix l at frame t = sum over levels k <= l of interpolated
                                    (decoded level k at frame t - 1 + residual k)

Reproduced: nested grids, the key frame a full pyramid and later frames a residual one, levels that
are added one after another in training, a loss over all prefixes, rounding within the training, a
learned entropy model and a rate weight per level. One fit and one stream serve all rates: a rate is
how many levels are sent.

Simplified: levels are summed after trilinear interpolation, without the projections of the recipe,
whose rule of composition is itself recalled; each step trains one prefix, drawn at random with the
loss's weights, instead of all; stages are the key frame's alone, as later frames start from a
pyramid that is there; the shading is deferred and shared by all prefixes; density is a channel like
the others. A level is predicted from its own past only, so that no prefix drifts.

Not run: the paper's captures, resolution and training time. Resolutions and weights are unknown;
those here are ours, set on first frames of `performer` by training views that were left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bake.progress import Progress
from benchmarks.baselines.coded_values import decode_coded, encode_coded
from benchmarks.baselines.lattice_levels import build_levels
from benchmarks.baselines.pyramid_fit import LEVELS, PyramidDecoder, PyramidFit
from benchmarks.baselines.sequence_fit import (
    fit_sequence,
    fitted_codes,
    fitted_frames,
    fitted_network,
)
from benchmarks.rd.footage import Footage
from benchmarks.rd.method import PlayedFrame, Provenance, Rate
from benchmarks.rd.stream_record import OpenStream, StreamBody, write_stream
from benchmarks.results import Origin
from hwcodec import Package
from hwcodec.records import named_values, several, whole_number
from render.errors import SceneError

_LARGEST_STRIDE, _MOST_LEVELS = 64, 8

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
    """Strides of all levels, and how many of them are there."""

    strides: tuple[int, ...]
    sent: int

    def to_json(self) -> dict[str, Any]:
        return {"strides": list(self.strides), "sent": self.sent}

    @classmethod
    def from_json(cls, own: object) -> "_Pyramid":
        try:
            values = named_values("its own part", own, "strides sent")
            strides = several("strides", values["strides"], least=1)
            if len(strides) > _MOST_LEVELS:
                raise ValueError(f"it has {len(strides)} strides, expected {_MOST_LEVELS} or fewer")
            return cls(
                tuple(whole_number("a stride", one, 1, _LARGEST_STRIDE) for one in strides),
                whole_number("sent", values["sent"], 1, len(strides)),
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
    version: int = 3

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
        """The frames of the whole pyramid, whose rounding is part of what was trained."""
        return fitted_frames(footage, folder)

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Entropy-code the whole numbers of the first few levels."""
        pyramid = _Pyramid(tuple(level.stride for level in LEVELS), int(rate.value))
        blobs = {}
        for number, group in enumerate(footage.groups):
            for level in range(pyramid.sent):
                name = f"level{level}"
                frames = [fitted_codes(folder, index, name) for index in group.frames]
                blobs[_blob(level, number)] = encode_coded(frames)
        body = StreamBody(pyramid.to_json(), blobs, fitted_network(footage, folder))
        write_stream(out, self.name, footage, body)

    def decode(self, package: Package) -> Iterator[PlayedFrame]:
        """The frames of the levels that are there, from the package alone."""
        stream = OpenStream(package, self.name)
        pyramid = _Pyramid.from_json(stream.record.own)
        channels = 1 + stream.record.shading.feature_count
        for number, (_, count) in enumerate(stream.record.groups):
            levels = build_levels(stream.scene(number).mapping, pyramid.strides)
            decoder = PyramidDecoder(levels, pyramid.sent, channels)
            parts = [
                decode_coded(package.blob(_blob(level, number)), count, (size, channels))
                for level, size in enumerate(levels.sizes[: pyramid.sent])
            ]
            for coded in zip(*parts, strict=True):
                yield stream.frame(number, decoder.frame(coded))


def _blob(level: int, number: int) -> str:
    return f"level{level + 1}-{number:04d}"


HPC = Hpc("hpc", tuple(Rate(f"level{count}", count) for count in range(1, len(LEVELS) + 1)))
