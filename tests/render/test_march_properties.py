"""What must hold of any march: symmetries, superposition, closed forms, and where light stops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from render.cameras import Rays
from render.field import Field, build_geometry, make_field
from render.geometry import Aabb
from render.mapping import build_mapping
from render.march import march, march_reference, texel_weights
from render.occupancy import OccupancyGrid, VoxelGrid

CLOSE = {"rtol": 2e-5, "atol": 2e-5}
SEEDS = st.integers(0, 2**32)
BOTH = pytest.mark.parametrize("way", [march, march_reference])


def grid_over(vertices: NDArray[np.bool_], *, size: float = 1.0, corner: float = 0.0) -> VoxelGrid:
    x, y, z = vertices.shape
    top = tuple(corner + size * (n - 1) for n in vertices.shape)
    return VoxelGrid(Aabb((corner,) * 3, top), size, (x, y, z))


def bits(seed: int, shape: tuple[int, int, int] = (7, 6, 8), share: float = 0.4):  # noqa: ANN201
    vertices = np.random.default_rng(seed).random(shape) < share
    vertices[tuple(n // 2 for n in shape)] = True
    return vertices


def field_of(
    vertices: NDArray[np.bool_], grid: VoxelGrid, values: Tensor, *, step: float = 0.5
) -> Field:
    """A field whose texel values are given over the grid (x, y, z, 1 + features)."""
    mapping = build_mapping(OccupancyGrid(grid, vertices), 4)
    texels = torch.zeros(mapping.texel_count, values.shape[-1])
    texels[mapping.texels] = values[tuple(mapping.vertices.T)]
    return make_field(build_geometry(grid, mapping), texels, empty_density=-6.0, step=step)


def random_values(seed: int, shape: tuple[int, ...], features: int = 4) -> Tensor:
    values = torch.randn(*shape, 1 + features, generator=torch.Generator().manual_seed(seed))
    values[..., 0] = 1.5 * values[..., 0] - 1
    return values


def random_rays(seed: int, shape: tuple[int, ...], count: int = 60) -> Rays:
    """Rays in voxels, from in and around the box toward it."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor(shape) - 1
    origins = (torch.rand(count, 3, generator=generator) * 2 - 0.5) * size
    toward = torch.rand(count, 3, generator=generator) * size
    return Rays(origins, normalize(toward - origins, dim=1))


def scene(seed: int, *, step: float = 0.5) -> tuple[Field, Rays]:
    vertices = bits(seed)
    values = random_values(seed, vertices.shape)
    field = field_of(vertices, grid_over(vertices), values, step=step)
    return field, random_rays(seed, vertices.shape)


def assert_close(one, other) -> None:
    torch.testing.assert_close(one.features, other.features, **CLOSE)
    torch.testing.assert_close(one.transmittance, other.transmittance, **CLOSE)
    torch.testing.assert_close(one.distance, other.distance, rtol=2e-5, atol=2e-4)


@given(SEEDS)
def test_rays_know_nothing_of_each_other(seed) -> None:
    field, rays = scene(seed)
    whole = march(field, rays)
    order = torch.randperm(len(rays), generator=torch.Generator().manual_seed(seed))
    for some in (order, order[:1], order[:7]):
        part = march(field, Rays(rays.origins[some], rays.directions[some]))
        assert torch.equal(part.features, whole.features[some])
        assert torch.equal(part.transmittance, whole.transmittance[some])
        assert torch.equal(part.distance, whole.distance[some])


