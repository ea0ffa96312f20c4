"""The encoder that writes nothing: what it shows, and what it counts."""

import pytest
import torch
from torch import Tensor

from bake.codec_rounding import round_group
from bake.picture_plans import plan_pictures


def film(count: int, change: float = 3.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    planes = [128 + 30 * torch.randn(40, 56, generator=generator)]
    for _ in range(count - 1):
        planes.append(planes[-1] + change * torch.randn(40, 56, generator=generator))
    return planes


def mean_square(first: Tensor, second: Tensor) -> float:
    return float((first - second).square().mean())


@pytest.mark.parametrize("b_frames", [0, 3])
def test_at_a_tiny_step_pictures_come_back(b_frames) -> None:
    planes, plans = film(5), plan_pictures(5, b_frames)
    for plane, rounded in zip(planes, round_group(planes, plans, [1e-3] * 5), strict=True):
        assert rounded.plane.shape == plane.shape
        assert torch.allclose(rounded.plane, plane, atol=2e-3)


def test_a_coarser_step_keeps_fewer_levels_and_shows_larger_errors() -> None:
    planes, plans = film(6), plan_pictures(6, 8)
    fine, coarse = (round_group(planes, plans, [step] * 6) for step in (4.0, 24.0))
    for plane, one, other in zip(planes, fine, coarse, strict=True):
        assert other.level_count < one.level_count
        assert other.magnitude < one.magnitude
        assert other.block_count <= one.block_count
        assert mean_square(other.plane, plane) > mean_square(one.plane, plane)


def test_a_still_picture_is_coded_once() -> None:
    planes = film(1) * 4
    first, *later = round_group(planes, plan_pictures(4, 8), [8.0] * 4)
    assert first.level_count > 0
    for picture in later:
        assert picture.level_count == picture.block_count == picture.unit_count == 0
        assert torch.equal(picture.plane, first.plane)


def test_errors_do_not_add_up_because_pictures_are_predicted_from_decoded_ones() -> None:
    planes = film(12, change=6.0)
    errors = [
        mean_square(rounded.plane, plane)
        for plane, rounded in zip(
            planes, round_group(planes, plan_pictures(12, 0), [10.0] * 12), strict=True
        )
    ]
    assert max(errors[6:]) < 2 * max(errors[:3])


def test_a_change_below_the_step_is_not_worth_its_bits() -> None:
    planes = film(2, change=0.5)
    _, second = round_group(planes, plan_pictures(2, 0), [20.0, 20.0])
    assert second.level_count == 0


def test_units_are_those_with_something_in_them() -> None:
    plane = torch.full((128, 128), 128.0)
    plane[3, 100] += 200
    (picture,) = round_group([plane], plan_pictures(1, 0), [8.0])
    assert (picture.block_count, picture.unit_count) == (1, 1)
    assert picture.level_count > 1
