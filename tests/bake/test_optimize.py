"""Frames start from the frame before, groups from what both share, and everything from a seed."""

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bake.coarse import FrameViews
from bake.hull import visual_hull
from bake.optimize import (
    FrameStart,
    GroupScene,
    Motion,
    OptimizeConfig,
    SequenceOptimizer,
    ShadingConfig,
    adapt_density,
    build_group,
    carry_texels,
    fresh_texels,
)
from bake.rays import useful_pixels
from bake.scene_flow import SceneFlow, estimate_flow
from render.cameras import Camera
from render.field import FieldGeometry
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid, cover
from render.shading import round_weights, weights_to_bytes

GRID = VoxelGrid(Aabb((0, 0, 0), (4, 3, 5)), 1.0, (5, 4, 6))
CONFIG = OptimizeConfig(initial_density=-1.5)
WHITE = (1.0, 1.0, 1.0)


def random_occupancy(seed: int, share: float = 0.5) -> OccupancyGrid:
    bits = np.random.default_rng(seed).random(GRID.shape) < share
    bits[2, 2, 2] = True
    return OccupancyGrid(GRID, bits)


@given(old=st.integers(0, 99), new=st.integers(0, 99))
def test_shared_vertices_carry_their_values_and_new_ones_start_thin(old, new) -> None:
    before, after = (build_mapping(random_occupancy(seed), 4) for seed in (old, new))
    values = torch.randn(before.texel_count, 3)
    carried = carry_texels((before, values), after, CONFIG)
    assert carried.shape == (after.texel_count, 3)
    for vertex in after.vertices:
        found = carried[after.texel_of_vertex[tuple(vertex)]].tolist()
        source = before.texel_of_vertex[tuple(vertex)]
        assert found == (values[source].tolist() if source >= 0 else [-1.5, 0, 0])


def test_carried_half_precision_values_are_exact() -> None:
    mapping = build_mapping(random_occupancy(0), 4)
    values = torch.randn(mapping.texel_count, 3).half()
    carried = carry_texels((mapping, values), mapping, CONFIG)
    assert carried.dtype == torch.float32
    used = torch.from_numpy(mapping.texels).long()
    assert torch.equal(carried[used], values[used].float())


def test_texels_without_history_are_thin_and_nearly_without_features() -> None:
    mapping = build_mapping(random_occupancy(0), 4)
    texels = fresh_texels(mapping, CONFIG, 5, seed=4)
    assert texels.shape == (mapping.texel_count, 6)
    assert (texels[:, 0] == -1.5).all()
    assert 0 < texels[:, 1:].abs().max() < 0.1
    assert torch.equal(texels, fresh_texels(mapping, CONFIG, 5, seed=4))
    assert not torch.equal(texels, fresh_texels(mapping, CONFIG, 5, seed=5))


class Bench:
    """The sphere's first frames on one group each, and optimizers for them."""

    def __init__(self, sphere, config) -> None:
        self.sphere, self.config = sphere, config()
        self.scenes = [self.scene(frame) for frame in (0, 2)]

    def scene(self, frame: int) -> GroupScene:
        views = self.sphere.views(frame)
        hull = visual_hull(
            cover(self.sphere.aabb, 8), views.cameras, [v.alpha for v in views.views]
        )
        return build_group(hull, self.config.optimize.block_size)

    def optimizer(self, seed: int = 0, **changes: object) -> SequenceOptimizer:
        config = replace(self.config.optimize, **changes)
        return SequenceOptimizer((config, self.config.losses, self.config.shading), WHITE, seed)


@pytest.fixture(scope="module")
def bench(sphere, tiny_config) -> Bench:
    return Bench(sphere, tiny_config)


def test_the_first_frame_brings_a_frozen_rounded_network(bench) -> None:
    result = bench.optimizer().first(bench.scenes[0], bench.sphere.views())
    assert result.texels.dtype == torch.float16
    assert result.texels.shape == (bench.scenes[0].mapping.texel_count, 4)
    assert weights_to_bytes(round_weights(result.network)) == weights_to_bytes(result.network)
    assert not any(p.requires_grad for p in result.network.parameters())
    assert torch.isfinite(result.texels).all()


def test_the_first_frame_depends_on_the_seed_alone(bench) -> None:
    torch.manual_seed(1)
    first = bench.optimizer(3).first(bench.scenes[0], bench.sphere.views())
    torch.manual_seed(2)
    second = bench.optimizer(3).first(bench.scenes[0], bench.sphere.views())
    assert torch.equal(first.texels, second.texels)
    assert weights_to_bytes(first.network) == weights_to_bytes(second.network)
    other = bench.optimizer(4).first(bench.scenes[0], bench.sphere.views())
    assert weights_to_bytes(other.network) != weights_to_bytes(first.network)


