"""Real captures raise no alarm, and every planted fault is found in one, naming the camera."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from bake.captures.registry import detect_loader, load_loader
from bake.captures.source import Reader, Source
from bake.inspection import consensus
from bake.inspection.findings import Verdict
from benchmarks import fault_planting as planting

pytestmark = [pytest.mark.captures, pytest.mark.slow]
FULL_BYTES = consensus._VOTE_BYTES


@pytest.fixture(autouse=True)
def full_grids(monkeypatch, small_grids) -> None:
    monkeypatch.setattr("bake.inspection.consensus._VOTE_BYTES", FULL_BYTES)


@pytest.fixture(scope="module")
def performer(captures) -> Source:
    return opened(captures / "performer")


@pytest.fixture(scope="module")
def kitchen(captures) -> Source:
    """Photographs without masks."""
    return opened(captures / "flame-steak")


def opened(path) -> Source:
    return load_loader(detect_loader(str(path)))(str(path))


def blamed(found) -> dict[int | None, set[str]]:
    """Views with a fault or a warning, and the causes of their faults."""
    result: dict[int | None, set[str]] = {}
    for finding in found.findings:
        if finding.verdict in {Verdict.FAULT, Verdict.WARNING}:
            result.setdefault(finding.view, set()).add(finding.cause)
    return result


@pytest.mark.parametrize("name", ["performer", "host", "flame-steak"])
def test_a_clean_capture_raises_no_alarm(captures, inspected, name) -> None:
    found = inspected(opened(captures / name))
    assert blamed(found) == {}
    assert found.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("plant", "cause"),
    [
        (planting.zoom, "focal length"),
        (planting.misread, "axes flipped"),
        (planting.delay, "out of step"),
        (planting.shift_mask, "shifted"),
        (planting.mirror, "mirrored"),
        (planting.expose, "exposure"),
    ],
)
@pytest.mark.parametrize("view", [3, 20])
def test_a_planted_fault_is_found(performer, inspected, plant, cause, view) -> None:
    found = blamed(inspected(plant(performer, view)))
    assert set(found) == {view}
    assert cause in found[view]


def test_swapped_cameras_are_both_found(performer, inspected) -> None:
    assert blamed(inspected(planting.swap(performer, 2, 13))) == {2: {"swapped"}, 13: {"swapped"}}


def test_a_misread_rig_is_found(performer, inspected) -> None:
    assert blamed(inspected(planting.misread(performer))) == {None: {"axes flipped"}}


@pytest.mark.parametrize(
    ("plant", "cause"),
    [
        (planting.zoom, "focal length"),
        (planting.misread, "axes flipped"),
        (planting.mirror, "mirrored"),
    ],
)
@pytest.mark.parametrize("view", [3, 14])
def test_a_fault_planted_without_masks_is_found(kitchen, inspected, plant, cause, view) -> None:
    found = blamed(inspected(plant(kitchen, view)))
    assert set(found) == {view}
    assert cause in found[view]


def test_swapped_cameras_without_masks_are_both_found(kitchen, inspected) -> None:
    assert blamed(inspected(planting.swap(kitchen, 2, 13))) == {2: {"swapped"}, 13: {"swapped"}}


@pytest.mark.parametrize("frame", [0, 39])
@pytest.mark.parametrize("views", [range(12), range(0, 30, 2), range(30)])
def test_cameras_around_a_subject_without_masks_raise_no_alarm(
    performer, inspected, frame, views
) -> None:
    chosen = replace(performer, views={frame: tuple(views)})
    found = inspected(replace(chosen, reader=OnGray(performer.reader)))
    assert blamed(found) == {}


@dataclass(frozen=True)
class OnGray:
    """Reads pictures over a plain wall, without their masks."""

    reader: Reader

    def inspect(self, frames: Sequence[int]) -> bool:
        self.reader.inspect(frames)
        return False

    def read(self, frame: int, view: int) -> planting.Pixels:
        pixels = self.reader.read(frame, view)
        alpha = pixels[..., 3:] / 255
        return np.asarray((pixels[..., :3] * alpha + 200 * (1 - alpha)).round(), np.uint8)
