"""Videos of one camera, written once: a record beside them says what they were made from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bake.errors import ArtifactError, CaptureError
from bake.preparation.shots import CameraShots
from hwcodec import ContainerError, HwcodecError, MovieForm, MovieWriter, open_movie, replace_file
from hwcodec.records import finite_number, named_values, parse_json, some_text, whole_number

DONE_FOLDER = "done"
# Pictures per camera that are kept to be compared with what was written.
_COMPARED = 3
# What the comparison says of pictures that are equal to the bit, in dB.
EXACT_DB = 99.0
_KEYS = "key video_bytes mask_bytes psnr_db"


@dataclass(frozen=True, slots=True)
class WrittenCamera:
    """What a camera's videos were made from, their sizes, and the color that they keep.

    ``psnr_db`` is of a few pictures as read back, over the subject's pixels where there are masks.
    """

    key: str
    video_bytes: int
    mask_bytes: int
    psnr_db: float


@dataclass(frozen=True, slots=True)
class CameraTarget:
    """Where and how one camera is written.

    Attributes:
        folder: what the capture is put together in.
        name: of the camera's files, without ending.
        key: hash of everything that the videos depend on.
        frame_rate: frames per second.
        form: how color is kept.
    """

    folder: Path
    name: str
    key: str
    frame_rate: Fraction
    form: MovieForm

    @property
    def video(self) -> str:
        """The video's file in the folder."""
        return f"video/{self.name}.mp4"

    @property
    def mask(self) -> str:
        """The masks' file in the folder."""
        return f"mask/{self.name}.mp4"

    @property
    def record(self) -> Path:
        """What says that the camera is written."""
        return self.folder / DONE_FOLDER / f"{self.name}.json"


def finished(target: CameraTarget) -> WrittenCamera | None:
    """What an earlier run has written of the same inputs, if it is whole."""
    try:
        values = named_values("record", parse_json(target.record.read_bytes()), _KEYS)
        found = WrittenCamera(
            some_text("key", values["key"]),
            whole_number("video_bytes", values["video_bytes"], 0, 1 << 62),
            whole_number("mask_bytes", values["mask_bytes"], 0, 1 << 62),
            finite_number("psnr_db", values["psnr_db"]),
        )
    except (OSError, ValueError):
        return None
    sizes = [_size(target.folder / name) for name in (target.video, target.mask)]
    is_whole = found.key == target.key and sizes == [found.video_bytes, found.mask_bytes]
    return found if is_whole else None


def write_camera(shots: CameraShots, target: CameraTarget) -> WrittenCamera:
    """Write a camera's video, and that of its masks if it has them, and then the record.

    Pictures pass one at a time; three stay to be compared with what was written.

    Raises:
        CaptureError: if a picture cannot be read.
        ArtifactError: if the disk refuses.
    """
    try:
        for path in (target.folder / target.video, target.folder / target.mask, target.record):
            path.parent.mkdir(parents=True, exist_ok=True)
        for path in (target.record, target.folder / target.mask):
            path.unlink(missing_ok=True)
        kept = _write(shots, target)
        written = WrittenCamera(
            target.key,
            _size(target.folder / target.video),
            _size(target.folder / target.mask),
            _compared(target.folder / target.video, kept),
        )
        replace_file(target.record, json.dumps(asdict(written)).encode())
    except ContainerError as error:
        raise ArtifactError(str(error)) from error
    except HwcodecError as error:
        raise CaptureError(str(error)) from error
    except OSError as error:
        raise ArtifactError(
            f"cannot write to {target.folder}: {error.strerror or error}; free some space or "
            "choose another folder, then run the command again to go on"
        ) from error
    return written


def _write(shots: CameraShots, target: CameraTarget) -> dict[int, NDArray[np.uint8]]:
    """All pictures into the videos; some of them, by frame."""
    count = len(shots.picks)
    places = {int(place) for place in np.linspace(0, count - 1, _COMPARED).round()}
    kept = {}
    video = MovieWriter(target.folder / target.video, target.frame_rate, target.form)
    if shots.masker is None:
        with video:
            for frame in range(count):
                picture = shots.read(frame)
                video.write(picture)
                if frame in places:
                    kept[frame] = picture
        return kept
    masks = MovieWriter(target.folder / target.mask, target.frame_rate, MovieForm.GRAY)
    with video, masks:
        for frame in range(count):
            picture = shots.read(frame)
            video.write(picture[..., :3])
            masks.write(picture[..., 3])
            if frame in places:
                kept[frame] = picture
    return kept


def _compared(path: Path, kept: dict[int, NDArray[np.uint8]]) -> float:
    """PSNR in dB of some pictures of a video, over pixels that the subject has a part in."""
    squares: list[float] = []
    weights: list[int] = []
    with open_movie(path) as movie:
        for frame, picture in kept.items():
            error = movie.read(frame).astype(np.float32) - picture[..., :3]
            counts = picture[..., 3] > 0 if picture.shape[2] == 4 else np.ones(error.shape[:2], "?")
            squares.append(float((error[counts] ** 2).sum()))
            weights.append(3 * int(counts.sum()))
    return psnr_db(sum(squares), sum(weights))


def psnr_db(squares: float, count: int) -> float:
    """PSNR of codes in 0..255 from the sum of squared errors of so many values."""
    if squares == 0 or count == 0:
        return EXACT_DB
    return float(min(EXACT_DB, 10 * np.log10(255.0**2 * count / squares)))


def mean_psnr_db(values: Sequence[float]) -> float:
    """PSNR of the mean squared error of cameras of which the PSNR is known."""
    errors = [0.0 if value >= EXACT_DB else 10 ** (-value / 10) for value in values]
    mean = sum(errors) / len(errors)
    return EXACT_DB if mean == 0 else float(-10 * np.log10(mean))


def _size(path: Path) -> int:
    """Bytes of a file, 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0
