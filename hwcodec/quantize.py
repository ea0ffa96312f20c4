"""Floats to integer codes and back, one affine range per channel.

    value  --quantize-->  code in [lowest_code, highest_code]  --dequantize-->  value

Baking trains through ``simulate`` and the player sees ``dequantize``; both use one formula.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from hwcodec.errors import ContainerError, UnsupportedConfig
from hwcodec.records import finite_number, several, whole_number


@dataclass(frozen=True, slots=True)
class CodeRange:
    """The codes a profile uses, both ends included."""

    bit_depth: int
    lowest_code: int
    highest_code: int


PROFILES: Mapping[str, CodeRange] = {
    "web8": CodeRange(8, 16, 235),
    "full8": CodeRange(8, 0, 255),
    "hq10": CodeRange(10, 0, 1023),
    "raw16": CodeRange(16, 0, 65535),
}
"""Named code ranges. ``web8`` stays within 16 to 235, so that a browser path that mistakes full
range for limited still maps every code to a different value."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """Affine map between channel values and codes.

    ``minimum`` and ``maximum`` are float32 tensors (channels,); values outside are clamped, and so
    are codes, because codecs overshoot at edges. A channel with equal ends is constant.
    """

    minimum: Tensor
    maximum: Tensor
    bit_depth: int
    lowest_code: int
    highest_code: int

    def __post_init__(self) -> None:
        _check_codes(self)
        _check_range(self)

    @classmethod
    def of(cls, minimum: Tensor, maximum: Tensor, codes: CodeRange) -> Self:
        """A quantizer over a named code range, such as ``PROFILES["web8"]``."""
        return cls(minimum, maximum, codes.bit_depth, codes.lowest_code, codes.highest_code)

    @property
    def channel_count(self) -> int:
        """Channels this quantizer serves."""
        return int(self.minimum.shape[0])

    @property
    def dtype(self) -> torch.dtype:
        """Tensor type of codes: uint8 up to 8 bits, uint16 above."""
        return torch.uint8 if self.bit_depth <= 8 else torch.uint16

    @property
    def step(self) -> Tensor:
        """Value difference of neighboring codes, (channels,); the error is at most half of it."""
        return (self.maximum - self.minimum) / (self.highest_code - self.lowest_code)

    def quantize(self, values: Tensor) -> Tensor:
        """Nearest codes of values (channels, ...), on the device of the values.

        Raises:
            UnsupportedConfig: if the channel count differs or a value is not finite.
        """
        self._check_channels(values, "values")
        if not bool(torch.isfinite(values).all()):
            count = int((~torch.isfinite(values)).sum())
            raise UnsupportedConfig(
                f"values hold {count} NaN or infinite entries, expected finite numbers; "
                "find the stage that made them, codes cannot express them"
            )
        return self._rounded(values).to(torch.int32).to(self.dtype)

    def dequantize(self, codes: Tensor) -> Tensor:
        """Values (channels, ...) in float32 of codes of any integer type, clamped first.

        Raises:
            UnsupportedConfig: if the channel count differs.
        """
        self._check_channels(codes, "codes")
        if codes.device.type == "cpu" and codes.dtype in {torch.uint8, torch.uint16}:
            return self._looked_up(codes)
        # uint16 has few operations in torch, so everything widens first.
        level = codes.to(torch.int32).clamp(self.lowest_code, self.highest_code)
        return self._values(level.to(torch.float32))

    def simulate(self, values: Tensor) -> Tensor:
        """What the player will see of ``values``, with the gradient of the identity.

        The gradient passes even where a value is clamped, so that it can come back into range.

        Raises:
            UnsupportedConfig: if the channel count differs.
        """
        self._check_channels(values, "values")
        with torch.no_grad():
            seen = self._values(self._rounded(values))
        return values + (seen - values).detach()

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for a manifest; reading them back gives the same float32 values."""
        return {
            "minimum": self.minimum.tolist(),
            "maximum": self.maximum.tolist(),
            "bit_depth": self.bit_depth,
            "lowest_code": self.lowest_code,
            "highest_code": self.highest_code,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The quantizer that ``to_json`` wrote.

        Raises:
            ContainerError: if the record is not such a quantizer.
        """
        try:
            keys = "bit_depth", "lowest_code", "highest_code"
            codes = CodeRange(*(whole_number(key, record[key]) for key in keys))
            low, high = (_ends(key, record[key]) for key in ("minimum", "maximum"))
            return cls.of(low, high, codes)
        except (KeyError, TypeError, ValueError) as error:
            raise ContainerError(
                f"quantizer record is not usable: {error}; expected minimum, maximum, bit_depth, "
                "lowest_code and highest_code; the manifest is damaged or was edited"
            ) from error

    def _rounded(self, values: Tensor) -> Tensor:
        low, step = self._shaped(self.minimum, values), self._shaped(self.step, values)
        # A constant channel has step 0: every value maps to the lowest code.
        level = torch.where(step > 0, (values.to(torch.float32) - low) / step, 0.0)
        span = self.highest_code - self.lowest_code
        return level.round().clamp(0, span) + self.lowest_code

    def _looked_up(self, codes: Tensor) -> Tensor:
        """The same values from a table of every code, many times faster than computing each."""
        every = torch.arange(1 << self.bit_depth, dtype=torch.int32)
        table = self.dequantize(every.expand(self.channel_count, -1)).numpy()
        flat = codes.reshape(self.channel_count, -1)
        values = torch.empty(flat.shape)
        for row, taken, found in zip(table, flat.numpy(), values.numpy(), strict=True):
            # Foreign codes beyond the bit depth read the last entry, which is what clamping does.
            np.take(row, taken, out=found, mode="clip")
        return values.reshape(codes.shape)

    def _values(self, codes: Tensor) -> Tensor:
        low, step = self._shaped(self.minimum, codes), self._shaped(self.step, codes)
        return low + (codes - self.lowest_code) * step

    def _shaped(self, per_channel: Tensor, like: Tensor) -> Tensor:
        return per_channel.to(like.device).reshape(-1, *([1] * (like.dim() - 1)))

    def _check_channels(self, tensor: Tensor, name: str) -> None:
        if tensor.dim() < 1 or tensor.shape[0] != self.channel_count:
            raise UnsupportedConfig(
                f"{name} have shape {tuple(tensor.shape)}, expected {self.channel_count} channels "
                "first; permute them to (channels, ...)"
            )


def fit_ranges(
    values: Tensor, percentiles: tuple[float, float] = (0.0, 100.0)
) -> tuple[Tensor, Tensor]:
    """Per-channel ends of the values (channels, ...) at two percentiles, each (channels,).

    Order statistics are taken without interpolation, so the ends are values that occur. Values
    beyond them will be clamped.

    Raises:
        UnsupportedConfig: if there are no values, one is not finite, or percentiles are wrong.
    """
    low, high = percentiles
    if not 0.0 <= low < high <= 100.0:
        raise UnsupportedConfig(
            f"percentiles are {percentiles}, expected 0 <= low < high <= 100, such as (0.1, 99.9)"
        )
    if values.dim() < 1 or values.numel() == 0 or not bool(torch.isfinite(values).all()):
        raise UnsupportedConfig(
            f"values of shape {tuple(values.shape)} are empty or not finite, expected finite "
            "numbers (channels, ...); leave unused texels out before fitting"
        )
    rows = values.detach().to(torch.float32).flatten(1) if values.dim() > 1 else values[:, None]
    last = rows.shape[1] - 1
    ranks = (int(last * low / 100.0), -int(-last * high // 100.0))
    minimum, maximum = (torch.kthvalue(rows, rank + 1, dim=1).values for rank in ranks)
    return minimum, maximum


def _ends(name: str, values: object) -> Tensor:
    """One end of every channel's range, from JSON."""
    numbers = [finite_number(name, value) for value in several(name, values)]
    return torch.tensor(numbers, dtype=torch.float32)


def _check_codes(quantizer: Quantizer) -> None:
    top = (1 << quantizer.bit_depth) - 1 if 1 <= quantizer.bit_depth <= 16 else -1
    if not 0 <= quantizer.lowest_code < quantizer.highest_code <= top:
        raise UnsupportedConfig(
            f"codes {quantizer.lowest_code} to {quantizer.highest_code} at {quantizer.bit_depth} "
            "bits, expected a rising range that fits 1 to 16 bits; see PROFILES"
        )


def _check_range(quantizer: Quantizer) -> None:
    low, high = quantizer.minimum, quantizer.maximum
    if low.dim() != 1 or low.shape != high.shape or low.shape[0] == 0:
        raise UnsupportedConfig(
            f"minimum and maximum have shapes {tuple(low.shape)} and {tuple(high.shape)}, "
            "expected both (channels,)"
        )
    if low.dtype != torch.float32 or high.dtype != torch.float32:
        raise UnsupportedConfig(
            f"minimum and maximum are {low.dtype} and {high.dtype}, expected float32; convert them"
        )
    is_valid = torch.isfinite(low) & torch.isfinite(high) & (low <= high)
    if not bool((is_valid & torch.isfinite(high - low)).all()):
        raise UnsupportedConfig(
            "minimum and maximum are not finite, too far apart, or out of order, expected "
            "minimum <= maximum per channel; fit_ranges() gives usable ones"
        )
