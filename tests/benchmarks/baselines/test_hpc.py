"""HPC: its pyramid, prefixes of one stream, fit, package and back, and damage."""

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from bake.progress import SilentProgress
from benchmarks.baselines.coded_values import CodedValues, CodeScale, SteppedCodes
from benchmarks.baselines.hpc import HPC
from benchmarks.baselines.lattice_levels import LatticeLevels, build_levels
from benchmarks.baselines.pyramid_fit import (
    LEVELS,
    PyramidDecoder,
    PyramidModel,
    stage_iterations,
)
from benchmarks.baselines.sequence_fit import fitted_codes
from benchmarks.rd.entropy_model import FactorizedDensity
from benchmarks.rd.method import find_method
from hwcodec import HwcodecError, open_package
from render.errors import RenderError, SceneError
from tests.benchmarks.baselines.groups import ball_mapping, smooth_values
from tests.benchmarks.baselines.packages import in_groups_of, rewritten

CHANNELS = 5
STRIDES = tuple(level.stride for level in LEVELS)


def some_levels() -> LatticeLevels:
    return build_levels(ball_mapping(side=17), STRIDES)


def some_scales() -> list[CodeScale]:
    """Steps are powers of two, which are sent as they are."""
    return [CodeScale.of((0.5, 0.25), (0.3, 0.05), CHANNELS) for _ in LEVELS]


def some_codes(levels: LatticeLevels, seed: int = 0) -> list[SteppedCodes]:
    rng = np.random.default_rng(seed)
    return [
        SteppedCodes(
            rng.integers(-5, 6, (size, CHANNELS)).astype(np.int8),
            rng.integers(-40, 20, CHANNELS).astype(np.int8),
        )
        for size in levels.sizes
    ]


def some_model(references: list[torch.Tensor] | None = None) -> PyramidModel:
    levels, generator = some_levels(), torch.Generator().manual_seed(2)
    starts = levels.split(smooth_values(ball_mapping(side=17), channels=CHANNELS))
    residuals = [
        CodedValues(start, scale, FactorizedDensity.broad(CHANNELS), generator)
        for start, scale in zip(starts, some_scales(), strict=True)
    ]
    nothing = [torch.zeros_like(start) for start in starts]
    return PyramidModel(levels, residuals, references or nothing, generator)


def test_the_method_is_found_by_its_name() -> None:
    assert find_method("hpc") is HPC


def test_one_fit_serves_all_rates_and_a_rate_is_a_count_of_levels() -> None:
    assert len({HPC.fit_name(rate) for rate in HPC.rates}) == 1
    assert [rate.value for rate in HPC.rates] == [1, 2, 3, 4]
    assert [rate.label for rate in HPC.rates] == ["level1", "level2", "level3", "level4"]


def test_levels_are_nested_and_the_rate_weighs_most_in_the_coarsest() -> None:
    assert STRIDES[-1] == 1
    assert all(coarse % fine == 0 for coarse, fine in pairwise(STRIDES))
    weights = [level.rate_weight for level in LEVELS]
    assert weights[0] == max(weights)
    assert sum(level.stage for level in LEVELS) == pytest.approx(1)


@pytest.mark.parametrize("total", [4, 20, 60, 600, 601])
def test_stages_add_up_to_the_protocols_iterations(total) -> None:
    counts = stage_iterations(total)
    assert len(counts) == len(LEVELS)
    assert sum(counts) == total
    assert min(counts) >= 1


def test_a_stage_draws_every_prefix_of_its_levels_and_no_more() -> None:
    model = some_model()
    for active in range(1, len(LEVELS) + 1):
        model.active = active
        drawn = set()
        for _ in range(60):
            model.texels(0)
            drawn.add(sum(residual._noisy is not None for residual in model.residuals))
            for residual in model.residuals:
                residual._noisy = None
        assert drawn == set(range(1, active + 1))


def test_only_active_levels_train() -> None:
    model = some_model()
    model.active = 2
    trained = {id(p) for group in model.parameters() for p in group["params"]}
    densities = [id(residual.density.parameters) in trained for residual in model.residuals]
    assert densities == [True, True, False, False]


