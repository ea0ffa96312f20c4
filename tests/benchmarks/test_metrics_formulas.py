"""Metrics against closed formulas and scikit-image, and what moving or recoloring must not do."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.metrics import (
    PSNR_CAP_DB,
    decibels,
    difference,
    displayed,
    psnr,
    psnr_foreground,
    ssim,
    temporal_psnr,
)

Bytes = NDArray[np.uint8]
seeds = st.integers(0, 999)


def noise(seed: int, rows: int = 16, columns: int = 14) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def near(image: Bytes, seed: int, width: int = 12) -> Bytes:
    offset = np.random.default_rng(seed).integers(-width, width + 1, image.shape)
    return np.clip(image + offset, 0, 255).astype(np.uint8)


@given(step=st.integers(1, 255))
def test_an_even_error_of_any_size_is_twenty_times_its_logarithm(step) -> None:
    truth = np.zeros((5, 7, 3), np.uint8)
    expected = 20 * math.log10(255 / step)
    assert psnr(truth + np.uint8(step), truth) == pytest.approx(expected, abs=1e-9)


@given(seed=seeds, share=st.floats(0.05, 1))
def test_a_wrong_share_of_the_picture_costs_ten_times_its_logarithm(seed, share) -> None:
    truth = np.full((20, 20, 3), 100, np.uint8)
    wrong = np.random.default_rng(seed).permutation(400).reshape(20, 20) < round(400 * share)
    image = truth.copy()
    image[wrong] += 51
    expected = -20 * math.log10(0.2) - 10 * math.log10(round(400 * share) / 400)
    assert psnr(image, truth) == pytest.approx(expected)
    assert psnr_foreground(image, truth, wrong.astype(float)) == pytest.approx(13.9794, abs=1e-4)


@given(seed=seeds)
def test_both_metrics_are_those_of_scikit_image_on_the_displayed_values(seed) -> None:
    truth = noise(seed).astype(np.float32) / 255
    image = truth + np.random.default_rng(seed + 1).normal(0, 0.05, truth.shape).astype(np.float32)
    first, second = displayed(image), displayed(truth)
    assert psnr(image, truth) == pytest.approx(peak_signal_noise_ratio(second, first, data_range=1))
    expected = structural_similarity(
        *(first, second),
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=-1,
    )
    assert ssim(image, truth) == pytest.approx(expected)


WAYS = {
    "mirrored": lambda a: a[:, ::-1],
    "upside down": lambda a: a[::-1],
    "transposed": lambda a: a.swapaxes(0, 1),
    "other color order": lambda a: a[..., ::-1],
    "negative": lambda a: 255 - a,
}


@pytest.mark.parametrize("way", [way for way in WAYS if way != "negative"])
@given(seed=seeds)
def test_ssim_does_not_care_how_both_pictures_are_turned(way, seed) -> None:
    truth = noise(seed)
    image = near(truth, seed + 1)
    assert ssim(WAYS[way](image), WAYS[way](truth)) == pytest.approx(ssim(image, truth), abs=1e-9)


@pytest.mark.parametrize("way", WAYS)
@given(seed=seeds)
def test_psnr_does_not_care_how_both_pictures_are_turned(way, seed) -> None:
    truth = noise(seed)
    image = near(truth, seed + 1)
    assert psnr(WAYS[way](image), WAYS[way](truth)) == pytest.approx(psnr(image, truth))


def test_a_contrast_of_nothing_against_everything_has_no_similarity() -> None:
    board = np.indices((16, 16)).sum(0) % 2 * 255
    truth = np.dstack([board] * 3).astype(np.uint8)
    assert ssim(255 - truth, truth) < -0.9
    assert abs(ssim(np.full_like(truth, 128), truth)) < 0.05


@given(seed=seeds)
def test_more_noise_never_looks_better(seed) -> None:
    truth = noise(seed) // 2 + 64
    images = [near(truth, seed + 1, width) for width in (4, 16, 60)]
    for metric in (psnr, ssim):
        values = [metric(image, truth) for image in images]
        assert values == sorted(values, reverse=True)


@given(st.floats(1e-12, 1), st.floats(1e-12, 1))
def test_decibels_fall_as_the_error_grows_and_turn_products_into_sums(a, b) -> None:
    low, high = sorted((a, b))
    assert decibels(low) >= decibels(high) >= 0
    if a * b > 1e-10:
        assert decibels(a * b) == pytest.approx(decibels(a) + decibels(b), abs=1e-9)
    assert decibels(0.0) == decibels(1e-30) == PSNR_CAP_DB


@given(seed=seeds)
def test_the_difference_is_signed_and_turns_with_its_order(seed) -> None:
    first, second = noise(seed), noise(seed + 1)
    error = difference(first, second)
    assert np.array_equal(error, -difference(second, first))
    assert np.array_equal(np.rint(error * 255), first.astype(int) - second)


@given(seed=seeds, count=st.integers(2, 5))
def test_flicker_of_a_still_scene_is_the_change_of_its_pictures(seed, count) -> None:
    truth = noise(seed)
    images = [near(truth, seed + index) for index in range(count)]
    changes = [
        decibels(float(np.mean(difference(after, before) ** 2)))
        for before, after in pairwise(images)
    ]
    assert temporal_psnr(images, [truth] * count) == pytest.approx(np.mean(changes))
    # Running backward changes nothing.
    backward = temporal_psnr(images[::-1], [truth] * count)
    assert backward == pytest.approx(temporal_psnr(images, [truth] * count))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_every_code_survives_as_a_float_of_any_precision(kind) -> None:
    codes = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(displayed((codes / 255).astype(kind)), displayed(codes))


@pytest.mark.parametrize("alpha", [np.full((4, 4), 127, np.uint8), np.full((4, 4), 0.499)])
def test_half_covered_pixels_are_no_foreground(alpha) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"no value above 0\.5.*leave this view out"):
        psnr_foreground(image, image, alpha)


@pytest.mark.parametrize(
    "alpha", [np.ones((4, 4), bool), np.full((4, 4), np.nan), np.eye(4, dtype=int)]
)
def test_an_alpha_that_is_no_share_is_refused(alpha) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"type|NaN"):
        psnr_foreground(image, image, alpha)
