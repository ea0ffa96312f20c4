"""Sphere tracing against closed forms, one primitive at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.captures.tracing import COLUMNS, Shape, trace

# Position, then right, down and forward axes, then focal lengths and principal point: a camera 3
# units down the x axis that looks back along it, 16 pixels wide.
LENS = np.array([3, 0, 0, 0, 1, 0, 0, 0, -1, -1, 0, 0, 16, 16, 8, 8], np.float64)
CORNER = np.zeros((1, 2))


def row(shape: Shape, sizes: tuple[float, ...], blend: float = 0.0) -> np.ndarray:
    """A primitive at the origin along the world's axes, with a bound that is never too small."""
    values = np.zeros(COLUMNS)
    values[0], values[4:13], values[17] = shape, np.eye(3).ravel(), blend
    values[13 : 13 + len(sizes)] = sizes
    values[22] = 2.0
    return values


def moved(values: np.ndarray, offset: tuple[float, float, float]) -> np.ndarray:
    placed = values.copy()
    placed[1:4], placed[19:22] = offset, offset
    return placed


def implicit(shape: Shape, sizes: tuple[float, ...], points: np.ndarray) -> np.ndarray:
    """Zero on the surface, written differently from what is tested."""
    radial, z = np.linalg.norm(points[:, :2], axis=1), points[:, 2]
    if shape is Shape.SPHERE:
        return np.linalg.norm(points, axis=1) - sizes[0]
    if shape is Shape.ELLIPSOID:
        return np.linalg.norm(points / sizes, axis=1) - 1
    if shape is Shape.TORUS:
        return np.hypot(radial - sizes[0], z) - sizes[1]
    if shape is Shape.CYLINDER:
        core = np.maximum(
            np.stack([radial, np.abs(z)]) - np.subtract(sizes[:2], sizes[2])[:, None], 0
        )
        return np.linalg.norm(core, axis=0) - sizes[2]
    # A round cone is the union of all spheres between its ends.
    shares = np.linspace(0, 1, 101)[:, None]
    centers, radii = shares * sizes[2], sizes[0] + shares * (sizes[1] - sizes[0])
    return (np.hypot(radial, z - centers) - radii).min(axis=0)


PRIMITIVES = [
    (Shape.SPHERE, (0.6,)),
    (Shape.ROUND_CONE, (0.4, 0.2, 0.7)),
    (Shape.ROUND_CONE, (0.2, 0.2, 0.5)),
    (Shape.ELLIPSOID, (0.7, 0.4, 0.5)),
    (Shape.TORUS, (0.6, 0.2)),
    (Shape.CYLINDER, (0.7, 0.3, 0.05)),
]


@pytest.mark.parametrize(("shape", "sizes"), PRIMITIVES)
def test_hits_lie_on_the_surface_with_outward_unit_normals(
    shape: Shape, sizes: tuple[float, ...]
) -> None:
    hits, _ = trace(row(shape, sizes)[None], LENS, CORNER, 16, 1.0)
    points, normals = hits[:, :3], hits[:, 3:6]
    assert len(hits) >= 10
    assert np.abs(implicit(shape, sizes, points)).max() < 2e-3
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    outside = implicit(shape, sizes, points + 0.01 * normals)
    assert (outside > implicit(shape, sizes, points) + 0.004).all()


@pytest.mark.parametrize(("shape", "sizes"), PRIMITIVES)
def test_no_ray_passes_through_a_surface_unseen(shape: Shape, sizes: tuple[float, ...]) -> None:
    _, samples = trace(row(shape, sizes)[None], LENS, CORNER, 16, 1.0)
    y, z = np.meshgrid((np.arange(16) - 7.5) / 16, (7.5 - np.arange(16)) / 16)
    rays = np.stack([-np.ones(256), y.ravel(), z.ravel()], axis=1)
    depths = np.linspace(1.8, 4.2, 400)
    along = np.array([3.0, 0, 0]) + depths[:, None, None] * rays
    closest = implicit(shape, sizes, along.reshape(-1, 3)).reshape(400, 256).min(axis=0)
    found = np.isin(np.arange(256), samples)
    assert found[closest < -0.004].all()
    assert not found[closest > 0.004].any()


