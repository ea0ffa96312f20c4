"""Pictures out of videos, one per camera, decoded when they are asked for.

A bake asks for frame after frame of all cameras. Every camera keeps its decoder open between two
frames, so that each picture is decoded once per pass. An open decoder of 1080p holds 25 MB, so
masks have none: they are decoded some frames ahead and kept packed, in a hundredth of that.
"""

import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bake.captures.files import file_stamp
from bake.errors import CaptureError
from hwcodec import HwcodecError, Movie, open_movie
from render.cameras import Camera

VIDEO_ENDINGS = frozenset({".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm"})


# Masks are decoded to the end of a run that can be decoded alone, within these bounds: so many
# pictures, and about so many bytes once they are packed. Choices.
_MOST_AHEAD, _MOST_PACKED = 48, 4 << 20
# Who asks for a mask at most so many frames after the one before will go on asking. Who leaps will
# not, and gets one. A choice.
_NEAR = 12


@dataclass(frozen=True, slots=True, eq=False)
class CameraVideo:
    """The video of one camera, and that of its masks, if it has one.

    ``packed`` are masks by frame number, as `VideoReader` keeps them.
    """

    picture: Movie
    mask: Movie | None = None
    lock: Lock = field(default_factory=Lock)
    packed: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class VideoReader:
    """Reads pictures by (frame number, view index); frames count from 0 in every video."""

    videos: Sequence[CameraVideo]
    cameras: Sequence[Camera]

    def inspect(self, frames: Sequence[int]) -> bool:
        """Check that all videos are long enough and of their camera's size; True for masks."""
        last = max(frames, default=0)
        for view, video in enumerate(self.videos):
            for movie in (video.picture, video.mask):
                if movie is not None:
                    self._check(movie, view, last)
        return bool(self.videos) and self.videos[0].mask is not None

    def read(self, frame: int, view: int) -> NDArray[Any]:
        """Decode one picture and join it with its mask."""
        video = self.videos[view]
        try:
            with video.lock:
                pixels = video.picture.read(frame)
                mask = None if video.mask is None else _mask(video, video.mask, frame)
        except HwcodecError as error:
            raise CaptureError(str(error)) from error
        return pixels if mask is None else np.dstack([pixels, mask])

    def stamp(self, frame: int, view: int) -> str:
        """The video, that of the masks, and the place in them."""
        video = self.videos[view]
        movies = [movie for movie in (video.picture, video.mask) if movie is not None]
        return " + ".join(file_stamp(movie.path) for movie in movies) + f" picture {frame}"

    def _check(self, movie: Movie, view: int, last: int) -> None:
        facts, camera = movie.facts, self.cameras[view]
        if facts.frame_count <= last:
            raise CaptureError(
                f"{movie.path} has {facts.frame_count} pictures, expected at least {last + 1}; "
                "complete the download or choose fewer frames"
            )
        if (facts.width, facts.height) != (camera.width, camera.height):
            raise CaptureError(
                f"{movie.path} is {facts.width}x{facts.height}, expected {camera.width}x"
                f"{camera.height} as its camera says; convert it or correct the camera"
            )


def _mask(video: CameraVideo, movie: Movie, frame: int) -> NDArray[np.uint8]:
    """The opacity (rows, columns) at a frame, from the packed ones or decoded with what follows."""
    facts = movie.facts
    if frame not in video.packed:
        goes_on = any(0 < frame - last <= _NEAR for last in video.packed)
        video.packed.clear()
        video.packed.update(_packed_run(movie, frame, _MOST_AHEAD if goes_on else 1))
        movie.close()
    data = zlib.decompress(video.packed[frame])
    return np.frombuffer(data, np.uint8).reshape(facts.height, facts.width)


def _packed_run(movie: Movie, first: int, most: int) -> dict[int, bytes]:
    """Masks from a frame up to the next key picture, or as far as they can be decoded and kept.

    ``most`` is how many, at most.
    """
    keys, packed, size = movie.facts.keys, dict[int, bytes](), 0
    ahead = bisect_right(keys, first)
    stop = keys[ahead] if ahead < len(keys) else movie.facts.frame_count
    for frame in range(first, min(stop, first + most)):
        try:
            mask = movie.read(frame)[..., 1]
        except HwcodecError:
            if frame == first:
                raise
            break
        packed[frame] = zlib.compress(mask.tobytes(), 1)
        size += len(packed[frame])
        if size >= _MOST_PACKED:
            break
    return packed


def open_video(path: Path) -> Movie:
    """Index a video of a capture.

    Raises:
        CaptureError: if it cannot be used.
    """
    if not path.is_file():
        raise CaptureError(f"{path} is missing, expected a video; complete the download")
    try:
        return open_movie(path)
    except HwcodecError as error:
        raise CaptureError(str(error)) from error


def videos_in(folder: Path) -> Mapping[str, Path]:
    """Video files of a folder by their names without ending, in order.

    Raises:
        CaptureError: if two differ in nothing else.
    """
    found: dict[str, Path] = {}
    if not folder.is_dir():
        return found
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in VIDEO_ENDINGS:
            if path.stem in found:
                raise CaptureError(
                    f"{path} and {found[path.stem].name} are both videos of camera {path.stem}, "
                    "expected one; remove the other"
                )
            found[path.stem] = path
    return found


def shared_frames(videos: Sequence[CameraVideo]) -> range:
    """Frames that every video has."""
    movies = [m for video in videos for m in (video.picture, video.mask) if m is not None]
    return range(min(movie.facts.frame_count for movie in movies))
