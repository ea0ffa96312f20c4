"""Bytes that an encoder will spend on a group of pictures, before it has run.

Two looks at every picture are weighed against each other: smooth counts (`bake.codec_units`), which
know transform sizes and prediction from neighbors, and what a small rounding encoder keeps
(`bake.codec_rounding`), which knows decoded references and what is skipped. The weights are prices
in bits, none below 0, fitted to an encoder's own output (`benchmarks.rate_calibration`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bake.codec_rounding import RoundedPicture, round_group
from bake.codec_units import PictureUnits, count_units
from bake.errors import ArtifactError
from bake.losses import quantizer_step
from bake.picture_plans import PictureKind, PicturePlan
from hwcodec.records import finite_number, named_values, parse_json, several

MODEL_FOLDER = Path(__file__).with_name("rate_models")
"""Fitted models, ``ENCODER.json``."""

THRESHOLD = 1.5
"""Coefficient, in quantizer steps, that costs one unit; the best of 0.7, 1, 1.5 and 2.2 for
pictures that are predicted forward, and as good as any for others."""

QP_OFFSETS: Mapping[PictureKind, int] = {
    PictureKind.INTRA: -3,
    PictureKind.FORWARD: 0,
    PictureKind.REFERENCED: 1,
    PictureKind.BETWEEN: 2,
}
"""What libx264 and libx265 add to a constant QP at step ratios of 1.4 and 1.3; the third is halfway
between its neighbors."""

FACTORS = (
    "units",
    "spread",
    "areas",
    "picture",
    "magnitude",
    "level_count",
    "block_count",
    "unit_count",
)
"""What has a price, in the order of `factors_of`."""


@dataclass(frozen=True, slots=True)
class RateModel:
    """Prices in bits of every factor, per kind of picture, of one encoder at one preset."""

    encoder: str
    preset: str
    prices: Mapping[PictureKind, tuple[float, ...]]

    def bits(self, factors: NDArray[np.float64], kind: PictureKind) -> float:
        """Bits of a picture with these factors (8,)."""
        return float(factors @ np.asarray(self.prices[kind]))

    def to_json(self) -> dict[str, object]:
        """Plain JSON values; reading them back gives the same model."""
        prices = {kind.value: list(each) for kind, each in self.prices.items()}
        return {
            "encoder": self.encoder,
            "preset": self.preset,
            "factors": list(FACTORS),
            "prices": prices,
        }


def quantizer_steps(plans: Sequence[PicturePlan], qp: int) -> list[float]:
    """The step of every picture, in codes of 8 bits."""
    return [quantizer_step(qp + QP_OFFSETS[plan.kind]) for plan in plans]


def group_factors(
    planes: Sequence[Tensor], plans: tuple[PicturePlan, ...], qp: int
) -> list[NDArray[np.float64]]:
    """The factors (8,) of every picture of a closed group, from planes in codes of 8 bits."""
    steps = quantizer_steps(plans, qp)
    rounded = round_group(planes, plans, steps)
    found = []
    for index, plan in enumerate(plans):
        # What a player has, not what was trained: with originals, bytes of pictures that no fit had
        # seen were off by 16 instead of 11 %.
        references = [rounded[reference].plane for reference in plan.references]
        units = count_units(planes[index], references, steps[index] * THRESHOLD)
        found.append(factors_of(units, rounded[index]))
    return found


def factors_of(units: PictureUnits, rounded: RoundedPicture) -> NDArray[np.float64]:
    """The factors (8,) of a picture from both looks at it."""
    smooth = (float(units.units), float(units.spread), units.areas, 1.0)
    levels = (rounded.magnitude, rounded.level_count, rounded.block_count, rounded.unit_count)
    return np.array([*smooth, *levels])


def predict_bytes(
    planes: Sequence[Tensor], plans: tuple[PicturePlan, ...], qp: int, model: RateModel
) -> list[float]:
    """Bytes of every picture of a closed group, from its planes in codes of 8 bits."""
    factors = group_factors(planes, plans, qp)
    return [model.bits(each, plan.kind) / 8 for each, plan in zip(factors, plans, strict=True)]


@cache
def find_model(encoder: str) -> RateModel | None:
    """The model of an encoder, or None where none was fitted.

    Raises:
        ArtifactError: if its file is damaged.
    """
    path = MODEL_FOLDER / f"{encoder}.json"
    if not path.is_file():
        return None
    try:
        return model_from_json(parse_json(path.read_bytes()))
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged: {error}; install this package again") from error


def model_from_json(record: object) -> RateModel:
    """The model that `RateModel.to_json` wrote.

    Raises:
        ValueError: if it is none.
    """
    values = named_values("the rate model", record, "encoder preset factors prices")
    if values["factors"] != list(FACTORS):
        raise ValueError(f"factors are {values['factors']}, expected {list(FACTORS)}")
    stated = named_values("prices", values["prices"], " ".join(PictureKind))
    prices = {}
    for kind in PictureKind:
        each = several("prices", stated[kind.value], len(FACTORS))
        prices[kind] = tuple(finite_number("price", price, 0) for price in each)
    return RateModel(str(values["encoder"]), str(values["preset"]), prices)


def write_model(model: RateModel, path: Path) -> None:
    """Write a model where `find_model` looks for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(model.to_json(), indent=1) + "\n", encoding="utf-8")
