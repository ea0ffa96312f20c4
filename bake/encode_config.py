"""How a bake is to be encoded unless `encode-atlas` is told otherwise: the rate it was made for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import bake.limits as bounds
from hwcodec.records import named_values, whole_number


@dataclass(frozen=True, slots=True)
class EncodeConfig:
    """The rate that a bake's resolution, features and loss weights suit.

    Attributes:
        qp: quantization parameter, on the scale of H.264 and HEVC.
        bits_per_second: size of everything that a player fetches, over the scene's duration, which
            `encode-atlas` then finds a QP for; 0: the QP above.

    Raises:
        ValueError: if a number is out of range.
    """

    qp: int = 28
    bits_per_second: int = 0

    def __post_init__(self) -> None:
        """Refuse what no encoder takes."""
        whole_number("qp", self.qp, 0, bounds.MOST_QP)
        whole_number("bits_per_second", self.bits_per_second, 0, bounds.MOST_BITS_PER_SECOND)

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Self:
        """What a baked sequence's provenance says, or the defaults where it says nothing.

        Raises:
            ValueError: if it says something else than such numbers.
        """
        stated = named_values("config.encode", provenance["config"].get("encode", {}), "")
        known: dict[str, Any] = {n: stated[n] for n in cls.__slots__ if n in stated}
        return cls(**known)


def bits_per_second(text: str) -> int:
    """``800k``, ``2M`` or a plain number.

    Raises:
        ValueError: if it is none, or out of range.
    """
    units = {"k": 1_000, "m": 1_000_000}
    scale = units.get(text[-1:].lower(), 1)
    number = float(text[:-1] if scale > 1 else text) * scale
    if not 1 <= number <= bounds.MOST_BITS_PER_SECOND:
        raise ValueError(f"bit rate is {text!r}, expected such as 800k or 2M")
    return round(number)
