"""Runs the CUDA kernels in numba's simulator; a program of its own, as numba decides on loading.

python cuda_simulator.py     prints one JSON object: the largest difference of each comparison
"""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

import bake.adam_cuda as adam
import render.draw_cuda as draw
import render.march as front
import render.march_cuda as device
from bake import block_loss, field_adam
from bake.atlas_kernels import AdamStep
from bake.field_adam import Updated, update_compiled, update_plainly
from benchmarks import gpu_march
from benchmarks.gpu_march import TrainingPlan
from benchmarks.gpu_stand import stand_in
from render.cameras import Camera, Lens, Rays, orbit
from render.field import Field, build_geometry, make_field
from render.fragment import Appearance, render_view
from render.geometry import Aabb
from render.mapping import build_mapping
from render.march import (
    march_backward,
    march_forward,
    march_reference,
    texel_weights,
    zero_gradients,
)
from render.occupancy import OccupancyGrid, VoxelGrid
from render.shading import ShadingMlp, ShadingShape

RAYS = 48


def simulate_library() -> None:
    """The simulator has no device library; these are its functions in numpy."""
    library = SimpleNamespace(
        int_as_float=lambda bits: np.int32(bits).view(np.float32),
        half2float=lambda bits: np.float32(np.int16(bits).view(np.float16)),
        sinf=lambda x: np.float32(np.sin(x)),
        cosf=lambda x: np.float32(np.cos(x)),
    )
    device.libdevice = draw.libdevice = library


def scene(features: int, seed: int, *, step: float = 0.5) -> tuple[Field, Rays]:
    """A sparse random field and rays in grid units from in and around it; some miss, some graze."""
    torch.manual_seed(seed)
    vertices = np.random.default_rng(seed).random((6, 5, 7)) < 0.4
    grid = VoxelGrid(Aabb((0, 0, 0), (5, 4, 6)), 1.0, (6, 5, 7))
    mapping = build_mapping(OccupancyGrid(grid, vertices), 4)
    texels = torch.randn(mapping.texel_count, 1 + features)
    texels[:, 0] = 1.5 * texels[:, 0] - 1
    field = make_field(build_geometry(grid, mapping), texels, empty_density=-5.0, step=step)
    size = torch.tensor(field.geometry.cells.shape)
    origins = (torch.rand(RAYS, 3) * 2 - 0.5) * size
    directions = torch.nn.functional.normalize(torch.rand(RAYS, 3) * size - origins, dim=1)
    # Rays parallel to an axis, inside and outside, and one that starts on a face.
    directions[:3] = torch.eye(3)
    origins[2] = torch.tensor([1.0, 9.0, -1.0])
    origins[3, 0] = 0
    return field, Rays(origins, directions)


def largest(*pairs: tuple[torch.Tensor, torch.Tensor]) -> float:
    """The largest difference of all pairs; nan counts as infinite."""
    return max(float((a - b).abs().nan_to_num(nan=torch.inf).max()) for a, b in pairs)


def forward(field: Field, rays: Rays) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    count, channels = len(rays), field.features.shape[1]
    found = torch.empty(count, channels), torch.empty(count), torch.empty(count)
    device.march_forward(field, rays, found)
    return found


def compare_march(features: int, seed: int, step: float) -> dict[str, float]:
    field, rays = scene(features, seed, step=step)
    twin, found = march_reference(field, rays), forward(field, rays)
    halved = Field(field.geometry, field.density, field.features.half(), step)
    rounded = Field(field.geometry, field.density, field.features.half().float(), step)
    weights, left = texel_weights(field, rays)
    most, through = torch.zeros_like(field.density), torch.empty(RAYS)
    device.texel_weights(field, rays, through, most)
    return {
        "features": largest((found[0], twin.features), (found[1], twin.transmittance)),
        "distance": largest((found[2], twin.distance)),
        "half": largest((forward(halved, rays)[0], march_forward(rounded, rays).features)),
        "weights": largest((most[:-1], weights), (through, left)),
        "met": float((found[1] < 1).float().mean()),
    }


