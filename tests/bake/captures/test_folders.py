"""Capture folders against formulas of their own: geometry, splits, and odd but legal documents."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import CaptureError

Document = dict[str, Any]
Write = Callable[..., Path]


def opened(folder: Path, **options: object) -> Capture:
    return open_capture(CaptureOptions(path=str(folder), **options))


def turned(seed: int) -> np.ndarray:
    """A random OpenGL camera-to-world matrix, four to five units from the origin."""
    generator = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.sign(np.linalg.det(turn))
    matrix[:3, 3] = generator.normal(size=3)
    matrix[:3, 3] *= (4 + seed % 2) / np.linalg.norm(matrix[:3, 3])
    return matrix


@settings(max_examples=15)
@given(
    seed=st.integers(0, 999), angle=st.floats(0.2, 2.5), size=st.tuples(*[st.integers(8, 40)] * 2)
)
def test_a_blender_pixel_is_where_the_field_of_view_says(
    tmp_path_factory, seed, angle, size
) -> None:
    folder, (width, height) = tmp_path_factory.mktemp("blender"), size
    cv2.imwrite(str(folder / "r_0.png"), np.zeros((height, width, 4), np.uint8))
    for part, number in (("train", seed), ("test", seed + 1)):
        entries = [{"file_path": "./r_0", "transform_matrix": turned(number).tolist()}]
        document = {"camera_angle_x": angle, "frames": entries}
        (folder / f"transforms_{part}.json").write_text(json.dumps(document))
    camera = opened(folder).cameras[0]
    matrix = turned(seed)
    # The half width is seen under half the angle, and pixels are square.
    edge = np.tan(angle / 2)
    corner = matrix @ [edge, edge * height / width, -1, 1]
    pixels, depth = camera.project([corner[:3], (matrix @ [0, 0, -3, 1])[:3]])
    assert pixels == pytest.approx(np.array([[width, 0], [width / 2, height / 2]]), abs=1e-6)
    assert depth == pytest.approx([1, 3])


@pytest.mark.parametrize("key", ["test_filenames", "val_filenames"])
def test_either_list_names_what_is_held_out(nerfstudio: Write, key) -> None:
    def change(document: Document) -> None:
        document[key] = document.pop("test_filenames")

    assert opened(nerfstudio(change)).split.test == (1,)


def test_test_pictures_win_over_validation_pictures(nerfstudio: Write) -> None:
    folder = nerfstudio(lambda d: d.update(val_filenames=["no such picture.png"]))
    assert opened(folder).split.test == (1,)


def test_a_camera_in_neither_list_is_opened_but_not_used(nerfstudio: Write) -> None:
    def change(document: Document) -> None:
        third = [
            {**e, "camera_index": 2, "file_path": f"third/{e['frame_index']}.png"}
            for e in document["frames"][:2]
        ]
        document["frames"] += third

    folder = nerfstudio(change)
    (folder / "third").mkdir()
    for frame in range(2):
        shutil.copy(folder / "cam0" / f"000{frame}.png", folder / "third" / f"{frame}.png")
    capture = opened(folder)
    assert len(capture.cameras) == 3
    assert (capture.train_views(0), capture.test_views(0)) == ((0,), (1,))
    assert capture.view(0, 2).rgb.shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("test_filenames"), 'no "val_filenames".*list the held-out pictures'),
        (lambda d: d.update(train_filenames=[1]), "expected a list of file names"),
        (lambda d: d["frames"][1].update(mask_path=""), r"frames\[1\] has .mask_path. = ''"),
        (lambda d: d["frames"][1].update(mask_path="gone.png"), r"missing: .*gone\.png"),
        (lambda d: d["frames"][3].update(cx=9.0), "camera 1 has another pose or lens"),
        (lambda d: d["frames"][3].update(w=16), "camera 1 has another pose or lens"),
        (lambda d: d["frames"][0].update(k2=0.01), "has another distortion than at other frames"),
        (lambda d: d["frames"][0].update(k4=0.01), r"frames\[0\] has k4 = 0\.01 with camera_model"),
        (lambda d: d["frames"][0].update(camera_model="FISHEYE"), r"frames\[0\] has camera_model"),
        (lambda d: d.update(w=32.5), '"w" = 32.5, expected 0, 1, 2'),
        (lambda d: d.update(w=0), "no usable camera: picture size is 0x32"),
        (lambda d: d.update(fl_x=-32.0), r"no usable camera: focal length is \(-32"),
        (lambda d: d["frames"][2].update(camera_index="two"), '"camera_index" = .two'),
        (lambda d: d["frames"].append(dict(d["frames"][2])), "are the same view of frame 0"),
    ],
)
def test_a_contradiction_is_named_before_any_work(nerfstudio: Write, change, message) -> None:
    with pytest.raises(CaptureError, match=message):
        opened(nerfstudio(change))


@pytest.mark.parametrize("zeros", [0, 0.0, -0.0])
def test_distortion_of_zero_is_no_distortion(nerfstudio: Write, zeros) -> None:
    stated = dict.fromkeys(("k1", "k2", "k3", "k4", "p1", "p2"), zeros)
    stated["camera_model"] = "OPENCV"
    assert len(opened(nerfstudio(lambda d: d.update(stated))).cameras) == 2


def test_the_order_of_entries_changes_nothing_that_is_seen(nerfstudio: Write) -> None:
    plain = opened(nerfstudio())
    expected = [plain.view(frame, view) for frame in range(2) for view in range(2)]
    shuffled = opened(nerfstudio(lambda d: d["frames"].reverse()))
    assert shuffled.split == plain.split
    found = [shuffled.view(frame, view) for frame in range(2) for view in range(2)]
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.rgb, other.rgb)
        assert np.array_equal(one.alpha, other.alpha)


@pytest.mark.parametrize("place", ["../beside.png", "/far/away.png", "cam0/../../beside.png"])
def test_names_that_leave_the_folder_are_refused(nerfstudio: Write, place) -> None:
    folder = nerfstudio()
    document = json.loads((folder / "transforms.json").read_text())
    document["frames"][0]["file_path"] = place
    (folder / "transforms.json").write_text(json.dumps(document))
    with pytest.raises(CaptureError, match=r"inside the folder .* or link to it"):
        opened(folder)


def test_pictures_may_lie_anywhere_behind_a_link(nerfstudio: Write, tmp_path) -> None:
    folder = nerfstudio()
    (folder / "cam0").rename(tmp_path / "far")
    (folder / "cam0").symlink_to(tmp_path / "far")
    capture = opened(folder)
    for frame in range(2):
        capture.validate_frame(frame)


def test_a_folder_may_be_opened_by_a_path_with_dots(nerfstudio: Write, monkeypatch) -> None:
    monkeypatch.chdir(nerfstudio() / "cam0")
    assert opened(Path("..")).name == "nerfstudio"
