"""The nerfstudio loader: one known pixel, every way a file can be wrong, and the real captures."""

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import CaptureError

POINT, PAINT, ROW, COLUMNS = (0.5625, 0.3125, 0.5625), (250, 20, 60), 13, (20, 11)
Write = Callable[..., Path]
Document = dict[str, Any]


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), **options))


def test_a_known_point_lands_on_its_painted_pixel_in_every_view(nerfstudio: Write) -> None:
    capture = opened(nerfstudio())
    for view_index, column in enumerate(COLUMNS):
        pixels, depth = capture.cameras[view_index].project([POINT])
        assert pixels[0] == pytest.approx([column + 0.5, ROW + 0.5])
        assert depth[0] == pytest.approx(4.0)
        assert capture.view(1, view_index).rgb[ROW, column].tolist() == list(PAINT)


def test_what_the_file_states_is_what_the_capture_says(nerfstudio: Write) -> None:
    capture = opened(nerfstudio())
    assert capture.name == "nerfstudio"
    assert capture.frame_rate == Fraction(25)
    assert capture.frame_indices == (0, 1)
    assert capture.aabb.minimum == (-1.0, -1.0, -1.0)
    assert (capture.split.train, capture.split.test) == ((0,), (1,))
    assert capture.has_masks
    assert capture.train_views(0) == (0,)
    assert capture.test_views(1) == (1,)


def test_transparent_pixels_show_the_background(nerfstudio: Write) -> None:
    view = opened(nerfstudio(), background=(0.0, 1.0, 0.0)).view(0, 0)
    assert view.rgb[0, 0].tolist() == [0, 255, 0]
    assert view.rgb[16, 16].tolist() == [128, 128, 128]
    assert view.alpha is not None
    assert view.alpha[0, 0] == 0
    assert view.alpha[16, 16] == 255


