"""Bytes predicted for pictures beside those that an encoder made of them; and the fit of prices.

Every picture of every group of some bakes is encoded at several QPs as `encode-atlas` does it, and
its factors (`bake.codec_rate`) are kept with its bytes. Prices can be fitted to that, or those of a
model that was fitted to other pictures are put to the test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bake.codec_rate import RateModel, group_factors
from bake.export import careful, group_pictures, plan_group
from bake.picture_plans import PictureKind, plan_pictures
from bake.profiles import Profile, default_profile, find_profile
from bake.sequence import BakedSequence, Span
from hwcodec import (
    ConstantQp,
    EncoderChoice,
    EncoderSettings,
    GopStructure,
    Picture,
    PictureGeometry,
    Tuning,
    choose_encoder,
    encode,
)

_CODE_BITS = 8
# Rounds of a fit, after which prices have settled, and the relative error below which none is
# better than another.
_ROUNDS, _SMALL_ERROR = 30, 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture at one QP: its bake and frame, kind, encoded bytes, and factors (8,)."""

    bake: str
    frame_index: int
    kind: PictureKind
    qp: int
    bytes: int
    factors: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """Relative errors of predicted bytes: medians, and the 90th percentile of pictures."""

    pictures: int
    median: float
    ninety: float
    groups_median: float
    medians_by_kind: dict[str, float]
    medians_by_qp: dict[int, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "pictures": self.pictures,
            "median_error": self.median,
            "ninetieth_percentile": self.ninety,
            "median_error_of_groups": self.groups_median,
            "median_error_by_kind": self.medians_by_kind,
            "median_error_by_qp": {str(qp): value for qp, value in self.medians_by_qp.items()},
        }


def sample_bake(
    name: str, sequence: BakedSequence, encoder: str, qps: Sequence[int]
) -> Iterator[Sample]:
    """Encode a bake at every QP, and count what its pictures hold.

    Raises:
        BackendUnavailable: if the encoder does not run here.
        ArtifactError: if the bake is damaged.
    """
    profile = find_profile(default_profile(encoder))
    choice = choose_encoder(encoder, profile.format, allow_fallback=False)
    for number, span in enumerate(sequence.groups):
        pictures, geometry = _group(sequence, span, (number, profile))
        planes = [_in_8_bits(picture, profile) for picture in pictures]
        plans = plan_pictures(len(planes), GopStructure().b_frame_count)
        for qp in qps:
            sizes = _encoded(pictures, geometry, choice, qp)
            factors = group_factors(planes, plans, qp)
            for offset, plan in enumerate(plans):
                yield Sample(
                    name, span.first_frame + offset, plan.kind, qp, sizes[offset], factors[offset]
                )


def fit_model(samples: Sequence[Sample], encoder: str) -> RateModel:
    """The prices that predict these samples best, in the sense of absolute relative errors.

    By squared errors weighed anew in each of a few rounds, so that a few odd pictures count little.

    Raises:
        ValueError: if a kind of picture is not among them.
    """
    # Not among what packages need; an import of a second that only a fit waits for.
    from scipy.optimize import nnls  # type: ignore[import-untyped]

    prices = {}
    for kind in PictureKind:
        own = [sample for sample in samples if sample.kind is kind]
        if not own:
            raise ValueError(
                f"no picture of kind {kind} among {len(samples)}, expected some of every kind; "
                "give bakes with groups of 10 frames or more"
            )
        bits = np.array([8.0 * sample.bytes for sample in own])
        factors = np.stack([sample.factors for sample in own])
        relative, weights = factors / bits[:, None], np.ones(len(bits))
        for _ in range(_ROUNDS):
            found, _ = nnls(relative * weights[:, None], weights)
            weights = np.abs(relative @ found - 1).clip(_SMALL_ERROR) ** -0.5
        prices[kind] = tuple(float(price) for price in found)
    return RateModel(encoder, careful(Tuning(), encoder).preset or "", prices)


def judge(model: RateModel, samples: Sequence[Sample]) -> Fit:
    """How far the model's bytes are from the encoder's."""
    predicted = np.array([model.bits(s.factors, s.kind) / 8 for s in samples])
    actual = np.array([float(s.bytes) for s in samples])
    errors = np.abs(predicted / actual - 1)
    groups: dict[tuple[str, int], list[int]] = {}
    for index, sample in enumerate(samples):
        groups.setdefault((sample.bake, sample.qp), []).append(index)
    totals = [abs(predicted[each].sum() / actual[each].sum() - 1) for each in groups.values()]
    kinds, qps = {s.kind for s in samples}, {s.qp for s in samples}
    by_kind = {
        kind.value: float(np.median(errors[[s.kind is kind for s in samples]]))
        for kind in PictureKind
        if kind in kinds
    }
    by_qp = {qp: float(np.median(errors[[s.qp == qp for s in samples]])) for qp in sorted(qps)}
    return Fit(
        len(samples),
        float(np.median(errors)),
        float(np.quantile(errors, 0.9)),
        float(np.median(totals)),
        by_kind,
        by_qp,
    )


def leave_one_out(samples: Sequence[Sample], encoder: str) -> list[tuple[str, Fit]]:
    """Each bake judged by a model that was fitted to the others alone."""
    found = []
    for name in sorted({sample.bake for sample in samples}):
        others = [sample for sample in samples if sample.bake != name]
        own = [sample for sample in samples if sample.bake == name]
        if others:
            found.append((name, judge(fit_model(others, encoder), own)))
    return found


def bake_name(path: Path) -> str:
    """What a bake's folder is called in results."""
    return path.absolute().name


def _group(
    sequence: BakedSequence, span: Span, which: tuple[int, Profile]
) -> tuple[list[Picture], PictureGeometry]:
    """The pictures of a group, and their geometry."""
    mapping, profile = sequence.mapping(span), which[1]
    group = plan_group(sequence, span, mapping, which)
    size = group.layout.width, group.layout.height
    geometry = PictureGeometry(profile.format, *size, sequence.frame_rate)
    return group_pictures(sequence, group, mapping, profile), geometry


def _encoded(
    pictures: Sequence[Picture], geometry: PictureGeometry, choice: EncoderChoice, qp: int
) -> list[int]:
    """Bytes of every picture, in display order."""
    tuning = careful(Tuning(), choice.encoder)
    settings = EncoderSettings(choice.encoder, geometry, ConstantQp(qp), tuning=tuning)
    packets = sorted(encode(pictures, settings).packets, key=lambda packet: packet.pts)
    return [len(packet.data) for packet in packets]


def _in_8_bits(picture: Picture, profile: Profile) -> torch.Tensor:
    """The luma plane in codes of 8 bits, as float32."""
    return picture.luma.to(torch.float32) / (1 << (profile.codes.bit_depth - _CODE_BITS))
