"""Every bound of the settings is a setting itself, and the next number beyond it is not."""

import math
from collections.abc import Callable

import pytest
import torch

import bake.limits as bounds
from bake.coarse import CoarseConfig
from bake.grouping import GroupingConfig
from bake.losses import LossConfig
from bake.optimize import OptimizeConfig
from bake.pipeline import BakeConfig

# A configuration, one of its settings, and the numbers between which it may lie.
RANGES: list[tuple[Callable[..., object], str, float, float]] = [
    (BakeConfig, "voxel_pixels", bounds.SMALLEST_VOXEL, bounds.LARGEST_VOXEL),
    (BakeConfig, "seed", 0, bounds.MOST_SEED),
    (CoarseConfig, "resolution", 4, bounds.MOST_RESOLUTION),
    (CoarseConfig, "iterations", 1, bounds.MOST_ITERATIONS),
    (CoarseConfig, "rays", 1, bounds.MOST_RAYS),
    (CoarseConfig, "initial_density", -bounds.LARGEST_VALUE, bounds.LARGEST_VALUE),
    (GroupingConfig, "texel_capacity", 1, bounds.MOST_TEXELS),
    (GroupingConfig, "max_length", 1, bounds.MOST_TEXELS),
    (OptimizeConfig, "first_iterations", 1, bounds.MOST_ITERATIONS),
    (OptimizeConfig, "group_iterations", 1, bounds.MOST_ITERATIONS),
    (OptimizeConfig, "iterations", 1, bounds.MOST_ITERATIONS),
    (OptimizeConfig, "rays", 1, bounds.MOST_RAYS),
    (OptimizeConfig, "levels", 0, bounds.MOST_LEVELS),
    (OptimizeConfig, "step", bounds.SMALLEST_STEP, bounds.LARGEST_STEP),
    (OptimizeConfig, "feature_range", bounds.SMALLEST_RANGE, bounds.LARGEST_VALUE),
    (OptimizeConfig, "initial_density", -8.0, 8.0),
    (LossConfig, "spatial", 0.0, bounds.LARGEST_VALUE),
]


@pytest.mark.parametrize(("config", "name", "low", "high"), RANGES)
def test_both_ends_of_a_range_are_taken_and_nothing_beyond(config, name, low, high) -> None:
    for value in (low, high):
        assert getattr(config(**{name: value}), name) == value
    is_whole = isinstance(low, int)
    beyond = (low - 1, high + 1) if is_whole else (low - 1e-3, math.nextafter(high, math.inf))
    for value in (*beyond, math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=name):
            config(**{name: value})


def test_the_largest_value_is_that_of_half_precision() -> None:
    assert torch.finfo(torch.float16).max == bounds.LARGEST_VALUE
    assert torch.tensor(bounds.LARGEST_VALUE).half().isfinite()
