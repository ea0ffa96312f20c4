import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import PROFILES, CodeRange, ContainerError, Quantizer, UnsupportedConfig, fit_ranges

RANGES = st.tuples(st.floats(-1e3, 1e3, width=32), st.floats(0.015625, 1e3, width=32))


def quantizer(profile: str, *ends: tuple[float, float]) -> Quantizer:
    low, high = zip(*ends, strict=True)
    return Quantizer.of(torch.tensor(low), torch.tensor(high), PROFILES[profile])


def random_values(count: int, low: float, high: float) -> torch.Tensor:
    return torch.rand(1, count) * (high - low) + low


@given(st.sampled_from(sorted(PROFILES)), RANGES)
def test_the_error_is_at_most_half_a_step(profile: str, ends: tuple[float, float]) -> None:
    low, high = ends[0], ends[0] + ends[1]
    map_ = quantizer(profile, (low, high))
    values = random_values(64, low, high)
    error = (map_.dequantize(map_.quantize(values)) - values).abs().max()
    rounding = 4 * 2**-23 * max(abs(low), abs(high))
    assert error <= 0.5 * map_.step[0] + rounding


@given(st.sampled_from(sorted(PROFILES)), RANGES)
def test_the_table_of_values_equals_the_formula_bit_for_bit(
    profile: str, ends: tuple[float, float]
) -> None:
    map_ = quantizer(profile, (ends[0], ends[0] + ends[1]), (0.0, 1.0))
    top = 1 << (8 if map_.bit_depth == 8 else 16)
    codes = torch.randint(0, top, (2, 5, 70)).to(map_.dtype)
    computed = map_.dequantize(codes.to(torch.int32))
    assert torch.equal(map_.dequantize(codes), computed)
    assert torch.equal(map_.dequantize(codes.transpose(1, 2)), computed.transpose(1, 2))
    assert torch.equal(map_.dequantize(codes[:, 0, 0]), computed[:, 0, 0])
    assert map_.dequantize(codes[:, :0]).shape == (2, 0, 70)


@given(st.sampled_from(["web8", "full8", "hq10"]), RANGES)
def test_every_code_survives_the_way_through_floats(
    profile: str, ends: tuple[float, float]
) -> None:
    codes = PROFILES[profile]
    map_ = quantizer(profile, (ends[0], ends[0] + ends[1]))
    if map_.step[0] < 64 * 2**-23 * abs(ends[0]):
        return  # Neighboring codes coincide in float32; no map can tell them apart.
    every = torch.arange(codes.lowest_code, codes.highest_code + 1, dtype=torch.int32)[None]
    again = map_.quantize(map_.dequantize(every))
    assert torch.equal(again.to(torch.int32), every)


@given(RANGES, st.floats(-1e6, 1e6, width=32))
def test_web8_codes_never_leave_16_to_235(ends: tuple[float, float], value: float) -> None:
    map_ = quantizer("web8", (ends[0], ends[0] + ends[1]))
    code = int(map_.quantize(torch.tensor([[value]])))
    assert 16 <= code <= 235


def test_codes_beyond_the_range_are_clamped_before_dequantizing() -> None:
    map_ = quantizer("web8", (-1.0, 1.0))
    seen = map_.dequantize(torch.tensor([[0, 16, 235, 255]], dtype=torch.uint8))
    assert seen[0].tolist() == pytest.approx([-1.0, -1.0, 1.0, 1.0], abs=1e-6)


def test_channels_keep_their_own_ranges() -> None:
    map_ = quantizer("full8", (0.0, 1.0), (-10.0, 10.0))
    values = torch.tensor([[[0.0, 1.0]], [[-10.0, 10.0]]])
    assert map_.quantize(values).tolist() == [[[0, 255]], [[0, 255]]]
    assert torch.equal(map_.dequantize(map_.quantize(values)), values)
    assert map_.channel_count == 2


@pytest.mark.parametrize(
    ("profile", "dtype"), [("web8", torch.uint8), ("hq10", torch.uint16), ("raw16", torch.uint16)]
)
def test_codes_have_the_type_of_their_depth(profile: str, dtype: torch.dtype) -> None:
    map_ = quantizer(profile, (0.0, 1.0))
    codes = map_.quantize(torch.tensor([[0.0, 1.0]]))
    assert codes.dtype == dtype
    ends = [PROFILES[profile].lowest_code, PROFILES[profile].highest_code]
    assert codes.to(torch.int32).tolist() == [ends]


def test_a_constant_channel_costs_nothing_and_comes_back_exactly() -> None:
    map_ = quantizer("web8", (0.25, 0.25))
    codes = map_.quantize(torch.tensor([[0.25, 9.0, -3.0]]))
    assert codes.tolist() == [[16, 16, 16]]
    assert map_.dequantize(codes).tolist() == [[0.25] * 3]


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=20))
def test_simulation_shows_what_the_player_sees(values: list[float]) -> None:
    map_ = quantizer("web8", (-1.0, 2.0))
    tensor = torch.tensor([values])
    seen = map_.dequantize(map_.quantize(tensor))
    assert torch.allclose(map_.simulate(tensor), seen, atol=1e-6)


