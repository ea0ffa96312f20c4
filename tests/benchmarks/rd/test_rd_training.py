"""The shared training loop, against autograd through the plain march."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from bake.capture import open_capture
from bake.config import load_config
from bake.losses import photometric
from bake.progress import SilentProgress
from benchmarks.rd.footage import Footage, occupied_texels, prepare_footage
from benchmarks.rd.footage_store import FootageStore
from benchmarks.rd.training import (
    Setting,
    TrainingPlan,
    field_of,
    fresh_shading,
    frozen_shading,
    plan_of,
    train,
)
from render.march import march_reference

_SETTINGS = (
    "preset=fast",
    "capture.path=procedural:2:24",
    "resolution=10",
    "coarse.resolution=8",
    "coarse.iterations=5",
    "optimize.first_iterations=40",
    "optimize.rays=256",
)


@pytest.fixture(scope="module")
def footage() -> Footage:
    config = load_config(_SETTINGS)
    return prepare_footage(open_capture(config.capture), config, SilentProgress())


@dataclass
class Plain:
    """Texel values themselves as parameters."""

    values: Tensor
    weight: float = 0.0
    asked: list[int] = field(default_factory=list)

    def texels(self, frame_index: int) -> Tensor:
        self.asked.append(frame_index)
        return self.values

    def penalty(self, frame_index: int) -> Tensor | None:
        return self.weight * self.values.square().mean() if self.weight else None

    def parameters(self) -> list[dict[str, Any]]:
        return [{"params": [self.values.requires_grad_()], "lr": 0.05}]


def test_one_step_follows_the_gradient_of_the_plain_march(footage) -> None:
    group = footage.groups[0]
    start = footage.fresh_texels(group, 0, footage.feature_count)
    start[:, 0] += 1.0
    network, _ = fresh_shading(footage)
    shading = frozen_shading(footage, network)
    rays = footage.rays(group, [0])
    plan = TrainingPlan(1, 128, seed=3, final_factor=1.0, opacity_entropy=0.0)
    model = Plain(start.clone())
    error = train(Setting(footage, group.scene, shading), model, rays, plan)

    values = start.clone().requires_grad_()
    batch = rays[0].draw(128, torch.Generator().manual_seed(3))
    plain = field_of(footage, group.scene, start)
    plain.density[:-1] = values[:, 0]
    plain.features[:-1, : values.shape[1] - 1] = values[:, 1:]
    grid = footage.grid
    world = type(batch.rays)(
        batch.rays.origins * grid.voxel_size + torch.from_numpy(grid.origin).float(),
        batch.rays.directions,
    )
    result = march_reference(plain, world)
    left = result.transmittance[:, None]
    shaded = shading.shader(result.features, batch.rays.directions)
    loss = photometric((1 - left) * shaded + left * footage.background, batch.colors)
    loss.backward()
    assert values.grad is not None
    # Adam's first step goes by the sign of the gradient; where it is nearly zero, rounding decides.
    step = (model.values.detach() - start).sign()
    clear = values.grad.abs() > 1e-7
    assert clear.any()
    assert torch.equal(step[clear], -values.grad.sign()[clear])
    # The plain march works in world units and rounds differently along the way.
    assert error == pytest.approx(loss.item(), rel=1e-4)


def test_training_lowers_the_error_and_repeats_itself_to_the_bit(footage) -> None:
    group = footage.groups[0]
    found = []
    for _ in range(2):
        network, shading = fresh_shading(footage)
        model = Plain(footage.fresh_texels(group, 0, footage.feature_count))
        setting = Setting(footage, group.scene, shading)
        rays = footage.rays(group, [0])
        early = train(setting, model, rays, plan_of(footage, 0, 4))
        late = train(setting, model, rays, plan_of(footage, 0, 60))
        assert late < 0.7 * early
        weights = torch.cat([p.detach().flatten() for p in network.parameters()])
        found.append((late, model.values.detach().clone(), weights))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
    assert torch.equal(found[0][2], found[1][2])


def test_frames_of_a_group_take_random_turns(footage) -> None:
    group = footage.groups[0]
    network, _ = fresh_shading(footage)
    setting = Setting(footage, group.scene, frozen_shading(footage, network))
    model = Plain(footage.fresh_texels(group, 0, footage.feature_count))
    train(setting, model, footage.rays(group, [0, 1]), TrainingPlan(30, 64, seed=1))
    assert set(model.asked) == {0, 1}
    assert 5 < sum(model.asked) < 25


def test_a_penalty_pulls_values_without_any_error(footage) -> None:
    group = footage.groups[0]
    network, _ = fresh_shading(footage)
    setting = Setting(footage, group.scene, frozen_shading(footage, network))
    plain, pulled = (Plain(torch.ones(group.scene.mapping.texel_count, 9), w) for w in (0, 1e3))
    for model in (plain, pulled):
        train(setting, model, footage.rays(group, [0]), TrainingPlan(5, 64, seed=1))
    assert pulled.values.abs().mean() < plain.values.abs().mean()


def test_texels_outside_a_frames_own_occupancy_start_empty(footage) -> None:
    group = footage.groups[0]
    inside = occupied_texels(group, 0)
    empty = footage.config.optimize.limits.empty_density
    start = footage.fresh_texels(group, 0, 8)
    outside = torch.zeros(len(start), dtype=torch.bool)
    outside[torch.from_numpy(group.scene.mapping.texels).long()] = True
    outside &= ~inside
    assert inside.any()
    assert (start[outside, 0] == empty).all()
    assert (start[inside, 0] > empty).all()


def test_stored_footage_is_that_which_was_found(footage, tmp_path) -> None:
    store = FootageStore(tmp_path, "key")
    arguments = footage.capture, footage.config, SilentProgress()
    for _ in range(2):
        again = store.footage(*arguments)
        for one, other in zip(again.groups, footage.groups, strict=True):
            assert [o.count for o in one.occupancies] == [o.count for o in other.occupancies]
    assert len(list(tmp_path.iterdir())) == 2
