"""Values that train while their rounding is simulated, and the whole numbers that are left of them.

values = codes * steps. In training a code carries uniform noise in place of rounding, which keeps
its gradient; the noisy code is what the rays see and what the entropy model prices.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.rd.entropy_model import Codes, FactorizedDensity
from benchmarks.rd.symbols import LARGEST

_DENSITY_RATE = 0.05  # Adam's, for the entropy model's parameters; ours.


@dataclass(frozen=True, slots=True, eq=False)
class CodeScale:
    """Per channel: the ``steps`` between values that codes can state, and Adam's ``rates``.

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


class CodedValues:
    """Trainable values (rows, channels), simulated as they will be after rounding."""

    def __init__(
        self,
        start: Tensor,
        scale: CodeScale,
        density: FactorizedDensity,
        generator: torch.Generator,
    ) -> None:
        self._scale, self._generator = scale, generator
        self.density = density
        # In units of the rates, so that one rate, 1, serves all channels.
        self._trained = (start / scale.rates).requires_grad_()
        # At full size, because products with a short row take torch several times as long.
        self._codes_per_unit = (scale.rates / scale.steps).expand_as(start).contiguous()
        self._steps = scale.steps.expand_as(start).contiguous()
        self._noisy: Tensor | None = None

    def noisy(self) -> Tensor:
        """Values as rounding might leave them, differentiable."""
        noise = torch.rand(self._trained.shape, generator=self._generator).sub_(0.5)
        self._noisy = torch.addcmul(noise, self._trained, self._codes_per_unit)
        return self._noisy * self._steps

    def bits(self) -> Tensor:
        """Estimated size, in bits, of what `noisy` returned last."""
        if self._noisy is None:
            raise RuntimeError("bits of values that were never asked for; call noisy first")
        return self.density.bits(self._noisy)

    def exact(self) -> Tensor:
        """Values before rounding."""
        return (self._trained * self._scale.rates).detach()

    def codes(self) -> Codes:
        """What a package holds, (rows, channels)."""
        codes = torch.round(self.exact() / self._scale.steps).clamp_(-LARGEST, LARGEST)
        return codes.numpy().astype(np.int8)

    def parameters(self) -> list[dict[str, Any]]:
        """Groups for Adam.

        Its usual epsilon is as large as the gradients of a rate shared among all texels, and would
        keep values that no ray meets from ever getting cheaper.
        """
        own = {"params": [self._trained], "lr": 1.0, "eps": 1e-15, "fused": True}
        return [own, {"params": [self.density.parameters], "lr": _DENSITY_RATE}]


def dequantize(codes: Codes, scale: CodeScale) -> Tensor:
    """Values (rows, channels) of codes; training and decoding both use this, to the bit."""
    return torch.from_numpy(codes).float() * scale.steps
