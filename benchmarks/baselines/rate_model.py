"""Quantization parameters and a tiny entropy network for every rate of one model, as in VRVVC.

    multiplier lambda_i  ->  position i / (n - 1)  ->  steps a_i per kind of value   (learnable)
                                                   ->  mean and scale per channel    (tiny network)

A value y is coded as the whole number s = round(y * a_i). The network says how s is distributed:
by a Laplace distribution, integrated over a unit interval. Between two multipliers both the steps'
logarithms and the network's input are interpolated, so that one model has any rate in between.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.baselines.planes import PLANE_COUNT
from benchmarks.rd.symbols import LARGEST, FrequencyTable

KIND_COUNT = 1 + PLANE_COUNT
"""Kinds of values with steps of their own: density, and each plane."""

STAGE_COUNT = 2
"""Key frames, and changes against the frame before."""

MEAN_UNIT = 1 / 16
_WIDTH = 32
# Stored parameters: powers of two by sixteenths.
_OCTAVE = 16
_LOWEST, _HIGHEST = -128, 127
_SCALE_LIMITS = (-5.0, 7.0)  # Octaves; narrower distributions cost nothing less.
_MEAN_LIMIT = 7.9
# A share of the table is spread evenly, so that every symbol stays possible.
_EVEN_SHARE = 1e-6

Codes = NDArray[np.int8]


class RateModel(torch.nn.Module):
    """What depends on the rate: steps, means and scales of key frames and of changes.

    The multipliers go from the smallest size to the largest. Source: VRVVC (AAAI 2025), where the
    steps are the learnable quantization parameters; widths and the Laplace distribution are ours.
    """

    def __init__(self, multipliers: Sequence[float], channels: int, first: "FirstSteps") -> None:
        super().__init__()
        self.multipliers, self._channels = tuple(multipliers), channels
        self.log_steps = torch.nn.Parameter(first.log_steps(len(self.multipliers)))
        """Octaves (multipliers, stages, kinds): the steps are powers of two."""
        rows = STAGE_COUNT * self.row_count
        self.network = torch.nn.Sequential(
            torch.nn.Linear(2 + rows, _WIDTH),
            torch.nn.ReLU(),
            torch.nn.Linear(_WIDTH, _WIDTH),
            torch.nn.ReLU(),
            torch.nn.Linear(_WIDTH, 2),
        )

    @property
    def row_count(self) -> int:
        """Channels of a frame: density, and those of the planes."""
        return 1 + PLANE_COUNT * self._channels

    def position(self, multiplier: float) -> float:
        """Where a multiplier lies, in 0..1 from the smallest size to the largest.

        Raises:
            ValueError: if it is outside the trained ones.
        """
        return position_of(multiplier, self.multipliers)

    def steps(self, position: float, stage: int) -> Tensor:
        """Steps (kinds,) at a position, differentiable."""
        low, part = anchors(position, len(self.multipliers))
        values = self.log_steps[:, stage]
        high = min(low + 1, len(self.multipliers) - 1)
        return torch.exp2(values[low] * (1 - part) + values[high] * part)

    def distributions(self, position: float, stage: int) -> tuple[Tensor, Tensor]:
        """Means (channels,) of the values and scales (channels,) of the symbols.

        Changes have no mean: what does not change must cost the least.
        """
        count = self.row_count
        which = torch.eye(STAGE_COUNT * count)[stage * count : (stage + 1) * count]
        rate = torch.tensor([position, position**2]).expand(count, 2)
        found = self.network(torch.cat([rate, which], 1))
        scales = torch.exp2(found[:, 1].clamp(*_SCALE_LIMITS))
        if stage:
            return torch.zeros(count), scales
        return found[:, 0].clamp(-_MEAN_LIMIT, _MEAN_LIMIT), scales

    @torch.no_grad()
    def stored(self, position: float, stage: int) -> "StoredRates":
        """The parameters as a package stores them."""
        means, scales = self.distributions(position, stage)
        octaves = [_to_octaves(values) for values in (self.steps(position, stage), scales)]
        return StoredRates(octaves[0], _codes(means / MEAN_UNIT), octaves[1])


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Where training starts: steps at the smallest and at the largest size, per unit of value."""

    density: tuple[float, float] = (0.25, 2.0)
    planes: tuple[float, float] = (1.0, 8.0)

    def at(self, position: float) -> "FirstSteps":
        """The same for one rate, at a position in 0..1 from the smallest size to the largest."""
        ends = [low ** (1 - position) * high**position for low, high in (self.density, self.planes)]
        return FirstSteps((ends[0], ends[0]), (ends[1], ends[1]))

    def log_steps(self, count: int) -> Tensor:
        """Octaves (multipliers, stages, kinds)."""
        ends = [self.density, *[self.planes] * PLANE_COUNT]
        ladder = [torch.linspace(math.log2(low), math.log2(high), count) for low, high in ends]
        both = torch.stack(ladder, 1)
        return both[:, None].repeat(1, STAGE_COUNT, 1)


