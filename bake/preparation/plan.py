"""Everything that is decided before a picture is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bake.captures.box import SceneBox, find_box
from bake.captures.lens import LensCamera
from bake.captures.source import Source, Split, every_eighth
from bake.errors import CaptureError
from bake.preparation.calibration import (
    Calibration,
    matched,
    read_calibration,
    scaled_lenses,
)
from bake.preparation.chroma_key import ChromaKey
from bake.preparation.offsets import LEAST_CAMERAS, LEAST_PICTURES, offset_hints
from bake.preparation.recordings import Recording, find_videos, open_recordings
from bake.preparation.shots import MaskPlan, ShotReader, plan_masks
from bake.preparation.timeline import Timeline, TimelineOptions, build_timeline
from bake.preparation.windows import Window, whole_window, window_around
from render.geometry import Aabb

Teller = Callable[[str], None]
"""Takes a sentence for people about a decision."""

# Cameras that one note names. A choice.
_NAMED_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """What to make of the videos.

    Attributes:
        cameras: file or folder of calibrated cameras.
        timeline: how pictures of different cameras are matched.
        masks, key, plates: where masks come from; at most one of them.
        box: the scene's box, six numbers, or empty for the calibration's, or one that is found.
        margin: what a crop leaves around the box, as a share of its size in the picture.
        allow_crop: False keeps whole pictures.
        is_lossless: whether color is kept to the bit.
        test: cameras to hold out, or empty for the calibration's or every eighth.
        decoder: ``auto``, ``software`` or a kind of device.
        allow_subset: whether cameras may be without a video.
        looks_for_offsets: whether to look through the videos for cameras that are late.
        command: what the user typed, for the record.
    """

    cameras: Path
    timeline: TimelineOptions = field(default_factory=TimelineOptions)
    masks: Path | None = None
    key: ChromaKey | None = None
    plates: Path | None = None
    box: tuple[float, ...] = ()
    margin: float = 0.05
    allow_crop: bool = True
    is_lossless: bool = False
    test: tuple[str, ...] = ()
    decoder: str = "auto"
    allow_subset: bool = False
    looks_for_offsets: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PreparationPlan:
    """What will be written, and of what.

    Attributes:
        recordings: videos by camera.
        timeline: which picture of each belongs to which frame.
        masks: where masks come from.
        windows: what is kept of each camera's pictures.
        box: the scene's box, if there is one.
        held_out: cameras that measure quality.
        options: what was asked for.
    """

    recordings: Mapping[str, Recording]
    timeline: Timeline
    masks: MaskPlan
    windows: Mapping[str, Window]
    box: Aabb | None
    held_out: frozenset[str]
    options: PrepareOptions


def make_plan(places: Sequence[Path], options: PrepareOptions, tell: Teller) -> PreparationPlan:
    """Open and check everything, and tell what was decided.

    Raises:
        CaptureError: naming what cannot be used and what to do about it.
    """
    recordings = open_recordings(find_videos(places), options.decoder)
    if len(recordings) < 2:
        raise CaptureError(
            f"there is one video, of camera {', '.join(recordings)}, expected those of at least 2 "
            "cameras; give all files, or the folder that holds them"
        )
    sizes = {label: recording.size for label, recording in recordings.items()}
    calibration = read_calibration(options.cameras, sizes)
    lenses = matched(calibration, sizes, allow_subset=options.allow_subset)
    if words := scaled_lenses(calibration, sizes):
        tell(words)
    times = {label: recording.movie.facts.times for label, recording in recordings.items()}
    timeline = build_timeline(times, options.timeline)
    for text in timeline.notes:
        tell(text)
    if options.looks_for_offsets:
        _tell_offsets(recordings, timeline, options, tell)
    masks = plan_masks(recordings, options.masks, options.key, options.plates)
    held_out = _held_out(calibration, tuple(recordings), options.test)
    partial = PreparationPlan(
        recordings,
        timeline,
        masks,
        {label: whole_window(lens) for label, lens in lenses.items()},
        None,
        held_out,
        options,
    )
    plan = _cropped(partial, calibration, lenses, tell)
    _tell_decoders(plan, tell)
    return plan


def _tell_decoders(plan: PreparationPlan, tell: Teller) -> None:
    """Say who decodes; the reasons are long, and the record of the capture keeps them."""
    decoders = [recording.decoder for recording in plan.recordings.values()]
    names = " and ".join(sorted({decoder.name for decoder in decoders}))
    is_asked = plan.options.decoder != "auto"
    is_hard = all(decoder.device for decoder in decoders)
    why = ", as asked for" if is_asked else "; hwcodec doctor tells why no hardware does"
    tell(f"videos are decoded by {names}{'' if is_hard and not is_asked else why}")


def _tell_offsets(
    recordings: Mapping[str, Recording], timeline: Timeline, options: PrepareOptions, tell: Teller
) -> None:
    """Say which cameras seem late or early; what to do about it is the user's to judge."""
    hints = offset_hints(recordings, timeline.picks)
    if not hints:
        tell(
            "whether a camera is late cannot be told: that takes "
            f"{LEAST_PICTURES} pictures of {LEAST_CAMERAS} cameras"
        )
    open_ones = []
    for label, hint in hints.items():
        late = f"{_frames(hint.frames)} {'late' if hint.frames > 0 else 'early'}"
        stated = options.timeline.offsets.get(label, 0) + hint.frames
        if not hint.is_sure:
            open_ones.append(f"{label} ({late}?)" if hint.frames else label)
        elif hint.frames:
            tell(
                f"camera {label} seems {late}; look at it, and give --offset {label}={stated} "
                "if it is so"
            )
    if open_ones:
        names = ", ".join(open_ones[:_NAMED_AT_MOST])
        more = f" and {len(open_ones) - _NAMED_AT_MOST} more" * (len(open_ones) > _NAMED_AT_MOST)
        tell(f"motion does not tell whether these cameras are late: {names}{more}; look at them")
    elif hints and not any(hint.frames for hint in hints.values()):
        tell("no camera seems late or early by whole frames")


