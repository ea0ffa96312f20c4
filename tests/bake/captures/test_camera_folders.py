"""Captures that are folders of pictures per camera: EasyVolcap's and ActorsHQ's."""

import csv
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.registry import detect_loader
from bake.errors import CaptureError
from tests.bake.captures.conftest import (
    COLUMNS,
    FOCAL,
    PAINT,
    POINT,
    POSES,
    ROW,
    SIZE,
    write_picture,
)

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
Change = Callable[[dict[str, Any]], object]


def to_world(number: int) -> np.ndarray:
    """OpenCV camera-to-world of an OpenGL pose."""
    return np.array(POSES[number], float) @ np.diag([1.0, -1, -1, 1])


def write_pictures(images: Path, masks: Path, names: Callable[[str, int], tuple[str, str]]) -> None:
    """Two cameras by two frames, and gray masks beside them."""
    for number, column in enumerate(COLUMNS):
        label = f"Cam{number:03d}"
        for frame in (4, 5):
            picture, mask = names(label, frame)
            write_picture(images / label / picture, column, channels=3)
            covered = np.zeros((SIZE, SIZE), np.uint8)
            covered[8:24, 8:24] = 255
            (masks / label).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(masks / label / mask), covered)


def write_easyvolcap(folder: Path, change: Change | None = None) -> Path:
    lenses: dict[str, Any] = {"names": [f"Cam{n:03d}" for n in range(2)]}
    poses: dict[str, Any] = {"names": lenses["names"]}
    for number, name in enumerate(lenses["names"]):
        pose = np.linalg.inv(to_world(number))
        center = SIZE / 2
        lenses[f"K_{name}"] = np.array([[FOCAL, 0, center], [0, FOCAL, center], [0, 0, 1]])
        lenses[f"D_{name}"] = np.zeros((5, 1))
        lenses[f"H_{name}"] = lenses[f"W_{name}"] = SIZE
        poses[f"R_{name}"] = cv2.Rodrigues(pose[:3, :3])[0]
        poses[f"T_{name}"] = pose[:3, 3:]
    if change:
        change({"lenses": lenses, "poses": poses})
    folder.mkdir(exist_ok=True)
    for name, values in (("intri.yml", lenses), ("extri.yml", poses)):
        storage = cv2.FileStorage(str(folder / name), cv2.FILE_STORAGE_WRITE)
        for key, value in values.items():
            if key == "names":
                storage.startWriteStruct(key, cv2.FileNode_SEQ)
                for each in value:
                    storage.write("", each)
                storage.endWriteStruct()
            else:
                storage.write(key, value)
        storage.release()
    write_pictures(
        folder / "images", folder / "masks", lambda _, f: (f"{f:06d}.png", f"{f:06d}.png")
    )
    return folder


def write_actorshq(folder: Path, change: Change | None = None) -> Path:
    rows = []
    for number in range(2):
        pose = to_world(number)
        turn = cv2.Rodrigues(pose[:3, :3])[0].ravel()
        numbers = (SIZE, SIZE, *turn, *pose[:3, 3], FOCAL / SIZE, FOCAL / SIZE, 0.5, 0.5)
        keys = ("w", "h", "rx", "ry", "rz", "tx", "ty", "tz", "fx", "fy", "px", "py")
        rows.append({"name": f"Cam{number:03d}", **dict(zip(keys, numbers, strict=True))})
    rows.append(rows[0] | {"name": "Cam160"})  # Not downloaded.
    if change:
        change({"rows": rows})
    folder.mkdir(exist_ok=True)
    write_table(folder / "calibration.csv", rows)
    keys = ("frame_number", *(f"aabb_{end}_{axis}" for end in ("min", "max") for axis in "xyz"))
    boxes = [(4, *BOX), (5, *BOX[:5], 1.5), (6, *BOX[:5], 99.0)]
    write_table(folder.parent / "aabbs.csv", [dict(zip(keys, box, strict=True)) for box in boxes])
    write_pictures(
        folder / "rgbs",
        folder / "masks",
        lambda label, frame: (f"{label}_rgb{frame:06d}.png", f"{label}_mask{frame:06d}.png"),
    )
    return folder


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


