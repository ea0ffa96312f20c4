"""Where a prepared capture's box comes from, and what is cropped by it."""

import json

import numpy as np
import pytest

from bake.capture import Capture, CaptureOptions, open_capture
from bake.prepare_commands import prepare_capture
from tests.bake.captures.colmap_writer import WrittenModel
from tests.bake.preparation.conftest import SIZE, Studio


def opened(studio: Studio) -> Capture:
    return open_capture(CaptureOptions(str(studio.out)))


def write_model(studio: Studio, count: int) -> None:
    """COLMAP's model of the studio with points in a small cube."""
    pictures = [
        (f"{label}/000.png", 1, camera.world_to_camera)
        for label, camera in zip(studio.labels, studio.scene.cameras, strict=True)
    ]
    lens = ("PINHOLE", SIZE, SIZE, (SIZE, SIZE, SIZE / 2, SIZE / 2))
    points = np.random.default_rng(2).uniform(-0.3, 0.3, (count, 3))
    WrittenModel({1: lens}, pictures, points).write(studio.folder / "sparse/0", "txt")


def prepare_colmap(studio: Studio, *more: str) -> int:
    words = [str(studio.videos), "--cameras", str(studio.folder / "sparse/0"), *more]
    return prepare_capture([*words, "--decoder", "software", str(studio.out)])


def test_points_of_calibration_make_a_box_and_a_crop(studio, capsys) -> None:
    write_model(studio, 300)
    assert prepare_colmap(studio) == 0
    assert "box is around 300 points of calibration" in capsys.readouterr().err
    capture = opened(studio)
    assert np.array(capture.aabb.minimum) == pytest.approx([-0.32] * 3, abs=0.05)
    assert np.array(capture.aabb.maximum) == pytest.approx([0.32] * 3, abs=0.05)
    assert all(camera.width < SIZE / 2 for camera in capture.cameras)


def test_too_few_points_make_no_box(studio, capsys) -> None:
    write_model(studio, 20)
    assert prepare_colmap(studio) == 2
    assert "or at least 50 points of calibration" in capsys.readouterr().err
    assert prepare_colmap(studio, "--no-crop") == 0
    assert "no box is stated" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--box=-0.4,-0.4,-0.4,0.4,0.4,0.4",), ("--box", "-.4,-0.4,-0.4,0.4,0.4,0.4")]
)
def test_a_given_box_wins_over_the_stated_one_however_it_is_written(studio, capsys, words) -> None:
    assert studio.prepare(*words) == 0
    assert "box is given" in capsys.readouterr().err
    assert opened(studio).aabb.maximum == (0.4, 0.4, 0.4)


def test_a_given_box_is_kept_without_a_crop(studio) -> None:
    assert studio.prepare("--box=-0.4,-0.4,-0.4,0.4,0.4,0.4", "--no-crop") == 0
    capture = opened(studio)
    assert capture.aabb.minimum == (-0.4, -0.4, -0.4)
    assert {(camera.width, camera.height) for camera in capture.cameras} == {(SIZE, SIZE)}


def test_a_larger_margin_keeps_more(studio) -> None:
    shares = []
    for margin in ("0", "0.3"):
        words = ("--box=-0.4,-0.4,-0.4,0.4,0.4,0.4", "--margin", margin)
        assert studio.prepare(*words) == 0
        document = json.loads((studio.out / "capture.json").read_text())
        shares.append(sum(camera["width"] for camera in document["cameras"]))
        studio.out.rename(studio.folder / f"margin-{margin}")
    assert shares[1] > 1.3 * shares[0]


def test_an_earlier_stage_of_the_rig_lists_its_cameras_once_more(studio) -> None:
    """A capture prepared from a prepared one's cameras has the same windows."""
    box = "--box=-0.4,-0.4,-0.4,0.4,0.4,0.4"
    assert studio.prepare(box) == 0
    first = studio.out.rename(studio.folder / "first")
    words = [str(studio.videos), "--cameras", str(first), "--decoder", "software"]
    assert prepare_capture([*words, str(studio.out)]) == 0
    documents = [json.loads((p / "capture.json").read_text()) for p in (first, studio.out)]
    for one, other in zip(*(document["cameras"] for document in documents), strict=True):
        assert one["filmed"] == other["filmed"]
        assert one["center"] == other["center"]
