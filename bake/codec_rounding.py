"""A small encoder that writes nothing: pictures as a decoder would show them, and what is coded.

One transform of 8 x 8, rounding with a dead zone, blocks dropped where they are not worth their
bits, every picture predicted from decoded ones. It stands in for a real encoder where one would
take too long: in training against its own quantization, and where sizes are predicted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from bake.codec_units import cut_blocks, whole_blocks
from bake.losses import dct_basis
from bake.picture_plans import PicturePlan, coding_order

_SIDE = 8
# Coding units in which it is told that there is nothing at all.
_UNIT_BLOCKS = 8
# Intra pictures are predicted from the middle of the codes, as nothing else is known.
_MIDDLE = 128.0
# What is added before rounding down. Source: the reference encoders of H.264 and HEVC.
_INTRA_OFFSET, _INTER_OFFSET = 1 / 3, 1 / 6
# Squared steps that a bit must save, and bits of a level, its place and a block while that is
# decided: choices close to the reference encoders' 0.85 * 2 ** ((QP - 12) / 3) per bit.
_PRICE = 0.12
_LEVEL_BITS, _PLACE_BITS, _BLOCK_BITS = 2.0, 3.5, 1.0


@dataclass(frozen=True, slots=True, eq=False)
class RoundedPicture:
    """A picture as it would be decoded, float32 (rows, columns) in codes of 8 bits, and its levels.

    Attributes:
        plane: what a decoder shows.
        magnitude: sum of log2(1 + level) over all levels.
        level_count: levels that are not 0.
        block_count: blocks of 8 x 8 with such levels.
        unit_count: units of 64 x 64 with such blocks.
    """

    plane: Tensor
    magnitude: float
    level_count: int
    block_count: int
    unit_count: int


def round_group(
    planes: Sequence[Tensor], plans: tuple[PicturePlan, ...], steps: Sequence[float]
) -> tuple[RoundedPicture, ...]:
    """Code the planes (rows, columns) of a closed group, each with its own quantizer step."""
    decoded: dict[int, Tensor] = {}
    found: dict[int, RoundedPicture] = {}
    for index in coding_order(plans):
        references = [decoded[reference] for reference in plans[index].references]
        decoded[index], levels = _code(whole_blocks(planes[index]), references, steps[index])
        rows, columns = planes[index].shape
        found[index] = _described(decoded[index][:rows, :columns], levels)
    return tuple(found[index] for index in range(len(planes)))


def round_plane(plane: Tensor, reference: Tensor | None, step: float) -> Tensor:
    """A plane (rows, columns) as decoded, predicted from one that is decoded already or alone."""
    references = [] if reference is None else [whole_blocks(reference)]
    decoded, _ = _code(whole_blocks(plane), references, step)
    rows, columns = plane.shape
    return decoded[:rows, :columns]


def _code(plane: Tensor, references: Sequence[Tensor], step: float) -> tuple[Tensor, Tensor]:
    """A plane of whole blocks as decoded, and its levels."""
    prediction = _predict(plane, references)
    offset = _INTER_OFFSET if references else _INTRA_OFFSET
    levels = _levels(plane - prediction, step, offset)
    return prediction + _residual(levels, step), levels


def _predict(plane: Tensor, references: Sequence[Tensor]) -> Tensor:
    """Each block from whichever reference, or mean of two, is nearest; or from the middle."""
    if not references:
        return torch.full_like(plane, _MIDDLE)
    candidates = list(references)
    if len(candidates) == 2:
        candidates.append((candidates[0] + candidates[1]) / 2)
    stacked = cut_blocks(torch.stack(candidates), _SIDE)
    errors = (cut_blocks(plane, _SIDE) - stacked).square().sum((-1, -2))
    best = errors.argmin(0)[None, ..., None, None].expand(1, *stacked.shape[1:])
    return _joined(torch.gather(stacked, 0, best)[0])


def _levels(residual: Tensor, step: float, offset: float) -> Tensor:
    """Whole levels (rows, columns, side, side), 0 in blocks that are not worth their bits."""
    basis = dct_basis(_SIDE).to(residual)
    ratio = basis @ cut_blocks(residual, _SIDE) @ basis.T / step
    levels = ratio.sign() * (ratio.abs() + offset).floor()
    bits = (_LEVEL_BITS * torch.log2(1 + levels.abs()) + _PLACE_BITS * (levels != 0)).sum((-1, -2))
    saved = (ratio.square() - (ratio - levels).square()).sum((-1, -2))
    is_worth_it = saved > _PRICE * (bits + _BLOCK_BITS)
    return levels * is_worth_it[..., None, None]


def _residual(levels: Tensor, step: float) -> Tensor:
    basis = dct_basis(_SIDE).to(levels)
    return _joined(basis.T @ (levels * step) @ basis)


def _joined(blocks: Tensor) -> Tensor:
    """The plane of blocks (rows, columns, side, side)."""
    rows, columns, side, _ = blocks.shape
    return blocks.transpose(1, 2).reshape(rows * side, columns * side)


def _described(plane: Tensor, levels: Tensor) -> RoundedPicture:
    coded = (levels != 0).flatten(-2).any(-1)
    units = max_pool2d(coded[None, None].float(), _UNIT_BLOCKS, ceil_mode=True)
    return RoundedPicture(
        plane,
        float(torch.log2(1 + levels.abs()).sum()),
        int(torch.count_nonzero(levels)),
        int(coded.sum()),
        int(units.sum()),
    )
