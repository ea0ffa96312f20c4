"""Poses, boxes and masks of single cameras, and the region between them."""

import numpy as np
import pytest

from bake.inspection.conventions import CONVENTIONS, undone
from bake.inspection.findings import Verdict
from bake.inspection.placement import (
    box_finding,
    common_region,
    grown,
    mask_finding,
    pose_finding,
    seen_share,
    share_beside,
)
from bake.inspection.small_pictures import Instant, Small
from render.cameras import Lens, look_at
from render.geometry import Aabb
from tests.bake.inspection import small_captures

BOX = Aabb((-1, -1, -1), (1, 1, 1))
CAMERAS = small_captures.ring(8, 64)


def instant_of(*masks: np.ndarray) -> list[Instant]:
    rgb = np.zeros((*masks[0].shape, 3), np.uint8)
    return [Instant(i, {0: CAMERAS[0]}, {0: Small(rgb, mask)}) for i, mask in enumerate(masks)]


def disk(middle: int = 32, radius: int = 12) -> np.ndarray:
    y, x = np.ogrid[:64, :64]
    return (x - middle) ** 2 + (y - 32) ** 2 < radius**2


def test_a_rigid_pose_is_well() -> None:
    finding = pose_finding(CAMERAS[0], 0, "a")
    assert finding.verdict is Verdict.OK
    assert "determinant +1.0000" in finding.measured


def test_a_camera_that_looks_at_the_box_sees_it() -> None:
    assert seen_share(CAMERAS[0], BOX) > 0.95
    assert box_finding(CAMERAS[0], 0, "a", BOX).verdict is Verdict.OK


def test_a_camera_that_looks_away_is_named() -> None:
    finding = box_finding(undone(CAMERAS[2], CONVENTIONS[0]), 2, "cam02", BOX)
    assert finding.verdict is Verdict.FAULT
    assert finding.cause == "looks away"
    assert finding.remedy.startswith("camera cam02")


def test_a_box_beside_the_picture_is_said_to_be_there() -> None:
    aside = Aabb((-40, 3, -1), (-38, 5, 1))
    camera = look_at((4, 0, 0), (0, 0, 0), (0, 0, 1), lens=Lens(64, 64, 640))
    finding = box_finding(camera, 0, "a", aside)
    assert finding.verdict is Verdict.FAULT
    assert "beside" in finding.remedy


def test_a_camera_inside_the_box_sees_a_part() -> None:
    camera = look_at((0, 0, 0), (1, 0, 0), (0, 0, 1), lens=Lens(64, 64, 64))
    assert 0 < seen_share(camera, BOX) < 0.5


@pytest.mark.parametrize(
    ("masks", "verdict", "cause"),
    [
        ([disk()], Verdict.OK, ""),
        ([disk(), np.zeros((64, 64), bool)], Verdict.FAULT, "mask empty"),
        ([np.ones((64, 64), bool)], Verdict.FAULT, "mask full"),
        ([disk(2, 20)], Verdict.WARNING, "cut off"),
    ],
)
def test_masks_hold_a_subject(masks, verdict, cause) -> None:
    finding = mask_finding(instant_of(*masks), 0, "left")
    assert (finding.verdict, finding.cause) == (verdict, cause)
    assert ("camera left" in finding.remedy) == bool(cause)


def test_the_frame_of_an_empty_mask_is_named() -> None:
    finding = mask_finding(instant_of(disk(), np.zeros((64, 64), bool)), 0, "a")
    assert "at frame 1" in finding.remedy


def test_a_mask_within_the_box_has_nothing_beside_it() -> None:
    assert share_beside(disk(), CAMERAS[0], BOX) == 0


def test_a_small_box_leaves_most_of_a_mask_beside_it() -> None:
    small = Aabb((-0.05, -0.05, -0.05), (0.05, 0.05, 0.05))
    assert share_beside(disk(), CAMERAS[0], small) > 0.9


def test_nothing_is_beside_a_box_that_surrounds_the_camera() -> None:
    assert share_beside(disk(), CAMERAS[0], Aabb((-9, -9, -9), (9, 9, 9))) == 0
    assert share_beside(np.zeros((64, 64), bool), CAMERAS[0], BOX) == 0


def test_the_region_lies_between_the_cameras() -> None:
    region = common_region(CAMERAS)
    assert region is not None
    assert region.center == pytest.approx([0, 0, 0], abs=1e-3)
    assert 2 < region.size[0] / 2 < 4.3


def test_one_stray_camera_does_not_move_the_region() -> None:
    stray = look_at((4, 0, 0), (3, 4, 0), (0, 0, 1), lens=Lens(64, 64, 64))
    region = common_region([*CAMERAS, stray])
    assert region is not None
    assert region.center == pytest.approx([0, 0, 0], abs=0.2)


def test_a_camera_that_is_turned_around_does_not_matter() -> None:
    region = common_region([undone(CAMERAS[0], CONVENTIONS[0]), *CAMERAS[1:]])
    assert region is not None
    assert region.center == pytest.approx([0, 0, 0], abs=1e-3)


def test_parallel_cameras_have_no_region() -> None:
    lens = Lens(64, 64, 64)
    row = [look_at((x, 0, 0), (x, 1, 0), (0, 0, 1), lens=lens) for x in range(4)]
    assert common_region(row) is None


def test_a_box_grows_on_every_side() -> None:
    box = grown(Aabb((0, 0, 0), (1, 2, 4)), 0.5)
    assert box == Aabb((-0.5, -1, -2), (1.5, 3, 6))
