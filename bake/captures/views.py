"""A picture as it is baked from: on the capture's background, at the wanted size, 8 bits."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


class View(NamedTuple):
    """One picture: uint8 ``rgb`` (rows, columns, 3) and ``alpha`` (rows, columns) or None.

    The color is already composited on the capture's background; alpha is the share of each pixel
    that the subject covers, in 0..255.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None

    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""
        return self.rgb.nbytes + (0 if self.alpha is None else self.alpha.nbytes)

    def copy(self) -> "View":
        """The same in arrays of its own."""
        return View(self.rgb.copy(), None if self.alpha is None else self.alpha.copy())


def to_view(
    pixels: NDArray[Any], background: tuple[float, float, float], size: tuple[int, int]
) -> View:
    """Composite straight alpha in float, average by pixel area to ``size``, and round once."""
    values = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    if pixels.shape[2] == 3:
        return View(_to_bytes(values, size), None)
    alpha = values[..., 3:]
    color = values[..., :3] * alpha + np.array(background, np.float32) * (1 - alpha)
    return View(_to_bytes(color, size), _to_bytes(alpha[..., 0], size))


def _to_bytes(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Area-average [0, 1] values to (width, height) and round them to 8 bits."""
    if size != (values.shape[1], values.shape[0]):
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
