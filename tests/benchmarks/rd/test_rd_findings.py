"""What the numbers answer: bars on both sides, and that nothing unmeasured passes for met."""

import pytest

from benchmarks.rd.comparison import by_scene
from benchmarks.rd.findings import (
    Finding,
    Verdict,
    faults,
    findings,
    layer_gains,
    uncoded_distances,
    uncoded_level,
)
from benchmarks.rd.method import ABLATION
from benchmarks.rd.point import RdPoint
from tests.benchmarks.rd.made_up_points import curve, made_up, moved

MET, NOT_MET, OPEN = Verdict.MET, Verdict.NOT_MET, Verdict.NOT_MEASURED


def answer(points: list[RdPoint], words: str) -> Finding:
    (scene,) = by_scene(points)
    (found,) = [one for one in findings(scene) if words in one.question]
    return found


@pytest.mark.parametrize(("loss_db", "verdict"), [(0.0, MET), (1.4, MET), (1.6, NOT_MET)])
def test_a_fit_may_be_one_and_a_half_decibels_below_the_voxel_grid(loss_db, verdict) -> None:
    found = answer([*curve("voxel", 8), *curve("rerf", 1, loss_db)], "comparable fits")
    assert found.verdict is verdict
    assert f"{-loss_db:+.2f} dB" in found.found


def test_a_fit_above_the_voxel_grid_is_near_enough() -> None:
    found = answer([*curve("voxel", 8, 2), *curve("rerf", 1)], "comparable fits")
    assert found.verdict is MET
    assert "rerf +2.00 dB" in found.detail


def test_an_ablation_may_be_as_far_below_as_it_likes() -> None:
    points = [*curve("voxel", 8), *curve("rerf", 1), *curve(f"{ABLATION}no-spatial", 1, 5)]
    assert answer(points, "comparable fits").verdict is MET


def test_without_the_voxel_grid_there_is_no_distance() -> None:
    assert answer(curve("rerf", 1), "comparable fits").verdict is OPEN
    (scene,) = by_scene(curve("rerf", 1))
    assert uncoded_distances(scene) == {}
    assert answer(curve("voxel", 1), "comparable fits").verdict is OPEN


def test_the_best_fit_speaks_for_a_method_whose_rates_have_their_own() -> None:
    points = [made_up("jointrf", 1000, 30, uncoded_db=33), made_up("jointrf", 2000, 32)]
    assert uncoded_level(points) == 41


def test_a_falling_curve_is_named_with_the_place_where_it_falls() -> None:
    points = [*curve("videorf", 1), *moved(curve("rerf", 2), 4, 36.0)]
    found = answer(points, "monotone")
    assert (found.verdict, found.found) == (NOT_MET, "1 of 2 curves")
    assert found.detail.startswith("rerf: 192.00 KB/frame gives 36.000 dB")
    (scene,) = by_scene(points)
    assert list(faults(scene)) == ["rerf"]
    assert answer(curve("videorf", 1), "monotone").verdict is MET


def test_an_ablation_that_falls_counts_for_no_claim() -> None:
    down = [made_up("ablation-group-1", 9000 + n, 30.0 - n) for n in range(4)]
    found = answer([*curve("videorf", 1), *down], "monotone")
    assert found.verdict is MET
    assert found.found == "1 of 1 curves"


CLAIMS = {
    "motion": ("rerf", "rerf-intra", "motion compensation", 0.6),
    "joint": ("jointrf", "rerf", "training with the rate", 1.0),
    "variable": ("vrvvc", "vrvvc-separate", "one model", 1.1),
    "tuning": ("videorf", "videorf-plain", "our tuning", 0.3),
}
claims = pytest.mark.parametrize(
    ("test", "anchor", "words", "factor"), CLAIMS.values(), ids=CLAIMS.keys()
)


@claims
def test_a_claim_is_met_below_its_bar_and_not_above(test, anchor, words, factor) -> None:
    base = curve(anchor, 10)
    better = answer([*base, *curve(test, 10 * factor * 0.98)], words)
    worse = answer([*base, *curve(test, 10 * factor * 1.02)], words)
    assert (better.verdict, worse.verdict) == (MET, NOT_MET)
    assert f"BD-rate {100 * (factor * 0.98 - 1):+.1f} %" in better.found
    assert "dB" in better.found
    assert f"{100 * (factor * 0.98 - 1):+.1f} %" in better.detail


@claims
def test_a_claim_without_curves_is_open_and_says_why(test, anchor, words, factor) -> None:
    del factor
    missing = answer(curve(anchor, 1), words)
    assert missing.verdict is OPEN
    assert f"{test} has no points" in missing.detail
    short = answer([*curve(anchor, 1), *curve(test, 1, count=3)], words)
    assert short.verdict is OPEN
    assert "expected 4 or more" in short.detail


def test_ours_is_ahead_only_where_it_is_beside_every_method() -> None:
    ours, ahead = curve("videorf", 10), "ahead of every other"
    behind = answer([*ours, *curve("rerf", 12), *curve("hpc", 9)], ahead)
    assert behind.verdict is NOT_MET
    assert behind.found == "worst beside hpc: BD-rate +11.1 %"
    assert "rerf -16.7 %" in behind.detail
    assert answer([*ours, *curve("rerf", 12), *curve("mjpeg", 1)], ahead).verdict is MET
    short = answer([*ours, *curve("rerf", 12), *curve("hpc", 1, count=2)], ahead)
    assert short.verdict is MET
    assert "hpc: " in short.detail
    assert answer(ours, ahead).verdict is OPEN
    assert answer(curve("rerf", 1), ahead).verdict is OPEN


def test_a_claim_on_little_overlap_says_so() -> None:
    higher = [made_up("jointrf", p.size_bytes, p.quality.psnr_db + 3.5) for p in curve("x", 1)]
    found = answer([*curve("rerf", 1), *higher], "training with the rate")
    assert "of their range" in found.detail


def test_layers_are_told_by_labels_and_compared_within_a_rate() -> None:
    points = [
        made_up("hpc", 1000 * layer * (1 + 9 * rate), 30 + layer + 5 * rate, f"q{rate}-l{layer}")
        for rate in (0, 1)
        for layer in (1, 2, 3)
    ]
    assert [name for name, _ in layer_gains(points)] == [
        "q0-l1 to q0-l2",
        "q0-l2 to q0-l3",
        "q1-l1 to q1-l2",
        "q1-l2 to q1-l3",
    ]
    found = answer(points, "layer")
    assert found.verdict is MET
    assert "+1.00 dB" in found.found


def test_a_layer_that_adds_nothing_is_not_met() -> None:
    points = [made_up("hpc", 1000 * n, 30 + (n > 1), f"layers{n}") for n in (1, 2, 3)]
    found = answer(points, "layer")
    assert found.verdict is NOT_MET
    assert "layers2 to layers3 +0.00 dB" in found.found


def test_without_layer_labels_every_point_is_a_layer() -> None:
    gains = layer_gains(curve("hpc", 1, count=3))
    assert [name for name, _ in gains] == ["q0 to q1", "q1 to q2"]
    assert answer(curve("hpc", 1, count=1), "layer").verdict is OPEN
    assert answer(curve("rerf", 1), "layer").verdict is OPEN


def test_every_question_states_its_bar() -> None:
    (scene,) = by_scene(curve("rerf", 1))
    found = findings(scene)
    assert len(found) == 8
    assert all(one.bar and one.question.count("?") == 1 for one in found)
    assert {one.verdict for one in found} == {MET, OPEN}
