"""An inspection as text for a terminal and as JSON for a script.

The JSON is an object with these keys; a change of their meaning raises ``version``.

    format, version      "videorf-inspection", 1
    capture              name, loader, frame_count, frame_rate (a fraction as text), has_masks,
                         frame_bytes (of all pictures of a frame once decoded)
    verdict              the gravest of all: ok, not checked, warning, fault
    inspected_frames     original frame numbers at which cameras were compared
    scene_box            minimum, maximum, origin; or null
    agreed_box           minimum, maximum: around what most masks agree on; or null
    cameras              a list of view, label, width, height, focal (x, y), center (x, y),
                         position (3), forward (3), split (train, test or none), verdict
    findings             a list of check, view (null for the whole rig), label, verdict, measured,
                         value, cause, related (views), remedy
"""

import json
from collections.abc import Sequence
from typing import Any

from bake.inspection.findings import Finding, Verdict, worst
from bake.inspection.inspect import Inspection
from render.geometry import Aabb

FORMAT, VERSION = "videorf-inspection", 1
_DIGITS = 6


def to_record(found: Inspection) -> dict[str, Any]:
    """The inspection as plain values, as the head of this file describes them."""
    capture = found.capture
    box = found.box
    return {
        "format": FORMAT,
        "version": VERSION,
        "capture": {
            "name": capture.name,
            "loader": found.loader,
            "frame_count": capture.frame_count,
            "frame_rate": str(capture.frame_rate),
            "has_masks": capture.has_masks,
            "frame_bytes": frame_bytes(found),
        },
        "verdict": found.verdict.value,
        "inspected_frames": list(found.frames),
        "scene_box": None if box is None else {**_box_record(box.aabb), "origin": box.origin},
        "agreed_box": None if found.agreed_box is None else _box_record(found.agreed_box),
        "cameras": [_camera_record(found, view) for view in range(len(capture.cameras))],
        "findings": [_finding_record(each, capture.labels) for each in found.findings],
    }


def to_json(found: Inspection) -> str:
    """The record as text."""
    return json.dumps(to_record(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_table(found: Inspection) -> str:
    """A summary, a line per camera, and a paragraph for everything that is not well."""
    capture = found.capture
    masks = "masks" if capture.has_masks else "no masks"
    head = [
        f"{capture.name}: {found.loader}, {len(capture.cameras)} cameras, "
        f"{capture.frame_count} frames at {float(capture.frame_rate):g} per second, {masks}",
        f"memory: {frame_bytes(found) / 2**20:.1f} MiB per frame of all cameras, "
        f"{frame_bytes(found) * capture.frame_count / 2**30:.2f} GiB for all frames, once decoded",
        *_box_lines(found),
        f"compared at frames {', '.join(map(str, found.frames))}",
        "",
    ]
    return "\n".join([*head, *_camera_lines(found), "", *_trouble_lines(found)])


def as_option(box: Aabb) -> str:
    """The box in the form in which bake-sequence takes it."""
    numbers = ",".join(f"{value:.5g}" for value in (*box.minimum, *box.maximum))
    return f"capture.box=[{numbers}]"


def frame_bytes(found: Inspection) -> int:
    """Bytes of the decoded pictures of one frame: RGB, and alpha where there are masks."""
    channels = 4 if found.capture.has_masks else 3
    return channels * sum(camera.width * camera.height for camera in found.capture.cameras)


def split_of(found: Inspection, view: int) -> str:
    """Whether a view is for training, for testing, or for neither."""
    split = found.capture.split
    return "train" if view in split.train else "test" if view in split.test else "none"


def _box_lines(found: Inspection) -> list[str]:
    lines = []
    if found.box is not None:
        lines.append(f"scene box: {found.box.origin}; {as_option(found.box.aabb)}")
    if found.agreed_box is not None:
        around = "around what the cameras agree on"
        lines.append(f"subject:   {around}; {as_option(found.agreed_box)}")
    return lines


def _camera_lines(found: Inspection) -> list[str]:
    """The table, with columns as wide as their widest cell."""
    checks = list(dict.fromkeys(f.check for f in found.findings if f.view is not None))
    rows = [["camera", "size", "focal", "split", *checks]]
    for view, camera in enumerate(found.capture.cameras):
        by_check = {finding.check: finding for finding in found.of_view(view)}
        cells = [_cell(by_check.get(check)) for check in checks]
        size = f"{camera.width}x{camera.height}"
        label = found.capture.labels[view]
        rows.append([label, size, f"{camera.focal_x:.1f}", split_of(found, view), *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(finding: Finding | None) -> str:
    if finding is None or finding.verdict is Verdict.NOT_CHECKED:
        return "-"
    return "ok" if finding.verdict is Verdict.OK else finding.verdict.value.upper()


def _trouble_lines(found: Inspection) -> list[str]:
    """What is wrong, gravest first, and what could not be checked."""
    lines = []
    for verdict in (Verdict.FAULT, Verdict.WARNING):
        for finding in found.findings:
            if finding.verdict is verdict:
                lines += [f"{verdict.value}: {finding.remedy}", f"    {_measured(finding)}"]
    lines += [
        f"not checked: {_measured(finding)}"
        for finding in found.findings
        if finding.verdict is Verdict.NOT_CHECKED and finding.view is None
    ]
    return [*lines, _verdict_line(found)]


def _verdict_line(found: Inspection) -> str:
    """The gravest verdict, and what it does not speak of."""
    by_verdict = {v: [f for f in found.findings if f.verdict is v] for v in Verdict}
    counts = [
        _counted(len(by_verdict[Verdict.FAULT]), "fault"),
        _counted(len(by_verdict[Verdict.WARNING]), "warning"),
    ]
    rig = [f.check for f in by_verdict[Verdict.NOT_CHECKED] if f.view is None]
    skipped = f"; not checked: {', '.join(dict.fromkeys(rig))}" if rig else ""
    return f"verdict: {found.verdict.value} ({', '.join(counts)}{skipped})"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _measured(finding: Finding) -> str:
    return f"{finding.check}: {finding.measured}"


def _camera_record(found: Inspection, view: int) -> dict[str, Any]:
    camera = found.capture.cameras[view]
    return {
        "view": view,
        "label": found.capture.labels[view],
        "width": camera.width,
        "height": camera.height,
        "focal": _rounded((camera.focal_x, camera.focal_y)),
        "center": _rounded((camera.center_x, camera.center_y)),
        "position": _rounded(camera.position.tolist()),
        "forward": _rounded(camera.forward.tolist()),
        "split": split_of(found, view),
        "verdict": worst(found.of_view(view)).value,
    }


def _finding_record(finding: Finding, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "check": finding.check,
        "view": finding.view,
        "label": None if finding.view is None else labels[finding.view],
        "verdict": finding.verdict.value,
        "measured": finding.measured,
        "value": None if finding.value is None else round(float(finding.value), _DIGITS),
        "cause": finding.cause,
        "related": list(finding.related),
        "remedy": finding.remedy,
    }


def _box_record(box: Aabb) -> dict[str, list[float]]:
    return {"minimum": _rounded(box.minimum), "maximum": _rounded(box.maximum)}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]
