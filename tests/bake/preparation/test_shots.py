"""Masks are planned for all cameras or none, and shots are what a window and a mask leave."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.captures.lens import NO_DISTORTION, LensCamera
from bake.errors import CaptureError
from bake.preparation.chroma_key import parse_key
from bake.preparation.recordings import Recording, find_videos, open_recordings
from bake.preparation.shots import MaskPlan, ShotReader, open_shots, plan_masks
from bake.preparation.windows import Window, whole_window
from hwcodec import MovieDecoder
from render.cameras import Camera
from tests.bake.preparation.conftest import write_movie

SIZE, COUNT = 32, 4
BACK, SUBJECT = (40, 170, 70), (190, 110, 90)


def picture(frame: int) -> np.ndarray:
    rgb = np.full((SIZE, SIZE, 3), BACK, np.uint8)
    rgb[8:24, 8 + frame : 20 + frame] = SUBJECT
    return rgb


def mask(frame: int) -> np.ndarray:
    gray = np.zeros((SIZE, SIZE, 3), np.uint8)
    gray[8:24, 8 + frame : 20 + frame] = 255
    return gray


@pytest.fixture
def rig(tmp_path: Path) -> dict[str, Recording]:
    for label in ("a", "b"):
        write_movie(tmp_path / f"videos/{label}.mp4", [picture(f) for f in range(COUNT)])
        write_movie(tmp_path / f"masks/{label}.mp4", [mask(f) for f in range(COUNT)])
        plates = tmp_path / "plates"
        plates.mkdir(exist_ok=True)
        cv2.imwrite(str(plates / f"{label}.png"), np.full((SIZE, SIZE, 3), BACK[::-1], np.uint8))
    return open_recordings(find_videos([tmp_path / "videos"]), "software")


def window() -> Window:
    camera = Camera(SIZE, SIZE, 30.0, 30.0, 16.0, 16.0, np.eye(4))
    return whole_window(LensCamera(camera, NO_DISTORTION))


def plans(rig: dict[str, Recording], folder: Path) -> dict[str, MaskPlan]:
    return {
        "none": plan_masks(rig, None, None, None),
        "videos": plan_masks(rig, folder / "masks", None, None),
        "chroma key 40,170,70": plan_masks(rig, None, parse_key("40,170,70"), None),
        "clean plate": plan_masks(rig, None, None, folder / "plates"),
    }


def test_every_plan_says_what_it_is_and_which_file_it_reads(rig, tmp_path) -> None:
    files = {"none": None, "videos": "b.mp4", "clean plate": "b.png"}
    for method, plan in plans(rig, tmp_path).items():
        assert plan.method == method
        file = plan.file("b")
        assert (file and file.name) == files.get(method)


def test_every_plan_finds_the_subject_at_the_picked_picture(rig, tmp_path) -> None:
    for method, plan in plans(rig, tmp_path).items():
        shown = open_shots(rig["a"], (2, 3), window(), plan).read(1)
        if method == "none":
            assert shown.shape == (SIZE, SIZE, 3)
            assert shown[16, 16].tolist() == pytest.approx(SUBJECT, abs=6)
            continue
        assert shown.shape == (SIZE, SIZE, 4)
        true = mask(3)[..., 1] > 127
        found = shown[..., 3] > 127
        assert (true & found).sum() / (true | found).sum() > 0.8
        assert shown[16, 16, :3].tolist() == pytest.approx(SUBJECT, abs=8)


def test_color_beside_the_subject_is_its_own_and_not_the_backdrops(rig, tmp_path) -> None:
    for method, plan in plans(rig, tmp_path).items():
        if method != "none":
            shown = open_shots(rig["a"], (2,), window(), plan).read(0).astype(float)
            beside = shown[2:6, 2:6]
            assert np.abs(beside[..., :3] - SUBJECT).mean() < np.abs(beside[..., :3] - BACK).mean()
            assert beside[..., 3].max() == 0


def test_the_reader_for_boxes_shows_every_view_with_its_masks(rig, tmp_path) -> None:
    plan = plan_masks(rig, tmp_path / "masks", None, None)
    picks = {"a": (0, 1), "b": (2, 3)}
    reader = ShotReader(tuple(rig.values()), picks, (window(), window()), plan)
    assert reader.inspect([0])
    first, second = (reader.read(0, view)[..., 3] > 127 for view in (0, 1))
    assert first[16, 9]
    assert not second[16, 8]
    bare = ShotReader(tuple(rig.values()), picks, (window(), window()), MaskPlan())
    assert not bare.inspect([0])
    assert bare.read(1, 1).shape == (SIZE, SIZE, 3)


def test_cameras_without_a_mask_or_plate_are_all_named(rig, tmp_path) -> None:
    for name, kind in (("masks", "mask video"), ("plates", "clean plate")):
        for file in (tmp_path / name).glob("b.*"):
            file.unlink()
        masks, plates = (tmp_path / name if name == kept else None for kept in ("masks", "plates"))
        with pytest.raises(CaptureError, match=rf"no {kind} of camera b, .*there are a"):
            plan_masks(rig, masks, None, plates)


@pytest.mark.parametrize(("count", "size"), [(COUNT - 1, SIZE), (COUNT, SIZE // 2)])
def test_masks_of_another_length_or_size_are_refused(rig, tmp_path, count, size) -> None:
    pictures = [mask(0)[:size, :size]] * count
    write_movie(tmp_path / "masks/b.mp4", pictures)
    with pytest.raises(CaptureError, match=rf"masks of camera b are {count} pictures of {size}x"):
        plan_masks(rig, tmp_path / "masks", None, None)


def test_a_device_that_fails_later_names_the_way_out(rig) -> None:
    on_device = Recording("a", rig["a"].movie, MovieDecoder("cuda", "a test"))
    shots = open_shots(on_device, (9,), window(), MaskPlan())
    with pytest.raises(CaptureError, match=r"camera a: .*; or give --decoder software"):
        shots.read(0)
    with pytest.raises(CaptureError) as caught:
        open_shots(rig["a"], (9,), window(), MaskPlan()).read(0)
    assert "--decoder" not in str(caught.value)


def test_a_plate_of_another_size_is_refused_when_it_is_compared(rig, tmp_path) -> None:
    small = np.zeros((SIZE // 2, SIZE // 2, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "plates/a.png"), small)
    plan = plan_masks(rig, None, None, tmp_path / "plates")
    with pytest.raises(CaptureError, match="clean plate is 16x16, expected 32x32"):
        open_shots(rig["a"], (0,), window(), plan).read(0)
