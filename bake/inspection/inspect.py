"""The whole inspection of a capture: what is read, which checks are made, and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bake.capture import Capture
from bake.captures.box import SceneBox
from bake.captures.source import Source
from bake.errors import CaptureError
from bake.inspection.agreement import LEAST_VIEWS, Agreement, find_agreement
from bake.inspection.colors import find_gains
from bake.inspection.conventions import Convention, undone
from bake.inspection.epipolar import check_epipolar
from bake.inspection.exposure import color_findings
from bake.inspection.features import FEATURE_SIDE, gains_by_matches
from bake.inspection.findings import Finding, Verdict, worst
from bake.inspection.judging import (
    CONSISTENCY,
    EPIPOLAR,
    TIMING,
    mask_findings,
    match_findings,
    timing_findings,
)
from bake.inspection.placement import (
    box_finding,
    common_region,
    grown,
    mask_finding,
    pose_finding,
    share_beside,
)
from bake.inspection.small_pictures import WORKING_SIDE, Instant, read_instant, spread
from bake.inspection.timing import find_lags, read_window
from bake.progress import Progress, SilentProgress
from render.geometry import Aabb

SCENE_BOX = "scene box"
# Instants that are compared unless the user names them: the first, the middle and the last.
_INSTANTS = 3
# The stated box may cut the subject off, which only shows beyond it.
_BEYOND = 0.1
_MOST_OUTSIDE = 0.01
_MARGIN = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What an inspection found.

    Attributes:
        capture: the capture at the size and frames that were asked for.
        loader: name of its format.
        frames: original frame numbers that were compared.
        box: the scene's box, and where it is from; None if there is nothing to find one from.
        agreed_box: the box around what most masks agree on, with a margin; None without masks.
        convention: what has to be undone for all cameras before they fit, or None.
        findings: of all checks, the rig's first and then camera by camera.
    """

    capture: Capture
    loader: str
    frames: tuple[int, ...]
    box: SceneBox | None
    agreed_box: Aabb | None
    convention: Convention | None
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all findings."""
        return worst(self.findings)

    def of_view(self, view: int | None) -> tuple[Finding, ...]:
        """Findings about one camera, or about the rig."""
        return tuple(finding for finding in self.findings if finding.view == view)


class _Together(NamedTuple):
    """What came of comparing cameras with each other."""

    findings: list[Finding]
    convention: Convention | None
    agreement: Agreement | None


def inspect(
    source: Source,
    capture: Capture,
    loader: str,
    positions: Sequence[int] = (),
    progress: Progress | None = None,
) -> Inspection:
    """Make every check; ``positions`` are frames of the capture to compare cameras at.

    Raises:
        CaptureError: if a picture cannot be read, or there is no such frame.
    """
    progress = progress or SilentProgress()
    frames = _chosen(capture, positions)
    progress.start("inspect", len(frames) + 3)
    side = min(WORKING_SIDE, max(max(c.width, c.height) for c in capture.cameras))
    side = side if capture.has_masks else FEATURE_SIDE
    instants = []
    for frame in frames:
        instants.append(read_instant(source, frame, side))
        progress.advance(f"frame {frame} read")
    box, box_findings = _scene_box(capture)
    stated = box.aabb if box is not None else None
    if capture.has_masks:
        together = _by_masks(source, instants, _region(source, stated))
    else:
        together = _by_matches(source, instants[len(instants) // 2])
    progress.advance("cameras compared")
    timing = _timing(source, capture, together.agreement, stated)
    progress.advance("frames compared")
    alone = _alone(source, capture, instants, (stated, together.convention))
    agreed = _agreed_box(together.agreement)
    box_findings += _cut_off(stated, together.agreement, instants)
    findings = [*box_findings, *together.findings, *timing, *alone]
    findings.sort(key=lambda each: -1 if each.view is None else each.view)
    progress.advance(f"{sum(each.verdict is Verdict.FAULT for each in findings)} faults")
    return Inspection(capture, loader, frames, box, agreed, together.convention, tuple(findings))


def _chosen(capture: Capture, positions: Sequence[int]) -> tuple[int, ...]:
    """Original frame numbers of the positions."""
    for position in positions:
        if not 0 <= position < capture.frame_count:
            raise CaptureError(
                f"frame is {position}, expected a position in 0..{capture.frame_count - 1} among "
                "the selected frames; correct --frame or widen --frames"
            )
    asked = tuple(sorted(set(positions))) or spread(range(capture.frame_count), _INSTANTS)
    return tuple(capture.frame_indices[position] for position in asked)


def _scene_box(capture: Capture) -> tuple[SceneBox | None, list[Finding]]:
    """The box, or a finding that says why there is none."""
    try:
        box = capture.scene_box
    except CaptureError as error:
        fault = Finding(SCENE_BOX, None, Verdict.FAULT, "there is none", f"all cameras: {error}")
        return None, [fault]
    return box, [Finding(SCENE_BOX, None, Verdict.OK, box.origin)]


def _region(source: Source, stated: Aabb | None) -> Aabb | None:
    """Where to look for the subject: the stated box and a bit more, or between the cameras.

    A box around what all masks show is of no use here, as a single wrong camera spoils it.
    """
    if source.aabb is not None and stated is not None:
        return grown(stated, _BEYOND)
    return common_region(source.cameras) or stated


def _by_masks(source: Source, instants: Sequence[Instant], region: Aabb | None) -> _Together:
    """Compare masks and the colors within them."""
    count = min(len(instant.views) for instant in instants)
    if count < LEAST_VIEWS or region is None:
        reason = f"it takes {LEAST_VIEWS} cameras at the same frame, around a subject"
        return _Together(_unchecked((CONSISTENCY, "color"), reason), None, None)
    found = find_agreement(instants, region)
    if found is None:
        helps = (
            "all cameras: their masks have nothing in common, whichever way poses are read; check "
            "that calibration, masks and capture.box belong together"
        )
        nothing = Finding(CONSISTENCY, None, Verdict.FAULT, "no subject is found", helps)
        return _Together([nothing], None, None)
    trusted = frozenset(view for view, why in found.best.items() if not why.cause)
    gains = find_gains(found.scenes, trusted)
    cameras = dict(enumerate(source.cameras))
    colors = color_findings(gains, cameras, source.labels, is_subject=True)
    findings = mask_findings(found, source) + colors
    return _Together(findings, found.convention, found)


def _by_matches(source: Source, instant: Instant) -> _Together:
    """Compare points that are found in several pictures."""
    found = check_epipolar(instant) if len(instant.views) >= LEAST_VIEWS else None
    if found is None:
        reason = f"it takes {LEAST_VIEWS} cameras whose pictures show the same points"
        return _Together(_unchecked((EPIPOLAR, "color"), reason), None, None)
    bad = {view for view, why in found.best.items() if why.cause}
    matches = [each for each in found.matches if not bad & {*each.views}]
    gains = gains_by_matches(found.features, matches)
    cameras = dict(enumerate(source.cameras))
    colors = color_findings(gains, cameras, source.labels, is_subject=False)
    return _Together([*match_findings(found, source.labels), *colors], found.convention, None)


def _timing(
    source: Source, capture: Capture, agreement: Agreement | None, stated: Aabb | None
) -> list[Finding]:
    """Compare frames of the cameras."""
    if capture.frame_count < 3:
        return _unchecked((TIMING,), "it takes 3 frames in a row")
    window = read_window(source, capture.frame_indices)
    found = find_lags(window, agreement, _region(source, stated))
    return timing_findings(found, source.labels)


def _alone(
    source: Source,
    capture: Capture,
    instants: Sequence[Instant],
    where: tuple[Aabb | None, Convention | None],
) -> list[Finding]:
    """What can be told of every camera without the others."""
    box, convention = where
    findings = []
    for view, (stated, label) in enumerate(zip(source.cameras, source.labels, strict=True)):
        findings.append(pose_finding(stated, view, label))
        # What is wrong with all poses is said once.
        camera = stated if convention is None else undone(stated, convention)
        if box is not None:
            findings.append(box_finding(camera, view, label, box))
        if capture.has_masks and any(view in instant.views for instant in instants):
            findings.append(mask_finding(instants, view, label))
    return findings


def _agreed_box(agreement: Agreement | None) -> Aabb | None:
    """The box around what the trusted cameras agree on."""
    points = _agreed_points(agreement)
    if len(points) < 2 or not (np.ptp(points, axis=0) > 0).all():
        return None
    return grown(Aabb(tuple(points.min(0)), tuple(points.max(0))), _MARGIN)


def _agreed_points(agreement: Agreement | None) -> NDArray[np.float64]:
    """Voxels (points, 3) that the trusted cameras agree on at any instant."""
    if agreement is None:
        return np.empty((0, 3))
    parts = [
        scene.votes.points[scene.votes.count(agreement.jury).agreed(agreement.share)]
        for scene in agreement.scenes
    ]
    return np.concatenate(parts)


def _cut_off(
    box: Aabb | None, agreement: Agreement | None, instants: Sequence[Instant]
) -> list[Finding]:
    """Whether the subject reaches out of the box, told by the masks of the trusted cameras."""
    if box is None or agreement is None or agreement.convention is not None:
        return []
    shares = [
        share_beside(instant.mask(view), instant.cameras[view], box)
        for instant in instants
        for view in instant.views
        if view in agreement.jury
    ]
    share = float(np.median(shares))
    words = f"{share:.1%} of the usual mask lies beside the box"
    if share <= _MOST_OUTSIDE:
        return [Finding(SCENE_BOX, None, Verdict.OK, words, value=share)]
    helps = "all cameras: the box cuts the subject off; widen capture.box"
    return [Finding(SCENE_BOX, None, Verdict.WARNING, words, helps, "cut off", share)]


def _unchecked(checks: Sequence[str], reason: str) -> list[Finding]:
    return [Finding(check, None, Verdict.NOT_CHECKED, reason) for check in checks]
