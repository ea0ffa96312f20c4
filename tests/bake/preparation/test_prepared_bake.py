"""A prepared capture bakes as any other: the point of preparing it."""

import shutil
from collections.abc import Callable

import numpy as np

from bake.capture import CaptureOptions, open_capture
from bake.captures.registry import detect_loader
from bake.pipeline import BakeConfig, bake
from bake.progress import SilentProgress
from tests.bake.preparation.conftest import Studio


def test_a_prepared_capture_bakes(
    studio: Studio, tiny_config: Callable[..., BakeConfig], tmp_path
) -> None:
    words = ("--masks", str(studio.masks), "--test", "cam3", "--frames", "0:3")
    assert studio.prepare(*words, "--box=-0.8,-0.7,-0.7,1.0,0.7,0.7") == 0
    options = CaptureOptions(str(studio.out), scale=0.5, frames="0:2")
    capture = open_capture(options)
    sequence = bake(capture, tiny_config(capture=options), tmp_path / "scene", SilentProgress())
    assert sequence.frame_count == 2
    assert sequence.rig.test == (3,)
    assert sequence.frame_rate == 25
    baked = sequence.rig.cameras
    for ours, theirs in zip(baked, capture.cameras, strict=True):
        assert (ours.width, ours.height) == (theirs.width, theirs.height)
        assert np.array_equal(ours.world_to_camera, theirs.world_to_camera)


def test_what_was_prepared_comes_before_what_it_was_prepared_from(studio: Studio) -> None:
    """A folder that holds both is opened as the prepared one."""
    assert studio.prepare() == 0
    shutil.copy(studio.cameras, studio.out / "transforms.json")
    assert detect_loader(str(studio.out)) == "compact"


def test_scaling_a_crop_scales_its_camera(studio: Studio) -> None:
    assert studio.prepare("--masks", str(studio.masks), "--box=-0.7,-0.6,-0.6,0.9,0.6,0.6") == 0
    whole = open_capture(CaptureOptions(str(studio.out)))
    half = open_capture(CaptureOptions(str(studio.out), scale=0.5))
    point = [[0.2, 0.0, 0.1]]
    for one, other in zip(whole.cameras, half.cameras, strict=True):
        ratio = np.array([other.width / one.width, other.height / one.height])
        assert np.allclose(one.project(point)[0] * ratio, other.project(point)[0])
        assert (other.width, other.height) == (round(one.width / 2), round(one.height / 2))


def test_a_prepared_capture_may_hold_out_other_cameras_and_take_every_second_frame(
    studio: Studio,
) -> None:
    assert studio.prepare("--test", "cam3", "--no-crop") == 0
    capture = open_capture(CaptureOptions(str(studio.out), frames="0:6:2", test="cam0,cam1"))
    assert capture.split.train == (2, 3)
    assert capture.frame_indices == (0, 2, 4)
    assert capture.frame_rate == 12.5
    assert np.abs(capture.view(1, 2).rgb.astype(float) - capture.view(0, 2).rgb).max() > 5
