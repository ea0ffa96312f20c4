"""Captures that are folders of pictures per camera: EasyVolcap's and ActorsHQ's."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import CaptureError
from tests.bake.captures import layout_writers
from tests.bake.captures.conftest import COLUMNS, POINT, ROW, footage

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)


def write_easyvolcap(folder: Path, *change: object) -> Path:
    return layout_writers.write_easyvolcap(folder, footage((4, 5)), *change)


def write_actorshq(folder: Path, *change: object) -> Path:
    return layout_writers.write_actorshq(folder, footage((4, 5)), *change)


WRITERS = {"easyvolcap": write_easyvolcap, "actorshq": write_actorshq}
formats = pytest.mark.parametrize("form", WRITERS)


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), **options))


@formats
def test_a_frame_that_a_camera_lacks_is_named(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    for kind, pattern in (("mask", "masks/Cam001/*05.png"), ("picture", "*/Cam000/*05.png")):
        next(
            path
            for path in sorted(folder.glob(pattern))
            if kind in {"mask"} or "masks" not in path.parts
        ).unlink()
        with pytest.raises(CaptureError, match=rf"camera Cam00\d has no {kind} at 1 of 2 frames"):
            opened(folder, box=BOX)


@formats
def test_pictures_of_half_the_size_have_a_camera_of_half_the_size(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    for path in folder.rglob("*.png"):
        cv2.imwrite(str(path), cv2.imread(str(path))[::2, ::2])
    pixels, _ = opened(folder, box=BOX).cameras[0].project([POINT])
    assert pixels[0] == pytest.approx([(COLUMNS[0] + 0.5) / 2, (ROW + 0.5) / 2], abs=1e-4)


def test_boxes_of_all_chosen_frames_are_covered(tmp_path) -> None:
    aabb = opened(write_actorshq(tmp_path / "4x")).aabb
    assert (aabb.minimum, aabb.maximum) == ((-1.0, -1.0, -1.0), (1.0, 1.0, 1.5))


def test_bounds_of_easyvolcap_are_the_box_unless_they_are_those_of_everything(tmp_path) -> None:
    capture = opened(write_easyvolcap(tmp_path / "some"))
    assert (capture.aabb.minimum, capture.scene_box.origin) == (BOX[:3], "stated by the capture")

    def change(files: dict[str, Any]) -> None:
        for number in range(2):
            files["poses"][f"bounds_Cam{number:03d}"] = np.array([[-1e6] * 3, [1e6] * 3])

    with pytest.raises(CaptureError, match="states no box around its scene"):
        _ = opened(write_easyvolcap(tmp_path / "all", change)).aabb


@pytest.mark.parametrize("kind", ["mask", "msk"])
def test_folders_of_masks_may_have_shorter_names(tmp_path, kind) -> None:
    folder = write_easyvolcap(tmp_path / "scene")
    (folder / "masks").rename(folder / kind)
    assert opened(folder).has_masks


def test_a_rotation_may_be_a_matrix_and_a_lens_may_bend(tmp_path) -> None:
    def change(files: dict[str, Any]) -> None:
        for number in range(2):
            name = f"Cam{number:03d}"
            del files["poses"][f"R_{name}"], files["lenses"][f"D_{name}"]
            files["lenses"][f"dist_{name}"] = np.array([[-0.2, 0.05, 0, 0, 0]])

    plain = opened(write_easyvolcap(tmp_path / "plain"), box=BOX)
    bent = opened(write_easyvolcap(tmp_path / "bent", change), box=BOX)
    assert np.allclose(plain.cameras[1].world_to_camera, bent.cameras[1].world_to_camera)
    assert bent.cameras[0].focal_x != plain.cameras[0].focal_x


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f["lenses"].update(names=["Cam000", "Cam000"]), "expected a list of different"),
        (lambda f: f["lenses"].update(names=["../x"]), "expected a list of different cameras"),
        (lambda f: f["lenses"].pop("K_Cam001"), "has K_Cam001 = None, expected 9 finite numbers"),
        (lambda f: f["poses"].update(T_Cam000=np.ones(2)), "T_Cam000 = .*expected 3 finite"),
        (lambda f: f["poses"].update(R_Cam000=np.ones(3) * np.nan), "R_Cam000 = .*expected 3"),
        (
            lambda f: f["lenses"].update(names=["Cam007"]),
            r"Cam007 is missing, expected the pictures",
        ),
    ],
)
def test_cameras_of_easyvolcap_that_cannot_be_are_refused(tmp_path, change, words) -> None:
    with pytest.raises(CaptureError, match=words):
        opened(write_easyvolcap(tmp_path / "scene", change), box=BOX)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f["rows"][0].update(fx="wide"), "calibration.csv cannot be used: could not"),
        (lambda f: f["rows"][0].update(tx="nan"), "tx is nan, expected a number"),
        (lambda f: f["rows"][0].update(name="../.."), "expected different names of folders"),
        (lambda f: f["rows"][0].update(fx=0), "camera Cam000 of calibration.csv cannot be used"),
        (lambda f: [row.pop("py") for row in f["rows"]], "it has no column py"),
        (lambda f: [row.update(name=f"X{n}") for n, row in enumerate(f["rows"])], "none of the 3"),
    ],
)
def test_cameras_of_actorshq_that_cannot_be_are_refused(tmp_path, change, words) -> None:
    with pytest.raises(CaptureError, match=words):
        opened(write_actorshq(tmp_path / "4x", change))
