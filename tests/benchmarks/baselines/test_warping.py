"""The motion field: the compiled reading of moved vertices against a plain one, and its codes."""

import itertools

import numba
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.baselines.cubes import VOLUME
from benchmarks.baselines.warping import LONGEST, UNITS, Warp, motion_codes, motion_of
from render.errors import SceneError
from render.mapping import MappingTable
from tests.benchmarks.baselines.groups import (
    EMPTY,
    ball_mapping,
    mapping_of,
    noise,
    smooth_values,
    warp_of,
)


def dense_values(mapping: MappingTable, values: Tensor, margin: int) -> Tensor:
    """Values (x, y, z, channels) of every vertex, with a margin of empty space around."""
    shape = mapping.texel_of_vertex.shape
    grid = torch.zeros(*(n + 2 * margin for n in shape), values.shape[1])
    grid[..., 0] = EMPTY
    x, y, z = torch.from_numpy(mapping.vertices).long().T + margin
    grid[x, y, z] = values[torch.from_numpy(mapping.texels).long()]
    return grid


def plain_warp(warp: Warp, values: Tensor, motion: Tensor) -> Tensor:
    """What `Warp.moved` computes, vertex by vertex in torch, differentiable by autograd."""
    margin = LONGEST + 2
    grid = dense_values(warp.mapping, values, margin)
    numbers = torch.from_numpy(warp.layout.places // VOLUME)
    places = torch.from_numpy(warp.layout.vertices).float() + motion[numbers] + margin
    whole = places.detach().floor()
    fraction = places - whole
    total = torch.zeros(len(places), values.shape[1])
    for corner in itertools.product((0, 1), repeat=3):
        x, y, z = (whole.long() + torch.tensor(corner)).T
        parts = torch.where(torch.tensor(corner) == 1, fraction, 1 - fraction)
        total = total + parts.prod(1)[:, None] * grid[x, y, z]
    found = torch.zeros(warp.layout.texel_count, values.shape[1])
    found[:, 0] = EMPTY
    return found.index_put((torch.from_numpy(warp.layout.texels),), total)


def some_motion(warp: Warp, *, length: float, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(warp.layout.count, 3, generator=generator) * 2 - 1) * length


@pytest.mark.parametrize("length", [0.4, 2.5, float(LONGEST)])
@pytest.mark.parametrize("hole", [0.0, 6.0])
def test_moved_values_are_those_of_the_plain_twin(length, hole) -> None:
    mapping = ball_mapping(hole=hole)
    warp, values = warp_of(mapping), noise(mapping)
    motion = some_motion(warp, length=length)
    found = warp.moved(warp.source(values), motion)
    torch.testing.assert_close(found, plain_warp(warp, values, motion), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length", [0.4, 2.5])
def test_the_gradient_is_that_of_the_plain_twin(length) -> None:
    mapping = ball_mapping(hole=5.0)
    warp, values = warp_of(mapping), noise(mapping)
    slopes, start, weights = [], some_motion(warp, length=length), noise(mapping, seed=3)
    for way in (
        lambda m: warp.moved(warp.source(values), m),
        lambda m: plain_warp(warp, values, m),
    ):
        motion = start.clone().requires_grad_()
        (way(motion) * weights).sum().backward()
        slopes.append(motion.grad)
    torch.testing.assert_close(slopes[0], slopes[1], atol=2e-3, rtol=1e-3)


def test_without_motion_values_stay_as_they_are() -> None:
    mapping = ball_mapping()
    warp, values = warp_of(mapping), smooth_values(mapping)
    found = warp.moved(warp.source(values), torch.zeros(warp.layout.count, 3))
    rows = torch.from_numpy(mapping.texels).long()
    assert torch.equal(found[rows], values[rows])


def test_whole_steps_copy_the_neighbor_and_empty_space() -> None:
    vertices = np.zeros((6, 5, 4), np.bool_)
    vertices[1:5, 1:4, 1:3] = True
    mapping = mapping_of(vertices)
    warp, values = warp_of(mapping), noise(mapping)
    found = warp.moved(warp.source(values), torch.tensor([[1.0, 0.0, 0.0]]))
    for x, y, z in mapping.vertices.tolist():
        here = found[mapping.texel_of_vertex[x, y, z]]
        if vertices[x + 1, y, z]:
            assert torch.equal(here, values[mapping.texel_of_vertex[x + 1, y, z]])
        else:
            assert here.tolist() == [EMPTY, 0, 0, 0, 0]


def test_training_motion_finds_a_shift() -> None:
    mapping = ball_mapping(side=30)
    warp = warp_of(mapping)
    values = smooth_values(mapping)
    shift = torch.tensor([0.75, -0.5, 0.25]).expand(warp.layout.count, 3)
    target = warp.moved(warp.source(values), shift)
    # Near the border of the ball empty space comes in, which no smooth motion undoes.
    inner = (target[:, 0] > -1).float()[:, None]
    motion = torch.zeros(warp.layout.count, 3, requires_grad=True)
    optimizer = torch.optim.Adam([motion], lr=0.05)
    for _ in range(80):
        optimizer.zero_grad()
        ((warp.moved(warp.source(values), motion) - target) * inner).square().mean().backward()
        optimizer.step()
    errors = (motion.detach() - shift).abs()
    assert errors.median() < 0.1
    assert errors.mean() < shift.abs().mean() / 2


def test_thread_count_does_not_change_a_bit() -> None:
    mapping = ball_mapping(side=30)
    warp, values = warp_of(mapping), noise(mapping)
    results = []
    before = numba.get_num_threads()
    try:
        for count in (1, before):
            numba.set_num_threads(count)
            motion = some_motion(warp, length=2.0).requires_grad_()
            moved = warp.moved(warp.source(values), motion)
            moved.square().sum().backward()
            results.append((moved.detach(), motion.grad))
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@given(codes=st.lists(st.integers(-LONGEST * UNITS, LONGEST * UNITS), min_size=3, max_size=3))
def test_codes_of_motion_come_back(codes) -> None:
    array = np.array([codes], np.int32)
    motion = motion_of(array)
    assert motion.dtype == torch.float32
    assert motion.tolist() == [[code / UNITS for code in codes]]
    assert np.array_equal(motion_codes(motion), array)


def test_motion_is_rounded_to_the_nearest_code_within_the_limit() -> None:
    motion = torch.tensor([[0.031, 0.032, -100.0]])
    assert motion_codes(motion).tolist() == [[0, 1, -LONGEST * UNITS]]


@pytest.mark.parametrize("code", [LONGEST * UNITS + 1, -(2**31), 2**31 - 1])
def test_motion_beyond_the_limit_is_refused(code) -> None:
    with pytest.raises(SceneError, match="voxels long, expected at most 8"):
        motion_of(np.array([[0, code, 0]], np.int32))


def test_no_cube_means_no_motion() -> None:
    assert motion_of(np.zeros((0, 3), np.int32)).shape == (0, 3)
