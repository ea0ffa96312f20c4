"""The shading network: its shape, its mathematics, and its way through a package."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from render.errors import SceneError
from render.shading import (
    ShadingMlp,
    ShadingShape,
    ViewLight,
    encode_direction,
    round_weights,
    shade,
    weights_from_bytes,
    weights_to_bytes,
)

SMALL = ShadingShape(feature_count=3, width=5, depth=3, frequency_count=2)

shapes = st.builds(
    ShadingShape,
    feature_count=st.integers(1, 12),
    width=st.integers(1, 16),
    depth=st.integers(1, 4),
    frequency_count=st.integers(0, 4),
)


def directions(count: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(count, 3), dim=1)


@given(shapes)
def test_the_shape_counts_what_the_network_has(shape) -> None:
    mlp = ShadingMlp(shape)
    assert sum(p.numel() for p in mlp.parameters()) == shape.weight_count
    assert shape.layer_sizes[0][0] == shape.input_count
    assert shape.layer_sizes[-1][1] == 3
    assert len(shape.layer_sizes) == shape.depth


@pytest.mark.parametrize(
    "sizes", [(0, 8, 2, 1), (65, 8, 2, 1), (4, 0, 2, 1), (4, 513, 2, 1), (4, 8, 0, 1), (4, 8, 9, 1),
              (4, 8, 2, -1), (4, 8, 2, 11), (4, 8.5, 2, 1), (4.0, 8, 2, 1), (4, 8, True, 1),
              (4, "8", 2, 1), (4, 8, 2, None), (10**400, 8, 2, 1)]
)  # fmt: skip
def test_shapes_out_of_range_and_broken_sizes_are_refused(sizes) -> None:
    with pytest.raises(SceneError, match=r"expected a whole number in .*choose other sizes"):
        ShadingShape(*sizes)


@given(shapes)
def test_colors_lie_between_zero_and_one(shape) -> None:
    mlp = ShadingMlp(shape)
    colors = mlp(10 * torch.randn(20, shape.feature_count), directions(20))
    assert colors.shape == (20, 3)
    assert ((colors >= 0) & (colors <= 1)).all()


def test_padding_columns_are_ignored() -> None:
    mlp, seen = ShadingMlp(SMALL), directions(6)
    features = torch.randn(6, 3)
    padded = torch.cat([features, torch.full((6, 5), 1e9)], dim=1)
    assert torch.equal(mlp(features, seen), mlp(padded, seen))


def test_the_network_is_what_its_formula_says() -> None:
    mlp = ShadingMlp(SMALL)
    features, seen = torch.randn(4, 3), directions(4)
    values = np.concatenate([features, encode_direction(seen, 2)], axis=1)
    for index, layer in enumerate(mlp.layers):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        values = values @ weight.T + bias
        if index < len(mlp.layers) - 1:
            values = np.maximum(values, 0)
    expected = 1 / (1 + np.exp(-values))
    assert np.allclose(mlp(features, seen).detach().numpy(), expected, atol=1e-6)


def test_directions_are_encoded_octave_by_octave_without_pi() -> None:
    x, y, z = 0.6, 0.0, -0.8
    encoded = encode_direction(torch.tensor([[x, y, z]]), 2)[0].tolist()
    expected = [x, y, z]
    for factor in (1, 2):
        expected += [math.sin(factor * v) for v in (x, y, z)]
        expected += [math.cos(factor * v) for v in (x, y, z)]
    assert encoded == pytest.approx(expected, abs=1e-6)


def test_no_frequencies_mean_the_direction_alone() -> None:
    seen = directions(5)
    assert torch.equal(encode_direction(seen, 0), seen)


def test_a_ray_that_meets_nothing_shows_exactly_the_background() -> None:
    background = torch.tensor([0.25, 0.5, 0.75])
    view = ViewLight(directions(3), background)
    colors = shade(ShadingMlp(SMALL), torch.zeros(3, 3), torch.ones(3), view)
    assert torch.equal(colors, background.expand(3, 3))


def test_an_opaque_ray_shows_exactly_the_network() -> None:
    mlp, features, seen = ShadingMlp(SMALL), torch.randn(3, 3), directions(3)
    colors = shade(mlp, features, torch.zeros(3), ViewLight(seen, torch.ones(3)))
    assert torch.equal(colors, mlp(features, seen))


@given(st.floats(0, 1))
def test_opacity_mixes_network_and_background_linearly(transmittance) -> None:
    mlp, features, seen = ShadingMlp(SMALL), torch.randn(2, 3), directions(2)
    background = torch.tensor([0.1, 0.9, 0.4])
    mixed = shade(mlp, features, torch.full((2,), transmittance), ViewLight(seen, background))
    expected = (1 - transmittance) * mlp(features, seen) + transmittance * background
    assert torch.allclose(mixed, expected, atol=1e-6)


@given(shapes)
def test_weights_survive_storage_at_half_precision(shape) -> None:
    mlp = ShadingMlp(shape)
    data = weights_to_bytes(mlp)
    assert len(data) == 2 * shape.weight_count
    read = weights_from_bytes(data, shape)
    assert weights_to_bytes(read) == data
    for ours, theirs in zip(read.parameters(), mlp.parameters(), strict=True):
        assert torch.equal(ours, theirs.half().float())


def test_weights_are_stored_layer_by_layer_matrix_before_bias() -> None:
    shape = ShadingShape(1, 2, 2, 0)
    mlp = ShadingMlp(shape)
    with torch.no_grad():
        for layer, start in zip(mlp.layers, (0.0, 100.0), strict=True):
            layer.weight.copy_(start + torch.arange(layer.weight.numel()).view_as(layer.weight))
            layer.bias.fill_(start + 50)
    flat = np.frombuffer(weights_to_bytes(mlp), "<f2")
    assert flat.tolist() == [*range(8), 50, 50, *range(100, 106), 150, 150, 150]


def test_rounded_weights_are_frozen_and_rounding_again_changes_nothing() -> None:
    rounded = round_weights(ShadingMlp(SMALL))
    assert not any(p.requires_grad for p in rounded.parameters())
    assert weights_to_bytes(round_weights(rounded)) == weights_to_bytes(rounded)


@pytest.mark.parametrize("change", [-2, -1, 1, 2])
def test_weights_of_another_length_are_refused(change) -> None:
    data = weights_to_bytes(ShadingMlp(SMALL)) + bytes(4)
    with pytest.raises(SceneError, match="expected"):
        weights_from_bytes(data[: 2 * SMALL.weight_count + change], SMALL)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused(value) -> None:
    flat = np.zeros(SMALL.weight_count, "<f2")
    flat[7] = value
    with pytest.raises(SceneError, match="not finite"):
        weights_from_bytes(flat.tobytes(), SMALL)
