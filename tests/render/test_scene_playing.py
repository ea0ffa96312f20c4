"""Atlases in playing order: from any frame on, over groups, and around again."""

import pytest
import torch

from render.errors import SceneError
from render.scene import open_scene


@pytest.mark.parametrize("start", [0, 1, 2])
def test_atlases_from_a_frame_are_those_of_the_whole_scene(baked_packages, start) -> None:
    scene = open_scene(baked_packages["h264"])
    whole = list(scene.all_atlases())
    found = list(scene.atlases_from(start))
    assert [atlas.frame_index for atlas in found] == list(range(start, 3))
    for atlas in found:
        assert torch.equal(atlas.values, whole[atlas.frame_index].values)


def test_atlases_in_a_loop_start_over(baked_packages) -> None:
    scene = open_scene(baked_packages["h264"])
    endless = scene.atlases_from(2, is_looping=True)
    assert [next(endless).frame_index for _ in range(7)] == [2, 0, 1, 2, 0, 1, 2]
    endless.close()  # type: ignore[attr-defined]


def test_atlases_from_a_frame_that_does_not_exist_are_refused(baked_packages) -> None:
    with pytest.raises(SceneError, match=r"expected 0\.\.2"):
        next(open_scene(baked_packages["h264"]).atlases_from(3))