def compare_gradients(features: int, seed: int) -> dict[str, float]:
    """Against automatic differentiation of the twin, and against the compiled backward pass."""
    field, rays = scene(features, seed)
    leaves = field.density.clone().requires_grad_(), field.features.clone().requires_grad_()
    twin = march_reference(Field(field.geometry, *leaves, field.step), rays)
    given = torch.randn_like(twin.features), torch.randn(RAYS)
    ((twin.features * given[0]).sum() + (twin.transmittance * given[1]).sum()).backward()
    result, slabs = march_forward(field, rays), zero_gradients(field)
    march_backward(field, rays, result, given, slabs)
    found = torch.zeros_like(field.density), torch.zeros_like(field.features)
    device.march_backward(field, rays, (result.features, result.transmittance, *given), found)
    assert leaves[0].grad is not None
    assert leaves[1].grad is not None
    return {
        "gradients": largest((found[0], leaves[0].grad), (found[1], leaves[1].grad)),
        "compiled gradients": largest(
            (found[0], slabs.density.sum(0)), (found[1], slabs.features.sum(0))
        ),
        "steepest": float(found[1].abs().max()),
    }


def compare_views(shape: ShadingShape, camera: Camera) -> dict[str, float]:
    field, _ = scene(shape.feature_count, 5)
    network = ShadingMlp(shape).requires_grad_(requires_grad=False)
    for parameter in network.parameters():
        parameter.mul_(3)
    appearance = Appearance(network, torch.tensor([0.2, 0.5, 0.9]))
    expected = render_view(field, appearance, camera)
    found = draw.draw_view(field, draw.light_on(appearance, "cpu"), shape, camera)
    return {
        "colors": largest((found.rgb, expected.rgb), (found.opacity, expected.opacity)),
        "depth": largest((found.depth, expected.depth)),
        "shown": float(expected.opacity.mean()),
    }


def compare_adam(rounding: float) -> dict[str, float]:
    torch.manual_seed(0)
    step = AdamStep(*map(np.float32, (0.05, 0.9, 0.99, 1.7, 20.0, -1.0, 1.0, rounding)))
    start, slabs, extra = torch.randn(40), torch.randn(2, 40), torch.randn(40)
    runs = []
    for update in (update_compiled, update_plainly, on_device):
        values = [start.clone(), torch.zeros(40), torch.zeros(40), torch.zeros(40)]
        for _ in range(3):
            own = Updated(*values, slabs.clone(), extra)
            update(own, step)
            assert not own.slabs.any()
        runs.append(values)
    compiled, plain, found = runs
    return {
        "device adam": largest(*zip(found, compiled, strict=True)),
        "plain adam": largest(*zip(plain, compiled, strict=True)),
    }


def on_device(own: Updated, step: AdamStep) -> None:
    adam.update((own.master, own.seen, own.first, own.second), own.slabs, own.extra, step)


def compare_training() -> dict[str, float]:
    """A few steps through the device's march, losses and Adam against the processor's."""
    stand = stand_in(10, 3, 4)
    plan = TrainingPlan(0, 3, 12, 16, 100, ShadingShape(3, 4, 2, 1))
    here = gpu_march._fitting(stand, "cpu", plan)(plan.steps)
    front._device_kernels = lambda _: device
    field_adam.update_compiled = on_device
    block_loss.add_compiled = block_loss.add_plainly
    there = gpu_march._fitting(stand, "cpu", plan)(plan.steps)
    return {
        "error": abs(there.error - here.error),
        "share of bits": abs(there.bits / here.bits - 1),
        "whole error": here.error,
    }


def main() -> dict[str, dict[str, float]]:
    simulate_library()
    camera = orbit((2.5, 2, 3), 7.0, 2.0, 5, Lens(13, 11, 14.0))[1]
    found = {}
    for features, seed, step in ((4, 0, 0.5), (5, 1, 0.5), (12, 2, 0.3)):
        found[f"march of {features} features"] = compare_march(features, seed, step)
    for features in (3, 8):
        found[f"gradients of {features} features"] = compare_gradients(features, 3)
    for shape in (ShadingShape(5, 10, 3, 2), ShadingShape(4, 8, 1, 0), ShadingShape(3, 12, 2, 4)):
        found[f"views by {shape}"] = compare_views(shape, camera)
    for rounding in (0.0, 2 / 15):
        found[f"adam rounding to {rounding}"] = compare_adam(rounding)
    found["training"] = compare_training()  # The last one, as it puts the device's parts in place.
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
