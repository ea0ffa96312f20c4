"""Single values from outside: what is taken, and how what is not is quoted."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec.records import (
    LARGEST,
    file_name,
    finite_number,
    named_values,
    numbers,
    parse_json,
    positive_number,
    several,
    shown,
    some_text,
    triple,
    whole_number,
)

NO_NUMBERS = [None, True, "1", [1], {}, math.nan, math.inf, -math.inf, 10**400, -(10**400)]


@given(st.integers(), st.integers(), st.integers())
def test_a_whole_number_is_taken_between_its_bounds_alone(value, low, high) -> None:
    if low <= value <= high:
        assert whole_number("n", value, low, high) == value
    else:
        with pytest.raises(ValueError, match=rf"^n is .*, expected a whole number in {low}\.\."):
            whole_number("n", value, low, high)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 1.0])
def test_what_is_no_whole_number_is_refused(value) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        whole_number("n", value, 0, 9)


@given(st.integers(-(10**37), 10**37) | st.floats(-LARGEST, LARGEST))
def test_any_number_in_range_is_taken_as_a_float(value) -> None:
    assert finite_number("x", value) == float(value)
    assert type(finite_number("x", value)) is float


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_finite_number_is_refused(value) -> None:
    for read in (finite_number, positive_number):
        with pytest.raises(ValueError, match=r"^x is .*, expected a") as caught:
            read("x", value)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [0, 0.0, -1, 9.5])
def test_a_positive_number_has_both_its_bounds(value) -> None:
    assert positive_number("x", 9, 9.0) == 9
    with pytest.raises(ValueError, match="expected a positive number up to 9"):
        positive_number("x", value, 9.0)


@pytest.mark.parametrize("name", ["a", "atlas/frame00000-0123.npy", "a/b/c_d-e.f"])
def test_a_plain_relative_name_is_a_file_name(name) -> None:
    assert file_name("file", name) == name


LEADING_OUT = ["", ".", "..", "../a", "a/../b", "a/..", "/a", "a//b", "a/", ".a", "a/.b", "~"]


@pytest.mark.parametrize(
    "name", [*LEADING_OUT, "C:a", "a\\b", "a\0b", "a\n", "a b", "-a", None, 7, ["a"]]
)
def test_a_name_that_could_lead_elsewhere_is_no_file_name(name) -> None:
    with pytest.raises(ValueError, match=r"^file is .*, expected a file inside the folder"):
        file_name("file", name)


@pytest.mark.parametrize("value", ["", "  ", "a\0b", None, 3, ["a"]])
def test_what_says_nothing_is_no_text(value) -> None:
    assert some_text("name", "fox") == "fox"
    with pytest.raises(ValueError, match=r"^name is .*, expected a text"):
        some_text("name", value)


@pytest.mark.parametrize("value", [None, {}, "ab", 3, (1, 2), [1]])
def test_a_list_has_the_length_that_was_asked_for(value) -> None:
    assert several("list", [1, 2], 2) == [1, 2]
    with pytest.raises(ValueError, match="expected a list of 2 values"):
        several("list", value, 2)


def test_a_list_may_have_to_have_a_least_length() -> None:
    assert several("list", [0], least=1) == [0]
    with pytest.raises(ValueError, match="expected a list of at least 1 values"):
        several("list", [], least=1)


def test_a_triple_holds_three_numbers() -> None:
    assert triple("color", [0, 1, 0.5]) == (0.0, 1.0, 0.5)
    assert numbers("row", [1, 2], 2) == [1.0, 2.0]
    for value in ([0, 1], [0, 1, 2, 3], [0, 1, "2"], [0, 1, 10**400]):
        with pytest.raises(ValueError, match=r"^color is"):
            triple("color", value)


def test_an_object_has_the_keys_that_were_asked_for() -> None:
    assert named_values("part", {"a": 1, "b": 2}, "a") == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="part has no 'b', expected a b"):
        named_values("part", {"a": 1}, "a b")
    with pytest.raises(ValueError, match=r"part has the keys \['a', 'c'\], expected only a"):
        named_values("part", {"a": 1, "c": 2}, "a", allow_more=False)
    with pytest.raises(ValueError, match="part is None, expected an object"):
        named_values("part", None, "a")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "{", "", b"\xff"])
def test_whatever_json_cannot_say_is_one_kind_of_error(text) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_json(text)


def test_a_message_quotes_deep_and_long_values_in_short() -> None:
    deep: list[object] = []
    for _ in range(900):
        deep = [deep]
    for value in (deep, "x" * 9999, 10**4000, list(range(9999)), {"a": "b" * 9999}):
        assert len(shown(value)) < 200
    assert shown("short") == "'short'"
