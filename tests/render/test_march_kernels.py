"""What the kernels guarantee: no lost samples, any thread count, safe extremes, texel weights."""

from collections.abc import Iterator

import numba
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from render import march_kernels as kernels
from render.cameras import Rays
from render.field import Field, FieldGeometry, build_geometry, make_field
from render.geometry import Aabb
from render.mapping import build_mapping
from render.march import (
    SLAB_COUNT,
    GradientSlabs,
    march_backward,
    march_forward,
    march_reference,
    texel_weights,
    zero_gradients,
)
from render.occupancy import OccupancyGrid, VoxelGrid

# Both sides compute in float32 and in another order. Positions are good to about 1e-6 voxels, and
# the densities of some thirty samples along a ray hardly less so (worst of many scenes: 3e-6).
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def geometry_of(vertices: np.ndarray) -> FieldGeometry:
    """Unit voxels from the origin, so that world and grid coordinates are the same."""
    x, y, z = vertices.shape
    grid = VoxelGrid(Aabb((0, 0, 0), (x - 1, y - 1, z - 1)), 1.0, (x, y, z))
    return build_geometry(grid, build_mapping(OccupancyGrid(grid, vertices), 4))


def sparse(shape: tuple[int, int, int], share: float) -> FieldGeometry:
    vertices = np.random.default_rng(3).random(shape) < share
    vertices[tuple(n // 2 for n in shape)] = True
    return geometry_of(vertices)


def random_field(geometry: FieldGeometry, features: int = 5) -> Field:
    texels = torch.randn(geometry.texel_count, 1 + features)
    texels[:, 0] = 1.5 * texels[:, 0] - 2
    return make_field(geometry, texels, empty_density=-5.0, step=0.5)


def uniform(geometry: FieldGeometry, density: float, *, step: float = 0.5) -> Field:
    """The same density everywhere, and features that are one everywhere."""
    rows = geometry.texel_count + 1
    return Field(geometry, torch.full((rows,), density), torch.ones(rows, 4), step)


def random_rays(geometry: FieldGeometry, count: int) -> Rays:
    """Rays from in and around the box, most of which meet it."""
    size = torch.tensor(geometry.cells.shape)
    origins = (torch.rand(count, 3) * 2 - 0.5) * size
    return Rays(origins, normalize(torch.rand(count, 3) * size - origins, dim=1))


def along_x(y: float, z: float) -> Rays:
    return Rays(torch.tensor([[-1.0, y, z]]), torch.tensor([[1.0, 0.0, 0.0]]))


def gradients(field: Field, rays: Rays) -> GradientSlabs:
    """Of the sum of all features and transmittances."""
    result, slabs = march_forward(field, rays), zero_gradients(field)
    given = torch.ones_like(result.features), torch.ones(len(rays))
    march_backward(field, rays, result, given, slabs)
    return slabs


def plain_samples(field: Field, rays: Rays, ray: int) -> Iterator[tuple[list[int], list[float]]]:
    """Texels and trilinear weights of every sample of one ray in an active cell, in float64."""
    origin, direction = rays.origins[ray].double(), rays.directions[ray].double()
    size = torch.tensor(field.geometry.cells.shape).double()
    ends = torch.stack([-origin / direction, (size - origin) / direction])
    near, far = max(float(ends.amin(0).max()), 0.0), float(ends.amax(0).min())
    for index in range(int(max(far - near, 0) / field.step)):
        at = origin + (near + (index + 0.5) * field.step) * direction
        cell = torch.minimum(at.floor().clamp_min(0), size - 1)
        number = field.geometry.cells[tuple(cell.int().tolist())]
        if number >= 0:
            u, v, w = (at - cell).tolist()
            weights = [a * b * c for a in (1 - u, u) for b in (1 - v, v) for c in (1 - w, w)]
            yield field.geometry.corners[number].tolist(), weights


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("step", [0.3, 0.5, 1.0])
def test_jumping_over_empty_space_drops_no_sample(share, step) -> None:
    field = uniform(sparse((24, 20, 22), share), -3.0, step=step)
    rays = random_rays(field.geometry, 500)
    # Each sample in an active cell lets the same share through, so transmittance counts them.
    logarithm = -step * np.log1p(np.exp(-3.0))
    found = march_forward(field, rays).transmittance.log() / logarithm
    expected = march_reference(field, rays).transmittance.log() / logarithm
    torch.testing.assert_close(found, found.round(), rtol=0, atol=0.01)
    assert expected.max() > 2
    assert torch.equal(found.round(), expected.round())


def all_results(field: Field, rays: Rays) -> list[Tensor]:
    result, slabs = march_forward(field, rays), gradients(field, rays)
    forward = [result.features, result.transmittance, result.distance]
    return [*forward, slabs.density, slabs.features, *texel_weights(field, rays)]


@pytest.mark.parametrize("count", [0, 1, 2, 301])
def test_results_do_not_depend_on_the_thread_count(count) -> None:
    geometry = sparse((9, 7, 11), 0.4)
    field, rays = random_field(geometry), random_rays(geometry, count)
    before, found = numba.get_num_threads(), []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            found.append(all_results(field, rays))
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_texel_weights_are_the_largest_that_any_ray_gives() -> None:
    geometry = sparse((5, 6, 4), 0.5)
    field, rays = random_field(geometry), random_rays(geometry, 40)
    largest, transmittance = texel_weights(field, rays)
    expected, left = torch.zeros(geometry.texel_count + 1), torch.ones(40, dtype=torch.float64)
    for ray in range(40):
        for corners, weights in plain_samples(field, rays, ray):
            if left[ray] < float(kernels.MIN_TRANSMITTANCE):
                break
            share = torch.tensor(weights, dtype=torch.float64)
            through = (1 + (field.density[corners] * share).sum().exp()) ** -field.step
            for corner, weight in zip(corners, (left[ray] * (1 - through) * share), strict=True):
                expected[corner] = max(expected[corner], weight)
            left[ray] *= through
    assert largest.shape == (geometry.texel_count,)
    torch.testing.assert_close(largest, expected[:-1], **CLOSE)
    torch.testing.assert_close(transmittance, left.float(), **CLOSE)


def test_samples_below_the_smallest_alpha_are_skipped() -> None:
    geometry = geometry_of(np.ones((9, 9, 9), np.bool_))
    below, above = (float(np.log(np.expm1(2 * kernels.MIN_ALPHA * f))) for f in (0.9, 1.1))
    assert march_forward(uniform(geometry, below), along_x(4, 4)).transmittance.item() == 1
    left = march_forward(uniform(geometry, above), along_x(4, 4)).transmittance.item()
    assert left == pytest.approx(1 - 16 * 1.1e-4, abs=5e-6)


def test_texel_weights_count_samples_that_the_march_skips() -> None:
    # They decide what exists, and a field may still be almost transparent then.
    geometry = geometry_of(np.ones((9, 9, 9), np.bool_))
    largest, _ = texel_weights(uniform(geometry, -12.0), along_x(4, 4))
    assert 0 < largest.max() < kernels.MIN_ALPHA


def test_a_ray_stops_where_hardly_any_light_is_left() -> None:
    geometry = geometry_of(np.ones((20, 3, 3), np.bool_))
    # Every sample halves what is left; the tenth goes below a thousandth.
    left = march_forward(uniform(geometry, np.log(3.0)), along_x(1, 1)).transmittance.item()
    assert left == pytest.approx(2**-10, rel=1e-4)


def test_what_stands_behind_a_wall_is_neither_seen_nor_taught() -> None:
    geometry = geometry_of(np.ones((9, 3, 3), np.bool_))
    field, ray = uniform(geometry, 30.0), along_x(0.5, 0.5)
    seen = torch.zeros(geometry.texel_count, dtype=torch.bool)
    seen[geometry.corners[geometry.cells[0, 0, 0]]] = True
    slabs = gradients(field, ray)
    taught = slabs.features.sum(0)[:-1]
    assert (taught[seen] > 0).all()
    assert (taught[~seen] == 0).all()
    assert (slabs.density.sum(0)[:-1][~seen] == 0).all()
    largest, _ = texel_weights(field, ray)
    assert torch.equal(largest > 0, seen)


@pytest.mark.parametrize("density", [80.0, 100.0, 1e4])
def test_densities_beyond_the_range_of_exp_keep_gradients_finite(density) -> None:
    geometry = geometry_of(np.ones((4, 4, 4), np.bool_))
    slabs = gradients(uniform(geometry, density), random_rays(geometry, 50))
    assert slabs.density.isfinite().all()
    assert slabs.features.isfinite().all()


def test_gradient_slabs_accumulate_until_they_are_zeroed() -> None:
    geometry = sparse((4, 4, 4), 0.5)
    field, rays = random_field(geometry), random_rays(geometry, 8)
    once = gradients(field, rays)
    assert once.density.shape == (SLAB_COUNT, *field.density.shape)
    assert once.features.shape == (SLAB_COUNT, *field.features.shape)
    assert (once.features != 0).any()
    result, twice = march_forward(field, rays), zero_gradients(field)
    for _ in range(2):
        given = torch.ones_like(result.features), torch.ones(8)
        march_backward(field, rays, result, given, twice)
    torch.testing.assert_close(twice.features, 2 * once.features)
    torch.testing.assert_close(twice.density, 2 * once.density)


def test_the_gradient_is_the_sum_of_the_slabs_of_rays() -> None:
    geometry = sparse((5, 5, 5), 0.5)
    field, rays = random_field(geometry), random_rays(geometry, 10)
    slabs = gradients(field, rays)
    for slab, part in enumerate((slice(0, 5), slice(5, 10))):
        alone = gradients(field, Rays(rays.origins[part], rays.directions[part]))
        torch.testing.assert_close(slabs.features[slab], alone.features.sum(0), **CLOSE)
