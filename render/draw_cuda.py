"""Whole views on a CUDA device in one kernel: ray, march and shading network, a thread per pixel.

Nothing is stored between the steps, so that a view costs what its texels cost to fetch. The plain
twin is `render.fragment.render_view`.
"""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from render.cameras import Camera
from render.cuda_threads import Kernel, cuda, float32, kernel, libdevice
from render.field import Field
from render.fragment import Appearance, ShadedImage
from render.lattice import enter
from render.march_cuda import field_tensors, march_space
from render.march_kernels import march_ray
from render.march_types import FieldArrays, FloatArray, RayArrays
from render.shading import ShadingMlp, ShadingShape

# Threads that run together draw a tile of this size, since neighbors meet the same texels.
_TILE_WIDTH, _TILE_HEIGHT = 8, 4
_TILE = _TILE_WIDTH * _TILE_HEIGHT
# Output units are computed four at a time; a value is fetched once for all of them.
_UNITS = 4

# Constants of a compiled kernel; these stand for its own.
_CHANNELS, _FEATURES, _FREQUENCIES, _LAYERS = 4, 3, 0, ((6, 4),)
_VALUES = 8  # the widest layer, twice: what goes into a layer and what comes out


class ViewNumbers(NamedTuple):
    """A camera as the kernel takes it: pixels and lens, turn to world axes, place in the grid."""

    columns: int
    rows: int
    left: float
    top: float
    focal_x: float
    focal_y: float
    xx: float
    xy: float
    xz: float
    yx: float
    yy: float
    yz: float
    zx: float
    zy: float
    zz: float
    ox: np.float32
    oy: np.float32
    oz: np.float32


class Light(NamedTuple):
    """Weights of the shading network as `pack_weights` lays them out, and the background (3,)."""

    weights: Any
    background: Any


class Pixels(NamedTuple):
    """What a view consists of: colors (pixels, 3), opacity and mean distance (pixels,)."""

    rgb: Any
    opacity: Any
    distance: Any


