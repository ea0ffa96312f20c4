"""Settings of the training: what they mean, and what is none."""

import math
from dataclasses import fields, replace

import pytest

from bake.optimize_config import OptimizeConfig, ShadingConfig

CONFIG = OptimizeConfig(initial_density=-1.5)


def test_lower_resolutions_share_their_part_of_the_first_steps_evenly() -> None:
    first = replace(CONFIG, first_iterations=600, coarse_share=0.4)
    assert replace(first, halvings=2).coarse_iterations == 120
    assert replace(first, halvings=1).coarse_iterations == 240
    assert replace(CONFIG, first_iterations=1, coarse_share=0.9).coarse_iterations == 0
    for wrong in (-0.1, 0.91):
        with pytest.raises(ValueError, match="coarse_share"):
            replace(CONFIG, coarse_share=wrong)


def test_the_limits_are_those_of_the_configuration() -> None:
    limits = replace(CONFIG, density_range=5.0, feature_range=2.0, levels=9).limits
    assert (limits.density, limits.feature, limits.levels) == (5.0, 2.0, 9)
    assert limits.empty_density == -5.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *[({name: 0}, "is 0, expected a whole") for name in ("iterations", "rays")],
        *[({name: -1}, "is -1, expected a whole") for name in ("group_iterations", "levels")],
        *[({name: 10**400}, r"1000.*, expected a whole") for name in ("levels", "iterations")],
        *[
            ({name: 0.0}, "is 0.0, expected a positive")
            for name in ("density_rate", "later_factor")
        ],
        *[({name: -1.0}, "is -1.0, expected a positive") for name in ("network_rate",)],
        *[({"step": step}, "step is .*, expected a number from 0.001") for step in (0.0, 1e-30)],
        *[({"block_size": side}, r"expected one of \(4, 8, 16, 32\)") for side in (0, 3, 64)],
        ({"initial_density": -9.0}, "within the density_range is -9.0, .* from -8 to 8"),
        ({"lifted_density": 8.1}, "within the density_range is 8.1"),
    ],
)
def test_settings_that_cannot_train_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)


NUMBERS = [field.name for field in fields(OptimizeConfig) if field.type in {float, "float"}]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_of_the_training_may_be_infinite_none_or_huge(name, value) -> None:
    assert len(NUMBERS) == 11
    with pytest.raises(ValueError, match=f"{name}.* is .*, expected"):
        replace(CONFIG, **{name: value})


@pytest.mark.parametrize(
    "change", [{"feature_count": 0}, {"width": 0}, {"depth": 0}, {"frequency_count": 99}], ids=str
)
def test_a_network_that_the_renderer_refuses_is_no_setting(change) -> None:
    with pytest.raises(ValueError, match=r"shading network.*expected.*choose"):
        ShadingConfig(**change)
