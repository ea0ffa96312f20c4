"""Kinds of packages: which codes texel values become, and in which pictures they travel."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from bake.sequence import BakedSequence
from bake.value_range import ValueRange
from hwcodec import (
    PROFILES,
    YUV420P8,
    YUV420P10,
    CodeRange,
    PixelFormat,
    Quantizer,
    UnsupportedConfig,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A named kind of package: the codes it uses and the pixel format that carries them.

    ``has_marks`` says whether pictures carry calibration codes and their frame's number, for
    players that get them only as colors. ``density_spread`` widens the density's range beyond what
    its values use: its codes get coarser, so an encoder that treats all codes alike spends fewer
    bytes on density than on features.
    """

    codes: CodeRange
    format: PixelFormat
    is_lossless: bool = False
    has_marks: bool = False
    density_spread: float = 1.0


# Measured on two bakes, libx264, against a spread of 1 at equal PSNR: 1.5 saves 6 to 17 % of the
# bytes on one and up to 7 % on the other, 2 saves less; spreading the features costs bytes.
_DENSITY_SPREAD = 1.5

EXPORT_PROFILES: Mapping[str, Profile] = {
    "web8": Profile(PROFILES["web8"], YUV420P8, has_marks=True, density_spread=_DENSITY_SPREAD),
    "hq10": Profile(PROFILES["hq10"], YUV420P10, density_spread=_DENSITY_SPREAD),
    "lossless": Profile(PROFILES["hq10"], YUV420P10, is_lossless=True),
}
"""``web8`` plays everywhere, ``hq10`` has four times finer codes, ``lossless`` keeps them."""


def default_profile(encoder: str) -> str:
    """The profile with the finest codes that hardware decodes for the encoder's standard."""
    return "web8" if encoder in {"libx264", "h264_nvenc"} else "hq10"


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        UnsupportedConfig: if there is none.
    """
    if name not in EXPORT_PROFILES:
        raise UnsupportedConfig(
            f"profile is {name!r}, expected one of {sorted(EXPORT_PROFILES)}; "
            "web8 plays everywhere, hq10 has finer codes"
        )
    return EXPORT_PROFILES[name]


def make_quantizer(sequence: BakedSequence, profile: Profile) -> Quantizer:
    """One range per channel: the limits that training kept texel values within, or wider."""
    settings = sequence.settings
    limits = ValueRange(settings.density_range, settings.feature_range)
    limit = value_limits(limits, sequence.shading.feature_count, profile)
    return Quantizer.of(-limit, limit, profile.codes)


def value_limits(limits: ValueRange, feature_count: int, profile: Profile) -> torch.Tensor:
    """Half the range of every channel (1 + feature_count,): training's limits, or wider."""
    features = [limits.feature] * feature_count
    return torch.tensor([limits.density * profile.density_spread, *features])