def test_the_penalty_is_the_prefixes_weighted_bits_per_texel() -> None:
    model = some_model()
    for _ in range(5):
        texels = model.texels(0)
        drawn = [r for r in model.residuals if r._noisy is not None]
        expected = sum(
            level.rate_weight * residual.bits().detach()
            for level, residual in zip(LEVELS, drawn, strict=False)
        )
        torch.testing.assert_close(model.penalty(0).detach(), expected / len(texels))
        for residual in model.residuals:
            residual._noisy = None


def test_values_are_rounded_residuals_and_references_together() -> None:
    levels, values = some_levels(), smooth_values(ball_mapping(side=17), channels=CHANNELS)
    references = levels.split(values)
    for before in (None, references):
        model = some_model(before)
        expected = levels.composed([own.values() for own in model.coded()])
        if before is not None:
            expected = expected + values
        while sum(own._noisy is not None for own in model.residuals) < len(LEVELS):
            found = model.texels(0).detach()
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_each_level_adds_to_its_own_past() -> None:
    levels = some_levels()
    first, second = some_codes(levels), some_codes(levels, 1)
    decoder = PyramidDecoder(levels, len(LEVELS), CHANNELS)
    decoder.frame(first)
    found = decoder.frame(second)
    parts = [a.values() + b.values() for a, b in zip(first, second, strict=True)]
    torch.testing.assert_close(found, levels.composed(parts), atol=1e-4, rtol=1e-4)


def test_a_prefix_decodes_as_if_finer_levels_were_zero() -> None:
    levels = some_levels()
    for count in range(1, len(LEVELS) + 1):
        prefix = PyramidDecoder(levels, count, CHANNELS)
        whole = PyramidDecoder(levels, len(LEVELS), CHANNELS)
        for seed in (0, 1):
            codes = some_codes(levels, seed)
            zeros = [replace(own, codes=np.zeros_like(own.codes)) for own in codes[count:]]
            found = prefix.frame(codes[:count])
            torch.testing.assert_close(found, whole.frame(codes[:count] + zeros))


def test_each_level_is_worth_its_bytes(tiny_footage, fitted, coded, quality) -> None:
    packages = [coded(HPC, rate) for rate in HPC.rates]
    sizes = [path.stat().st_size for path in packages]
    assert sizes == sorted(set(sizes))
    decoded = [quality(tiny_footage, HPC.decode(open_package(path))) for path in packages]
    for lower, higher in pairwise(decoded):
        assert lower < higher + 0.1
    assert decoded[0] < decoded[-1] - 3
    folder = fitted(HPC, HPC.rates[-1])
    assert abs(decoded[-1] - quality(tiny_footage, HPC.uncoded(tiny_footage, folder))) < 0.5


def test_a_lower_rate_is_a_prefix_of_the_same_stream(coded) -> None:
    whole = open_package(coded(HPC, HPC.rates[-1]))
    for count, rate in enumerate(HPC.rates, 1):
        package = open_package(coded(HPC, rate))
        levels = [name for name in package.manifest["blobs"] if name.startswith("level")]
        assert sorted(levels) == [f"level{n}-0000" for n in range(1, count + 1)]
        assert all(package.blob(name) == whole.blob(name) for name in package.manifest["blobs"])


def test_decoding_needs_nothing_but_the_file(coded, tmp_path) -> None:
    source = coded(HPC, HPC.rates[2])
    alone = tmp_path / "alone.vrf"
    shutil.copyfile(source, alone)
    frames = list(HPC.decode(open_package(alone)))
    assert len(frames) == 3
    for frame, other in zip(frames, HPC.decode(open_package(source)), strict=True):
        assert torch.equal(frame.field.density, other.field.density)
        assert torch.equal(frame.field.features, other.field.features)


