"""What the votes say becomes a finding per camera, with bounds that follow the usual camera."""

from dataclasses import replace

import pytest

from bake.inspection.agreement import Agreement, find_agreement
from bake.inspection.conventions import CONVENTIONS
from bake.inspection.findings import Finding, Verdict
from bake.inspection.judging import mask_findings
from bake.inspection.outlines import Explanation
from bake.inspection.small_pictures import read_instant
from benchmarks import fault_planting as planting
from render.geometry import Aabb

REGION = Aabb((-1.2, -1.2, -1.2), (1.2, 1.2, 1.2))


@pytest.fixture(scope="module")
def agreement(balls) -> Agreement:
    found = find_agreement([read_instant(balls, 2)], REGION)
    assert found is not None
    return found


def with_overlap(agreement: Agreement, view: int, overlap: float) -> Agreement:
    stated = {**agreement.stated, view: overlap}
    best = {**agreement.best, view: Explanation("", overlap)}
    return contradicted(replace(agreement, stated=stated, best=best), view)


def contradicted(agreement: Agreement, view: int) -> Agreement:
    """The same with a view that the others' masks contradict, and that has no vote."""
    return replace(
        agreement,
        jury=agreement.jury - {view},
        doubted=agreement.doubted | {view},
        contradicting=agreement.contradicting | {view},
    )


def with_cause(agreement: Agreement, view: int, explanation: Explanation) -> Agreement:
    stated = {**agreement.stated, view: 0.4}
    best = {**agreement.best, view: explanation}
    return contradicted(replace(agreement, stated=stated, best=best), view)


def by_view(findings: list[Finding]) -> dict[int | None, Finding]:
    return {finding.view: finding for finding in findings}


def test_every_view_and_the_rig_have_a_finding(agreement, balls) -> None:
    found = by_view(mask_findings(agreement, balls))
    assert set(found) == {None, *range(14)}
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert all(finding.check == "mask consistency" for finding in found.values())


@pytest.mark.parametrize(
    ("below", "verdict"),
    [
        (0.00, Verdict.OK),
        (0.10, Verdict.OK),
        (0.15, Verdict.WARNING),
        (0.25, Verdict.FAULT),
        (0.90, Verdict.FAULT),
    ],
)
def test_what_nothing_explains_is_judged_by_the_usual_camera(
    agreement, balls, below, verdict
) -> None:
    lower = with_overlap(agreement, 6, agreement.median - below)
    finding = by_view(mask_findings(lower, balls))[6]
    assert finding.verdict is verdict
    assert finding.value == pytest.approx(agreement.median - below)
    assert bool(finding.remedy) == (verdict is not Verdict.OK)
    assert not finding.cause


def test_a_low_overlap_that_contradicts_no_mask_is_not_judged(agreement, balls) -> None:
    lower = replace(with_overlap(agreement, 6, 0.3), contradicting=frozenset())
    findings = mask_findings(lower, balls)
    (finding,) = (each for each in findings if each.view == 6)
    assert finding.verdict is Verdict.NOT_CHECKED
    assert "contradicts no mask" in finding.measured
    rig = [each for each in findings if each.view is None]
    assert [each.verdict for each in rig] == [Verdict.OK, Verdict.NOT_CHECKED]
    assert rig[1].measured.startswith("camera cam06: a low overlap that contradicts no mask")


def test_the_measure_is_in_the_words(agreement, balls) -> None:
    finding = by_view(mask_findings(with_overlap(agreement, 2, 0.5), balls))[2]
    assert finding.measured.startswith("50.0% overlap")
    assert f"usual {agreement.median:.1%}" in finding.measured


@pytest.mark.parametrize(
    ("explanation", "words"),
    [
        (Explanation("focal length", 0.95, zoom=1 / 1.05), "5% too long"),
        (Explanation("focal length", 0.95, zoom=1.1), "9% too short"),
        (Explanation("mirrored", 0.95), "flip them back"),
        (Explanation("swapped", 0.95, partner=9), "camera cam09"),
        (Explanation("upside down", 0.95, convention=CONVENTIONS[1]), "180 degrees"),
        (Explanation("shifted", 0.95, shift=(0.0625, 0.0)), "6 pixels to the right"),
    ],
)
def test_an_explanation_is_a_fault_with_its_remedy(agreement, balls, explanation, words) -> None:
    finding = by_view(mask_findings(with_cause(agreement, 3, explanation), balls))[3]
    assert finding.verdict is Verdict.FAULT
    assert finding.cause == explanation.cause
    assert finding.remedy.startswith("camera cam03: ")
    assert words in finding.remedy
    assert f"95.0% if {explanation.cause}" in finding.measured


