"""Every fault that is planted into a small capture is found, and the right camera is named."""

import re

import pytest

from bake.captures.exposure import compensated
from bake.inspection.findings import Finding, Verdict
from bake.inspection.inspect import Inspection
from benchmarks import fault_planting as planting


def faults(found: Inspection) -> dict[int | None, set[str]]:
    """Causes by view; color is judged elsewhere, as wrong cameras have none."""
    result: dict[int | None, set[str]] = {}
    for finding in found.findings:
        if finding.verdict is Verdict.FAULT:
            result.setdefault(finding.view, set()).add(finding.cause)
    return result


def only(found: Inspection, view: int | None, cause: str) -> Finding:
    """The finding of that cause, when no other camera is blamed."""
    assert set(faults(found)) == {view}, found.findings
    return next(each for each in found.of_view(view) if each.cause == cause)


def test_a_clean_capture_has_neither_faults_nor_warnings(clean) -> None:
    found = clean
    troubles = [f for f in found.findings if f.verdict in {Verdict.FAULT, Verdict.WARNING}]
    assert not troubles
    assert found.verdict is Verdict.OK
    assert found.convention is None


@pytest.mark.parametrize(("one", "other"), [(4, 11)])
def test_two_swapped_cameras_are_both_named(balls, inspected, one, other) -> None:
    found = inspected(planting.swap(balls, one, other))
    causes = faults(found)
    assert set(causes) == {one, other}
    for view, partner in ((one, other), (other, one)):
        finding = next(f for f in found.of_view(view) if f.cause == "swapped")
        assert finding.related == (partner,)
        assert balls.labels[view] in finding.remedy
        assert f"camera {balls.labels[partner]} and the other way round" in finding.remedy


@pytest.mark.parametrize(("factor", "words"), [(1.05, "too long"), (1 / 1.08, "too short")])
def test_a_wrong_focal_length_is_measured(balls, inspected, factor, words) -> None:
    finding = only(inspected(planting.zoom(balls, 3, factor)), 3, "focal length")
    assert words in finding.remedy
    assert balls.labels[3] in finding.remedy


@pytest.mark.parametrize("view", [7])
def test_flipped_axes_of_one_camera_are_recognized(balls, inspected, view) -> None:
    finding = only(inspected(planting.misread(balls, view)), view, "axes flipped")
    assert "OpenGL" in finding.remedy


def test_flipped_axes_of_all_cameras_are_said_once(balls, inspected) -> None:
    found = inspected(planting.misread(balls))
    finding = only(found, None, "axes flipped")
    assert "all cameras" in finding.remedy
    assert found.convention is not None


def test_inverted_poses_of_all_cameras_are_recognized(balls, inspected) -> None:
    found = inspected(planting.misread(balls, convention=2))
    assert only(found, None, "pose inverted").remedy.startswith("all cameras")


@pytest.mark.parametrize("frames", [1, -1])
def test_a_camera_out_of_step_is_named_with_its_lag(balls, inspected, frames) -> None:
    found = inspected(planting.delay(balls, 5, frames))
    finding = next(f for f in found.of_view(5) if f.cause == "out of step")
    assert set(faults(found)) == {5}
    assert finding.value == frames
    assert ("ahead" if frames > 0 else "behind") in finding.remedy


@pytest.mark.parametrize("dx", [-6])
def test_a_shifted_mask_is_told_from_a_shifted_picture(balls, inspected, dx) -> None:
    mask = only(inspected(planting.shift_mask(balls, 8, dx)), 8, "shifted")
    picture = only(inspected(planting.shift_picture(balls, 8, dx)), 8, "shifted")
    where = f"{abs(dx)} pixels to the {'right' if dx > 0 else 'left'}"
    assert "its mask is shifted" in mask.remedy
    assert where in mask.remedy
    assert "principal point" in picture.remedy
    assert where in picture.remedy


@pytest.mark.parametrize("view", [2])
def test_mirrored_pictures_are_recognized(balls, inspected, view) -> None:
    finding = only(inspected(planting.mirror(balls, view)), view, "mirrored")
    assert "left to right" in finding.remedy


@pytest.mark.parametrize(("factor", "word"), [(1.2, "brighter"), (0.8, "darker")])
def test_another_exposure_is_measured(balls, inspected, factor, word) -> None:
    finding = only(inspected(planting.expose(balls, 6, factor)), 6, "exposure")
    assert word in finding.remedy
    assert finding.value == pytest.approx(factor, abs=0.06)


def test_baking_with_the_gain_of_the_remedy_mends_another_exposure(balls, inspected) -> None:
    planted = planting.expose(balls, 6)
    remedy = only(inspected(planted), 6, "exposure").remedy
    stated = re.search(r"capture\.exposure=(\S+=[\d.]+),", remedy)
    assert stated is not None
    assert not faults(inspected(compensated(planted, stated[1])))


def test_two_faults_at_once_are_both_found(balls, inspected) -> None:
    found = inspected(planting.mirror(planting.zoom(balls, 1, 1.06), 10))
    assert faults(found) == {1: {"focal length"}, 10: {"mirrored"}}


def test_clean_pictures_without_masks_raise_no_alarm(walls, inspected) -> None:
    found = inspected(walls)
    assert not faults(found)
    assert found.verdict is Verdict.OK


def test_swapped_cameras_without_masks_are_both_named(walls, inspected) -> None:
    causes = faults(inspected(planting.swap(walls, 1, 7)))
    assert causes == {1: {"swapped"}, 7: {"swapped"}}


def test_a_wrong_focal_length_without_masks_is_recognized(walls, inspected) -> None:
    finding = only(inspected(planting.zoom(walls, 4, 1.06)), 4, "focal length")
    assert "too long" in finding.remedy


def test_a_mirrored_picture_without_masks_is_recognized(walls, inspected) -> None:
    assert only(inspected(planting.mirror(walls, 2)), 2, "mirrored").verdict is Verdict.FAULT


def test_flipped_axes_without_masks_are_recognized(walls, inspected) -> None:
    one, everyone = planting.misread(walls, 3), planting.misread(walls)
    assert "axes flipped" in faults(inspected(one))[3]
    assert only(inspected(everyone), None, "axes flipped").remedy.startswith("all cameras")


def test_another_exposure_without_masks_is_measured(walls, inspected) -> None:
    finding = only(inspected(planting.expose(walls, 5, 1.25)), 5, "exposure")
    assert finding.value == pytest.approx(1.25, abs=0.06)
