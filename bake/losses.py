"""Training losses, one pure function each, in plain torch.

`bake.atlas_kernels` holds compiled gradients of the last three; the tests compare the two.

Atlases enter block by block: (blocks, rows, columns, channels), so that no loss ever looks across
a block border, where neighbors in the picture are strangers in space.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

import bake.limits as bounds
from hwcodec.records import finite_number


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the losses beside the photometric one.

    Attributes:
        opacity_entropy: pushes rays toward full or no transmittance (DVGO's background entropy).
        spatial: total variation of the atlas. The published recipe uses 1e-4 (recalled,
            unverified).
        temporal: L1 difference to the previous frame's atlas, same remark.
        intra_bits: estimated bits of the first atlas of a group.
        inter_bits: estimated bits of the change from one atlas to the next.
        target_qp: quantization parameter at which bits are estimated.

    Raises:
        ValueError: if a weight is negative or huge, or the QP is not one of H.264 and HEVC.
    """

    opacity_entropy: float = 1e-3
    spatial: float = 0.0
    temporal: float = 0.0
    intra_bits: float = 0.0
    inter_bits: float = 0.0
    target_qp: float = 26.0

    def __post_init__(self) -> None:
        """Refuse weights that would reward what they should punish."""
        for field in fields(self):
            largest = 51 if field.name == "target_qp" else bounds.LARGEST_VALUE
            finite_number(field.name, getattr(self, field.name), 0, largest)


def photometric(colors: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of rendered against captured colors (rays, 3).

    Source: VideoRF (CVPR 2024), figure 3.
    """
    return (colors - truth).square().mean()


def opacity_entropy(transmittance: Tensor) -> Tensor:
    """Mean binary entropy, in nats, of what rays (rays,) let through; low when they are decided.

    Source: DVGO (Sun et al., CVPR 2022), background entropy.
    """
    t = transmittance.clamp(1e-6, 1 - 1e-6)
    return -(t * t.log() + (1 - t) * (1 - t).log()).mean()


def spatial_variation(blocks: Tensor) -> Tensor:
    """Total variation inside blocks (blocks, rows, columns, channels), per texel and channel.

    Source: VideoRF (CVPR 2024), figure 3, first-order differences along both axes.
    """
    down = (blocks[:, 1:] - blocks[:, :-1]).abs().sum()
    right = (blocks[:, :, 1:] - blocks[:, :, :-1]).abs().sum()
    return (down + right) / blocks.numel()


def temporal_difference(blocks: Tensor, previous: Tensor) -> Tensor:
    """Mean absolute change against the previous frame's blocks, which are fixed.

    Source: VideoRF (CVPR 2024), figure 3.
    """
    return (blocks - previous.detach()).abs().mean()


def transform_bits(blocks: Tensor, previous: Tensor | None, steps: Tensor) -> Tensor:
    """Estimated bits per texel and channel: the mean of log2(1 + (c / step)^2).

    c are the coefficients of an orthonormal 2D DCT of each block or, with ``previous``, of its
    difference to the previous frame's block. Without it the mean of each block is free, as
    prediction from neighbors makes it nearly so. ``steps`` (channels,) is the quantizer step in
    feature units. A proxy: it has the shape of a block codec's cost, not its scale.
    """
    side = blocks.shape[1]
    basis = dct_basis(side).to(blocks)
    residual = blocks if previous is None else blocks - previous.detach()
    coefficients = torch.einsum("ki,bijc,lj->bklc", basis, residual, basis) / steps
    bits = torch.log2(1 + coefficients.square())
    if previous is None:
        bits = bits * _without_mean(side).to(blocks)
    return bits.sum() / blocks.numel()


def dct_basis(side: int) -> Tensor:
    """Orthonormal DCT-II matrix (frequencies, positions)."""
    position = (torch.arange(side, dtype=torch.float64) + 0.5) * math.pi / side
    basis = torch.cos(torch.arange(side, dtype=torch.float64)[:, None] * position)
    basis *= math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return basis.float()


def quantizer_step(qp: float) -> float:
    """The step of H.264 and HEVC at a QP, in units of 8-bit codes.

    Source: H.264, where QP 4 means a step of 1 and six more double it.
    """
    return 2 ** ((qp - 4) / 6)


def _without_mean(side: int) -> Tensor:
    mask = torch.ones(1, side, side, 1)
    mask[0, 0, 0, 0] = 0
    return mask
