"""What a block-transform encoder has to tell about a picture: smooth counts, with gradients.

H.264, HEVC and AV1 all predict a block, transform the rest, round the coefficients and code what is
left. This does the same without rounding, so that what it counts has a gradient:

    picture -> prediction (neighbors, or other pictures) -> DCT of 4, 8, 16 and 32 texels
            -> units of each coefficient by its size in quantizer steps -> the cheapest partition

A coefficient c costs ``log2(1 + (c / (threshold * step))**2)`` units: next to nothing in the dead
zone, a unit per halving of the step far beyond it. Planes are in codes of 8 bits; as the codes of
each channel span that channel's range, one step in codes is one of its own per channel in values.

Left out: motion, the entropy coder's contexts, loop filters. What a unit costs in bits is fitted to
encoders' own output by `bake.codec_rate`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from bake.losses import dct_basis

SIZES = (4, 8, 16, 32)
"""Sides of transform blocks, in texels."""

# Units that telling a block's size and mode is taken to cost while partitions are compared, and
# those of a prediction direction other than the mean; both are choices.
_BLOCK_UNITS = 1.5
_DIRECTION_UNITS = 2.0
# Area is counted in blocks of this many texels.
_AREA = 1024


@dataclass(frozen=True, slots=True, eq=False)
class PictureUnits:
    """What the model counts in a picture: scalars; the first two have gradients.

    ``spread`` is the sum over areas of log2(1 + units within).
    """

    units: Tensor
    spread: Tensor
    areas: float


def count_units(plane: Tensor, references: Sequence[Tensor], scale: float) -> PictureUnits:
    """Count what a plane (rows, columns) costs, predicted from itself or from other planes.

    ``scale`` is the quantizer step times the threshold. With two references their mean is a third.
    Blocks are given the cheapest of the predictions and partitions; gradients flow through it.
    """
    padded = whole_blocks(plane)
    if references:
        others = [whole_blocks(reference) for reference in references]
        if len(others) == 2:
            others.append((others[0] + others[1]) / 2)
        residuals = torch.stack([padded - other for other in others])
        costs = {size: residual_units(residuals, size, scale) for size in SIZES}
    else:
        costs = {size: intra_units(padded, size, scale) for size in SIZES}
    areas = _cheapest_partition(costs)
    return PictureUnits(areas.sum(), torch.log2(1 + areas).sum(), padded.numel() / _AREA)


def intra_units(plane: Tensor, side: int, scale: float) -> Tensor:
    """Units of every block (rows, columns) of a plane of whole blocks, predicted from neighbors.

    The predictions are the mean of the neighbors above and to the left, either of them continued,
    and a plane through both: the modes that a field of values takes most, of the 9 to 35 there are.
    Source: H.264 8.3 and HEVC 8.4.4.2; planar prediction is HEVC's.
    """
    basis = dct_basis(side).to(plane)
    above, left = _neighbors(plane, side)
    blocks = basis @ cut_blocks(plane, side) @ basis.T
    # In the transform each prediction but the plane's touches one row or column alone.
    mean = (above.mean(-1) + left.mean(-1)) / 2
    flat = blocks - _first(side * mean[..., None, None], side, side)
    root = math.sqrt(side)
    down = blocks - _first(root * (above @ basis.T)[..., None, :], side, side)
    across = blocks - _first(root * (left @ basis.T)[..., :, None], side, side)
    ramp = (torch.arange(side, device=plane.device, dtype=plane.dtype) + 1) / (side + 1)
    slope_x = left[..., :, None] * (1 - ramp) + above[..., -1:, None] * ramp
    slope_y = above[..., None, :] * (1 - ramp[:, None]) + left[..., None, -1:] * ramp[:, None]
    planar = blocks - basis @ ((slope_x + slope_y) / 2) @ basis.T
    directed = torch.minimum(_units(down, scale), _units(across, scale)) + _DIRECTION_UNITS
    return torch.minimum(torch.minimum(_units(flat, scale), _units(planar, scale)), directed)


def residual_units(residuals: Tensor, side: int, scale: float) -> Tensor:
    """Units of the cheapest of several residual planes (planes, rows, columns), block by block."""
    basis = dct_basis(side).to(residuals)
    return _units(basis @ cut_blocks(residuals, side) @ basis.T, scale).amin(0)


def _units(coefficients: Tensor, scale: float) -> Tensor:
    """Units of blocks (..., side, side)."""
    units: Tensor = torch.log2(1 + (coefficients / scale).square()).sum((-1, -2))
    return units


def _cheapest_partition(costs: Mapping[int, Tensor]) -> Tensor:
    """Units per area: each block whole, or as four of half the side, whichever is cheaper."""
    smallest, *larger = sorted(costs)
    best = costs[smallest] + _BLOCK_UNITS
    for side in larger:
        rows, columns = (count // 2 for count in best.shape)
        split = best.view(rows, 2, columns, 2).sum((1, 3))
        best = torch.minimum(split, costs[side] + _BLOCK_UNITS)
    return best


def cut_blocks(plane: Tensor, side: int) -> Tensor:
    """Blocks (..., rows, columns, side, side) of planes of whole blocks."""
    rows, columns = plane.shape[-2] // side, plane.shape[-1] // side
    blocks: Tensor = plane.unflatten(-1, (columns, side)).unflatten(-3, (rows, side))
    return blocks.transpose(-3, -2)


def _neighbors(plane: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Texels above and to the left of every block, each (rows, columns, side)."""
    grown = pad(plane[None, None], (1, 0, 1, 0), mode="replicate")[0, 0]
    above = grown[:-1:side, 1:].unflatten(-1, (-1, side))
    left = grown[1:, :-1:side].unflatten(0, (-1, side)).transpose(-2, -1)
    return above, left


def _first(part: Tensor, rows: int, columns: int) -> Tensor:
    """A block's first coefficient, row or column, with zeros around it."""
    return pad(part, (0, columns - part.shape[-1], 0, rows - part.shape[-2]))


def whole_blocks(plane: Tensor) -> Tensor:
    """The plane grown to whole blocks of the largest size by repeating its ends."""
    rows, columns = plane.shape
    last = SIZES[-1]
    grown = pad(plane[None, None], (0, -columns % last, 0, -rows % last), mode="replicate")
    return grown[0, 0]