def test_encoding_twice_gives_the_same_bytes(tiny_footage, fitted, coded, tmp_path) -> None:
    rate, again = HPC.rates[2], tmp_path / "again.vrf"
    HPC.encode(tiny_footage, rate, fitted(HPC, rate), again)
    assert again.read_bytes() == coded(HPC, rate).read_bytes()


def test_fitting_twice_gives_the_same_codes(tiny_footage, fitted, tmp_path) -> None:
    HPC.fit(tiny_footage, HPC.rates[0], tmp_path, SilentProgress())
    for level in range(len(LEVELS)):
        first, again = (
            fitted_codes(folder, 1, f"level{level}")
            for folder in (fitted(HPC, HPC.rates[0]), tmp_path)
        )
        assert np.array_equal(first.codes, again.codes)
        assert np.array_equal(first.octaves, again.octaves)


def test_each_group_has_a_pyramid_of_its_own(tiny_footage, quality, tmp_path) -> None:
    footage, out = in_groups_of(tiny_footage, 2), tmp_path / "two.vrf"
    HPC.fit(footage, HPC.rates[-1], tmp_path, SilentProgress())
    HPC.encode(footage, HPC.rates[-1], tmp_path, out)
    package = open_package(out)
    assert {f"level{n}-000{g}" for n in (1, 2, 3, 4) for g in (0, 1)} < set(
        package.manifest["blobs"]
    )
    uncoded = quality(footage, HPC.uncoded(footage, tmp_path))
    assert abs(quality(footage, HPC.decode(package)) - uncoded) < 0.5


@pytest.mark.parametrize("level", [1, 4])
def test_a_damaged_blob_gives_an_error_of_ours_or_other_frames(level, coded, tmp_path) -> None:
    package = open_package(coded(HPC, HPC.rates[-1]))
    name = f"level{level}-0000"
    data = package.blob(name)
    refused = 0
    for place in (0, 25, len(data) // 2, len(data) - 1):
        changed = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        damaged = rewritten(package, tmp_path / "a.vrf", blobs={name: changed})
        try:
            frames = list(HPC.decode(damaged))
            assert all(frame.field.features.isfinite().all() for frame in frames)
        except (HwcodecError, RenderError):
            refused += 1
    assert refused


@pytest.mark.parametrize("kept", [0, 10, -3])
def test_a_blob_cut_short_is_refused(kept, coded, tmp_path) -> None:
    package = open_package(coded(HPC, HPC.rates[1]))
    cut = {"level2-0000": package.blob("level2-0000")[:kept]}
    with pytest.raises(SceneError, match="damaged"):
        list(HPC.decode(rewritten(package, tmp_path / "a.vrf", blobs=cut)))


def test_a_level_that_is_missing_is_refused(coded, tmp_path) -> None:
    package = open_package(coded(HPC, HPC.rates[1]))
    damaged = rewritten(package, tmp_path / "a.vrf", {"sent": 3})
    with pytest.raises(HwcodecError, match="no blob 'level3-0000'"):
        list(HPC.decode(damaged))


@pytest.mark.parametrize(
    "own",
    [
        {"strides": []},
        {"strides": [8, 4, 2]},
        {"strides": [8, 3, 2, 1]},
        {"strides": [1 << 20, 4, 2, 1]},
        {"strides": [8.0, 4, 2, 1]},
        {"strides": 8},
        {"strides": [256, 128, 64, 32, 16, 8, 4, 2, 1]},
        {"sent": 0},
        {"sent": 5},
        {"sent": 2.0},
        {"sent": None},
    ],
)
def test_damaged_settings_are_refused(own, coded, tmp_path) -> None:
    package = open_package(coded(HPC, HPC.rates[1]))
    with pytest.raises(SceneError, match=r"damaged|strides are"):
        list(HPC.decode(rewritten(package, tmp_path / "a.vrf", own)))


def test_a_package_of_another_method_is_refused(coded) -> None:
    package = open_package(coded(HPC, HPC.rates[0]))
    with pytest.raises(SceneError, match="its method is 'hpc', expected 'other'"):
        list(replace(HPC, name="other").decode(package))
