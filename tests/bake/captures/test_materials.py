"""Light and paint of the built-in subject: bounded, local, repeatable, and lit from one side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bake.captures.dancer import pose
from bake.captures.materials import Material, shade
from bake.captures.tracing import COLUMNS, Shape

Array = NDArray[np.float64]
KEY = np.array([0.52, 0.42, 0.744])
EYE = np.array([3.0, 0.0, 0.0])


def sphere(material: Material, center: tuple[float, ...] = (0, 0, 0), occluder: float = 0) -> Array:
    """One row: a sphere of radius one half that stops light within ``occluder``."""
    row = np.zeros(COLUMNS)
    row[0], row[1:4], row[4:13] = Shape.SPHERE, center, np.eye(3).ravel()
    row[13], row[18], row[22] = 0.5, material, 0.5
    row[19:22] = row[23:26] = row[26:29] = center
    row[29] = occluder
    return row


def hit(direction: object, owner: int = 0, neighbor: int = 0, share: float = 1.0) -> Array:
    """The point of the unit-half sphere in that direction, as `trace` reports it."""
    normal = np.asarray(direction, float) / np.linalg.norm(direction)
    return np.array([*(0.5 * normal), *normal, owner, neighbor, share])


directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda d: np.linalg.norm(d) > 0.1)
materials = st.sampled_from(Material)


@given(materials, st.lists(directions, min_size=1, max_size=20), directions)
def test_colors_are_displayable_whatever_is_seen_from_where(material, normals, eye) -> None:
    hits = np.stack([hit(normal) for normal in normals])
    colors = shade(sphere(material, occluder=0.5)[None], hits, 2 * np.array(eye))
    assert colors.shape == (len(normals), 3)
    assert np.isfinite(colors).all()
    assert (colors >= 0).all()
    assert (colors <= 1).all()


@given(st.permutations(range(12)), materials)
def test_a_point_has_its_color_whatever_is_shaded_with_it(order, material) -> None:
    table = sphere(material)[None]
    hits = np.stack([hit(n) for n in np.random.default_rng(1).normal(size=(12, 3))])
    whole = shade(table, hits, EYE)
    assert np.array_equal(shade(table, hits[order], EYE), whole[order])
    assert np.array_equal(shade(table, hits[3:4], EYE), whole[3:4])


def test_no_points_have_no_colors() -> None:
    assert shade(sphere(Material.FUR)[None], np.empty((0, 9)), EYE).shape == (0, 3)


PLAIN = ("FUR", "CREAM", "LEATHER", "EYE", "GOLD", "SPARK", "PINK")  # Without a pattern.


@pytest.mark.parametrize("material", [Material[name] for name in PLAIN])
def test_the_side_toward_the_light_is_brighter(material) -> None:
    table = sphere(material)[None]
    lit, dark = shade(table, np.stack([hit(KEY), hit(-KEY)]), 3 * np.cross(KEY, (0, 0, 1)))
    assert lit.sum() > dark.sum()


def test_what_stands_in_the_light_casts_a_shadow_and_what_stands_beside_it_does_not() -> None:
    plain = sphere(Material.SPARK)
    toward = sphere(Material.SPARK, tuple(1.5 * KEY), 0.4)
    beside = sphere(Material.SPARK, tuple(1.5 * np.cross(KEY, (0, 0, 1))), 0.4)
    open_, shadowed, free = (
        shade(np.stack([plain, other]), hit(KEY)[None], EYE)[0]
        for other in (sphere(Material.SPARK, (0, 0, -90)), toward, beside)
    )
    assert shadowed.sum() < 0.8 * open_.sum()
    np.testing.assert_allclose(free, open_, atol=0.02)


def test_a_shadow_has_a_soft_border() -> None:
    table = np.stack([sphere(Material.SPARK), sphere(Material.SPARK, tuple(1.5 * KEY), 0.25)])
    aside = np.cross(KEY, (0, 0, 1)) / np.linalg.norm(np.cross(KEY, (0, 0, 1)))
    hits = np.stack([hit(KEY + x * aside) for x in np.linspace(0, 0.9, 200)])
    bright = shade(table, hits, EYE).sum(1)
    assert bright[0] < 0.8 * bright.max()
    assert np.abs(np.diff(bright)).max() < 0.25 * (bright.max() - bright[0])


@given(share=st.floats(0.5, 1), normal=directions)
def test_a_melted_border_lies_between_its_two_materials(share, normal) -> None:
    table = np.stack([sphere(Material.LEATHER), sphere(Material.CREAM)])
    hits = np.stack([hit(normal), hit(normal, 1, 1), hit(normal, 0, 1, share)])
    # Without gloss, mirror and exponent the light is linear in the paint.
    first, second, mixed = shade(table, hits, 3 * np.array(hits[0, 3:6])) ** (1 / 0.4545)
    assert (mixed >= np.minimum(first, second) - 0.05).all()
    assert (mixed <= np.maximum(first, second) + 0.05).all()


def test_patterns_are_painted_on_the_primitive_and_turn_with_it() -> None:
    ball = sphere(Material.BALL)
    turned = ball.copy()
    turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # Rows are the local axes.
    turned[4:13] = turn.ravel()
    normals = np.random.default_rng(0).normal(size=(60, 3))
    normals[:, 0] = np.abs(normals[:, 0])
    hits = np.stack([hit(normal) for normal in normals])
    still, moved = (shade(row[None], hits, EYE) for row in (ball, turned))
    # The stripes are elsewhere, so many points change between red and cream.
    assert (np.abs(still - moved).max(1) > 0.2).sum() > 10
    both = shade(np.stack([ball, turned]), hits, EYE)
    assert np.array_equal(both, still)


@given(phase=st.floats(0, 1))
def test_every_row_of_the_dancer_is_made_of_something_that_can_be_painted(phase) -> None:
    table = pose(phase)
    assert set(table[:, 18].astype(int)) <= {int(material) for material in Material}
    hits = np.stack([hit((1, 0.2, 0.3), owner, owner) for owner in range(len(table))])
    assert np.isfinite(shade(table, hits, EYE)).all()