@BOTH
@pytest.mark.parametrize(("size", "corner"), [(0.25, 0.0), (8.0, 0.0), (0.5, -16.0), (2.0, 64.0)])
def test_the_unit_and_the_origin_of_the_world_change_nothing(way, size, corner) -> None:
    vertices = bits(5)
    values, rays = random_values(5, vertices.shape), random_rays(5, vertices.shape)
    moved = Rays(rays.origins * size + corner, rays.directions)
    here = way(field_of(vertices, grid_over(vertices), values), rays)
    there = way(field_of(vertices, grid_over(vertices, size=size, corner=corner), values), moved)
    # Distances are in voxels on both sides; origins far from zero lose a few bits.
    torch.testing.assert_close(there.transmittance, here.transmittance, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(there.distance, here.distance, rtol=1e-3, atol=1e-3)


@BOTH
@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 0, 1), (0, 2, 1)], ids=str)
def test_no_axis_is_special(way, axes) -> None:
    vertices = bits(1)
    values, rays = random_values(1, vertices.shape), random_rays(1, vertices.shape)
    turned_bits = np.ascontiguousarray(vertices.transpose(axes))
    turned_values = values.permute(*axes, 3)
    turned_rays = Rays(rays.origins[:, list(axes)], rays.directions[:, list(axes)])
    turned = field_of(turned_bits, grid_over(turned_bits), turned_values)
    straight = field_of(vertices, grid_over(vertices), values)
    assert_close(way(turned, turned_rays), way(straight, rays))


@BOTH
@pytest.mark.parametrize("axis", range(3))
def test_light_that_goes_back_meets_the_same_matter(way, axis) -> None:
    vertices = bits(2)
    field = field_of(vertices, grid_over(vertices), random_values(2, vertices.shape) - 2)
    # Along an axis the lattice is symmetric: the chord is a whole number of steps.
    start = torch.rand(20, 3) * (torch.tensor(vertices.shape) - 1)
    ahead = torch.eye(3)[axis].expand(20, 3)
    front, behind = start.clone(), start.clone()
    front[:, axis], behind[:, axis] = -1.0, vertices.shape[axis] + 1.0
    one, other = way(field, Rays(front, ahead)), way(field, Rays(behind, -ahead))
    assert one.transmittance.min() > 1e-3  # Nothing stopped early.
    torch.testing.assert_close(one.transmittance, other.transmittance, **CLOSE)


@BOTH
def test_features_add_up_and_never_touch_the_light(way) -> None:
    vertices = bits(3)
    one, other = (random_values(seed, vertices.shape, 6) for seed in (3, 4))
    other[..., 0] = one[..., 0]
    mixed = 2 * one - 3 * other
    mixed[..., 0] = one[..., 0]
    rays = random_rays(3, vertices.shape)
    grid = grid_over(vertices)
    first, second, both = (way(field_of(vertices, grid, v), rays) for v in (one, other, mixed))
    assert torch.equal(first.transmittance, both.transmittance)
    expected = 2 * first.features - 3 * second.features
    torch.testing.assert_close(both.features, expected, rtol=1e-4, atol=1e-4)
    assert (both.features[:, 6:] == 0).all()  # Two channels of padding.


@given(SEEDS, st.floats(0.05, 3))
def test_more_matter_lets_less_light_through(seed, more) -> None:
    vertices = bits(seed)
    values, rays = random_values(seed, vertices.shape), random_rays(seed, vertices.shape)
    denser = values.clone()
    denser[..., 0] += more
    grid = grid_over(vertices)
    thin, thick = (march(field_of(vertices, grid, v), rays).transmittance for v in (values, denser))
    # Behind the early stop the amount that is left means nothing.
    seen = thick > 1.1e-3
    assert (thick[seen] <= thin[seen] + 1e-6).all()


@given(SEEDS)
def test_the_mean_distance_lies_between_entry_and_exit(seed) -> None:
    field, rays = scene(seed)
    result = march(field, rays)
    last = torch.tensor(field.geometry.cells.shape, dtype=torch.float32)
    ends = torch.stack([-rays.origins, last - rays.origins]) / rays.directions
    ends = ends.sort(0).values
    entry, leave = ends[0].amax(1).clamp_min(0), ends[1].amin(1)
    opacity = 1 - result.transmittance
    met = opacity > 1e-2
    mean = (result.distance / opacity.clamp_min(1e-2))[met]
    assert (mean > entry[met] - 1e-3).all()
    assert (mean < leave[met] + 1e-3).all()
    assert (result.distance[leave < entry] == 0).all()


