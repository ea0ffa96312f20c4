"""Masks by comparison with the empty stage, filmed by the same camera with the same settings.

A pixel is background where it shows the plate's color, up to noise, or that color darkened by a
shadow. Source: Horprasert et al. 1999, A statistical approach for real-time robust background
subtraction, for brightness and color distortion as two measures.

Limits: camera, lens, light and exposure must not have changed since the plate; matter of the
background's color becomes holes up to the size that cleaning closes; deep shadows and reflections
on the floor stay; edges are as soft as the noise lets them be, one or two pixels.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.folders import PICTURE_ENDINGS
from bake.captures.pictures import decode_picture
from bake.captures.videos import VIDEO_ENDINGS, open_video
from bake.errors import CaptureError
from bake.preparation.masks import without_specks
from bake.preparation.matting import Colors
from bake.preparation.windows import Cutter
from hwcodec import HwcodecError

# Pictures of a plate video that its median is taken of.
_MOST_PICTURES = 9
# Codes: noise that is there even where the plate says nothing of it. Guessed.
_LEAST_NOISE = 2.0
# Noises of color distance from which on a pixel is less than all background, and all subject.
# Guessed, as are the shadows: a background pixel keeps this share of its brightness, and may be
# brighter by this much.
_BACKGROUND, _SUBJECT = 4.0, 9.0
_SHADOW, _BRIGHTER = 0.7, 1.1
# Pixels that an edge is wide, with what blurs it; and how much more than its share counts, as a
# subject's color varies. The second by measurement: of 1, 1.5 and 2 the best on one capture.
_EDGE, _EDGE_GAIN = 5, 1.5
# Pixels to each side in which a shadow has one brightness. Guessed.
_NEIGHBORHOOD = 4


@dataclass(frozen=True, slots=True, eq=False)
class CleanPlate:
    """Masks of one camera: its plate (rows, columns, 3) in [0, 255] as cut, and its noise."""

    plate: Colors
    noise: float

    def alpha(self, seen: Colors, index: int) -> Colors:
        """How surely each pixel shows something else than the plate."""
        if seen.shape != self.plate.shape:
            raise CaptureError(
                f"the clean plate is {self.plate.shape[1]}x{self.plate.shape[0]}, expected "
                f"{seen.shape[1]}x{seen.shape[0]} as the video; take it with the same settings"
            )
        # Noise of neighbors cancels, and an edge stays within a pixel.
        calm = np.asarray(cv2.GaussianBlur(seen, (3, 3), 0), np.float32)
        plate = np.asarray(cv2.GaussianBlur(self.plate, (3, 3), 0), np.float32)
        distance = _distance(calm, plate) / np.float32(self.noise)
        alpha = ((distance - _BACKGROUND) / (_SUBJECT - _BACKGROUND)).clip(0, 1)
        return _fitted(_closed(alpha.astype(np.float32)), distance)

    def cleaned(self, colors: Colors) -> Colors:
        """The same: an ordinary background casts little."""
        return colors


def plates_in(folder: Path) -> dict[str, Path]:
    """Pictures or videos of the empty stage by camera.

    Raises:
        CaptureError: if the folder does not exist, or two are of one camera.
    """
    if not folder.is_dir():
        raise CaptureError(
            f"there is no folder {folder}, expected a picture or video of the empty stage for "
            "each camera; check --clean-plate"
        )
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURE_ENDINGS | VIDEO_ENDINGS:
            if path.stem in found:
                raise CaptureError(
                    f"{path} and {found[path.stem].name} are both plates of camera {path.stem}, "
                    "expected one; remove the other"
                )
            found[path.stem] = path
    return found


def open_plate(path: Path, cut: Cutter) -> CleanPlate:
    """Read a picture, or the median of a few of a video's, and cut the camera's window out.

    Raises:
        CaptureError: if it cannot be decoded.
    """
    pictures = [cut(picture).astype(np.float32) for picture in _pictures(path)]
    stack = np.stack(pictures)
    plate = np.median(stack, axis=0).astype(np.float32)
    # One picture has the noise itself, and nothing to tell it from texture.
    noise = 1.4826 * float(np.median(np.abs(stack - plate))) * 3**0.5 if len(stack) > 2 else 0.0
    return CleanPlate(plate, max(noise, _LEAST_NOISE))


def _pictures(path: Path) -> list[NDArray[np.uint8]]:
    if path.suffix.lower() not in VIDEO_ENDINGS:
        picture = decode_picture(path)[..., :3]
        return [picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8)]
    with open_video(path) as movie:
        count = movie.facts.frame_count
        places = np.linspace(0, count - 1, min(count, _MOST_PICTURES)).round().astype(int)
        try:
            return [movie.read(int(place)) for place in places]
        except HwcodecError as error:
            raise CaptureError(str(error)) from error


def _distance(seen: Colors, plate: Colors) -> Colors:
    """How far each color is from the plate's, at the best of the brightnesses around it.

    A shadow is smooth and keeps the texture below it, so its brightness is that of a neighborhood
    and not the pixel's own: on one side of it, as the subject may be on the other.
    """
    side = (2 * _NEIGHBORHOOD + 1,) * 2
    match = np.asarray(cv2.blur((seen * plate).sum(2), side), np.float32)
    power = np.asarray(cv2.blur((plate * plate).sum(2), side), np.float32)
    gain = (match / np.maximum(power, 1)).clip(_SHADOW, _BRIGHTER).astype(np.float32)
    nearest = np.linalg.norm(seen - plate, axis=2)
    for across, down in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        shift = np.array([[1, 0, across * _NEIGHBORHOOD], [0, 1, down * _NEIGHBORHOOD]], np.float32)
        beside = cv2.warpAffine(
            gain, shift, gain.shape[::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
        )
        shaded = np.asarray(beside, np.float32)[..., None] * plate
        nearest = np.minimum(nearest, np.linalg.norm(seen - shaded, axis=2))
    return np.asarray(nearest, np.float32)


def _fitted(alpha: Colors, distance: Colors) -> Colors:
    """The mask with its outermost pixels by their share of the subject's distance from the plate.

    A pixel that is partly the subject is as far from the plate as that part of the subject beside
    it, so what is far from the plate by its noise alone reaches too far out.
    """
    solid = (alpha > 0.5).astype(np.uint8)
    core = cv2.erode(solid, np.ones((_EDGE, _EDGE), np.uint8)).astype(np.float32)
    side = (2 * _EDGE + 1,) * 2
    near = np.asarray(cv2.blur(core, side), np.float32)
    usual = np.asarray(cv2.blur(distance * core, side), np.float32) / np.maximum(near, 1e-6)
    share = (_EDGE_GAIN * distance / np.maximum(usual, 1e-6)).clip(0, 1)
    inner = cv2.erode(solid, np.ones((3, 3), np.uint8))
    is_edge = (inner == 0) & (near > 0)
    return np.asarray(np.where(is_edge, np.minimum(alpha, share), alpha), np.float32)


def _closed(alpha: Colors) -> Colors:
    """Thin gaps closed, specks and pinholes removed."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    closed = np.asarray(cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, kernel), np.float32)
    return without_specks(closed)
