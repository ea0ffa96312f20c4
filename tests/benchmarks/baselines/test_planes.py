import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.baselines.planes import AXES, PLANE_COUNT, TriPlanes
from benchmarks.baselines.sparse_rows import Neighborhood, SparseProduct, neighbors
from render.errors import SceneError
from render.geometry import Aabb
from render.mapping import UNMAPPED, MappingTable, build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid

SHAPE = (7, 9, 6)


def table(seed: int = 0, share: float = 0.3) -> MappingTable:
    bits = np.random.default_rng(seed).random(SHAPE) < share
    bits[0] = bits[:, -1] = False  # So that the box of the occupied vertices is not the grid's.
    x, y, z = (count - 1.0 for count in SHAPE)
    grid = VoxelGrid(Aabb((0.0, 0.0, 0.0), (x, y, z)), 1.0, SHAPE)
    return build_mapping(OccupancyGrid(grid, bits), 4)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def bilinear(image: Tensor, row: float, column: float) -> Tensor:
    """The plain definition, corner by corner; image (channels, rows, columns)."""
    total = torch.zeros(image.shape[0])
    for i in range(image.shape[1]):
        for j in range(image.shape[2]):
            total += image[:, i, j] * max(0.0, 1 - abs(row - i)) * max(0.0, 1 - abs(column - j))
    return total


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.7])
def test_features_are_the_planes_read_bilinearly(scale: float) -> None:
    mapping = table()
    planes = TriPlanes(mapping, scale)
    values = noise(planes.pixel_count, 2)
    images = planes.to_images(values)
    features = planes.features(values)
    for vertex, texel in zip(mapping.vertices[::5], mapping.texels[::5], strict=True):
        place = vertex * scale - np.array(planes.box.first)
        read = [
            bilinear(image, place[down], place[right])
            for image, (down, right) in zip(images, AXES, strict=True)
        ]
        torch.testing.assert_close(features[texel], torch.cat(read))


def test_padding_texels_read_what_the_last_vertex_reads() -> None:
    mapping = table()
    features = TriPlanes(mapping).features(noise(TriPlanes(mapping).pixel_count, 2))
    assert mapping.texel_count > len(mapping.texels)
    assert torch.equal(features, mapping.fill_padding(features))


@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_the_gradient_is_the_transposed_matrix(scale: float) -> None:
    planes = TriPlanes(table(), scale)
    values = noise(planes.pixel_count, 3).requires_grad_()
    features = planes.features(values)
    weight = noise(*features.shape, seed=1)
    (features * weight).sum().backward()
    dense = planes.product.forward(torch.eye(planes.pixel_count))
    expected = dense.T @ weight.reshape(-1, 3)
    torch.testing.assert_close(values.grad, expected)


def test_a_sparse_product_is_the_dense_one() -> None:
    generator = torch.Generator().manual_seed(2)
    columns = torch.randint(5, (8, 3), generator=generator)
    weights = torch.rand(8, 3, generator=generator)
    dense = torch.zeros(8, 5)
    for row in range(8):
        for entry in range(3):
            dense[row, columns[row, entry]] += weights[row, entry]
    product, factor = SparseProduct(columns, weights, 5), noise(5, 2)
    torch.testing.assert_close(product(factor), dense @ factor)
    torch.testing.assert_close(product.transposed(noise(8, 2)), dense.T @ noise(8, 2))


def test_only_pixels_that_are_read_carry_values() -> None:
    mapping = table()
    planes = TriPlanes(mapping)
    images = planes.to_images(torch.ones(planes.pixel_count, 1))
    bits = mapping.texel_of_vertex != UNMAPPED
    first, size = planes.box.first, planes.box.size
    inner = bits[tuple(slice(f, f + n) for f, n in zip(first, size, strict=True))]
    for image, axes in zip(images, AXES, strict=True):
        (other,) = {0, 1, 2} - set(axes)
        assert np.array_equal(image[0].numpy() > 0, inner.any(other))
    assert sum(planes.counts) == planes.pixel_count


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_images_give_their_values_back(scale: float) -> None:
    planes = TriPlanes(table(), scale)
    values = noise(planes.pixel_count, 3)
    assert torch.equal(planes.from_images(planes.to_images(values)), values)


def test_values_are_carried_to_the_next_group_by_position() -> None:
    before, after = TriPlanes(table(1)), TriPlanes(table(2, 0.1))
    values = noise(before.pixel_count, 2)
    carried = after.to_images(after.carried(before, values))
    source = before.to_images(values)
    for plane in range(PLANE_COUNT):
        known = np.argwhere(after.to_images(torch.ones(after.pixel_count, 1))[plane][0].numpy())
        shift = [after.box.first[a] - before.box.first[a] for a in AXES[plane]]
        for row, column in known:
            i, j = row + shift[0], column + shift[1]
            inside = 0 <= i < source[plane].shape[1] and 0 <= j < source[plane].shape[2]
            expected = source[plane][:, i, j] if inside else torch.zeros(2)
            assert torch.equal(carried[plane][:, row, column], expected)


def test_planes_of_different_scales_are_not_carried() -> None:
    before, after = TriPlanes(table(), 0.5), TriPlanes(table())
    with pytest.raises(SceneError, match=r"scale 0\.5, expected 1"):
        after.carried(before, noise(before.pixel_count, 1))


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5, float("nan")])
def test_scales_that_no_vertex_needs_are_refused(scale: float) -> None:
    with pytest.raises(SceneError, match="plane scale"):
        TriPlanes(table(), scale)


def test_variation_is_the_mean_difference_of_neighbors() -> None:
    image = np.array([[0, 1, UNMAPPED], [2, UNMAPPED, 3]])
    values = torch.tensor([[1.0, 0.0], [4.0, 0.5], [-1.0, 2.0], [7.0, 7.0]])
    hood = Neighborhood(torch.from_numpy(neighbors(image)))
    # Pairs 0-1 and 0-2; 3 has no neighbor.
    assert hood.variation(values).item() == pytest.approx((3 + 0.5 + 2 + 2) / 4)


def test_the_gradient_of_variation_is_that_of_its_definition() -> None:
    mapping = table(3)
    values = noise(mapping.texel_count, 2).requires_grad_()
    variation = TriPlanes(mapping).vertex_neighborhood.variation(values)
    variation.backward()
    again = values.detach().clone().requires_grad_()
    vertices = {tuple(v): int(t) for v, t in zip(mapping.vertices, mapping.texels, strict=True)}
    steps = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    pairs = [
        (texel, vertices[other])
        for (x, y, z), texel in vertices.items()
        for i, j, k in steps
        if (other := (x + i, y + j, z + k)) in vertices
    ]
    first, second = (torch.tensor(side) for side in zip(*pairs, strict=True))
    plain = (again[first] - again[second]).abs().mean()
    plain.backward()
    torch.testing.assert_close(variation, plain)
    torch.testing.assert_close(values.grad, again.grad)


def test_values_without_neighbors_do_not_vary() -> None:
    hood = Neighborhood(torch.zeros(1, 4, dtype=torch.int64))
    assert hood.variation(torch.ones(1, 3)).item() == 0