def test_others_are_not_blamed_for_one(agreement, balls) -> None:
    wrong = with_cause(agreement, 3, Explanation("mirrored", 0.95))
    found = mask_findings(wrong, balls)
    assert [f.view for f in found if f.verdict is not Verdict.OK] == [3]


def test_a_pair_that_fits_each_other_is_related(agreement, balls) -> None:
    one = with_cause(agreement, 3, Explanation("swapped", 0.95, partner=8))
    both = with_cause(one, 8, Explanation("swapped", 0.95, partner=3))
    found = by_view(mask_findings(both, balls))
    assert (found[3].related, found[8].related) == ((8,), (3,))
    assert "swap their pictures or their poses" in found[3].remedy


def test_a_rig_that_does_not_fit_at_all_is_said_once(agreement, balls) -> None:
    everyone = frozenset(agreement.stated)
    (finding,) = mask_findings(replace(agreement, median=0.3, contradicting=everyone), balls)
    assert finding.view is None
    assert finding.verdict is Verdict.FAULT
    assert "calibration" in finding.remedy


def test_a_low_overlap_that_contradicts_no_mask_is_no_fault(agreement, balls) -> None:
    lower = with_overlap(agreement, 6, agreement.median - 0.4)
    found = mask_findings(replace(lower, contradicting=frozenset()), balls)
    unsure = [f for f in found if f.verdict is not Verdict.OK]
    assert [(f.view, f.verdict) for f in unsure] == [
        (None, Verdict.NOT_CHECKED),
        (6, Verdict.NOT_CHECKED),
    ]
    assert "camera cam06" in unsure[0].measured
    assert all("too few cameras see the subject from around" in f.measured for f in unsure)


def test_a_rig_that_fits_badly_but_contradicts_nothing_is_not_checked(agreement, balls) -> None:
    found = by_view(mask_findings(replace(agreement, median=0.5), balls))
    assert found[None].verdict is Verdict.NOT_CHECKED
    assert not found[None].remedy


def test_views_in_dispute_are_named_together_and_none_is_blamed(agreement, balls) -> None:
    disputed = replace(agreement, contradicting=frozenset({2, 5}))
    found = mask_findings(disputed, balls)
    (fault,) = (f for f in found if f.verdict is Verdict.FAULT)
    assert fault.view is None
    assert "cameras cam02, cam05" in fault.remedy
    unsure = {f.view for f in found if f.verdict is Verdict.NOT_CHECKED}
    assert unsure == {2, 5}


def test_a_small_jury_blames_nobody_whom_nothing_explains(agreement, balls) -> None:
    lower = with_overlap(with_overlap(agreement, 2, 0.5), 3, 0.5)
    small = replace(lower, jury=frozenset({0, 1, 4, 5}))
    found = mask_findings(small, balls)
    assert {f.view for f in found if f.verdict is Verdict.FAULT} == {None}
    assert {f.view for f in mask_findings(lower, balls) if f.verdict is Verdict.FAULT} == {2, 3}


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda each: each.cause)
def test_a_misread_rig_names_its_convention(agreement, balls, convention) -> None:
    found = by_view(mask_findings(replace(agreement, convention=convention), balls))
    assert found[None].verdict is Verdict.FAULT
    assert found[None].cause == convention.cause
    assert convention.remedy in found[None].remedy
    assert {found[view].verdict for view in range(14)} == {Verdict.OK}


@pytest.mark.parametrize(
    ("plant", "words"),
    [(planting.shift_mask, "against its own pictures"), (planting.shift_picture, "crop")],
)
def test_colors_decide_what_was_shifted(balls, plant, words) -> None:
    source = plant(balls, 4, 7)
    found = find_agreement([read_instant(source, frame) for frame in (1, 3)], REGION)
    assert found is not None
    assert words in by_view(mask_findings(found, source))[4].remedy


def test_pixels_of_a_shift_are_those_of_the_capture(agreement, balls) -> None:
    larger = {3: balls.cameras[3].resized(960, 960)}
    wrong = with_cause(agreement, 3, Explanation("shifted", 0.95, shift=(0.0, -0.05)))
    finding = by_view(mask_findings(wrong, planting.with_cameras(balls, larger)))[3]
    assert "48 pixels up" in finding.remedy
