"""A player written from SCENE.md alone, in plain loops, beside the one that is shipped."""

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import render.scene_record
from hwcodec import Package, decode, open_package
from render.march_types import MIN_ALPHA, MIN_TRANSMITTANCE
from render.occupancy_codec import decode_occupancy
from render.scene import open_scene

DOCUMENT = Path(render.scene_record.__file__).with_name("SCENE.md").read_text(encoding="utf-8")
Floats = NDArray[np.float64]


def morton(vertex: tuple[int, ...]) -> int:
    """Bits of z, y and x in turn, z least significant."""
    return sum(
        (vertex[2 - axis] >> bit & 1) << (3 * bit + axis) for bit in range(16) for axis in range(3)
    )


def hilbert(levels: int, place: tuple[int, int] = (0, 0)) -> Iterator[tuple[int, ...]]:
    """Vertices of a cube along the curve, as the document walks it; ``place`` is its state."""
    if not levels:
        yield 0, 0, 0
        return
    (entry, direction), half = place, 1 << (levels - 1)

    def rot(bits: int, count: int) -> int:
        return (bits << count % 3 | bits >> (3 - count % 3)) & 7

    for w, (e, d) in enumerate(
        zip((0, 0, 0, 3, 3, 6, 6, 5), (0, 1, 1, 2, 2, 1, 1, 0), strict=True)
    ):
        octant = rot(w ^ w >> 1, direction + 1) ^ entry
        inside = entry ^ rot(e, direction + 1), (direction + d + 1) % 3
        for x, y, z in hilbert(levels - 1, inside):
            yield x + (octant >> 2) * half, y + (octant >> 1 & 1) * half, z + (octant & 1) * half


def in_order(occupied: NDArray[np.bool_], order: str) -> list[tuple[int, ...]]:
    """The occupied vertices along the curve of that name."""
    if order == "morton":
        return sorted(map(tuple, np.argwhere(occupied).tolist()), key=morton)
    kept = {tuple(vertex) for vertex in np.argwhere(occupied).tolist()}
    levels = (max(occupied.shape) - 1).bit_length()
    return [vertex for vertex in hilbert(levels) if vertex in kept]


