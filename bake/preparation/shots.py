"""Pictures of one camera as they will be written: picked, cut out, and masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bake.captures.videos import open_video, videos_in
from bake.errors import CaptureError
from bake.preparation.chroma_key import ChromaKey
from bake.preparation.clean_plate import open_plate, plates_in
from bake.preparation.masks import Masker, VideoMasker, check_mask_video, to_rgba
from bake.preparation.recordings import Recording
from bake.preparation.windows import Cutter, Window
from hwcodec import HwcodecError, Movie


@dataclass(frozen=True, slots=True, eq=False)
class MaskPlan:
    """Where masks come from: at most one of a folder of videos, a key, and a folder of plates."""

    movies: Mapping[str, Movie] = field(default_factory=dict)
    plates: Mapping[str, Path] = field(default_factory=dict)
    key: ChromaKey | None = None

    @property
    def method(self) -> str:
        """What people call it."""
        if self.key is not None:
            return f"chroma key {','.join(f'{value:g}' for value in self.key.color)}"
        return "videos" if self.movies else "clean plate" if self.plates else "none"

    def masker(self, label: str, cut: Cutter) -> Masker | None:
        """The masks of one camera, or None where there are none.

        Raises:
            CaptureError: if a plate cannot be read.
        """
        if self.movies:
            return VideoMasker(self.movies[label], cut)
        return open_plate(self.plates[label], cut) if self.plates else self.key

    def file(self, label: str) -> Path | None:
        """What the masks of a camera are read from, if it is a file."""
        return self.movies[label].path if self.movies else self.plates.get(label)


def plan_masks(
    recordings: Mapping[str, Recording],
    masks: Path | None,
    key: ChromaKey | None,
    plates: Path | None,
) -> MaskPlan:
    """Find a mask video or a plate for every camera, or none at all.

    Raises:
        CaptureError: naming cameras without one, or a mask video that does not fit its video or
            shows something else than masks.
    """
    if masks is not None:
        files = videos_in(masks)
        _check_all("mask video", masks, files, recordings)
        movies = {label: open_video(files[label]) for label in recordings}
        for label, recording in recordings.items():
            _check_fit(movies[label], recording)
        for label, movie in movies.items():
            check_mask_video(movie, label)
        return MaskPlan(movies=movies)
    if plates is not None:
        found = plates_in(plates)
        _check_all("clean plate", plates, found, recordings)
        return MaskPlan(plates={label: found[label] for label in recordings})
    return MaskPlan(key=key)


def _check_all(
    kind: str, folder: Path, found: Mapping[str, Path], recordings: Mapping[str, Recording]
) -> None:
    lacking = [label for label in recordings if label not in found]
    if lacking:
        raise CaptureError(
            f"{folder} has no {kind} of camera {', '.join(lacking)}, expected one for each, named "
            f"as its video; there are {', '.join(found) or 'none'}"
        )


def _check_fit(mask: Movie, recording: Recording) -> None:
    ours, theirs = mask.facts, recording.movie.facts
    if (ours.width, ours.height, ours.frame_count) != (*recording.size, theirs.frame_count):
        raise CaptureError(
            f"the masks of camera {recording.label} are {ours.frame_count} pictures of "
            f"{ours.width}x{ours.height}, expected {theirs.frame_count} of {theirs.width}x"
            f"{theirs.height} as its video; make a mask for every picture"
        )


@dataclass(frozen=True, slots=True, eq=False)
class CameraShots:
    """One camera's pictures by frame; straight RGBA where there are masks, else RGB."""

    recording: Recording
    picks: Sequence[int]
    cut: Cutter
    masker: Masker | None

    def read(self, frame: int) -> NDArray[np.uint8]:
        """One picture (rows, columns, 3 or 4), uint8.

        Raises:
            CaptureError: if it cannot be decoded, or has no mask.
        """
        index = self.picks[frame]
        try:
            seen: NDArray[np.uint8] = self.cut(self.recording.movie.read(index))
        except HwcodecError as error:
            way_out = "; or give --decoder software" if self.recording.decoder.device else ""
            raise CaptureError(f"camera {self.recording.label}: {error}{way_out}") from error
        return seen if self.masker is None else to_rgba(seen, self.masker, index)


def open_shots(
    recording: Recording, picks: Sequence[int], window: Window, plan: MaskPlan
) -> CameraShots:
    """What a window shows of a recording, with its masks.

    Raises:
        CaptureError: if a plate cannot be read.
    """
    cut = window.cutter()
    return CameraShots(recording, picks, cut, plan.masker(recording.label, cut))


@dataclass(frozen=True, slots=True, eq=False)
class ShotReader:
    """All cameras' whole pictures, read by (frame, view) as of any capture, to find a box by."""

    recordings: Sequence[Recording]
    picks: Mapping[str, Sequence[int]]
    windows: Sequence[Window]
    plan: MaskPlan

    def inspect(self, frames: Sequence[int]) -> bool:
        """True if there are masks."""
        return self.plan.method != "none"

    def read(self, frame: int, view: int) -> NDArray[Any]:
        """One picture; plates and lens maps are made anew, as few pictures are read this way."""
        recording = self.recordings[view]
        picks = self.picks[recording.label]
        return open_shots(recording, picks, self.windows[view], self.plan).read(frame)

    def stamp(self, frame: int, view: int) -> str:
        """None: what is looked at once is not kept."""
        return ""
