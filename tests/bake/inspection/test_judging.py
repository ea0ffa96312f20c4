"""Findings say what was measured, what explains it, and what to do, naming the camera."""

import pytest

from bake.inspection.conventions import CONVENTIONS
from bake.inspection.epipolar import Epipolar
from bake.inspection.findings import Finding, Verdict
from bake.inspection.judging import match_findings, rig_finding, timing_findings
from bake.inspection.outlines import Explanation
from bake.inspection.timing import Lag, Timing
from bake.inspection.wording import remedy, shift_of, swapped

LABELS = ("left", "middle", "right")


def epipolar(fitting, best=None, usual=0.9, convention=None) -> Epipolar:
    counts = dict.fromkeys(range(3), 100)
    distance = dict.fromkeys(fitting, 0.5)
    return Epipolar(fitting, distance, counts, best or {}, usual, {}, (), convention)


def by_view(findings: list[Finding]) -> dict[int | None, Finding]:
    return {finding.view: finding for finding in findings}


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.9, Verdict.OK), (0.65, Verdict.WARNING), (0.3, Verdict.FAULT)]
)
def test_a_camera_is_judged_by_how_far_behind_it_is(share, verdict) -> None:
    found = by_view(match_findings(epipolar({0: 0.9, 1: share, 2: 0.92}), LABELS))
    assert found[1].verdict is verdict
    assert found[0].verdict is Verdict.OK
    assert ("camera middle" in found[1].remedy) == (verdict is not Verdict.OK)


def test_cameras_without_matches_that_can_be_trusted_are_not_checked() -> None:
    best = {2: Explanation("", 0.0)}
    findings = match_findings(epipolar({0: 0.9, 1: 0.9}, best), LABELS)
    assert by_view(findings)[2].verdict is Verdict.NOT_CHECKED
    assert by_view(findings)[2].value is None
    (untold,) = (f for f in findings if f.view is None and f.verdict is Verdict.NOT_CHECKED)
    assert untold.measured.endswith("cameras right")


def test_no_number_is_stated_that_was_not_measured() -> None:
    best = {2: Explanation("mirrored", 0.9)}
    finding = by_view(match_findings(epipolar({0: 0.9, 1: 0.9}, best), LABELS))[2]
    assert finding.verdict is Verdict.FAULT
    assert finding.value is None
    assert "0.00" not in finding.measured
    assert "90.0% if mirrored" in finding.measured


def test_an_explained_camera_is_at_fault() -> None:
    best = {1: Explanation("focal length", 0.9, zoom=0.95)}
    finding = by_view(match_findings(epipolar({0: 0.9, 1: 0.2, 2: 0.9}, best), LABELS))[1]
    assert finding.cause == "focal length"
    assert "5% too long" in finding.remedy


def test_two_cameras_that_fit_each_other_are_swapped() -> None:
    best = {
        0: Explanation("swapped", 0.9, partner=2),
        2: Explanation("swapped", 0.9, partner=0),
    }
    found = by_view(match_findings(epipolar({0: 0, 1: 0.9, 2: 0}, best), LABELS))
    assert found[0].related == (2,)
    assert "other way round" in found[0].remedy
    assert "other way round" in found[2].remedy


def test_a_camera_with_pictures_of_another_is_not_called_swapped() -> None:
    best = {0: Explanation("swapped", 0.9, partner=2)}
    found = by_view(match_findings(epipolar({0: 0, 1: 0.9, 2: 0.9}, best), LABELS))
    assert "other way round" not in found[0].remedy
    assert "camera right" in found[0].remedy


def test_nothing_is_said_of_single_cameras_when_nothing_fits() -> None:
    found = match_findings(epipolar({0: 0.1, 1: 0.1, 2: 0.2}, usual=0.1), LABELS)
    assert [finding.view for finding in found] == [None]
    assert found[0].cause == "nothing fits"


def test_a_rig_that_fits_otherwise_is_a_fault_of_all() -> None:
    finding = rig_finding("epipolar", 0.9, CONVENTIONS[0])
    assert finding.verdict is Verdict.FAULT
    assert finding.remedy.startswith("all cameras")
    assert rig_finding("epipolar", 0.9, None).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (1, "1 frame ahead of the others; number its pictures 1 frame later"),
        (-2, "2 frames behind the others; number its pictures 2 frames earlier"),
    ],
)
def test_a_lag_is_a_fault_with_a_direction(frames, words) -> None:
    found = timing_findings(Timing({1: Lag(frames, 0.8), 0: Lag(0, 0.0)}, "outlines"), LABELS)
    assert [finding.verdict for finding in found] == [Verdict.FAULT, Verdict.OK]
    assert words in found[0].remedy
    assert found[0].value == frames


def test_timing_that_could_not_be_told_says_why() -> None:
    found = timing_findings(Timing({}, "", "nothing moves"), LABELS)
    assert [(f.verdict, f.measured) for f in found] == [(Verdict.NOT_CHECKED, "nothing moves")]


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        ((0.1, 0.0), "10 pixels to the right"),
        ((-0.1, 0.0), "10 pixels to the left"),
        ((0.0, 0.1), "5 pixels down"),
        ((0.02, -0.1), "2 pixels to the right and 5 pixels up"),
        ((0.0, 0.0), "less than a pixel"),
    ],
)
def test_a_shift_is_told_in_the_captures_own_pixels(shift, words) -> None:
    explanation = Explanation("shifted", 0.9, shift=shift)
    for what in ("mask", "picture", "either"):
        assert words in shift_of(explanation, (100, 50), what)


@pytest.mark.parametrize(
    ("explanation", "words"),
    [
        (Explanation("focal length", 0.9, zoom=1.25), "20% too short; multiply it by 1.250"),
        (Explanation("mirrored", 0.9), "mirrored left to right"),
        (Explanation("mirrored upside down", 0.9), "mirrored top to bottom"),
        (Explanation("axes flipped", 0.9, convention=CONVENTIONS[0]), "second and the third axis"),
        (Explanation("swapped", 0.9, partner=2), "fit the pose of camera right"),
        (Explanation("shifted", 0.9), "the mask is elsewhere"),
    ],
)
def test_every_explanation_has_a_remedy_that_names_the_camera(explanation, words) -> None:
    text = remedy(explanation, "left", LABELS, "the mask is elsewhere")
    assert text.startswith("camera left: ")
    assert words in text


def test_swapped_cameras_are_both_named() -> None:
    assert {"camera a", "camera b"} <= {f"camera {c}" for c in "ab" if c in swapped("a", "b")}
