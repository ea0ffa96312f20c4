"""What an evaluation compares: a package, the capture it was baked from, and perhaps the bake."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bake.capture import Capture, CaptureOptions, open_capture
from bake.sequence import BakedSequence
from hwcodec import Bitstream, decode_all
from render.cameras import Camera
from render.field import Field, make_field
from render.scene import NETWORK_BLOB, BakedScene, FeatureAtlas, atlas_of

# Poses travel in single precision.
_POSE_TOLERANCE = 1e-4


class EvaluationError(ValueError):
    """Package, capture, scene folder and options do not belong together."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is evaluated against what; ``sequence`` is the bake that the package was encoded from.

    Raises:
        EvaluationError: if they do not belong together.
    """

    scene: BakedScene
    capture: Capture
    sequence: BakedSequence | None = None

    def __post_init__(self) -> None:
        """Find mix-ups before any work is done."""
        _check_capture(self.scene, self.capture)
        if self.sequence is not None:
            _check_sequence(self.scene, self.sequence)

    @cached_property
    def bitstreams(self) -> Mapping[int, Bitstream]:
        """The package's bitstreams by their index, checked.

        Raises:
            HwcodecError: if a file is missing or damaged.
        """
        indices = [group.stream for group in self.scene.record.groups]
        return {index: self.scene.package.bitstream(index) for index in indices}

    def atlases(self, thread_count: int | None) -> Iterator[FeatureAtlas]:
        """Every atlas of the package, decoded in order."""
        groups = self.scene.record.groups
        streams = [self.bitstreams[group.stream] for group in groups]
        for number, picture in decode_all(streams, thread_count=thread_count, borrow=True):
            group = groups[number]
            yield atlas_of(group, picture)

    def field_before_encoding(self, frame_index: int) -> Field | None:
        """The field of the texels as they were trained, or None without a bake."""
        if self.sequence is None:
            return None
        group = self.scene.geometry(self.scene.group_of(frame_index))
        texels = self.sequence.texels(frame_index)
        if len(texels) != group.mapping.texel_count:
            raise EvaluationError(
                f"frame {frame_index} of the scene has {len(texels)} texels, the package "
                f"{group.mapping.texel_count}; name the scene that this package was encoded from"
            )
        constants = self.scene.record.constants
        return make_field(
            group.geometry, texels, empty_density=constants.empty_density, step=constants.step
        )


def open_baked_capture(scene: BakedScene, path: str) -> Capture:
    """Open a capture with the scale, frames and background that a package was baked with.

    Raises:
        CaptureError: if the capture cannot be used.
    """
    record = scene.record.capture
    background = scene.record.constants.background
    return open_capture(CaptureOptions(path, record.scale, record.frames, background))


def _check_capture(scene: BakedScene, capture: Capture) -> None:
    """The capture's cameras must be those that the package was baked from."""
    if capture.frame_count != scene.frame_count:
        raise EvaluationError(
            f"capture {capture.name!r} has {capture.frame_count} frames for the selection "
            f"{scene.record.capture.frames!r}, the package has {scene.frame_count}; name the "
            f"capture that was baked, {scene.record.capture.name!r}"
        )
    same = len(scene.cameras) == len(capture.cameras) and all(
        map(_same_camera, scene.cameras, capture.cameras)
    )
    if not same:
        raise EvaluationError(
            f"the {len(capture.cameras)} cameras of capture {capture.name!r} are not the "
            f"{len(scene.cameras)} that the package was baked from; name the capture that was "
            f"baked, {scene.record.capture.name!r}"
        )


def _same_camera(ours: Camera, theirs: Camera) -> bool:
    """Whether two cameras see the same but for the rounding of a file."""
    if (ours.width, ours.height) != (theirs.width, theirs.height):
        return False
    lenses = [
        (camera.focal_x, camera.focal_y, camera.center_x, camera.center_y)
        for camera in (ours, theirs)
    ]
    poses = [camera.world_to_camera for camera in (ours, theirs)]
    return all(
        np.allclose(mine, other, _POSE_TOLERANCE, _POSE_TOLERANCE)
        for mine, other in (lenses, poses)
    )


def _check_sequence(scene: BakedScene, sequence: BakedSequence) -> None:
    """The bake must be the one that the package was encoded from."""
    is_same = sequence.frame_count == scene.frame_count and sequence.grid == scene.record.grid
    if not is_same or sequence.network_bytes() != scene.package.blob(NETWORK_BLOB):
        raise EvaluationError(
            f"the bake in {Path(sequence.root).name} has {sequence.frame_count} frames on a grid "
            f"of {sequence.grid.shape}, the package {scene.frame_count} on "
            f"{scene.record.grid.shape}, or their networks differ; name the scene that this "
            "package was encoded from"
        )
