"""The learned density: its cost as a loss, what a coder makes of it, and damage."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rd.entropy_model import (
    FactorizedDensity,
    code_costs,
    decode_frames,
    encode_frames,
    histogram,
    look_up,
)
from benchmarks.rd.symbols import LARGEST, join_chunks, split_chunks
from render.errors import SceneError

SCALES = (0.1, 0.4, 2.0, 9.0)
HEAD_BYTES = 4 * (2 + 2 * 9)


def laplace(rows: int = 4000, seed: int = 0, center: float = 0.0) -> np.ndarray:
    """Codes (rows, 4) of four widths."""
    drawn = np.random.default_rng(seed).laplace(center, SCALES, (rows, len(SCALES)))
    return np.rint(drawn).clip(-LARGEST, LARGEST).astype(np.int8)


def entropy_bytes(codes: np.ndarray) -> float:
    """What a coder with the codes' own shares would need."""
    counts = histogram([codes]).astype(np.float64)
    shares = counts / counts.sum(1, keepdims=True)
    return float(-(counts * np.log2(np.where(shares > 0, shares, 1))).sum() / 8)


def mixture_bits(parameters: torch.Tensor, channel: int, code: float) -> float:
    """By the definition: minus the logarithm of the difference of a mixture's two values."""
    logits, centers, scales = parameters[channel].double().view(3, 3)
    shares, scales = torch.softmax(logits, 0) * (1 - 2**-12), scales.exp()

    def below(place: float) -> float:
        narrow = (shares * torch.sigmoid((place - centers) / scales)).sum()
        return float(narrow) + 2**-12 / (1 + np.exp(-place / 24))

    return -np.log2(below(code + 0.5) - below(code - 0.5))


def some_density() -> FactorizedDensity:
    generator = torch.Generator().manual_seed(3)
    return FactorizedDensity(torch.randn(4, 9, generator=generator))


def bits_of(density: FactorizedDensity, noisy: torch.Tensor) -> float:
    return float(density.bits(noisy).detach())


def test_a_code_costs_what_the_mixture_says() -> None:
    parameters = some_density().parameters.detach()
    costs = code_costs(parameters)
    for channel, code in ((0, 0), (1, 1), (2, -3), (3, 8)):
        expected = mixture_bits(parameters, channel, code)
        assert float(costs[channel, code + LARGEST]) == pytest.approx(expected, rel=1e-6)


def test_all_codes_together_have_nearly_all_probability() -> None:
    total = torch.exp2(-code_costs(some_density().parameters)).sum(1)
    assert ((total > 0.999) & (total < 1.0001)).all()


def test_bits_of_whole_codes_are_their_costs() -> None:
    density, codes = some_density(), laplace(300)
    costs = code_costs(density.parameters).detach().numpy()
    expected = sum(costs[c, codes[:, c].astype(int) + LARGEST].sum() for c in range(4))
    found = bits_of(density, torch.from_numpy(codes).float())
    assert found == pytest.approx(expected, rel=1e-4)


def test_bits_between_codes_are_close_to_the_mixtures() -> None:
    density = FactorizedDensity.broad(4, 2.0)
    places = torch.rand(50, 4, generator=torch.Generator().manual_seed(1)) * 9 - 4.5
    expected = sum(mixture_bits(density.parameters.detach(), 0, float(p)) for p in places.flatten())
    assert bits_of(density, places) == pytest.approx(expected, rel=5e-3)


def test_codes_beyond_the_largest_cost_what_the_largest_do() -> None:
    density = some_density()
    far, largest = (bits_of(density, torch.full((1, 4), x)) for x in (1000.0, float(LARGEST)))
    assert far == pytest.approx(largest, rel=1e-3)


def test_the_look_up_is_interpolation_and_so_are_its_derivatives() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(2, 4 * 2 * LARGEST + 1)).astype(np.float32)
    values = rng.uniform(-9, 9, (40, 2)).astype(np.float32)
    nodes = np.linspace(-LARGEST, LARGEST, table.shape[1])
    total, slopes, weights = look_up(values, table)
    expected = sum(np.interp(values[:, c], nodes, table[c]).sum() for c in range(2))
    assert total == pytest.approx(expected, rel=1e-4)
    assert (weights * table).sum() == pytest.approx(total, rel=1e-5)
    assert weights.sum() == pytest.approx(values.size, rel=1e-5)
    node = np.floor((values + LARGEST) * 4).astype(int)
    for c in range(2):
        rise = table[c, node[:, c] + 1] - table[c, node[:, c]]
        np.testing.assert_allclose(slopes[:, c], 4 * rise, rtol=1e-5)


def test_gradients_reach_the_density_as_without_a_table() -> None:
    codes = laplace(200)
    looked, direct = some_density(), some_density()
    looked.bits(torch.from_numpy(codes).float()).backward()
    shares = torch.from_numpy(histogram([codes]))
    (shares * code_costs(direct.parameters)).sum().backward()
    expected = direct.parameters.grad
    assert expected is not None
    torch.testing.assert_close(looked.parameters.grad, expected, rtol=1e-2, atol=0.3)


def test_the_gradient_of_a_value_leads_to_cheaper_codes() -> None:
    values = torch.tensor([[3.0], [-3.0], [40.0]], requires_grad=True)
    FactorizedDensity.broad(1, 1.0).bits(values).backward()
    assert values.grad is not None
    assert values.grad[0] > 0.1
    assert values.grad[1] < -0.1
    assert values.grad[2] > 0.01


