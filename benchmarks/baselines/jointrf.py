"""JointRF: a product of two grids, of which later frames code a change of one and all of the other.

Paper: Zheng et al., "JointRF: End-to-End Joint Optimization for Dynamic Neural Radiance Field
Representation and Compression", ICIP 2024, arXiv 2405.14452. Of it we know the abstract and the
architecture figure; no code was found, so none was read and there is no licence to state.

    key frame      f = C (x) B
    other frames   f = C (x) (B^ + R)      B^: basis of the group's key frame as a decoder has it
    loss           squared error + lambda1 * rate(C, B or R) + lambda2 * |R|

Reproduced: the product, the change against the reconstructed key frame, rounding within
the training of all grids together, a learned entropy model, the loss.

Simplified: coefficients lie on a lattice of a quarter of the resolution (the paper states no sizes;
half takes three times the bytes at equal error) and are interpolated to the vertices before the
product, where the paper may multiply at each sample; the shading is deferred; density is a channel
like the others; the entropy model is the mixture of `benchmarks.rd.entropy_model`; steps between
codes train with everything else. Coefficients are coded as their difference from one, so that zeros
change nothing.

Not run: the paper's captures, resolution and 16000 iterations per frame. Grid sizes, both lambdas
and the length of a group are unknown; those here are ours, set on first frames of `performer`
by training views that were left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bake.progress import Progress
from benchmarks.baselines.coded_values import decode_coded, encode_coded
from benchmarks.baselines.joint_fit import STRIDES, JointDecoder, JointFit, joint_scales
from benchmarks.baselines.lattice_levels import build_levels
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
from hwcodec.records import named_values, whole_number
from render.errors import SceneError

# All numbers below are ours.
_CHANGE_WEIGHT = 1e-4  # lambda2, per texel
# Share of the protocol's learning rates: at all of them it learns what only training views show.
_SLOWER = 0.4
# First steps of density, features and coefficients.
_STEPS = (1.0, 0.2, 0.1)

_PROVENANCE = Provenance(
    Origin.REIMPLEMENTED,
    "Zheng et al., JointRF, ICIP 2024, arXiv 2405.14452",
    "product of coefficients and basis, later frames as a change of the decoded key basis with "
    "coefficients of their own, rate and error trained together with rounding",
    "coefficients at a quarter of the resolution are interpolated to the vertices before the "
    "product; deferred shading; factorized mixture of logistic functions as entropy model; grid, "
    "iterations and network are the protocol's; both loss weights are ours, as the paper's are "
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
    version: int = 3

    def fit_name(self, rate: Rate) -> str:
        """One fit per rate, because the rate is in its loss."""
        return f"{self.name}-{rate.label}"

    def fit(self, footage: Footage, rate: Rate, folder: Path, progress: Progress) -> None:
        """Train frame after frame."""
        config = footage.config
        optimize = config.optimize
        rates = _SLOWER * optimize.density_rate, _SLOWER * optimize.feature_rate
        channels = 1 + footage.feature_count
        scales = joint_scales(_STEPS, rates, (channels, self._coefficient_channels(channels)))
        fit = JointFit(scales, (rate.value, _CHANGE_WEIGHT), config.seed)
        fit_sequence(footage, fit, folder, progress)

    def uncoded(self, footage: Footage, folder: Path) -> Iterator[PlayedFrame]:
        """The frames of a fit, whose rounding is part of what was trained."""
        return fitted_frames(footage, folder)

    def encode(self, footage: Footage, rate: Rate, folder: Path, out: Path) -> None:
        """Entropy-code the fit's whole numbers."""
        channels = self._coefficient_channels(1 + footage.feature_count)
        own = {"coefficient_channels": channels}
        blobs = {}
        for number, group in enumerate(footage.groups):
            for kind in ("basis", "coefficients"):
                frames = [fitted_codes(folder, index, kind) for index in group.frames]
                blobs[_blob(kind, number)] = encode_coded(frames)
        body = StreamBody(own, blobs, fitted_network(footage, folder))
        write_stream(out, self.name, footage, body)

    def decode(self, package: Package) -> Iterator[PlayedFrame]:
        """The frames, from the package alone."""
        stream = OpenStream(package, self.name)
        channels = 1 + stream.record.shading.feature_count
        coefficient_channels = _read_own(stream.record.own, channels)
        for number, (_, count) in enumerate(stream.record.groups):
            levels = build_levels(stream.scene(number).mapping, STRIDES)
            decoder = JointDecoder(levels)
            shapes = {
                "basis": (levels.sizes[-1], channels),
                "coefficients": (levels.sizes[0], coefficient_channels),
            }
            parts = [
                decode_coded(package.blob(_blob(kind, number)), count, shape)
                for kind, shape in shapes.items()
            ]
            for coded in zip(*parts, strict=True):
                texels = decoder.frame(dict(zip(shapes, coded, strict=True)))
                yield stream.frame(number, texels)

    def _coefficient_channels(self, channels: int) -> int:
        return 1 if self.is_scalar else channels


def _read_own(own: object, channels: int) -> int:
    """The coefficients' channels."""
    try:
        values = named_values("its own part", own, "coefficient_channels")
        count = whole_number("coefficient_channels", values["coefficient_channels"], 1, channels)
        if count not in {1, channels}:
            raise ValueError(f"coefficient_channels is {count}, expected 1 or {channels}")
    except ValueError as error:
        raise SceneError(
            f"the stream's record is damaged: {error}; encode the package again"
        ) from error
    return count


def _blob(kind: str, number: int) -> str:
    return f"{kind}{number:04d}"


_RATES = tuple(Rate(f"lambda{value:g}", value) for value in (3e-3, 1e-3, 3e-4, 1e-4, 3e-5))

JOINTRF = JointRf("jointrf", _RATES)
SCALAR = JointRf("jointrf-scalar", _RATES, is_scalar=True)