def texel_places(
    occupied: NDArray[np.bool_], order: str, side: int, columns: int
) -> dict[Any, Any]:
    """Row and column in the atlas of every occupied vertex."""
    places = {}
    for i, vertex in enumerate(in_order(occupied, order)):
        block, r = divmod(i, side * side)
        row = sum((r >> (2 * k) & 1) << k for k in range(5))
        column = sum((r >> (2 * k + 1) & 1) << k for k in range(5))
        block_row, block_column = divmod(block, columns // side)
        places[vertex] = block_row * side + row, block_column * side + column
    return places


def up_to_16(length: int) -> int:
    return math.ceil(length / 16) * 16


def texels_of(luma: Floats, group: dict[str, Any], channel: int) -> Floats:
    """Values (rows, columns) of one channel, cut out of the luma plane."""
    layout, quantizer = group["layout"], group["quantizer"]
    rows, columns = layout["rows"], layout["columns"]
    top = channel // layout["tile_columns"] * up_to_16(rows + layout["guard"])
    left = channel % layout["tile_columns"] * up_to_16(columns + layout["guard"])
    low, high = quantizer["lowest_code"], quantizer["highest_code"]
    code = luma[top : top + rows, left : left + columns].clip(low, high)
    minimum, maximum = quantizer["minimum"][channel], quantizer["maximum"][channel]
    return minimum + (code - low) * (maximum - minimum) / (high - low)


@dataclass
class PlainField:
    """Everything of one frame in dense arrays over the grid: (x, y, z, channels)."""

    values: Floats
    occupied: NDArray[np.bool_]
    step: float

    def sample(self, position: Floats) -> Floats | None:
        """Trilinear values at a position in voxels, density first; None in an empty cell."""
        cell = np.clip(np.floor(position), 0, np.array(self.occupied.shape) - 2).astype(int)
        corners = tuple(slice(low, low + 2) for low in cell)
        if not self.occupied[corners].any():
            return None
        block = self.values[corners]
        for fraction in position - cell:
            block = (1 - fraction) * block[0] + fraction * block[1]
        return block

    def march(self, origin: Floats, direction: Floats) -> tuple[Floats, float]:
        """The ray's feature and what is left of its light."""
        feature, left = np.zeros(self.values.shape[-1] - 1), 1.0
        last = np.array(self.occupied.shape) - 1.0
        ends = np.sort([(0 - origin) / direction, (last - origin) / direction], axis=0)
        entry, leave = max(ends[0].max(), 0.0), ends[1].min()
        for i in range(math.floor((leave - entry) / self.step) if leave > entry else 0):
            if left < 1e-3:
                break
            found = self.sample(origin + (entry + (i + 0.5) * self.step) * direction)
            alpha = 0.0 if found is None else 1 - (1 + math.exp(found[0])) ** -self.step
            if found is None or alpha < 1e-4:
                continue
            feature += left * alpha * found[1:]
            left *= 1 - alpha
        return feature, left


class PlainPlayer:
    """Reads nothing but the manifest's scene, the blobs and the luma planes."""

    def __init__(self, package: Package) -> None:
        self.package, self.scene = package, json.loads(json.dumps(package.scene))

    def field(self, frame: int) -> PlainField:
        groups = self.scene["groups"]
        group = next(g for g in groups if 0 <= frame - g["first_frame"] < g["frame_count"])
        occupied = decode_occupancy(
            self.package.blob(group["occupancy"]), tuple(self.scene["grid"])
        )
        pictures = list(decode(self.package.bitstream(group["stream"])))
        luma = pictures[frame - group["first_frame"]].luma.numpy().astype(np.float64)
        order, side = self.scene["vertex_order"], self.scene["block_size"]
        places = texel_places(occupied, order, side, group["layout"]["columns"])
        values = np.zeros((*occupied.shape, group["layout"]["channels"]))
        values[..., 0] = self.scene["empty_density"]
        for channel in range(values.shape[-1]):
            texels = texels_of(luma, group, channel)
            for vertex, place in places.items():
                values[(*vertex, channel)] = texels[place]
        return PlainField(values, occupied, self.scene["step"])

    def network(self, feature: Floats, view: Floats) -> Floats:
        shape = self.scene["shading"]
        weights = iter(np.frombuffer(self.package.blob("network"), "<f2").astype(np.float64))
        parts = [feature, view]
        for k in range(shape["frequency_count"]):
            parts += [np.sin(2**k * view), np.cos(2**k * view)]
        values = np.concatenate(parts)
        for layer in range(shape["depth"]):
            outputs = 3 if layer == shape["depth"] - 1 else shape["width"]
            matrix = np.array([next(weights) for _ in range(outputs * len(values))])
            bias = np.array([next(weights) for _ in range(outputs)])
            values = matrix.reshape(outputs, -1) @ values + bias
            if outputs != 3:
                values = np.maximum(values, 0)
        assert next(weights, None) is None
        return 1 / (1 + np.exp(-values))

    def pixel(self, field: PlainField, view: int, row: int, column: int) -> Floats:
        rig = self.package.blob("rig")
        assert struct.unpack("<2H", rig[:4])[1] == 1
        focal_x, focal_y, center_x, center_y = struct.unpack("<4f", rig[8:24])
        *quaternion, tx, ty, tz = struct.unpack("<7f", rig[24 + 28 * view : 52 + 28 * view])
        u, w = -np.array(quaternion[:3]), quaternion[3]  # Back from camera to world.

        def turned(v: Floats) -> Floats:
            return v + 2 * np.cross(u, np.cross(u, v) + w * v)

        seen = np.array(
            [(column + 0.5 - center_x) / focal_x, (row + 0.5 - center_y) / focal_y, 1.0]
        )
        direction = turned(seen / np.linalg.norm(seen))
        origin = -turned(np.array([tx, ty, tz]))
        grid_origin = (origin - self.scene["aabb"][0]) / self.scene["voxel_size"]
        feature, left = field.march(grid_origin, direction)
        background = np.array(self.scene["background"])
        return (1 - left) * self.network(feature, direction) + left * background


@pytest.fixture(params=["raw", "h264"])
def package(request, baked_packages) -> Path:
    path: Path = baked_packages[request.param]
    return path


@pytest.mark.parametrize(("frame", "view"), [(0, 24), (1, 7), (2, 29)])
def test_a_player_written_from_the_document_draws_the_same_pixels(package, frame, view) -> None:
    scene, player = open_scene(package), PlainPlayer(open_package(package))
    image, field = scene.render(frame, scene.cameras[view]), player.field(frame)
    met = 0
    for row in range(1, 32, 3):
        for column in range(2, 32, 3):
            expected = player.pixel(field, view, row, column)
            assert image.rgb[row, column].tolist() == pytest.approx(expected, abs=1e-3)
            met += float(image.opacity[row, column]) > 0.1
    assert met > 15


def documented_keys() -> set[str]:
    rows = [line.split("|")[1] for line in DOCUMENT.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)`", " ".join(rows)))


def test_every_key_of_the_scene_is_documented_and_every_documented_key_is_there(package) -> None:
    assert set(open_package(package).scene) == documented_keys()


@pytest.mark.parametrize("part", ["shading", "capture", "layout", "quantizer"])
def test_the_keys_inside_the_parts_are_named_in_the_text(package, part) -> None:
    scene = open_package(package).scene
    record = scene[part] if part in scene else scene["groups"][0][part]
    assert not {key for key in record if f"`{key}`" not in DOCUMENT}
    assert not {key for key in scene["groups"][0] if f"`{key}`" not in DOCUMENT}


def test_a_reader_written_from_the_document_finds_the_number_of_every_frame(wide_packages) -> None:
    package = open_package(wide_packages["h264"])
    for group in package.scene["groups"]:
        marks = group["marks"]
        assert not {key for key in marks if f"`{key}`" not in DOCUMENT}
        size = marks["block_size"]
        for number, picture in enumerate(decode(package.bitstream(group["stream"]))):
            rows = picture.luma.numpy()[marks["row"] + 2 : marks["row"] + size - 2]
            starts = [marks["column"] + size * block + 2 for block in range(20)]
            means = np.array([rows[:, start : start + size - 4].mean() for start in starts])
            gain, offset = np.polyfit(means[:4], marks["codes"], 1)
            middle = (marks["codes"][0] + marks["codes"][3]) / 2
            n = 0
            for bit in gain * means[4:] + offset > middle:
                # A Gray code is undone from the highest bit down.
                n = 2 * n + (int(bit) ^ (n & 1))
            assert n == group["first_frame"] + number


def test_the_document_states_the_constants_that_are_used() -> None:
    assert DOCUMENT.startswith(f"# Scene record, version {render.scene_record.SCENE_VERSION}\n")
    assert f"alpha < {float(MIN_ALPHA):.0e}".replace("e-0", "e-") in DOCUMENT
    assert f"T < {float(MIN_TRANSMITTANCE):.0e}".replace("e-0", "e-") in DOCUMENT
