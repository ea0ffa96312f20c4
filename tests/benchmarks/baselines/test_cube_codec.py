"""The transform codec of cubes: its mathematics, and what a decoder has after a round trip."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.baselines.cube_codec import (
    CodedFrame,
    CubeCodec,
    CubeScale,
    coarse_channel,
    divisors,
    principal_components,
    quality_factor,
    rotate,
    transform,
)
from benchmarks.baselines.cubes import SIDE, VOLUME
from benchmarks.baselines.warping import UNITS
from render.mapping import MappingTable
from tests.benchmarks.baselines.groups import EMPTY, ball_mapping, noise, smooth_values, warp_of

BEST = CubeScale(-EMPTY, 2.5, 95)
COARSE = CubeScale(-EMPTY, 2.5, 10)


def codec_of(mapping: MappingTable, scale: CubeScale = BEST) -> CubeCodec:
    return CubeCodec(warp_of(mapping), scale)


def still(codec: CubeCodec) -> np.ndarray:
    return np.zeros((codec.layout.count, 3), np.int32)


def error_where_kept(codec: CubeCodec, frame: CodedFrame, found: Tensor, truth: Tensor) -> float:
    kept = codec.layout.spread(torch.from_numpy(frame.kept))
    return float((found - truth)[kept].square().mean().sqrt())


def random_cubes(count: int = 4) -> Tensor:
    return torch.randn(count, 3, VOLUME, generator=torch.Generator().manual_seed(2))


def test_the_transform_is_the_orthonormal_dct() -> None:
    """By the definition: a cube of one cosine along each axis has one coefficient."""
    place = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    norms = np.where(np.arange(SIDE) == 0, np.sqrt(1 / SIDE), np.sqrt(2 / SIDE))
    for u, v, w in ((0, 0, 0), (1, 0, 5), (3, 7, 2), (7, 7, 7)):
        waves = (norms[n] * np.cos(n * place) for n in (u, v, w))
        cube = torch.from_numpy(np.einsum("i,j,k->ijk", *waves).astype(np.float32))
        found = transform(cube.reshape(1, VOLUME)).view(SIDE, SIDE, SIDE)
        assert found[u, v, w] == pytest.approx(1, abs=1e-5)
        assert found.abs().sum() == pytest.approx(1, abs=1e-4)


def test_the_transform_keeps_energy_and_inverts() -> None:
    cubes = random_cubes()
    found = transform(cubes)
    torch.testing.assert_close(found.square().sum(), cubes.square().sum())
    torch.testing.assert_close(transform(found, inverse=True), cubes, atol=1e-5, rtol=1e-5)


def test_no_cubes_transform_to_none() -> None:
    assert transform(torch.zeros(0, 3, VOLUME)).shape == (0, 3, VOLUME)


def test_the_divisors_have_the_published_properties() -> None:
    table = divisors().view(SIDE, SIDE, SIDE)
    row = torch.tensor([16, 12.3, 12.1, 14.1, 18.0, 23.4, 37.1, 54.1])
    torch.testing.assert_close(table[0, 0], row)
    assert table[0, 0, 0] == 16
    assert table.min() == pytest.approx(11.69)
    assert table.max() == table[7, 7, 7] == 120
    assert all(torch.equal(table.permute(order), table) for order in permutations(range(3)))


@pytest.mark.parametrize(("quality", "factor"), [(99, 0.02), (75, 0.5), (50, 1), (25, 2), (2, 25)])
def test_quality_sets_the_factor_as_in_jpeg(quality, factor) -> None:
    assert quality_factor(quality) == pytest.approx(factor)


@given(low=st.floats(2, 99), high=st.floats(2, 99))
def test_a_higher_quality_never_has_larger_steps(low, high) -> None:
    low, high = sorted((low, high))
    assert quality_factor(high) <= quality_factor(low)


def test_the_second_half_of_a_residuals_components_has_coarser_steps() -> None:
    scale, table = CubeScale(8.0, 2.5, 60), divisors()
    steps = scale.steps(9, is_alone=False)
    assert coarse_channel(9) == 5
    torch.testing.assert_close(steps[:5], (quality_factor(60) * table).expand(5, -1))
    torch.testing.assert_close(steps[5:], (quality_factor(59) * table).expand(4, -1))
    torch.testing.assert_close(scale.steps(9, is_alone=True)[8], quality_factor(60) * table)


def test_features_span_what_8_bit_samples_do() -> None:
    assert CubeScale(8.0, 2.5, 50).unit * 5 == pytest.approx(255)


def mixed_blocks() -> tuple[Tensor, Tensor]:
    """Blocks whose features are mixtures of few strong sources, and which places are in use."""
    generator = torch.Generator().manual_seed(4)
    sources = torch.randn(6, 5, VOLUME, generator=generator)
    strengths = torch.tensor([1.0, 9.0, 4.0, 0.5, 0.1])[:, None]
    mixing = torch.linalg.qr(torch.randn(5, 5, generator=generator))[0]
    blocks = torch.cat(
        [torch.randn(6, 1, VOLUME, generator=generator), mixing @ (sources * strengths)], 1
    )
    used = torch.rand(6, VOLUME, generator=generator) < 0.6
    return blocks * used[:, None], used


def test_components_are_orthonormal_and_strongest_first() -> None:
    blocks, used = mixed_blocks()
    basis = principal_components(blocks, used)
    assert basis.dtype == np.float16
    assert np.allclose(basis.T.astype(float) @ basis, np.eye(5), atol=2e-3)
    energy = rotate(blocks, basis)[:, 1:].square().sum((0, 2))
    assert (energy.diff() < 0).all()
    assert energy[0] > 0.7 * energy.sum()


def test_components_decorrelate_the_features() -> None:
    blocks, used = mixed_blocks()
    turned = rotate(blocks, principal_components(blocks, used))[:, 1:]
    covariance = torch.einsum("nck,ndk->cd", turned, turned)
    scale = covariance.diagonal().sqrt()
    correlation = covariance / scale[:, None] / scale
    assert (correlation - torch.eye(5)).abs().max() < 0.05


def test_rotation_leaves_density_and_inverts() -> None:
    blocks, used = mixed_blocks()
    basis = principal_components(blocks, used)
    turned = rotate(blocks, basis)
    assert torch.equal(turned[:, 0], blocks[:, 0])
    torch.testing.assert_close(rotate(turned, basis, inverse=True), blocks, atol=0.05, rtol=2e-3)


def test_components_of_nothing_are_still_orthonormal() -> None:
    basis = principal_components(
        torch.zeros(0, 4, VOLUME), torch.zeros(0, VOLUME, dtype=torch.bool)
    )
    assert np.array_equal(np.abs(basis.astype(float)).sum(0), np.ones(3))


def test_a_frame_alone_comes_back_closely_at_a_high_quality() -> None:
    mapping = ball_mapping()
    codec, values = codec_of(mapping), smooth_values(mapping)
    frame = codec.alone(values)
    assert frame.is_alone
    assert frame.levels.shape == (frame.kept.sum(), 5, VOLUME)
    assert error_where_kept(codec, frame, codec.values(frame), values) < 0.05


def test_quality_decides_error_and_levels() -> None:
    mapping = ball_mapping()
    errors, used = [], []
    for quality in (5, 20, 50, 80, 95):
        codec = codec_of(mapping, CubeScale(-EMPTY, 2.5, quality))
        values = smooth_values(mapping) + 0.1 * noise(mapping)
        frame = codec.alone(values)
        errors.append(error_where_kept(codec, frame, codec.values(frame), values))
        used.append(np.count_nonzero(frame.levels))
    assert errors == sorted(errors, reverse=True)
    assert used == sorted(used)


def test_cubes_without_matter_are_left_out_and_empty() -> None:
    mapping = ball_mapping(side=30)
    codec, values = codec_of(mapping), smooth_values(mapping)
    # Just below the threshold: softplus(-0.72) is 0.398.
    left = torch.from_numpy(codec.layout.vertices[:, 0] < 8)
    values[torch.from_numpy(codec.layout.texels)[left], 0] = -0.72
    frame = codec.alone(values)
    assert np.array_equal(frame.kept, codec.layout.cubes[:, 0] > 0)
    found = codec.values(frame)
    outside = ~codec.layout.spread(torch.from_numpy(frame.kept))
    assert (found[outside] == torch.tensor([EMPTY, 0, 0, 0, 0])).all()


def test_a_frame_without_matter_keeps_nothing() -> None:
    mapping = ball_mapping()
    codec, values = codec_of(mapping), smooth_values(mapping)
    values[:, 0] = EMPTY
    frame = codec.alone(values)
    assert not frame.kept.any()
    assert (codec.values(frame)[:, 0] == EMPTY).all()
    later = codec.against(values, codec.values(frame), still(codec))
    assert not later.kept.any()
    assert (codec.values(later, codec.values(frame))[:, 0] == EMPTY).all()


def test_values_stay_within_the_limits_whatever_the_levels() -> None:
    mapping = ball_mapping()
    codec = codec_of(mapping)
    frame = codec.alone(smooth_values(mapping))
    wild = CodedFrame(frame.kept, frame.levels * 1000, frame.motion, frame.basis)
    found = codec.values(wild)
    assert found[:, 0].abs().max() <= 8
    assert found[:, 1:].abs().max() <= 2.5


def test_a_frame_like_the_one_before_costs_next_to_nothing() -> None:
    mapping = ball_mapping()
    codec, values = codec_of(mapping, COARSE), smooth_values(mapping)
    first = codec.alone(values)
    decoded = codec.values(first)
    second = codec.against(decoded, decoded, still(codec))
    assert not second.is_alone
    assert not second.levels.any()
    assert error_where_kept(codec, second, codec.values(second, decoded), decoded) == 0


def test_errors_do_not_add_up_over_predicted_frames() -> None:
    mapping = ball_mapping()
    codec = codec_of(mapping, CubeScale(-EMPTY, 2.5, 50))
    decoded, errors = None, []
    for number in range(6):
        values = smooth_values(mapping, phase=0.1 * number)
        if decoded is None:
            frame = codec.alone(values)
            decoded = codec.values(frame)
        else:
            frame = codec.against(values, decoded, still(codec))
            decoded = codec.values(frame, decoded)
        errors.append(error_where_kept(codec, frame, decoded, values))
    assert max(errors[1:]) < 1.3 * errors[0]


def test_motion_that_helps_is_kept_and_lowers_the_residual() -> None:
    mapping = ball_mapping(side=30)
    codec, before = codec_of(mapping), smooth_values(mapping)
    warp = warp_of(mapping)
    motion = still(codec)
    motion[:] = 2 * UNITS, -UNITS, UNITS // 2
    now = warp.moved(warp.source(before), torch.from_numpy(motion.astype(np.float32)) / UNITS)
    with_motion = codec.against(now, before, motion)
    without = codec.against(now, before, still(codec))
    assert (with_motion.motion == motion[with_motion.kept]).all()
    energies = [np.abs(frame.levels).sum() for frame in (with_motion, without)]
    assert energies[0] == 0 < energies[1]


def test_motion_that_does_not_help_is_set_to_zero() -> None:
    mapping = ball_mapping()
    codec, values = codec_of(mapping), smooth_values(mapping)
    motion = still(codec)
    motion[:] = 3 * UNITS
    frame = codec.against(values, values, motion)
    assert not frame.motion.any()


def test_a_cube_that_matter_has_left_is_still_coded() -> None:
    mapping = ball_mapping()
    codec, before = codec_of(mapping), smooth_values(mapping)
    now = before.clone()
    now[:, 0] = EMPTY
    frame = codec.against(now, before, still(codec))
    assert frame.kept.any()
    assert float((codec.values(frame, before)[:, 0] - EMPTY).abs().mean()) < 0.1


def test_coding_twice_gives_the_same_numbers() -> None:
    mapping = ball_mapping()
    codec = codec_of(mapping)
    before, now = noise(mapping), noise(mapping, seed=9)
    motion = still(codec) + 5
    first, second = (codec.against(now, before, motion) for _ in range(2))
    for name in ("kept", "levels", "motion", "basis"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