def test_training_makes_a_density_cheaper() -> None:
    density, codes = FactorizedDensity.broad(4), torch.from_numpy(laplace()).float()
    optimizer = torch.optim.Adam([density.parameters], lr=0.1)
    before = bits_of(density, codes)
    for _ in range(30):
        optimizer.zero_grad()
        density.bits(codes).backward()
        optimizer.step()
    assert bits_of(density, codes) < 0.8 * before


def test_a_fitted_density_is_close_to_the_codes_entropy() -> None:
    codes = laplace()
    density = FactorizedDensity.fitted(histogram([codes]))
    bits = bits_of(density, torch.from_numpy(codes).float())
    assert entropy_bytes(codes) < bits / 8 < 1.02 * entropy_bytes(codes)


def test_a_density_of_two_heaps_fits_both() -> None:
    """Density before activation is such: what is empty, and the rest."""
    rng = np.random.default_rng(0)
    rest = rng.normal(20, 5, (4000, 1))
    codes = np.where(rng.random((4000, 1)) < 0.4, -32, np.rint(rest)).astype(np.int8)
    data = encode_frames([codes])
    assert len(data) < 1.02 * entropy_bytes(codes) + HEAD_BYTES + 32


def test_the_same_counts_give_the_same_density() -> None:
    counts = histogram([laplace()])
    first, second = (FactorizedDensity.fitted(counts).to_bytes() for _ in range(2))
    assert first == second


def test_a_density_survives_its_bytes() -> None:
    density = some_density()
    found = FactorizedDensity.from_bytes(density.to_bytes(), 4)
    torch.testing.assert_close(found.parameters, density.parameters, rtol=1e-3, atol=1e-3)
    assert found.channel_count == 4
    assert found.to_bytes() == density.to_bytes()


@settings(max_examples=15)  # Each one fits two densities.
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 60),
    channels=st.integers(1, 3),
    count=st.integers(1, 4),
    limit=st.sampled_from([0, 1, 20, LARGEST]),
)
def test_frames_come_back_exactly(seed, rows, channels, count, limit) -> None:
    rng = np.random.default_rng(seed)
    frames = [
        rng.integers(-limit, limit + 1, (rows, channels)).astype(np.int8) for _ in range(count)
    ]
    found = list(decode_frames(encode_frames(frames), count, (rows, channels)))
    assert len(found) == count
    for codes, other in zip(frames, found, strict=True):
        assert other.dtype == np.int8
        assert np.array_equal(codes, other)


def test_coded_frames_are_nearly_as_small_as_their_entropy() -> None:
    key, change = laplace(center=5.0), laplace(seed=1)
    data = encode_frames([key, change])
    entropy = entropy_bytes(key) + entropy_bytes(change)
    assert len(data) < 1.02 * entropy + 2 * HEAD_BYTES + 48


def test_frames_of_zeros_cost_next_to_nothing() -> None:
    zeros = np.zeros((20_000, 4), np.int8)
    assert len(encode_frames([zeros, zeros, zeros])) < 2 * HEAD_BYTES + 100


def test_coding_twice_gives_the_same_bytes() -> None:
    assert encode_frames([laplace(), laplace()]) == encode_frames([laplace(), laplace()])


@cache
def coded() -> tuple[bytes, tuple[int, int]]:
    frames = [laplace(500, seed) for seed in range(3)]
    return encode_frames(frames), frames[0].shape


def test_frames_of_another_count_are_refused() -> None:
    data, shape = coded()
    for count in (1, 2, 4):
        with pytest.raises(SceneError, match="damaged"):
            list(decode_frames(data, count, shape))


@pytest.mark.parametrize("kept", [0, 3, 40, -1])
def test_frames_cut_short_are_refused(kept) -> None:
    data, shape = coded()
    with pytest.raises(SceneError, match="damaged"):
        list(decode_frames(data[:kept], 3, shape))


def with_head(change: bytes, place: int) -> tuple[bytes, tuple[int, int]]:
    """Coded frames with some bytes of the first density replaced."""
    data, shape = coded()
    chunks = split_chunks(data, 5)
    head = chunks[0]
    changed = head[:place] + change + head[place + len(change) :]
    return join_chunks([changed, *chunks[1:]]), shape


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (b"\x00\x7e", 8, "not finite"),  # a half-precision NaN
        (b"\x7f", 0, "least"),  # lowest above highest
        (b"\x80", 0, "least"),  # below what codes can be
    ],
)
def test_damaged_densities_are_refused(change, place, message) -> None:
    data, shape = with_head(change, place)
    with pytest.raises(SceneError, match=message):
        list(decode_frames(data, 3, shape))


@pytest.mark.parametrize("size", [0, 5, 79])
def test_densities_of_another_size_are_refused(size) -> None:
    data, shape = coded()
    chunks = split_chunks(data, 5)
    with pytest.raises(SceneError, match="bytes, expected"):
        list(decode_frames(join_chunks([chunks[0][:size], *chunks[1:]]), 3, shape))


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_gives_other_codes(place, bit) -> None:
    data, shape = coded()
    changed = bytearray(data)
    changed[place % len(data)] ^= 1 << bit
    try:
        for codes in decode_frames(bytes(changed), 3, shape):
            assert codes.shape == shape
            assert codes.min() >= -LARGEST
    except SceneError as error:
        assert "damaged" in str(error)  # noqa: PT017 -- either outcome will do
