"""Readers of the fields of a scene: what they wrote comes back, the rest is refused by name."""

from contextlib import suppress
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bake.limits as bounds
from bake.sequence_record import (
    FieldSettings,
    Span,
    camera_from_json,
    camera_to_json,
    read_files,
    read_frame_rate,
    read_grid,
    read_network,
    read_provenance,
    read_rig,
    read_settings,
    read_spans,
)
from render.cameras import Lens, look_at
from render.mapping import VertexOrder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
READERS = {
    "camera": camera_from_json,
    "grid": read_grid,
    "files": read_files,
    "groups": lambda value: read_spans(value, 3),
    "network": read_network,
    "settings": read_settings,
    "rig": read_rig,
    "frame rate": read_frame_rate,
    "provenance": read_provenance,
}
CAMERA = camera_to_json(look_at((3, 1, 2), (0, 0, 0), (0, 0, 1), lens=Lens(16, 12, 20.0)))
SETTINGS = {"block_size": 8, "step": 0.5, "density_range": 8.0, "feature_range": 4.0}
SETTINGS |= {"background": [1, 1, 1]}
GRID = {"minimum": [0, 0, 0], "maximum": [1, 1, 1], "voxel_size": 0.5, "shape": [3, 3, 3]}


@pytest.mark.parametrize("name", READERS)
@given(value=JSON)
def test_nothing_but_a_value_error_comes_of_any_json(name, value) -> None:
    with suppress(ValueError):
        READERS[name](value)


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_groups_without_a_gap_are_read_as_they_are(lengths) -> None:
    starts = [sum(lengths[:number]) for number in range(len(lengths))]
    spans = [Span(a, n, f"occupancy/{a}.bin") for a, n in zip(starts, lengths, strict=True)]
    value = [[span.first_frame, span.frame_count, span.occupancy_file] for span in spans]
    assert read_spans(value, sum(lengths)) == tuple(spans)
    for total in (sum(lengths) - 1, sum(lengths) + 1):
        with pytest.raises(ValueError, match=r"group|atlas_files"):
            read_spans(value, total)


@given(step=st.floats(bounds.SMALLEST_STEP, bounds.LARGEST_STEP), color=st.floats(0, 1))
def test_settings_in_range_come_back_exactly(step, color) -> None:
    found = read_settings({**SETTINGS, "step": step, "background": [color, 0, 1]})
    assert found == FieldSettings(8, step, 8.0, 4.0, (color, 0, 1))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", bounds.SMALLEST_STEP / 2),
        ("step", bounds.LARGEST_STEP * 2),
        ("density_range", bounds.LARGEST_VALUE * 1.001),
        ("feature_range", 0),
        ("background", [0, -0.001, 0]),
        ("background", [0, 1.001, 0]),
        ("block_size", 5),
    ],
)
def test_a_setting_out_of_range_is_named(key, value) -> None:
    with pytest.raises(ValueError, match=key):
        read_settings({**SETTINGS, key: value})


def test_settings_of_a_bake_without_a_choice_of_order_are_in_morton_order() -> None:
    assert read_settings(SETTINGS).vertex_order is VertexOrder.MORTON
    assert read_settings(SETTINGS | {"vertex_order": "hilbert"}).vertex_order is VertexOrder.HILBERT
    with pytest.raises(ValueError, match="'snake', expected one of morton, hilbert"):
        read_settings(SETTINGS | {"vertex_order": "snake"})


def test_an_unknown_setting_is_refused_where_an_unknown_key_of_the_grid_is_not() -> None:
    with pytest.raises(ValueError, match="more"):
        read_settings({**SETTINGS, "more": 1})
    assert read_grid({**GRID, "more": 1}).shape == (3, 3, 3)


@given(part=st.integers(1, 1 << 53), other=st.integers(1, 1 << 53))
def test_frame_rates_are_exact_fractions(part, other) -> None:
    assert read_frame_rate([part, other]) == Fraction(part, other)


@pytest.mark.parametrize("name", ["/a", "../a", "a/../b", "a\\b", "", ".", "..", "a\n", "a\0", "é"])
def test_a_name_that_could_leave_the_folder_is_no_file(name) -> None:
    with pytest.raises(ValueError, match="atlas file"):
        read_files([name])


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0], [1], "view of test"),
        ([-1], [0], "view of train"),
        ([], [0], "train"),
        ([0], 0, "test"),
    ],
)
def test_a_view_without_a_camera_is_refused_by_its_part(train, test, said) -> None:
    rig: dict[str, Any] = {"cameras": [CAMERA], "train": train, "test": test}
    with pytest.raises(ValueError, match=said):
        read_rig(rig)
    assert read_rig({**rig, "train": [0], "test": [0]}).test == (0,)


@pytest.mark.parametrize("encode", [[], "low", {"qp": 99}, {"bits_per_second": "2M"}], ids=str)
def test_a_provenance_whose_rate_is_none_is_refused(encode) -> None:
    capture = {"scale": 1.0, "frames": ":"}
    good = {"capture": "fox", "config": {"capture": capture}}
    assert read_provenance(good) == good
    with pytest.raises(ValueError, match=r"encode|qp|bits_per_second"):
        read_provenance({"capture": "fox", "config": {"capture": capture, "encode": encode}})