def _frames(count: int) -> str:
    return f"{abs(count)} frame{'s' if abs(count) > 1 else ''}"


def _cropped(
    whole: PreparationPlan, calibration: Calibration, lenses: Mapping[str, LensCamera], tell: Teller
) -> PreparationPlan:
    """The plan with its box, and with windows around it."""
    options = whole.options
    if not options.allow_crop and not options.box and calibration.aabb is None:
        tell("no box is stated; bake-sequence will look for one")
        return whole
    found = _find_box(whole, calibration)
    tell(f"the scene's box is {found.origin}: {found.aabb.minimum} to {found.aabb.maximum}")
    windows = whole.windows
    if options.allow_crop:
        windows = {
            label: window_around(lens, found.aabb, options.margin, label)
            for label, lens in lenses.items()
        }
    return replace(whole, windows=windows, box=found.aabb)


def _find_box(plan: PreparationPlan, calibration: Calibration) -> SceneBox:
    labels, windows = tuple(plan.recordings), tuple(plan.windows.values())
    views = tuple(range(len(labels)))
    recordings = tuple(plan.recordings.values())
    source = Source(
        name="these videos",
        cameras=tuple(window.camera for window in windows),
        labels=labels,
        views=dict.fromkeys(range(plan.timeline.frame_count), views),
        frame_rate=plan.timeline.frame_rate,
        aabb=calibration.aabb,
        split=Split(views, views[:1]),
        reader=ShotReader(recordings, plan.timeline.picks, windows, plan.masks),
        points=calibration.points,
    )
    try:
        return find_box(source, plan.options.box)
    except CaptureError as error:
        raise CaptureError(
            f"{error} (here as --box=x,y,z,x,y,z; --no-crop keeps whole pictures without one)"
        ) from error


def _held_out(
    calibration: Calibration, labels: tuple[str, ...], test: tuple[str, ...]
) -> frozenset[str]:
    unknown = [label for label in test if label not in labels]
    if unknown or len({*test}) == len(labels):
        raise CaptureError(
            f"--test is {','.join(test)}, expected some but not all of the cameras "
            f"{', '.join(labels)}"
        )
    stated = frozenset(test) or calibration.held_out & {*labels}
    if stated and len(stated) < len(labels):
        return stated
    return frozenset(labels[view] for view in every_eighth(len(labels)).test)
