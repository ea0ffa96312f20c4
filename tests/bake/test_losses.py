"""Losses by hand, by finite differences, and by the properties that make them useful."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bake.losses import (
    LossConfig,
    dct_basis,
    opacity_entropy,
    photometric,
    quantizer_step,
    spatial_variation,
    temporal_difference,
    transform_bits,
)

STEPS = torch.tensor([0.5, 0.25])


def random_blocks(side: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, side, side, 2, generator=generator)


def test_the_photometric_loss_is_the_mean_squared_error() -> None:
    colors = torch.tensor([[0.0, 0.5, 1.0], [0.25, 0.25, 0.25]])
    truth = torch.tensor([[0.0, 0.5, 0.0], [0.25, 0.75, 0.25]])
    assert photometric(colors, truth).item() == pytest.approx((1 + 0.25) / 6)


def test_entropy_is_largest_for_rays_that_are_half_let_through() -> None:
    assert opacity_entropy(torch.tensor([0.5])).item() == pytest.approx(math.log(2))
    share = 0.2
    expected = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    assert opacity_entropy(torch.tensor([share, 1 - share])).item() == pytest.approx(expected)


@given(st.floats(0, 1), st.floats(0, 1))
def test_entropy_falls_as_a_ray_is_decided(a, b) -> None:
    near, far = sorted((a, b), key=lambda t: abs(t - 0.5))
    entropies = [opacity_entropy(torch.tensor([t])).item() for t in (near, far)]
    # The largest entropy is 0.7, good to a few float32 roundings.
    assert entropies[1] <= entropies[0] + 1e-6
    assert all(0 <= entropy <= math.log(2) + 1e-6 for entropy in entropies)


def test_decided_rays_have_a_finite_gradient() -> None:
    transmittance = torch.tensor([0.0, 1.0, 1e-9], requires_grad=True)
    opacity_entropy(transmittance).backward()
    assert transmittance.grad is not None
    assert torch.isfinite(transmittance.grad).all()


def test_spatial_variation_sums_neighbor_steps_by_hand() -> None:
    block = torch.tensor([[0.0, 1.0], [3.0, 7.0]]).reshape(1, 2, 2, 1)
    # Down: |3 - 0| + |7 - 1|; right: |1 - 0| + |7 - 3|; four values.
    assert spatial_variation(block).item() == pytest.approx((3 + 6 + 1 + 4) / 4)


def test_spatial_variation_never_looks_across_a_block_border() -> None:
    blocks = torch.tensor([0.0, 100.0]).reshape(2, 1, 1, 1).expand(2, 4, 4, 3)
    assert spatial_variation(blocks).item() == 0


def test_temporal_difference_is_the_mean_absolute_change() -> None:
    previous = torch.zeros(1, 2, 2, 1, requires_grad=True)
    blocks = torch.tensor([1.0, -2.0, 0.0, 5.0]).reshape(1, 2, 2, 1).requires_grad_()
    loss = temporal_difference(blocks, previous)
    assert loss.item() == pytest.approx(2.0)
    loss.backward()
    assert blocks.grad is not None
    assert blocks.grad.flatten().tolist() == [0.25, -0.25, 0.0, 0.25]
    assert previous.grad is None  # The previous frame is fixed.


@pytest.mark.parametrize("side", [1, 2, 4, 8, 16])
def test_the_transform_basis_is_orthonormal(side) -> None:
    basis = dct_basis(side)
    torch.testing.assert_close(basis @ basis.T, torch.eye(side), rtol=0, atol=1e-5)
    # The first row is the mean; row k changes sign k times.
    assert (basis[0] == basis[0, 0]).all()
    signs = basis.sign()
    assert [int((row[1:] != row[:-1]).sum()) for row in signs] == list(range(side))


def test_bits_of_an_unchanged_atlas_are_zero() -> None:
    blocks = random_blocks()
    assert transform_bits(blocks, blocks, STEPS).item() == 0


def test_bits_of_one_coefficient_by_hand() -> None:
    basis = dct_basis(4)
    block = (3.0 * basis[1][:, None] * basis[2]).reshape(1, 4, 4, 1)
    # 6 steps of 0.5 in one of sixteen coefficients.
    expected = math.log2(1 + 6.0**2) / 16
    for previous in (None, torch.zeros_like(block)):
        found = transform_bits(block, previous, STEPS[:1]).item()
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_mean_of_a_block_is_free_in_the_first_atlas_only() -> None:
    flat = torch.full((2, 4, 4, 2), 3.0)
    # What remains is rounding in the transform of a constant.
    assert transform_bits(flat, None, STEPS).item() < 1e-6
    assert transform_bits(flat, torch.zeros_like(flat), STEPS).item() > 0.1
    blocks = random_blocks()
    shifted = blocks + torch.randn(3, 1, 1, 2)
    bits = [transform_bits(b, None, STEPS).item() for b in (blocks, shifted)]
    assert bits[0] == pytest.approx(bits[1], rel=1e-4)


@given(seed=st.integers(0, 99), factor=st.floats(1.01, 4), has_previous=st.booleans())
def test_bits_grow_with_the_amplitude_and_with_a_finer_step(seed, factor, has_previous) -> None:
    blocks = random_blocks(seed=seed)
    previous = torch.zeros_like(blocks) if has_previous else None
    plain = transform_bits(blocks, previous, STEPS).item()
    louder = transform_bits(blocks * factor, previous, STEPS).item()
    finer = transform_bits(blocks, previous, STEPS / factor).item()
    assert 0 < plain < louder
    assert louder == pytest.approx(finer, rel=1e-4)


def differences(loss, values: Tensor) -> Tensor:
    """Central differences of a scalar loss, entry by entry."""
    slopes = torch.zeros_like(values)
    for index in range(values.numel()):
        delta = torch.zeros(values.numel(), dtype=values.dtype)
        delta[index] = 1e-5
        step = delta.view_as(values)
        rise = loss(values + step) - loss(values - step)
        slopes.view(-1)[index] = rise / 2e-5
    return slopes


LOSSES = {
    "photometric": lambda values: photometric(values, torch.zeros_like(values)),
    "entropy": lambda values: opacity_entropy(values.sigmoid()),
    "spatial": spatial_variation,
    "temporal": lambda values: temporal_difference(values, torch.zeros_like(values)),
    "intra": lambda values: transform_bits(values, None, STEPS.double()),
    "inter": lambda values: transform_bits(values, torch.ones_like(values), STEPS.double()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_agree_with_finite_differences(name) -> None:
    values = random_blocks().double().requires_grad_()
    LOSSES[name](values).backward()
    with torch.no_grad():
        expected = differences(LOSSES[name], values.detach())
    assert values.grad is not None
    assert expected.abs().max() > 1e-3
    # In float64 central differences are good to the square of their step.
    torch.testing.assert_close(values.grad, expected, rtol=1e-5, atol=1e-8)


@given(st.floats(0, 45))
def test_the_quantizer_step_doubles_every_six_qp(qp) -> None:
    assert quantizer_step(qp + 6) == pytest.approx(2 * quantizer_step(qp))


def test_a_qp_of_four_steps_by_one_code() -> None:
    assert quantizer_step(4) == 1


WEIGHTS = ("opacity_entropy", "spatial", "temporal", "intra_bits", "inter_bits")


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf, 1e300])
def test_weights_that_reward_or_drown_are_refused(name, value) -> None:
    with pytest.raises(ValueError, match=f"{name} is .*, expected a number from 0"):
        LossConfig(**{name: value})


@pytest.mark.parametrize("qp", [-0.5, 51.5, math.nan])
def test_a_qp_outside_the_standards_is_refused(qp) -> None:
    with pytest.raises(ValueError, match=r"target_qp is .*, expected a number from 0 to 51"):
        LossConfig(target_qp=qp)


def test_every_loss_may_be_turned_off() -> None:
    config = LossConfig(**dict.fromkeys(WEIGHTS, 0.0), target_qp=51)
    assert [getattr(config, name) for name in WEIGHTS] == [0.0] * 5
