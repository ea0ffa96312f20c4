"""Metrics against numbers worked out by hand, a plain twin of SSIM, and what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from benchmarks.metrics import (
    PSNR_CAP_DB,
    displayed,
    mean,
    psnr,
    psnr_foreground,
    ssim,
    temporal_psnr,
)

Bytes = NDArray[np.uint8]


def flat(value: int, rows: int = 4, columns: int = 6) -> Bytes:
    return np.full((rows, columns, 3), value, dtype=np.uint8)


def noise(seed: int, rows: int = 24, columns: int = 20) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def images(side: int = 5) -> st.SearchStrategy[Bytes]:
    return arrays.arrays(np.uint8, (side, side, 3))


def test_an_error_of_one_fifth_everywhere_is_fourteen_decibels() -> None:
    # 51 codes are 0.2 of the peak, and -20 log10(0.2) is 13.979.
    assert psnr(flat(151), flat(100)) == pytest.approx(13.9794, abs=1e-4)


def test_black_against_white_is_zero_decibels() -> None:
    assert psnr(flat(0), flat(255)) == 0


def test_one_wrong_code_in_one_component_is_what_the_formula_says() -> None:
    image = flat(100, 2, 2)
    image[0, 1, 2] += 1
    assert psnr(image, flat(100, 2, 2)) == pytest.approx(10 * math.log10(12 * 255**2))


def test_equal_images_have_the_stated_cap_instead_of_infinity() -> None:
    assert psnr(noise(1), noise(1)) == PSNR_CAP_DB == 100


def test_a_nearly_equal_large_image_is_capped_too() -> None:
    image = flat(100, 512, 512)
    image[0, 0, 0] += 1
    assert psnr(image, flat(100, 512, 512)) == PSNR_CAP_DB


@given(images(), images())
def test_psnr_is_symmetric_and_between_zero_and_the_cap(first, second) -> None:
    value = psnr(first, second)
    assert value == psnr(second, first)
    assert 0 <= value <= PSNR_CAP_DB


@given(images())
def test_bytes_and_the_same_values_as_floats_are_one_image(image) -> None:
    as_floats = (image / 255).astype(np.float32)
    assert np.array_equal(displayed(image), displayed(as_floats))
    assert psnr(as_floats, image) == PSNR_CAP_DB


@given(arrays.arrays(np.float64, (3, 4, 3), elements=st.floats(-1, 2)))
def test_what_is_displayed_is_a_code_between_zero_and_one(image) -> None:
    codes = displayed(image) * 255
    assert np.allclose(codes, np.round(codes), atol=1e-9)
    assert codes.min() >= 0
    assert codes.max() <= 255


def test_differences_below_half_a_code_do_not_exist() -> None:
    image = np.full((4, 4, 3), 0.5 / 255 - 1e-6)
    assert psnr(image, np.zeros((4, 4, 3))) == PSNR_CAP_DB


def test_overshoot_is_clipped_as_a_display_does() -> None:
    assert psnr(np.full((4, 4, 3), 1.7), flat(255)[:, :4]) == PSNR_CAP_DB


def test_psnr_agrees_with_scikit_image() -> None:
    from skimage.metrics import peak_signal_noise_ratio

    expected = peak_signal_noise_ratio(noise(2), noise(3), data_range=255)
    assert psnr(noise(3), noise(2)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 6), np.uint8), "shape"),
        (np.zeros((4, 6, 4), np.uint8), "shape"),
        (np.zeros((1, 4, 6, 3), np.uint8), "shape"),
        (np.zeros((0, 6, 3), np.uint8), "shape"),
        (np.zeros((4, 6, 3), np.int64), "int64, expected uint8"),
        (np.full((4, 6, 3), np.nan), "NaN"),
        (np.full((4, 6, 3), np.inf), "infinity"),
    ],
)
def test_what_is_not_an_image_is_refused(image, message) -> None:
    with pytest.raises(ValueError, match=message):
        psnr(image, image)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_images_of_different_size_are_refused_with_both_sizes(metric) -> None:
    with pytest.raises(ValueError, match=r"\(4, 6, 3\).*\(6, 4, 3\).*size of the capture"):
        metric(flat(0), flat(0, 6, 4))


def test_the_background_does_not_count_in_the_foreground() -> None:
    truth, image = flat(100), flat(151)
    image[0, 0] = 100  # The only foreground pixel is right, everything else is wrong.
    alpha = np.zeros((4, 6), np.uint8)
    alpha[0, 0] = 255
    assert psnr_foreground(image, truth, alpha) == PSNR_CAP_DB
    assert psnr(image, truth) < 20


def test_a_foreground_error_is_not_diluted_by_the_background() -> None:
    truth, image = flat(100), flat(100)
    image[:2] = 151
    alpha = np.zeros((4, 6))
    alpha[:2] = 1
    assert psnr_foreground(image, truth, alpha) == pytest.approx(13.9794, abs=1e-4)


def test_foreground_starts_above_one_half() -> None:
    truth, image = flat(100), flat(100)
    image[0, 0] = 151
    alpha = np.full((4, 6), 128, np.uint8)
    alpha[0, 0] = 127
    assert psnr_foreground(image, truth, alpha) == PSNR_CAP_DB
    alpha[0, 0] = 128
    assert psnr_foreground(image, truth, alpha) < PSNR_CAP_DB


@given(images(), images())
def test_the_whole_image_as_foreground_gives_plain_psnr(first, second) -> None:
    alpha = np.ones(first.shape[:2])
    assert psnr_foreground(first, second, alpha) == pytest.approx(psnr(first, second))


def test_a_view_without_foreground_is_refused_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="leave this view out"):
        psnr_foreground(flat(0), flat(0), np.zeros((4, 6)))


def test_alpha_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"alpha has shape \(6, 4\)"):
        psnr_foreground(flat(0), flat(0), np.ones((6, 4)))


def plain_ssim(first: Bytes, second: Bytes) -> float:
    """Equation 13 of the paper, window by window; the twin of the accelerated one."""
    offsets = np.arange(-5, 6)
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for color in range(3):
        a, b = first[..., color] / 255, second[..., color] / 255
        for row in range(5, a.shape[0] - 5):
            for column in range(5, a.shape[1] - 5):
                part = np.s_[row - 5 : row + 6, column - 5 : column + 6]
                x, y = a[part], b[part]
                mean_x, mean_y = np.sum(window * x), np.sum(window * y)
                var_x = np.sum(window * x * x) - mean_x**2
                var_y = np.sum(window * y * y) - mean_y**2
                cov = np.sum(window * x * y) - mean_x * mean_y
                values.append(
                    ((2 * mean_x * mean_y + c1) * (2 * cov + c2))
                    / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
                )
    return float(np.mean(values))


@pytest.mark.parametrize("seed", [0, 1])
def test_ssim_agrees_with_its_plain_twin(seed) -> None:
    truth = noise(seed)
    image = np.clip(truth + np.random.default_rng(9).normal(0, 20, truth.shape), 0, 255)
    image = image.astype(np.uint8)
    assert ssim(image, truth) == pytest.approx(plain_ssim(image, truth), abs=1e-9)


def test_equal_images_have_ssim_one() -> None:
    assert ssim(noise(4), noise(4)) == pytest.approx(1)


def test_ssim_of_two_flat_images_is_the_luminance_term() -> None:
    low, high = 0.2, 0.6
    expected = (2 * low * high + 0.01**2) / (low**2 + high**2 + 0.01**2)
    assert ssim(flat(51, 12, 12), flat(153, 12, 12)) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_ssim_is_symmetric_and_at_most_one(first_seed, second_seed) -> None:
    first, second = noise(first_seed, 12, 13), noise(second_seed, 12, 13)
    assert ssim(first, second) == pytest.approx(ssim(second, first))
    assert -1 <= ssim(first, second) <= 1 + 1e-12


def test_an_image_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 11"):
        ssim(flat(0, 10, 30), flat(0, 10, 30))


def test_an_error_that_stays_in_place_costs_nothing_in_time() -> None:
    truths = [noise(seed) // 2 for seed in range(3)]
    shifted = [truth + np.uint8(10) for truth in truths]
    assert temporal_psnr(shifted, truths) == PSNR_CAP_DB
    assert psnr(shifted[0], truths[0]) < 30


def test_flicker_is_measured_as_the_error_of_the_change() -> None:
    truths = [flat(100)] * 3
    images = [flat(100), flat(151), flat(100)]
    assert temporal_psnr(images, truths) == pytest.approx(13.9794, abs=1e-4)


def test_temporal_psnr_takes_streams() -> None:
    value = temporal_psnr((flat(v) for v in (1, 2, 3)), (flat(v) for v in (1, 2, 3)))
    assert value == PSNR_CAP_DB


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_frames_have_no_change_to_compare(count) -> None:
    with pytest.raises(ValueError, match="fewer than two frames"):
        temporal_psnr([flat(0)] * count, [flat(0)] * count)


def test_sequences_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is longer"):
        temporal_psnr([flat(0)] * 2, [flat(0)] * 3)


def test_a_mean_is_that_of_the_decibels_not_of_the_errors() -> None:
    truth = flat(100)
    values = [psnr(flat(101), truth), psnr(flat(151), truth)]
    pooled = -10 * math.log10(((1 / 255) ** 2 + 0.2**2) / 2)
    assert mean(values) == pytest.approx(sum(values) / 2)
    assert mean(values) > pooled


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_a_mean_lies_between_the_extremes_in_any_order(values) -> None:
    assert min(values) - 1e-9 <= mean(values) <= max(values) + 1e-9
    assert mean(values) == mean(reversed(values))


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_a_mean_of_nothing_or_of_nonsense_is_refused(values) -> None:
    with pytest.raises(ValueError, match="expected"):
        mean(values)
