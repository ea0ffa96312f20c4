"""Values that train together with their rounding, and the whole numbers that are left of them.

values = codes * steps. The rays see codes that are rounded, whose gradient passes as if they were
not; the entropy model prices codes that carry uniform noise instead, so that a price has slopes
everywhere. Source of the pair: Minnen and Singh, "Channel-wise autoregressive entropy models for
learned image compression" (ICIP 2020). Noise for both would mislead: a ray averages it away over
its many samples, so that steps grow far beyond what rounding bears.

A channel's step trains too, as in "Learned step size quantization" (Esser et al., ICLR 2020): a
longer one makes codes cheaper and rounding coarser, and both are in the loss. Steps are sent with
every frame, as octaves by sixteenths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.rd.entropy_model import Codes, FactorizedDensity, decode_frames, encode_frames
from benchmarks.rd.symbols import LARGEST, join_chunks, split_chunks
from render.errors import SceneError

# Adam's, for the entropy model's parameters and for the steps' octaves; both ours.
_DENSITY_RATE, _STEP_RATE = 0.05, 0.03
_OCTAVE = 16
_LOWEST, _HIGHEST = -128, 127


@dataclass(frozen=True, slots=True, eq=False)
class CodeScale:
    """Per channel: the ``steps`` that training begins with, and Adam's ``rates``.

    Both float32 (channels,), in units of the values.
    """

    steps: Tensor
    rates: Tensor

    @classmethod
    def of(
        cls, steps: tuple[float, float], rates: tuple[float, float], channels: int
    ) -> "CodeScale":
        """Density, which comes first, has its own step and rate; all features share theirs."""
        found = (
            torch.tensor([first, *[other] * (channels - 1)]) for first, other in (steps, rates)
        )
        return cls(*found)


@dataclass(frozen=True, slots=True, eq=False)
class SteppedCodes:
    """Whole ``codes`` (rows, channels) and, as int8 (channels,), the octaves of their steps."""

    codes: Codes
    octaves: NDArray[np.int8]

    @property
    def steps(self) -> Tensor:
        """Between values that codes can state, float32 (channels,)."""
        return _steps_of(self.octaves)

    def values(self) -> Tensor:
        """Values (rows, channels); training and decoding both use this, to the bit."""
        return torch.from_numpy(self.codes).float() * self.steps


class CodedValues:
    """Trainable values (rows, channels), of which a ray sees what rounding leaves."""

    def __init__(
        self,
        start: Tensor,
        scale: CodeScale,
        density: FactorizedDensity,
        generator: torch.Generator,
    ) -> None:
        self._rates, self._generator = scale.rates, generator
        self.density = density
        # In units of the rates, so that one rate, 1, serves all channels.
        self._trained = (start / scale.rates).requires_grad_()
        self._log_steps = torch.log2(scale.steps).requires_grad_()
        self._noisy: Tensor | None = None

    def rounded(self) -> Tensor:
        """Values as rounding leaves them, differentiable."""
        noise = torch.rand(self._trained.shape, generator=self._generator).sub_(0.5)
        steps = torch.exp2(self._log_steps)
        scaled = self._trained * (self._rates / steps)
        self._noisy = scaled + noise
        flat = scaled.detach()
        return (scaled + (torch.round(flat) - flat)) * steps

    def bits(self) -> Tensor:
        """Estimated size, in bits, of what `rounded` returned last."""
        if self._noisy is None:
            raise RuntimeError("bits of values that were never asked for; call rounded first")
        return self.density.bits(self._noisy)

    def exact(self) -> Tensor:
        """Values before rounding."""
        return (self._trained * self._rates).detach()

    def coded(self) -> SteppedCodes:
        """What a package holds."""
        stated = (self._log_steps.detach() * _OCTAVE).round().clamp(_LOWEST, _HIGHEST)
        octaves = stated.numpy().astype(np.int8)
        codes = torch.round(self.exact() / _steps_of(octaves)).clamp_(-LARGEST, LARGEST)
        return SteppedCodes(codes.numpy().astype(np.int8), octaves)

    def scale(self) -> CodeScale:
        """The scale with the steps of now, for a frame that goes on from here."""
        return CodeScale(torch.exp2(self._log_steps.detach()), self._rates)

    def parameters(self) -> list[dict[str, Any]]:
        """Groups for Adam.

        Its usual epsilon is as large as the gradients of a rate shared among all texels, and would
        keep values that no ray meets from ever getting cheaper.
        """
        return [
            {"params": [self._trained], "lr": 1.0, "eps": 1e-15},
            {"params": [self._log_steps], "lr": _STEP_RATE, "eps": 1e-15},
            {"params": [self.density.parameters], "lr": _DENSITY_RATE},
        ]


def encode_coded(frames: Sequence[SteppedCodes]) -> bytes:
    """Codes of one kind for the frames of a group, in order, with their steps."""
    octaves = b"".join(frame.octaves.tobytes() for frame in frames)
    return join_chunks([octaves, encode_frames([frame.codes for frame in frames])])


def decode_coded(data: bytes, count: int, shape: tuple[int, int]) -> Iterator[SteppedCodes]:
    """Codes (rows, channels) of each of a group's frames, from what `encode_coded` wrote.

    Raises:
        SceneError: if the data does not hold them.
    """
    octaves, codes = split_chunks(data, 2)
    expected = count * shape[1]
    if len(octaves) != expected:
        raise SceneError(
            f"steps between codes take {len(octaves)} bytes, expected {expected}; the package is "
            "damaged, encode it again"
        )
    rows = np.frombuffer(octaves, np.int8).reshape(count, shape[1])
    for own, found in zip(rows, decode_frames(codes, count, shape), strict=True):
        yield SteppedCodes(found, own)


def _steps_of(octaves: NDArray[np.int8]) -> Tensor:
    return torch.exp2(torch.from_numpy(octaves.astype(np.float32)) / _OCTAVE)
