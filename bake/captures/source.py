"""What a capture format hands over: a rig, a timeline and a way to read pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bake.captures.labels import check_distinct
from bake.errors import CaptureError
from hwcodec.records import shown
from render.cameras import Camera
from render.geometry import Aabb

# Stated by neither D-NeRF nor plain nerfstudio captures; the rate of most studio rigs. A choice.
DEFAULT_FRAME_RATE = Fraction(30)
# What `limit_denominator` below can still express, and the most that a stream is allowed to state.
_LOWEST_FRAME_RATE, _HIGHEST_FRAME_RATE = 0.001, 1000.0


@dataclass(frozen=True, slots=True)
class Split:
    """View indices to train on and view indices held out to measure quality."""

    train: tuple[int, ...]
    test: tuple[int, ...]


class Reader(Protocol):
    """Access to the pictures behind a source, by original frame number and view index."""

    def inspect(self, frames: Sequence[int]) -> bool:
        """Check cheaply that every picture of these frames is there; True if they carry masks.

        Raises:
            CaptureError: naming what is missing or does not fit its camera.
        """

    def read(self, frame: int, view: int) -> NDArray[Any]:
        """One full-size picture, (rows, columns, 3 or 4), RGB or straight RGBA, uint8 or uint16.

        Raises:
            CaptureError: if the picture cannot be decoded or does not fit its camera.
        """

    def stamp(self, frame: int, view: int) -> str:
        """What tells one picture from all others, without reading it; "" if nothing does.

        It changes when the picture's files do, or what is done to their pixels.

        Raises:
            CaptureError: if a file is missing.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A capture at full size and full length, before any option is applied.

    ``views`` maps every original frame number to the views that exist at that frame: all of them
    for a fixed rig, one for a single moving camera. ``labels`` names the views in messages.
    ``aabb`` is the scene's box if the capture states one. ``points`` (points, 3) are scene points
    that are known from calibration, from which a box can be found.
    """

    name: str
    cameras: tuple[Camera, ...]
    labels: tuple[str, ...]
    views: Mapping[int, tuple[int, ...]]
    frame_rate: Fraction
    aabb: Aabb | None
    split: Split
    reader: Reader
    points: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Refuse captures that cannot be trained on, measured, or spoken of."""
        check_distinct(self.name, self.labels)
        for part, views in (("train", self.split.train), ("test", self.split.test)):
            if not views:
                raise CaptureError(
                    f"capture {self.name!r} has no {part} views among its {len(self.cameras)} "
                    f"cameras, expected at least one; list pictures of one in {part}_filenames"
                )


def every_eighth(count: int) -> Split:
    """The split of captures that state none: every eighth camera held out, from the first on.

    That is usual for forward-facing and multi-view video data.
    """
    held_out = tuple(range(0, count, 8))
    return Split(tuple(view for view in range(count) if view not in held_out), held_out)


def to_frame_rate(value: float) -> Fraction:
    """The frame rate as a fraction, with 23.98, 29.97 and 59.94 read as their NTSC fractions.

    Raises:
        CaptureError: if the rate is not one that a stream can have.
    """
    if not _LOWEST_FRAME_RATE <= value <= _HIGHEST_FRAME_RATE:
        raise CaptureError(
            f"fps is {shown(value)}, expected a positive number in {_LOWEST_FRAME_RATE:g}.."
            f"{_HIGHEST_FRAME_RATE:g}; 30 is common"
        )
    ntsc = Fraction(round(value * 1.001) * 1000, 1001)
    # Below one frame per second nothing is NTSC.
    if ntsc and value != round(value) and abs(float(ntsc) - value) < 0.01:
        return ntsc
    return Fraction(value).limit_denominator(1000)
