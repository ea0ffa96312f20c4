"""Settings compose from presets and overrides into frozen dataclasses, or are refused."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

from bake.capture import CaptureOptions, open_capture
from bake.config import (
    BakeCommand,
    ConfigError,
    describe,
    fit_bit_rate,
    load_command,
    load_config,
    preset_names,
    rate_names,
    with_rate,
)
from bake.pipeline import BakeConfig


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_composes(preset) -> None:
    command = load_command([f"preset={preset}"])
    assert isinstance(command, BakeCommand)
    assert isinstance(command.config, BakeConfig)


def test_the_presets_are_fast_paper_and_unmasked() -> None:
    assert preset_names() == ("fast", "paper", "unmasked")


@pytest.mark.parametrize("rate", ["low", "medium", "high"])
def test_without_masks_voxels_are_larger_whatever_the_rate_and_the_rest_is_fast(rate) -> None:
    fast = load_config(["preset=fast", f"rate={rate}"])
    unmasked = load_config(["preset=unmasked", f"rate={rate}"])
    assert unmasked.voxel_pixels > 2 * fast.voxel_pixels
    assert unmasked.losses.spatial > 0 == fast.losses.spatial
    assert unmasked.losses.inter_bits == fast.losses.inter_bits
    assert (unmasked.shading, unmasked.loop) == (fast.shading, fast.loop)
    assert unmasked.optimize.iterations == fast.optimize.iterations


def test_the_paper_preset_has_the_published_sizes() -> None:
    config = load_config(["preset=paper"])
    assert config.resolution == 250
    assert config.shading.feature_count == 12
    assert (config.shading.width, config.shading.depth) == (128, 3)
    assert config.optimize.first_iterations == 16000
    assert (config.losses.spatial, config.losses.temporal) == (1e-4, 1e-4)
    assert config.losses.intra_bits == config.losses.inter_bits == 0
    assert config.loop.codec == "none"


def test_the_rates_are_low_medium_and_high_and_medium_is_the_default() -> None:
    assert rate_names() == ("low", "medium", "high")
    assert load_config() == load_config(["rate=medium"])


def test_a_lower_rate_has_no_finer_voxels_fewer_features_and_a_higher_qp() -> None:
    low, medium, high = (load_config([f"rate={name}"]) for name in rate_names())
    assert low.voxel_pixels > medium.voxel_pixels >= high.voxel_pixels
    assert low.encode.qp > medium.encode.qp > high.encode.qp
    assert low.shading.feature_count < medium.shading.feature_count < high.shading.feature_count


@pytest.mark.parametrize("name", rate_names())
def test_the_loop_has_the_qp_that_the_bake_is_encoded_at(name) -> None:
    config = load_config([f"rate={name}"])
    assert (config.loop.codec, config.loop.qp) == ("rounding", config.encode.qp)
    assert load_config([f"rate={name}", "encode.qp=35"]).loop.qp == 35
    assert load_config([f"rate={name}", "loop.qp=35"]).encode.qp == config.encode.qp
    assert with_rate(load_config(["preset=fast"]), name).loop == config.loop


def test_a_preset_of_fixed_sizes_wins_over_the_rate() -> None:
    config = load_config(["preset=paper", "rate=low"])
    assert (config.resolution, config.shading.width, config.losses.intra_bits) == (250, 128, 0)


@pytest.mark.parametrize(
    ("written", "bits"), [("2M", 2_000_000), ("800k", 800_000), ("1.5m", 1_500_000), ("640", 640)]
)
def test_a_bit_rate_is_kept_for_the_encoder(written, bits) -> None:
    assert load_config([f"rate={written}"]).encode.bits_per_second == bits


def test_a_bit_rate_takes_the_settings_of_the_closest_rate() -> None:
    capture = open_capture(CaptureOptions("procedural:1:100"))
    per_bit_and_pixel = 100 * 100 * float(capture.frame_rate)
    for name, bits in (("low", 0.05), ("low", 0.5), ("medium", 1.1), ("high", 2.8), ("high", 90)):
        words = [f"rate={bits * per_bit_and_pixel:.0f}", "seed=4"]
        found = fit_bit_rate(load_command(words), words, capture)
        expected = load_command([f"rate={name}", "seed=4"])
        target = found.encode.bits_per_second
        assert target == round(bits * per_bit_and_pixel)
        encode = replace(expected.encode, bits_per_second=target)
        assert found == replace(expected, encode=encode)


@pytest.mark.parametrize("words", [[], ["rate=low"], ["encode.bits_per_second=9"]])
def test_a_named_rate_stays_as_it_is(words) -> None:
    command = load_command(words)
    assert fit_bit_rate(command, words, open_capture(CaptureOptions("procedural:1:16"))) == command


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


@pytest.mark.parametrize("names", ["cam00", "00,07", "camera one, camera two", "{a},[b]"])
def test_cameras_to_hold_out_are_named_as_they_are(names) -> None:
    assert load_config([f"capture.test={names}"]).capture.test == names


def test_gains_of_cameras_need_no_quotes() -> None:
    text = "cam03=0.83,cam 04=1.1/1/0.9"
    assert load_config([f"capture.exposure={text}"]).capture.exposure == text


def test_a_box_is_six_numbers() -> None:
    assert load_config(["capture.box=[-1,0,0.5,1,2,3]"]).capture.box == (-1, 0, 0.5, 1, 2, 3)


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
