"""The march on a CUDA device: one ray per thread, through the function bodies of the CPU's march.

What differs from `render.march_kernels`:

- Channels are a constant of the compiled kernel, so that sums per ray stay in registers.
- Features are fetched eight bytes at a time: four channels in half precision, two in single.
- Gradients of all rays go to one buffer by atomic additions. Their order is the device's own, so
  two runs agree to rounding and not to the bit; the CPU's slabs stay the repeatable way.

Tensors are read and written where they lie, on torch's current stream, without waiting.
"""

import math
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import render.lattice as sampling
import render.march_kernels as cpu
from render.cameras import Rays
from render.cuda_threads import Kernel, Space, cuda, float32, kernel, libdevice, rebuilt
from render.errors import SceneError
from render.field import Field
from render.lattice import enter
from render.march_kernels import march_back, march_ray, weigh_ray
from render.march_types import (
    Corners,
    FieldArrays,
    FloatArray,
    IntArray,
    RayArrays,
    RayGradients,
    RayResults,
    Weights,
)

_CHANNELS = 4  # Stands for the field's own number, which each compiled kernel has as a constant.


class Kernels(NamedTuple):
    """The kernels for one number of channels and one precision."""

    forward: Kernel
    backward: Kernel
    weigh: Kernel


def march_forward(field: Field, rays: Rays, into: tuple[Tensor, Tensor, Tensor]) -> None:
    """Fill features (rays, channels), transmittance and distance (rays,); rays in grid units."""
    arguments = *_inputs(field, rays), RayResults(*map(_as_array, into))
    _kernels_of(field).forward(len(rays), *arguments)


def march_backward(
    field: Field,
    rays: Rays,
    given: tuple[Tensor, Tensor, Tensor, Tensor],
    into: tuple[Tensor, Tensor],
) -> None:
    """Add to the gradients of density (texels + 1,) and features (texels + 1, channels).

    ``given`` are the features and transmittance of the forward pass and the loss gradients with
    respect to both.

    Raises:
        SceneError: if the field's features are in half precision, which is for drawing only.
    """
    if field.features.dtype != torch.float32:
        raise SceneError(
            f"features are {field.features.dtype}, expected float32 for gradients; train on the "
            "field that the texels were loaded into"
        )
    gradients = RayGradients(*(_as_array(tensor.contiguous()) for tensor in given))
    _kernels_of(field).backward(len(rays), *_inputs(field, rays), gradients, *into)


def texel_weights(field: Field, rays: Rays, transmittance: Tensor, largest: Tensor) -> None:
    """Fill transmittance (rays,); raise ``largest`` (texels + 1,) to each texel's weight."""
    _kernels_of(field).weigh(len(rays), *_inputs(field, rays), transmittance, largest)


def field_tensors(field: Field) -> FieldArrays:
    """A field as the kernels take it: features are reinterpreted eight bytes at a time."""
    cells, corners = field.geometry.tables(field.density.device)
    packed = field.features.detach().view(torch.int64)
    return FieldArrays(*map(_as_array, (cells, corners, field.density, packed)))


def _inputs(field: Field, rays: Rays) -> tuple[RayArrays, FieldArrays, np.float32]:
    """What every kernel begins with."""
    origins, directions = rays.origins.contiguous(), rays.directions.contiguous()
    return (
        RayArrays(_as_array(origins), _as_array(directions)),
        field_tensors(field),
        np.float32(field.step),
    )


def _as_array(tensor: Tensor) -> Any:  # noqa: ANN401 - stands for an array until the launch
    return tensor


def _kernels_of(field: Field) -> Kernels:
    return kernels(field.features.shape[1], field.features.dtype)


@cache
def kernels(channels: int, precision: torch.dtype) -> Kernels:
    """Kernels for fields of that many channels; they are compiled when first launched."""
    space = march_space(channels, precision)
    return Kernels(*(kernel(body, space) for body in (_forward, _backward, _weigh)))


