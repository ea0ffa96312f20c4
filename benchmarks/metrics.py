"""Image quality as the tables state it, computed one way for every method.

Conventions, all of which change the numbers:

- An image is (rows, columns, 3), display-referred sRGB: ``uint8``, or floating point in [0, 1].
- What a viewer sees has 8 bits. Floating-point images are clipped to [0, 1] and rounded to 1/255
  before anything is compared; the peak is then 1.
- A mean over images is the mean of the values per image, in dB where the metric is in dB (not the
  dB value of the mean error, which is lower).
- Equal images have an infinite PSNR, with which no mean could be formed: every PSNR is capped at
  ``PSNR_CAP_DB``.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8] | NDArray[np.floating]
Difference = NDArray[np.float64]

PSNR_CAP_DB = 100.0
# The window of Wang et al. 2004: 11 x 11, Gaussian of 1.5 pixels.
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
FOREGROUND_ALPHA = 0.5


def displayed(image: Image) -> NDArray[np.float64]:
    """The image as an 8-bit display shows it, in [0, 1] in steps of 1/255.

    Raises:
        ValueError: if the shape is not (rows, columns, 3), the type is neither ``uint8`` nor
            floating point, or a value is not finite.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(
            f"image has shape {image.shape}, expected (rows, columns, 3); index the batch first"
        )
    return displayed_values(image)


def displayed_values(values: Image) -> NDArray[np.float64]:
    """Round values of any shape as ``displayed`` does; used for alpha as well.

    Raises:
        ValueError: if the type is neither ``uint8`` nor floating point, or a value is not finite.
    """
    if values.dtype == np.uint8:
        return values.astype(np.float64) / 255
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"image has type {values.dtype}, expected uint8 or floating point in [0, 1]; convert it"
        )
    if not np.isfinite(values).all():
        raise ValueError("image contains NaN or infinity, expected finite values in [0, 1]")
    return np.round(np.clip(values.astype(np.float64), 0, 1) * 255) / 255


def decibels(squared_error: float) -> float:
    """Mean squared error at peak 1 as PSNR in dB, capped at ``PSNR_CAP_DB``."""
    if squared_error <= 0:
        return PSNR_CAP_DB
    return min(-10 * math.log10(squared_error), PSNR_CAP_DB)


def psnr(image: Image, truth: Image) -> float:
    """Peak signal-to-noise ratio over all pixels and colors, in dB.

    Raises:
        ValueError: if the images do not match or are not images.
    """
    return decibels(float(np.mean(difference(image, truth) ** 2)))


def psnr_foreground(image: Image, truth: Image, alpha: Image) -> float:
    """PSNR over the foreground alone, in dB: the pixels whose true 8-bit ``alpha`` is above 127.

    A background that is trivially right raises the plain PSNR of a small subject by many dB; this
    does not see it. ``alpha`` is (rows, columns), ``uint8`` or in [0, 1], and belongs to the truth.

    Raises:
        ValueError: if the shapes do not match, or no pixel is foreground.
    """
    error = difference(image, truth)
    if alpha.shape != error.shape[:2]:
        raise ValueError(f"alpha has shape {alpha.shape}, expected that of the image {error.shape}")
    foreground = displayed_values(alpha) > FOREGROUND_ALPHA
    if not foreground.any():
        raise ValueError("alpha has no value above 0.5, expected a foreground; leave this view out")
    return decibels(float(np.mean(error[foreground] ** 2)))


def ssim(image: Image, truth: Image) -> float:
    """Structural similarity, at most 1: Gaussian window 11 x 11 with sigma 1.5, data range 1.

    Computed per color and averaged, without the sample-covariance correction and over the windows
    that lie fully inside the image.

    Raises:
        ValueError: if the images do not match or are smaller than one window.

    Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", 2004, eq. 13.
    """
    # Loading scikit-image takes longer than most uses of this module; PSNR does without it.
    from skimage.metrics import structural_similarity

    first, second = matched(image, truth)
    if min(first.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"image has shape {first.shape}, expected at least {SSIM_WINDOW} rows and columns"
        )
    value = structural_similarity(
        first,
        second,
        win_size=SSIM_WINDOW,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=2,
    )
    return float(value)


def temporal_psnr(images: Iterable[Image], truths: Iterable[Image]) -> float:
    """How well the change from frame to frame is reproduced, in dB: low values are flicker.

    For each pair of neighboring frames, the PSNR (peak 1) between the change of the images and the
    change of the truth at one fixed view; then the mean over pairs. An error that stays in place
    costs nothing here. Two frames at a time are in memory.

    Raises:
        ValueError: if there are fewer than two frames, or the two sequences do not match.
    """
    errors = (difference(image, truth) for image, truth in zip(images, truths, strict=True))
    values = [decibels(float(np.mean((after - before) ** 2))) for before, after in pairwise(errors)]
    if not values:
        raise ValueError(
            "fewer than two frames, expected a sequence; there is no change to compare"
        )
    return mean(values)


def mean(values: Iterable[float]) -> float:
    """Mean of per-image values as they are, which for PSNR means in dB.

    Raises:
        ValueError: if there are no values, or one is not finite.
    """
    listed = list(values)
    if not listed:
        raise ValueError("no values to average, expected one per image")
    if not all(math.isfinite(value) for value in listed):
        raise ValueError(f"values to average are {listed}, expected finite ones")
    return math.fsum(listed) / len(listed)


def matched(image: Image, truth: Image) -> tuple[Difference, Difference]:
    """Both images as displayed.

    Raises:
        ValueError: if their shapes differ or are not those of images.
    """
    if image.shape != truth.shape:
        raise ValueError(
            f"image has shape {image.shape}, expected that of the truth {truth.shape}; "
            "render at the size of the capture"
        )
    return displayed(image), displayed(truth)


def difference(image: Image, truth: Image) -> Difference:
    """Signed error per pixel and color, in [-1, 1].

    Raises:
        ValueError: as ``matched``.
    """
    first, second = matched(image, truth)
    return first - second
