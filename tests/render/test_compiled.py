"""Compiler settings that results rely on, and how threads are given back to torch."""

import numba
import numpy as np
import pytest
import torch

from render.compiled import FAST_MATH, single_torch_thread


@pytest.fixture(autouse=True)
def two_threads():  # noqa: ANN201
    """Torch has two threads before, and what it had after the test."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_torch_has_one_thread_inside_and_its_own_again_behind() -> None:
    with single_torch_thread():
        assert torch.get_num_threads() == 1
        with single_torch_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_threads_come_back_when_the_work_fails(error) -> None:
    with pytest.raises(error), single_torch_thread():
        raise error
    assert torch.get_num_threads() == 2


def test_sums_do_not_depend_on_how_many_threads_there_were() -> None:
    values, found = torch.randn(1_000_003), []
    for count in (1, 2):
        torch.set_num_threads(count)
        with single_torch_thread():
            found.append(float(values.sum()))
    assert found[0] == found[1]


def test_fast_mathematics_keeps_the_meaning_of_infinity_and_of_no_number() -> None:
    @numba.njit(fastmath=FAST_MATH, error_model="numpy")
    def questions(x: float, zero: float) -> tuple[bool, bool, bool, bool]:
        far, nothing = x / zero, zero / zero
        return far == np.inf, min(far, x) == x, np.isnan(nothing), x == x  # noqa: PLR0124

    assert questions(3.0, 0.0) == (True, True, True, True)
