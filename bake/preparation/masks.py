"""Where the subject is in a picture: told by a video of masks, or found by a key or a plate."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.errors import CaptureError
from bake.preparation.matting import Colors, straight_colors
from bake.preparation.windows import Cutter
from hwcodec import HwcodecError, Movie

# Codes of a coded mask that are meant to be 0 or 255. Guessed.
_MASK_NOISE = 10
# Areas of fewer pixels, in shares of the picture, are specks or pinholes. Guessed.
_SPECK_SHARE = 1e-4
# Pixels around each that the mask is fitted to luma in, and codes of luma that are noise. Guessed.
_GUIDE_RADIUS, _GUIDE_NOISE = 2, 6.0
# Pictures of a mask video that are looked at before the work: first, last, and between. A choice.
_LOOKED_AT = 3
# Codes by which a pixel's channels differ if it has color, and the share of the picture that may.
# Choices: lossy codecs color thin edges alone, so areas count; on one capture, masks in the worst
# of those tried had a third of that share, and a small subject before white up to ten times it.
_COLORED, _COLORED_SHARE = 16, 1e-3
# Codes from either end that are still nearly black or white, and the share of the picture that may
# lie between: soft edges, hair and veils. Choices.
_NEARLY, _BETWEEN_SHARE = 64, 0.4


class Masker(Protocol):
    """How the masks of one camera come about."""

    def alpha(self, seen: Colors, index: int) -> Colors:
        """The subject's share (rows, columns) in [0, 1] of a cut picture, and its place.

        Raises:
            CaptureError: if there is no mask for it.
        """

    def cleaned(self, colors: Colors) -> Colors:
        """Straight colors without what the background cast onto the subject."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoMasker:
    """Masks out of a video of their own; the camera's window is cut out of them."""

    movie: Movie
    cut: Cutter

    def alpha(self, seen: Colors, index: int) -> Colors:
        """What the mask video shows, with the noise of its coding taken off both ends."""
        try:
            mask = self.cut(self.movie.read(index))[..., 1].astype(np.float32)
        except HwcodecError as error:
            raise CaptureError(str(error)) from error
        stretched = (mask - _MASK_NOISE) / (255 - 2 * _MASK_NOISE)
        alpha: Colors = stretched.clip(0, 1).astype(np.float32)
        return alpha

    def cleaned(self, colors: Colors) -> Colors:
        """The same: nothing is known of the background."""
        return colors


def check_mask_video(movie: Movie, label: str) -> None:
    """Look at a few pictures of a camera's masks, and close the decoder again.

    Raises:
        CaptureError: if they cannot be decoded, have color, or are neither black nor white.
    """
    places = np.linspace(0, movie.facts.frame_count - 1, _LOOKED_AT).round()
    with movie:
        for place in sorted({int(place) for place in places}):
            try:
                fault = _mask_fault(movie.read(place))
            except HwcodecError as error:
                raise CaptureError(f"the masks of camera {label}: {error}") from error
            if fault:
                raise CaptureError(
                    f"{movie.path} is no video of masks of camera {label}: {fault} in picture "
                    f"{place}, expected gray pictures, nearly black beside the subject and nearly "
                    "white on it; check --masks, or have masks made by --chroma-key or "
                    "--clean-plate"
                )


def _mask_fault(picture: NDArray[np.uint8]) -> str:
    """What a picture has that masks have not; empty if nothing."""
    spread = picture.max(2) - picture.min(2)
    colored = cv2.erode((spread > _COLORED).astype(np.uint8), np.ones((3, 3), np.uint8))
    share = float(colored.mean())
    if share > _COLORED_SHARE:
        return f"{share:.1%} of the pixels have color"
    gray = picture[..., 1]
    share = float(((gray > _NEARLY) & (gray < 255 - _NEARLY)).mean())
    if share > _BETWEEN_SHARE:
        return f"{share:.0%} of the pixels are neither nearly black nor nearly white"
    return ""


def to_rgba(seen: NDArray[np.uint8], masker: Masker, index: int) -> NDArray[np.uint8]:
    """A cut picture as straight RGBA (rows, columns, 4), uint8."""
    colors = seen[..., :3].astype(np.float32)
    alpha = masker.alpha(colors, index)
    own = masker.cleaned(straight_colors(colors, alpha))
    joined = np.dstack([own, alpha * 255])
    return np.asarray(np.rint(joined.clip(0, 255)), np.uint8)


def without_specks(alpha: Colors) -> Colors:
    """The mask without small areas, and without small holes in large ones."""
    least = max(4, round(_SPECK_SHARE * alpha.size))
    solid = (alpha > 0.5).astype(np.uint8)
    kept = _large_areas(solid, least)
    filled = 1 - _large_areas(1 - kept, least)
    near = cv2.dilate(kept, np.ones((5, 5), np.uint8)) > 0
    cleaned: Colors = np.where(near, alpha, 0).astype(np.float32)
    cleaned[(filled > 0) & (kept == 0)] = 1
    return cleaned


def sharpened(alpha: Colors, luma: Colors) -> Colors:
    """The mask with its edges where luma has them; video stores chroma at half the resolution.

    Around each pixel the mask is the line of luma that fits best. Source: He et al. 2010, Guided
    image filtering, equations 5 to 8.
    """
    side = (2 * _GUIDE_RADIUS + 1,) * 2

    def mean(values: NDArray[np.floating]) -> Colors:
        return np.asarray(cv2.blur(values, side), np.float32)

    middle, share = mean(luma), mean(alpha)
    variance = mean(luma * luma) - middle * middle
    slope = (mean(luma * alpha) - middle * share) / (variance + np.float32(_GUIDE_NOISE**2))
    line = mean(slope) * luma + mean(share - slope * middle)
    sharp: Colors = line.clip(0, 1).astype(np.float32)
    return sharp


def _large_areas(bits: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """Connected areas of ones that have at least so many pixels."""
    _, areas, facts, _ = cv2.connectedComponentsWithStats(bits, connectivity=8)
    is_large = facts[:, cv2.CC_STAT_AREA] >= least
    is_large[0] = False
    return np.asarray(np.asarray(is_large)[areas], np.uint8)
