"""Readers of single values: what they take, and that everything else is one kind of error."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec.records import (
    LARGEST,
    LARGEST_COUNT,
    any_text,
    finite_number,
    named_values,
    positive_number,
    several,
    whole_number,
)

HUGE = json.loads("1" + "0" * 400)
ODD = [None, True, "3", [3], {"3": 3}, float("nan"), float("inf"), float("-inf"), HUGE, -HUGE]


@pytest.mark.parametrize("value", [0, 7, LARGEST_COUNT])
def test_a_whole_number_is_itself(value) -> None:
    assert whole_number("count", value) == value


@pytest.mark.parametrize("value", [*ODD, 3.0, 3.7, -1, LARGEST_COUNT + 1], ids=str)
def test_anything_but_a_whole_number_in_range_is_refused_by_name(value) -> None:
    with pytest.raises(ValueError, match=r"count is .*, expected a whole number in 0\.\."):
        whole_number("count", value)


@pytest.mark.parametrize("value", [0, 3, -2.5, LARGEST, -LARGEST])
def test_a_number_of_either_kind_becomes_a_float(value) -> None:
    assert finite_number("size", value) == value
    assert type(finite_number("size", value)) is float


@pytest.mark.parametrize("value", [*ODD, 1e39, json.loads("1e999")], ids=str)
def test_what_is_not_finite_in_single_precision_is_refused_by_name(value) -> None:
    for read in (finite_number, positive_number):
        with pytest.raises(ValueError, match=r"size is .*, expected a"):
            read("size", value)


@pytest.mark.parametrize("value", [0, 0.0, -0.0, -1, -1e-300])
def test_a_positive_number_is_above_zero(value) -> None:
    with pytest.raises(ValueError, match="size is"):
        positive_number("size", value)
    assert positive_number("size", 1e-300) == 1e-300


def test_limits_belong_to_the_range() -> None:
    assert finite_number("x", 0.5, 0.5, 0.5) == 0.5
    assert whole_number("x", 4, 4, 4) == 4
    assert positive_number("x", 2, 2) == 2.0


@pytest.mark.parametrize("value", [None, 1, "text", {"a": 1}, [1, 2]])
def test_a_list_has_the_asked_count(value) -> None:
    with pytest.raises(ValueError, match=r"box is .*, expected a list of 3 values"):
        several("box", value, 3)


def test_texts_lists_and_objects_pass_as_they_are() -> None:
    assert any_text("name", "") == ""
    assert several("box", []) == []
    assert several("box", [1, 2, 3], 3) == [1, 2, 3]
    assert named_values("box", {"a": 1, "later": 2}, "a") == {"a": 1, "later": 2}


@pytest.mark.parametrize("value", [None, 3, ["text"]])
def test_other_kinds_are_refused_by_name(value) -> None:
    with pytest.raises(ValueError, match=r"name is .*, expected a text"):
        any_text("name", value)
    with pytest.raises(ValueError, match=r"box is .*, expected an object"):
        named_values("box", value, "a")


def test_the_first_missing_key_is_named_with_all_that_are_expected() -> None:
    with pytest.raises(ValueError, match="box has no 'b', expected a b c"):
        named_values("box", {"a": 1}, "a b c")


def test_a_message_stays_short_however_long_the_value_is() -> None:
    for value in (HUGE, "x" * 10**6, [[[[1] * 1000] * 1000]]):
        with pytest.raises(ValueError, match="expected") as caught:
            whole_number("count", value)
        assert len(str(caught.value)) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(JSON)
def test_any_value_is_read_or_refused_with_one_kind_of_error(value) -> None:
    for read in (whole_number, finite_number, positive_number, any_text, several):
        with suppress(ValueError):
            read("value", value)
