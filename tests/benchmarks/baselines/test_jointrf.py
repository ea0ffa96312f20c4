"""JointRF: the product of its grids, fit, package and back, and damage."""

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from bake.progress import SilentProgress
from benchmarks.baselines.coded_values import CodedValues, SteppedCodes
from benchmarks.baselines.joint_fit import (
    STRIDES,
    JointDecoder,
    JointModel,
    joint_scales,
    multiplied,
)
from benchmarks.baselines.jointrf import JOINTRF, SCALAR
from benchmarks.baselines.lattice_levels import LatticeLevels, build_levels
from benchmarks.baselines.sequence_fit import fitted_codes
from benchmarks.rd.entropy_model import FactorizedDensity
from benchmarks.rd.method import find_method
from hwcodec import HwcodecError, open_package
from render.errors import RenderError, SceneError
from tests.benchmarks.baselines.groups import ball_mapping, noise, smooth_values
from tests.benchmarks.baselines.packages import in_groups_of, rewritten

CHANNELS = 5
# Steps are powers of two, which are sent as they are.
STEPS, RATES = (1.0, 0.25, 0.125), (0.3, 0.05)


def some_levels() -> LatticeLevels:
    return build_levels(ball_mapping(side=13), STRIDES)


def some_model(
    reference: torch.Tensor | None,
    *,
    factors: int = CHANNELS,
    weights: tuple = (1e-4, 1e-3),
    ramp: int = 0,
) -> JointModel:
    mapping, levels = ball_mapping(side=13), some_levels()
    scales = joint_scales(STEPS, RATES, (CHANNELS, factors))
    generator = torch.Generator().manual_seed(1)
    coefficients = torch.randn(levels.sizes[0], factors, generator=generator) * 0.1
    starts = smooth_values(mapping, channels=CHANNELS), coefficients
    grids = [
        CodedValues(start, scale, FactorizedDensity.broad(start.shape[1]), generator)
        for start, scale in zip(starts, (scales.basis, scales.coefficients), strict=True)
    ]
    return JointModel(levels, (grids[0], grids[1]), reference, weights, ramp)


def test_the_method_is_found_by_its_name() -> None:
    assert find_method("jointrf") is JOINTRF


def test_each_rate_is_a_fit_of_its_own_and_sizes_grow_as_its_weight_falls() -> None:
    for method in (JOINTRF, SCALAR):
        values = [rate.value for rate in method.rates]
        assert len(values) >= 4
        assert values == sorted(set(values), reverse=True)
        names = {method.fit_name(rate) for rate in method.rates}
        assert len(names) == len(values)
    assert not {JOINTRF.fit_name(r) for r in JOINTRF.rates} & {
        SCALAR.fit_name(r) for r in SCALAR.rates
    }


def test_coefficients_of_zero_change_nothing() -> None:
    levels, basis = some_levels(), smooth_values(ball_mapping(side=13))
    nothing = torch.zeros(levels.sizes[0], CHANNELS)
    assert torch.equal(multiplied(levels, basis, nothing, None), basis)
    torch.testing.assert_close(multiplied(levels, basis, nothing, basis), 2 * basis)


def test_values_are_the_product_of_basis_and_interpolated_coefficients() -> None:
    levels, mapping = some_levels(), ball_mapping(side=13)
    basis, reference = smooth_values(mapping), noise(mapping)
    coefficients = torch.randn(levels.sizes[0], CHANNELS)
    expected = (basis + reference) * (1 + levels.raised(coefficients, 0))
    torch.testing.assert_close(multiplied(levels, basis, coefficients, reference), expected)


def test_one_coefficient_may_serve_all_channels() -> None:
    levels, basis = some_levels(), smooth_values(ball_mapping(side=13))
    one = torch.randn(levels.sizes[0], 1)
    shared = multiplied(levels, basis, one, None)
    torch.testing.assert_close(shared, multiplied(levels, basis, one.expand(-1, CHANNELS), None))


def test_rays_see_what_a_decoder_will_have() -> None:
    for reference in (None, noise(ball_mapping(side=13))):
        model, decoder = some_model(reference), JointDecoder(some_levels())
        decoder.reference = reference
        seen = model.texels(0).detach()
        torch.testing.assert_close(seen, decoder.frame(model.coded()))


