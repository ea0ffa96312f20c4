"""Rendered views as files for people: PNG pictures and MP4 clips, in ordinary color."""

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hwcodec import replace_file, write_rgb_video
from render.errors import OutputError

Picture8 = NDArray[np.uint8]


def to_bytes(rgb: Tensor) -> Picture8:
    """Colors in [0, 1], any shape, as the nearest 8-bit values; what lies outside is clipped."""
    return np.asarray((rgb.detach().cpu().clamp(0, 1) * 255).round().numpy()).astype(np.uint8)


def write_png(path: Path, rgb: Picture8) -> None:
    """Write a uint8 picture (rows, columns, 3), whole or not at all.

    Raises:
        OutputError: if the picture has another form or the file cannot be written.
    """
    # Loading OpenCV takes longer than most commands need to notice a mistake.
    import cv2

    _check_picture(rgb)
    done, data = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))
    if not done:
        raise OutputError(f"{path.name} could not be coded as PNG; choose a smaller picture")
    write_file(path, data.tobytes())


def write_mp4(path: Path, pictures: Iterable[Picture8], frame_rate: Fraction) -> None:
    """Write uint8 pictures (rows, columns, 3) of one size as H.264, whole or not at all.

    Raises:
        OutputError: if the folder cannot be made.
        UnsupportedConfig: if there is no picture, or sizes differ.
        ContainerError: if the file cannot be written.
        BackendUnavailable: if no encoder is installed.
    """
    make_folder(path.parent)
    write_rgb_video(path, pictures, frame_rate)


def make_folder(folder: Path) -> None:
    """Create a folder for results, with those above it, unless it is there.

    Raises:
        OutputError: if it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot create the folder {folder}: {error.strerror}; choose another output path"
        ) from error
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write to the folder {folder}; choose another output path")


def write_file(path: Path, data: bytes) -> None:
    """Put bytes at ``path`` so that a reader sees the old file or the new one, never a part.

    Raises:
        OutputError: if the disk refuses; nothing is left behind then.
    """
    make_folder(path.parent)
    try:
        replace_file(path, data)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; free some space or choose another path"
        ) from error


def _check_picture(rgb: Picture8) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise OutputError(
            f"picture is {rgb.dtype} of shape {rgb.shape}, expected uint8 (rows, columns, 3); "
            "convert it with to_bytes()"
        )
