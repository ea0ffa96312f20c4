"""Lens distortion: what a lens does to straight lines, and pictures with it removed.

Coefficients are OpenCV's; its pixel centers lie at whole numbers, ours at +0.5, and the border is
crossed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.source import Reader
from bake.errors import CaptureError
from render.cameras import Camera

# Maps of so many cameras are kept; one of 1080p takes 17 MB. Rigs are read camera after camera
# within a frame, so fewer than there are cameras would be no help.
_KEPT_MAPS = 128


@dataclass(frozen=True, slots=True)
class Distortion:
    """A lens by OpenCV's coefficients.

    Attributes:
        coefficients: k1, k2, p1, p2 and up to k3, k4, k5, k6; of a fisheye k1, k2, k3, k4.
        is_fisheye: whether they are those of the equidistant model (Kannala and Brandt, 2006).

    Raises:
        CaptureError: if there are too many, or one is not finite.
    """

    coefficients: tuple[float, ...]
    is_fisheye: bool = False

    def __post_init__(self) -> None:
        """Refuse what OpenCV would refuse, or bend pictures by nothing known."""
        most = 4 if self.is_fisheye else 8
        if len(self.coefficients) > most or not all(isfinite(c) for c in self.coefficients):
            raise CaptureError(
                f"lens distortion is {self.coefficients}, expected at most {most} finite numbers; "
                "calibrate the camera again"
            )

    @property
    def is_none(self) -> bool:
        """Whether straight lines stay straight."""
        return not self.is_fisheye and not any(self.coefficients)

    def pinhole(self, camera: Camera) -> Camera:
        """The camera without distortion whose pictures hold nothing but what the lens saw.

        ``camera`` has the lens's own intrinsics; size and pose stay.
        """
        if self.is_none:
            return camera
        matrix, size = _matrix(camera), (camera.width, camera.height)
        if self.is_fisheye:
            found = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
                matrix, self._padded(4), size, np.eye(3), balance=0.0
            )
        else:
            found, _ = cv2.getOptimalNewCameraMatrix(matrix, self._padded(8), size, 0.0)
        return Camera(
            camera.width,
            camera.height,
            float(found[0, 0]),
            float(found[1, 1]),
            float(found[0, 2]) + 0.5,
            float(found[1, 2]) + 0.5,
            camera.world_to_camera,
        )

    def maps(self, camera: Camera, pinhole: Camera) -> tuple[NDArray[Any], NDArray[Any]]:
        """Where each pixel of the pinhole camera lies in the lens's picture: x and y, float32."""
        matrix, wanted = _matrix(camera), _matrix(pinhole)
        size = (pinhole.width, pinhole.height)
        if self.is_fisheye:
            return cv2.fisheye.initUndistortRectifyMap(
                matrix, self._padded(4), np.eye(3), wanted, size, cv2.CV_32FC1
            )
        return cv2.initUndistortRectifyMap(
            matrix, self._padded(8), np.eye(3), wanted, size, cv2.CV_32FC1
        )

    def _padded(self, count: int) -> NDArray[np.float64]:
        padded = np.zeros(count)
        padded[: len(self.coefficients)] = self.coefficients
        return padded


NO_DISTORTION = Distortion(())
"""A lens that keeps straight lines straight."""


class LensCamera(NamedTuple):
    """A camera with its lens's own intrinsics, and the lens."""

    camera: Camera
    distortion: Distortion


@dataclass(frozen=True, slots=True, eq=False)
class StraightReader:
    """Pictures of another reader with the distortion of each view's lens removed.

    ``lenses`` are those of the views that have one; ``cameras`` are all views' pinhole cameras.
    """

    reader: Reader
    lenses: Mapping[int, LensCamera]
    cameras: Sequence[Camera]
    _maps: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Maps are made when a view is first read."""
        object.__setattr__(self, "_maps", lru_cache(_KEPT_MAPS)(self._make_maps))

    def inspect(self, frames: Sequence[int]) -> bool:
        """Whether the pictures carry masks, after the other reader's checks."""
        return self.reader.inspect(frames)

    def read(self, frame: int, view: int) -> NDArray[Any]:
        """One picture, straight."""
        pixels = self.reader.read(frame, view)
        if view not in self.lenses:
            return pixels
        maps: tuple[NDArray[Any], NDArray[Any]] = self._maps(view)
        return straightened(pixels, maps)

    def stamp(self, frame: int, view: int) -> str:
        """The other reader's, and the lens."""
        stamp = self.reader.stamp(frame, view)
        if not stamp or view not in self.lenses:
            return stamp
        camera, distortion = self.lenses[view]
        return f"{stamp} straightened {distortion} of {_matrix(camera).tolist()}"

    def _make_maps(self, view: int) -> tuple[NDArray[Any], NDArray[Any]]:
        camera, distortion = self.lenses[view]
        return distortion.maps(camera, self.cameras[view])


def straightened(pixels: NDArray[Any], maps: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[Any]:
    """A picture (rows, columns, 3 or 4) sampled where the maps say; straight alpha stays straight.

    Colors are weighted by their alpha, as what lies under transparent pixels is no color.
    """
    top = np.iinfo(pixels.dtype).max
    values = pixels.astype(np.float32)
    if pixels.shape[2] == 4:
        values[..., :3] *= values[..., 3:] / np.float32(top)
    sampled = np.asarray(
        cv2.remap(values, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    if pixels.shape[2] == 4:
        sampled[..., :3] *= top / np.maximum(sampled[..., 3:], np.float32(1e-3))
    rounded: NDArray[Any] = np.rint(sampled.clip(0, top)).astype(pixels.dtype)
    return rounded


def straight_source(
    cameras: Sequence[Camera], distortions: Sequence[Distortion], reader: Reader
) -> tuple[tuple[Camera, ...], Reader]:
    """Pinhole cameras and a reader of straight pictures, of cameras with lenses."""
    lenses = {
        view: LensCamera(camera, distortion)
        for view, (camera, distortion) in enumerate(zip(cameras, distortions, strict=True))
        if not distortion.is_none
    }
    straight = tuple(
        distortion.pinhole(camera) for camera, distortion in zip(cameras, distortions, strict=True)
    )
    return straight, StraightReader(reader, lenses, straight) if lenses else reader


def _matrix(camera: Camera) -> NDArray[np.float64]:
    """OpenCV's camera matrix."""
    return np.array(
        [
            [camera.focal_x, 0, camera.center_x - 0.5],
            [0, camera.focal_y, camera.center_y - 0.5],
            [0, 0, 1],
        ]
    )
