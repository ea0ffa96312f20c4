"""Values under simulated rounding, and the whole numbers that are left of them."""

import numpy as np
import pytest
import torch

from benchmarks.baselines.coded_values import CodedValues, CodeScale, dequantize
from benchmarks.rd.entropy_model import FactorizedDensity
from benchmarks.rd.symbols import LARGEST

SCALE = CodeScale.of((2.0, 0.5), (0.3, 0.05), 4)


def values_of(start: torch.Tensor, seed: int = 0) -> CodedValues:
    generator = torch.Generator().manual_seed(seed)
    return CodedValues(start, SCALE, FactorizedDensity.broad(start.shape[1]), generator)


def some_start() -> torch.Tensor:
    return torch.randn(200, 4, generator=torch.Generator().manual_seed(5)) * 3


def test_density_has_a_step_and_a_rate_of_its_own() -> None:
    assert SCALE.steps.tolist() == [2.0, 0.5, 0.5, 0.5]
    torch.testing.assert_close(SCALE.rates, torch.tensor([0.3, 0.05, 0.05, 0.05]))


def test_values_start_where_they_should() -> None:
    torch.testing.assert_close(values_of(some_start()).exact(), some_start())


def test_noise_is_uniform_over_one_step() -> None:
    start = torch.zeros(5000, 4)
    noise = values_of(start).noisy() / SCALE.steps
    assert noise.abs().max() <= 0.5
    assert float(noise.detach().mean()) == pytest.approx(0, abs=0.01)
    assert float(noise.detach().var()) == pytest.approx(1 / 12, rel=0.05)


def test_noise_differs_from_step_to_step_and_follows_the_seed() -> None:
    first, again = values_of(some_start()), values_of(some_start())
    drawn = first.noisy()
    assert not torch.equal(drawn, first.noisy())
    assert torch.equal(drawn, again.noisy())


def test_codes_are_the_nearest_whole_steps() -> None:
    values = values_of(some_start())
    decoded = dequantize(values.codes(), SCALE)
    assert ((decoded - some_start()).abs() <= SCALE.steps / 2 + 1e-5).all()


def test_values_beyond_the_largest_code_are_cut() -> None:
    codes = values_of(torch.full((3, 4), -1e6)).codes()
    assert codes.dtype == np.int8
    assert (codes == -LARGEST).all()


def test_bits_are_those_of_the_noisy_codes() -> None:
    values = values_of(some_start())
    noisy = values.noisy()
    expected = values.density.bits((noisy / SCALE.steps).detach())
    torch.testing.assert_close(values.bits(), expected, rtol=1e-4, atol=1e-2)


def test_bits_before_any_values_are_refused() -> None:
    with pytest.raises(RuntimeError, match="call noisy first"):
        values_of(some_start()).bits()


def test_one_step_moves_each_channel_by_its_rate() -> None:
    values = values_of(some_start())
    optimizer = torch.optim.Adam(values.parameters())
    values.noisy().sum().backward()
    optimizer.step()
    moved = some_start() - values.exact()
    torch.testing.assert_close(moved, SCALE.rates.expand_as(moved), rtol=1e-2, atol=1e-4)


def test_the_smallest_gradients_still_move_values() -> None:
    """A rate per texel has gradients far below Adam's usual epsilon."""
    values = values_of(some_start())
    optimizer = torch.optim.Adam(values.parameters())
    (values.noisy().sum() * 1e-10).backward()
    optimizer.step()
    moved = some_start() - values.exact()
    torch.testing.assert_close(moved, SCALE.rates.expand_as(moved), rtol=1e-2, atol=1e-4)


def test_training_on_bits_alone_leaves_next_to_none() -> None:
    values = values_of(some_start())
    optimizer = torch.optim.Adam(values.parameters())
    sizes = []
    for _ in range(250):
        optimizer.zero_grad()
        values.noisy()
        bits = values.bits()
        sizes.append(float(bits.detach()))
        bits.backward()
        optimizer.step()
    assert sizes[-1] < 0.1 * sizes[0]