def draw_view(field: Field, light: Light, shape: ShadingShape, camera: Camera) -> ShadedImage:
    """One view, left on the field's device; the caller decides when to wait for it."""
    count, device = camera.width * camera.height, field.density.device
    rgb = torch.empty(count, 3, device=device)
    opacity, distance = torch.empty(count, device=device), torch.empty(count, device=device)
    tiles = -(-camera.width // _TILE_WIDTH) * -(-camera.height // _TILE_HEIGHT)
    draw = _draw_kernel(field.features.shape[1], field.features.dtype, shape)
    draw(
        _TILE * tiles,
        view_numbers(field, camera),
        field_tensors(field),
        np.float32(field.step),
        light,
        Pixels(rgb, opacity, distance),
    )
    size = (camera.height, camera.width)
    depth = distance.view(size) * field.geometry.grid.voxel_size
    return ShadedImage(rgb.view(*size, 3), opacity.view(size), depth)


def light_on(appearance: Appearance, device: torch.device | str) -> Light:
    """An appearance made ready for drawing on a device."""
    return Light(pack_weights(appearance.mlp).to(device), appearance.background.float().to(device))


def pack_weights(mlp: ShadingMlp) -> Tensor:
    """All weights in the order in which they are used: float32, flat.

    For every four units of a layer: their biases, then for each input the four weights. A last
    group is filled up with zeros.
    """
    parts = []
    for layer in mlp.layers:
        matrix, bias = layer.get_parameter("weight").detach(), layer.get_parameter("bias").detach()
        rows = torch.cat([bias[:, None], matrix], 1).float().cpu()
        missing = -len(rows) % _UNITS
        filled = torch.cat([rows, rows.new_zeros(missing, rows.shape[1])])
        parts.append(filled.view(-1, _UNITS, rows.shape[1]).transpose(1, 2).reshape(-1))
    return torch.cat(parts)


def view_numbers(field: Field, camera: Camera) -> ViewNumbers:
    """A camera in the grid units of a field; the same numbers as `render.cameras.pixel_rays`."""
    grid = field.geometry.grid
    # Rounded to float32 in the world first, as rays are.
    position = np.float32(camera.position).astype(np.float64)
    origin = ((position - grid.origin) / grid.voxel_size).astype(np.float32)
    size = camera.width, camera.height
    lens = 0.5 - camera.center_x, 0.5 - camera.center_y, camera.focal_x, camera.focal_y
    turn = (float(value) for value in camera.world_to_camera[:3, :3].ravel())
    return ViewNumbers._make((*size, *map(float, lens), *turn, *origin))


@cache
def _draw_kernel(channels: int, precision: torch.dtype, shape: ShadingShape) -> Kernel:
    padded = [-(-width // _UNITS) * _UNITS for _, width in shape.layer_sizes]
    space = march_space(channels, precision, _shading_functions(shape, padded))
    return kernel(_draw, space)


def _shading_functions(shape: ShadingShape, padded: list[int]) -> dict[str, Any]:
    """What the drawing kernel needs beside the march, with the network's sizes as constants."""
    inputs = [count for count, _ in shape.layer_sizes]
    return {
        "_FEATURES": shape.feature_count,
        "_FREQUENCIES": shape.frequency_count,
        "_LAYERS": tuple(zip(inputs, padded, strict=True)),
        "_VALUES": 2 * max(*inputs, *padded),
        "_UNITS": _UNITS,
        "_TILE": _TILE,
        "_TILE_WIDTH": _TILE_WIDTH,
        "_TILE_HEIGHT": _TILE_HEIGHT,
        "_pixel_direction": _pixel_direction,
        "_encode_direction": _encode_direction,
        "_run_network": _run_network,
    }


def _draw(
    view: ViewNumbers, field: FieldArrays, step: np.float32, light: Light, into: Pixels
) -> None:
    """One thread draws one pixel."""
    thread = cuda.grid(1)
    tile, place = thread // _TILE, thread % _TILE
    across = (view.columns + _TILE_WIDTH - 1) // _TILE_WIDTH
    column = (tile % across) * _TILE_WIDTH + place % _TILE_WIDTH
    row = (tile // across) * _TILE_HEIGHT + place // _TILE_WIDTH
    if column < view.columns and row < view.rows:
        origins, directions = cuda.local.array((1, 3), float32), cuda.local.array((1, 3), float32)
        origins[0, 0], origins[0, 1], origins[0, 2] = view.ox, view.oy, view.oz
        x, y, z = _pixel_direction(view, column, row)
        directions[0, 0], directions[0, 1], directions[0, 2] = x, y, z
        total = cuda.local.array(_CHANNELS, float32)
        for c in range(_CHANNELS):
            total[c] = float32(0)
        ray = enter(RayArrays(origins, directions), 0, field.cells, step)
        left, distance = march_ray(ray, field, total)
        opacity = float32(1) - left
        pixel = row * view.columns + column
        into.opacity[pixel] = opacity
        into.distance[pixel] = float32(0)
        for c in range(3):
            into.rgb[pixel, c] = left * light.background[c]
        if opacity > float32(0):
            into.distance[pixel] = distance / max(opacity, float32(1e-6))
            values = cuda.local.array(_VALUES, float32)
            for c in range(_FEATURES):
                values[c] = total[c]
            _encode_direction(values, x, y, z)
            last = _run_network(values, light.weights)
            for c in range(3):
                color = float32(1) / (float32(1) + math.exp(-values[last + c]))
                into.rgb[pixel, c] += opacity * color


def _pixel_direction(
    view: ViewNumbers, column: int, row: int
) -> tuple[np.float32, np.float32, np.float32]:
    """The unit direction of a pixel's ray, in float64 and rounded once, as on the CPU."""
    a, b = (column + view.left) / view.focal_x, (row + view.top) / view.focal_y
    x = a * view.xx + b * view.yx + view.zx
    y = a * view.xy + b * view.yy + view.zy
    z = a * view.xz + b * view.yz + view.zz
    length = math.sqrt(x * x + y * y + z * z)
    return np.float32(x / length), np.float32(y / length), np.float32(z / length)


def _encode_direction(values: FloatArray, x: np.float32, y: np.float32, z: np.float32) -> None:
    """Puts the encoded direction behind the features, as `render.shading.encode_direction` does."""
    at = _FEATURES
    values[at], values[at + 1], values[at + 2] = x, y, z
    for octave in range(_FREQUENCIES):
        scale = np.float32(1 << octave)
        at = _FEATURES + 3 + 6 * octave
        # The library's own functions stay exact where fast mathematics would not.
        values[at] = libdevice.sinf(scale * x)
        values[at + 1] = libdevice.sinf(scale * y)
        values[at + 2] = libdevice.sinf(scale * z)
        values[at + 3] = libdevice.cosf(scale * x)
        values[at + 4] = libdevice.cosf(scale * y)
        values[at + 5] = libdevice.cosf(scale * z)


def _run_network(values: FloatArray, weights: FloatArray) -> int:
    """Runs all layers on the inputs in ``values``; where its three outputs begin, unsquashed."""
    at, source, target = 0, 0, _VALUES // 2
    for layer in range(len(_LAYERS)):
        inputs, outputs = _LAYERS[layer]
        for unit in range(0, outputs, _UNITS):
            a, b, c, d = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
            for i in range(inputs):
                at += _UNITS
                value = values[source + i]
                a += value * weights[at]
                b += value * weights[at + 1]
                c += value * weights[at + 2]
                d += value * weights[at + 3]
            at += _UNITS
            if layer < len(_LAYERS) - 1:
                a, b = max(a, float32(0)), max(b, float32(0))
                c, d = max(c, float32(0)), max(d, float32(0))
            values[target + unit], values[target + unit + 1] = a, b
            values[target + unit + 2], values[target + unit + 3] = c, d
        source, target = target, source
    return source
