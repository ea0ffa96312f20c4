"""Own videos to a compact capture, from the first check to the renamed folder.

videos -> cameras by name -> one timeline -> masks -> box -> windows -> videos, one camera at a time
"""

import importlib.metadata
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from bake.artifacts import make_key
from bake.captures.compact_record import CAPTURE_FILE, CompactCamera, CompactCapture, to_document
from bake.errors import ArtifactError, FolderError
from bake.folder_lock import FolderTaken, locked
from bake.preparation.finished_run import KEYS, capture_in, check_same
from bake.preparation.plan import PreparationPlan, PrepareOptions, Teller, make_plan
from bake.preparation.shots import open_shots
from bake.preparation.writing import (
    DONE_FOLDER,
    CameraTarget,
    WrittenCamera,
    finished,
    mean_psnr_db,
    write_camera,
)
from bake.progress import Progress
from hwcodec import MovieForm, replace_file

_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was written: bytes read and written, color that was kept, and pixels that were not."""

    camera_count: int
    frame_count: int
    input_bytes: int
    output_bytes: int
    psnr_db: float
    kept_pixel_share: float


def prepare(
    places: Sequence[Path], out: Path, options: PrepareOptions, progress: Progress, tell: Teller
) -> Prepared | None:
    """Write the capture ``out`` from videos; a stopped run goes on where it was.

    None if a run of the same inputs has finished it already.

    Raises:
        CaptureError: naming what cannot be used and what to do about it.
        FolderError: if another run is writing ``out``.
        ArtifactError: if the disk refuses.
    """
    found = capture_in(out)
    plan = make_plan(places, options, tell)
    work = out.with_name(f".{out.name}.preparing")
    if found is not None:
        check_same(out, found, _capture(plan, work))
        return None
    with _only_preparation(work, out, tell):
        written = _write_all(plan, work, progress)
        _finish(plan, work, out)
    return _summary(plan, written)


@contextmanager
def _only_preparation(work: Path, out: Path, tell: Teller) -> Iterator[None]:
    """Keep other runs out of the folder that a capture is put together in."""
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(
            f"cannot write to {work}: {error.strerror or error}; choose another folder"
        ) from error
    try:
        with locked(work) as reason:
            if reason:
                tell(f"{work} cannot be locked ({reason}); let no other run write there meanwhile")
            yield
    except FolderTaken as error:
        raise FolderError(
            f"another prepare-capture is writing {out}, expected one at a time; wait until it "
            "ends, stop it, or choose another folder"
        ) from error


def _write_all(plan: PreparationPlan, work: Path, progress: Progress) -> dict[str, WrittenCamera]:
    """Every camera's videos, camera after camera; those of an earlier run are taken over."""
    written = {}
    progress.start("camera", len(plan.recordings))
    for label, target in _targets(plan, work).items():
        found = finished(target)
        words = "taken over from an earlier run, " if found else ""
        written[label] = found or write_camera(
            open_shots(
                plan.recordings[label], plan.timeline.picks[label], plan.windows[label], plan.masks
            ),
            target,
        )
        plan.recordings[label].movie.close()
        size = written[label].video_bytes + written[label].mask_bytes
        progress.advance(f"{label}: {words}{size / 1e6:.2f} MB, {written[label].psnr_db:.1f} dB")
    return written


def _targets(plan: PreparationPlan, work: Path) -> dict[str, CameraTarget]:
    """Where each camera is written; its key is a hash of all that its videos depend on."""
    form = MovieForm.EXACT if plan.options.is_lossless else MovieForm.CLOSE
    targets = {}
    for number, (label, recording) in enumerate(plan.recordings.items()):
        window = plan.windows[label]
        files = (recording.movie.path, plan.masks.file(label))
        camera = window.filmed.camera
        key = make_key(
            [_identity(path) for path in files if path is not None],
            list(plan.timeline.picks[label]),
            str(plan.timeline.frame_rate),
            window.filmed.distortion,
            [camera.focal_x, camera.focal_y, camera.center_x, camera.center_y],
            [window.left, window.top, window.camera.width, window.camera.height],
            plan.masks.method,
            form.value,
            recording.decoder.name,
            _versions(),
        )
        name = label if _SAFE_NAME.fullmatch(label) else f"camera{number:03d}"
        targets[label] = CameraTarget(work, name, key, plan.timeline.frame_rate, form)
    return targets


