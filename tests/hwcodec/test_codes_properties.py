"""Values to codes to planes: order, idempotence, and a packer written from the description."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import PROFILES, PlaneLayout, Quantizer, UnsupportedConfig, fit_ranges

FINITE = st.floats(-1e4, 1e4, width=32)
ENDS = st.lists(
    st.tuples(FINITE, st.floats(0.125, 1e3, width=32)).map(lambda end: (end[0], end[0] + end[1])),
    min_size=1,
    max_size=4,
)
EVERY_PROFILE = st.sampled_from(sorted(PROFILES))


def quantizer(profile: str, ends: list[tuple[float, float]]) -> Quantizer:
    low, high = zip(*ends, strict=True)
    return Quantizer.of(torch.tensor(low), torch.tensor(high), PROFILES[profile])


def wide(codes: torch.Tensor) -> torch.Tensor:
    return codes.to(torch.int32)


@given(EVERY_PROFILE, ENDS, st.lists(FINITE, min_size=2, max_size=30))
def test_a_larger_value_never_gets_a_smaller_code_or_comes_back_smaller(
    profile, ends, values
) -> None:
    map_ = quantizer(profile, ends)
    codes = map_.quantize(torch.tensor(sorted(values)).expand(len(ends), -1))
    assert (wide(codes).diff(dim=1) >= 0).all()
    assert (map_.dequantize(codes).diff(dim=1) >= 0).all()


@given(EVERY_PROFILE, ENDS)
def test_both_ends_get_the_outermost_codes_and_nothing_lies_beyond(profile, ends) -> None:
    map_, codes = quantizer(profile, ends), PROFILES[profile]
    extremes = torch.stack([map_.minimum, map_.maximum, map_.minimum - 1e5, map_.maximum + 1e5], 1)
    low, high = codes.lowest_code, codes.highest_code
    assert wide(map_.quantize(extremes)).tolist() == [[low, high, low, high]] * len(ends)


@given(st.sampled_from(["web8", "full8", "hq10"]), ENDS, st.integers(0, 2**32))
def test_quantizing_what_the_player_sees_changes_nothing_more(profile, ends, seed) -> None:
    map_ = quantizer(profile, ends)
    if bool((map_.step < 64 * 2**-23 * map_.minimum.abs()).any()):
        return  # Neighboring codes coincide in float32.
    noise = torch.rand(len(ends), 5, 7, generator=torch.Generator().manual_seed(seed))
    values = map_.minimum[:, None, None] + noise * (map_.maximum - map_.minimum)[:, None, None]
    codes = map_.quantize(values)
    assert torch.equal(wide(map_.quantize(map_.dequantize(codes))), wide(codes))
    assert torch.equal(map_.dequantize(map_.quantize(map_.dequantize(codes))),
                       map_.dequantize(codes))  # fmt: skip


@given(ENDS, st.floats(-1e4, 1e4, width=16))
def test_half_and_double_precision_get_the_code_of_the_same_number(ends, value) -> None:
    map_ = quantizer("hq10", ends)
    codes = [
        wide(map_.quantize(torch.full((len(ends), 1), value, dtype=dtype))).tolist()
        for dtype in (torch.float32, torch.float16, torch.float64)
    ]
    assert codes[0] == codes[1] == codes[2]


@given(EVERY_PROFILE, ENDS, st.lists(FINITE, min_size=1, max_size=20))
def test_simulation_and_playback_share_one_formula(profile, ends, values) -> None:
    map_ = quantizer(profile, ends)
    tensor = torch.tensor(values).expand(len(ends), -1)
    played = map_.dequantize(map_.quantize(tensor))
    # The way of the gradient adds and subtracts the value once.
    rounding = 2**-22 * (tensor.abs() + played.abs()).max()
    assert (map_.simulate(tensor) - played).abs().max() <= rounding


@given(
    st.lists(FINITE, min_size=1, max_size=60),
    st.tuples(st.integers(0, 49), st.integers(51, 100)),
    st.integers(0, 2**32),
)
def test_fitted_ends_are_order_statistics_whatever_the_order(values, percents, seed) -> None:
    shuffled = np.random.default_rng(seed).permutation(np.float32(values))
    low, high = fit_ranges(torch.from_numpy(shuffled)[None], tuple(map(float, percents)))
    ordered, last = sorted(np.float32(values).tolist()), len(values) - 1
    assert float(low) == ordered[int(last * percents[0] / 100)]
    assert float(high) == ordered[-(-last * percents[1] // 100)]
    assert 100 * sum(value < float(low) for value in ordered) <= percents[0] * len(values)


@st.composite
def layouts(draw) -> PlaneLayout:
    """Layouts of any number of tile columns, as a foreign manifest may state them."""
    channels, columns = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    sizes = draw(st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(0, 17)))
    return PlaneLayout(channels, *sizes, columns)


def blended(line: list[int], following: int, band: int) -> list[int]:
    """The line and ``band`` codes on the way to the next line's first, rounded to nearest."""
    last, parts = line[-1], band + 1
    return line + [
        (last * (parts - place) + following * place + parts // 2) // parts
        for place in range(1, parts)
    ]


def plain_pack(layout: PlaneLayout, codes: list[list[list[int]]]) -> list[list[int]]:
    """Cell by cell and row by row: first to the right, then downward over whole rows."""
    filler = [[row[-1]] * layout.columns for row in codes[-1]]
    cells = codes + [filler] * (layout.tile_rows * layout.tile_columns - layout.channels)
    strips = []
    for start in range(0, len(cells), layout.tile_columns):
        beside = cells[start : start + layout.tile_columns]
        strip = []
        for row in range(layout.rows):
            line: list[int] = []
            for own, following in zip(beside, [*beside[1:], None], strict=True):
                target = own[row][-1] if following is None else following[row][0]
                line += blended(own[row], target, layout.cell_columns - layout.columns)
            strip.append(line)
        strips.append(strip)
    plane = []
    for strip, following in zip(strips, [*strips[1:], None], strict=True):
        targets = strip[-1] if following is None else following[0]
        turned = [
            blended(list(line), target, layout.cell_rows - layout.rows)
            for line, target in zip(zip(*strip, strict=True), targets, strict=True)
        ]
        plane += [list(row) for row in zip(*turned, strict=True)]
    return plane


@given(layouts(), st.integers(0, 2**32))
def test_packing_is_what_its_description_says_code_by_code(layout, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (layout.channels, layout.rows, layout.columns)
    codes = torch.randint(0, 1024, shape, generator=generator, dtype=torch.int32)
    packed = layout.pack(codes.to(torch.uint16))
    assert wide(packed).tolist() == plain_pack(layout, codes.tolist())
    assert torch.equal(wide(layout.unpack(packed)), codes)


@given(st.integers(1, 20), st.integers(1, 160), st.integers(1, 160), st.integers(0, 20))
def test_no_other_arrangement_has_a_smaller_outline(channels, rows, columns, guard) -> None:
    chosen = PlaneLayout.plan(channels, rows, columns, guard)
    others = [
        PlaneLayout(channels, rows, columns, guard, tile_columns)
        for tile_columns in range(1, channels + 1)
    ]
    outline = min(other.width + other.height for other in others)
    assert chosen.width + chosen.height == outline
    rivals = [one for one in others if one.width + one.height == outline]
    assert chosen.width * chosen.height == min(one.width * one.height for one in rivals)


@given(layouts(), st.integers(0, 2**32))
def test_what_happens_to_a_guard_band_reaches_no_channel(layout, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (layout.channels, layout.rows, layout.columns)
    codes = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
    luma = layout.pack(codes)
    inside = torch.zeros_like(luma, dtype=torch.bool)
    for channel in range(layout.channels):
        top = channel // layout.tile_columns * layout.cell_rows
        left = channel % layout.tile_columns * layout.cell_columns
        inside[top : top + layout.rows, left : left + layout.columns] = True
    spoiled = torch.where(inside, luma, 255 - luma)
    assert torch.equal(layout.unpack(spoiled), codes)


@pytest.mark.parametrize(("rows", "columns"), [(4096, 16), (16, 4096), (2304, 4096)])
def test_the_largest_planes_that_hardware_decodes_are_allowed_without_a_guard(
    rows, columns
) -> None:
    assert PlaneLayout(1, rows, columns, 0, 1).height == rows
    with pytest.raises(UnsupportedConfig, match="luma plane would be"):
        PlaneLayout(1, rows, columns, 1, 1)
