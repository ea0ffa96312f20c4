"""Training lowers the error, repeats bit for bit, and keeps to its limits."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bake.hull import visual_hull
from bake.losses import LossConfig, spatial_variation, temporal_difference, transform_bits
from bake.rays import TrainingRays, useful_pixels
from bake.trainer import (
    AtlasTrainer,
    BlockLoss,
    FitReport,
    Rates,
    Schedule,
    Shading,
    ValueRange,
)
from render.field import FieldGeometry, build_geometry, make_field
from render.mapping import build_mapping
from render.occupancy import cover
from render.shading import ShadingMlp, ShadingShape

LIMITS = ValueRange(density=6.0, feature=3.0, levels=219)
RATES = Rates(density=0.3, feature=0.1, network=0.01, final_factor=0.3)
SCHEDULE = Schedule(iterations=20, rays=256, rates=RATES, seed=7)
OFF = LossConfig(opacity_entropy=0, spatial=0, temporal=0, intra_bits=0, inter_bits=0, target_qp=30)
WHITE = torch.ones(3)
SIDE = 4


class Scene:
    """The sphere on its own hull: geometry, rays, and trainers on them."""

    def __init__(self, sphere: Any) -> None:  # noqa: ANN401 - a class of conftest.py
        views = sphere.views()
        hull = visual_hull(
            cover(sphere.aabb, 8), views.cameras, [view.alpha for view in views.views]
        )
        self.geometry: FieldGeometry = build_geometry(hull.grid, build_mapping(hull, SIDE))
        useful = [useful_pixels(self.geometry, camera) for camera in views.cameras]
        pictures = [view.rgb for view in views.views]
        self.rays = TrainingRays(self.geometry, views.cameras, pictures, useful)

    def trainer(self, limits: ValueRange = LIMITS) -> AtlasTrainer:
        trainer = AtlasTrainer(self.geometry, 3, 0.5, limits)
        start = torch.zeros(self.geometry.texel_count, 4)
        start[:, 0] = -2
        trainer.load(start)
        return trainer

    def fit(
        self,
        schedule: Schedule = SCHEDULE,
        shading: Shading | None = None,
        losses: LossConfig = OFF,
        limits: ValueRange = LIMITS,
    ) -> tuple[Tensor, FitReport]:
        trainer = self.trainer(limits)
        loss = BlockLoss(losses, SIDE, limits, None)
        report = trainer.fit(self.rays, shading or direct(), schedule, loss)
        return trainer.texels(), report


@pytest.fixture(scope="module")
def scene(sphere) -> Scene:
    return Scene(sphere)


def direct() -> Shading:
    """Three features are the color."""
    return Shading(lambda features, _: torch.sigmoid(features[:, :3]), WHITE)


def network() -> ShadingMlp:
    torch.manual_seed(1)
    return ShadingMlp(ShadingShape(3, 8, 2, 1))


def weights_of(model: torch.nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_the_error_falls_with_training(scene) -> None:
    errors = [scene.fit(replace(SCHEDULE, iterations=n))[1].error for n in (1, 20, 60)]
    assert errors[0] > 2 * errors[1] > 2 * errors[2]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(scene) -> None:
    first, second = scene.fit(), scene.fit()
    assert torch.equal(first[0], second[0])
    assert first[1] == second[1]
    assert not torch.equal(first[0], scene.fit(replace(SCHEDULE, seed=8))[0])


def test_training_does_not_draw_from_the_global_generator(scene) -> None:
    torch.manual_seed(1)
    first = scene.fit()[0]
    torch.manual_seed(2)
    assert torch.equal(first, scene.fit()[0])


def test_a_second_fit_depends_on_its_start_only(scene) -> None:
    """A resumed bake has a new trainer where an uninterrupted one has a used one."""
    used, fresh = scene.trainer(), scene.trainer()
    loss = BlockLoss(OFF, SIDE, LIMITS, None)
    used.fit(scene.rays, direct(), replace(SCHEDULE, seed=99), loss)
    start = torch.randn(scene.geometry.texel_count, 4)
    texels = []
    for trainer in (used, fresh):
        trainer.load(start)
        trainer.fit(scene.rays, direct(), SCHEDULE, loss)
        texels.append(trainer.texels())
    assert torch.equal(*texels)


def test_values_stay_within_their_limits(scene) -> None:
    tight = ValueRange(density=1.5, feature=0.5, levels=15)
    fast = Schedule(20, 256, Rates(density=2.0, feature=2.0, network=0.1, final_factor=1), 0)
    texels, _ = scene.fit(fast, limits=tight)
    assert texels[:, 0].abs().max() == 1.5
    assert texels[:, 1:].abs().max() == 0.5


def test_rounding_changes_what_the_rays_see_and_no_levels_turn_it_off(scene) -> None:
    found = {n: scene.fit(limits=replace(LIMITS, levels=n))[0] for n in (0, 6, 1 << 16)}
    assert not torch.equal(found[0], found[6])
    fine, coarse = ((found[n] - found[0]).abs().mean() for n in (1 << 16, 6))
    assert fine < coarse / 10


def test_the_empty_texel_stays_empty(scene) -> None:
    trainer = scene.trainer()
    trainer.fit(scene.rays, direct(), SCHEDULE, BlockLoss(OFF, SIDE, LIMITS, None))
    assert trainer.field.density[-1] == -LIMITS.density == LIMITS.empty_density
    assert not trainer.field.features[-1].any()


def test_texels_are_read_back_as_loaded_and_are_a_copy(scene) -> None:
    trainer = scene.trainer()
    start = torch.randn(scene.geometry.texel_count, 4)
    trainer.load(start)
    copied = trainer.texels()
    assert torch.equal(copied, start)
    copied.zero_()
    assert torch.equal(trainer.texels(), start)


def test_a_network_without_an_optimizer_keeps_its_weights(scene) -> None:
    model = network().requires_grad_(requires_grad=False)
    before = weights_of(model)
    start, report = scene.trainer().texels(), scene.fit(shading=Shading(model, WHITE))
    assert all(map(torch.equal, before, weights_of(model)))
    assert not torch.equal(report[0], start)


def test_a_network_with_an_optimizer_is_trained_along(scene) -> None:
    model = network()
    before = weights_of(model)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99))
    _, report = scene.fit(shading=Shading(model, WHITE, optimizer))
    assert not any(map(torch.equal, before, weights_of(model)))
    frozen = scene.fit(shading=Shading(network().requires_grad_(requires_grad=False), WHITE))[1]
    assert report.error < frozen.error


def test_rates_shrink_to_the_final_factor(scene) -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    scene.fit(replace(SCHEDULE, iterations=10), Shading(model, WHITE, optimizer))
    # The last of ten steps has done nine tenths of the way.
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * 0.3**0.9)


def test_a_shader_that_ignores_its_features_is_an_error(scene) -> None:
    blind = Shading(lambda features, _: torch.full((len(features), 3), 0.5), WHITE)
    with pytest.raises(RuntimeError, match="ignores its features"):
        scene.fit(shading=blind)


def test_entropy_decides_the_rays(scene) -> None:
    plain = scene.fit(replace(SCHEDULE, iterations=40))[0]
    pushed = scene.fit(replace(SCHEDULE, iterations=40), losses=replace(OFF, opacity_entropy=0.05))[
        0
    ]
    assert pushed[:, 0].abs().mean() > plain[:, 0].abs().mean()


def neighbor_steps(texels: Tensor) -> float:
    return spatial_variation(texels.view(-1, SIDE, SIDE, 4)).item()


def test_the_spatial_weight_smooths_the_atlas(scene) -> None:
    plain, _ = scene.fit()
    smooth, _ = scene.fit(losses=replace(OFF, spatial=1e-2))
    assert neighbor_steps(smooth) < 0.8 * neighbor_steps(plain)


def test_the_bit_weight_makes_the_atlas_cheaper_and_is_reported(scene) -> None:
    free, cheap = (scene.fit(losses=replace(OFF, intra_bits=w))[1] for w in (0.0, 1e-2))
    assert 0 < cheap.bits < 0.8 * free.bits


def random_fields(scene: Scene) -> tuple[Any, Any]:
    torch.manual_seed(4)
    texels = [torch.randn(scene.geometry.texel_count, 5) for _ in range(2)]
    return tuple(make_field(scene.geometry, t, empty_density=-6, step=0.5) for t in texels)


@pytest.mark.parametrize("is_intra", [True, False], ids=["intra", "inter"])
def test_block_gradients_are_those_of_the_plain_losses(scene, is_intra) -> None:
    field, before = random_fields(scene)
    config = LossConfig(0, 0.1, 0.2, 0.3, 0.4, target_qp=28)
    previous = None if is_intra else before
    loss_of = BlockLoss(config, SIDE, LIMITS, previous)
    found, bits = loss_of.gradient(field), loss_of.bits(field)
    step = 2 ** ((28 - 4) / 6) / 255
    total, all_bits, slopes = field.density.numel() + field.features.numel(), 0.0, []
    for values, old, limit in (
        (field.density[:-1, None], before.density[:-1, None], 6.0),
        (field.features[:-1], before.features[:-1], 3.0),
    ):
        shape = (-1, SIDE, SIDE, values.shape[1])
        blocks = values.reshape(shape).double().requires_grad_()
        fixed = None if is_intra else old.reshape(shape).double()
        steps = torch.full((values.shape[1],), 2 * limit * step, dtype=torch.float64)
        cost = transform_bits(blocks, fixed, steps) * values.numel()
        loss = (0.3 if is_intra else 0.4) * cost + 0.1 * spatial_variation(blocks) * values.numel()
        if fixed is not None:
            loss = loss + 0.2 * temporal_difference(blocks, fixed) * values.numel()
        (loss / total).backward()
        assert blocks.grad is not None
        slopes.append(blocks.grad.reshape(values.shape).float())
        all_bits += cost.item()
    assert bits == pytest.approx(all_bits, rel=1e-5)
    assert found is not None
    # float32 transforms against float64 ones.
    torch.testing.assert_close(found.density[:-1, None], slopes[0], rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(found.features[:-1], slopes[1], rtol=1e-4, atol=1e-7)
    assert not found.density[-1]
    assert not found.features[-1].any()


def test_weights_of_zero_cost_nothing(scene) -> None:
    field, before = random_fields(scene)
    assert BlockLoss(OFF, SIDE, LIMITS, before).gradient(field) is None
    later_only = replace(OFF, temporal=1.0, inter_bits=1.0)
    assert BlockLoss(later_only, SIDE, LIMITS, None).gradient(field) is None


class Shifted:
    """A correction that is due after every step and moves every value by the same amount."""

    def __init__(self, amount: float) -> None:
        self.amount = amount

    def is_due(self, iteration: int, iterations: int) -> bool:
        return iteration < iterations

    def of(self, texels: Tensor) -> Tensor:
        return torch.full_like(texels, self.amount)


def corrected(scene: Scene, amount: float) -> tuple[Tensor, FitReport]:
    limits = replace(LIMITS, levels=0)
    trainer, loss = scene.trainer(limits), BlockLoss(OFF, SIDE, limits, None)
    report = trainer.fit(scene.rays, direct(), SCHEDULE, loss, Shifted(amount))
    return trainer.texels(), report


def test_a_codec_that_changes_nothing_changes_no_bit(scene) -> None:
    texels, report = corrected(scene, 0.0)
    expected = scene.fit(limits=replace(LIMITS, levels=0))
    assert torch.equal(texels, expected[0])
    assert report == expected[1]


def test_values_make_up_for_what_the_codec_does_to_them(scene) -> None:
    texels, report = corrected(scene, 0.5)
    expected = scene.fit(limits=replace(LIMITS, levels=0))
    assert float((texels - expected[0])[:, 0].mean()) < 0
    assert report.error < 1.5 * expected[1].error
