"""Deferred shading: one tiny MLP turns a ray's accumulated feature into its color."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from hwcodec.records import whole_number
from render.errors import SceneError


@dataclass(frozen=True, slots=True)
class ShadingShape:
    """Sizes of the shading network.

    Attributes:
        feature_count: appearance channels of the atlas (density not counted).
        width: units of each hidden layer.
        depth: linear layers, the last one included.
        frequency_count: octaves of the positional encoding of the view direction.

    Raises:
        SceneError: if a size is no whole number or out of range.
    """

    feature_count: int
    width: int
    depth: int
    frequency_count: int

    def __post_init__(self) -> None:
        """Refuse shapes that no shader would be generated for."""
        try:
            whole_number("feature_count", self.feature_count, 1, 64)
            whole_number("width", self.width, 1, 512)
            whole_number("depth", self.depth, 1, 8)
            whole_number("frequency_count", self.frequency_count, 0, 10)
        except ValueError as error:
            raise SceneError(f"shading network's {error}; choose other sizes") from error

    @property
    def input_count(self) -> int:
        """Feature channels plus the encoded view direction."""
        return self.feature_count + 3 + 6 * self.frequency_count

    @property
    def layer_sizes(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of each linear layer."""
        return tuple(pairwise((self.input_count, *[self.width] * (self.depth - 1), 3)))

    @property
    def weight_count(self) -> int:
        """All weights and biases."""
        return sum(inputs * outputs + outputs for inputs, outputs in self.layer_sizes)


class ShadingMlp(torch.nn.Module):
    """color = sigmoid(MLP(ray feature, encoded view direction)); ReLU between linear layers.

    Source: deferred shading as in SNeRG (Hedman et al. 2021) and VideoRF; layer sizes follow DVGO.
    """

    def __init__(self, shape: ShadingShape) -> None:
        super().__init__()
        self.shape = shape
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(inputs, outputs) for inputs, outputs in shape.layer_sizes
        )

    def forward(self, features: Tensor, directions: Tensor) -> Tensor:
        """Colors (rays, 3) in [0, 1] of ray features (rays, >= feature_count) and unit directions.

        Feature columns beyond ``feature_count`` are alignment padding and are ignored.
        """
        used = features[:, : self.shape.feature_count]
        values = torch.cat([used, encode_direction(directions, self.shape.frequency_count)], dim=1)
        for layer in self.layers[:-1]:
            values = torch.relu(layer(values))
        return torch.sigmoid(self.layers[-1](values))


def encode_direction(directions: Tensor, frequency_count: int) -> Tensor:
    """(rays, 3 + 6 frequencies): the direction, then sin and cos of 2**k times it, per octave k.

    Source: NeRF (Mildenhall et al. 2020), equation 4, without the factor pi, as in DVGO.
    """
    parts = [directions]
    for octave in range(frequency_count):
        scaled = directions * float(2**octave)
        parts += [torch.sin(scaled), torch.cos(scaled)]
    return torch.cat(parts, dim=1)


def shade(mlp: ShadingMlp, features: Tensor, transmittance: Tensor, view: "ViewLight") -> Tensor:
    """Final colors (rays, 3): opacity times the network's color over the background.

    A ray that meets nothing shows exactly the background.
    """
    color: Tensor = mlp(features, view.directions)
    left = transmittance[:, None]
    return (1 - left) * color + left * view.background


@dataclass(frozen=True, slots=True, eq=False)
class ViewLight:
    """What shading needs besides the march: unit directions (rays, 3) and the background (3,)."""

    directions: Tensor
    background: Tensor


def weights_to_bytes(mlp: ShadingMlp) -> bytes:
    """All weights as little-endian float16, layer by layer: matrix (outputs, inputs), then bias.

    Half precision halves the largest constant of a package; `round_weights` lets the bake train
    with exactly the values a player reads.
    """
    flat = torch.cat([p.detach().reshape(-1) for layer in mlp.layers for p in _parameters(layer)])
    return flat.cpu().numpy().astype("<f2").tobytes()


def weights_from_bytes(data: bytes, shape: ShadingShape) -> ShadingMlp:
    """The network back from `weights_to_bytes`.

    Raises:
        SceneError: if the data does not hold exactly the weights of this shape, or not finite ones.
    """
    if len(data) != 2 * shape.weight_count:
        raise SceneError(
            f"shading weights take {len(data)} bytes, expected {2 * shape.weight_count} for "
            f"{shape}; the package is damaged, export it again"
        )
    flat = torch.from_numpy(np.frombuffer(data, "<f2").astype(np.float32))
    if not torch.isfinite(flat).all():
        raise SceneError("shading weights are not finite; the package is damaged, export it again")
    mlp = ShadingMlp(shape)
    offset = 0
    with torch.no_grad():
        for layer in mlp.layers:
            for parameter in _parameters(layer):
                count = parameter.numel()
                parameter.copy_(flat[offset : offset + count].view_as(parameter))
                offset += count
    return mlp.requires_grad_(requires_grad=False)


def round_weights(mlp: ShadingMlp) -> ShadingMlp:
    """A frozen copy whose weights are exactly those a package stores."""
    return weights_from_bytes(weights_to_bytes(mlp), mlp.shape)


def _parameters(layer: torch.nn.Module) -> tuple[Tensor, Tensor]:
    """Weight matrix and bias of a linear layer."""
    return layer.get_parameter("weight"), layer.get_parameter("bias")
