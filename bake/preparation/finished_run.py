"""Whether a folder holds what the same command has written of the same inputs, and else why not.

The capture that would be written is compared with the one that is there. What its videos depend on
is in one hash per camera, kept as ``keys`` in the provenance of ``capture.json``.
"""

from pathlib import Path
from typing import Any

from bake.captures.compact_record import CAPTURE_FILE, CompactCapture, read_compact, to_document
from bake.captures.labels import first_few
from bake.errors import CaptureError

KEYS = "keys"
"""The entry of the provenance: by camera, the hash of all that its videos depend on."""
_NAMED_AT_MOST = 4


def capture_in(out: Path) -> CompactCapture | None:
    """The capture that ``prepare-capture`` has finished in a folder; None if it is new or empty.

    Raises:
        CaptureError: if there is something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / CAPTURE_FILE).is_file():
        raise _refusal(out, "and is no capture of prepare-capture")
    try:
        found = read_compact(out)
    except CaptureError as error:
        raise _refusal(out, f"and cannot be read ({error})") from error
    if not isinstance(found.provenance.get(KEYS), dict):
        command = found.provenance.get("command")
        raise _refusal(out, f"and does not say what it was made from (by {command!r:.300})")
    return found


def check_same(out: Path, found: CompactCapture, wanted: CompactCapture) -> None:
    """Compare the finished capture with the one that would be written.

    Raises:
        CaptureError: naming what differs, or which file is missing.
    """
    differing = _differences(found, wanted)
    if differing:
        listed = "; ".join(differing[:_NAMED_AT_MOST])
        raise _refusal(out, f"and was made of something else or otherwise ({listed})")
    names = [name for camera in found.cameras for name in (camera.video, camera.mask) if name]
    missing = [name for name in names if not (out / name).is_file()]
    if missing:
        raise _refusal(out, f"and lacks {', '.join(missing[:_NAMED_AT_MOST])}")


def _refusal(out: Path, what: str) -> CaptureError:
    return CaptureError(
        f"{out} exists already {what}, expected a new or empty folder; remove it or choose another"
    )


def _differences(found: CompactCapture, wanted: CompactCapture) -> list[str]:
    """What differs, from what the user says to what follows from it."""
    there, here = _facts(found), _facts(wanted)
    told = [
        f"{name}: {_shown(there[name])} there, {_shown(here[name])} now"
        for name in here
        if there[name] != here[name]
    ]
    if there["cameras"] != here["cameras"]:
        return told
    labels = here["cameras"]
    placed, own_placed = _placed(found), _placed(wanted)
    calibrated = [label for label in labels if placed[label] != own_placed[label]]
    if calibrated:
        told.append(f"calibration or crop of {_listed(calibrated)}")
    keys, own = found.provenance[KEYS], wanted.provenance[KEYS]
    changed = [label for label in labels if keys.get(label) != own[label]]
    # Any of the above changes the keys; alone they say that the files did.
    if changed and not told:
        told.append(f"files, frames or color (--lossless) of {_listed(changed)}")
    return told


def _facts(capture: CompactCapture) -> dict[str, Any]:
    """What can be told in a few words."""
    document = to_document(capture)
    cameras = capture.cameras
    return {
        "cameras": [camera.label for camera in cameras],
        "masks": capture.provenance.get("masks"),
        "frames": capture.frame_count,
        "frame rate": str(capture.frame_rate),
        "box": document["aabb"],
        "held-out cameras": [camera.label for camera in cameras if camera.is_held_out],
        "offsets": {c.label: c.source["offset"] for c in cameras if c.source.get("offset")},
        "decoders": sorted({str(camera.source.get("decoder")) for camera in cameras}),
        "versions": capture.provenance.get("versions"),
    }


def _placed(capture: CompactCapture) -> dict[str, Any]:
    """How cameras are calibrated and cropped, by label."""
    return {
        entry["label"]: [entry["world_to_camera"], entry["filmed"], entry["width"], entry["height"]]
        for entry in to_document(capture)["cameras"]
    }


def _shown(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return _listed(value)
    return f"{value}"[:100]


def _listed(labels: list[str]) -> str:
    return first_few(labels, _NAMED_AT_MOST) or "none"
