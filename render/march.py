"""Rays through a field: accumulated features and transmittance, differentiable.

`march` is the fast path: compiled kernels on the processor, or on the CUDA device that holds the
field's tensors. `march_reference` is the plain statement of the same mathematics in torch, used by
the tests and by readers. Both visit the same sample lattice:
sample i of a ray sits at ``entry + (i + 0.5) * step``.

    density d, features f   trilinear over the eight mapped corners of the sample's cell
    alpha                   1 - (1 + exp(d)) ** -step          (DVGO, softplus over one step)
    weights                 w_k = T_k alpha_k,  T_k = prod (1 - alpha_j), j < k
    ray feature             f~ = sum w_k f_k                   (VideoRF, deferred shading)
"""

from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import render.march_kernels as kernels
from render.cameras import Rays
from render.field import Field
from render.march_types import (
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    FieldArrays,
    RayArrays,
    RayGradients,
    RayResults,
)

# How many gradient buffers the backward pass fills in parallel on the processor; part of the
# result's definition (floating-point sums depend on it), so it is a constant and not the thread
# count.
SLAB_COUNT = 2


@dataclass(frozen=True, slots=True, eq=False)
class MarchResult:
    """Per ray: accumulated features (rays, channels), transmittance (rays,), distance (rays,).

    ``distance`` is the weighted mean distance in grid units, without a gradient; 0 for rays that
    meet nothing.
    """

    features: Tensor
    transmittance: Tensor
    distance: Tensor


def march(field: Field, rays: Rays) -> MarchResult:
    """March world-space rays through a field with the compiled kernels, where the field lies.

    Differentiable with respect to the field's density and features; the gradient of the empty
    texel is returned too and means nothing.
    """
    grid_rays = field.geometry.to_grid(rays, field.density.device)
    features, transmittance, distance = _March.apply(  # type: ignore[no-untyped-call]
        field.density, field.features, field, grid_rays
    )
    return MarchResult(features, transmittance, distance)


def ray_arrays(rays: Rays) -> RayArrays:
    """Views of grid-space rays as the kernels take them."""
    return RayArrays(rays.origins.numpy(), rays.directions.numpy())


def field_arrays(field: Field) -> FieldArrays:
    """Views of a CPU field as the kernels take it; writing to the tensors changes the views."""
    geometry = field.geometry
    density, features = field.density.detach().numpy(), field.features.detach().numpy()
    return FieldArrays(geometry.cells, geometry.corners, density, features)


def march_forward(field: Field, grid_rays: Rays) -> MarchResult:
    """The forward pass alone, on rays already in grid units; not differentiable."""
    count, channels = len(grid_rays), field.features.shape[1]
    empty = partial(torch.empty, device=field.density.device)
    result = MarchResult(empty(count, channels), empty(count), empty(count))
    if on_device := _device_kernels(field):
        into = result.features, result.transmittance, result.distance
        on_device.march_forward(field, grid_rays, into)
        return result
    kernels.march_forward(
        ray_arrays(grid_rays),
        field_arrays(field),
        np.float32(field.step),
        SLAB_COUNT,
        RayResults(result.features.numpy(), result.transmittance.numpy(), result.distance.numpy()),
    )
    return result


@dataclass(frozen=True, slots=True, eq=False)
class GradientSlabs:
    """Gradient buffers of a field, one per slab of rays: float32, zero before the first backward.

    ``density`` is (slabs, texels + 1) and ``features`` (slabs, texels + 1, channels). The gradient
    is their sum in slab order. On a device there is one slab, which all rays add to at once.
    """

    density: Tensor
    features: Tensor


def zero_gradients(field: Field) -> GradientSlabs:
    """Fresh gradient buffers for a field."""
    device = field.density.device
    count = SLAB_COUNT if device.type == "cpu" else 1
    return GradientSlabs(
        torch.zeros(count, *field.density.shape, device=device),
        torch.zeros(count, *field.features.shape, device=device),
    )


