"""The whole inspection: which frames, which region, and what is said when little can be done."""

from dataclasses import replace

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions
from bake.captures.source import Reader, Source, Split
from bake.errors import CaptureError
from bake.inspection.findings import Finding, Verdict
from bake.inspection.inspect import Inspection, inspect
from bake.progress import LineProgress
from benchmarks import fault_planting as planting
from render.geometry import Aabb


def captured(source: Source, **options: str) -> Capture:
    return Capture(source, CaptureOptions(path="x", **options))


def some_views(source: Source, count: int) -> Source:
    views = tuple(range(count))
    return replace(
        source,
        cameras=source.cameras[:count],
        labels=source.labels[:count],
        views=dict.fromkeys(source.views, views),
        split=Split(views[:-1], views[-1:]),
    )


def by_check(found: Inspection, view: int | None = None) -> dict[str, Finding]:
    return {finding.check: finding for finding in found.of_view(view)}


def test_the_first_middle_and_last_frame_are_compared(clean) -> None:
    assert clean.frames == (0, 2, 4)


def test_chosen_frames_are_positions_in_the_selection(balls) -> None:
    found = inspect(balls, captured(balls, frames="1:5:2"), "x", (1,))
    assert found.frames == (3,)


@pytest.mark.parametrize("position", [-1, 5])
def test_a_frame_that_is_not_there_is_refused(balls, position) -> None:
    with pytest.raises(CaptureError, match=r"expected a position in 0\.\.4"):
        inspect(balls, captured(balls), "x", (position,))


def test_every_camera_has_every_check(clean) -> None:
    found = clean
    for view in range(14):
        assert set(by_check(found, view)) == {
            "mask consistency",
            "color",
            "timing",
            "pose",
            "box in view",
            "mask",
        }


def test_the_agreed_box_lies_within_the_stated_one(clean) -> None:
    found = clean
    assert found.agreed_box is not None
    assert (np.array(found.agreed_box.minimum) > -1.1).all()
    assert (found.agreed_box.size > 1).all()


def test_a_capture_that_states_no_box_gets_one(balls, inspected) -> None:
    found = inspected(replace(balls, aabb=None))
    assert found.box is not None
    assert found.box.origin == "around what all masks show"
    assert found.agreed_box is not None
    # A voxel that hardly any camera sees widens the one, and not the other.
    assert (found.agreed_box.size <= found.box.aabb.size).all()
    assert (found.agreed_box.size > 1.2).all()


def test_a_wrong_camera_is_found_without_a_stated_box(balls, inspected) -> None:
    found = inspected(replace(planting.mirror(balls, 4), aabb=None))
    assert by_check(found, 4)["mask consistency"].cause == "mirrored"
    assert found.agreed_box is not None
    assert (found.agreed_box.size > 1).all()


def test_a_box_that_cuts_the_subject_off_is_a_warning(balls, inspected) -> None:
    small = replace(balls, aabb=Aabb((-1.1, -1.1, -0.2), (1.1, 1.1, 1.1)))
    warnings = [f for f in inspected(small).of_view(None) if f.verdict is Verdict.WARNING]
    assert [warning.cause for warning in warnings] == ["cut off"]


def test_few_cameras_are_not_compared(balls, inspected) -> None:
    found = inspected(some_views(balls, 3))
    checks = by_check(found)
    assert checks["mask consistency"].verdict is Verdict.NOT_CHECKED
    assert "4 cameras" in checks["mask consistency"].measured
    assert by_check(found, 0)["pose"].verdict is Verdict.OK


def test_masks_that_share_nothing_are_a_fault_of_all(balls, inspected) -> None:
    def empty(reader: Reader, frame: int, view: int) -> planting.Pixels:
        return np.zeros_like(reader.read(frame, view))

    found = inspected(planting.reread(balls, empty))
    assert by_check(found)["mask consistency"].verdict is Verdict.FAULT
    assert all(by_check(found, view)["mask"].cause == "mask empty" for view in range(14))


def test_one_frame_has_no_timing(walls, inspected) -> None:
    assert by_check(inspected(walls))["timing"].verdict is Verdict.NOT_CHECKED


def test_no_box_at_all_is_a_fault_that_says_what_to_give(walls, inspected) -> None:
    found = inspected(replace(walls, aabb=None))
    assert found.box is None
    assert "capture.box" in by_check(found)["scene box"].remedy


def test_progress_is_told(balls, capsys) -> None:
    inspect(balls, captured(balls), "x", (2,), LineProgress())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[-1].endswith("0 faults")


def test_an_inspection_repeats(balls, inspected, clean) -> None:
    assert inspected(balls).findings == clean.findings
