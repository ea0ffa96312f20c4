"""Adam over texels: the compiled step, its plain twin, and what the class around them keeps."""

import numpy as np
import pytest
import torch
from torch import Tensor

from bake import field_adam
from bake.atlas_kernels import AdamStep
from bake.field_adam import FieldAdam, Rates, Updated, update_compiled, update_plainly
from bake.value_range import ValueRange
from render.field import Field, build_geometry, make_field
from render.geometry import Aabb
from render.mapping import build_mapping
from render.march import zero_gradients
from render.occupancy import OccupancyGrid, VoxelGrid

BETAS = (0.9, 0.99)


def step(count: int, *, rate: float = 0.05, rounding: float = 0.0, bound: float = 1e3) -> AdamStep:
    corrections = (1 / (1 - BETAS[0] ** count), 1 / (1 - BETAS[1] ** count))
    return AdamStep(*map(np.float32, (rate, *BETAS, *corrections, -bound, bound, rounding)))


def values(count: int = 300) -> list[Tensor]:
    return [torch.randn(count), torch.zeros(count), torch.zeros(count), torch.zeros(count)]


@pytest.mark.parametrize("slab_count", [1, 2, 3])
@pytest.mark.parametrize("rounding", [0.0, 2 / 15])
def test_the_plain_update_is_the_compiled_one(slab_count, rounding) -> None:
    compiled = values()
    plain = [tensor.clone() for tensor in compiled]
    for count in range(1, 6):
        slabs, extra = torch.randn(slab_count, 300), torch.randn(300)
        one, other = (
            Updated(*tensors, slabs.clone(), extra.clone()) for tensors in (compiled, plain)
        )
        update_compiled(one, step(count, rounding=rounding, bound=1.0))
        update_plainly(other, step(count, rounding=rounding, bound=1.0))
        assert not one.slabs.any()
        assert not other.slabs.any()
    master, seen, first, second = zip(compiled, plain, strict=True)
    for pair in (master, first, second):
        torch.testing.assert_close(*pair, rtol=1e-5, atol=1e-6)
    # A value between two codes may fall to either side.
    same = (seen[0] - seen[1]).abs() < max(rounding / 2, 1e-5)
    assert same.float().mean() > 0.99
    assert compiled[0].abs().max() <= 1


def test_the_plain_update_is_that_of_torch() -> None:
    own = values(50)
    known = own[0].clone().requires_grad_()
    optimizer = torch.optim.Adam([known], lr=0.05, betas=BETAS, eps=1e-10)
    for count in range(1, 8):
        gradient = torch.randn(50)
        known.grad = gradient.clone()
        optimizer.step()
        update_plainly(Updated(*own, gradient[None].clone(), torch.zeros(50)), step(count))
    torch.testing.assert_close(own[0], known.detach(), rtol=1e-5, atol=1e-6)
    assert torch.equal(own[0], own[1])


def field() -> Field:
    grid = VoxelGrid(Aabb((0, 0, 0), (2, 2, 2)), 1.0, (3, 3, 3))
    mapping = build_mapping(OccupancyGrid(grid, np.ones((3, 3, 3), np.bool_)), 4)
    texels = torch.randn(mapping.texel_count, 5)
    return make_field(build_geometry(grid, mapping), texels, empty_density=-6.0, step=0.5)


@pytest.mark.parametrize("has_extra", [False, True])
def test_density_and_features_move_by_their_own_rates_and_the_empty_texel_stays(has_extra) -> None:
    master, seen = field(), field()
    before = master.density.clone(), master.features.clone()
    slabs = zero_gradients(master)
    slabs.density.fill_(1)
    slabs.features.fill_(-1)
    extra = None
    if has_extra:  # The other way, and stronger.
        density, features = master.density * 0 - 9, master.features * 0 + 9
        extra = Field(master.geometry, density, features, 0.5)
    adam = FieldAdam(master, ValueRange(density=6.0, feature=50.0, levels=0))
    adam.update(seen, slabs, extra, (Rates(density=0.2, feature=0.01), 0.5))
    sign = -1 if has_extra else 1
    moved = (before[0] - master.density)[:-1] * sign
    inside = master.density[:-1].abs() < 6
    assert moved[inside] == pytest.approx(0.1, rel=1e-3)
    assert (master.features - before[1])[:-1] * sign == pytest.approx(0.005, rel=1e-2)
    assert torch.equal(seen.density, master.density)
    for one in (master, seen):
        assert one.density[-1] == -6
        assert not one.features[-1].any()
    assert not slabs.density.any()


def test_fields_of_a_device_are_updated_there(monkeypatch) -> None:
    """The meta device has no memory, so nothing but the call itself can happen."""
    asked = []
    monkeypatch.setattr(field_adam, "update_on_device", lambda own, _: asked.append(own))
    there = field()
    moved = Field(there.geometry, there.density.to("meta"), there.features.to("meta"), 0.5)
    adam = FieldAdam(moved, ValueRange())
    adam.update(moved, zero_gradients(moved), None, (Rates(), 1.0))
    assert [len(own.slabs) for own in asked] == [1, 1]
    assert all(own.master.device.type == "meta" for own in asked)
