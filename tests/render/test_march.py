"""The compiled march against its plain twin, against hand computation, and its guarantees."""

import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from render.cameras import Rays
from render.field import Field, FieldGeometry, build_geometry, make_field
from render.geometry import Aabb
from render.mapping import build_mapping
from render.march import (
    MarchResult,
    march,
    march_forward,
    march_reference,
)
from render.occupancy import OccupancyGrid, VoxelGrid

VOXEL, CORNER = 0.25, (-1.0, 2.0, 0.5)
March = Callable[[Field, Rays], MarchResult]

# Both sides compute in float32 and in another order. Positions are good to about 1e-6 voxels, and
# the densities of some thirty samples along a ray hardly less so (worst of many scenes: 3e-6).
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def geometry_of(vertices: np.ndarray) -> FieldGeometry:
    x, y, z = vertices.shape
    box = Aabb(CORNER, tuple(np.add(CORNER, VOXEL * np.subtract(vertices.shape, 1))))
    grid = VoxelGrid(box, VOXEL, (x, y, z))
    return build_geometry(grid, build_mapping(OccupancyGrid(grid, vertices), 4))


def sparse(shape: tuple[int, int, int], share: float, seed: int = 0) -> FieldGeometry:
    vertices = np.random.default_rng(seed).random(shape) < share
    vertices[tuple(n // 2 for n in shape)] = True
    return geometry_of(vertices)


def random_texels(geometry: FieldGeometry, features: int) -> Tensor:
    texels = torch.randn(geometry.texel_count, 1 + features)
    texels[:, 0] = 1.5 * texels[:, 0] - 2
    return texels


def uniform(geometry: FieldGeometry, density: float, *, step: float = 0.5) -> Field:
    """The same density everywhere, and features that are one everywhere."""
    rows = geometry.texel_count + 1
    return Field(geometry, torch.full((rows,), density), torch.ones(rows, 4), step)


def world(origins: Tensor, directions: Tensor) -> Rays:
    """World rays from origins in voxels."""
    scaled = origins.double() * VOXEL + torch.tensor(CORNER, dtype=torch.float64)
    return Rays(scaled.float(), normalize(directions.float(), dim=1))


def random_rays(geometry: FieldGeometry, count: int = 200) -> Rays:
    """Rays from in and around the box, most of which meet it."""
    size = torch.tensor(geometry.cells.shape)
    origins = (torch.rand(count, 3) * 2 - 0.5) * size
    toward = torch.rand(count, 3) * size
    return world(origins, toward - origins)


def gradients(way: March, geometry: FieldGeometry, texels: Tensor, rays: Rays) -> Tensor:
    """Of a fixed random linear loss with respect to the texels."""
    texels = texels.clone().requires_grad_()
    result = way(make_field(geometry, texels, empty_density=-5.0, step=0.5), rays)
    generator = torch.Generator().manual_seed(1)
    loss = (result.features * torch.randn(result.features.shape, generator=generator)).sum()
    loss = loss + (result.transmittance * torch.randn(len(rays), generator=generator)).sum()
    loss.backward()
    assert texels.grad is not None
    return texels.grad


def assert_close(found: MarchResult, expected: MarchResult) -> None:
    torch.testing.assert_close(found.features, expected.features, **CLOSE)
    torch.testing.assert_close(found.transmittance, expected.transmittance, **CLOSE)
    # Distances are sums of weights times distances of up to some thirty voxels.
    torch.testing.assert_close(found.distance, expected.distance, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("step", [0.5, 1.0])
@pytest.mark.parametrize("features", [1, 3, 4, 12, 13])
def test_the_forward_march_agrees_with_its_plain_twin(features, step) -> None:
    geometry = sparse((9, 7, 11), 0.4)
    texels = random_texels(geometry, features)
    field = make_field(geometry, texels, empty_density=-5.0, step=step)
    rays = random_rays(geometry)
    result = march(field, rays)
    assert result.features.shape == (200, field.features.shape[1])
    assert 0.05 < result.transmittance.mean() < 0.95  # The scene tests something.
    assert_close(result, march_reference(field, rays))


@pytest.mark.parametrize("features", [1, 5, 12])
def test_the_backward_march_agrees_with_automatic_differentiation(features) -> None:
    geometry = sparse((9, 7, 11), 0.4)
    texels, rays = random_texels(geometry, features), random_rays(geometry)
    found = gradients(march, geometry, texels, rays)
    expected = gradients(march_reference, geometry, texels, rays)
    assert expected.abs().max() > 0.1
    # What lies behind a sample is the whole minus the prefix, good to a few float32 roundings of
    # the whole; a texel collects that from dozens of samples.
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)


AXES = torch.cat([torch.eye(3), -torch.eye(3)])


@pytest.mark.parametrize("offset", [0.37, 0.0, 2.0], ids=["between", "on the face", "on vertices"])
def test_rays_parallel_to_an_axis_agree_with_the_plain_twin(offset) -> None:
    geometry = sparse((6, 6, 6), 0.7)
    field = make_field(geometry, random_texels(geometry, 4), empty_density=-5.0, step=0.5)
    origins = torch.where(AXES == 0, offset, 2.5 - 5 * AXES)
    rays = world(origins, AXES)
    result = march(field, rays)
    assert (result.transmittance < 1).all()
    assert_close(result, march_reference(field, rays))


def test_rays_that_start_inside_see_only_what_is_ahead() -> None:
    geometry = geometry_of(np.ones((9, 3, 3), np.bool_))
    field = uniform(geometry, 0.0)
    starts = torch.tensor([[0.0, 1, 1], [4, 1, 1], [6, 1, 1]])
    result = march(field, world(starts, torch.tensor([[1.0, 0, 0]] * 3)))
    # (1 + exp(0)) ** -length, as a step in voxels is the unit of length.
    assert result.transmittance.tolist() == pytest.approx([2**-8, 2**-4, 2**-2], rel=1e-4)
    assert_close(result, march_reference(field, world(starts, AXES[:1].expand(3, 3))))


@pytest.mark.parametrize("way", [march, march_reference])
def test_rays_that_miss_meet_nothing_and_teach_nothing(way) -> None:
    geometry = geometry_of(np.ones((5, 5, 5), np.bool_))
    texels = torch.ones(geometry.texel_count, 5, requires_grad=True)
    origins = torch.tensor([[-3.0, 2, 2], [2, 9, 2], [-3, -3, 2], [2, 2, 4.1], [9, 9, 9]])
    directions = torch.tensor([[-1.0, 0, 0], [1, 0, 0], [1, -1, 0], [0, 1, 0], [1, 1, 0]])
    result = way(
        make_field(geometry, texels, empty_density=5.0, step=0.5),
        world(origins, directions),
    )
    assert (result.transmittance == 1).all()
    assert (result.features == 0).all()
    assert (result.distance == 0).all()
    (result.features.sum() + result.transmittance.sum()).backward()
    assert texels.grad is not None
    assert (texels.grad == 0).all()


@pytest.mark.parametrize("way", [march, march_reference])
def test_no_rays_give_no_results(way) -> None:
    geometry = sparse((4, 4, 4), 0.5)
    result = way(uniform(geometry, 0.0), Rays(torch.empty(0, 3), torch.empty(0, 3)))
    shapes = [tuple(t.shape) for t in (result.features, result.transmittance, result.distance)]
    assert shapes == [(0, 4), (0,), (0,)]


@pytest.mark.parametrize("way", [march, march_reference])
def test_one_voxel_and_one_sample_give_what_a_hand_computes(way) -> None:
    geometry = geometry_of(np.ones((2, 2, 2), np.bool_))
    texels = torch.zeros(16, 5)
    texels[:, 0] = torch.linspace(-2, 3, 16)
    texels[:, 1] = torch.arange(16.0)
    ray = world(torch.tensor([[-1.0, 0.5, 0.5]]), AXES[:1])
    corners = geometry.corners[0].tolist()
    density, feature = texels[corners, 0].mean(), texels[corners, 1].mean()
    result = way(make_field(geometry, texels, empty_density=0.0, step=1.0), ray)
    alpha = float(torch.sigmoid(density))  # 1 - 1 / (1 + exp(density))
    assert result.transmittance.item() == pytest.approx(1 - alpha, rel=1e-5)
    assert result.features[0, 0].item() == pytest.approx(alpha * float(feature), rel=1e-5)
    assert result.distance.item() == pytest.approx(alpha * 1.5, rel=1e-5)


def test_gradients_agree_with_finite_differences() -> None:
    geometry = geometry_of(np.ones((3, 3, 3), np.bool_))  # Eight voxels.
    texels, rays = random_texels(geometry, 3) * 0.3, random_rays(geometry, 40)
    coefficients = torch.randn(40, 4)

    def loss(values: Tensor) -> Tensor:
        result = march(make_field(geometry, values, empty_density=-5.0, step=0.5), rays)
        return (result.features * coefficients).double().sum() + result.transmittance.sum()

    leaf = texels.clone().requires_grad_()
    loss(leaf).backward()
    assert leaf.grad is not None
    difference = 0.02
    for row, column in [(texel, column) for texel in (0, 7, 13, 26) for column in (0, 1, 3)]:
        bump = torch.zeros_like(texels)
        bump[geometry.corners.flat[row], column] = difference
        slope = (loss(texels + bump) - loss(texels - bump)) / (2 * difference)
        # Good to the square of the difference, and to float32 roundings over the difference.
        found = leaf.grad[bump != 0].item()
        assert found == pytest.approx(slope.item(), rel=5e-3, abs=5e-4)


@pytest.mark.parametrize("way", [march, march_reference])
def test_weights_and_transmittance_sum_to_one(way) -> None:
    geometry = sparse((9, 7, 11), 0.4)
    field = uniform(geometry, 0.0)
    field = Field(geometry, torch.randn_like(field.density), field.features, 0.5)
    result = way(field, random_rays(geometry))
    total = result.features + result.transmittance[:, None]
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", [march, march_reference])
def test_a_transparent_field_lets_everything_through(way) -> None:
    geometry = sparse((6, 6, 6), 0.8)
    result = way(uniform(geometry, -30.0), random_rays(geometry))
    assert (result.transmittance == 1).all()
    assert (result.features == 0).all()


def test_an_opaque_box_is_as_far_as_its_entry() -> None:
    geometry = geometry_of(np.ones((7, 5, 6), np.bool_))
    rays = random_rays(geometry)
    grid_rays = geometry.to_grid(rays)
    ends = torch.stack([-grid_rays.origins, torch.tensor([6, 4, 5]) - grid_rays.origins])
    ends = (ends / grid_rays.directions).sort(0).values
    entry = ends[0].amax(1).clamp_min(0)
    met = ends[1].amin(1) - entry > 0.5 + 1e-4
    assert met.sum() > 100
    distance = march(uniform(geometry, 60.0), rays).distance[met]
    # All the weight is on the first sample, half a step behind the entry.
    torch.testing.assert_close(distance, entry[met] + 0.25, rtol=0, atol=2e-5)


def test_a_step_of_training_leaves_nothing_behind() -> None:
    geometry = sparse((4, 4, 4), 0.5)
    texels = random_texels(geometry, 3).requires_grad_()
    result = march(
        make_field(geometry, texels, empty_density=-5.0, step=0.5), random_rays(geometry)
    )
    result.features.sum().backward()
    watched = weakref.ref(result.features)
    del result
    gc.collect()
    assert watched() is None


def test_only_features_and_transmittance_carry_gradients() -> None:
    geometry = sparse((4, 4, 4), 0.5)
    texels, rays = random_texels(geometry, 3).requires_grad_(), random_rays(geometry, 8)
    field = make_field(geometry, texels, empty_density=-5.0, step=0.5)
    result = march(field, rays)
    assert result.features.requires_grad
    assert result.transmittance.requires_grad
    assert not result.distance.requires_grad
    assert not march_forward(field, geometry.to_grid(rays)).features.requires_grad
