"""What can be told of a camera on its own: its pose, what it sees of the box, and its mask."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bake.captures.ring import cube_around, meeting_point, missed_by
from bake.inspection.findings import Finding, Verdict
from bake.inspection.small_pictures import Instant
from render.cameras import ROTATION_TOLERANCE, Camera
from render.geometry import Aabb

POSE, BOX, MASK = "pose", "box in view", "mask"
# Points along an edge of the box, in whose middle cells it is asked whether they are seen.
_LATTICE = 9
# Share of the box that a camera should see. A choice: rooms are larger than what one camera sees.
_LITTLE = 0.05
# Masks that are all subject or none are no masks; a subject at the border is cut off there.
_FULL, _EMPTY, _AT_BORDER = 0.98, 1e-4, 0.02


def pose_finding(camera: Camera, view: int, label: str) -> Finding:
    """Whether the pose is a rotation and a shift, and nothing else."""
    rotation = camera.world_to_camera[:3, :3]
    off = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    scale = float(np.cbrt(np.linalg.det(rotation)))
    measured = f"determinant {scale**3:+.4f}, scale {scale:.4f}, off orthonormal by {off:.1e}"
    if off <= ROTATION_TOLERANCE and scale > 0:
        return Finding(POSE, view, Verdict.OK, measured, value=off)
    remedy = f"camera {label}: its pose is no rotation; remove scale, shear and mirroring"
    return Finding(POSE, view, Verdict.FAULT, measured, remedy, "not rigid", off)


def seen_share(camera: Camera, box: Aabb) -> float:
    """The share of the box's volume that lies in the picture, in [0, 1]."""
    steps = (np.arange(_LATTICE) + 0.5) / _LATTICE
    cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        pixels, depth = camera.project(np.asarray(box.minimum) + cells * box.size)
        inside = (pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1)
    return float(np.mean(inside & (depth > 0)))


def box_finding(camera: Camera, view: int, label: str, box: Aabb) -> Finding:
    """Whether the camera sees the box."""
    share = seen_share(camera, box)
    measured = f"{share:.0%} of the box is in the picture"
    if share >= _LITTLE:
        return Finding(BOX, view, Verdict.OK, measured, value=share)
    looks_away = (box.center - camera.position) @ camera.forward < 0
    why = "it looks away from the box" if looks_away else "the box is beside its picture"
    verdict = Verdict.WARNING if share > 0 else Verdict.FAULT
    remedy = f"camera {label}: {why}; check its pose, the axes of the format, and capture.box"
    return Finding(BOX, view, verdict, measured, remedy, "looks away" if looks_away else "", share)


def mask_finding(instants: Sequence[Instant], view: int, label: str) -> Finding:
    """Whether the mask holds a subject that is neither nothing, everything, nor cut off."""
    masks = [instant.mask(view) for instant in instants if view in instant.views]
    shares = [float(mask.mean()) for mask in masks]
    border = max(_border_share(mask) for mask in masks)
    least, most = min(shares), max(shares)
    measured = f"{least:.1%} to {most:.1%} of the picture, {border:.0%} of its border"
    verdict, remedy, cause = Verdict.OK, "", ""
    if least < _EMPTY:
        verdict, cause = Verdict.FAULT, "mask empty"
        frames = [i.frame for i in instants if view in i.views and i.mask(view).mean() < _EMPTY]
        remedy = (
            f"camera {label}: its mask is empty at frame {frames[0]}; repair it or leave it out"
        )
    elif most > _FULL:
        verdict, cause = Verdict.FAULT, "mask full"
        remedy = f"camera {label}: its mask covers the whole picture; make one that holds a subject"
    elif border > _AT_BORDER:
        verdict, cause = Verdict.WARNING, "cut off"
        remedy = (
            f"camera {label}: its mask touches the border of the picture; what lies beyond is not "
            "seen by it, so give capture.box around what should be reconstructed"
        )
    return Finding(MASK, view, verdict, measured, remedy, cause, most)


def share_beside(mask: NDArray[np.bool_], camera: Camera, box: Aabb) -> float:
    """The share of a mask (rows, columns) that lies beside what the box covers of the picture."""
    pixels, depth = camera.project(box.corners())
    if (depth <= 0).any() or not mask.any():
        return 0.0
    covered = np.zeros(mask.shape, np.uint8)
    around = cv2.convexHull(np.clip(pixels, -1e6, 1e6).round().astype(np.int32))
    cv2.fillConvexPoly(covered, around, 1)
    return float(np.count_nonzero(mask & (covered == 0)) / np.count_nonzero(mask))


def common_region(cameras: Sequence[Camera]) -> Aabb | None:
    """A cube around the point that most optical axes pass, as large as the cameras leave room.

    None if they all look the same way.
    """
    weights, middle = np.ones(len(cameras)), np.zeros(3)
    for _ in range(10):
        found = meeting_point(cameras, weights)
        if found is None:
            return None
        middle, missed = found, missed_by(cameras, found)
        weights = 1 / (1 + (missed / max(float(np.median(missed)), 1e-9)) ** 2)
    return cube_around(cameras, middle)


def grown(box: Aabb, share: float) -> Aabb:
    """The box with so much more of its size on every side."""
    margin = share * box.size
    return Aabb(tuple(box.minimum - margin), tuple(box.maximum + margin))


def _border_share(mask: NDArray[np.bool_]) -> float:
    """The share of the outermost pixels that the mask holds."""
    edges = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float(edges.mean())
