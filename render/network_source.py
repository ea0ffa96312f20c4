"""The shading network as GLSL: every weight a constant, every loop written out.

The text is a function ``vec3 network(Features f, vec3 v)`` of a ray's features and its unit
direction in world space. Lines of it, for layer ``n`` (0 is the first):

    vec3 s0 = sin(v);                      one pair per octave k; from k = 1 on sin(2e0 * v) and
    vec3 c0 = cos(v);                      cos(2e0 * v), the factor being 2**k as `number` writes it
    vec4 a0_0 = vec4(b, b, b, b);          four outputs, their biases; missing outputs are 0e0
    a0_0 += f.w0.y * vec4(w, w, w, w);     one line per input, in order
    a0_0 = max(a0_0, 0.0);                 but not for the last layer
    return 1.0 / (1.0 + exp(-a2_0.xyz));

Inputs of the first layer are the features (channel c is ``f.w{c // n}.{xyzw}[c % n]`` with n
channels to a word, from channel 1 on), then ``v.x v.y v.z``, then ``s0.x s0.y s0.z c0.x c0.y c0.z``
and so on per octave. Those of layer n are ``a{n-1}_{i // 4}.{xyzw}[i % 4]``. Every line but the
function's first and last is indented by two spaces, and each ends in a newline.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Context

import numpy as np
from numpy.typing import NDArray

from render.errors import SceneError
from render.shading import ShadingMlp, ShadingShape

# A network of more weights makes a text that takes shader compilers minutes.
WEIGHT_LIMIT = 16384

_NINE_DIGITS = Context(prec=9, rounding=ROUND_HALF_UP)


def number(value: float) -> str:
    """A float32 as GLSL: nine digits in exponent form without needless zeros, such as ``-1.25e-1``.

    Ties round away from zero, as ``toExponential(8)`` does in a browser. Nine digits give every
    float32 back.
    """
    single = float(np.float32(value))
    if single == 0:
        return "0e0"
    mantissa, _, exponent = f"{_NINE_DIGITS.create_decimal(single):.8e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def channel_name(channel: int, channels_per_word: int) -> str:
    """The component of ``Features f`` that holds a channel."""
    return f"f.w{channel // channels_per_word}.{'xyzw'[channel % channels_per_word]}"


def check_network(shape: ShadingShape) -> None:
    """Refuse networks that are too large to be written out.

    Raises:
        SceneError: if this one is.
    """
    if shape.weight_count > WEIGHT_LIMIT:
        raise SceneError(
            f"the shading network has {shape.weight_count} weights, expected at most "
            f"{WEIGHT_LIMIT} for a shader; draw this package with the renderer 'march'"
        )


def network_source(mlp: ShadingMlp, channels_per_word: int) -> str:
    """The function ``network`` for these weights.

    Raises:
        SceneError: if the network is too large to be written out.
    """
    check_network(mlp.shape)
    lines = ["vec3 network(Features f, vec3 v) {", *_octaves(mlp.shape.frequency_count)]
    inputs = _first_inputs(mlp.shape, channels_per_word)
    last = mlp.shape.depth - 1
    for index, layer in enumerate(mlp.layers):
        weight, bias = (layer.get_parameter(name).detach().numpy() for name in ("weight", "bias"))
        lines += _layer(index, inputs, weight, bias)
        vectors = range(-(-len(bias) // 4))
        if index < last:
            lines += [f"  a{index}_{j} = max(a{index}_{j}, 0.0);" for j in vectors]
        inputs = [f"a{index}_{i // 4}.{'xyzw'[i % 4]}" for i in range(len(bias))]
    lines += [f"  return 1.0 / (1.0 + exp(-a{last}_0.xyz));", "}"]
    return "".join(f"{line}\n" for line in lines)


def _octaves(count: int) -> Iterator[str]:
    for k in range(count):
        angle = "v" if k == 0 else f"{number(2**k)} * v"
        yield f"  vec3 s{k} = sin({angle});"
        yield f"  vec3 c{k} = cos({angle});"


def _first_inputs(shape: ShadingShape, channels_per_word: int) -> list[str]:
    vectors = ["v"]
    vectors += [f"{kind}{k}" for k in range(shape.frequency_count) for kind in "sc"]
    features = [channel_name(c, channels_per_word) for c in range(1, shape.feature_count + 1)]
    return features + [f"{vector}.{axis}" for vector in vectors for axis in "xyz"]


def _layer(
    index: int, inputs: Sequence[str], weight: NDArray[np.float32], bias: NDArray[np.float32]
) -> Iterator[str]:
    """Lines that compute one layer before its activation; weight is (outputs, inputs)."""
    padded = -(-len(bias) // 4) * 4
    columns = np.zeros((len(inputs) + 1, padded), np.float32)
    columns[0, : len(bias)] = bias
    columns[1:, : len(bias)] = weight.T
    for j in range(padded // 4):
        first, *others = (_vector(column[4 * j : 4 * j + 4]) for column in columns)
        name = f"a{index}_{j}"
        yield f"  vec4 {name} = {first};"
        for value, factors in zip(inputs, others, strict=True):
            yield f"  {name} += {value} * {factors};"


def _vector(values: NDArray[np.float32]) -> str:
    return f"vec4({', '.join(map(number, values.tolist()))})"
