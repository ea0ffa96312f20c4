"""Cameras by name out of every kind of calibration, and names that do not go together."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.captures.lens import NO_DISTORTION, LensCamera
from bake.errors import CaptureError
from bake.preparation.calibration import (
    Calibration,
    fitted,
    matched,
    read_calibration,
    scaled_lenses,
)
from tests.bake.captures.colmap_writer import WrittenModel
from tests.bake.captures.test_video_captures import write_neural3d, write_rerf
from tests.bake.conftest import SphereScene

SIZE = 64
SCENE = SphereScene(size=SIZE, camera_count=3)
LABELS = ("cam0", "cam1", "cam2")
SIZES = dict.fromkeys(LABELS, (SIZE, SIZE))


def document(names: dict[str, int], **more: object) -> dict[str, object]:
    """transforms.json with a picture per name, of the camera with that number."""
    entries = []
    for name, number in names.items():
        pose = np.linalg.inv(SCENE.cameras[number].world_to_camera)
        pose[:, 1:3] *= -1
        entries.append({"file_path": name, "transform_matrix": pose.tolist()})
    return {"w": SIZE, "h": SIZE, "fl_x": float(SIZE), "frames": entries, **more}


def write_document(folder: Path, names: dict[str, int], **more: object) -> Path:
    path = folder / "transforms.json"
    path.write_text(json.dumps(document(names, **more)))
    return path


def write_colmap(folder: Path, names: list[str]) -> Path:
    pictures = [(name, 1, SCENE.cameras[n].world_to_camera) for n, name in enumerate(names)]
    half = SIZE / 2
    lens = ("OPENCV", SIZE, SIZE, (SIZE, SIZE, half, half, -0.1, 0.01, 0.0, 0.0))
    points = np.random.default_rng(1).normal(size=(70, 3))
    WrittenModel({1: lens}, pictures, points).write(folder, "bin")
    return folder


def write_easyvolcap(folder: Path) -> Path:
    names = "names:\n" + "".join(f'  - "{label}"\n' for label in LABELS)

    def matrix(name: str, values: np.ndarray) -> str:
        rows, columns = values.shape
        data = ", ".join(repr(float(value)) for value in values.ravel())
        return (
            f"{name}: !!opencv-matrix\n  rows: {rows}\n  cols: {columns}\n  dt: d\n"
            f"  data: [{data}]\n"
        )

    lens, poses = "%YAML:1.0\n---\n" + names, "%YAML:1.0\n---\n" + names
    for number, label in enumerate(LABELS):
        half = SIZE / 2
        lens += matrix(f"K_{label}", np.array([[SIZE, 0, half], [0, SIZE, half], [0, 0, 1.0]]))
        lens += matrix(f"D_{label}", np.array([[-0.1, 0.01, 0, 0, 0]]))
        pose = SCENE.cameras[number].world_to_camera
        poses += matrix(f"R_{label}", cv2.Rodrigues(pose[:3, :3])[0])
        poses += matrix(f"T_{label}", pose[:3, 3:])
    (folder / "intri.yml").write_text(lens)
    (folder / "extri.yml").write_text(poses)
    return folder


def check_poses(cameras: dict[str, LensCamera]) -> None:
    for number, label in enumerate(LABELS):
        found, true = cameras[label].camera, SCENE.cameras[number]
        assert found.world_to_camera == pytest.approx(true.world_to_camera, abs=1e-6)
        assert (found.width, found.focal_x, found.center_y) == (SIZE, SIZE, SIZE / 2)


@pytest.mark.parametrize("names", ["{}.png", "images/{}.jpg", "{}/0000.png", "a/{}/000001.png"])
def test_pictures_or_folders_of_transforms_name_the_cameras(tmp_path, names) -> None:
    stated = {names.format(label): number for number, label in enumerate(LABELS)}
    path = write_document(tmp_path, stated, aabb=[[-1, -1, -1], [1, 2, 1]])
    for place in (path, tmp_path):
        calibration = read_calibration(place, SIZES)
        check_poses(matched(calibration, SIZES, allow_subset=False))
        assert calibration.aabb is not None
        assert calibration.aabb.maximum == (1, 2, 1)


def test_many_pictures_per_camera_are_one_camera_and_keep_the_split(tmp_path) -> None:
    names = {f"{label}/{f:03d}.png": n for n, label in enumerate(LABELS) for f in range(4)}
    held_out = [name for name in names if name.startswith("cam1")]
    path = write_document(tmp_path, names, test_filenames=held_out)
    calibration = read_calibration(path, SIZES)
    check_poses(matched(calibration, SIZES, allow_subset=False))
    assert calibration.held_out == {"cam1"}


def test_a_moving_camera_is_no_rig(tmp_path) -> None:
    path = write_document(tmp_path, {"a/0.png": 0, "b/0.png": 1, "a/1.png": 1, "b/1.png": 0})
    with pytest.raises(CaptureError, match="several cameras of one name"):
        read_calibration(path, SIZES)


def test_sizes_that_are_not_stated_are_those_of_the_videos(tmp_path) -> None:
    path = tmp_path / "transforms.json"
    values = document({f"{label}.png": n for n, label in enumerate(LABELS)})
    del values["w"], values["h"]
    path.write_text(json.dumps(values))
    check_poses(matched(read_calibration(path, SIZES), SIZES, allow_subset=False))


@pytest.mark.parametrize("name", ["{}.png", "{}/00.png"])
@pytest.mark.parametrize("place", ["", "sparse/0"])
def test_colmap_gives_lenses_and_points(tmp_path, name, place) -> None:
    write_colmap(tmp_path / place, [name.format(label) for label in LABELS])
    calibration = read_calibration(tmp_path, SIZES)
    cameras = matched(calibration, SIZES, allow_subset=False)
    check_poses(cameras)
    assert cameras["cam1"].distortion.coefficients[:2] == (-0.1, 0.01)
    assert calibration.points is not None
    assert calibration.points.shape == (70, 3)
    file = tmp_path / place / "images.bin"
    assert read_calibration(file, SIZES).cameras.keys() == calibration.cameras.keys()


def test_easyvolcap_gives_lenses_by_its_names(tmp_path) -> None:
    write_easyvolcap(tmp_path)
    for place in (tmp_path, tmp_path / "intri.yml", tmp_path / "extri.yml"):
        calibration = read_calibration(place, SIZES)
        cameras = matched(calibration, SIZES, allow_subset=False)
        check_poses(cameras)
        assert cameras["cam2"].distortion.coefficients[0] == -0.1
    two = {label: SIZES[label] for label in LABELS[:2]}
    assert {*read_calibration(tmp_path, two).cameras} == {*LABELS}


def test_rows_without_names_go_to_videos_in_order(tmp_path) -> None:
    folder = write_neural3d(tmp_path / "scene")
    sizes = {"left": (32, 32), "right": (32, 32)}
    for place in (folder, folder / "poses_bounds.npy"):
        calibration = read_calibration(place, sizes)
        assert {*calibration.cameras} == {"left", "right"}
        assert calibration.points is not None
    assert calibration.cameras["left"].camera.focal_x == pytest.approx(32)
    with pytest.raises(
        CaptureError, match=r"2 cameras without names and there are 3 videos \(cam0"
    ):
        read_calibration(folder, SIZES)


def test_other_captures_give_their_cameras_by_label(tmp_path) -> None:
    calibration = read_calibration(write_rerf(tmp_path / "scene"), {"000": (32, 32)})
    assert {*calibration.cameras} == {"000", "001"}
    assert calibration.aabb is not None


def test_names_on_one_side_alone_are_listed_for_both_sides(tmp_path) -> None:
    path = write_document(tmp_path, {"cam0.png": 0, "cam1.png": 1, "left.png": 2})
    calibration = read_calibration(path, SIZES)
    with pytest.raises(
        CaptureError,
        match=r"videos without a camera: cam2; cameras without a video: left; both have cam0, cam1",
    ):
        matched(calibration, SIZES, allow_subset=True)


def test_cameras_without_a_video_are_left_out_on_request_only(tmp_path) -> None:
    path = write_document(tmp_path, {f"{label}.png": n for n, label in enumerate(LABELS)})
    two = {label: SIZES[label] for label in LABELS[:2]}
    calibration = read_calibration(path, two)
    with pytest.raises(CaptureError, match=r"cameras without a video: cam2; .*give --subset"):
        matched(calibration, two, allow_subset=False)
    assert {*matched(calibration, two, allow_subset=True)} == {*two}


def test_a_smaller_video_of_the_same_shape_scales_its_camera() -> None:
    lens = LensCamera(SCENE.cameras[0], NO_DISTORTION)
    half = fitted(lens, (SIZE // 2, SIZE // 2), "cam0").camera
    assert (half.width, half.focal_x, half.center_x) == (SIZE // 2, SIZE / 2, SIZE / 4)
    with pytest.raises(
        CaptureError,
        match=r"camera cam0 was calibrated with pictures of 64x64 and "
        r"its video has 64x48",
    ):
        fitted(lens, (SIZE, 48), "cam0")


@pytest.mark.parametrize(
    ("smaller", "words"),
    [
        (0, ""),
        (1, "lenses are scaled to their videos: cam0 64x64 to 32x32"),
        (
            3,
            "lenses are scaled to their videos: cam0 64x64 to 32x32, cam1 64x64 to 32x32, "
            "cam2 64x64 to 32x32",
        ),
        (6, "cam3 64x64 to 32x32 and 2 more"),
    ],
)
def test_videos_of_another_size_than_calibrated_are_told(smaller, words) -> None:
    lens = LensCamera(SCENE.cameras[0], NO_DISTORTION)
    labels = [f"cam{number}" for number in range(6)]
    sizes = {
        label: (SIZE // 2, SIZE // 2) if number < smaller else (SIZE, SIZE)
        for number, label in enumerate(labels)
    }
    said = scaled_lenses(Calibration(dict.fromkeys(labels, lens)), sizes)
    assert said.endswith(words)
    assert bool(said) == bool(words)


@pytest.mark.parametrize("name", ["nothing", "notes.txt"])
def test_what_is_no_calibration_is_named(tmp_path, name) -> None:
    if name == "notes.txt":
        (tmp_path / name).write_text("cameras are over there")
    with pytest.raises(CaptureError, match=r"--cameras|known format"):
        read_calibration(tmp_path / name, SIZES)


def test_damaged_transforms_are_refused_or_read_but_never_crash(tmp_path) -> None:
    whole = json.dumps(document({f"{label}.png": n for n, label in enumerate(LABELS)}))
    generator = np.random.default_rng(4)
    path = tmp_path / "transforms.json"
    for _ in range(60):
        place = int(generator.integers(len(whole)))
        path.write_text(whole[:place] + '9[}"e,'[int(generator.integers(6))] + whole[place + 1 :])
        try:
            matched(read_calibration(path, SIZES), SIZES, allow_subset=True)
        except CaptureError as error:
            assert str(error)  # noqa: PT017 -- any outcome but a crash is right