def test_missing_centers_and_vertical_focal_are_filled_in(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        for key in ("cx", "cy", "fl_y"):
            del document[key]

    camera = opened(nerfstudio(change)).cameras[0]
    assert (camera.center_x, camera.center_y, camera.focal_y) == (16.0, 16.0, 32.0)


def test_frames_follow_from_time_alone(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        for entry in document["frames"]:
            del entry["frame_index"]

    assert opened(nerfstudio(change)).frame_indices == (0, 1)


def test_cameras_follow_from_poses_alone(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        for entry in document["frames"]:
            del entry["camera_index"]

    capture = opened(nerfstudio(change))
    assert len(capture.cameras) == 2
    assert capture.view(0, 1).rgb[ROW, COLUMNS[1]].tolist() == list(PAINT)


def test_an_unnumbered_moving_camera_has_one_view_per_frame(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        document["frames"] = [document["frames"][0], document["frames"][3]]
        document["train_filenames"] = [document["frames"][0]["file_path"]]
        document["test_filenames"] = [document["frames"][1]["file_path"]]
        for entry in document["frames"]:
            del entry["camera_index"]

    capture = opened(nerfstudio(change))
    assert [capture.train_views(frame) for frame in (0, 1)] == [(0,), ()]
    assert [capture.test_views(frame) for frame in (0, 1)] == [(), (1,)]
    with pytest.raises(CaptureError, match="has no view 1 at frame 0"):
        capture.view(0, 1)


def test_without_a_stated_split_the_first_of_every_eight_cameras_is_held_out(
    nerfstudio: Write,
) -> None:
    def change(document: Document) -> None:
        del document["train_filenames"], document["test_filenames"]

    split = opened(nerfstudio(change)).split
    assert (split.train, split.test) == ((1,), (0,))


def test_without_fps_the_rate_is_thirty(nerfstudio: Write) -> None:
    assert opened(nerfstudio(lambda document: document.pop("fps"))).frame_rate == 30


def test_a_mask_beside_the_picture_becomes_its_alpha(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        for entry in document["frames"]:
            entry["mask_path"] = "mask.png"

    folder = nerfstudio(change, channels=3)
    mask = np.zeros((32, 32), np.uint8)
    mask[4:10] = 255
    cv2.imwrite(str(folder / "mask.png"), mask)
    view = opened(folder).view(0, 0)
    assert view.alpha is not None
    assert np.array_equal(view.alpha, mask)
    assert view.rgb[20, 20].tolist() == [255, 255, 255]


def test_pictures_without_alpha_have_no_mask(nerfstudio: Write) -> None:
    capture = opened(nerfstudio(channels=3))
    assert not capture.has_masks
    assert capture.view(0, 0).alpha is None


def entry_change(**values: object) -> Callable[[Document], None]:
    """Change one entry of the file."""
    return lambda document: document["frames"][2].update(values)


def skewed(value: float) -> list[list[float]]:
    return [[1, 0, 0, 0], [0, value, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(aabb=[[1, 1, 1], [0, 0, 0]]), "unusable aabb.*swap the corners"),
        (lambda d: d.update(aabb=5), r"expected \[\[x, y, z\]"),
        (lambda d: d.pop("frames"), 'no "frames"'),
        (lambda d: d.update(frames=[]), 'empty or wrong "frames"'),
        (lambda d: d.update(frames=[1]), r"frames\[0\] is 1, expected an object"),
        (lambda d: d.pop("fl_x"), r'frames\[0\] has no "fl_x"'),
        (lambda d: d.pop("w"), 'has no "w"'),
        (lambda d: d.update(w="wide"), "expected a finite number"),
        (lambda d: d.update(w=1e300), r'frames\[0\] has "w" = 1e\+300, expected a finite'),
        (lambda d: d.update(w=1e30), r'frames\[0\] has "w" = 1e\+30, expected 0, 1, 2'),
        (lambda d: d.update(h=70_000), "has pictures of 32x70000, expected at most 65535"),
        (lambda d: d.update(fl_x=10**400), "expected a finite number"),
        (lambda d: d.update(aabb=[[0, 0, 0], [1, 1, 10**400]]), "unusable aabb"),
        (lambda d: d.update(fps=0), "fps is 0.0, expected a positive"),
        (lambda d: d.update(fps=10**400), '"fps" = 1000.*, expected a finite number'),
        (lambda d: d.update(k4=0.1), "k4 = 0.1 with camera_model PINHOLE.*undistort"),
        (
            lambda d: d.update(camera_model="OPENCV_FISHEYE", p1=0.1),
            "p1 = 0.1 with camera_model OPENCV_FISHEYE, expected k1, k2, k3, k4 alone",
        ),
        (lambda d: d.update(k1="much"), 'has "k1" = .*expected a finite number'),
        (lambda d: d.update(camera_model="EQUIRECTANGULAR"), "EQUIRECTANGULAR.*undistort"),
        (lambda d: d.update(camera_model=[]), r"camera_model \[\], expected one of"),
        (lambda d: d.update(camera_model={}), r"camera_model \{\}, expected one of"),
        (lambda d: d["frames"][2].pop("file_path"), r'frames\[2\] has no "file_path"'),
        (lambda d: d["frames"][2].pop("transform_matrix"), 'no "transform_matrix"'),
        (lambda d: d["frames"][2].pop("frame_index"), r'frames\[2\] has no "frame_index"'),
        (entry_change(transform_matrix=[[1, 2]]), "expected 4x4 numbers"),
        (entry_change(transform_matrix=skewed(10**400)), "expected 4x4 numbers"),
        (entry_change(transform_matrix=skewed(1.1)), r"frames\[2\].*deviates from orthonormal"),
        (entry_change(transform_matrix=skewed(float("nan"))), "NaN or infinity"),
        (entry_change(transform_matrix=skewed(-1.0)), "mirrors space"),
        (entry_change(camera_index=0), "camera 0 has another pose"),
        (entry_change(frame_index=1), "cam1/0001.png and .*cam1/0000.png are the same view"),
        (lambda d: d["train_filenames"].append("b.png"), "'b.png' in .*names that occur among"),
        (lambda d: d.update(train_filenames=[]), "no train views.*expected at least one"),
        (lambda d: d.update(test_filenames=[]), "no test views"),
        (lambda d: d.update(test_filenames="all"), "expected a list of file names"),
        (
            lambda d: d["test_filenames"].append("cam0/0000.png"),
            "cam0 has pictures in train",
        ),
    ],
)
def test_a_broken_file_is_refused_and_the_place_is_named(
    nerfstudio: Write, change: Callable[[Document], object], message: str
) -> None:
    with pytest.raises(CaptureError, match=message):
        opened(nerfstudio(change))


def test_a_frame_that_lacks_a_camera_is_refused_by_name(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        document["frames"].pop()
        document["test_filenames"].pop()

    with pytest.raises(CaptureError, match=r"frame 1 has 1 of 2 cameras \(without cam1\)"):
        opened(nerfstudio(change))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "empty"), ("{", "is not JSON"), ("[1]", "a list"), ("{}", "empty"), ("\xff", "not JSON")],
)
def test_a_file_that_is_no_json_object_is_refused(
    nerfstudio: Write, text: str, message: str
) -> None:
    folder = nerfstudio()
    (folder / "transforms.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CaptureError, match=message):
        opened(folder)


def test_missing_pictures_are_counted_and_named_before_anything_is_read(nerfstudio: Write) -> None:
    folder = nerfstudio()
    shutil.rmtree(folder / "cam1")
    with pytest.raises(CaptureError, match=r"2 of 4 pictures are missing: .*cam1/0000\.png"):
        opened(folder)


def test_pictures_outside_the_selected_frames_may_be_missing(nerfstudio: Write) -> None:
    folder = nerfstudio()
    (folder / "cam1" / "0001.png").unlink()
    assert opened(folder, frames="0").frame_count == 1


def test_a_picture_of_another_size_is_refused_when_opening(nerfstudio: Write) -> None:
    folder = nerfstudio()
    cv2.imwrite(str(folder / "cam1" / "0001.png"), np.zeros((32, 30, 4), np.uint8))
    with pytest.raises(CaptureError, match=r"cam1/0001\.png is 30x32, expected 32x32"):
        opened(folder)


@pytest.mark.parametrize("keep", [0, 20, 200])
def test_a_truncated_picture_is_refused_when_read(nerfstudio: Write, keep: int) -> None:
    folder = nerfstudio()
    path = folder / "cam1" / "0001.png"
    path.write_bytes(path.read_bytes()[:keep] if keep < 200 else path.read_bytes()[:-20])
    with pytest.raises(CaptureError, match="cannot be decoded"):
        opened(folder).validate_frame(1)


def test_an_empty_mask_names_its_camera_and_frame(nerfstudio: Write) -> None:
    folder = nerfstudio()
    cv2.imwrite(str(folder / "cam1" / "0001.png"), np.zeros((32, 32, 4), np.uint8))
    capture = opened(folder)
    capture.validate_frame(0)
    with pytest.raises(CaptureError, match="mask of camera cam1 is empty at frame 1"):
        capture.validate_frame(1)


def test_a_picture_that_lacks_the_mask_of_the_others_is_refused(nerfstudio: Write) -> None:
    folder = nerfstudio()
    cv2.imwrite(str(folder / "cam1" / "0001.png"), np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(CaptureError, match=r"camera cam1 has 3 channels at frame 1.*RGBA"):
        opened(folder).view(1, 1)


@pytest.mark.parametrize("name", ["performer", "host"])
def test_real_cameras_agree_with_the_independent_description(captures: Path, name: str) -> None:
    folder = captures / name
    described = json.loads((folder / "cameras.json").read_text())
    capture = opened(folder, frames="0")
    for camera, entry in zip(capture.cameras, described["cameras"], strict=True):
        intrinsics = [
            [camera.focal_x, 0, camera.center_x],
            [0, camera.focal_y, camera.center_y],
            [0, 0, 1],
        ]
        assert np.allclose(intrinsics, entry["K"], rtol=0, atol=1e-6)
        assert np.allclose(camera.world_to_camera, entry["w2c"], rtol=0, atol=1e-6)
    parts = [entry["split"] for entry in described["cameras"]]
    assert capture.split.train == tuple(i for i, part in enumerate(parts) if part == "train")
    assert capture.split.test == tuple(i for i, part in enumerate(parts) if part == "test")


@pytest.mark.parametrize("name", ["performer", "host"])
def test_real_masks_lie_inside_the_projected_box(captures: Path, name: str) -> None:
    capture = opened(captures / name, scale=0.5, frames="3")
    views = capture.views(0, range(0, len(capture.cameras), 5))
    for view_index, view in zip(range(0, len(capture.cameras), 5), views, strict=True):
        corners, _ = capture.cameras[view_index].project(capture.aabb.corners())
        assert view.alpha is not None
        rows, columns = np.nonzero(view.alpha > 127)
        low, high = corners.min(axis=0) - 2, corners.max(axis=0) + 2
        assert low[0] <= columns.min() <= columns.max() <= high[0]
        assert low[1] <= rows.min() <= rows.max() <= high[1]


@pytest.mark.parametrize("name", ["performer", "host"])
def test_halving_a_real_picture_averages_two_by_two_pixels(captures: Path, name: str) -> None:
    capture = opened(captures / name, scale=0.5, frames="1")
    pixels = cv2.imread(str(captures / name / "cam02" / "0001.png"), cv2.IMREAD_UNCHANGED) / 255.0
    alpha = pixels[..., 3:]
    color = pixels[..., 2::-1] * alpha + 1 - alpha
    rows, columns = color.shape[0] // 2, color.shape[1] // 2
    expected = np.concatenate([color, alpha], axis=2).reshape(rows, 2, columns, 2, 4).mean((1, 3))
    view = capture.view(0, 2)
    assert view.alpha is not None
    found = np.dstack([view.rgb, view.alpha]).astype(float)
    # Half a step of rounding, plus the last bit of float32 arithmetic.
    assert np.abs(found - expected * 255).max() <= 0.5001


def test_real_captures_state_their_length_and_rate(captures: Path) -> None:
    performer, host = (opened(captures / name) for name in ("performer", "host"))
    assert (performer.frame_count, performer.frame_rate) == (40, 30)
    assert (host.frame_count, host.frame_rate) == (12, 10)
