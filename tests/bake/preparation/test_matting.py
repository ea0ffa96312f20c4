"""The subject's own color at soft edges, and calm color beyond them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.preparation.matting import spread, straight_colors

ROWS, COLUMNS = 48, 40


def disk(radius: float = 14.0, softness: float = 2.0) -> np.ndarray:
    """Alpha of a soft disk."""
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    distance = np.hypot(row - ROWS / 2, column - COLUMNS / 2)
    return np.clip((radius - distance) / softness + 0.5, 0, 1).astype(np.float32)


def mixed(subject: np.ndarray, behind: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return (subject * alpha[..., None] + behind * (1 - alpha[..., None])).astype(np.float32)


@given(st.tuples(*[st.integers(0, 255)] * 6))
def test_a_plain_subject_before_a_plain_backdrop_is_found_exactly(codes) -> None:
    subject, behind = np.array(codes[:3], float), np.array(codes[3:], float)
    alpha = disk()
    found = straight_colors(mixed(subject, behind, alpha), alpha)
    assert np.abs(found[alpha > 0] - subject).max() < 0.5


def test_an_edge_keeps_its_own_pattern_where_it_is_mostly_the_subject() -> None:
    stripes = np.where(np.arange(COLUMNS)[None, :, None] % 8 < 4, 60.0, 200.0)
    subject = np.broadcast_to(stripes, (ROWS, COLUMNS, 3))
    alpha = disk()
    found = straight_colors(mixed(subject, np.array([255.0] * 3), alpha), alpha)
    solid = alpha > 0.85
    assert np.abs(found[solid] - subject[solid]).mean() < 6
    naive = mixed(subject, np.array([255.0] * 3), alpha)
    edge = (alpha > 0.05) & (alpha < 0.95)
    share = alpha[edge][:, None]
    assert (
        np.abs((found[edge] - subject[edge]) * share).mean()
        < 0.4 * np.abs((naive[edge] - subject[edge]) * share).mean()
    )


def test_color_beyond_the_mask_continues_the_edge_and_is_smooth() -> None:
    generator = np.random.default_rng(1)
    noise = generator.uniform(0, 255, (ROWS, COLUMNS, 3))
    alpha = disk()
    found = straight_colors(mixed(np.array([120.0, 80.0, 60.0]), noise, alpha), alpha)
    beyond = found[alpha == 0]
    assert np.abs(beyond - [120, 80, 60]).mean() < 12
    assert np.abs(np.diff(found, axis=1))[alpha[:, 1:] == 0].max() < 60


def test_nothing_and_everything_masked_are_left_as_they_are() -> None:
    seen = np.random.default_rng(2).uniform(0, 255, (ROWS, COLUMNS, 3)).astype(np.float32)
    for level in (0.0, 1.0):
        alpha = np.full((ROWS, COLUMNS), level, np.float32)
        assert np.array_equal(straight_colors(seen, alpha), seen)


def test_a_mask_without_a_solid_pixel_still_gives_colors() -> None:
    seen = np.full((ROWS, COLUMNS, 3), 90, np.float32)
    found = straight_colors(seen, np.full((ROWS, COLUMNS), 0.5, np.float32))
    assert np.isfinite(found).all()
    assert found == pytest.approx(90, abs=1)


@given(st.integers(1, 33), st.integers(1, 33), st.integers(0, 9))
def test_spread_keeps_what_is_known_and_stays_within_it(rows, columns, seed) -> None:
    generator = np.random.default_rng(seed)
    colors = generator.uniform(10, 240, (rows, columns, 3)).astype(np.float32)
    weights = (generator.random((rows, columns)) < 0.3).astype(np.float32)
    weights[0, 0] = 1
    found = spread(colors, weights)
    known = weights == 1
    assert np.array_equal(found[known], colors[known])
    assert (found >= colors[known].min() - 1e-2).all()
    assert (found <= colors[known].max() + 1e-2).all()
