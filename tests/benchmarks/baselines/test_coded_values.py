"""Values under rounding, and the whole numbers that are left of them."""

import numpy as np
import pytest
import torch

from benchmarks.baselines.coded_values import (
    CodedValues,
    CodeScale,
    SteppedCodes,
    decode_coded,
    encode_coded,
)
from benchmarks.rd.entropy_model import FactorizedDensity
from benchmarks.rd.symbols import LARGEST, join_chunks, split_chunks
from render.errors import SceneError

SCALE = CodeScale.of((2.0, 0.5), (0.3, 0.05), 4)


def values_of(start: torch.Tensor, seed: int = 0) -> CodedValues:
    generator = torch.Generator().manual_seed(seed)
    return CodedValues(start, SCALE, FactorizedDensity.broad(start.shape[1]), generator)


def some_start() -> torch.Tensor:
    return torch.randn(200, 4, generator=torch.Generator().manual_seed(5)) * 3


def some_frames(count: int = 3) -> list[SteppedCodes]:
    rng = np.random.default_rng(3)
    return [
        SteppedCodes(
            rng.integers(-9, 10, (50, 4)).astype(np.int8),
            rng.integers(-128, 128, 4).astype(np.int8),
        )
        for _ in range(count)
    ]


def test_density_has_a_step_and_a_rate_of_its_own() -> None:
    assert SCALE.steps.tolist() == [2.0, 0.5, 0.5, 0.5]
    torch.testing.assert_close(SCALE.rates, torch.tensor([0.3, 0.05, 0.05, 0.05]))


def test_values_start_where_they_should() -> None:
    torch.testing.assert_close(values_of(some_start()).exact(), some_start())


def test_rays_see_rounded_values() -> None:
    values = values_of(some_start())
    torch.testing.assert_close(values.rounded().detach(), values.coded().values())


def test_prices_see_uniform_noise_over_one_step() -> None:
    values = values_of(torch.zeros(5000, 4))
    values.rounded()
    noise = values._noisy
    assert noise is not None
    assert noise.abs().max() <= 0.5
    assert float(noise.detach().mean()) == pytest.approx(0, abs=0.01)
    assert float(noise.detach().var()) == pytest.approx(1 / 12, rel=0.05)


def test_noise_differs_from_step_to_step_and_follows_the_seed() -> None:
    first, again = values_of(some_start()), values_of(some_start())
    drawn = []
    for values in (first, first, again):
        values.rounded()
        drawn.append(values._noisy)
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])


def test_gradients_pass_rounding_as_if_it_were_not_there() -> None:
    values = values_of(some_start())
    weights = torch.rand(200, 4)
    (values.rounded() * weights).sum().backward()
    torch.testing.assert_close(values._trained.grad, weights * SCALE.rates)


def test_a_step_learns_from_what_rounding_adds() -> None:
    """Where a longer step would lead a rounded value, at the same code."""
    values = values_of(some_start())
    values.rounded().sum().backward()
    added = torch.round(some_start() / SCALE.steps) - some_start() / SCALE.steps
    expected = (added * SCALE.steps).sum(0) * np.log(2)
    torch.testing.assert_close(values._log_steps.grad, expected, atol=1e-3, rtol=1e-4)


def test_steps_grow_where_only_bits_count_and_shrink_where_only_error_does() -> None:
    found = []
    for is_priced in (True, False):
        values, wanted = values_of(some_start()), some_start()
        optimizer = torch.optim.Adam(values.parameters()[1:2])
        for _ in range(40):
            optimizer.zero_grad()
            error = (values.rounded() - wanted).square().sum()
            (values.bits() if is_priced else error).backward()
            optimizer.step()
        found.append(values.scale().steps)
    assert (found[0] > SCALE.steps).all()
    assert (found[1] < SCALE.steps).all()


def test_codes_are_the_nearest_whole_steps() -> None:
    coded = values_of(some_start()).coded()
    torch.testing.assert_close(coded.steps, SCALE.steps)
    assert ((coded.values() - some_start()).abs() <= SCALE.steps / 2 + 1e-5).all()


def test_values_beyond_the_largest_code_are_cut() -> None:
    codes = values_of(torch.full((3, 4), -1e6)).coded().codes
    assert codes.dtype == np.int8
    assert (codes == -LARGEST).all()


def test_bits_are_those_of_the_noisy_codes() -> None:
    values = values_of(some_start())
    values.rounded()
    assert values._noisy is not None
    expected = values.density.bits(values._noisy.detach())
    torch.testing.assert_close(values.bits(), expected, rtol=1e-4, atol=1e-2)


def test_bits_before_any_values_are_refused() -> None:
    with pytest.raises(RuntimeError, match="call rounded first"):
        values_of(some_start()).bits()


def test_one_step_moves_each_channel_by_its_rate() -> None:
    values = values_of(some_start())
    optimizer = torch.optim.Adam(values.parameters())
    values.rounded().sum().backward()
    optimizer.step()
    moved = some_start() - values.exact()
    torch.testing.assert_close(moved, SCALE.rates.expand_as(moved), rtol=1e-2, atol=1e-4)


def test_the_smallest_gradients_still_move_values() -> None:
    """A rate per texel has gradients far below Adam's usual epsilon."""
    values = values_of(some_start())
    optimizer = torch.optim.Adam(values.parameters())
    (values.rounded().sum() * 1e-10).backward()
    optimizer.step()
    moved = some_start() - values.exact()
    torch.testing.assert_close(moved, SCALE.rates.expand_as(moved), rtol=1e-2, atol=1e-4)


def test_training_on_bits_alone_leaves_next_to_none() -> None:
    values = values_of(some_start())
    optimizer = torch.optim.Adam(values.parameters())
    sizes = []
    for _ in range(250):
        optimizer.zero_grad()
        values.rounded()
        bits = values.bits()
        sizes.append(float(bits.detach()))
        bits.backward()
        optimizer.step()
    assert sizes[-1] < 0.1 * sizes[0]


@pytest.mark.parametrize("count", [1, 3])
def test_frames_come_back_from_bytes_with_their_steps(count) -> None:
    frames = some_frames(count)
    found = list(decode_coded(encode_coded(frames), count, (50, 4)))
    assert len(found) == count
    for before, after in zip(frames, found, strict=True):
        assert np.array_equal(before.codes, after.codes)
        assert torch.equal(before.steps, after.steps)


def test_steps_of_another_count_are_refused() -> None:
    octaves, codes = split_chunks(encode_coded(some_frames()), 2)
    for wrong in (octaves[:-1], octaves + b"\0", b""):
        with pytest.raises(SceneError, match=r"steps .* expected 12; the package is damaged"):
            list(decode_coded(join_chunks([wrong, codes]), 3, (50, 4)))
