"""How fields find the march of their device, and what that march is made of; with fakes."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from render import march as front
from render import march_cuda
from render.cameras import Lens, Rays, look_at
from render.cuda_threads import bound, rebuilt
from render.draw_cuda import pack_weights, view_numbers
from render.errors import SceneError
from render.field import Field, build_geometry, make_field
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, VoxelGrid
from render.shading import ShadingMlp, ShadingShape


def test_every_function_of_the_march_is_compiled_anew_and_calls_its_own_kind() -> None:
    space = march_cuda.march_space(8, torch.float32)
    for name in ("enter", "next_sample", "march_ray", "march_back", "weigh_ray", "blend_channel"):
        device = space[name]
        assert device.py_func.__globals__ is space, name
        assert device is not getattr(front.kernels, name, None)
    body = space["march_ray"].py_func
    assert body.__code__ is front.kernels.march_ray.py_func.__code__
    assert space["_CHANNELS"] == 8


def nothing() -> None: ...


def test_what_is_no_function_cannot_be_rebound() -> None:
    with pytest.raises(TypeError, match="no plain function"):
        bound(max, {})


def test_replacements_take_the_place_of_what_has_their_name() -> None:
    source = ModuleType("source")
    source.number = 3  # type: ignore[attr-defined]
    space = rebuilt((source,), {"number": 4, "nothing": nothing})
    assert space["number"] == 4
    assert space["nothing"].py_func.__globals__ is space


# ----- Dispatch


def small_field(channels: int = 4) -> Field:
    vertices = np.ones((3, 3, 3), np.bool_)
    grid = VoxelGrid(Aabb((0, 0, 0), (2, 2, 2)), 1.0, (3, 3, 3))
    geometry = build_geometry(grid, build_mapping(OccupancyGrid(grid, vertices), 4))
    texels = torch.ones(geometry.texel_count, 1 + channels)
    return make_field(geometry, texels, empty_density=-5.0, step=0.5)


RAY = Rays(torch.tensor([[-1.0, 1, 1]]), torch.tensor([[1.0, 0, 0]]))


class Spy:
    """Stands for the device's kernels and remembers what they were called with."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[Any, ...]] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*arguments: Any) -> None:  # noqa: ANN401 - whatever is passed
            self.calls[name] = arguments

        return call


@pytest.fixture
def spy(monkeypatch) -> Spy:
    found = Spy()
    monkeypatch.setattr(front, "_device_kernels", lambda _: found)
    return found


def test_fields_of_the_processor_are_marched_there() -> None:
    assert front._device_kernels(small_field()) is None


def test_fields_of_another_device_are_marched_by_its_kernels() -> None:
    somewhere = SimpleNamespace(density=SimpleNamespace(device=torch.device("cuda")))
    assert front._device_kernels(somewhere) is march_cuda


def test_the_forward_pass_hands_its_results_over_to_be_filled(spy) -> None:
    field = small_field()
    result = front.march(field, RAY)
    _, rays, into = spy.calls["march_forward"]
    assert torch.equal(rays.origins, RAY.origins)
    assert [tensor.data_ptr() for tensor in into] == [
        tensor.data_ptr() for tensor in (result.features, result.transmittance, result.distance)
    ]


def test_the_backward_pass_adds_to_a_single_slab(spy) -> None:
    field = small_field()
    slabs = front.zero_gradients(field)
    result = front.MarchResult(torch.ones(1, 4), torch.ones(1), torch.ones(1))
    front.march_backward(field, RAY, result, (torch.ones(1, 4), torch.ones(1)), slabs)
    *_, given, into = spy.calls["march_backward"]
    assert len(given) == 4
    assert into[0].data_ptr() == slabs.density.data_ptr()
    assert into[1].shape == field.features.shape


def test_weights_leave_the_empty_texel_out(spy) -> None:
    largest, transmittance = front.texel_weights(small_field(), RAY)
    assert largest.shape == (small_field().geometry.texel_count,)
    assert transmittance.shape == (1,)
    assert spy.calls["texel_weights"][3].shape == (len(largest) + 1,)


def test_gradients_of_halved_features_are_refused() -> None:
    field = small_field()
    halved = Field(field.geometry, field.density, field.features.half(), field.step)
    with pytest.raises(SceneError, match="float32 for gradients"):
        march_cuda.march_backward(halved, RAY, (torch.ones(1),) * 4, (torch.ones(1),) * 2)


def test_features_of_other_types_have_no_kernels() -> None:
    with pytest.raises(SceneError, match=r"float32 or float16"):
        march_cuda.march_space(4, torch.float64)


def test_tables_are_copied_to_a_device_once() -> None:
    geometry = small_field().geometry
    first, second = geometry.tables("meta"), geometry.tables(torch.device("meta"))
    assert first[0] is second[0]
    assert first[1] is second[1]
    cells, corners = geometry.tables("cpu")
    assert torch.equal(cells, torch.from_numpy(geometry.cells))
    assert torch.equal(corners, torch.from_numpy(geometry.corners))


# ----- What the drawing kernel is given


def test_packed_weights_hold_four_units_side_by_side_and_fill_up_with_zeros() -> None:
    network = ShadingMlp(ShadingShape(1, 4, 2, 0)).requires_grad_(requires_grad=False)
    packed = pack_weights(network)
    first, last = network.layers
    assert torch.equal(packed[:4], first.bias)
    assert torch.equal(packed[4:8], first.weight[:, 0])
    rest = packed[4 * (1 + 4) :]
    assert torch.equal(rest[:3], last.bias)
    assert torch.equal(rest[4:7], last.weight[:, 0])
    assert not rest[3::4].any()
    assert len(packed) == 4 * (1 + 4) + 4 * (1 + 4)


def test_a_camera_is_placed_in_the_units_of_the_grid() -> None:
    camera = look_at((4, 1, 2), (0, 1, 2), (0, 0, 1), lens=Lens(10, 8, 12.0))
    numbers = view_numbers(small_field(), camera)
    assert (numbers.columns, numbers.rows) == (10, 8)
    assert (numbers.ox, numbers.oy, numbers.oz) == (4, 1, 2)
    assert numbers.zx == pytest.approx(-1)  # It looks down the x axis.