def march_backward(
    field: Field,
    grid_rays: Rays,
    result: MarchResult,
    gradients: tuple[Tensor, Tensor],
    into: GradientSlabs,
) -> None:
    """Add the gradients of a loss to ``into``.

    ``gradients`` are the loss gradients with respect to the result's features and transmittance.
    """
    d_features, d_transmittance = gradients
    if on_device := _device_kernels(field):
        outputs = result.features, result.transmittance
        slabs = into.density[0], into.features[0]
        on_device.march_backward(field, grid_rays, (*outputs, *gradients), slabs)
        return
    given = RayGradients(
        result.features.detach().numpy(),
        result.transmittance.detach().numpy(),
        d_features.contiguous().numpy(),
        d_transmittance.contiguous().numpy(),
    )
    kernels.march_backward(
        ray_arrays(grid_rays),
        field_arrays(field),
        np.float32(field.step),
        given,
        into.density.numpy(),
        into.features.numpy(),
    )


def texel_weights(field: Field, grid_rays: Rays) -> tuple[Tensor, Tensor]:
    """The largest weight any ray gives each texel (texel_count,), and each ray's transmittance."""
    if on_device := _device_kernels(field):
        largest = torch.zeros_like(field.density)
        transmittance = torch.empty(len(grid_rays), device=field.density.device)
        on_device.texel_weights(field, grid_rays, transmittance, largest)
        return largest[:-1], transmittance
    largest = torch.zeros(SLAB_COUNT, *field.density.shape)
    transmittance = torch.empty(len(grid_rays))
    kernels.march_weights(
        ray_arrays(grid_rays),
        field_arrays(field),
        np.float32(field.step),
        transmittance.numpy(),
        largest.numpy(),
    )
    return largest.amax(0)[:-1], transmittance


def _device_kernels(field: Field) -> ModuleType | None:
    """The kernels for the device that a field lies on, or None for the processor's own.

    They are imported when first needed, as they bring numba's CUDA part along.
    """
    if field.density.device.type == "cpu":
        return None
    import render.march_cuda as on_device

    return on_device


class _March(torch.autograd.Function):
    """The kernels as one differentiable operation."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's context has no public type.
        density: Tensor,
        features: Tensor,
        field: Field,
        grid_rays: Rays,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Runs the forward kernel and keeps what the backward pass walks again."""
        result = march_forward(field, grid_rays)
        ctx.field, ctx.rays = field, grid_rays
        # Kept on the context directly, the outputs would keep each other alive for good.
        ctx.save_for_backward(result.features, result.transmittance, result.distance)
        ctx.mark_non_differentiable(result.distance)
        return result.features, result.transmittance, result.distance

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401 - torch's context has no public type.
        d_features: Tensor,
        d_transmittance: Tensor,
        _d_distance: Tensor,
    ) -> tuple[Tensor, Tensor, None, None]:
        """Recomputes the samples and sums the slabs in order."""
        slabs = zero_gradients(ctx.field)
        result = MarchResult(*ctx.saved_tensors)
        march_backward(ctx.field, ctx.rays, result, (d_features, d_transmittance), slabs)
        return slabs.density.sum(0), slabs.features.sum(0), None, None


@dataclass(frozen=True, slots=True, eq=False)
class MarchSamples:
    """Every sample of some rays in an active cell, one by one, differentiable.

    Attributes:
        ray: int64 (samples,), which ray each belongs to, in order.
        weights: (samples,), zero where the march leaves a sample out.
        features: (samples, channels).
        transmittance: (rays,), what each ray lets through.
        distance: (rays,), as in `MarchResult`.
    """

    ray: Tensor
    weights: Tensor
    features: Tensor
    transmittance: Tensor
    distance: Tensor


