"""Parts of the loaders that read cameras without their pictures, for videos of any size."""

import numpy as np
import pytest

from bake.captures.easyvolcap import read_rig
from bake.captures.neural3d import camera_of_row, points_in_view
from bake.errors import CaptureError
from render.cameras import Lens, look_at

RIG = look_at((0, -4, 1), (0, 0, 0), (0, 0, 1), lens=Lens(640, 480, 500.0))


def row(width: float = 640, height: float = 480, focal: float = 500) -> np.ndarray:
    """LLFF's row of the camera."""
    right, down, forward = RIG.world_to_camera[:3, :3]
    last = np.array([height, width, focal])
    matrix = np.stack([down, right, -forward, RIG.position, last], axis=1)
    return np.array([*matrix.ravel(), 2.0, 6.0])


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1280, 960)])
def test_a_row_is_a_camera_at_the_size_of_its_video(size) -> None:
    camera = camera_of_row(row(), size, "cam")
    assert camera.world_to_camera == pytest.approx(RIG.world_to_camera)
    assert (camera.width, camera.height) == size
    assert camera.focal_x == pytest.approx(500 * size[0] / 640)
    assert (camera.center_x, camera.center_y) == (size[0] / 2, size[1] / 2)


@pytest.mark.parametrize("bad", [{"width": 0}, {"height": -1}, {"focal": 0}])
def test_a_row_that_is_no_camera_names_it(bad) -> None:
    with pytest.raises(CaptureError, match=r"no usable camera cam07"):
        camera_of_row(row(**bad), (640, 480), "cam07")


def test_points_in_view_are_seen_between_near_and_far() -> None:
    points = points_in_view([RIG], np.array([[2.0, 6.0]]))
    assert points is not None
    pixels, depth = RIG.project(points)
    assert depth.min() == pytest.approx(2)
    assert depth.max() == pytest.approx(6)
    assert (pixels >= -1e-6).all()
    assert (pixels <= np.array([640, 480]) + 1e-6).all()


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (3.0, 2.0), (-1.0, 4.0)])
def test_bounds_that_are_none_give_no_points(bounds) -> None:
    assert points_in_view([RIG], np.array([bounds])) is None


def write_rig(folder, **more: str) -> None:
    lens = 'names: ["a", "b"]\n'
    poses = lens
    for name in ("a", "b"):
        lens += f"K_{name}: [500, 0, 320, 0, 500, 240, 0, 0, 1]\nW_{name}: 640\nH_{name}: 480\n"
        lens += f"D_{name}: [-0.1, 0, 0, 0, 0]\n"
        poses += f"R_{name}: [0, 0, 0]\nT_{name}: [0, 0, 4]\n"
    (folder / "intri.yml").write_text(lens + more.get("intri", ""))
    (folder / "extri.yml").write_text(poses + more.get("extri", ""))


def test_a_rig_scales_to_its_videos_and_lists_all_names(tmp_path) -> None:
    box = "[-1, -1, -1, 1, 1, 2]\n"
    write_rig(tmp_path, extri=f"bounds_a: {box}bounds_b: {box}")
    names, cameras, box = read_rig(tmp_path, {"b": (320, 240), "other": (9, 9)})
    assert names == ("a", "b")
    assert list(cameras) == ["b"]
    assert (cameras["b"].camera.width, cameras["b"].camera.focal_x) == (320, 250)
    assert cameras["b"].distortion.coefficients[0] == -0.1
    assert box is not None
    assert box.maximum == (1, 1, 2)


def test_a_rig_without_a_box_or_with_a_missing_matrix(tmp_path) -> None:
    write_rig(tmp_path)
    assert read_rig(tmp_path, {})[2] is None
    (tmp_path / "extri.yml").write_text('names: ["a", "b"]\nR_a: [0, 0, 0]\nT_a: [0, 0, 4]\n')
    assert list(read_rig(tmp_path, {"a": (640, 480)})[1]) == ["a"]
    with pytest.raises(CaptureError, match=r"extri\.yml has R_b"):
        read_rig(tmp_path, {"b": (640, 480)})
    (tmp_path / "intri.yml").unlink()
    with pytest.raises(CaptureError, match=r"intri\.yml cannot be read"):
        read_rig(tmp_path, {})


@pytest.mark.parametrize("kind", ["opencv-matrix", "opencv-nd-matrix"])
def test_whole_numbers_and_tagged_matrices_are_numbers_too(tmp_path, kind) -> None:
    """Calibrations print 500 as well as 500.0."""
    write_rig(tmp_path)
    text = (tmp_path / "intri.yml").read_text()
    tagged = text.replace(
        "K_a: [500, 0, 320, 0, 500, 240, 0, 0, 1]",
        f"K_a: !!{kind}\n  rows: 3\n  cols: 3\n  dt: d\n"
        "  data: [500, 0, 320, 0, 500, 240, 0, 0, 1]",
    )
    (tmp_path / "intri.yml").write_text(tagged)
    _, cameras, _ = read_rig(tmp_path, dict.fromkeys("ab", (320, 240)))
    assert cameras["a"].camera.focal_x == cameras["b"].camera.focal_x == 250
