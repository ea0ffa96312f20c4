"""JointRF: a product of two grids, of which later frames code a change of one and all of the other.

Paper: Zheng et al., "JointRF: End-to-End Joint Optimization for Dynamic Neural Radiance Field
Representation and Compression", ICIP 2024, arXiv 2405.14452. Of it we know the abstract and the
architecture figure; no code was found, so none was read and there is no licence to state.

    key frame      f = C (x) B
    other frames   f = C (x) (B^ + R)      B^: basis of the group's key frame as a decoder has it
    loss           squared error + lambda1 * rate(C, B or R) + lambda2 * |R|

Reproduced: the product, the change against the reconstructed key frame, rounding simulated by noise
in all grids while everything trains together, a learned entropy model, the loss.

Simplified: coefficients lie on a lattice of half the resolution (the recipe's choice, as the paper
states no sizes) and are interpolated to the vertices before the product, where the paper may
multiply at each sample; the shading is deferred; density is a channel like the others; the entropy
model is the mixture of `benchmarks.rd.entropy_model`; steps between codes follow lambda1 by a rule
of ours. Coefficients are coded as their difference from one, so that zeros change nothing.

Not run: the paper's captures, resolution and 16000 iterations per frame. Grid sizes, both lambdas
and the length of a group are unknown; those here are ours, tuned on a small built-in capture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bake.progress import Progress
from benchmarks.baselines.joint_fit import STRIDES, JointDecoder, JointFit, joint_scales
from benchmarks.baselines.lattice_levels import build_levels
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

# All numbers below are ours.
_CHANGE_WEIGHT = 1e-4  # lambda2, per texel
_USUAL_WEIGHT, _USUAL_STEP, _STEP_POWER = 1e-4, 0.5, 0.25
_DENSITY_STEPS = 5.0  # A step of density in steps of a feature.
_SMALLEST_STEP, _LARGEST_STEP = 1e-6, 1e3

_PROVENANCE = Provenance(
    Origin.REIMPLEMENTED,
    "Zheng et al., JointRF, ICIP 2024, arXiv 2405.14452",
    "product of coefficients and basis, later frames as a change of the decoded key basis with "
    "coefficients of their own, rate and error trained together under simulated rounding",
    "coefficients at half resolution are interpolated to the vertices before the product; deferred "
    "shading; factorized mixture of logistic functions as entropy model; grid, iterations and "
    "network are the protocol's; both loss weights and all steps are ours, as the paper's are "
    "unknown",
    "the paper's captures, its resolution and its 16000 iterations per frame",
)


@dataclass(frozen=True, slots=True)
class JointRf:
    """JointRF at several values of lambda1, each a fit of its own.

    ``coefficient_channels`` are as many as the values have, or one that all of them share.
    """

    name: str
    rates: tuple[Rate, ...]
    is_scalar: bool = False
    provenance: Provenance = _PROVENANCE
    version: int = 1

    def fit_name(self, rate: Rate) -> str:
        """One fit per rate, because the rate is in its loss."""
        return f"{self.name}-{rate.label}"

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Train frame after frame."""
        config = footage.config
        rates = (config.optimize.density_rate, config.optimize.feature_rate)
        channels = 1 + footage.feature_count
        scales = joint_scales(_steps(rate), rates, (channels, self._coefficient_channels(channels)))
        fit = JointFit(scales, (rate.value, _CHANGE_WEIGHT), config.seed)
        fit_sequence(footage, fit, folder, progress)

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[PlayedFrame]:
        """The frames before rounding; all but key frames build on a rounded key frame."""
        return exact_frames(footage, folder)

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Entropy-code the fit's whole numbers."""
        channels = self._coefficient_channels(1 + footage.feature_count)
        own = {"steps": list(_steps(rate)), "coefficient_channels": channels}
        blobs = {}
        for number, group in enumerate(footage.groups):
            for kind in ("basis", "coefficients"):
                frames = [fitted_codes(folder, index, kind) for index in group.frames]
                blobs[_blob(kind, number)] = encode_frames(frames)
        body = StreamBody(own, blobs, fitted_network(footage, folder))
        write_stream(out, self.name, footage, body)

    def decode(self, package: Package) -> Iterator[PlayedFrame]:
        """The frames, from the package alone."""
        stream = OpenStream(package, self.name)
        channels = 1 + stream.record.shading.feature_count
        steps, coefficient_channels = _read_own(stream.record.own, channels)
        scales = joint_scales(steps, (1.0, 1.0), (channels, coefficient_channels))
        for number, (_, count) in enumerate(stream.record.groups):
            levels = build_levels(stream.scene(number).mapping, STRIDES)
            decoder = JointDecoder(levels, scales)
            shapes = {
                "basis": (levels.sizes[1], channels),
                "coefficients": (levels.sizes[0], coefficient_channels),
            }
            parts = [
                decode_frames(package.blob(_blob(kind, number)), count, shape)
                for kind, shape in shapes.items()
            ]
            for codes in zip(*parts, strict=True):
                texels = decoder.frame(dict(zip(shapes, codes, strict=True)))
                yield stream.frame(number, texels)

    def _coefficient_channels(self, channels: int) -> int:
        return 1 if self.is_scalar else channels


def _steps(rate: Rate) -> tuple[float, float, float]:
    """Steps of density, features and coefficients.

    What rounding may add to the error grows with lambda1, as what a bit may cost does.
    """
    step = _USUAL_STEP * (rate.value / _USUAL_WEIGHT) ** _STEP_POWER
    return step * _DENSITY_STEPS, step, step


def _read_own(own: object, channels: int) -> tuple[tuple[float, float, float], int]:
    """Steps, and the coefficients' channels."""
    try:
        values = named_values("its own part", own, "steps coefficient_channels")
        found = [
            finite_number("a step", step, _SMALLEST_STEP, _LARGEST_STEP)
            for step in several("steps", values["steps"], 3)
        ]
        count = whole_number("coefficient_channels", values["coefficient_channels"], 1, channels)
        if count not in {1, channels}:
            raise ValueError(f"coefficient_channels is {count}, expected 1 or {channels}")
    except ValueError as error:
        raise SceneError(
            f"the stream's record is damaged: {error}; encode the package again"
        ) from error
    return (found[0], found[1], found[2]), count


def _blob(kind: str, number: int) -> str:
    return f"{kind}{number:04d}"


_RATES = tuple(Rate(f"lambda{value:g}", value) for value in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5))

JOINTRF = JointRf("jointrf", _RATES)
SCALAR = JointRf("jointrf-scalar", _RATES, is_scalar=True)
