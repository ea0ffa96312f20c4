"""Cameras that see the same thing brighter or darker than the others, made alike as they are read.

A gain multiplies light, as a change of exposure does: sRGB is made linear, multiplied, and made
sRGB again. What a camera has clipped stays lost. `inspect-capture` measures such gains.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.source import Reader, Source
from bake.errors import CaptureError

# Beyond these a picture holds too few levels, or mostly clipped ones. A choice.
_LEAST_GAIN, _LARGEST_GAIN = 0.2, 5.0
_GAIN = r"\d{1,6}(?:\.\d{0,9})?"
_ENTRY = re.compile(rf"\s*(.+?)\s*=\s*({_GAIN}(?:/{_GAIN}/{_GAIN})?)\s*")


@dataclass(frozen=True, slots=True, eq=False)
class GainReader:
    """Reads pictures with the gains (red, green, blue) of some views applied; masks stay."""

    reader: Reader
    gains: dict[int, tuple[float, float, float]]

    def inspect(self, frames: Sequence[int]) -> bool:
        """As the reader behind it does."""
        return self.reader.inspect(frames)

    def read(self, frame: int, view: int) -> NDArray[Any]:
        """One picture as its camera would have taken it at the rig's exposure."""
        pixels = self.reader.read(frame, view)
        gains = self.gains.get(view)
        return pixels if gains is None else apply_gains(pixels, gains)

    def stamp(self, frame: int, view: int) -> str:
        """The other reader's, and the gains."""
        stamp = self.reader.stamp(frame, view)
        return f"{stamp} times {self.gains[view]}" if stamp and view in self.gains else stamp


def apply_gains(pixels: NDArray[Any], gains: tuple[float, float, float]) -> NDArray[Any]:
    """Light of a picture (rows, columns, 3 or 4), sRGB in uint8 or uint16, times gains, clipped."""
    changed = pixels.copy()
    for channel, gain in enumerate(gains):
        curve = _curve(gain, pixels.dtype.name)
        if pixels.dtype == np.uint8:
            changed[..., channel] = cv2.LUT(np.ascontiguousarray(pixels[..., channel]), curve)
        else:
            changed[..., channel] = curve[pixels[..., channel]]
    return changed


@lru_cache(maxsize=512)
def _curve(gain: float, kind: str) -> NDArray[Any]:
    """What every value becomes."""
    most = np.iinfo(kind).max
    light = to_linear(np.arange(most + 1) / most) * gain
    curve: NDArray[Any] = np.rint(to_srgb(light.clip(0, 1)) * most).astype(kind)
    return curve


def to_linear(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of sRGB values, both in [0, 1]. Source: IEC 61966-2-1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values in sRGB of linear light, both in [0, 1]. Source: IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def compensated(source: Source, exposure: str) -> Source:
    """The capture with the gains that ``exposure`` names; see `parse_gains`.

    Raises:
        CaptureError: if it names no gains, or no camera of the capture.
    """
    gains = parse_gains(exposure, source.labels)
    return replace(source, reader=GainReader(source.reader, gains)) if gains else source


def parse_gains(exposure: str, labels: Sequence[str]) -> dict[int, tuple[float, float, float]]:
    """Gains by view, from ``cam03=0.83,cam04=1.1/1/0.9``: one for all colors, or red/green/blue.

    Raises:
        CaptureError: naming the part that cannot be used.
    """
    gains: dict[int, tuple[float, float, float]] = {}
    for entry in filter(str.strip, exposure.split(",")):
        match = _ENTRY.fullmatch(entry)
        label = match[1] if match else ""
        if match is None or label not in labels:
            raise CaptureError(
                f"capture exposure has {entry.strip()!r}, expected camera=gain or "
                f"camera=red/green/blue with one of the cameras {', '.join(labels)}"
            )
        values = [float(part) for part in match[2].split("/")]
        red, green, blue = values * 3 if len(values) == 1 else values
        if not all(_LEAST_GAIN <= value <= _LARGEST_GAIN for value in (red, green, blue)):
            raise CaptureError(
                f"capture exposure of {label} is {match[2]}, expected gains in "
                f"[{_LEAST_GAIN:g}, {_LARGEST_GAIN:g}]; a camera that is further off saw too little"
            )
        if labels.index(label) in gains:
            raise CaptureError(f"capture exposure names {label} twice, expected one gain of it")
        gains[labels.index(label)] = (red, green, blue)
    return gains