@given(
    density=st.floats(-6, 0.5), step=st.sampled_from([0.25, 0.4, 0.5, 1.0, 1.7]), seed=SEEDS
)  # fmt: skip
def test_an_even_fog_dims_light_as_the_closed_form_says(density, step, seed) -> None:
    vertices = np.ones((6, 5, 7), np.bool_)
    values = torch.ones(*vertices.shape, 5)
    values[..., 0] = density
    field = field_of(vertices, grid_over(vertices), values, step=step)
    rays = random_rays(seed, vertices.shape)
    last = np.array(vertices.shape) - 1.0
    origins, directions = rays.origins.double().numpy(), rays.directions.double().numpy()
    ends = np.sort([-origins / directions, (last - origins) / directions], axis=0)
    count = (ends[1].min(1) - np.maximum(ends[0].max(1), 0)) / step
    # A chord of almost exactly a whole number of steps may be rounded to either.
    sure = np.abs(count - count.round()) > 1e-3
    through = (1 + np.exp(density)) ** -step
    expected = through ** np.floor(count.clip(0))
    expected = np.maximum(expected, 1e-3 * through)
    result = march(field, rays)
    left = result.transmittance.numpy()
    clear = sure & (expected > 1.1e-3)
    assert left[clear] == pytest.approx(expected[clear], rel=2e-4)
    total = result.features[:, 0].numpy() + left
    assert total == pytest.approx(np.ones(len(rays)), abs=2e-5)


@BOTH
def test_finer_steps_approach_a_limit(way) -> None:
    vertices = bits(6, share=0.8)
    values, rays = random_values(6, vertices.shape), random_rays(6, vertices.shape, 120)
    grid = grid_over(vertices)
    found = [way(field_of(vertices, grid, values, step=s), rays) for s in (0.5, 0.125, 0.03125)]
    coarse, fine = (
        float((one.transmittance - found[2].transmittance).abs().mean()) for one in found[:2]
    )
    assert fine < 0.5 * coarse


@BOTH
def test_rays_that_touch_only_a_face_an_edge_or_a_corner_meet_no_sample(way) -> None:
    vertices = np.ones((4, 4, 4), np.bool_)
    field = field_of(vertices, grid_over(vertices), torch.full((4, 4, 4, 5), 3.0))
    away = normalize(torch.tensor([[1.0, 1, 1], [-1, 0, 0], [1, 0.5, 0], [1.0, -1, 0]]), dim=1)
    starts = torch.tensor([[3.0, 3, 3], [0, 1, 1], [3, 1, 1], [3, 3, 1]])
    result = way(field, Rays(starts, away))
    assert (result.transmittance == 1).all()
    assert (result.features == 0).all()


@BOTH
def test_a_single_vertex_is_seen_only_through_the_eight_cells_around_it(way) -> None:
    vertices = np.zeros((9, 9, 9), np.bool_)
    vertices[4, 4, 4] = True
    field = field_of(vertices, grid_over(vertices), torch.full((9, 9, 9, 5), 9.0), step=0.1)
    offsets = torch.tensor([-1.5, -1.05, -0.95, 0.0, 0.95, 1.05, 1.5])
    origins = torch.stack([torch.full((7,), -2.0), 4 + offsets, torch.full((7,), 4.0)], dim=1)
    result = way(field, Rays(origins, torch.eye(3)[:1].expand(7, 3)))
    hit = offsets.abs() < 1
    assert (result.transmittance[~hit] == 1).all()
    assert (result.transmittance[hit] < 1).all()
    assert int(result.transmittance.argmin()) == 3
    torch.testing.assert_close(result.transmittance, result.transmittance.flip(0), **CLOSE)


@given(SEEDS)
def test_no_texel_weighs_more_than_the_light_its_rays_lost(seed) -> None:
    field, rays = scene(seed)
    largest, left = texel_weights(field, field.geometry.to_grid(rays))
    assert (largest >= 0).all()
    assert float(largest.max()) <= 1 - float(left.min()) + 1e-6
    for ray in (0, 1):
        one = Rays(rays.origins[ray : ray + 1], rays.directions[ray : ray + 1])
        assert (texel_weights(field, one)[0] <= largest + 1e-7).all()
