"""A learned, factorized density of codes: their rate as a loss, and then the tables of the coder.

Source: the factorized prior of Ballé et al., "Variational image compression with a scale
hyperprior" (ICLR 2018), appendix 6.1: channels are independent, rounding is simulated by uniform
noise, and the likelihood of a noisy code is the difference of a distribution function at both ends
of a unit interval. That paper's distribution function is a small monotone network; here it is a
mixture of logistic functions, whose few numbers a package can hold for every group.

A code costs what its channel's density says, whatever stands around it. The loss reads the cost
from a table of the density at fixed nodes, linear in between: one look-up per value instead of six
exponentials, and gradients reach the values and, through the table, the density.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.rd.symbols import (
    LARGEST,
    FrequencyTable,
    decode_symbols,
    encode_symbols,
    join_chunks,
    split_chunks,
)
from render.compiled import kernel, single_torch_thread
from render.errors import SceneError

COMPONENTS = 3
"""Logistic functions per channel: one for the codes of nothing, two for the rest."""

Codes = NDArray[np.int8]
FloatArray = NDArray[np.float32]

_PARAMETERS = 3 * COMPONENTS  # Per channel: logits, centers and log scales.
_PER_CODE = 4  # Nodes of the look-up table for each unit.
_NODES = _PER_CODE * 2 * LARGEST + 1
# A wide logistic function of small weight keeps every code possible and the slope towards the
# others finite. Both numbers are ours.
_WIDE_SHARE, _WIDE_SCALE = 2.0**-12, 24.0
_SMALLEST_SCALE, _LARGEST_SCALE = 0.03, 100.0
_FIT_STEPS, _FIT_RATE = 80, 0.2
_SLABS = 16


class FactorizedDensity:
    """Densities of some channels' codes; ``parameters`` (channels, 9) float32 can be trained."""

    def __init__(self, parameters: Tensor) -> None:
        self.parameters = parameters.detach().clone().requires_grad_()

    @classmethod
    def broad(cls, channels: int, scale: float = 2.0) -> Self:
        """A start that expects codes around zero: components of that scale, half and double it."""
        parameters = torch.zeros(channels, 3, COMPONENTS)
        octaves = torch.arange(COMPONENTS) - (COMPONENTS - 1) / 2
        parameters[:, 2] = torch.log(scale * 2**octaves)
        return cls(parameters.view(channels, _PARAMETERS))

    @classmethod
    def fitted(cls, histogram: NDArray[np.integer]) -> Self:
        """The density of largest likelihood for counts (channels, -LARGEST..LARGEST) of codes.

        A local optimum, found by a fixed number of steps; the same counts give the same density.
        """
        counts = torch.from_numpy(histogram.astype(np.float64))
        shares = counts / counts.sum(1, keepdim=True).clamp_min(1)
        density = cls(_quantiles(shares))
        optimizer = torch.optim.Adam([density.parameters], lr=_FIT_RATE)
        with single_torch_thread():
            for step in range(_FIT_STEPS):
                optimizer.param_groups[0]["lr"] = _FIT_RATE * 0.1 ** (step / _FIT_STEPS)
                optimizer.zero_grad()
                (shares * code_costs(density.parameters)).sum().backward()
                optimizer.step()
        return density

    @property
    def channel_count(self) -> int:
        """Channels that it is for."""
        return len(self.parameters)

    def bits(self, noisy: Tensor) -> Tensor:
        """Estimated size of noisy codes (rows, channels) in bits; differentiable in everything.

        Codes beyond ``LARGEST`` cost what the largest do.
        """
        costs = _costs(self.parameters, _node_positions())
        found: Tensor = _LookUp.apply(noisy, costs)  # type: ignore[no-untyped-call]
        return found

    def to_bytes(self) -> bytes:
        """The parameters as float16, which is what a coder's tables must be made from."""
        return self.parameters.detach().numpy().astype("<f2").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, channels: int) -> Self:
        """The density back from `to_bytes`.

        Raises:
            SceneError: if the data is not that of so many channels, or holds no finite numbers.
        """
        expected = 2 * _PARAMETERS * channels
        if len(data) != expected:
            raise _damaged(f"takes {len(data)} bytes, expected {expected}")
        parameters = np.frombuffer(data, "<f2").astype(np.float32)
        if not np.isfinite(parameters).all():
            raise _damaged("is not finite")
        return cls(torch.from_numpy(parameters.reshape(channels, _PARAMETERS)))

    def tables(self, lowest: Codes, highest: Codes) -> list[FrequencyTable]:
        """Tables for the coder, one per channel, which expect nothing outside lowest..highest."""
        with torch.no_grad():
            weights = torch.exp2(-code_costs(self.parameters)).numpy()
        codes = np.arange(-LARGEST, LARGEST + 1)
        inside = (codes >= lowest[:, None]) & (codes <= highest[:, None])
        # The last entry is for escapes, which bounded codes never need.
        padded = np.pad(np.where(inside, weights, 0), ((0, 0), (0, 1)))
        return [FrequencyTable.from_weights(channel) for channel in padded]


