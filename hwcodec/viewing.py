"""Ordinary color video for people to look at; data streams never come this way.

sRGB 8 bits -> BT.709 limited range 4:2:0 -> H.264 -> MP4 that plays while it loads
"""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwcodec.errors import BackendUnavailable, ContainerError, UnsupportedConfig
from hwcodec.files import partial_path

Plane = NDArray[np.uint8]

# Luma weights of red, green and blue. Source: ITU-R BT.709, item 3.2.
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722


def to_yuv420(rgb: NDArray[np.uint8]) -> tuple[Plane, Plane, Plane]:
    """BT.709 limited-range planes of uint8 (rows, columns, 3): luma, and two of half size.

    Odd sizes repeat the last row or column. Chroma is the mean of four pixels, sited between them.
    """
    rows, columns = rgb.shape[:2]
    even = np.pad(rgb, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")
    red, green, blue = np.moveaxis(even.astype(np.float32) / 255, 2, 0)
    luma = _RED * red + _GREEN * green + _BLUE * blue
    blueness = (blue - luma) / (2 * (1 - _BLUE))
    redness = (red - luma) / (2 * (1 - _RED))
    return _codes(16 + 219 * luma), _halved(blueness), _halved(redness)


def write_rgb_video(
    path: str | Path, frames: Iterable[NDArray[np.uint8]], frame_rate: Fraction
) -> None:
    """Write uint8 pictures (rows, columns, 3) of one size as an MP4 for viewing.

    Pictures are taken one at a time, so they may be rendered while the video is written. The file
    appears whole or not at all; an older one of that name is replaced.

    Raises:
        UnsupportedConfig: if there is no picture, one has another form or size, or the frame rate
            is not positive.
        ContainerError: if the file cannot be written.
        BackendUnavailable: if no H.264 encoder is installed.
    """
    try:
        # The vendor library loads on first use only.
        from hwcodec.backends.ffmpeg_viewing import write_viewing_video
    except ImportError as error:
        raise BackendUnavailable(
            f"cannot write a video: {error}; install PyAV, or write pictures instead"
        ) from error
    if not 0 < frame_rate <= 1000:
        raise UnsupportedConfig(
            f"frame rate is {frame_rate}, expected more than 0 and at most 1000 Hz"
        )
    target = Path(path)
    planes = _checked(frames)
    first = next(planes, None)
    if first is None:
        raise UnsupportedConfig("got no pictures, expected at least one to make a video of")
    partial = partial_path(target)
    try:
        write_viewing_video(partial, chain([first], planes), frame_rate)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise ContainerError(
            f"video {target} cannot be written: {error.strerror or error}; free some space or "
            "choose another path, what was there before is untouched"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _checked(frames: Iterable[NDArray[np.uint8]]) -> Iterator[tuple[Plane, Plane, Plane]]:
    """Planes of every picture, all of the first one's size."""
    size: tuple[int, ...] | None = None
    for index, rgb in enumerate(frames):
        size = size or rgb.shape
        is_picture = rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.dtype == np.uint8 and rgb.size
        if not is_picture or rgb.shape != size:
            raise UnsupportedConfig(
                f"picture {index} is {rgb.dtype} {rgb.shape}, expected uint8 (rows, columns, 3) "
                f"with a pixel, like the first, {size}; convert or resize it"
            )
        yield to_yuv420(rgb)


def _halved(difference: NDArray[np.float32]) -> Plane:
    """A chroma plane of half size from color differences in [-0.5, 0.5]."""
    rows, columns = difference.shape
    blocks = difference.reshape(rows // 2, 2, columns // 2, 2)
    return _codes(128 + 224 * blocks.mean(axis=(1, 3)))


def _codes(values: NDArray[np.floating]) -> Plane:
    # Row by row in memory, whatever the picture was, as encoders take planes.
    codes: Plane = np.rint(values).astype(np.uint8, order="C")
    return codes
