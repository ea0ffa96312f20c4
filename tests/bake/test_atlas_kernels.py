"""The compiled steps against automatic differentiation and torch's optimizer."""

from collections.abc import Callable, Iterator

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bake import atlas_kernels as kernels
from bake.losses import dct_basis, spatial_variation, temporal_difference, transform_bits

Array = NDArray[np.float32]
RATE, BETAS = 0.05, (0.9, 0.99)


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def random_array(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def random_blocks(side: int, channels: int = 3, *, seed: int = 0, count: int = 5) -> Array:
    return random_array(count, side * side, channels, seed=seed)


def autograd(loss: Callable[[torch.Tensor], torch.Tensor], blocks: Array, side: int) -> Array:
    """Gradient of a loss of square blocks, laid out as the kernels lay theirs out."""
    count, _, channels = blocks.shape
    square = torch.from_numpy(blocks).double().view(count, side, side, channels).requires_grad_()
    loss(square).backward()
    assert square.grad is not None
    return square.grad.reshape(blocks.shape).numpy()


def bases_of(side: int) -> Array:
    basis = dct_basis(side).numpy()
    return np.ascontiguousarray(np.stack([basis, basis.T]))


def square(blocks: Array, side: int) -> torch.Tensor:
    return torch.from_numpy(blocks).view(len(blocks), side, side, -1).double()


@pytest.mark.parametrize("side", [4, 8, 16])
@pytest.mark.parametrize("is_intra", [True, False], ids=["intra", "inter"])
def test_the_bit_gradient_agrees_with_automatic_differentiation(side, is_intra) -> None:
    blocks, before = random_blocks(side), random_blocks(side, seed=1)
    previous = None if is_intra else square(before, side)
    steps = torch.tensor([0.3, 0.5, 1.0], dtype=torch.float64)
    expected = autograd(lambda b: transform_bits(b, previous, steps), blocks, side)
    found = np.zeros_like(blocks)
    kernels.add_transform_bits(
        blocks,
        before[:0] if is_intra else before,
        (1 / steps).float().numpy(),
        bases_of(side),
        np.float32(1 / blocks.size),
        found,
    )
    # Two transforms of up to 32 float32 products, each good to 6e-8 of the largest.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("side", [4, 8])
def test_the_spatial_gradient_agrees_with_automatic_differentiation(side) -> None:
    blocks = random_blocks(side)
    found = np.zeros_like(blocks)
    kernels.add_spatial_variation(blocks, side, np.float32(1 / blocks.size), found)
    expected = autograd(spatial_variation, blocks, side)
    # Sums of at most four equal numbers of either sign.
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_the_temporal_gradient_agrees_with_automatic_differentiation() -> None:
    blocks, before = random_blocks(4), random_blocks(4, seed=1)
    before[0] = blocks[0]  # Where nothing changed there is no slope.
    found = np.zeros_like(blocks)
    kernels.add_temporal_difference(blocks, before, np.float32(1 / blocks.size), found)
    expected = autograd(lambda b: temporal_difference(b, square(before, 4)), blocks, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert not found[0].any()


def test_gradients_are_added_to_what_is_there() -> None:
    blocks, before = random_blocks(4), random_blocks(4, seed=1)
    ways = (
        lambda into: kernels.add_spatial_variation(blocks, 4, np.float32(0.1), into),
        lambda into: kernels.add_temporal_difference(blocks, before, np.float32(0.1), into),
        lambda into: kernels.add_transform_bits(
            blocks, before, np.ones(3, np.float32), bases_of(4), np.float32(0.1), into
        ),
    )
    for way in ways:
        fresh, used = np.zeros_like(blocks), np.full_like(blocks, 8)
        way(fresh)
        way(used)
        # Numbers around 8 have a spacing of 1e-6.
        np.testing.assert_allclose(used, fresh + 8, rtol=0, atol=2e-6)


def adam_step(
    count: int, *, rate: float = RATE, bound: float = 100.0, rounding: float = 0.0
) -> kernels.AdamStep:
    corrections = (1 / (1 - BETAS[0] ** count), 1 / (1 - BETAS[1] ** count))
    numbers = (rate, *BETAS, *corrections, -bound, bound, rounding)
    return kernels.AdamStep(*(np.float32(number) for number in numbers))


def zero_moments(size: int) -> kernels.Moments:
    return kernels.Moments(np.zeros(size, np.float32), np.zeros(size, np.float32))


def test_the_update_is_adam() -> None:
    start = random_array(200)
    master, seen, moments = start.copy(), start.copy(), zero_moments(200)
    plain = torch.from_numpy(start.copy()).requires_grad_()
    optimizer = torch.optim.Adam([plain], lr=RATE, betas=BETAS, eps=1e-10)
    for count in range(1, 9):
        slabs, extra = random_array(2, 200, seed=count), random_array(200, seed=100 + count)
        plain.grad = torch.from_numpy(extra + slabs[0] + slabs[1])
        optimizer.step()
        kernels.adam_update(master, seen, moments, slabs, extra, adam_step(count))
    # Each step is at most about the rate, and good to a few float32 roundings of it; torch adds
    # epsilon after the bias correction as well, but is free to order the operations differently.
    np.testing.assert_allclose(master, plain.detach().numpy(), rtol=0, atol=8 * RATE * 2e-5)
    assert np.array_equal(seen, master)


def test_texels_without_a_gradient_do_not_move() -> None:
    start = random_array(50)
    master, seen = start.copy(), start.copy()
    nothing = np.zeros(50, np.float32)
    kernels.adam_update(
        master, seen, zero_moments(50), np.zeros((2, 50), np.float32), nothing, adam_step(1)
    )
    assert np.array_equal(master, start)


def test_the_slabs_are_cleared_for_the_next_pass() -> None:
    master, seen, slabs = random_array(40), random_array(40), random_array(2, 40, seed=1)
    kernels.adam_update(
        master, seen, zero_moments(40), slabs, np.zeros(40, np.float32), adam_step(1)
    )
    assert not slabs.any()


@settings(max_examples=20)
@given(seed=st.integers(0, 99), bound=st.floats(0.1, 8), levels=st.integers(1, 1023))
def test_values_stay_in_bounds_and_the_rays_see_a_grid(seed, bound, levels) -> None:
    master, seen = random_array(64, seed=seed), np.empty(64, np.float32)
    rounding = 2 * bound / levels
    step = adam_step(1, rate=2.0, bound=bound, rounding=rounding)
    kernels.adam_update(
        master, seen, zero_moments(64), random_array(2, 64), np.zeros(64, np.float32), step
    )
    assert np.abs(master).max() <= np.float32(bound)
    codes = (seen.astype(np.float64) + bound) / rounding
    # float32 holds a code of up to 1023 steps to 1e-4 of a step.
    np.testing.assert_allclose(codes, np.rint(codes), rtol=0, atol=1e-3)
    assert np.abs(seen - master).max() <= rounding * 0.501
    assert codes.min() > -0.5
    assert codes.max() < levels + 0.5


def updated(threads: int) -> list[bytes]:
    """Everything the kernels write, computed by that many threads."""
    numba.set_num_threads(threads)
    blocks, before = random_blocks(8, count=37), random_blocks(8, seed=1, count=37)
    gradient = np.zeros_like(blocks)
    scale = np.float32(0.01)
    kernels.add_transform_bits(
        blocks, before, np.full(3, 3, np.float32), bases_of(8), scale, gradient
    )
    kernels.add_spatial_variation(blocks, 8, scale, gradient)
    kernels.add_temporal_difference(blocks, before, scale, gradient)
    master, seen, moments = blocks.reshape(-1).copy(), np.empty(blocks.size, np.float32), None
    moments = zero_moments(blocks.size)
    for count in (1, 2):
        slabs = random_array(2, blocks.size, seed=count)
        step = adam_step(count, rounding=0.01)
        kernels.adam_update(master, seen, moments, slabs, gradient.reshape(-1), step)
    return [a.tobytes() for a in (gradient, master, seen, moments.first, moments.second)]


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread is all there is")
def test_results_do_not_depend_on_the_thread_count() -> None:
    assert updated(1) == updated(2) == updated(numba.config.NUMBA_NUM_THREADS)