def test_the_rate_weighs_more_from_step_to_step_until_the_ramp_ends() -> None:
    flat, rising = (some_model(None, ramp=ramp) for ramp in (0, 4))
    shares = []
    for _ in range(6):
        for model in (flat, rising):
            model.texels(0)
        shares.append(float(rising.penalty(0).detach() / flat.penalty(0).detach()))
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_the_penalty_is_bits_and_absolute_changes_per_texel() -> None:
    reference = noise(ball_mapping(side=13))
    priced, changed = (some_model(reference, weights=w) for w in ((1.0, 0.0), (0.0, 1.0)))
    for model in (priced, changed):
        model.texels(0)
    texels = len(reference)
    bits = (priced.basis.bits() + priced.coefficients.bits()).detach()
    torch.testing.assert_close(priced.penalty(0).detach(), bits / texels)
    change = changed.basis.exact().abs().sum() / texels
    assert float(changed.penalty(0).detach()) == pytest.approx(float(change), rel=0.05)


def test_a_key_frame_pays_nothing_for_the_size_of_its_basis() -> None:
    model = some_model(None, weights=(0.0, 1.0))
    model.texels(0)
    assert float(model.penalty(0).detach()) == 0


def test_gradients_reach_both_grids_and_their_densities() -> None:
    model = some_model(noise(ball_mapping(side=13)))
    (model.texels(0).square().sum() + model.penalty(0)).backward()
    for group in model.parameters():
        for parameter in group["params"]:
            assert parameter.grad is not None
            assert parameter.grad.abs().sum() > 0


def test_every_frame_builds_on_the_decoded_key_frame_and_not_on_the_last() -> None:
    levels, rng = some_levels(), np.random.default_rng(0)

    def some_coded(bound: int, rows: int) -> SteppedCodes:
        codes = rng.integers(-bound, bound + 1, (rows, CHANNELS)).astype(np.int8)
        return SteppedCodes(codes, rng.integers(-40, 20, CHANNELS).astype(np.int8))

    codes = [
        {
            "basis": some_coded(9, levels.sizes[-1]),
            "coefficients": some_coded(3, levels.sizes[0]),
        }
        for _ in range(3)
    ]
    whole, short = JointDecoder(levels), JointDecoder(levels)
    found = [whole.frame(frame) for frame in codes]
    short.frame(codes[0])
    assert torch.equal(short.frame(codes[2]), found[2])
    assert whole.reference is not None
    assert torch.equal(whole.reference, codes[0]["basis"].values())


def test_more_bytes_bring_more_quality_up_to_that_of_the_fit(
    tiny_footage, fitted, coded, quality
) -> None:
    packages = [coded(JOINTRF, rate) for rate in JOINTRF.rates]
    sizes = [path.stat().st_size for path in packages]
    assert sizes == sorted(set(sizes))
    decoded = [quality(tiny_footage, JOINTRF.decode(open_package(path))) for path in packages]
    for lower, higher in pairwise(decoded):
        assert lower < higher + 0.1
    assert decoded[0] < decoded[-1] - 0.3
    best = fitted(JOINTRF, JOINTRF.rates[-1])
    assert abs(decoded[-1] - quality(tiny_footage, JOINTRF.uncoded(tiny_footage, best))) < 0.3


def test_grids_take_many_times_as_much_at_the_best_rate(coded) -> None:
    def grids(rate) -> int:
        sizes = open_package(coded(JOINTRF, rate)).sizes()
        return sizes["blobs/basis0000"] + sizes["blobs/coefficients0000"]

    assert grids(JOINTRF.rates[-1]) > 4 * grids(JOINTRF.rates[0])


def test_one_shared_coefficient_takes_fewer_bytes(tiny_footage, coded, quality) -> None:
    rate = JOINTRF.rates[2]
    several, one = (open_package(coded(method, rate)) for method in (JOINTRF, SCALAR))
    blob = "blobs/coefficients0000"
    assert one.sizes()[blob] < 0.5 * several.sizes()[blob]
    found = [
        quality(tiny_footage, method.decode(package))
        for method, package in ((JOINTRF, several), (SCALAR, one))
    ]
    assert found[1] > found[0] - 3


def test_changes_take_fewer_bytes_than_the_key_frame(tiny_footage, fitted) -> None:
    folder = fitted(JOINTRF, JOINTRF.rates[1])
    used = [
        np.count_nonzero(fitted_codes(folder, index, "basis").codes[:, 1:])
        for index in range(tiny_footage.frame_count)
    ]
    assert max(used[1:]) < 0.8 * used[0]


