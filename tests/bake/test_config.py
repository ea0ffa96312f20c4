"""Settings compose from presets and overrides into frozen dataclasses, or are refused."""

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from bake.config import BakeCommand, ConfigError, describe, load_command, load_config, preset_names
from bake.pipeline import BakeConfig


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_composes(preset) -> None:
    command = load_command([f"preset={preset}"])
    assert isinstance(command, BakeCommand)
    assert isinstance(command.config, BakeConfig)


def test_the_presets_are_fast_and_paper() -> None:
    assert preset_names() == ("fast", "paper")


def test_the_paper_preset_has_the_published_sizes() -> None:
    config = load_config(["preset=paper"])
    assert config.resolution == 250
    assert config.shading.feature_count == 12
    assert (config.shading.width, config.shading.depth) == (128, 3)
    assert config.optimize.first_iterations == 16000
    assert (config.losses.spatial, config.losses.temporal) == (1e-4, 1e-4)
    assert config.losses.intra_bits == config.losses.inter_bits == 0


def test_overrides_win_over_presets() -> None:
    config = load_config(["preset=paper", "resolution=20", "optimize.rays=7", "seed=5"])
    assert (config.resolution, config.optimize.rays, config.seed) == (20, 7, 5)


@pytest.mark.parametrize(
    "path", ["/a b/c", "x,y", "it's", "a{b}", "k=v", "[1]", "$x", "back\\slash", "0:3"]
)
def test_paths_mean_themselves_whatever_they_contain(path) -> None:
    command = load_command([f"capture.path={path}", f"out={path}"])
    assert (command.capture.path, command.out) == (path, path)


@pytest.mark.parametrize("frames", ["0:10", "3", ":", "2:8:2"])
def test_frame_selections_need_no_quotes(frames) -> None:
    assert load_config([f"capture.frames={frames}"]).capture.frames == frames


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("capture.scal=1", "scal"),
        ("nonsense=1", "nonsense"),
        ("seed=x", "seed"),
        ("capture.scale=7", "scale"),
        ("capture.scale=nan", "scale"),
        ("capture.frames=abc", "frames"),
        ("optimize.rays=0", "rays"),
        ("losses.target_qp=99", "target_qp"),
        ("losses.spatial=-1", "spatial"),
        ("grouping.max_length=0", "max_length"),
        ("preset=huge", "huge"),
        ("==", "=="),
    ],
)
def test_a_wrong_setting_is_named(override, word) -> None:
    with pytest.raises(ConfigError, match="--help") as caught:
        load_command([override])
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_composed_configuration_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        load_config().seed = 3  # type: ignore[misc]


def test_the_same_settings_compare_equal() -> None:
    assert load_config(["seed=2"]) == load_config(["seed=2"])
    assert load_config(["seed=2"]) != load_config(["seed=3"])


def test_the_description_lists_every_setting() -> None:
    text = describe(BakeCommand())
    for key in ("capture:", "resolution:", "first_iterations:", "target_qp:", "device:", "out:"):
        assert key in text


def test_importing_the_bake_package_loads_neither_hydra_nor_av() -> None:
    code = "import sys, bake; assert not {'hydra', 'omegaconf', 'av'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