def test_padding_texels_repeat_the_last_vertex(bench) -> None:
    mapping = bench.scenes[0].mapping
    texels = bench.optimizer().first(bench.scenes[0], bench.sphere.views()).texels
    unused = np.setdiff1d(np.arange(mapping.texel_count), mapping.texels)
    assert (texels[unused] == texels[mapping.texels[-1]]).all()


def test_a_later_frame_keeps_the_network_and_continues_from_its_start(bench) -> None:
    optimizer, scene = bench.optimizer(), bench.scenes[0]
    first = optimizer.first(scene, bench.sphere.views(0))
    before = weights_to_bytes(first.network)
    start = FrameStart(1, first.texels.float(), is_group_start=False)
    second = optimizer.next(scene, bench.sphere.views(1), start, first.network)
    assert second.network is first.network
    assert weights_to_bytes(first.network) == before
    moved = (second.texels.float() - first.texels.float()).abs().mean()
    assert 0 < moved < first.texels.float().abs().mean()


@pytest.mark.parametrize(
    ("spacing", "has_views", "count"), [(4, True, 1), (0, True, 0), (4, False, 0)]
)
def test_a_later_frame_follows_the_flow_if_asked_and_if_pictures_are_known(
    bench, monkeypatch, spacing, has_views, count
) -> None:
    optimizer, scene = bench.optimizer(flow_spacing=spacing), bench.scenes[0]
    first = optimizer.first(scene, bench.sphere.views(0))
    asked: list[int] = []

    def estimate(*given: Any) -> SceneFlow:  # noqa: ANN401 -- passed on
        asked.append(given[-1])
        return estimate_flow(*given)

    monkeypatch.setattr("bake.optimize.estimate_flow", estimate)
    views = bench.sphere.views(0) if has_views else None
    start = FrameStart(1, first.texels.float(), is_group_start=False, views=views)
    optimizer.next(scene, bench.sphere.views(1), start, first.network)
    assert asked == [spacing] * count


def test_a_later_frame_does_not_remember_how_it_was_reached(bench) -> None:
    """The used optimizer of an uninterrupted bake and the new one of a resumed bake agree."""
    used, scene = bench.optimizer(), bench.scenes[0]
    first = used.first(scene, bench.sphere.views(0))
    start = FrameStart(1, first.texels.float(), is_group_start=False)
    results = [
        optimizer.next(scene, bench.sphere.views(1), start, first.network).texels
        for optimizer in (used, bench.optimizer())
    ]
    assert torch.equal(*results)


def test_the_start_of_a_group_trains_its_own_number_of_steps(bench) -> None:
    optimizer = bench.optimizer()
    first = optimizer.first(bench.scenes[0], bench.sphere.views(0))
    mapping = bench.scenes[1].mapping
    texels = carry_texels((bench.scenes[0].mapping, first.texels), mapping, bench.config.optimize)
    start = FrameStart(2, texels, is_group_start=True)

    def trained(**changes: object) -> torch.Tensor:
        views = bench.sphere.views(2)
        return bench.optimizer(**changes).next(bench.scenes[1], views, start, first.network).texels

    assert torch.equal(trained(), trained(iterations=99))
    assert not torch.equal(trained(), trained(group_iterations=2))


def test_every_frame_draws_its_own_rays(bench) -> None:
    optimizer, scene = bench.optimizer(), bench.scenes[0]
    first = optimizer.first(scene, bench.sphere.views(0))
    found = [
        optimizer.next(
            scene,
            bench.sphere.views(1),
            FrameStart(frame, first.texels.float(), is_group_start=False),
            first.network,
        ).texels
        for frame in (1, 2)
    ]
    assert not torch.equal(*found)


def test_the_field_of_a_group_reads_its_texels(bench) -> None:
    scene = bench.scenes[0]
    texels = torch.randn(scene.mapping.texel_count, 4)
    field = scene.field(texels, bench.config.optimize)
    assert torch.equal(field.density[:-1], texels[:, 0])
    assert field.density[-1] == -bench.config.optimize.density_range
    assert field.step == bench.config.optimize.step


def test_the_shading_shape_is_what_the_renderer_calls_it() -> None:
    shape = ShadingConfig(feature_count=5, width=7, depth=2, frequency_count=3).shape
    assert (shape.feature_count, shape.width, shape.depth, shape.frequency_count) == (5, 7, 2, 3)


