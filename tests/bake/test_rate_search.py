"""The QP whose package a bit rate allows, found in few tries."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.rate_search import PackageRate, QpRange, find_qp
from hwcodec import UnsupportedConfig

FULL = QpRange(0, 51, 30)


class Sizes:
    """Package sizes that fall with QP, and the QPs that were tried."""

    def __init__(self, table: list[int]) -> None:
        self.table, self.tried = table, []

    def __call__(self, qp: int) -> int:
        self.tried.append(qp)
        return self.table[qp]


falling = st.lists(st.integers(1, 10**7), min_size=52, max_size=52).map(
    lambda sizes: sorted(sizes, reverse=True)
)


@given(table=falling, most=st.integers(1, 10**7), first=st.integers(0, 51))
def test_it_is_the_lowest_qp_that_fits_and_none_is_tried_twice(table, most, first) -> None:
    sizes = Sizes(table)
    if table[51] > most:
        with pytest.raises(
            UnsupportedConfig, match=f"{table[51]} bytes at QP 51, expected at most"
        ):
            find_qp(sizes, most, QpRange(0, 51, first))
    else:
        assert find_qp(sizes, most, QpRange(0, 51, first)) == min(
            qp for qp, size in enumerate(table) if size <= most
        )
    assert len(set(sizes.tried)) == len(sizes.tried)


@pytest.mark.parametrize("halving", [5, 6, 7, 9])
@pytest.mark.parametrize("most", [12_000, 40_000, 150_000])
def test_sizes_of_real_encoders_take_few_tries(halving, most) -> None:
    sizes = Sizes([1_000 + round(4e5 * 2 ** (-qp / halving)) for qp in range(52)])
    find_qp(sizes, most, FULL)
    assert len(sizes.tried) <= 6


def test_ends_of_the_scale_can_be_the_answer() -> None:
    assert find_qp(lambda qp: 100 - qp, 1_000, FULL) == 0
    assert find_qp(lambda qp: 100 - qp, 49, FULL) == 51
    assert find_qp(lambda qp: 100 - qp, 1_000, QpRange(1, 63, 99)) == 1


def test_a_bit_rate_is_one_of_the_whole_package() -> None:
    assert PackageRate(2_000_000).bytes_of(10, Fraction(30)) == 83_333
    assert PackageRate(8).bytes_of(30, Fraction(30)) == 1


@pytest.mark.parametrize("bits", [0, -1, 1 << 31, 1.5, True])
def test_what_no_package_has_is_refused(bits) -> None:
    with pytest.raises(ValueError, match="bits_per_second"):
        PackageRate(bits)
