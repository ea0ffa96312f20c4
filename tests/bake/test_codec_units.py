"""Smooth counts of what an encoder has to tell."""

import pytest
import torch
from torch import Tensor

from bake.codec_units import (
    SIZES,
    PictureUnits,
    count_units,
    cut_blocks,
    intra_units,
    residual_units,
    whole_blocks,
)
from bake.losses import transform_bits


def noise(rows: int = 64, columns: int = 96, scale: float = 20.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 128 + scale * torch.randn(rows, columns, generator=generator)


def ramp(rows: int = 64, columns: int = 64) -> Tensor:
    return torch.arange(rows)[:, None] * 1.5 + torch.arange(columns)[None] * 0.5


def units(found: PictureUnits) -> float:
    return float(found.units)


def test_a_flat_picture_costs_next_to_nothing() -> None:
    assert units(count_units(torch.full((64, 64), 77.0), [], 4.0)) < 10


def test_a_ramp_is_predicted_and_noise_is_not() -> None:
    assert units(count_units(ramp(), [], 4.0)) < 0.1 * units(count_units(noise(64, 64), [], 4.0))


def test_a_picture_that_repeats_another_costs_next_to_nothing() -> None:
    plane = noise()
    assert units(count_units(plane, [plane], 4.0)) < 10
    assert units(count_units(plane, [noise(seed=1), plane], 4.0)) < 10


def test_the_mean_of_two_references_is_a_prediction_too() -> None:
    before, after = noise(seed=1), noise(seed=2)
    assert units(count_units((before + after) / 2, [before, after], 4.0)) < 10


def test_a_coarser_step_costs_less() -> None:
    costs = [units(count_units(noise(), [], scale)) for scale in (1.0, 2.0, 4.0, 8.0, 64.0)]
    assert costs == sorted(costs, reverse=True)


def test_far_beyond_the_step_a_halved_step_costs_one_unit_more_per_coefficient() -> None:
    # log2(1 + (2 q)^2) - log2(1 + q^2) is 2 for large q: a bit for sign and size would be 1 each.
    plane = noise(scale=1000.0)
    coarse, fine = (units(count_units(plane, [plane * 0], scale)) for scale in (0.02, 0.01))
    assert (fine - coarse) / plane.numel() == pytest.approx(2, abs=0.01)


def test_a_residual_of_one_size_costs_what_the_training_loss_says() -> None:
    """The loss of the training is the same count at the one size of 8, per texel."""
    plane, before = noise(scale=5.0), noise(scale=5.0, seed=3)
    blocks = [cut_blocks(each, 8).flatten(0, 1)[..., None] for each in (plane, before)]
    loss = transform_bits(blocks[0], blocks[1], torch.tensor([3.0]))
    counted = residual_units((plane - before)[None], 8, 3.0).sum()
    assert float(counted) / plane.numel() == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize("with_reference", [False, True])
def test_the_gradient_is_the_slope(with_reference) -> None:
    plane = noise(32, 32, scale=6.0).double().requires_grad_()
    references = [noise(32, 32, 6.0, 5).double()] if with_reference else []
    torch.autograd.backward(count_units(plane, references, 3.0).units)
    direction = torch.randn(32, 32, generator=torch.Generator().manual_seed(9)).double()
    with torch.no_grad():
        ahead, behind = (
            units(count_units(plane + sign * 1e-5 * direction, references, 3.0)) for sign in (1, -1)
        )
    slope = float((plane.grad * direction).sum())
    # Where two partitions cost the same the slope has a step; none of this plane is that close.
    assert (ahead - behind) / 2e-5 == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("side", SIZES)
def test_every_size_predicts_rows_columns_and_flat_areas(side) -> None:
    flat = torch.full((64, 64), 9.0)
    rows = torch.arange(64.0)[:, None].expand(64, 64).contiguous() * 3
    for plane, free in ((flat, 0.0), (rows, 2.1), (rows.T.contiguous(), 2.1)):
        inner = intra_units(plane, side, 2.0)[1:, 1:]
        assert not inner.numel() or float(inner.max()) <= free


def test_blocks_are_cut_row_by_row() -> None:
    plane = torch.arange(16.0 * 24).view(16, 24)
    blocks = cut_blocks(plane, 8)
    assert blocks.shape == (2, 3, 8, 8)
    assert torch.equal(blocks[1, 2], plane[8:, 16:])
    assert torch.equal(cut_blocks(plane[None], 8)[0], blocks)


def test_a_plane_of_any_size_grows_to_whole_blocks_by_repeating_its_ends() -> None:
    grown = whole_blocks(ramp(40, 33))
    assert grown.shape == (64, 64)
    assert torch.equal(grown[:40, :33], ramp(40, 33))
    assert torch.equal(grown[63, :33], ramp(40, 33)[39])


def test_spread_and_areas_tell_where_units_are() -> None:
    one = torch.zeros(64, 64)
    one[:32, :32] = noise(32, 32)
    everywhere = noise(64, 64)
    near, wide = (count_units(plane, [torch.zeros(64, 64)], 4.0) for plane in (one, everywhere))
    assert near.areas == wide.areas == 4
    assert 2.5 * float(near.spread) < float(wide.spread)
