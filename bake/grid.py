"""The voxel grid of a bake: by a number of voxels, or by how large cameras see one.

A voxel far below a pixel costs bytes that no picture shows; so unless a resolution is asked for,
the grid follows the pictures.
"""

import numpy as np

import bake.limits as bounds
from bake.capture import Capture
from bake.errors import CapacityError
from render.errors import RenderError
from render.occupancy import VoxelGrid, cover


def choose_grid(capture: Capture, resolution: int, voxel_pixels: float) -> VoxelGrid:
    """The grid of about ``resolution ** 3`` voxels or, for 0, of voxels of ``voxel_pixels``.

    Raises:
        CapacityError: if the capture's box is too long for its width.
    """
    try:
        return cover(capture.aabb, resolution or fitting_resolution(capture, voxel_pixels))
    except RenderError as error:
        raise CapacityError(f"the aabb of {capture.name!r} takes no grid: {error}") from error


def fitting_resolution(capture: Capture, voxel_pixels: float) -> int:
    """The resolution at which a voxel's edge spans that many pixels of most training views.

    The median over the views is taken at the center of the scene box.
    """
    edge = float(np.prod(capture.aabb.size)) ** (1 / 3)
    resolution = round(edge * pixels_per_unit(capture) / voxel_pixels)
    return int(min(max(resolution, bounds.LEAST_RESOLUTION), bounds.MOST_RESOLUTION))


def pixels_per_unit(capture: Capture) -> float:
    """Pixels that a scene unit spans at the box's center, in the median training view."""
    center = (np.array(capture.aabb.minimum) + np.array(capture.aabb.maximum)) / 2
    sizes = []
    for index in capture.split.train:
        camera = capture.cameras[index]
        pose = camera.world_to_camera
        depth = float(pose[2, :3] @ center + pose[2, 3])
        # The center may lie behind a camera that looks at a part of the scene.
        sizes.append((camera.focal_x + camera.focal_y) / 2 / depth if depth > 0 else 0.0)
    return float(np.median(sizes))
