"""The rate that a bake is made for, and bit rates as people write them."""

import pytest

from bake.encode_config import EncodeConfig, bits_per_second


def test_a_bake_that_states_no_rate_has_the_default() -> None:
    assert EncodeConfig.of({"config": {}}) == EncodeConfig()


def test_what_a_bake_states_comes_back() -> None:
    stated = {"qp": 26, "bits_per_second": 7, "of a later version": 1}
    assert EncodeConfig.of({"config": {"encode": stated}}) == EncodeConfig(26, 7)


@pytest.mark.parametrize(("name", "value"), [("qp", 52), ("qp", -1), ("bits_per_second", -1)])
def test_what_no_encoder_takes_is_refused(name, value) -> None:
    with pytest.raises(ValueError, match=name):
        EncodeConfig(**{name: value})


@pytest.mark.parametrize(("text", "bits"), [("1", 1), ("800k", 800_000), ("2.5M", 2_500_000)])
def test_bit_rates_are_read_as_people_write_them(text, bits) -> None:
    assert bits_per_second(text) == bits


@pytest.mark.parametrize("text", ["", "k", "M", "0", "-1", "nan", "inf", "9G", "two", "3000M"])
def test_other_words_are_no_bit_rate(text) -> None:
    with pytest.raises(ValueError, match=r".+"):
        bits_per_second(text)