@given(radius=st.floats(0.1, 1.0), side=st.floats(-0.5, 0.5), height=st.floats(-0.5, 0.5))
def test_the_first_hit_of_a_sphere_is_the_root_of_its_quadratic(
    radius: float, side: float, height: float
) -> None:
    table = moved(row(Shape.SPHERE, (radius,)), (0.0, side, height))[None]
    table[0, 22] = radius
    hits, samples = trace(table, LENS, CORNER, 16, 1.0)
    rays = np.stack(
        [
            -np.ones(256),
            np.tile(np.arange(16) - 7.5, 16) / 16,
            np.repeat(7.5 - np.arange(16), 16) / 16,
        ],
        axis=1,
    )
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    to_center = np.array([-3.0, side, height])
    along = rays @ to_center
    inside = along**2 - to_center @ to_center + radius**2
    # Grazing rays may go either way within the tolerance of the march.
    assert set(np.flatnonzero(inside > 0.02)) <= set(samples.tolist())
    assert set(samples.tolist()) <= set(np.flatnonzero(inside > -0.02))
    clear = inside[samples] > 0.05
    depths = np.linalg.norm(hits[:, :3] - LENS[:3], axis=1)
    expected = along[samples] - np.sqrt(np.maximum(inside[samples], 0))
    assert np.allclose(depths[clear], expected[clear], atol=4e-3)


def test_windows_of_any_size_see_the_same_points() -> None:
    table = row(Shape.TORUS, (0.6, 0.2))[None]
    whole, samples = trace(table, LENS, CORNER, 16, 1.0)
    corners = np.array([(x, y) for y in range(0, 16, 4) for x in range(0, 16, 4)], np.float64)
    parts, part_samples = trace(table, LENS, corners, 4, 1.0)
    window, inner = np.divmod(part_samples, 16)
    flat = (window // 4 * 4 + inner // 4) * 16 + window % 4 * 4 + inner % 4
    assert sorted(flat.tolist()) == samples.tolist()
    assert np.allclose(parts[np.argsort(flat), :3], whole[:, :3], atol=2e-3)


def test_nothing_in_view_yields_no_hits() -> None:
    behind = moved(row(Shape.SPHERE, (0.5,)), (9.0, 0.0, 0.0))[None]
    behind[0, 22] = 0.5
    hits, samples = trace(behind, LENS, CORNER, 16, 1.0)
    assert hits.shape == (0, 9)
    assert len(samples) == 0


def test_the_nearer_primitive_owns_the_pixel() -> None:
    table = np.stack([row(Shape.SPHERE, (0.5,)), moved(row(Shape.SPHERE, (0.3,)), (1.0, 0.0, 0.0))])
    hits, samples = trace(table, LENS, CORNER, 16, 1.0)
    center = hits[samples.tolist().index(7 * 16 + 7)]
    assert center[6] == 1.0
    assert center[8] == 1.0
    assert set(hits[:, 6]) == {0.0, 1.0}


def test_a_smooth_union_shares_ownership_and_fills_the_gap() -> None:
    left = moved(row(Shape.SPHERE, (0.4,)), (0.0, -0.41, 0.0))
    right = moved(row(Shape.SPHERE, (0.4,)), (0.0, 0.41, 0.0))
    # A fine window around the middle, where the two nearly touch.
    corner = np.array([[7.5, 7.5]])
    sharp, _ = trace(np.stack([left, right]), LENS, corner, 16, 1 / 16)
    right[17] = 0.08
    smooth, _ = trace(np.stack([left, right]), LENS, corner, 16, 1 / 16)
    assert len(smooth) > len(sharp)
    assert (sharp[:, 8] == 1.0).all()
    assert ((smooth[:, 8] < 1.0) & (smooth[:, 8] >= 0.5)).any()
    # Each sample belongs to the sphere on its side.
    assert np.array_equal(smooth[:, 6], (smooth[:, 1] > 0).astype(float))