WRITERS = {"easyvolcap": write_easyvolcap, "actorshq": write_actorshq}
formats = pytest.mark.parametrize("form", WRITERS)


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), **options))


@formats
def test_a_known_point_lands_on_its_painted_pixel_in_every_view(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    assert detect_loader(str(folder)) == form
    capture = opened(folder, box=BOX)
    assert capture.labels == ("Cam000", "Cam001")
    assert (capture.frame_indices, capture.has_masks) == ((4, 5), True)
    for view, column in enumerate(COLUMNS):
        pixels, depth = capture.cameras[view].project([POINT])
        assert pixels[0] == pytest.approx([column + 0.5, ROW + 0.5], abs=1e-4)
        assert depth[0] == pytest.approx(4.0)
        seen = capture.view(1, view)
        assert seen.rgb[ROW, column].tolist() == list(PAINT)
        assert (seen.alpha[0, 0], seen.alpha[16, 16]) == (0, 255)


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


@formats
def test_damaged_files_are_refused_or_read_but_never_crash(tmp_path, form) -> None:
    folder = WRITERS[form](tmp_path / "scene")
    names = ("intri.yml", "extri.yml") if form == "easyvolcap" else ("calibration.csv",)
    generator = random.Random(form)
    for name in names:
        whole = (folder / name).read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            place = generator.randrange(len(data))
            kind = generator.randrange(4)
            if kind == 0:
                del data[place:]
            elif kind == 1:
                data[place] ^= 1 << generator.randrange(8)
            elif kind == 2:
                data[place : place + 3] = b"nan"
            else:
                data[place:place] = b"9" * generator.randrange(400)
            (folder / name).write_bytes(bytes(data))
            with suppress(CaptureError):
                opened(folder, box=BOX).view(0, 0)
        (folder / name).write_bytes(whole)


def test_boxes_of_all_chosen_frames_are_covered(tmp_path) -> None:
    aabb = opened(write_actorshq(tmp_path / "4x")).aabb
    assert (aabb.minimum, aabb.maximum) == ((-1.0, -1.0, -1.0), (1.0, 1.0, 1.5))


def test_bounds_of_easyvolcap_are_the_box(tmp_path) -> None:
    def change(files: dict[str, Any]) -> None:
        files["poses"]["bounds"] = np.array([BOX[:3], BOX[3:]])

    capture = opened(write_easyvolcap(tmp_path / "scene", change))
    assert (capture.aabb.minimum, capture.scene_box.origin) == (BOX[:3], "stated by the capture")


def test_a_rotation_may_be_a_matrix_and_a_lens_may_bend(tmp_path) -> None:
    def change(files: dict[str, Any]) -> None:
        for number in range(2):
            name = f"Cam{number:03d}"
            turn = files["poses"].pop(f"R_{name}")
            files["poses"][f"Rot_{name}"] = cv2.Rodrigues(turn)[0]
            files["lenses"][f"D_{name}"] = np.array([[-0.2, 0.05, 0, 0, 0]])

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


def test_a_file_of_aliases_within_aliases_takes_no_memory(tmp_path) -> None:
    folder = write_easyvolcap(tmp_path / "scene")
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 9) + "]" for level in range(1, 12)
    ]
    (folder / "intri.yml").write_text("\n".join([*lines, "names: *a11"]))
    with pytest.raises(CaptureError, match="expected a list of different cameras"):
        opened(folder, box=BOX)
    names = "names: [Cam000, Cam001]"
    (folder / "intri.yml").write_text("\n".join([*lines, names, "K_Cam000: *a11"]))
    with pytest.raises(CaptureError, match=r"has K_Cam000 = .*expected 9 finite"):
        opened(folder, box=BOX)