def _identity(path: Path) -> list[Any]:
    """What changes when a file does."""
    facts = path.stat()
    return [str(path.resolve()), facts.st_size, facts.st_mtime_ns]


def _versions() -> dict[str, str]:
    return {
        "videorf": importlib.metadata.version("videorf"),
        "av": importlib.metadata.version("av"),
        "opencv": cv2.__version__,
    }


def _capture(plan: PreparationPlan, work: Path) -> CompactCapture:
    """What the capture's file will say."""
    targets = _targets(plan, work)
    cameras = tuple(_compact(plan, label, target) for label, target in targets.items())
    provenance = {
        "versions": _versions(),
        "command": plan.options.command,
        "masks": plan.masks.method,
        "align": plan.options.timeline.align,
        "greatest_time_error_s": plan.timeline.greatest_error_s,
        "notes": list(plan.timeline.notes),
        KEYS: {label: target.key for label, target in targets.items()},
    }
    timeline = plan.timeline
    return CompactCapture(cameras, timeline.frame_rate, timeline.frame_count, plan.box, provenance)


def _finish(plan: PreparationPlan, work: Path, out: Path) -> None:
    """Write the capture's file, remove what only this run needed, and rename the folder."""
    capture = _capture(plan, work)
    try:
        named = {name for c in capture.cameras for name in (c.video, c.mask) if name is not None}
        for path in [path for kind in ("video", "mask") for path in (work / kind).glob("*")]:
            if path.relative_to(work).as_posix() not in named:
                path.unlink()
        if plan.masks.method == "none":
            (work / "mask").rmdir()
        replace_file(work / CAPTURE_FILE, json.dumps(to_document(capture), indent=1).encode())
        if out.is_dir():
            out.rmdir()
        work.rename(out)
        # Until here a stopped run would have needed them.
        shutil.rmtree(out / DONE_FOLDER, ignore_errors=True)
    except OSError as error:
        raise ArtifactError(
            f"cannot put {out} in place: {error.strerror or error}; make room and run the command "
            "again"
        ) from error


def _compact(plan: PreparationPlan, label: str, target: CameraTarget) -> CompactCamera:
    recording, window = plan.recordings[label], plan.windows[label]
    picks = plan.timeline.picks[label]
    mask = plan.masks.file(label)
    return CompactCamera(
        label=label,
        video=target.video,
        mask=None if plan.masks.method == "none" else target.mask,
        camera=window.camera,
        filmed=window.filmed,
        window=(window.left, window.top),
        is_held_out=label in plan.held_out,
        source={
            "file": recording.movie.path.name,
            "codec": recording.movie.facts.codec,
            "decoder": recording.decoder.name,
            "decoder_reason": recording.decoder.reason,
            "offset": plan.options.timeline.offsets.get(label, 0),
            "first_picture": picks[0],
            "last_picture": picks[-1],
            "mask_file": mask.name if mask else None,
        },
    )


def _summary(plan: PreparationPlan, written: Mapping[str, WrittenCamera]) -> Prepared:
    paths = [plan.masks.file(label) for label in plan.recordings]
    paths += [recording.movie.path for recording in plan.recordings.values()]
    windows = plan.windows.values()
    before = sum(w.filmed.camera.width * w.filmed.camera.height for w in windows)
    return Prepared(
        camera_count=len(written),
        frame_count=plan.timeline.frame_count,
        input_bytes=sum(path.stat().st_size for path in paths if path is not None),
        output_bytes=sum(each.video_bytes + each.mask_bytes for each in written.values()),
        psnr_db=mean_psnr_db([each.psnr_db for each in written.values()]),
        kept_pixel_share=sum(w.camera.width * w.camera.height for w in windows) / before,
    )
