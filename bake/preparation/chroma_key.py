"""Masks in front of an evenly lit backdrop of one strong color, and the cast it leaves.

The color's direction in the plane of chroma is what counts: how far a pixel's chroma reaches along
it, less what it has across. Source: van den Bergh and Lalioti 1999, Software chroma keying, for the
wedge of angles; the softness between is a ramp.

Limits: a backdrop with shadows or far from the stated color keys in patches; clothes of its hue
become holes; hair is as soft as the ramp; reflections on shiny matter are taken for backdrop.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bake.errors import CaptureError
from bake.preparation.masks import sharpened, without_specks
from bake.preparation.matting import Colors

# Usual paints and cloths as cameras show them. Guessed; a picked color is better.
NAMED_KEYS = {"green": (40.0, 170.0, 70.0), "blue": (30.0, 70.0, 190.0)}
# To BT.601's chroma, of colors in [0, 255].
_TO_CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_TO_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Reach along the key, in shares of its own, from which on a pixel is less than all subject, and
# from which on it is all backdrop. Guessed.
_SUBJECT, _BACKDROP = 0.25, 0.65
# Chroma across the key counts so much against it: a wedge of 45 degrees to either side. Guessed.
_ACROSS = 1.0
# Less chroma is no color to key by.
_LEAST_CHROMA = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class ChromaKey:
    """Masks by the backdrop's color, sRGB in [0, 255].

    Raises:
        CaptureError: if the color is too gray to be told from a subject.
    """

    color: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Refuse colors that key everything."""
        strength = float(np.linalg.norm(_chroma(np.array(self.color, np.float32))))
        if not strength >= _LEAST_CHROMA:
            raise CaptureError(
                f"--chroma-key {','.join(f'{c:g}' for c in self.color)} is almost gray, expected a "
                "strong color such as 40,170,70; use --clean-plate with a gray backdrop"
            )

    def alpha(self, seen: Colors, index: int) -> Colors:
        """One minus the share of backdrop in each pixel."""
        reach = self._reach(seen)
        alpha = 1 - ((reach - _SUBJECT) / (_BACKDROP - _SUBJECT)).clip(0, 1)
        return without_specks(sharpened(alpha.astype(np.float32), seen @ _TO_LUMA))

    def cleaned(self, colors: Colors) -> Colors:
        """Colors whose reach along the key is taken back to none, at the same luma."""
        key = _chroma(np.array(self.color, np.float32))
        unit = key / np.linalg.norm(key)
        along = (self._reach(colors) * np.linalg.norm(key)).clip(0)
        # Removing chroma of that direction; BT.601's luma stays.
        blue, red = -unit[0] * along, -unit[1] * along
        change = np.stack([1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue], axis=-1)
        cleaned: Colors = (colors + change).clip(0, 255).astype(np.float32)
        return cleaned

    def _reach(self, colors: Colors) -> NDArray[np.float32]:
        """How far chroma reaches along the key, less what it has across; 1 of the key itself."""
        chroma, key = _chroma(colors), _chroma(np.array(self.color, np.float32))
        length = np.linalg.norm(key)
        unit = key / length
        along = chroma @ unit
        across = np.abs(chroma[..., 0] * unit[1] - chroma[..., 1] * unit[0])
        reach: NDArray[np.float32] = ((along - _ACROSS * across) / length).astype(np.float32)
        return reach


def parse_key(text: str) -> ChromaKey:
    """A key from ``green``, ``blue`` or ``R,G,B`` in 0..255.

    Raises:
        CaptureError: if it is something else.
    """
    if text in NAMED_KEYS:
        return ChromaKey(NAMED_KEYS[text])
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        red = green = blue = -1.0
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise CaptureError(
            f"--chroma-key is {text!r:.40}, expected {', '.join(NAMED_KEYS)}, or R,G,B in 0..255 as"
            " in 40,170,70; pick the backdrop's color from a video"
        )
    return ChromaKey((red, green, blue))


def _chroma(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blue and red differences (..., 2)."""
    chroma: NDArray[np.float32] = colors @ _TO_CHROMA.T
    return chroma