@dataclass(frozen=True, slots=True, eq=False)
class StoredRates:
    """Parameters of one frame at one rate as int8: steps (kinds,), means and scales (channels,)."""

    step_codes: Codes
    mean_codes: Codes
    scale_codes: Codes

    @property
    def steps(self) -> NDArray[np.float32]:
        """Steps per unit of value."""
        return _from_octaves(self.step_codes)

    def tables(self) -> list[FrequencyTable]:
        """The coder's table of every channel."""
        channels = (len(self.scale_codes) - 1) // PLANE_COUNT
        steps = np.repeat(self.steps, [1, *[channels] * PLANE_COUNT])
        means = self.mean_codes * MEAN_UNIT * steps
        scales = _from_octaves(self.scale_codes)
        return [laplace_table(*pair) for pair in zip(means, scales, strict=True)]

    def to_bytes(self, stage: int) -> bytes:
        """The codes; changes have no means."""
        means = self.mean_codes if stage == 0 else self.mean_codes[:0]
        return b"".join(part.tobytes() for part in (self.step_codes, means, self.scale_codes))

    @classmethod
    def from_bytes(cls, data: bytes, stage: int, channels: int) -> "StoredRates":
        """The parameters back; ``data`` has the length that `stored_size` states."""
        rows = 1 + PLANE_COUNT * channels
        values = np.frombuffer(data, np.int8)
        means = values[KIND_COUNT:-rows] if stage == 0 else np.zeros(rows, np.int8)
        return cls(values[:KIND_COUNT], means, values[-rows:])


def stored_size(stage: int, channels: int) -> int:
    """Bytes of the parameters of a frame."""
    rows = 1 + PLANE_COUNT * channels
    return KIND_COUNT + rows * (2 if stage == 0 else 1)


def interpolated(stored: Sequence[StoredRates], position: float) -> StoredRates:
    """Parameters between those of the trained rates; all but the means are logarithms."""
    low, part = anchors(position, len(stored))
    first, second = stored[low], stored[min(low + 1, len(stored) - 1)]

    def between(a: Codes, b: Codes) -> Codes:
        return np.rint(a * (1 - part) + b * part).astype(np.int8)

    return StoredRates(
        between(first.step_codes, second.step_codes),
        between(first.mean_codes, second.mean_codes),
        between(first.scale_codes, second.scale_codes),
    )


def position_of(multiplier: float, multipliers: Sequence[float]) -> float:
    """Where a multiplier lies among falling ones, in 0..1, linear in logarithms between two.

    Raises:
        ValueError: if it is outside of them.
    """
    if len(multipliers) == 1:
        if not math.isclose(multiplier, multipliers[0]):
            raise ValueError(f"multiplier is {multiplier}, expected {multipliers[0]}")
        return 0.0
    logs = -np.log(multipliers)
    wanted = -math.log(multiplier)
    if not logs[0] - 1e-9 <= wanted <= logs[-1] + 1e-9:
        raise ValueError(
            f"multiplier is {multiplier}, expected {multipliers[-1]} to {multipliers[0]}, between "
            "which the model was trained"
        )
    return float(np.interp(wanted, logs, np.linspace(0, 1, len(logs))))


def anchors(position: float, count: int) -> tuple[int, float]:
    """The trained rate at or below a position, and how far it is to the next one."""
    place = position * (count - 1)
    low = min(int(place), max(count - 2, 0))
    return low, place - low


def laplace_bits(symbols: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """Bits (rows, channels) of symbols, noisy or whole, for means and scales (channels,).

    -log2 of a Laplace distribution over the unit interval around each; no difference of two nearly
    equal numbers is taken, so that far symbols keep their slope.
    """
    distance = (symbols - means).abs()
    far = torch.log1p(-torch.exp(-1 / scales)) - (distance - 0.5) / scales - math.log(2)
    inner = (0.5 - distance).clamp_min(0)
    tails = torch.exp(-inner / scales) + torch.exp(-(1 - inner) / scales)
    near = torch.log1p(-0.5 * tails.clamp_max(2 - 1e-6))
    return torch.where(distance < 0.5, near, far) * (-1 / math.log(2))


def laplace_table(mean: float, scale: float) -> FrequencyTable:
    """The coder's table of a Laplace distribution of symbols."""
    symbols = torch.arange(-LARGEST, LARGEST + 1, dtype=torch.float64)[:, None]
    means, scales = (torch.tensor([float(value)], dtype=torch.float64) for value in (mean, scale))
    shares = torch.exp2(-laplace_bits(symbols, means, scales))[:, 0].numpy()
    escapes = max(1 - shares.sum(), 0)
    weights = np.append(shares, escapes)
    return FrequencyTable.from_weights(weights + _EVEN_SHARE * weights.sum())


def _to_octaves(values: Tensor) -> Codes:
    return _codes(torch.log2(values) * _OCTAVE)


def _from_octaves(codes: Codes) -> NDArray[np.float32]:
    return np.exp2(codes.astype(np.float32) / _OCTAVE)


def _codes(values: Tensor) -> Codes:
    codes: Codes = values.round().clamp(_LOWEST, _HIGHEST).numpy().astype(np.int8)
    return codes
