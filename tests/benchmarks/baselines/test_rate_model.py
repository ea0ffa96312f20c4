import math

import numpy as np
import pytest
import torch

from benchmarks.baselines.rate_model import (
    KIND_COUNT,
    FirstSteps,
    RateModel,
    StoredRates,
    anchors,
    interpolated,
    laplace_bits,
    laplace_table,
    position_of,
    stored_size,
)
from benchmarks.rd.symbols import LARGEST

MULTIPLIERS = (1e-2, 1e-3, 1e-4)
CHANNELS = 2
ROWS = 1 + 3 * CHANNELS


@pytest.fixture
def model() -> RateModel:
    torch.manual_seed(0)
    return RateModel(MULTIPLIERS, CHANNELS, FirstSteps())


def cumulative(x: float, mean: float, scale: float) -> float:
    """The Laplace distribution function."""
    part = 0.5 * math.exp(-abs(x - mean) / scale)
    return part if x < mean else 1 - part


@pytest.mark.parametrize("mean", [0.0, 0.3, -2.4])
@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0])
def test_bits_are_those_of_a_laplace_distribution(mean: float, scale: float) -> None:
    symbols = torch.linspace(-4, 4, 33, dtype=torch.float64)[:, None]
    ends = [torch.tensor([value], dtype=torch.float64) for value in (mean, scale)]
    bits = laplace_bits(symbols, *ends)[:, 0]
    for symbol, found in zip(symbols[:, 0].tolist(), bits.tolist(), strict=True):
        high, low = (cumulative(symbol + side, mean, scale) for side in (0.5, -0.5))
        if high - low > 1e-9:  # Below, the plain difference has lost its digits.
            assert found == pytest.approx(-math.log2(high - low), abs=1e-6)


def test_bits_keep_a_slope_however_far_a_symbol_is() -> None:
    symbols = torch.tensor([[400.0], [-400.0], [0.0], [0.5]], requires_grad=True)
    scales = torch.tensor([0.05], requires_grad=True)
    laplace_bits(symbols, torch.zeros(1), scales).sum().backward()
    assert symbols.grad is not None
    assert scales.grad is not None
    assert symbols.grad[0] > 1
    assert symbols.grad[1] < -1
    assert symbols.grad[2] == 0
    assert torch.isfinite(symbols.grad).all()
    assert torch.isfinite(scales.grad).all()


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 0.05), (-3.2, 2.0), (0.0, 200.0), (90.0, 1.0)])
def test_a_table_expects_what_the_distribution_says(mean: float, scale: float) -> None:
    table = laplace_table(mean, scale)
    shares = table.counts / table.counts.sum()
    assert (table.counts > 0).all()
    center = round(mean)
    expected = cumulative(center + 0.5, mean, scale) - cumulative(center - 0.5, mean, scale)
    assert shares[center + LARGEST] == pytest.approx(expected, rel=0.02, abs=1e-4)
    outside = 1 - cumulative(LARGEST + 0.5, mean, scale) + cumulative(-LARGEST - 0.5, mean, scale)
    assert shares[-1] == pytest.approx(outside, abs=0.01)


def test_the_steps_at_a_position_are_geometric_means(model: RateModel) -> None:
    first, second, last = (model.steps(place, 0) for place in (0.0, 0.5, 1.0))
    assert first.tolist() == pytest.approx([0.25, 1, 1, 1])
    assert last.tolist() == pytest.approx([2, 8, 8, 8])
    torch.testing.assert_close(model.steps(0.25, 0), (first * second).sqrt())


def test_gradients_of_a_step_reach_the_rates_around_it(model: RateModel) -> None:
    model.steps(0.75, 1).sum().backward()
    slope = model.log_steps.grad
    assert slope is not None
    assert (slope[0] == 0).all()
    assert (slope[1:, 1] > 0).all()
    assert (slope[:, 0] == 0).all()


def test_positions_are_linear_in_the_logarithm() -> None:
    assert [position_of(m, MULTIPLIERS) for m in MULTIPLIERS] == pytest.approx([0, 0.5, 1])
    assert position_of(math.sqrt(1e-2 * 1e-3), MULTIPLIERS) == pytest.approx(0.25)
    assert position_of(1e-3, (1e-3,)) == 0


@pytest.mark.parametrize(("value", "known"), [(2e-2, MULTIPLIERS), (1e-5, MULTIPLIERS), (1, (2,))])
def test_multipliers_outside_the_trained_ones_are_refused(
    value: float, known: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="multiplier is"):
        position_of(value, known)


def test_anchors_are_the_rates_around_a_position() -> None:
    assert anchors(0.0, 3) == (0, 0.0)
    assert anchors(0.75, 3) == (1, 0.5)
    assert anchors(1.0, 3) == (1, 1.0)
    assert anchors(0.0, 1) == (0, 0.0)


@pytest.mark.parametrize("stage", [0, 1])
def test_stored_parameters_survive_as_bytes(model: RateModel, stage: int) -> None:
    stored = model.stored(0.5, stage)
    data = stored.to_bytes(stage)
    assert len(data) == stored_size(stage, CHANNELS)
    found = StoredRates.from_bytes(data, stage, CHANNELS)
    assert np.array_equal(found.step_codes, stored.step_codes)
    assert np.array_equal(found.mean_codes, stored.mean_codes)
    assert np.array_equal(found.scale_codes, stored.scale_codes)
    assert len(found.tables()) == ROWS


def test_stored_steps_are_those_of_the_model_within_a_sixteenth_of_an_octave(
    model: RateModel,
) -> None:
    with torch.no_grad():
        steps = model.steps(0.3, 0).numpy()
    ratio = np.log2(model.stored(0.3, 0).steps / steps)
    assert np.abs(ratio).max() <= 1 / 32 + 1e-6


def test_changes_have_no_mean(model: RateModel) -> None:
    means, _ = model.distributions(0.2, 1)
    assert (means == 0).all()
    assert (model.stored(0.2, 1).mean_codes == 0).all()


def test_the_network_is_told_the_rate_and_the_channel(model: RateModel) -> None:
    _, first = model.distributions(0.0, 0)
    _, last = model.distributions(1.0, 0)
    assert (first != last).any()
    assert len(set(first.tolist())) == ROWS


def test_interpolation_meets_the_trained_rates(model: RateModel) -> None:
    stored = [model.stored(place, 0) for place in (0, 0.5, 1)]
    for place, known in zip((0, 0.5, 1), stored, strict=True):
        found = interpolated(stored, place)
        assert np.array_equal(found.step_codes, known.step_codes)
        assert np.array_equal(found.scale_codes, known.scale_codes)
    between = interpolated(stored, 0.25).steps
    assert ((between > stored[0].steps) & (between < stored[1].steps)).all()
    (only,) = (interpolated(stored[:1], 0.0),)
    assert np.array_equal(only.step_codes, stored[0].step_codes)


def test_first_steps_of_one_rate_lie_on_the_ladder() -> None:
    ladder = FirstSteps().log_steps(5)
    for number in range(5):
        alone = FirstSteps().at(number / 4).log_steps(1)
        torch.testing.assert_close(alone[0], ladder[number])
    assert ladder.shape == (5, 2, KIND_COUNT)