def test_decoding_needs_nothing_but_the_file(coded, tmp_path) -> None:
    source = coded(JOINTRF, JOINTRF.rates[1])
    alone = tmp_path / "alone.vrf"
    shutil.copyfile(source, alone)
    frames = list(JOINTRF.decode(open_package(alone)))
    assert len(frames) == 3
    for frame, other in zip(frames, JOINTRF.decode(open_package(source)), strict=True):
        assert torch.equal(frame.field.density, other.field.density)
        assert torch.equal(frame.field.features, other.field.features)


def test_encoding_twice_gives_the_same_bytes(tiny_footage, fitted, coded, tmp_path) -> None:
    rate, again = JOINTRF.rates[1], tmp_path / "again.vrf"
    JOINTRF.encode(tiny_footage, rate, fitted(JOINTRF, rate), again)
    assert again.read_bytes() == coded(JOINTRF, rate).read_bytes()


def test_fitting_twice_gives_the_same_codes(tiny_footage, fitted, tmp_path) -> None:
    rate = JOINTRF.rates[1]
    JOINTRF.fit(tiny_footage, rate, tmp_path, SilentProgress())
    for kind in ("basis", "coefficients"):
        first, again = (
            fitted_codes(folder, 1, kind) for folder in (fitted(JOINTRF, rate), tmp_path)
        )
        assert np.array_equal(first.codes, again.codes)
        assert np.array_equal(first.octaves, again.octaves)


def test_each_group_has_a_key_frame(tiny_footage, quality, tmp_path) -> None:
    footage, rate, out = in_groups_of(tiny_footage, 2), JOINTRF.rates[-1], tmp_path / "two.vrf"
    JOINTRF.fit(footage, rate, tmp_path, SilentProgress())
    JOINTRF.encode(footage, rate, tmp_path, out)
    package = open_package(out)
    assert {"basis0000", "basis0001", "coefficients0001"} < set(package.manifest["blobs"])
    uncoded = quality(footage, JOINTRF.uncoded(footage, tmp_path))
    assert abs(quality(footage, JOINTRF.decode(package)) - uncoded) < 0.3


@pytest.mark.parametrize("kind", ["basis", "coefficients"])
def test_a_damaged_blob_gives_an_error_of_ours_or_other_frames(kind, coded, tmp_path) -> None:
    package = open_package(coded(JOINTRF, JOINTRF.rates[1]))
    name = f"{kind}0000"
    data = package.blob(name)
    refused = 0
    for place in (0, 25, len(data) // 2, len(data) - 1):
        changed = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        damaged = rewritten(package, tmp_path / "a.vrf", blobs={name: changed})
        try:
            frames = list(JOINTRF.decode(damaged))
            assert all(frame.field.features.isfinite().all() for frame in frames)
        except (HwcodecError, RenderError):
            refused += 1
    assert refused


@pytest.mark.parametrize("kind", ["basis", "coefficients"])
@pytest.mark.parametrize("kept", [0, 10, -3])
def test_a_blob_cut_short_is_refused(kind, kept, coded, tmp_path) -> None:
    package = open_package(coded(JOINTRF, JOINTRF.rates[1]))
    name = f"{kind}0000"
    damaged = rewritten(package, tmp_path / "a.vrf", blobs={name: package.blob(name)[:kept]})
    with pytest.raises(SceneError, match="damaged"):
        list(JOINTRF.decode(damaged))


@pytest.mark.parametrize(
    "own",
    [
        {"coefficient_channels": None},
        {"coefficient_channels": [1]},
        {"coefficient_channels": 0},
        {"coefficient_channels": 2},
        {"coefficient_channels": 1.0},
    ],
)
def test_damaged_settings_are_refused(own, coded, tmp_path) -> None:
    package = open_package(coded(JOINTRF, JOINTRF.rates[1]))
    with pytest.raises(SceneError, match="record is damaged"):
        list(JOINTRF.decode(rewritten(package, tmp_path / "a.vrf", own)))


def test_codes_of_other_channels_are_refused(coded, tmp_path) -> None:
    package = open_package(coded(JOINTRF, JOINTRF.rates[1]))
    damaged = rewritten(package, tmp_path / "a.vrf", {"coefficient_channels": 1})
    with pytest.raises(SceneError, match="damaged"):
        list(JOINTRF.decode(damaged))


def test_a_package_of_another_method_is_refused(coded) -> None:
    package = open_package(coded(JOINTRF, JOINTRF.rates[1]))
    with pytest.raises(SceneError, match="its method is 'jointrf', expected 'other'"):
        list(replace(JOINTRF, name="other").decode(package))
