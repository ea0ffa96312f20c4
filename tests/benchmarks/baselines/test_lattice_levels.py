"""Coarse lattices: which vertices they have, and that their steps interpolate trilinearly."""

from itertools import product

import numpy as np
import pytest
import torch

from benchmarks.baselines.lattice_levels import SparseRows, build_levels, interpolate
from render.errors import SceneError
from tests.benchmarks.baselines.groups import ball_mapping, smooth_values

STRIDES = (8, 4, 2, 1)


def dense(rows: SparseRows, columns: int) -> np.ndarray:
    found = np.zeros((len(rows.starts) - 1, columns))
    for row in range(len(found)):
        for i in range(rows.starts[row], rows.starts[row + 1]):
            found[row, rows.columns[i]] += rows.weights[i]
    return found


def coarse_vertices(stride: int) -> np.ndarray:
    """Vertices of a stride, step by step as the levels are built."""
    mapping = ball_mapping()
    points = mapping.vertices.astype(np.int64)
    for _ in range(stride.bit_length() - 1):
        points, _ = interpolate(points, np.ones(len(points), np.bool_), 2)
    return points


def trilinear(values: dict, point: np.ndarray, stride: int) -> float:
    """By the definition, from values by coarse vertex."""
    base, part = point // stride, point % stride / stride
    total = 0.0
    for corner in product((0, 1), repeat=3):
        weight = np.prod([p if c else 1 - p for c, p in zip(corner, part, strict=True)])
        if weight:
            total += weight * values[tuple(base + corner)]
    return total


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_a_chain_of_steps_is_direct_trilinear_interpolation(stride) -> None:
    mapping = ball_mapping()
    levels = build_levels(mapping, [s for s in STRIDES if s <= stride])
    vertices = coarse_vertices(stride)
    own = torch.randn(levels.sizes[0], 1, generator=torch.Generator().manual_seed(0))
    assert len(vertices) == levels.sizes[0]
    known = {tuple(v): float(x) for v, x in zip(vertices, own[:, 0], strict=True)}
    found = levels.raised(own, 0)[:, 0]
    for texel, vertex in list(zip(mapping.texels, mapping.vertices, strict=True))[::17]:
        assert float(found[texel]) == pytest.approx(trilinear(known, vertex, stride), abs=1e-5)


def test_constants_and_linear_functions_are_kept() -> None:
    mapping = ball_mapping()
    levels = build_levels(mapping, (4, 2, 1))
    vertices = torch.from_numpy(coarse_vertices(4)).float() * 4
    found = levels.raised(torch.cat([vertices, torch.ones(len(vertices), 1)], 1), 0)
    texels = torch.from_numpy(mapping.texels).long()
    torch.testing.assert_close(found[texels, :3], torch.from_numpy(mapping.vertices).float())
    torch.testing.assert_close(found[texels, 3], torch.ones(len(texels)))


def test_texels_without_a_vertex_get_nothing() -> None:
    mapping = ball_mapping()
    levels = build_levels(mapping, (2, 1))
    unused = np.setdiff1d(np.arange(mapping.texel_count), mapping.texels)
    assert len(unused)
    assert not levels.raised(torch.ones(levels.sizes[0], 2), 0)[unused].any()


def test_lattices_shrink_and_hold_no_vertex_that_nobody_reads() -> None:
    mapping = ball_mapping()
    levels = build_levels(mapping, STRIDES)
    assert levels.sizes[-1] == mapping.texel_count
    assert list(levels.sizes) == sorted(levels.sizes)
    for step in levels.steps:
        assert (np.diff(step.backward.starts) > 0).all()


def test_the_product_and_its_transpose_are_the_matrix() -> None:
    mapping = ball_mapping(side=9)
    levels = build_levels(mapping, (2, 1))
    step, (coarse, fine) = levels.steps[0], levels.sizes
    matrix = dense(step.forward, coarse)
    np.testing.assert_array_equal(dense(step.backward, fine), matrix.T)
    values = torch.randn(coarse, 5)
    np.testing.assert_allclose(step.forward @ values, matrix @ values.numpy(), atol=1e-5)


def test_gradients_flow_through_a_step() -> None:
    levels = build_levels(ball_mapping(side=9), (2, 1))
    values = torch.randn(levels.sizes[0], 3, requires_grad=True)
    wanted = torch.randn(levels.sizes[1], 3)
    (levels.raised(values, 0) * wanted).sum().backward()
    matrix = torch.from_numpy(dense(levels.steps[0].forward, levels.sizes[0])).float()
    torch.testing.assert_close(values.grad, matrix.T @ wanted)


def test_split_parts_compose_to_the_values() -> None:
    mapping = ball_mapping()
    levels, values = build_levels(mapping, STRIDES), smooth_values(mapping)
    parts = levels.split(values)
    assert [len(part) for part in parts] == list(levels.sizes)
    torch.testing.assert_close(levels.composed(parts), values, atol=1e-5, rtol=1e-5)


def test_more_parts_come_closer() -> None:
    mapping = ball_mapping()
    levels, values = build_levels(mapping, STRIDES), smooth_values(mapping)
    parts = levels.split(values)
    errors = [float((levels.composed(parts[:n]) - values).square().mean()) for n in (1, 2, 3, 4)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9 < errors[0]


def test_constant_values_lie_in_the_coarsest_part_alone() -> None:
    mapping = ball_mapping()
    levels = build_levels(mapping, (4, 2, 1))
    first, *others = levels.split(torch.full((mapping.texel_count, 2), -3.0))
    torch.testing.assert_close(first, torch.full_like(first, -3.0))
    used = torch.from_numpy(mapping.texels).long()
    assert others[0].abs().max() < 1e-5
    assert others[1][used].abs().max() < 1e-5


def test_one_stride_is_the_texels_themselves() -> None:
    mapping = ball_mapping()
    levels, values = build_levels(mapping, (1,)), smooth_values(mapping)
    assert torch.equal(levels.composed(levels.split(values)), values)


@pytest.mark.parametrize("strides", [(), (2,), (4, 3, 1), (1, 2), (2, 2, 1), (8, 4, 2)])
def test_strides_that_are_not_nested_are_refused(strides) -> None:
    with pytest.raises(SceneError, match="expected each a multiple of the next, down to 1"):
        build_levels(ball_mapping(side=9), strides)
