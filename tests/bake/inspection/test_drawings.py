"""The contact sheet has a tile per camera, and the rig is drawn where it stands."""

import numpy as np
import pytest

from bake.inspection import contact_sheet as contact_sheet_module
from bake.inspection.contact_sheet import VERDICT_COLORS, contact_sheet, write_on
from bake.inspection.findings import Finding, Verdict
from bake.inspection.rig_drawing import draw_rig, up_axis
from bake.inspection.small_pictures import Instant, Small
from render.cameras import Lens, look_at
from render.geometry import Aabb
from tests.bake.inspection import small_captures

BOX = Aabb((-1, -1, -1), (1, 1, 1))
RING = small_captures.ring(8, 64)
LABELS = tuple(f"cam{view}" for view in range(8))


def has_color(picture: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((picture == color).all(axis=-1).any())


def test_a_sheet_has_room_for_every_view(instant, balls) -> None:
    sheet = contact_sheet(instant, balls.labels, ())
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] * sheet.shape[1] > 14 * 96 * 96
    assert 0.4 < sheet.shape[0] / sheet.shape[1] < 2.5


def test_bars_have_the_color_of_the_verdict(instant, balls) -> None:
    fault = Finding("mask", 3, Verdict.FAULT, "m", "r", "mask empty")
    clean, bad = (contact_sheet(instant, balls.labels, found) for found in ((), (fault,)))
    assert has_color(clean, VERDICT_COLORS[Verdict.OK])
    assert not has_color(clean, VERDICT_COLORS[Verdict.FAULT])
    assert has_color(bad, VERDICT_COLORS[Verdict.FAULT])


def test_masks_are_outlined_and_the_rest_is_gray(instant, balls) -> None:
    sheet = contact_sheet(instant, balls.labels, ())
    assert has_color(sheet, (236, 236, 236))
    assert (np.abs(sheet.astype(int) - (255, 0, 200)).sum(2) < 60).any()


def test_pictures_of_several_sizes_fit_one_sheet() -> None:
    pictures = {
        view: Small(np.full((20 + 10 * view, 60 - 10 * view, 3), 9, np.uint8), None)
        for view in range(3)
    }
    cameras = dict(enumerate(RING[:3]))
    sheet = contact_sheet(Instant(0, cameras, pictures), LABELS, ())
    assert (sheet == 9).all(axis=-1).sum() == sum(p.rgb[..., 0].size for p in pictures.values())


def test_any_label_can_be_written() -> None:
    picture = np.full((30, 200, 3), 255, np.uint8)
    write_on(picture, "Kamera äöü 機", (5, 20), (0, 0, 0))
    assert (picture < 100).any()


def test_the_rig_is_drawn_twice_with_its_box() -> None:
    drawn = draw_rig(RING, LABELS, BOX, {})
    half = drawn.shape[1] // 2
    for side in (drawn[:, :half], drawn[:, half:]):
        assert has_color(side, VERDICT_COLORS[Verdict.OK])
        assert has_color(side, (30, 90, 200))


def test_without_a_box_none_is_drawn() -> None:
    assert not has_color(draw_rig(RING, LABELS, None, {}), (30, 90, 200))


def test_a_wrong_camera_stands_out() -> None:
    drawn = draw_rig(RING, LABELS, BOX, {2: Verdict.FAULT, 4: Verdict.WARNING})
    assert has_color(drawn, VERDICT_COLORS[Verdict.FAULT])
    assert has_color(drawn, VERDICT_COLORS[Verdict.WARNING])


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_rigs_of_any_size_fill_the_drawing(size) -> None:
    lens = Lens(64, 64, 64)
    cameras = [
        look_at((size * np.cos(a), size * np.sin(a), 0), (0, 0, 0), (0, 0, 1), lens=lens)
        for a in (0, 1.5, 3, 4.5)
    ]
    drawn = draw_rig(cameras, LABELS, None, {})
    columns = np.nonzero((drawn == VERDICT_COLORS[Verdict.OK]).all(axis=-1).any(axis=0))[0]
    assert columns.min() < 150
    assert columns.max() > 1600


def test_a_huge_box_does_not_hide_the_cameras() -> None:
    drawn = draw_rig(RING, LABELS, Aabb((-1e6, -1e6, -1e6), (1e6, 1e6, 1e6)), {})
    columns = np.nonzero((drawn == VERDICT_COLORS[Verdict.OK]).all(axis=-1).any(axis=0))[0]
    assert np.ptp(columns[columns < 900]) > 100


def test_cameras_in_one_place_can_be_drawn() -> None:
    drawn = draw_rig([RING[0], RING[0]], LABELS, None, {})
    assert has_color(drawn, VERDICT_COLORS[Verdict.OK])


@pytest.mark.parametrize(
    ("up", "expected"), [((0, 0, 1), (2, 1)), ((0, 1, 0), (1, 1)), ((0, -1, 0), (1, -1))]
)
def test_up_is_where_the_cameras_say(up, expected) -> None:
    lens = Lens(32, 32, 32)
    eyes = [(3, 0.2, 0.1), (2.5, 0.5, 0.3), (-2, 0.1, 0.2)]
    assert up_axis([look_at(eye, (0, 0, 0), up, lens=lens) for eye in eyes]) == expected


@pytest.mark.parametrize("width", [40, 90, 320])
def test_titles_are_made_to_fit_their_pictures(width) -> None:
    for text in ("", "cam00", "cam00 mask consistency and more", "x" * 400):
        shown, size = contact_sheet_module._fitted(text, width)
        assert contact_sheet_module._width(shown, size) <= width
        assert size > 0.29
        assert shown == text or shown.endswith("...") or not shown
