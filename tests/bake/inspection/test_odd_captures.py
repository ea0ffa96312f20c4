"""Captures that are not as tidy: few cameras, gaps, other sizes and depths, a camera that moves."""

from dataclasses import replace

import numpy as np
import pytest

from bake.captures.source import Reader, Source, Split
from bake.inspection.findings import Finding, Verdict
from bake.inspection.inspect import Inspection
from bake.inspection.report import to_json, to_table
from benchmarks import fault_planting as planting
from tests.bake.inspection import small_captures


def troubles(found: Inspection) -> list[Finding]:
    return [f for f in found.findings if f.verdict in {Verdict.FAULT, Verdict.WARNING}]


def blamed(found: Inspection) -> set[int | None]:
    return {f.view for f in found.findings if f.verdict is Verdict.FAULT}


def of_check(found: Inspection, check: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.check == check]


def one_frame(source: Source) -> Source:
    first = min(source.views)
    return replace(source, views={first: source.views[first]})


def resized(source: Source, view: int, width: int, height: int) -> Source:
    """Another picture size for one view, drawn anew."""
    camera = source.cameras[view].resized(width, height)

    def read(reader: Reader, frame: int, asked: int) -> planting.Pixels:
        return (
            small_captures.draw_balls(camera, frame) if asked == view else reader.read(frame, asked)
        )

    return planting.reread(planting.with_cameras(source, {view: camera}), read)


@pytest.fixture(scope="module")
def still(balls) -> Source:
    return one_frame(balls)


def test_a_single_frame_is_compared_but_for_its_timing(still, inspected) -> None:
    found = inspected(still)
    assert not troubles(found)
    assert found.frames == (0,)
    assert [f.verdict for f in of_check(found, "timing")] == [Verdict.NOT_CHECKED]


def test_seven_cameras_are_enough_to_find_a_mirrored_one(inspected) -> None:
    few = one_frame(small_captures.balls(7, 96, 1))
    assert not troubles(inspected(few))
    assert blamed(inspected(planting.mirror(few, 2))) == {2}


def test_cameras_of_several_sizes_are_compared(still, inspected) -> None:
    odd = resized(still, 4, 60, 80)
    assert not blamed(inspected(odd))
    assert blamed(inspected(planting.mirror(odd, 4))) == {4}


def test_sixteen_bits_are_read_as_eight(still, inspected) -> None:
    def deeper(reader: Reader, frame: int, view: int) -> planting.Pixels:
        return reader.read(frame, view).astype(np.uint16) * 257

    found = inspected(planting.reread(still, deeper))
    assert not troubles(found)


def test_a_view_that_is_missing_at_a_frame_is_judged_at_the_others(balls, inspected) -> None:
    views = {frame: tuple(v for v in range(14) if (frame, v) != (2, 6)) for frame in range(5)}
    found = inspected(replace(planting.mirror(balls, 6), views=views))
    assert blamed(found) == {6}
    # It has no mask at every frame of the window, and is left out there.
    assert 6 not in {finding.view for finding in of_check(found, "timing")}


def test_a_moving_camera_is_only_looked_at_alone(balls, inspected) -> None:
    cameras = balls.cameras[:5]
    views = {frame: (frame,) for frame in range(5)}
    moving = replace(
        balls, cameras=cameras, labels=balls.labels[:5], views=views, split=Split((0, 1), (4,))
    )
    found = inspected(moving)
    assert not blamed(found)
    assert [f.verdict for f in of_check(found, "mask consistency")] == [Verdict.NOT_CHECKED]
    assert len(of_check(found, "pose")) == 5


def test_masks_without_a_subject_in_one_camera_are_named(still, inspected) -> None:
    def emptied(pixels: planting.Pixels) -> planting.Pixels:
        return np.dstack([pixels[..., :3], np.zeros_like(pixels[..., 3])])

    found = inspected(planting.edit(still, 9, emptied))
    assert blamed(found) == {9}
    assert "mask empty" in {finding.cause for finding in found.of_view(9)}


def test_masks_that_cover_all_of_one_camera_are_named(still, inspected) -> None:
    def filled(pixels: planting.Pixels) -> planting.Pixels:
        return np.dstack([pixels[..., :3], np.full_like(pixels[..., 3], 255)])

    found = inspected(planting.edit(still, 1, filled))
    assert blamed(found) == {1}
    assert "mask full" in {finding.cause for finding in found.of_view(1)}


def test_a_camera_with_pictures_of_another_scene_is_named_without_a_cause(still, inspected) -> None:
    def other(pixels: planting.Pixels) -> planting.Pixels:
        noise = np.zeros_like(pixels)
        noise[10:80:4, 20:30] = 255
        return noise

    found = inspected(planting.edit(still, 3, other))
    assert blamed(found) == {3}
    (consistency,) = (f for f in found.of_view(3) if f.check == "mask consistency")
    assert "no single error explains it" in consistency.remedy


def test_a_camera_that_shows_what_another_does_is_no_swap(still, inspected) -> None:
    def copied(reader: Reader, frame: int, view: int) -> planting.Pixels:
        return reader.read(frame, 10 if view == 2 else view)

    found = inspected(planting.reread(still, copied))
    assert blamed(found) == {2}
    (finding,) = (f for f in found.of_view(2) if f.cause == "swapped")
    assert finding.related == (10,)
    assert "give it its own pictures" in finding.remedy


def test_three_cameras_in_a_circle_are_each_told_whose_pose_fits(still, inspected) -> None:
    order = {1: 5, 5: 9, 9: 1}

    def turned(reader: Reader, frame: int, view: int) -> planting.Pixels:
        return reader.read(frame, order.get(view, view))

    found = inspected(planting.reread(still, turned))
    assert blamed(found) == {1, 5, 9}
    for view, shown in order.items():
        (finding,) = (f for f in found.of_view(view) if f.cause == "swapped")
        assert finding.related == (shown,)


def test_a_lifted_camera_pose_is_named(still, inspected) -> None:
    camera = still.cameras[7]
    pose = camera.world_to_camera.copy()
    pose[:3, 3] += (0.0, 0.35, 0.0)
    found = inspected(planting.with_cameras(still, {7: replace(camera, world_to_camera=pose)}))
    assert 7 in blamed(found)
    assert blamed(found) <= {7}


@pytest.mark.parametrize("plant", [planting.mirror, planting.zoom, planting.misread])
def test_reports_of_faulty_captures_can_be_written(still, inspected, plant) -> None:
    found = inspected(plant(still, 5))
    assert '"verdict": "fault"' in to_json(found)
    assert "FAULT" in to_table(found)
    assert still.labels[5] in to_table(found)


def test_a_scene_that_is_far_from_the_origin_is_inspected_alike(still, inspected) -> None:
    def away(view: int) -> np.ndarray:
        pose = still.cameras[view].world_to_camera.copy()
        pose[:3, 3] -= pose[:3, :3] @ (50.0, -20.0, 10.0)
        return pose

    moved = {v: replace(c, world_to_camera=away(v)) for v, c in enumerate(still.cameras)}
    low, high = (np.array(corner) + np.array([50, -20, 10]) for corner in ((-1.1,) * 3, (1.1,) * 3))
    box = type(still.aabb)(tuple(low), tuple(high))
    source = replace(planting.with_cameras(still, moved), aabb=box)
    assert not troubles(inspected(source))
    assert blamed(inspected(planting.mirror(source, 8))) == {8}
