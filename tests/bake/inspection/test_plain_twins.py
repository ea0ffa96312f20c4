"""The compiled and the clever parts agree with plain ones that say the same more slowly."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.inspection.consensus import Votes, depth_picture
from bake.inspection.features import epipolar_distances
from bake.inspection.outlines import moved, overlap
from bake.inspection.placement import seen_share, share_beside
from bake.inspection.small_pictures import spread
from bake.inspection.timing import Window
from render.cameras import Camera, Lens, look_at
from render.geometry import Aabb

few = settings(max_examples=30, deadline=None)


def plainly_agreed(said: np.ndarray, members: list[int], share: float) -> list[bool]:
    """Counted by hand, voxel by voxel."""
    kept = []
    for voxel in range(said.shape[1]):
        votes = [int(said[row, voxel]) for row in members]
        seen = sum(vote > 0 for vote in votes)
        inside = sum(vote == 2 for vote in votes)
        is_seen = seen >= max(3, 0.5 * len(members))
        kept.append(is_seen and inside >= share * seen - 1e-9)
    return kept


def plain_depth(points: np.ndarray, voxel_size: float, camera: Camera) -> np.ndarray:
    """Every pixel asks every voxel."""
    pixels, depths = camera.project(points)
    picture = np.full((camera.height, camera.width), np.inf, np.float32)
    for (u, v), depth in zip(pixels, depths, strict=True):
        if depth <= 0:
            continue
        reach = voxel_size / 2 * camera.focal_x / depth
        for row in range(camera.height):
            for column in range(camera.width):
                near = abs(column + 0.5 - u) <= reach and abs(row + 0.5 - v) <= reach
                if near:
                    picture[row, column] = min(picture[row, column], depth)
    return picture


@few
@given(
    rows=st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=4, max_size=9),
    share=st.sampled_from([0.5, 0.65, 0.8, 0.95, 1.0]),
    left_out=st.integers(0, 3),
)
def test_votes_are_counted_as_by_hand(rows, share, left_out) -> None:
    said = np.array(rows, np.uint8)
    votes = Votes(np.zeros((6, 3)), 1.0, tuple(range(len(rows))), said)
    ballot = votes.count(frozenset(votes.views))
    everyone = list(votes.views)
    assert ballot.agreed(share).tolist() == plainly_agreed(said, everyone, share)
    others = [view for view in everyone if view != left_out]
    assert ballot.agreed(share, left_out).tolist() == plainly_agreed(said, others, share)


@few
@given(seed=st.integers(0, 1000), voxel_size=st.floats(0.05, 0.6))
def test_voxels_are_drawn_as_by_hand(seed, voxel_size) -> None:
    generator = np.random.default_rng(seed)
    points = generator.uniform(-1.5, 1.5, (6, 3))
    camera = look_at((0.3, -3, 0.4), (0, 0, 0), (0, 0, 1), lens=Lens(14, 11, 12))
    drawn = depth_picture(points, voxel_size, camera)
    expected = plain_depth(points, voxel_size, camera)
    assert (np.isfinite(drawn) == np.isfinite(expected)).mean() > 0.98
    both = np.isfinite(drawn) & np.isfinite(expected)
    assert drawn[both] == pytest.approx(expected[both], rel=1e-5)


@few
@given(seed=st.integers(0, 1000), dx=st.integers(-12, 12), dy=st.integers(-12, 12))
def test_a_mask_moves_as_pixel_by_pixel(seed, dx, dy) -> None:
    mask = np.random.default_rng(seed).random((7, 9)) < 0.4
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        if 0 <= row + dy < 7 and 0 <= column + dx < 9:
            expected[row + dy, column + dx] = True
    assert (moved(mask, dx, dy) == expected).all()


@few
@given(seed=st.integers(0, 1000))
def test_overlap_is_that_of_all_pixels_in_one_picture(seed) -> None:
    generator = np.random.default_rng(seed)
    pairs = [tuple(generator.random((2, 5, 6)) < 0.5) for _ in range(3)]
    one = np.concatenate([a for a, _ in pairs])
    other = np.concatenate([b for _, b in pairs])
    assert overlap(pairs) == pytest.approx((one & other).sum() / (one | other).sum())
    assert overlap(pairs) == overlap([(b, a) for a, b in pairs])


@few
@given(seed=st.integers(0, 1000))
def test_epipolar_lines_are_those_of_matching_by_least_squares(seed) -> None:
    generator = np.random.default_rng(seed)
    points = generator.uniform((-1, -1, 3), (1, 1, 7), (40, 3))
    lens = Lens(200, 150, 180)
    one = look_at((0, 0, 0), (0, 0, 5), (0, -1, 0), lens=lens)
    other = look_at((0.8, 0.2, 0.1), (0.1, 0, 5), (0, -1, 0), lens=lens)
    here, there = one.project(points)[0], other.project(points)[0]
    found, _ = cv2.findFundamentalMat(here, there, cv2.FM_8POINT)
    lines = np.hstack([here, np.ones((40, 1))]) @ found.T
    shifted = there + generator.normal(0, 4, (40, 2))
    off = np.abs((np.hstack([shifted, np.ones((40, 1))]) * lines).sum(1))
    expected = off / np.hypot(lines[:, 0], lines[:, 1])
    mean = epipolar_distances(here, shifted, (one, other))
    # One picture's distance against the mean of both: alike, as the cameras are.
    assert np.median(mean) == pytest.approx(np.median(expected), rel=0.25)


@few
@given(length=st.integers(1, 60), count=st.integers(1, 12))
def test_what_is_spread_keeps_order_and_ends(length, count) -> None:
    chosen = spread(range(length), count)
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) == min(length, count)
    assert chosen[0] == 0
    if count > 1:
        assert chosen[-1] == length - 1


@few
@given(seed=st.integers(0, 1000))
def test_the_seen_share_is_that_of_random_points(seed) -> None:
    generator = np.random.default_rng(seed)
    box = Aabb((-1, -2, -0.5), (1, 1, 1.5))
    eye = generator.uniform(-6, 6, 3)
    eye[0] += 4
    camera = look_at(eye, generator.uniform(-1, 1, 3), (0, 0, 1), lens=Lens(60, 40, 50))
    points = generator.uniform(box.minimum, box.maximum, (4000, 3))
    pixels, depth = camera.project(points)
    inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < (60, 40)).all(1)
    assert seen_share(camera, box) == pytest.approx(inside.mean(), abs=0.08)


@few
@given(seed=st.integers(0, 1000))
def test_what_the_box_holds_is_never_beside_it(seed) -> None:
    generator = np.random.default_rng(seed)
    box = Aabb((-1, -1, -1), (1, 1, 1))
    eye = generator.normal(0, 1, 3)
    eye = 5 * eye / np.linalg.norm(eye) + (0.01, 0, 0)
    camera = look_at(eye, (0, 0, 0), (0.1, 0.2, 1), lens=Lens(80, 60, 70))
    points = generator.uniform(-0.9, 0.9, (200, 3))
    mask = np.zeros((60, 80), bool)
    pixels = camera.project(points)[0].astype(int)
    inside = (pixels >= 0).all(1) & (pixels < (80, 60)).all(1)
    mask[pixels[inside, 1], pixels[inside, 0]] = True
    assert share_beside(mask, camera, box) == 0


@few
@given(seed=st.integers(0, 1000), width=st.integers(1, 19), height=st.integers(1, 17))
def test_packed_masks_come_back(seed, width, height) -> None:
    masks = np.random.default_rng(seed).random((3, height, width)) < 0.5
    camera = look_at((3, 0, 0), (0, 0, 0), (0, 0, 1), lens=Lens(width, height, 20))
    packed = {0: tuple(np.packbits(mask) for mask in masks)}
    window = Window((0, 1, 2), (0,), np.zeros((2, 1)), packed, {0: camera})
    for place in range(3):
        assert (window.mask(0, place) == masks[place]).all()
