"""The shading network as GLSL: numbers that come back, and lines that compute what torch does."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from render.errors import SceneError
from render.network_source import (
    WEIGHT_LIMIT,
    channel_name,
    check_network,
    network_source,
    number,
)
from render.shading import ShadingMlp, ShadingShape, round_weights

SHAPE = ShadingShape(feature_count=5, width=6, depth=3, frequency_count=2)
singles = st.floats(width=32, allow_nan=False, allow_infinity=False)


def network(shape: ShadingShape = SHAPE, seed: int = 1) -> ShadingMlp:
    torch.manual_seed(seed)
    return round_weights(ShadingMlp(shape))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0e0"),
        (-0.0, "0e0"),
        (1.0, "1e0"),
        (-8.0, "-8e0"),
        (80.0, "8e1"),
        (0.5, "5e-1"),
        (1e-4, "9.99999975e-5"),
        (100.0, "1e2"),
        (123456789.0, "1.23456792e8"),
        (1e-45, "1.40129846e-45"),
        (3.4028234663852886e38, "3.40282347e38"),
    ],
)
def test_numbers_are_written_in_one_way(value, text) -> None:
    assert number(value) == text


def test_ties_round_away_from_zero_as_in_browsers() -> None:
    # 1.001953125 has ten digits and ends in a five; half to even would give ...12.
    assert number(1.001953125) == "1.00195313e0"
    assert number(-1.001953125) == "-1.00195313e0"


@given(singles)
def test_every_single_precision_number_comes_back(value) -> None:
    assert np.float32(number(value)) == np.float32(value)


@given(singles)
def test_numbers_are_glsl_literals_without_needless_characters(value) -> None:
    assert re.fullmatch(r"-?\d(\.\d{0,7}[1-9])?e-?\d{1,2}", number(value))


@given(st.floats(allow_nan=False, width=64, min_value=-3e38, max_value=3e38))
def test_doubles_are_rounded_to_singles_first(value) -> None:
    assert number(value) == number(float(np.float32(value)))


@pytest.mark.parametrize(
    ("channel", "per_word", "name"),
    [(0, 4, "f.w0.x"), (3, 4, "f.w0.w"), (4, 4, "f.w1.x"), (1, 2, "f.w0.y"), (9, 2, "f.w4.y")],
)
def test_channels_have_their_place_in_the_words(channel, per_word, name) -> None:
    assert channel_name(channel, per_word) == name


class Interpreter:
    """Runs the lines of a network function; it knows exactly the forms that the docstring lists."""

    def __init__(self, features: list[float], direction: list[float], per_word: int) -> None:
        self.vectors = {"v": np.array(direction, np.float64)}
        values = [*features, *[0.0] * (-len(features) % per_word)]
        for i in range(0, len(values), per_word):
            self.vectors[f"f.w{i // per_word}"] = np.array(values[i : i + per_word])

    def scalar(self, text: str) -> float:
        name, _, axis = text.rpartition(".")
        return float(self.vectors[name]["xyzw".index(axis)])

    def run(self, source: str) -> np.ndarray:
        first, *lines, last = source.splitlines()
        assert (first, last) == ("vec3 network(Features f, vec3 v) {", "}")
        for line in lines:
            if match := re.fullmatch(r"  vec3 (\w+) = (sin|cos)\((?:(\S+) \* )?v\);", line):
                name, function, factor = match.groups()
                angle = float(factor or 1) * self.vectors["v"]
                self.vectors[name] = getattr(np, function)(angle)
            elif match := re.fullmatch(r"  vec4 (\w+) = vec4\((.*)\);", line):
                self.vectors[match[1]] = np.array([float(x) for x in match[2].split(", ")])
            elif match := re.fullmatch(r"  (\w+) \+= ([\w.]+) \* vec4\((.*)\);", line):
                factors = np.array([float(x) for x in match[3].split(", ")])
                self.vectors[match[1]] += self.scalar(match[2]) * factors
            elif match := re.fullmatch(r"  (\w+) = max\(\1, 0\.0\);", line):
                self.vectors[match[1]] = np.maximum(self.vectors[match[1]], 0)
            else:
                match = re.fullmatch(r"  return 1\.0 / \(1\.0 \+ exp\(-(\w+)\.xyz\)\);", line)
                assert match, line
                return 1 / (1 + np.exp(-self.vectors[match[1]][:3]))
        raise AssertionError("nothing was returned")


@pytest.mark.parametrize("per_word", [4, 2])
@pytest.mark.parametrize(
    "shape",
    [
        SHAPE,
        ShadingShape(1, 1, 1, 0),
        ShadingShape(12, 4, 2, 3),
        ShadingShape(3, 7, 4, 1),
        ShadingShape(8, 16, 3, 2),
    ],
)
def test_the_lines_compute_the_network(shape, per_word) -> None:
    mlp = network(shape)
    source = network_source(mlp, per_word)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        features = torch.randn(1, shape.feature_count, generator=generator)
        direction = torch.nn.functional.normalize(torch.randn(1, 3, generator=generator))
        # Channel 0 is density, which the network does not see.
        values = [math.inf, *features[0].tolist()]
        found = Interpreter(values, direction[0].tolist(), per_word).run(source)
        assert np.allclose(found, mlp(features, direction)[0].numpy(), atol=1e-6)


def test_the_text_is_exactly_that_of_the_docstring() -> None:
    mlp = ShadingMlp(ShadingShape(1, 2, 2, 1)).requires_grad_(requires_grad=False)
    for layer in mlp.layers:
        layer.weight.fill_(0.5)
        layer.bias.fill_(-1.0)
    hidden = [
        f"  a0_0 += {value} * vec4(5e-1, 5e-1, 0e0, 0e0);"
        for value in ["f.w0.y", "v.x", "v.y", "v.z", "s0.x", "s0.y", "s0.z", "c0.x", "c0.y", "c0.z"]
    ]
    assert network_source(mlp, 4).splitlines() == [
        "vec3 network(Features f, vec3 v) {",
        "  vec3 s0 = sin(v);",
        "  vec3 c0 = cos(v);",
        "  vec4 a0_0 = vec4(-1e0, -1e0, 0e0, 0e0);",
        *hidden,
        "  a0_0 = max(a0_0, 0.0);",
        "  vec4 a1_0 = vec4(-1e0, -1e0, -1e0, 0e0);",
        "  a1_0 += a0_0.x * vec4(5e-1, 5e-1, 5e-1, 0e0);",
        "  a1_0 += a0_0.y * vec4(5e-1, 5e-1, 5e-1, 0e0);",
        "  return 1.0 / (1.0 + exp(-a1_0.xyz));",
        "}",
    ]


def test_the_text_depends_on_nothing_but_the_weights() -> None:
    assert network_source(network(), 4) == network_source(network(), 4)
    assert network_source(network(), 4) != network_source(network(seed=2), 4)


def test_no_array_is_indexed() -> None:
    assert "[" not in network_source(network(), 4)


def test_networks_up_to_the_limit_are_written_and_larger_ones_refused() -> None:
    check_network(ShadingShape(8, 64, 3, 2))
    large = ShadingShape(8, 128, 3, 2)
    assert large.weight_count > WEIGHT_LIMIT
    with pytest.raises(SceneError, match=f"at most {WEIGHT_LIMIT}.*'march'"):
        network_source(ShadingMlp(large), 4)