def encode_frames(frames: Sequence[Codes]) -> bytes:
    """Codes (rows, channels) of one kind for the frames of a group, in order, as bytes.

    The first frame has a density of its own, all others share one, as they hold changes.
    """
    kinds = [frames[:1], frames[1:]] if frames[1:] else [frames]
    heads, bodies = [], []
    for kind in kinds:
        head = _head(kind)
        tables = _tables(head, kind[0].shape[1])
        heads.append(head)
        bodies += [encode_symbols(list(zip(codes.T, tables, strict=True))) for codes in kind]
    return join_chunks([*heads, *bodies])


def decode_frames(data: bytes, count: int, shape: tuple[int, int]) -> Iterator[Codes]:
    """The codes (rows, channels) of each of a group's frames, from what `encode_frames` wrote.

    Raises:
        SceneError: if the data does not hold them.
    """
    rows, channels = shape
    kinds = 1 if count == 1 else 2
    chunks = split_chunks(data, kinds + count)
    tables = [_tables(head, channels) for head in chunks[:kinds]]
    for number, chunk in enumerate(chunks[kinds:]):
        parts = [(rows, table) for table in tables[min(number, kinds - 1)]]
        codes = np.stack(decode_symbols(chunk, parts), 1)
        if codes.min(initial=0) < -LARGEST or codes.max(initial=0) > LARGEST:
            raise _damaged("codes are out of range")
        yield codes.astype(np.int8)


def code_costs(parameters: Tensor) -> Tensor:
    """Bits (channels, -LARGEST..LARGEST) of every code, for parameters (channels, 9)."""
    return _costs(parameters, torch.arange(-LARGEST, LARGEST + 1, dtype=torch.float64))


def histogram(frames: Sequence[Codes]) -> NDArray[np.int64]:
    """Counts (channels, -LARGEST..LARGEST) of codes (rows, channels)."""
    size = 2 * LARGEST + 1
    total = np.zeros((frames[0].shape[1], size), np.int64)
    for codes in frames:
        for channel, column in enumerate(codes.T):
            total[channel] += np.bincount(column.astype(np.int64) + LARGEST, minlength=size)
    return total