def test_simulation_passes_the_gradient_even_where_values_are_clamped() -> None:
    values = torch.tensor([[-5.0, 0.3, 7.0]], requires_grad=True)
    quantizer("web8", (-1.0, 1.0)).simulate(values).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[1.0, 1.0, 1.0]]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_are_refused_and_counted(bad: float) -> None:
    with pytest.raises(UnsupportedConfig, match=r"2 NaN or infinite.*find the stage"):
        quantizer("web8", (0.0, 1.0)).quantize(torch.tensor([[bad, 0.5, bad]]))


@pytest.mark.parametrize("shape", [(3, 4), ()])
def test_the_wrong_channel_count_is_refused(shape: tuple[int, ...]) -> None:
    map_ = quantizer("web8", (0.0, 1.0), (0.0, 1.0))
    for method in (map_.quantize, map_.dequantize, map_.simulate):
        with pytest.raises(UnsupportedConfig, match="expected 2 channels first"):
            method(torch.zeros(shape))


@pytest.mark.parametrize(
    "codes", [CodeRange(8, 0, 256), CodeRange(8, 5, 5), CodeRange(10, -1, 9), CodeRange(17, 0, 1)]
)
def test_code_ranges_that_do_not_fit_are_refused(codes: CodeRange) -> None:
    with pytest.raises(UnsupportedConfig, match="expected a rising range"):
        Quantizer.of(torch.zeros(1), torch.ones(1), codes)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (torch.ones(1), torch.zeros(1), "out of order"),
        (torch.full((1,), math.nan), torch.ones(1), "not finite"),
        (torch.full((1,), -3e38), torch.full((1,), 3e38), "too far apart"),
        (torch.zeros(2), torch.ones(1), "shapes"),
        (torch.zeros(0), torch.zeros(0), "shapes"),
        (torch.zeros(1, dtype=torch.float64), torch.ones(1), "float64"),
    ],
)
def test_unusable_ranges_are_refused(low: torch.Tensor, high: torch.Tensor, words: str) -> None:
    with pytest.raises(UnsupportedConfig, match=words):
        Quantizer.of(low, high, PROFILES["web8"])


@given(st.lists(RANGES, min_size=1, max_size=6), st.sampled_from(sorted(PROFILES)))
def test_json_gives_back_the_same_numbers(ends: list[tuple[float, float]], profile: str) -> None:
    map_ = quantizer(profile, *((low, low + size) for low, size in ends))
    again = Quantizer.from_json(json.loads(json.dumps(map_.to_json())))
    assert torch.equal(again.minimum, map_.minimum)
    assert torch.equal(again.maximum, map_.maximum)
    assert (again.bit_depth, again.lowest_code, again.highest_code) == (
        map_.bit_depth,
        map_.lowest_code,
        map_.highest_code,
    )


HUGE = json.loads("1" + "0" * 400)


@pytest.mark.parametrize(
    "change",
    [{"minimum": None}, {"minimum": "x"}, {"minimum": 0.0}, {"maximum": [math.nan]},
     {"minimum": ["0"]}, {"minimum": [[0.0]]}, {"minimum": [HUGE]}, {"maximum": [HUGE]},
     {"maximum": [json.loads("1e999")]}, {"minimum": [-1e300]}, {"minimum": [], "maximum": []},
     {"bit_depth": 99}, {"bit_depth": json.loads("1e999")}, {"bit_depth": HUGE},
     {"bit_depth": 8.0}, {"lowest_code": HUGE}, {"lowest_code": -1}, {"lowest_code": True},
     {"highest_code": json.loads("-1e999")}, {"highest_code": "235"}],
    ids=lambda change: str(change)[:40],
)  # fmt: skip
def test_a_damaged_record_is_refused(change: dict[str, object]) -> None:
    record = quantizer("web8", (0.0, 1.0)).to_json() | change
    with pytest.raises(ContainerError, match="quantizer record"):
        Quantizer.from_json(record)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50))
def test_full_percentiles_give_the_extremes(values: list[float]) -> None:
    low, high = fit_ranges(torch.tensor([values, values]))
    assert low.tolist() == [min(values)] * 2
    assert high.tolist() == [max(values)] * 2


def test_percentiles_cut_outliers_off() -> None:
    values = torch.cat((torch.arange(1000.0), torch.tensor([1e9, -1e9])))[None]
    low, high = fit_ranges(values, (0.1, 99.9))
    assert -1 <= float(low) <= 2
    assert 997 <= float(high) <= 1000


def test_one_value_per_channel_is_enough_to_fit() -> None:
    low, high = fit_ranges(torch.tensor([2.0, 3.0]))
    assert low.tolist() == high.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("percentiles", [(-1.0, 99.0), (50.0, 50.0), (0.0, 101.0)])
def test_impossible_percentiles_are_refused(percentiles: tuple[float, float]) -> None:
    with pytest.raises(UnsupportedConfig, match="percentiles"):
        fit_ranges(torch.zeros(1, 4), percentiles)


@pytest.mark.parametrize("values", [torch.zeros(2, 0), torch.tensor([[math.nan]])])
def test_nothing_to_fit_is_refused(values: torch.Tensor) -> None:
    with pytest.raises(UnsupportedConfig, match="empty or not finite"):
        fit_ranges(values)
