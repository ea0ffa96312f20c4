import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import ContainerError, PlaneLayout, UnsupportedConfig

LAYOUTS = st.builds(
    PlaneLayout.plan,
    st.integers(1, 20),
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(0, 20),
)


def random_codes(layout: PlaneLayout, dtype: torch.dtype = torch.uint8) -> torch.Tensor:
    shape = (layout.channels, layout.rows, layout.columns)
    return torch.randint(0, 256, shape, dtype=torch.int32).to(dtype)


@given(LAYOUTS, st.sampled_from([torch.uint8, torch.uint16, torch.int32]))
def test_unpacking_undoes_packing(layout: PlaneLayout, dtype: torch.dtype) -> None:
    codes = random_codes(layout, dtype)
    luma = layout.pack(codes)
    assert luma.dtype == dtype
    assert luma.shape == (layout.height, layout.width)
    assert torch.equal(layout.unpack(luma).to(torch.int32), codes.to(torch.int32))


@given(LAYOUTS)
def test_planes_suit_every_codec(layout: PlaneLayout) -> None:
    assert layout.width % 16 == layout.height % 16 == 0
    assert max(layout.width, layout.height) <= 4096
    assert layout.tile_rows * layout.tile_columns >= layout.channels
    assert layout.cell_rows >= layout.rows + layout.guard
    assert layout.cell_columns >= layout.columns + layout.guard


@given(LAYOUTS)
def test_guard_bands_invent_no_new_extremes(layout: PlaneLayout) -> None:
    codes = random_codes(layout)
    luma = layout.pack(codes)
    assert int(luma.min()) >= int(codes.min())
    assert int(luma.max()) <= int(codes.max())


@given(LAYOUTS)
def test_a_layout_survives_json(layout: PlaneLayout) -> None:
    assert PlaneLayout.from_json(json.loads(json.dumps(layout.to_json()))) == layout


@given(LAYOUTS)
def test_channels_lie_where_the_docstring_says(layout: PlaneLayout) -> None:
    codes = torch.zeros(layout.channels, layout.rows, layout.columns, dtype=torch.uint8)
    last = layout.channels - 1
    codes[last] = 9
    luma = layout.pack(codes)
    top = last // layout.tile_columns * layout.cell_rows
    left = last % layout.tile_columns * layout.cell_columns
    assert (luma[top : top + layout.rows, left : left + layout.columns] == 9).all()


def test_twelve_channels_of_512_become_four_by_three() -> None:
    layout = PlaneLayout.plan(12, 504, 504)
    assert (layout.width, layout.height, layout.tile_columns) == (2048, 1536, 4)


def test_thirteen_channels_do_not_become_a_strip() -> None:
    layout = PlaneLayout.plan(13, 120, 120)
    assert max(layout.width, layout.height) <= 2 * min(layout.width, layout.height)


def test_bands_blend_from_one_channel_to_the_next() -> None:
    layout = PlaneLayout(channels=2, rows=8, columns=8, guard=8, tile_columns=2)
    codes = torch.stack((torch.full((8, 8), 10), torch.full((8, 8), 100))).to(torch.uint8)
    row = layout.pack(codes)[0].tolist()
    assert row[:8] == [10] * 8
    assert row[8:16] == [20, 30, 40, 50, 60, 70, 80, 90]
    assert row[16:] == [100] * 16


def test_bands_blend_downwards_too() -> None:
    layout = PlaneLayout(channels=2, rows=8, columns=8, guard=8, tile_columns=1)
    codes = torch.stack((torch.full((8, 8), 10), torch.full((8, 8), 100))).to(torch.uint8)
    column = layout.pack(codes)[:, 0].tolist()
    assert column[8:16] == [20, 30, 40, 50, 60, 70, 80, 90]
    assert column[16:] == [100] * 16


def test_unpacked_codes_share_no_memory_with_the_plane() -> None:
    layout = PlaneLayout.plan(1, 16, 16, guard=0)
    luma = layout.pack(random_codes(layout))
    before = layout.unpack(luma)
    kept = before.clone()
    luma.zero_()
    assert torch.equal(before, kept)


@pytest.mark.parametrize(("channels", "rows"), [(12, 5000), (300, 500), (1, 4096)])
def test_too_large_atlases_are_refused_with_a_remedy(channels: int, rows: int) -> None:
    with pytest.raises(UnsupportedConfig, match="split the channels over several streams"):
        PlaneLayout.plan(channels, rows, 500)


@pytest.mark.parametrize("numbers", [(0, 4, 4, 8), (1, 0, 4, 8), (1, 4, -1, 8), (1, 4, 4, -1)])
def test_impossible_sizes_are_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(UnsupportedConfig, match="whole number of at least"):
        PlaneLayout.plan(*numbers)


def test_packing_the_wrong_shape_or_floats_is_refused() -> None:
    layout = PlaneLayout.plan(2, 8, 8)
    with pytest.raises(UnsupportedConfig, match=r"expected \(2, 8, 8\)"):
        layout.pack(torch.zeros(3, 8, 8, dtype=torch.uint8))
    with pytest.raises(UnsupportedConfig, match="quantize first"):
        layout.pack(torch.zeros(2, 8, 8))


def test_unpacking_another_plane_is_refused() -> None:
    with pytest.raises(UnsupportedConfig, match="layout stored beside this stream"):
        PlaneLayout.plan(2, 8, 8).unpack(torch.zeros(8, 8, dtype=torch.uint8))


@pytest.mark.parametrize(
    "change", [{"rows": None}, {"rows": "8"}, {"guard": -1}, {"tile_columns": 0}, {"rows": 1.5}]
)
def test_a_damaged_record_is_refused(change: dict[str, object]) -> None:
    record = PlaneLayout.plan(2, 8, 8).to_json() | change
    with pytest.raises(ContainerError, match="plane layout record"):
        PlaneLayout.from_json(record)


def test_a_record_without_a_field_is_refused() -> None:
    with pytest.raises(ContainerError, match="tile_columns"):
        PlaneLayout.from_json({"channels": 1})