class _LookUp(torch.autograd.Function):
    """Sum of a table's values (channels, nodes), at values (rows, channels), linear in between."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, table: Tensor) -> Tensor:  # noqa: ANN401
        total, slopes, weights = look_up(values.detach().numpy(), table.detach().numpy())
        ctx.save_for_backward(torch.from_numpy(slopes), torch.from_numpy(weights).float())
        return torch.tensor(total, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        slopes, weights = ctx.saved_tensors
        return slopes * gradients[0], weights * gradients[0]


def look_up(values: FloatArray, table: FloatArray) -> tuple[float, FloatArray, NDArray[np.float64]]:
    """Sum of a table's values, and its derivatives by the values and by the table.

    ``values`` are (rows, channels); the ``table`` (channels, nodes) is linear between its nodes.
    """
    slopes = np.empty(values.shape, np.float32)
    weights = np.zeros((_SLABS, *table.shape))
    totals = np.zeros(_SLABS)
    _look_up(np.ascontiguousarray(values), np.ascontiguousarray(table), slopes, weights, totals)
    return float(totals.sum()), slopes, weights.sum(0)


@kernel
def _look_up(
    values: FloatArray,
    table: FloatArray,
    slopes: FloatArray,
    weights: NDArray[np.float64],
    totals: NDArray[np.float64],
) -> None:
    """Slabs of rows have sums of their own, so that no result depends on the thread count."""
    rows, channels = values.shape
    last = np.float32(table.shape[1] - 1.001)
    slabs = len(totals)
    for slab in numba.prange(slabs):
        total = 0.0
        for row in range(rows * slab // slabs, rows * (slab + 1) // slabs):
            for c in range(channels):
                place = (values[row, c] + np.float32(LARGEST)) * np.float32(_PER_CODE)
                place = min(max(place, np.float32(0)), last)
                node = int(place)
                part = place - np.float32(node)
                rise = table[c, node + 1] - table[c, node]
                slopes[row, c] = rise * np.float32(_PER_CODE)
                total += table[c, node] + part * rise
                weights[slab, c, node] += np.float32(1) - part
                weights[slab, c, node + 1] += part
        totals[slab] = total


def _costs(parameters: Tensor, positions: Tensor) -> Tensor:
    """Bits (channels, positions) of a unit interval around each position, in their precision."""
    logits, centers, scales = parameters.to(positions.dtype).view(-1, 3, COMPONENTS, 1).unbind(1)
    scales = scales.exp().clamp(_SMALLEST_SCALE, _LARGEST_SCALE)
    shares = torch.softmax(logits, 1) * (1 - _WIDE_SHARE)
    likelihood = (shares * _interval((positions - centers) / scales, 0.5 / scales)).sum(1)
    wide = _interval(positions / _WIDE_SCALE, positions.new_tensor(0.5 / _WIDE_SCALE))
    return -torch.log2(likelihood + _WIDE_SHARE * wide)


def _interval(middle: Tensor, half: Tensor) -> Tensor:
    """Logistic probability of an interval, taken on the side where nothing cancels."""
    near = -middle.abs()
    return torch.sigmoid(near + half) - torch.sigmoid(near - half)


def _node_positions() -> Tensor:
    return torch.linspace(-LARGEST, LARGEST, _NODES)


def _quantiles(shares: Tensor) -> Tensor:
    """Components at quantiles of the shares (channels, codes), as wide as those are apart."""
    reached = shares.cumsum(1)
    wanted = (torch.arange(COMPONENTS) + 0.5) / COMPONENTS
    centers = torch.searchsorted(reached, wanted.double().expand(len(shares), -1).contiguous())
    places = (centers - LARGEST).float().clamp(-LARGEST, LARGEST)
    spread = (places[:, -1:] - places[:, :1]) / 4
    # Where all quantiles agree, scales still differ, so that the components part.
    octaves = 2.0 ** (torch.arange(COMPONENTS) - 1)
    scales = torch.log((spread + 0.25) * octaves)
    return torch.stack([torch.zeros_like(places), places, scales], 1).view(len(shares), -1)


def _head(frames: Sequence[Codes]) -> bytes:
    """A density that suits the codes, and the least and greatest code of each channel."""
    lowest = np.min([codes.min(0) for codes in frames], 0)
    highest = np.max([codes.max(0) for codes in frames], 0)
    density = FactorizedDensity.fitted(histogram(frames))
    return b"".join((lowest.tobytes(), highest.tobytes(), density.to_bytes()))


def _tables(head: bytes, channels: int) -> list[FrequencyTable]:
    density = FactorizedDensity.from_bytes(head[2 * channels :], channels)
    bounds = np.frombuffer(head, np.int8, 2 * channels)
    lowest, highest = bounds[:channels], bounds[channels:]
    if (lowest > highest).any() or (lowest < -LARGEST).any():
        raise _damaged("has no room between its least and its greatest code")
    return density.tables(lowest, highest)


def _damaged(reason: str) -> SceneError:
    return SceneError(f"density of codes {reason}; the package is damaged, encode it again")