def march_space(
    channels: int, precision: torch.dtype, more: Mapping[str, Any] = MappingProxyType({})
) -> Space:
    """The march's functions for CUDA threads, which kernels are built on, and ``more`` names.

    Raises:
        SceneError: if features are neither float32 nor float16.
    """
    unpack = {torch.float32: _unpack_single, torch.float16: _unpack_half}.get(precision)
    if unpack is None:
        raise SceneError(f"features are {precision}, expected float32 or float16; convert them")
    changed = {
        "floor": _whole_below,
        "ceil": _whole_above,
        "channel_count": _constant_channel_count,
        "blend_channel": _blend_unpacked,
        "unpack": unpack,
        "add": _add_atomically,
        "add_to_channel": _add_to_channel_atomically,
        "raise_to": _raise_atomically,
        "_CHANNELS": channels,
        "math": math,
        "cuda": cuda,
        "float32": float32,
        "libdevice": libdevice,
        **more,
    }
    return rebuilt((sampling, cpu), changed)


def _forward(rays: RayArrays, field: FieldArrays, step: np.float32, into: RayResults) -> None:
    """One thread marches one ray."""
    r = cuda.grid(1)
    if r < rays.origins.shape[0]:
        total = cuda.local.array(_CHANNELS, float32)
        for c in range(_CHANNELS):
            total[c] = float32(0)
        left, distance = march_ray(enter(rays, r, field.cells, step), field, total)
        into.transmittance[r] = left
        into.distance[r] = distance
        for c in range(_CHANNELS):
            into.features[r, c] = total[c]


def _backward(
    rays: RayArrays,
    field: FieldArrays,
    step: np.float32,
    given: RayGradients,
    d_density: FloatArray,
    d_features: FloatArray,
) -> None:
    """One thread walks one ray again and scatters its gradients."""
    r = cuda.grid(1)
    if r < rays.origins.shape[0]:
        gradient = cuda.local.array(_CHANNELS, float32)
        total = given.d_transmittance[r] * given.transmittance[r]
        for c in range(_CHANNELS):
            gradient[c] = given.d_features[r, c]
            total += gradient[c] * given.features[r, c]
        march_back(enter(rays, r, field.cells, step), field, gradient, total, d_density, d_features)


def _weigh(
    rays: RayArrays,
    field: FieldArrays,
    step: np.float32,
    transmittance: FloatArray,
    largest: FloatArray,
) -> None:
    """One thread raises the weights of the texels that its ray meets."""
    r = cuda.grid(1)
    if r < rays.origins.shape[0]:
        transmittance[r] = weigh_ray(enter(rays, r, field.cells, step), field, largest)


def _whole_below(value: np.float32) -> np.int32:
    return np.int32(math.floor(value))


def _whole_above(value: np.float32) -> np.int32:
    return np.int32(math.ceil(value))


def _constant_channel_count(_field: FieldArrays) -> int:
    return _CHANNELS


def _blend_unpacked(features: IntArray, k: Corners, w: Weights, c: int) -> np.float32:
    """As on the CPU; neighboring channels share their fetches once the compiler has unrolled."""
    a = w[0] * unpack(features, k[0], c) + w[1] * unpack(features, k[1], c)
    b = w[2] * unpack(features, k[2], c) + w[3] * unpack(features, k[3], c)
    d = w[4] * unpack(features, k[4], c) + w[5] * unpack(features, k[5], c)
    e = w[6] * unpack(features, k[6], c) + w[7] * unpack(features, k[7], c)
    return (a + b) + (d + e)


def _unpack_single(features: IntArray, row: int, c: int) -> np.float32:
    """One channel out of eight bytes that hold two; the first is in the low bits."""
    return np.float32(libdevice.int_as_float(np.int32(features[row, c >> 1] >> ((c & 1) << 5))))


def _unpack_half(features: IntArray, row: int, c: int) -> np.float32:
    """One channel out of eight bytes that hold four, likewise."""
    return np.float32(libdevice.half2float(np.int16(features[row, c >> 2] >> ((c & 3) << 4))))


unpack = _unpack_single  # For readers; each kernel has the one for its precision.


def _add_atomically(into: FloatArray, row: int, value: np.float32) -> None:
    cuda.atomic.add(into, row, value)


def _add_to_channel_atomically(into: FloatArray, row: int, c: int, value: np.float32) -> None:
    cuda.atomic.add(into, (row, c), value)


def _raise_atomically(into: FloatArray, row: int, value: np.float32) -> None:
    cuda.atomic.max(into, row, value)
