"""What a frame starts from, texel by texel, and which of its losses see the frame before."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bake.losses import LossConfig, dct_basis, spatial_variation, transform_bits
from bake.optimize import (
    Motion,
    OptimizeConfig,
    adapt_density,
    build_group,
    carry_texels,
    fresh_texels,
)
from bake.trainer import BlockLoss, ValueRange
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid, union

GRID = VoxelGrid(Aabb((0, 0, 0), (4, 3, 5)), 1.0, (5, 4, 6))
CONFIG = OptimizeConfig(density_range=6.0, lifted_density=-2.0, initial_density=-1.5)
seeds = st.integers(0, 999)


def random_occupancy(seed: int, share: float = 0.5) -> OccupancyGrid:
    bits = np.random.default_rng(seed).random(GRID.shape) < share
    bits[2, 2, 2] = True
    return OccupancyGrid(GRID, bits)


@given(seeds, seeds, seeds)
def test_a_vertex_keeps_its_value_through_any_groups_that_contain_it(a, b, c) -> None:
    first, second, third = (random_occupancy(seed) for seed in (a, b, c))
    tables = [build_mapping(occupancy, 4) for occupancy in (first, second, third)]
    values = torch.randn(tables[0].texel_count, 3)
    carried = values
    for old, new in pairwise(tables):
        carried = carry_texels((old, carried), new, CONFIG)
    kept = first.vertices & second.vertices & third.vertices
    for vertex in map(tuple, np.argwhere(kept)):
        source, target = tables[0].texel_of_vertex[vertex], tables[2].texel_of_vertex[vertex]
        assert carried[target].equal(values[source])
    lost = third.vertices & ~second.vertices
    rows = torch.from_numpy(tables[2].texel_of_vertex[lost]).long()
    assert (carried[rows] == torch.tensor([-1.5, 0, 0])).all()


@given(seeds, seeds, seeds)
def test_density_is_adapted_vertex_by_vertex_as_the_words_say(now, before, values) -> None:
    motion = Motion(random_occupancy(now), random_occupancy(before))
    mapping = build_mapping(union([motion.occupancy, motion.before]), 4)
    generator = torch.Generator().manual_seed(values)
    texels = torch.randn(mapping.texel_count, 3, generator=generator) * 4
    copy = texels.clone()
    adapted = adapt_density(texels, mapping, motion, CONFIG)
    for vertex in map(tuple, mapping.vertices):
        row = int(mapping.texel_of_vertex[vertex])
        density = texels[row, 0].item()
        if not motion.occupancy.vertices[vertex]:
            density = -6.0
        elif not motion.before.vertices[vertex]:
            density = max(density, -2.0)
        assert adapted[row, 0].item() == density
    assert adapted[:, 1:].equal(texels[:, 1:])
    assert texels.equal(copy)
    again = adapt_density(adapted, mapping, motion, CONFIG)
    assert again.equal(adapted)


@given(seeds)
def test_a_frame_that_does_not_move_starts_where_the_last_one_ended(seed) -> None:
    whole = random_occupancy(seed)
    mapping = build_mapping(whole, 4)
    texels = torch.randn(mapping.texel_count, 4)
    assert adapt_density(texels, mapping, Motion(whole, whole), CONFIG).equal(texels)


@given(seeds, st.integers(1, 12))
def test_fresh_features_are_small_symmetric_noise_of_their_own_stream(seed, count) -> None:
    mapping = build_mapping(random_occupancy(1, 0.9), 4)
    torch.manual_seed(0)
    texels = fresh_texels(mapping, CONFIG, count, seed)
    after = torch.rand(3)
    torch.manual_seed(0)
    assert torch.rand(3).equal(after)  # The global stream is left alone.
    assert texels[:, 1:].abs().mean().item() == pytest.approx(0.008, rel=0.2)
    assert abs(texels[:, 1:].mean().item()) < 0.003


@given(seed=seeds, side=st.sampled_from([2, 4, 8]), channels=st.integers(1, 5))
def test_the_transform_loses_no_energy(seed, side, channels) -> None:
    blocks = torch.randn(3, side, side, channels, generator=torch.Generator().manual_seed(seed))
    basis = dct_basis(side)
    coefficients = torch.einsum("ki,bijc,lj->bklc", basis, blocks, basis)
    torch.testing.assert_close(coefficients.square().sum((1, 2)), blocks.square().sum((1, 2)))
    # Far below the step, log2(1 + x^2) is x^2 / ln 2, so the bits are the energy.
    fine = blocks.double()
    bits = transform_bits(fine, torch.zeros_like(fine), torch.full((channels,), 1e3))
    energy = fine.square().mean() / 1e6 / np.log(2)
    assert bits.item() == pytest.approx(energy.item(), rel=1e-3)


@given(seed=seeds, order=st.permutations(range(6)))
def test_no_loss_depends_on_where_in_the_atlas_a_block_lies(seed, order) -> None:
    generator = torch.Generator().manual_seed(seed)
    blocks, before = (torch.randn(6, 4, 4, 2, generator=generator) for _ in range(2))
    steps = torch.tensor([0.3, 0.7])
    for loss in (
        lambda b, p: spatial_variation(b),
        lambda b, p: transform_bits(b, None, steps),
        lambda b, p: transform_bits(b, p, steps),
    ):
        torch.testing.assert_close(loss(blocks[order], before[order]), loss(blocks, before))


LOSSES = LossConfig(opacity_entropy=0, inter_bits=0.4, target_qp=28)
LIMITS = ValueRange(6.0, 3.0, 219)


@given(seed=seeds)
def test_following_the_block_gradient_lowers_the_bits_it_counts(seed) -> None:
    scene = build_group(random_occupancy(seed), 4)
    generator = torch.Generator().manual_seed(seed)
    texels = [torch.randn(scene.mapping.texel_count, 5, generator=generator) for _ in range(2)]
    field, before = (scene.field(values, CONFIG) for values in texels)
    loss = BlockLoss(LOSSES, 4, LIMITS, before)
    start = loss.bits(field)
    gradient = loss.gradient(field)
    assert gradient is not None
    scale = 0.01 / max(gradient.density.abs().max(), gradient.features.abs().max())
    field.density[:-1] -= scale * gradient.density[:-1]
    field.features[:-1] -= scale * gradient.features[:-1]
    assert loss.bits(field) < start
    assert loss.bits(before) == pytest.approx(0, abs=1e-3)
