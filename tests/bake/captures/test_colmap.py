"""COLMAP's models: one known pixel, every form and lens, damage, and a real reconstruction."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.captures.colmap_model import camera_of, read_model
from bake.errors import CaptureError
from tests.bake.captures.colmap_writer import WrittenModel
from tests.bake.captures.conftest import (
    COLUMNS,
    FOCAL,
    PAINT,
    POINT,
    ROW,
    SIZE,
    footage,
    painted,
)
from tests.bake.captures.layout_writers import write_picture

Write = Callable[..., Path]
PINHOLE = ("PINHOLE", SIZE, SIZE, (FOCAL, FOCAL, SIZE / 2, SIZE / 2))


def model(lens: tuple[str, int, int, tuple[float, ...]] = PINHOLE) -> WrittenModel:
    generator = np.random.default_rng(2)
    pictures = [(f"cam{n}.png", 7, pose) for n, pose in enumerate(footage().to_camera)]
    return WrittenModel({7: lens}, pictures, generator.uniform(-1, 1, (200, 3)))


@pytest.fixture
def colmap(tmp_path: Path) -> Write:
    def write(
        written: WrittenModel | None = None, form: str = "bin", where: str = "sparse/0"
    ) -> Path:
        folder = tmp_path / "scene"
        (written or model()).write(folder / where, form)
        for number, picture in enumerate(painted(3)):
            write_picture(folder / "images" / f"cam{number}.png", picture)
        return folder

    return write


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), **options))


@pytest.mark.parametrize("form", ["bin", "txt"])
@pytest.mark.parametrize("where", ["sparse/0", "sparse", "colmap/sparse/0"])
def test_a_known_point_lands_on_its_painted_pixel_in_every_view(colmap, form, where) -> None:
    capture = opened(colmap(form=form, where=where))
    assert capture.frame_count == 1
    assert capture.labels == ("cam0", "cam1")
    for view, column in enumerate(COLUMNS):
        pixels, depth = capture.cameras[view].project([POINT])
        assert pixels[0] == pytest.approx([column + 0.5, ROW + 0.5])
        assert depth[0] == pytest.approx(4.0)
        assert capture.view(0, view).rgb[ROW, column].tolist() == list(PAINT)


def test_both_forms_say_the_same(colmap) -> None:
    written = model()
    written.keypoints = {"cam1.png": [(1.5, 2.5, 4), (3.0, 4.0, -1)]}
    found = [
        read_model(colmap(written, form=form, where=f"{form}/sparse/0") / form / "sparse/0")
        for form in ("bin", "txt")
    ]
    assert found[0].lenses == found[1].lenses
    assert np.allclose(found[0].points, found[1].points)
    for first, second in zip(found[0].pictures, found[1].pictures, strict=True):
        assert (first.name, first.lens) == (second.name, second.lens)
        assert np.allclose(first.world_to_camera, second.world_to_camera)
        assert np.array_equal(first.keypoints, second.keypoints)
        assert np.array_equal(first.point_ids, second.point_ids)


def test_the_box_lies_around_the_points_without_strays(colmap) -> None:
    written = model()
    written.points[0] = 1000.0
    capture = opened(colmap(written))
    assert np.allclose(capture.aabb.minimum, -1.1, atol=0.1)
    assert np.allclose(capture.aabb.maximum, 1.1, atol=0.1)
    assert capture.scene_box.origin == "around 200 points of calibration"


def test_a_box_of_the_user_comes_first(colmap) -> None:
    capture = opened(colmap(), box=(-1, -2, -3, 1, 2, 3))
    assert (capture.aabb.minimum, capture.aabb.maximum) == ((-1, -2, -3), (1, 2, 3))
    assert capture.scene_box.origin == "given"


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 1, 1, 0, 0, 0), (0, 0, 0, 1, 1, float("nan"))])
def test_six_numbers_that_are_no_box_are_refused(colmap, box) -> None:
    with pytest.raises(CaptureError, match=r"capture box is .*, expected six numbers"):
        opened(colmap(), box=box)


def test_without_points_a_box_must_be_given(colmap) -> None:
    written = model()
    written.points = written.points[:3]
    folder = colmap(written)
    with pytest.raises(CaptureError, match=r"no box .* give capture.box=\[x,y,z,x,y,z\]"):
        _ = opened(folder).aabb
    assert opened(folder, box=(-1, -1, -1, 1, 1, 1)).frame_count == 1


def test_named_cameras_are_held_out(colmap) -> None:
    folder = colmap()
    assert opened(folder).split.test == (0,)
    split = opened(folder, test="cam1").split
    assert (split.train, split.test) == ((0,), (1,))
    for wrong in ("cam9", "cam0, cam1", ","):
        with pytest.raises(CaptureError, match="expected some but not all of the cameras"):
            opened(folder, test=wrong)


def test_smaller_pictures_have_a_smaller_camera(colmap) -> None:
    folder = colmap(model(("PINHOLE", 4 * SIZE, 4 * SIZE, (4 * FOCAL,) * 2 + (2 * SIZE,) * 2)))
    (folder / "images").rename(folder / "images_4")
    capture = opened(folder)
    pixels, _ = capture.cameras[0].project([POINT])
    assert pixels[0] == pytest.approx([COLUMNS[0] + 0.5, ROW + 0.5])


def test_a_folder_of_pictures_per_camera_is_a_moving_scene(colmap) -> None:
    folder = colmap()
    for number, picture in enumerate(painted(3)):
        (folder / "images" / f"cam{number}.png").unlink()
        for frame in (3, 4, 9):
            write_picture(folder / f"images/cam{number}/{frame:04d}.png", picture)
    capture = opened(folder)
    assert capture.frame_count == 3
    assert capture.view(2, 1).rgb[ROW, COLUMNS[1]].tolist() == list(PAINT)
    (folder / "images/cam1/0009.png").unlink()
    with pytest.raises(CaptureError, match=r"cam1 has no picture at 1 of 3 frames \(9\)"):
        opened(folder)


@pytest.mark.parametrize("frames", [(0,), (0, 1, 5)])
def test_cameras_that_were_calibrated_in_folders_are_called_as_these(colmap, frames) -> None:
    written = model()
    written.pictures = [
        (f"{name.removesuffix('.png')}/0000.png", lens, pose)
        for name, lens, pose in written.pictures
    ]
    folder = colmap(written)
    for number, picture in enumerate(painted(3)):
        (folder / "images" / f"cam{number}.png").unlink()
        for frame in frames:
            write_picture(folder / f"images/cam{number}/{frame:04d}.png", picture)
    capture = opened(folder, test="cam1")
    assert capture.labels == ("cam0", "cam1")
    assert capture.frame_indices == frames
    assert capture.view(len(frames) - 1, 1).rgb[ROW, COLUMNS[1]].tolist() == list(PAINT)
    (folder / "images/cam1/0000.png").unlink()
    with pytest.raises(CaptureError, match=r"cam1|1 of 2 pictures are missing"):
        opened(folder)


def test_missing_pictures_are_counted_among_all(colmap) -> None:
    folder = colmap()
    (folder / "images/cam1.png").unlink()
    with pytest.raises(CaptureError, match=r"1 of 2 pictures are missing: .*cam1\.png"):
        opened(folder)


LENSES = {
    "SIMPLE_PINHOLE": (),
    "SIMPLE_RADIAL": (-0.2,),
    "RADIAL": (-0.2, 0.05),
    "OPENCV": (-0.2, 0.05, 0.003, -0.002),
    "FULL_OPENCV": (-0.2, 0.05, 0.003, -0.002, 0.01, 0.02, -0.01, 0.005),
    "OPENCV_FISHEYE": (0.05, -0.02, 0.004, -0.001),
}


@pytest.mark.parametrize("name", LENSES)
def test_a_bent_picture_is_straightened_to_a_tenth_of_a_pixel(colmap, name) -> None:
    """Dots painted where the lens shows known points lie where the pinhole camera has them."""
    side, focal = 400, 400.0
    is_single = name in {"SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"}
    center = (side / 2 + 7, side / 2 - 4)
    values = ((focal,) if is_single else (focal, focal)) + center + LENSES[name]
    folder = colmap(model((name, side, side, values)))
    grid = np.linspace(-0.9, 0.9, 5)
    points = np.array([(x, y, POINT[2] - 0.0) for x in grid for y in grid])
    pose = footage().to_camera[0]
    seen = points @ pose[:3, :3].T + pose[:3, 3]
    # OpenCV's pixel centers lie at whole numbers.
    matrix = np.array([[focal, 0, center[0] - 0.5], [0, focal, center[1] - 0.5], [0, 0, 1]])
    coefficients = np.zeros(4 if name == "OPENCV_FISHEYE" else 8)
    coefficients[: len(LENSES[name])] = LENSES[name]
    zeros = np.zeros(3)
    if name == "OPENCV_FISHEYE":
        bent, _ = cv2.fisheye.projectPoints(seen[:, None], zeros, zeros, matrix, coefficients)
    else:
        bent, _ = cv2.projectPoints(seen, zeros, zeros, matrix, coefficients)
    for number in range(2):
        cv2.imwrite(str(folder / f"images/cam{number}.png"), dots(side, bent.reshape(-1, 2)))
    capture = opened(folder)
    picture = capture.view(0, 0).rgb[..., 0].astype(float)
    wanted, _ = capture.cameras[0].project(points)
    inside = ((wanted > 12) & (wanted < side - 12)).all(1)
    assert inside.sum() >= 9
    for x, y in wanted[inside]:
        found = centroid(picture, x, y)
        assert np.hypot(found[0] - x, found[1] - y) < 0.1


def dots(side: int, places: np.ndarray) -> np.ndarray:
    """Soft dots at places where whole numbers are pixel centers."""
    rows, columns = np.mgrid[:side, :side]
    picture = np.zeros((side, side))
    for x, y in places:
        picture += 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def centroid(picture: np.ndarray, x: float, y: float, reach: int = 8) -> tuple[float, float]:
    """Where the brightness around a place lies, with pixel centers at +0.5."""
    column, row = int(x), int(y)
    part = picture[row - reach : row + reach + 1, column - reach : column + reach + 1]
    rows, columns = np.mgrid[row - reach : row + reach + 1, column - reach : column + reach + 1]
    total = part.sum()
    return (part * (columns + 0.5)).sum() / total, (part * (rows + 0.5)).sum() / total


def test_a_lens_that_is_not_known_here_is_refused_with_the_way_out(colmap) -> None:
    folder = colmap(model(("FOV", SIZE, SIZE, (FOCAL, FOCAL, 16.0, 16.0, 0.9))))
    with pytest.raises(CaptureError, match=r"model FOV, expected .*run COLMAP's image_undistorter"):
        opened(folder)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "C:/x.png", "a/../../b.png"])
def test_a_picture_outside_the_folder_is_refused(colmap, name) -> None:
    written = model()
    written.pictures[0] = (name, 7, written.pictures[0][2])
    with pytest.raises(CaptureError, match="does not lie inside the folder of pictures"):
        opened(colmap(written))


def test_missing_pictures_and_models_are_named(colmap, tmp_path) -> None:
    folder = colmap()
    (folder / "images/cam1.png").unlink()
    with pytest.raises(CaptureError, match=r"cam1\.png"):
        opened(folder)
    shutil.rmtree(folder / "images")
    with pytest.raises(CaptureError, match="holds no pictures, expected a folder named images"):
        opened(folder)
    (folder / "sparse/0/cameras.bin").unlink()
    with pytest.raises(CaptureError, match=r"cameras\.bin cannot be read"):
        opened(folder)
    with pytest.raises(CaptureError, match="holds no model of COLMAP"):
        open_capture(CaptureOptions(str(tmp_path), loader="colmap"))


def test_a_picture_of_a_camera_that_does_not_exist_is_refused(colmap) -> None:
    written = model()
    written.lenses = {8: PINHOLE}
    with pytest.raises(CaptureError, match=r"is of camera 7, expected one of \[8\]"):
        opened(colmap(written))


def test_points_of_a_real_model_land_on_their_keypoints(captures) -> None:
    found = read_model(captures / "flame-steak/sparse/0")
    rows = {int(number): row for row, number in enumerate(found.point_ids)}
    errors = []
    for picture in found.pictures:
        camera, _ = camera_of(picture, found.lenses[picture.lens])
        known = [n for n, number in enumerate(picture.point_ids) if int(number) in rows]
        points = found.points[[rows[int(picture.point_ids[n])] for n in known]]
        pixels, _ = camera.project(points)
        errors.append(np.linalg.norm(pixels - picture.keypoints[known], axis=1))
    assert len(errors) == 21
    # Of pictures of 2690x2016, in pixels.
    assert np.median(np.concatenate(errors)) < 1.1


def test_a_real_photograph_is_read_at_a_quarter_of_its_size(captures) -> None:
    capture = opened(captures / "flame-steak", test="cam00")
    assert (capture.cameras[0].width, capture.cameras[0].height) == (672, 504)
    assert (len(capture.cameras), capture.split.test) == (21, (0,))
    assert capture.view(0, 0).rgb.std() > 20
