"""What varies smoothly with the direction is light; what a camera has of its own is exposure."""

import numpy as np
import pytest

from bake.inspection.colors import gain_of
from bake.inspection.exposure import color_findings
from bake.inspection.findings import Finding, Verdict
from tests.bake.inspection import small_captures

COUNT = 24
CAMERAS = dict(enumerate(small_captures.ring(COUNT, 32)))
LABELS = tuple(f"cam{view}" for view in range(COUNT))


def findings(logs: np.ndarray, *, spread: float = 0.0, is_subject: bool = True) -> list[Finding]:
    gains = {view: gain_of(log, 500, spread) for view, log in enumerate(logs)}
    return color_findings(gains, CAMERAS, LABELS, is_subject=is_subject)


def blamed(found: list[Finding]) -> list[tuple[int | None, str]]:
    return [(f.view, f.cause) for f in found if f.verdict is not Verdict.OK]


def noise(seed: int = 0, size: float = 0.01) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, (COUNT, 3))


def lit(strength: float) -> np.ndarray:
    """Light from one side."""
    positions = np.array([CAMERAS[view].position for view in range(COUNT)])
    return strength * (positions @ [0.8, 0.5, 0.3])[:, None] / 4 * np.ones(3)


def test_equal_cameras_are_well() -> None:
    found = findings(noise())
    assert len(found) == COUNT
    assert not blamed(found)


@pytest.mark.parametrize("factor", [0.8, 1.2, 1.5])
def test_a_camera_of_another_exposure_is_blamed_alone(factor) -> None:
    logs = noise()
    logs[5] += np.log(factor)
    found = findings(logs)
    assert blamed(found) == [(5, "exposure")]
    finding = found[5]
    assert finding.value == pytest.approx(factor, rel=0.03)
    assert "cam5" in finding.remedy
    assert f"{1 / factor:.2f}"[:3] in finding.remedy


def test_light_from_one_side_is_no_fault() -> None:
    assert not blamed(findings(noise() + lit(0.3)))


def test_exposure_is_found_under_light_from_one_side() -> None:
    logs = noise() + lit(0.3)
    logs[11] += np.log(1.25)
    assert blamed(findings(logs)) == [(11, "exposure")]


def test_a_tint_is_a_warning() -> None:
    logs = noise()
    logs[3] += [0, 0, 0.6]
    found = findings(logs)
    assert blamed(found) == [(3, "tint")]
    assert found[3].verdict is Verdict.WARNING
    assert "white balance" in found[3].remedy


def test_a_gain_that_varies_from_point_to_point_is_no_exposure() -> None:
    logs = noise()
    logs[5] += 0.2
    assert not blamed(findings(logs, spread=0.3))


def test_cameras_that_all_differ_are_held_to_how_much() -> None:
    logs = noise(2, 0.15).mean(1, keepdims=True) * np.ones(3)
    assert not blamed(findings(logs, is_subject=False))
    logs[4] = 1.5
    assert blamed(findings(logs, is_subject=False)) == [(4, "exposure")]


@pytest.mark.parametrize("count", [4, 10])
def test_few_cameras_are_compared_more_simply(count) -> None:
    logs = noise()[:count]
    logs[1] += np.log(1.4)
    assert blamed(findings(logs)) == [(1, "exposure")]


@pytest.mark.parametrize(
    ("count", "verdict"), [(12, "not checked"), (17, "not checked"), (18, "fault")]
)
def test_what_may_be_light_is_left_open_where_few_cameras_look(count, verdict) -> None:
    logs = noise()[:count]
    logs[1] += 0.3
    found = findings(logs, spread=0.12)
    assert found[1].verdict == verdict
    rig = [each.measured for each in found if each.view is None]
    if verdict == "fault":
        assert not rig
    else:
        assert rig == [
            "camera cam1: brighter or darker by what may be light; so few cameras do not tell it "
            "from exposure"
        ]
    assert {each.verdict for each in found if each.view not in {1, None}} == {Verdict.OK}


@pytest.mark.parametrize("count", [12, 17])
def test_what_is_the_same_at_all_points_is_exposure_wherever_few_cameras_look(count) -> None:
    logs = noise()[:count]
    logs[1] += 0.3
    assert blamed(findings(logs, spread=0.05)) == [(1, "exposure")]


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_cameras_are_not_checked(count) -> None:
    found = findings(noise()[:count])
    assert [each.verdict for each in found] == [Verdict.NOT_CHECKED]
    assert found[0].view is None
