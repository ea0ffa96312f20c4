"""JointRF's frames: the model that trains, the fit of a sequence, and what a decoder does.

`benchmarks.baselines.jointrf` states the method and what of the paper is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.baselines.coded_values import CodedValues, CodeScale, SteppedCodes
from benchmarks.baselines.lattice_levels import LatticeLevels, build_levels
from benchmarks.baselines.sequence_fit import FittedFrame, FrameTask
from benchmarks.rd.entropy_model import FactorizedDensity
from benchmarks.rd.training import train

STRIDES = (4, 2, 1)
"""The first is that of the coefficients, the last that of the basis."""

# All numbers below are ours.
_COEFFICIENT_RATE = 0.05
# Scales of the densities before training: of a basis, and of a change or coefficients.
_BROAD, _NARROW = 4.0, 0.5
_LEAST_GAIN = 0.2
# Share of a key frame's training over which the weight of the rate grows to all of it: a rate that
# weighs from the start ends channels before the rays have found a use for them.
_RAMP = 0.9


@dataclass(frozen=True, slots=True)
class JointScales:
    """First steps and learning rates of both grids."""

    basis: CodeScale
    coefficients: CodeScale


def joint_scales(
    steps: tuple[float, float, float], rates: tuple[float, float], channels: tuple[int, int]
) -> JointScales:
    """Scales from first steps of density, features and coefficients, and both grids' channels."""
    density, feature, coefficient = steps
    step, rate = (coefficient, coefficient), (_COEFFICIENT_RATE, _COEFFICIENT_RATE)
    return JointScales(
        CodeScale.of((density, feature), rates, channels[0]), CodeScale.of(step, rate, channels[1])
    )


def multiplied(
    levels: LatticeLevels, basis: Tensor, coefficients: Tensor, reference: Tensor | None
) -> Tensor:
    """Texel values from a basis, or from a change and its reference, and coarse coefficients.

    Coefficients are stated as their difference from one.
    """
    whole = basis if reference is None else basis + reference
    return whole * (1 + levels.raised(coefficients, 0))


class JointModel:
    """Texel values of one frame: (reference + basis) * (1 + interpolated coefficients).

    ``basis`` is the change R where there is a ``reference``; ``weights`` are lambda1, for bits per
    texel, and lambda2, for the sum of absolute changes per texel. Lambda1 grows over the first
    ``ramp`` steps.
    """

    def __init__(
        self,
        levels: LatticeLevels,
        grids: tuple[CodedValues, CodedValues],
        reference: Tensor | None,
        weights: tuple[float, float],
        ramp: int = 0,
    ) -> None:
        self._levels, self._reference, self._weights = levels, reference, weights
        self._ramp, self._priced = ramp, 0
        self.basis, self.coefficients = grids
        self._change: Tensor | None = None

    def texels(self, frame_index: int) -> Tensor:
        """Values (texels, channels) as rounding leaves them."""
        del frame_index
        own, coefficients = self.basis.rounded(), self.coefficients.rounded()
        self._change = None if self._reference is None else own
        return multiplied(self._levels, own, coefficients, self._reference)

    def penalty(self, frame_index: int) -> Tensor:
        """Both weighted terms, for what `texels` returned last."""
        del frame_index
        rate_weight, change_weight = self._weights
        self._priced += 1
        rate_weight *= min(self._priced / max(self._ramp, 1), 1)
        loss = rate_weight * (self.basis.bits() + self.coefficients.bits())
        if self._change is not None:
            loss = loss + change_weight * self._change.abs().sum()
        return loss / self._levels.sizes[-1]

    def parameters(self) -> list[dict[str, Any]]:
        """Groups for Adam."""
        return self.basis.parameters() + self.coefficients.parameters()

    def coded(self) -> dict[str, SteppedCodes]:
        """What a package holds."""
        return {"basis": self.basis.coded(), "coefficients": self.coefficients.coded()}

    def scales(self) -> JointScales:
        """Scales with the steps of now."""
        return JointScales(self.basis.scale(), self.coefficients.scale())


