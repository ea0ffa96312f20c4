"""A frame can be looked at while its sequence is baked, and nothing is changed by it."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from bake.capture import Capture
from bake.optimize import GroupScene, OptimizeConfig, build_group
from bake.watching.preview import preview
from render.occupancy import OccupancyGrid, cover
from render.shading import ShadingMlp, ShadingShape

Frame = tuple[GroupScene, torch.Tensor, ShadingMlp]
CONFIG = OptimizeConfig(block_size=4)


@pytest.fixture
def capture(open_sphere) -> Capture:
    return open_sphere(":2")


@pytest.fixture
def frame(capture) -> Frame:
    """The whole box, opaque."""
    grid = cover(capture.aabb, 8)
    scene = build_group(OccupancyGrid(grid, np.ones(grid.shape, bool)), 4)
    texels = torch.zeros(scene.mapping.texel_count, 4)
    texels[:, 0] = 5
    return scene, texels.half(), ShadingMlp(ShadingShape(3, 4, 2, 1))


def test_a_held_out_view_is_drawn_beside_the_captured_one(capture, frame) -> None:
    picture = preview(capture, 1, frame, CONFIG)
    assert (picture.shape, picture.dtype) == ((32, 64, 3), np.uint8)
    (held_out,) = capture.test_views(1)
    assert np.array_equal(picture[:, 32:], capture.view(1, held_out).rgb)
    # In the middle there is something, in the corner only the background.
    assert (picture[16, 16] < 250).any()
    assert (picture[0, 0] == 255).all()


def test_an_empty_frame_shows_the_background(capture, frame) -> None:
    scene, texels, network = frame
    texels[:, 0] = CONFIG.limits.empty_density
    picture = preview(capture, 0, (scene, texels, network), CONFIG)
    assert (picture[:, :32] == 255).all()


def test_without_a_held_out_view_at_that_frame_a_training_view_is_drawn(
    capture, frame, monkeypatch
) -> None:
    monkeypatch.setattr(capture, "test_views", lambda _: ())
    picture = preview(capture, 0, frame, CONFIG)
    first = capture.train_views(0)[0]
    assert np.array_equal(picture[:, 32:], capture.view(0, first).rgb)


def test_looking_changes_neither_the_frame_nor_any_random_numbers(capture, frame) -> None:
    _, texels, network = frame
    kept, weights = texels.clone(), [p.clone() for p in network.parameters()]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    first = preview(capture, 0, frame, CONFIG)
    assert np.array_equal(preview(capture, 0, frame, CONFIG), first)
    assert texels.equal(kept)
    assert all(p.equal(w) for p, w in zip(network.parameters(), weights, strict=True))
    assert not any(p.grad is not None for p in network.parameters())
    assert torch.get_rng_state().equal(states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])


def test_the_settings_of_the_field_are_those_of_the_bake(capture, frame) -> None:
    coarse = preview(capture, 0, frame, replace(CONFIG, step=1.0))
    assert not np.array_equal(coarse, preview(capture, 0, frame, replace(CONFIG, step=0.25)))
