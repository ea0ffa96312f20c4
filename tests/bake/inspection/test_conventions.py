"""Every misreading of a pose leaves a pose, and undoing it twice leads back."""

import numpy as np
import pytest

from bake.inspection.conventions import CONVENTIONS, undone
from render.cameras import Camera, Lens, look_at

every_convention = pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.cause)


def camera() -> Camera:
    return look_at((2, 1, 3), (0.2, 0, 0.1), (0, 0, 1), lens=Lens(64, 48, 70))


@every_convention
def test_a_misread_pose_is_still_a_rotation_and_a_shift(convention) -> None:
    pose = undone(camera(), convention).world_to_camera
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    assert not np.allclose(pose, camera().world_to_camera)


@every_convention
def test_undoing_a_misreading_twice_leads_back(convention) -> None:
    twice = undone(undone(camera(), convention), convention)
    assert np.allclose(twice.world_to_camera, camera().world_to_camera)


@every_convention
def test_only_the_pose_changes(convention) -> None:
    before, after = camera(), undone(camera(), convention)
    for name in ("width", "height", "focal_x", "focal_y", "center_x", "center_y"):
        assert getattr(before, name) == getattr(after, name)


@pytest.mark.parametrize("cause", ["axes flipped", "upside down", "rotation transposed"])
def test_some_misreadings_leave_the_camera_where_it_stands(cause) -> None:
    convention = next(each for each in CONVENTIONS if each.cause == cause)
    assert np.allclose(undone(camera(), convention).position, camera().position)


def test_flipped_axes_look_the_other_way() -> None:
    assert undone(camera(), CONVENTIONS[0]).forward == pytest.approx(-camera().forward)


def test_upside_down_looks_the_same_way() -> None:
    turned = undone(camera(), CONVENTIONS[1])
    assert turned.forward == pytest.approx(camera().forward)
    assert turned.up == pytest.approx(-camera().up)


def test_every_convention_has_words_of_its_own() -> None:
    assert len({each.cause for each in CONVENTIONS}) == len(CONVENTIONS)
    assert all(each.wrong and each.remedy for each in CONVENTIONS)
