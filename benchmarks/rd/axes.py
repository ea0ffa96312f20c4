"""Scales of plots: from values to places, with ticks that people can read."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_MOST_TICKS = 7
_FACTORS = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9))


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values on a stretch of the picture, from ``start`` to ``end`` in its units.

    ``is_whole`` keeps ticks to whole numbers, for axes that count.
    """

    low: float
    high: float
    start: float
    end: float
    is_logarithmic: bool = False
    is_whole: bool = False

    def place(self, value: float) -> float:
        """Where a value lies."""
        low, high, at = self.low, self.high, value
        if self.is_logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(value)
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values within the range."""
        if self.is_logarithmic:
            return _log_ticks(self)
        ticks = _even_ticks(self.low, self.high)
        return [tick for tick in ticks if tick == round(tick)] if self.is_whole else ticks


def fitted(values: Iterable[float], start: float, end: float) -> Axis:
    """A linear axis that holds the values with a little room; never of length 0."""
    listed = list(values)
    low, high = min(listed), max(listed)
    room = 0.06 * (high - low) or max(abs(high) * 0.01, 1e-3)
    return Axis(low - room, high + room, start, end)


def fitted_logarithmic(values: Iterable[float], start: float, end: float) -> Axis:
    """A logarithmic axis that holds positive values with a little room."""
    listed = list(values)
    low, high = min(listed), max(listed)
    room = max((high / low) ** 0.05, 1.05)
    return Axis(low / room, high * room, start, end, is_logarithmic=True)


def tick_text(value: float, step: float) -> str:
    """A tick's value with as many digits as its distance to the next needs."""
    digits = max(0, math.ceil(-math.log10(step) - 1e-9)) if step > 0 else 0
    return f"{value:.{digits}f}"


def _even_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / (_MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _log_ticks(axis: Axis) -> list[float]:
    """Powers of ten, with as many steps between as there is room for; even steps on short axes."""
    first, last = math.floor(math.log10(axis.low)), math.floor(math.log10(axis.high))
    found: list[float] = []
    for factors in _FACTORS:
        every = (factor * 10.0**power for power in range(first, last + 1) for factor in factors)
        ticks = [tick for tick in every if axis.low <= tick <= axis.high]
        if found and len(ticks) > _MOST_TICKS:
            break
        found = ticks
    return found if len(found) > 1 else _even_ticks(axis.low, axis.high)