def test_the_limits_are_those_of_the_configuration() -> None:
    limits = replace(CONFIG, density_range=5.0, feature_range=2.0, levels=9).limits
    assert (limits.density, limits.feature, limits.levels) == (5.0, 2.0, 9)
    assert limits.empty_density == -5.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *[({name: 0}, "is 0, expected a whole") for name in ("iterations", "rays")],
        *[({name: -1}, "is -1, expected a whole") for name in ("group_iterations", "levels")],
        *[({name: 10**400}, r"1000.*, expected a whole") for name in ("levels", "iterations")],
        *[
            ({name: 0.0}, "is 0.0, expected a positive")
            for name in ("density_rate", "later_factor")
        ],
        *[({name: -1.0}, "is -1.0, expected a positive") for name in ("network_rate",)],
        *[({"step": step}, "step is .*, expected a number from 0.001") for step in (0.0, 1e-30)],
        *[({"block_size": side}, r"expected one of \(4, 8, 16, 32\)") for side in (0, 3, 64)],
        ({"initial_density": -9.0}, "within the density_range is -9.0, .* from -8 to 8"),
        ({"lifted_density": 8.1}, "within the density_range is 8.1"),
    ],
)
def test_settings_that_cannot_train_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)


NUMBERS = [field.name for field in fields(OptimizeConfig) if field.type in {float, "float"}]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_of_the_training_may_be_infinite_none_or_huge(name, value) -> None:
    assert len(NUMBERS) == 10
    with pytest.raises(ValueError, match=f"{name}.* is .*, expected"):
        replace(CONFIG, **{name: value})


@pytest.mark.parametrize(
    "change", [{"feature_count": 0}, {"width": 0}, {"depth": 0}, {"frequency_count": 99}], ids=str
)
def test_a_network_that_the_renderer_refuses_is_no_setting(change) -> None:
    with pytest.raises(ValueError, match=r"shading network.*expected.*choose"):
        ShadingConfig(**change)


def test_useful_pixels_are_found_once_per_view_and_belong_to_it(bench, monkeypatch) -> None:
    """Cameras are made anew for every frame here, so nothing about them as objects can tell."""
    asked = []

    def spy(geometry: FieldGeometry, camera: Camera, device: str) -> torch.Tensor:
        asked.append(camera)
        return useful_pixels(geometry, camera, device)

    monkeypatch.setattr("bake.optimize.useful_pixels", spy)
    optimizer, scene, views = bench.optimizer(), bench.scenes[0], bench.sphere.views()
    whole = optimizer.first(scene, views)
    start = FrameStart(1, whole.texels.float(), is_group_start=False)
    for order in ([0, 1, 2, 3], [3, 1], [2]):
        shown = FrameViews(
            tuple(order),
            tuple(replace(views.cameras[view]) for view in order),
            tuple(views.views[view] for view in order),
        )
        used = optimizer.next(scene, shown, start, whole.network)
        fresh = bench.optimizer().next(scene, shown, start, whole.network)
        assert torch.equal(used.texels, fresh.texels)
    assert len(asked) == 4 + 4 + 2 + 1


def test_only_what_enters_or_leaves_the_occupancy_changes_its_density() -> None:
    whole = random_occupancy(0)
    mapping = build_mapping(whole, 4)
    third = len(mapping.vertices) // 3
    now, before = (np.zeros(whole.grid.shape, np.bool_) for _ in range(2))
    now[tuple(mapping.vertices[: 2 * third].T)] = True
    before[tuple(mapping.vertices[third:].T)] = True
    motion = Motion(OccupancyGrid(whole.grid, now), OccupancyGrid(whole.grid, before))
    config = OptimizeConfig(density_range=6.0, lifted_density=-2.0)
    texels = torch.full((mapping.texel_count, 3), -5.0)
    texels[int(mapping.texels[0]), 0] = 4.0
    adapted = adapt_density(texels, mapping, motion, config)
    rows = torch.from_numpy(mapping.texels).long()
    assert adapted[rows[0], 0] == 4
    assert (adapted[rows[1:third], 0] == -2).all()
    assert (adapted[rows[third : 2 * third], 0] == -5).all()
    assert (adapted[rows[2 * third :], 0] == -6).all()
    assert torch.equal(adapted[:, 1:], texels[:, 1:])
    assert torch.equal(adapt_density(texels, mapping, None, config), texels)
