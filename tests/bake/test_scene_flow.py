"""Values move along with what the pictures show: a textured ball that is shifted by a known way."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from bake.capture import View
from bake.coarse import FrameViews
from bake.scene_flow import SceneFlow, estimate_flow, move_texels
from render.cameras import Camera, Lens, orbit, pixel_rays
from render.field import Field, build_geometry, make_field
from render.geometry import Aabb
from render.mapping import MappingTable, build_mapping
from render.march import march
from render.occupancy import OccupancyGrid, VoxelGrid

SIDE = 33
GRID = VoxelGrid(Aabb((-1, -1, -1), (1, 1, 1)), 2 / (SIDE - 1), (SIDE, SIDE, SIDE))
MAPPING: MappingTable = build_mapping(OccupancyGrid(GRID, np.ones(GRID.shape, np.bool_)))
CAMERAS = (
    *orbit((0, 0, 0), 2.6, 0.7, 6, Lens(96, 96, 110.0)),
    *orbit((0, 0, 0), 2.6, -0.9, 5, Lens(96, 96, 110.0)),
)
WAY = torch.tensor([1.6, -1.1, 0.7])
RADIUS = 8.0


def ball(shift: Tensor) -> Tensor:
    """Texels of the ball after a shift in voxels: solid, with a smooth texture in three colors."""
    places = torch.from_numpy(MAPPING.vertices).float() - (SIDE - 1) / 2 - shift
    waves = [torch.sin(places @ torch.tensor(wave)) for wave in ((0.9, 0.4, 0), (0, 1, -0.5))]
    colors = torch.stack([waves[0], waves[1], waves[0] * waves[1]], 1) * 2
    density = (RADIUS - places.norm(dim=1)).clamp(-1, 1) * 6
    texels = torch.zeros(MAPPING.texel_count, 4)
    texels[torch.from_numpy(MAPPING.texels).long()] = torch.cat([density[:, None], colors], 1)
    return texels


def field(texels: Tensor) -> Field:
    return make_field(build_geometry(GRID, MAPPING), texels, empty_density=-6.0, step=0.5)


def pictures(texels: Tensor) -> FrameViews:
    """What all cameras see of it, on white."""
    views = []
    for camera in CAMERAS:
        result = march(field(texels), pixel_rays(camera))
        left = result.transmittance[:, None]
        rgb = (1 - left) * torch.sigmoid(result.features[:, :3] / (1 - left).clamp_min(0.01)) + left
        codes = (rgb * 255).round().to(torch.uint8).numpy()
        views.append(View(codes.reshape(camera.height, camera.width, 3), None))
    return FrameViews(tuple(range(len(CAMERAS))), CAMERAS, tuple(views))


@pytest.fixture(scope="module")
def before() -> tuple[Tensor, FrameViews]:
    texels = ball(torch.zeros(3))
    return texels, pictures(texels)


@pytest.fixture(scope="module")
def after() -> FrameViews:
    return pictures(ball(WAY))


def surface() -> Tensor:
    """Points on the ball, in voxels."""
    points = torch.nn.functional.normalize(torch.randn(200, 3), dim=1) * (RADIUS - 0.5)
    return points + (SIDE - 1) / 2


@pytest.mark.parametrize("spacing", [4, 8])
def test_the_flow_of_the_surface_is_the_way_that_it_went(before, after, spacing) -> None:
    texels, views = before
    flow = estimate_flow(field(texels), views, after, spacing)
    miss = (flow.at(surface()) - WAY).norm(dim=1)
    assert miss.median() < 0.25
    assert miss.max() < 0.8


def test_moved_values_show_the_next_frame_far_better_than_those_left_in_place(
    before, after
) -> None:
    texels, views = before
    moved = move_texels(texels, MAPPING, estimate_flow(field(texels), views, after, 8))

    def error(values: Tensor) -> float:
        pairs = zip(pictures(values).views, after.views, strict=True)
        return float(np.mean([np.square(a.rgb / 255 - b.rgb / 255).mean() for a, b in pairs]))

    assert error(moved) < error(texels) / 10


def test_nothing_moves_where_the_pictures_are_the_same(before) -> None:
    texels, views = before
    flow = estimate_flow(field(texels), views, views, 8)
    assert flow.displacements.abs().max() < 0.05
    assert move_texels(texels, MAPPING, flow).equal(texels)


def test_nothing_moves_without_a_view_that_both_frames_have(before, after) -> None:
    texels, views = before
    others = replace(after, indices=tuple(index + 100 for index in after.indices))
    assert not estimate_flow(field(texels), views, others, 8).displacements.any()


@pytest.mark.parametrize("size", [(1, 1), (11, 96), (12, 12), (4000, 3)])
def test_pictures_too_small_for_a_flow_leave_everything_in_place(before, size) -> None:
    texels, views = before
    cameras = tuple(
        Camera(*size, 110.0, 110.0, size[0] / 2, size[1] / 2, camera.world_to_camera)
        for camera in views.cameras
    )
    rgb = [cv2.resize(view.rgb, size) for view in views.views]
    tiny = FrameViews(views.indices, cameras, tuple(View(one, None) for one in rgb))
    assert estimate_flow(field(texels), tiny, tiny, 8).displacements.abs().max() < 0.05


def test_views_that_only_one_frame_has_are_left_out(before, after) -> None:
    texels, views = before
    fewer = FrameViews(after.indices[3:], after.cameras[3:], after.views[3:])
    cut = FrameViews(views.indices[3:], views.cameras[3:], views.views[3:])
    expected = estimate_flow(field(texels), cut, fewer, 8).displacements
    assert estimate_flow(field(texels), views, fewer, 8).displacements.equal(expected)


def test_the_number_of_threads_changes_nothing_and_comes_back(before, after) -> None:
    texels, views = before
    kept, found = cv2.getNumThreads(), []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            found.append(estimate_flow(field(texels), views, after, 8).displacements)
            assert cv2.getNumThreads() == count
    finally:
        cv2.setNumThreads(kept)
    assert found[0].equal(found[1])


def test_large_pictures_are_shrunk_without_changing_the_flow_much(before, after) -> None:
    texels, views = before

    def enlarged(frame: FrameViews) -> FrameViews:
        cameras = tuple(camera.scaled(8) for camera in frame.cameras)
        rgb = [cv2.resize(v.rgb, (768, 768), interpolation=cv2.INTER_LINEAR) for v in frame.views]
        return FrameViews(frame.indices, cameras, tuple(View(one, None) for one in rgb))

    flow = estimate_flow(field(texels), enlarged(views), enlarged(after), 8)
    assert (flow.at(surface()) - WAY).norm(dim=1).median() < 0.25


def test_a_place_whose_source_had_no_value_keeps_its_own() -> None:
    bits = np.zeros(GRID.shape, np.bool_)
    bits[10:14, 10:14, 10:14] = True
    mapping = build_mapping(OccupancyGrid(GRID, bits))
    texels = torch.randn(mapping.texel_count, 2)
    shape = (*(-(-SIDE // 8) + 1,) * 3, 3)
    flow = SceneFlow(torch.tensor([2.0, 0, 0]).expand(shape).contiguous(), 8)
    moved = move_texels(texels, mapping, flow)
    table = mapping.texel_of_vertex
    # Two voxels along x: the far half takes the near half's values, the near half has no source.
    assert torch.allclose(moved[table[12, 11, 11]], texels[table[10, 11, 11]], atol=1e-5)
    assert moved[table[10, 11, 11]].equal(texels[table[10, 11, 11]])


def test_sources_undo_a_constant_displacement() -> None:
    flow = SceneFlow(WAY.expand(6, 6, 6, 3).contiguous(), 8)
    points = torch.rand(50, 3) * 30
    assert torch.allclose(flow.sources(points), points - WAY, atol=1e-5)
