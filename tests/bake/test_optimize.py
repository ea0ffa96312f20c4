"""Frames start from the frame before, groups from what both share, and everything from a seed."""

from dataclasses import replace
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
from bake.trainer import AtlasTrainer, FitReport, Schedule
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


def test_the_first_frame_takes_its_steps_from_the_lowest_resolution_to_the_full_one(
    bench, monkeypatch
) -> None:
    taken = []
    fit = AtlasTrainer.fit

    def spy(
        trainer: AtlasTrainer, rays: object, shading: object, schedule: Schedule, *rest: object
    ) -> FitReport:
        taken.append((trainer.field.geometry.grid.voxel_size, schedule.iterations, schedule.seed))
        return fit(trainer, rays, shading, schedule, *rest)

    monkeypatch.setattr(AtlasTrainer, "fit", spy)
    scene, views = bench.scenes[0], bench.sphere.views()
    size = scene.geometry.grid.voxel_size
    bench.optimizer(halvings=2, coarse_share=0.5).first(scene, views)
    assert [step[:2] for step in taken] == [(4 * size, 2), (2 * size, 2), (size, 4)]
    assert len({step[2] for step in taken}) == 3
    for never in ({"halvings": 0}, {"coarse_share": 0.0}):
        taken.clear()
        bench.optimizer(**never).first(scene, views)
        assert [step[:2] for step in taken] == [(size, 8)]


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
    # The first frame asks at every resolution that it begins at, and at the full one.
    assert len(asked) == 3 * 4 + 4 + 2 + 1


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
