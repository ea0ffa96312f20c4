"""Pinhole cameras and the rays through their pixels.

This is the one statement of the coordinate conventions; everything else refers to it:
camera axes follow OpenCV (x right, y down, z forward); poses are world-to-camera matrices in
float64; pixel centers lie at +0.5, so the image spans [0, width] x [0, height]; ray directions
have unit length; grids are indexed [x, y, z] and images [row, column]; colors are display-referred
sRGB in [0, 1]; lengths are in scene units. Loaders convert at the border, nothing else does.
"""

from dataclasses import dataclass
from math import isfinite, tau

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from render.errors import CameraError

# Wide enough for poses printed with five digits, narrow enough to refuse a scaled or sheared one.
ROTATION_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Lens:
    """Picture size and focal length in pixels; the optical axis meets the picture's middle.

    Raises:
        CameraError: if the size or the focal length is not positive.
    """

    width: int
    height: int
    focal: float

    def __post_init__(self) -> None:
        """Refuse lenses that see nothing."""
        _check_size(self.width, self.height)
        _check_focal(self.focal, self.focal)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera: intrinsics in pixels and a (4, 4) rigid world-to-camera pose.

    The pose is copied and frozen, so that cameras can be shared between stages.

    Raises:
        CameraError: if the pose is not finite and rigid, or a size or focal is not positive.
    """

    width: int
    height: int
    focal_x: float
    focal_y: float
    center_x: float
    center_y: float
    world_to_camera: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check everything once, here, so that the renderer never has to."""
        _check_size(self.width, self.height)
        _check_focal(self.focal_x, self.focal_y)
        if not (isfinite(self.center_x) and isfinite(self.center_y)):
            raise CameraError(
                f"principal point is ({self.center_x}, {self.center_y}), expected finite pixels; "
                "use half the picture size where it is unknown"
            )
        object.__setattr__(self, "world_to_camera", _rigid_pose(self.world_to_camera))

    @property
    def position(self) -> NDArray[np.float64]:
        """The center of projection in world space, shape (3,)."""
        return -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3]

    @property
    def forward(self) -> NDArray[np.float64]:
        """Unit viewing direction in world space, shape (3,)."""
        return self.world_to_camera[2, :3].copy()

    @property
    def up(self) -> NDArray[np.float64]:
        """Unit direction toward the picture's upper edge in world space, shape (3,)."""
        return -self.world_to_camera[1, :3]

    def scaled(self, factor: float) -> "Camera":
        """The same view at round(size * factor) pixels, intrinsics following the exact size ratio.

        Raises:
            CameraError: if the factor is not positive or leaves no pixel.
        """
        if not (isfinite(factor) and factor > 0):
            raise CameraError(f"scale is {factor}, expected a positive number such as 0.5")
        width, height = round(self.width * factor), round(self.height * factor)
        if width < 1 or height < 1:
            raise CameraError(
                f"scale {factor} turns {self.width}x{self.height} into {width}x{height}, "
                "expected at least one pixel; choose a larger scale"
            )
        return self.resized(width, height)

    def resized(self, width: int, height: int) -> "Camera":
        """The same view at a size in pixels, intrinsics following the ratio of each side.

        Raises:
            CameraError: if the size is not positive.
        """
        x, y = width / self.width, height / self.height
        return Camera(
            width=width,
            height=height,
            focal_x=self.focal_x * x,
            focal_y=self.focal_y * y,
            center_x=self.center_x * x,
            center_y=self.center_y * y,
            world_to_camera=self.world_to_camera,
        )

    def project(self, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixel positions (points, 2) as (x, y) and depths (points,) along the viewing axis.

        Positions are continuous: the middle of row r, column c is (c + 0.5, r + 0.5). They only
        mean something where the depth is positive; at depth zero they are not finite.
        """
        world = np.asarray(points, np.float64)
        if world.ndim != 2 or world.shape[1] != 3:
            raise CameraError(
                f"points have shape {world.shape}, expected (points, 3); reshape them first"
            )
        seen = world @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        depth = seen[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            x = seen[:, 0] / depth * self.focal_x + self.center_x
            y = seen[:, 1] / depth * self.focal_y + self.center_y
        return np.stack([x, y], axis=1), depth


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """Half lines in world space: float32 origins and unit directions, both (rays, 3).

    Raises:
        CameraError: if the two do not have the same (rays, 3) shape.
    """

    origins: Tensor
    directions: Tensor

    def __post_init__(self) -> None:
        """Refuse shapes that would broadcast by accident."""
        shapes = tuple(self.origins.shape), tuple(self.directions.shape)
        if shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][1] != 3:
            raise CameraError(
                f"ray origins {shapes[0]} and directions {shapes[1]}, expected (rays, 3) for both; "
                "expand one origin to every direction"
            )

    def __len__(self) -> int:
        """Count of rays."""
        return len(self.origins)

    def to(self, device: torch.device | str) -> "Rays":
        """The same rays on another device."""
        return Rays(self.origins.to(device), self.directions.to(device))


def look_at(eye: ArrayLike, target: ArrayLike, up: ArrayLike, *, lens: Lens) -> Camera:
    """A camera at ``eye`` whose optical axis passes through ``target``, ``up`` pointing upward.

    Raises:
        CameraError: if eye and target coincide or ``up`` is parallel to the viewing direction.
    """
    position = np.asarray(eye, np.float64)
    axis = np.asarray(target, np.float64) - position
    forward = _unit(axis, "eye and target coincide; move one of them")
    side = np.cross(forward, np.asarray(up, np.float64))
    right = _unit(side, "up is parallel to the viewing direction; tilt it")
    rotation = np.stack([right, np.cross(forward, right), forward])
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = -rotation @ position
    return Camera(
        width=lens.width,
        height=lens.height,
        focal_x=lens.focal,
        focal_y=lens.focal,
        center_x=lens.width / 2,
        center_y=lens.height / 2,
        world_to_camera=pose,
    )


def orbit(
    center: ArrayLike, radius: float, height: float, count: int, lens: Lens
) -> tuple[Camera, ...]:
    """Cameras evenly spaced on a horizontal ring around ``center``, z up, all looking at it.

    ``height`` is the ring's height above the center; both lengths are in scene units. The first
    camera stands on the +x side and the ring runs counterclockwise seen from above.
    """
    middle = np.asarray(center, np.float64)
    angles = np.arange(count) * (tau / max(count, 1))
    offsets = np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], axis=1) * radius
    offsets[:, 2] = height
    return tuple(look_at(middle + offset, middle, (0, 0, 1), lens=lens) for offset in offsets)


def pixel_rays(camera: Camera, pixels: Tensor | None = None) -> Rays:
    """Rays through pixel centers, in the order of ``pixels`` and on their device.

    ``pixels`` are flat int64 indices, row * width + column; None means every pixel, row by row, on
    the CPU. Directions are computed in float64 and rounded once.

    Raises:
        CameraError: if an index is not an int64 inside the picture.
    """
    if pixels is None:
        pixels = torch.arange(camera.width * camera.height)
    _check_pixels(camera, pixels)
    rows = torch.div(pixels, camera.width, rounding_mode="floor").double()
    columns = (pixels % camera.width).double()
    x = (columns + (0.5 - camera.center_x)) / camera.focal_x
    y = (rows + (0.5 - camera.center_y)) / camera.focal_y
    # A row vector times the world-to-camera rotation turns camera axes back into world axes.
    rotation = torch.tensor(camera.world_to_camera[:3, :3], device=pixels.device)
    world = torch.stack([x, y, torch.ones_like(x)], dim=1) @ rotation
    directions = (world / world.norm(dim=1, keepdim=True)).float()
    origin = torch.tensor(camera.position, dtype=torch.float32, device=pixels.device)
    return Rays(origin.expand(len(pixels), 3), directions)


def _check_pixels(camera: Camera, pixels: Tensor) -> None:
    """Refuse indices that would silently wrap into another row."""
    if pixels.dtype != torch.int64 or pixels.ndim != 1:
        raise CameraError(
            f"pixels are {pixels.dtype} of shape {tuple(pixels.shape)}, expected flat int64; "
            "compute them as row * width + column"
        )
    if not len(pixels):
        return
    count = camera.width * camera.height
    # One transfer from the device for both bounds.
    lowest, highest = torch.stack(torch.aminmax(pixels)).tolist()
    if lowest < 0 or highest >= count:
        raise CameraError(
            f"pixels run from {lowest} to {highest}, expected 0..{count - 1} "
            f"for {camera.width}x{camera.height}; check which camera they were drawn for"
        )


def _check_size(width: int, height: int) -> None:
    """Sizes are whole and positive."""
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        raise CameraError(
            f"picture size is {width!r}x{height!r}, expected two positive integers; "
            "read it from a picture of the capture"
        )


def _check_focal(focal_x: float, focal_y: float) -> None:
    """Focal lengths are finite and positive; mirrored pictures belong in the loader."""
    for focal in (focal_x, focal_y):
        if not (isfinite(focal) and focal > 0):
            raise CameraError(
                f"focal length is ({focal_x}, {focal_y}), expected positive pixels; "
                "convert millimeters or angles to pixels first"
            )


def _rigid_pose(pose: ArrayLike) -> NDArray[np.float64]:
    """A read-only float64 copy of a rigid (4, 4) pose."""
    matrix = np.array(pose, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise CameraError(
            f"world_to_camera has shape {matrix.shape}, expected (4, 4); append the row 0 0 0 1"
        )
    if not np.isfinite(matrix).all():
        raise CameraError(
            "world_to_camera holds NaN or infinity, expected finite numbers; "
            "drop the camera or calibrate it again"
        )
    if not np.array_equal(matrix[3], (0.0, 0.0, 0.0, 1.0)):
        raise CameraError(
            f"world_to_camera ends with the row {matrix[3].tolist()}, expected 0 0 0 1; "
            "transpose it if it was stored column by column"
        )
    _check_rotation(matrix[:3, :3])
    matrix.flags.writeable = False
    return matrix


def _check_rotation(rotation: NDArray[np.float64]) -> None:
    """Orthonormal and right-handed, to ``ROTATION_TOLERANCE``."""
    deviation = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if deviation > ROTATION_TOLERANCE:
        raise CameraError(
            f"world_to_camera rotation deviates from orthonormal by {deviation:.2g}, expected at "
            f"most {ROTATION_TOLERANCE:g}; remove the scale and shear from the pose"
        )
    if np.linalg.det(rotation) < 0:
        raise CameraError(
            "world_to_camera rotation mirrors space (determinant -1), expected determinant +1; "
            "flip the axis that the loader forgot or flipped once too often"
        )


def _unit(vector: NDArray[np.float64], complaint: str) -> NDArray[np.float64]:
    """The vector at length one; a vanishing one raises ``complaint``."""
    length = float(np.linalg.norm(vector))
    if not length > 1e-12:
        raise CameraError(f"a viewing axis has length {length}, expected more: {complaint}")
    return vector / length