class JointDecoder:
    """Frames of a group from their codes, the key frame first: its basis becomes the reference."""

    def __init__(self, levels: LatticeLevels) -> None:
        self.levels = levels
        self.reference: Tensor | None = None

    def frame(self, coded: Mapping[str, SteppedCodes]) -> Tensor:
        """Texel values of the next frame."""
        own, coefficients = coded["basis"].values(), coded["coefficients"].values()
        texels = multiplied(self.levels, own, coefficients, self.reference)
        if self.reference is None:
            self.reference = own
        return texels


@dataclass(frozen=True, slots=True, eq=False)
class _Begin:
    """Where a frame begins: both grids, and the scales and densities of their codes."""

    scales: JointScales
    basis: Tensor
    coefficients: Tensor
    densities: tuple[FactorizedDensity, FactorizedDensity]


class JointFit:
    """Fits frames in order; ``weights`` are lambda1 and lambda2.

    Within a group a frame begins where the one before ended, and what trains is added to the key
    frame's basis as a decoder has it.
    """

    def __init__(self, scales: JointScales, weights: tuple[float, float], seed: int) -> None:
        self._scales, self._weights = scales, weights
        self._generator = torch.Generator().manual_seed(seed)
        self._group: tuple[JointDecoder, _Begin, Tensor] | None = None

    def __call__(self, task: FrameTask) -> FittedFrame:
        """Train one frame."""
        if task.is_key or self._group is None:
            levels = build_levels(task.group.scene.mapping, STRIDES)
            decoder = JointDecoder(levels)
            begin = _fresh(levels, task.start, self._scales)
        else:
            decoder, begin, before = self._group
            begin = _lifted(decoder, begin, task.start, before)
        model = self._model(decoder, begin, int(task.plan.iterations * _RAMP) if task.is_key else 0)
        rays = task.setting.footage.rays(task.group, [task.index])
        error = train(task.setting, model, rays, task.plan)
        following = _following(model, decoder)
        coded = model.coded()
        decoded = decoder.frame(coded)
        self._group = decoder, following, decoded
        return FittedFrame(coded, decoded, error)

    def _model(self, decoder: JointDecoder, begin: _Begin, ramp: int) -> JointModel:
        scales, own, shared = begin.scales, *begin.densities
        basis = CodedValues(begin.basis, scales.basis, own, self._generator)
        coefficients = CodedValues(begin.coefficients, scales.coefficients, shared, self._generator)
        return JointModel(
            decoder.levels, (basis, coefficients), decoder.reference, self._weights, ramp
        )


def _fresh(levels: LatticeLevels, start: Tensor, scales: JointScales) -> _Begin:
    """A key frame's beginning: the start is its basis, and all factors are one."""
    factor_channels = len(scales.coefficients.steps)
    densities = (
        FactorizedDensity.broad(start.shape[1], _BROAD),
        FactorizedDensity.broad(factor_channels, _NARROW),
    )
    return _Begin(scales, start, torch.zeros(levels.sizes[0], factor_channels), densities)


def _following(model: JointModel, decoder: JointDecoder) -> _Begin:
    """Where the frame after this one begins, if it is of the same group."""
    change, density = model.basis.exact(), model.basis.density
    if decoder.reference is None:  # This was the key frame, whose basis is no change.
        change = torch.zeros_like(change)
        density = FactorizedDensity.broad(change.shape[1], _NARROW)
    densities = density, model.coefficients.density
    return _Begin(model.scales(), change, model.coefficients.exact(), densities)


def _lifted(decoder: JointDecoder, begin: _Begin, start: Tensor, before: Tensor) -> _Begin:
    """More of a change where the start is denser than the frame before.

    Where it is emptier, training decides: most of that is never seen, and would cost its codes.
    """
    assert decoder.reference is not None
    gain = 1 + decoder.levels.raised(begin.coefficients, 0)[:, 0]
    wanted = start[:, 0] / gain.clamp_min(_LEAST_GAIN) - decoder.reference[:, 0]
    change = begin.basis.clone()
    change[:, 0] = torch.where(start[:, 0] > before[:, 0], wanted, change[:, 0])
    return replace(begin, basis=change)
