"""The shader text that the page makes is that of Python, byte for byte."""

import json

import numpy as np
import pytest
import torch

from render.network_source import number
from render.scene_record import SceneRecord
from render.shader_source import shader_body, shader_sources
from render.shading import ShadingMlp, ShadingShape, weights_to_bytes
from tests.render.web.page_calls import EngineError

NUMBERS = """
  const { number } = await engine("network_source");
  const floats = new Float32Array(given.data.buffer);
  return Array.from(floats, number).join(" ")"""
SOURCES = """
  const { shaderSources } = await engine("shader_source");
  const { readSceneRecord } = await engine("scene_record");
  return shaderSources(readSceneRecord(given.scene), given.network, given.bodies)"""
BODIES = {name: shader_body(name) for name in ("screen.vert", "pack.frag", "march.frag")}
SHAPES = [
    ShadingShape(8, 32, 3, 2),
    ShadingShape(1, 4, 2, 0),
    ShadingShape(3, 5, 1, 1),
    ShadingShape(20, 7, 4, 3),
    ShadingShape(15, 16, 2, 10),
]


def scene_of(record: dict, shape: ShadingShape, bit_depth: int) -> dict:
    """The fixture's scene with another network and another bit depth."""
    scene = json.loads(json.dumps(record))
    scene["shading"] = {
        "feature_count": shape.feature_count,
        "width": shape.width,
        "depth": shape.depth,
        "frequency_count": shape.frequency_count,
    }
    channels = 1 + shape.feature_count
    for group in scene["groups"]:
        group["layout"] |= {"channels": channels, "tile_columns": 4}
        codes = {"bit_depth": bit_depth, "lowest_code": 0, "highest_code": 2**bit_depth - 1}
        ends = {"minimum": [-2.5] * channels, "maximum": [2.5] * channels}
        group["quantizer"] = {**codes, **ends}
    return scene


@pytest.fixture(scope="module")
def record(baked_packages) -> dict:
    return json.loads((baked_packages["h264"] / "manifest.json").read_text())["scene"]


def test_numbers_are_written_alike_over_the_whole_range_of_float32(run) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 40000, np.uint32)
    floats = bits.view(np.float32)
    floats = floats[np.isfinite(floats)]
    assert run(NUMBERS, data=floats).split() == [number(float(f)) for f in floats]


def test_numbers_that_weights_and_settings_have_are_written_alike(run) -> None:
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    others = np.array([1e-4, 1e-3, 0.1, 0.2, 1 / 3, 80, -8, 5e-1, 0.0, -0.0, 1e9, 2e9], np.float32)
    floats = np.concatenate([halves, -halves, others])
    assert run(NUMBERS, data=floats).split() == [number(float(f)) for f in floats]


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_shaders_of_a_scene_are_the_same_text(run, record, shape, bit_depth) -> None:
    scene = scene_of(record, shape, bit_depth)
    torch.manual_seed(2)
    mlp = ShadingMlp(shape).requires_grad_(requires_grad=False)
    data = weights_to_bytes(mlp)
    from render.shading import weights_from_bytes

    expected = shader_sources(SceneRecord.from_json(scene), weights_from_bytes(data, shape))
    found = run(SOURCES, scene=scene, network=data, bodies=BODIES)
    assert found["vertex"] == expected.vertex
    assert found["pack"] == expected.pack
    assert found["march"] == expected.march
    assert found["packColor"] == expected.pack.replace(
        "#version 300 es\n", "#version 300 es\n#define PICTURE_IS_COLOR\n"
    )


def test_the_shader_files_are_served_beside_the_engine(run) -> None:
    body = "return (await engine('shader_source')).fetchShaders()"
    assert run(body) == BODIES


@pytest.mark.parametrize("length", [0, 1, -2])
def test_a_network_of_another_size_is_refused(run, record, length) -> None:
    shape = SHAPES[0]
    data = weights_to_bytes(ShadingMlp(shape))
    with pytest.raises(EngineError, match="The shading network has") as caught:
        run(SOURCES, scene=scene_of(record, shape, 8), network=data[:length], bodies=BODIES)
    assert caught.value.kind == "damaged"


@pytest.mark.parametrize("bits", [0x7C00, 0xFC00, 0x7E00])
def test_weights_that_are_not_finite_are_refused(run, record, bits) -> None:
    shape = SHAPES[0]
    data = bytearray(weights_to_bytes(ShadingMlp(shape)))
    data[10:12] = bits.to_bytes(2, "little")
    with pytest.raises(EngineError, match="not finite"):
        run(SOURCES, scene=scene_of(record, shape, 8), network=bytes(data), bodies=BODIES)


def test_a_network_too_large_to_write_out_is_refused(run, record) -> None:
    shape = ShadingShape(8, 128, 4, 2)
    data = bytes(2 * shape.weight_count)
    with pytest.raises(EngineError, match="at most") as caught:
        run(SOURCES, scene=scene_of(record, shape, 8), network=data, bodies=BODIES)
    assert caught.value.kind == "unsupported"