def march_reference(field: Field, rays: Rays) -> MarchResult:
    """The plain twin: every lattice sample of every ray, in torch operations, fully differentiable.

    Slow and memory-hungry by design.
    """
    samples = march_samples(field, rays)
    weighted = samples.weights[:, None] * samples.features
    size = len(samples.transmittance), weighted.shape[1]
    accumulated = weighted.new_zeros(size).index_add(0, samples.ray, weighted)
    return MarchResult(accumulated, samples.transmittance, samples.distance)


def march_samples(field: Field, rays: Rays) -> MarchSamples:
    """The samples of world-space rays before anything is summed; for shading each of them.

    It leaves out what the definition leaves out: samples in inactive cells or of less than
    ``MIN_ALPHA``, and everything behind ``MIN_TRANSMITTANCE``.
    """
    device = field.density.device
    grid_rays = field.geometry.to_grid(rays, device)
    entry, count = _lattice(grid_rays, field)
    index = torch.arange(int(count.max()) if len(count) else 0, device=device)
    distances = entry[:, None] + (index + 0.5) * field.step
    positions = grid_rays.origins[:, None] + distances[..., None] * grid_rays.directions[:, None]
    base, cell = _cells(field, positions)
    ray, sample = torch.nonzero((cell >= 0) & (index < count[:, None]), as_tuple=True)
    fraction = positions[ray, sample] - base[ray, sample]
    density, features = _interpolate(field, cell[ray, sample], fraction)
    through = torch.exp(-torch.nn.functional.softplus(density) * field.step)
    alpha = (1 - through) * (1 - through >= float(MIN_ALPHA))
    dense = torch.zeros_like(distances).index_put((ray, sample), alpha)
    dense = dense * (_transmittance(dense)[:, :-1] >= float(MIN_TRANSMITTANCE))
    left = _transmittance(dense)
    weights = left[:, :-1] * dense
    distance = (weights.detach() * distances).sum(1)
    return MarchSamples(ray, weights[ray, sample], features, left[:, -1], distance)


def _transmittance(alpha: Tensor) -> Tensor:
    """What is left before each sample and, in the last column, behind all (rays, samples + 1)."""
    return torch.cumprod(torch.cat([alpha.new_ones(len(alpha), 1), 1 - alpha], 1), 1)


def _lattice(rays: Rays, field: Field) -> tuple[Tensor, Tensor]:
    """Entry distance (rays,) into the grid and the number of samples (rays,) until the exit."""
    shape, device = field.geometry.cells.shape, field.density.device
    size = torch.tensor(shape, dtype=torch.float32, device=device)
    a, b = (0 - rays.origins) / rays.directions, (size - rays.origins) / rays.directions
    near = torch.minimum(a, b).nan_to_num(nan=-torch.inf).amax(1).clamp_min(0)
    far = torch.maximum(a, b).nan_to_num(nan=torch.inf).amin(1)
    parallel = (rays.directions == 0) & ((rays.origins < 0) | (rays.origins > size))
    hit = (far > near) & ~parallel.any(1)
    count = torch.where(hit, torch.floor((far - near) / field.step), torch.zeros_like(near))
    return torch.where(hit, near, torch.zeros_like(near)), count.long()


def _cells(field: Field, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Integer cells (..., 3) of grid positions, and their numbers, negative if inactive."""
    table, _ = field.geometry.tables(field.density.device)
    last = torch.tensor(table.shape, device=table.device) - 1
    base = positions.floor().long().clamp_min(0).minimum(last)
    return base, table[base.unbind(-1)]


def _interpolate(field: Field, cell: Tensor, fraction: Tensor) -> tuple[Tensor, Tensor]:
    """Trilinear density (n,) and features (n, channels) at fractions (n, 3) of active cells."""
    _, table = field.geometry.tables(field.density.device)
    corners = table[cell.long()].long()
    x, y, z = (torch.stack([1 - f, f], -1) for f in fraction.unbind(-1))
    weights = (x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]).flatten(1)
    density = (weights * field.density[corners]).sum(1)
    return density, (weights[..., None] * field.features[corners]).sum(1)
