"""Training of voxel grids: what the models state, and that motion and residual both help."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from bake.optimize_config import OptimizeConfig
from benchmarks.baselines.voxel_fit import (
    FittedFrame,
    MotionModel,
    TexelModel,
    VoxelFit,
    VoxelRecipe,
)
from benchmarks.baselines.voxel_prior import PriorWeights, VoxelPrior
from benchmarks.baselines.warping import LONGEST, UNITS
from benchmarks.rd.footage import Footage, assemble_footage
from tests.benchmarks.baselines.groups import ball_mapping, noise, smooth_values, warp_of


@pytest.fixture(scope="module")
def predicted_frames(tiny_footage) -> list[FittedFrame]:
    return list(VoxelFit(tiny_footage, VoxelRecipe()).frames(is_predicted=True))


def texel_model(start: Tensor, weights: PriorWeights) -> TexelModel:
    mapping = ball_mapping()
    return TexelModel(start, start, VoxelPrior(mapping, weights), OptimizeConfig())


def test_values_never_leave_the_limits() -> None:
    start = 100 * noise(ball_mapping())
    values = texel_model(start, PriorWeights()).texels(0)
    limits = OptimizeConfig().limits
    assert values[:, 0].detach().abs().max() == limits.density
    assert values[:, 1:].detach().abs().max() == limits.feature


def test_density_and_features_have_rates_of_their_own() -> None:
    model = texel_model(noise(ball_mapping()), PriorWeights())
    config = OptimizeConfig()
    rates = {group["params"][0].shape[1]: group["lr"] for group in model.parameters()}
    assert rates == {1: config.density_rate, 4: config.feature_rate}


def test_the_penalty_is_the_prior_about_the_prediction() -> None:
    mapping = ball_mapping()
    start, predicted = noise(mapping), noise(mapping, seed=2)
    prior = VoxelPrior(mapping, PriorWeights(close_feature=1.0))
    model = TexelModel(start, predicted, prior, OptimizeConfig())
    values = model.texels(0)
    expected = (values - predicted)[:, 1:].abs().sum() / len(values)
    torch.testing.assert_close(model.penalty(0), expected)


def test_training_a_model_leaves_its_start_alone() -> None:
    start = noise(ball_mapping())
    copy = start.clone()
    model = texel_model(start, PriorWeights(smooth_feature=1.0))
    optimizer = torch.optim.Adam(model.parameters())
    model.texels(0)
    model.penalty(0).backward()
    optimizer.step()
    assert torch.equal(start, copy)
    assert not torch.equal(model.texels(0), copy)


def motion_model(recipe: VoxelRecipe) -> MotionModel:
    mapping = ball_mapping(side=30)
    return MotionModel(warp_of(mapping), smooth_values(mapping), recipe)


def test_motion_starts_at_rest_and_stays_within_the_limit() -> None:
    model = motion_model(VoxelRecipe())
    assert not model.motion.any()
    with torch.no_grad():
        model.motion.fill_(100.0)
    model.texels(0)
    assert (model.motion == LONGEST).all()


def test_motion_is_penalized_by_length_and_by_variation_between_neighbors() -> None:
    long = motion_model(VoxelRecipe(motion_length=2.0, motion_variation=0.0))
    varied = motion_model(VoxelRecipe(motion_length=0.0, motion_variation=3.0))
    for model in (long, varied):
        with torch.no_grad():
            model.motion[:, 0] = 0.5
    assert long.penalty(0).item() == pytest.approx(2.0 * 0.5 / 3)
    assert varied.penalty(0).item() == 0
    with torch.no_grad():
        varied.motion[0, 1] += 1.0
    assert varied.penalty(0).item() > 0


def test_a_lone_cube_has_no_variation() -> None:
    mapping = ball_mapping(side=7)
    model = MotionModel(warp_of(mapping), smooth_values(mapping), VoxelRecipe(motion_length=1.0))
    assert model.motion.shape == (1, 3)
    assert model.penalty(0).item() == 0


def test_the_network_is_known_only_after_frame_0(tiny_footage) -> None:
    fit = VoxelFit(tiny_footage, VoxelRecipe())
    with pytest.raises(RuntimeError, match="train frame 0 first"):
        _ = fit.network


def test_only_the_first_frame_of_a_group_has_no_motion(predicted_frames, tiny_footage) -> None:
    assert [frame.motion is None for frame in predicted_frames] == [True, False, False]
    mapping = tiny_footage.groups[0].scene.mapping
    for frame in predicted_frames:
        assert frame.values.shape == (mapping.texel_count, 1 + tiny_footage.feature_count)
        assert frame.values.isfinite().all()
        assert not frame.values.requires_grad


def test_motion_is_found_and_is_no_longer_than_what_is_sent(predicted_frames) -> None:
    for frame in predicted_frames[1:]:
        motion = cast("np.ndarray", frame.motion)
        assert motion.dtype == np.int32
        assert 0 < np.abs(motion).max() <= LONGEST * UNITS


def test_a_heavier_residual_penalty_leaves_a_smaller_residual(tiny_footage) -> None:
    changes = []
    for weight in (0.0, 0.05):
        close = PriorWeights(close_density=weight, close_feature=weight)
        recipe = VoxelRecipe(motion_share=0.0, against=close)
        frames = VoxelFit(tiny_footage, recipe).frames(is_predicted=True)
        first, second = next(frames), next(frames)
        changes.append(float((second.values - first.values)[:, 1:].abs().mean()))
    assert changes[1] < 0.7 * changes[0]


def test_fitting_twice_gives_the_same_bits(tiny_footage, predicted_frames) -> None:
    again = VoxelFit(tiny_footage, VoxelRecipe()).frames(is_predicted=True)
    for frame, other in zip(predicted_frames, again, strict=True):
        assert torch.equal(frame.values, other.values)


def in_groups_of(footage: Footage, length: int) -> Footage:
    config = replace(footage.config, grouping=replace(footage.config.grouping, max_length=length))
    own = [occupancy for group in footage.groups for occupancy in group.occupancies]
    return assemble_footage(footage.capture, config, footage.grid, own)


def test_every_group_begins_with_a_frame_that_knows_no_other(tiny_footage) -> None:
    footage = in_groups_of(tiny_footage, 2)
    assert [len(group.frames) for group in footage.groups] == [2, 1]
    frames = VoxelFit(footage, VoxelRecipe(motion_share=0.5)).frames(is_predicted=True)
    assert [frame.motion is None for frame in frames] == [True, False, True]
