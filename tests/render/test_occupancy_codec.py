"""Occupancy bits as bytes: the compiled coder, a twin written from its description, damage."""

import hashlib
import lzma
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from render.errors import SceneError
from render.occupancy_codec import (
    HEADER,
    MAX_EXTENT,
    NEIGHBORS,
    VERSION,
    decode_occupancy,
    encode_occupancy,
)

Bits = NDArray[np.bool_]
shapes = st.tuples(*[st.integers(1, 9)] * 3)
grids = arrays(np.bool_, shapes)


@st.composite
def noise(draw) -> Bits:
    """Grids of any density, which arrays of independent booleans hardly ever are."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    return generator.random(draw(shapes)) < draw(st.sampled_from([0.02, 0.2, 0.5, 0.9, 0.99]))


def distance_to_center(side: int) -> NDArray[np.float64]:
    axis = np.arange(side) - (side - 1) / 2
    return np.sqrt(sum(a**2 for a in np.meshgrid(axis, axis, axis, indexing="ij")))


def ball() -> Bits:
    return distance_to_center(24) < 9.5


def shell() -> Bits:
    return np.abs(distance_to_center(24) - 8) < 1.5


def lumpy() -> Bits:
    x, y, z = np.indices((24, 24, 24)) / 4
    return distance_to_center(24) < 8 + np.sin(2 * x + z) + np.cos(3 * y - x) + np.sin(3 * z)


def single() -> Bits:
    bits = np.zeros((7, 5, 6), np.bool_)
    bits[3, 4, 0] = True
    return bits


def checkerboard() -> Bits:
    return np.indices((6, 5, 7)).sum(0) % 2 == 0


def opposite_corners() -> Bits:
    bits = np.zeros((9, 8, 7), np.bool_)
    bits[0, 0, 0] = bits[-1, -1, -1] = True
    return bits


SHAPES = [ball, shell, lumpy, single, checkerboard, opposite_corners]
every_shape = pytest.mark.parametrize("make", SHAPES, ids=lambda make: make.__name__)


class PlainModel:
    """The probabilities of the module's description, on Python integers."""

    def __init__(self) -> None:
        self.states: dict[tuple[bool, ...], tuple[int, int]] = {}

    def bound(self, span: int, context: tuple[bool, ...]) -> int:
        p, _ = self.states.get(context, (2**21, 0))
        return (span >> 15) * max(p >> 7, 1)

    def learn(self, context: tuple[bool, ...], *, occupied: bool) -> None:
        p, n = self.states.get(context, (2**21, 0))
        change = 2 * (2**22 - p) // (2 * n + 3) if occupied else -(2 * p // (2 * n + 3))
        self.states[context] = p + change, min(n + 1, 254)


def plain_context(occupied: set[tuple[int, ...]], at: tuple[int, ...]) -> tuple[bool, ...]:
    return tuple(tuple(np.subtract(at, offset).tolist()) in occupied for offset in NEIGHBORS)


def plain_encode(box: Bits) -> bytes:
    """One exact big number in place of carries: the code is the start of the last interval."""
    model, low, span, size = PlainModel(), 0, 2**32 - 1, 4
    occupied = {tuple(vertex) for vertex in np.argwhere(box).tolist()}
    for at in np.ndindex(*box.shape):
        context = plain_context(occupied, at)
        bound = model.bound(span, context)
        low, span = (low, bound) if box[at] else (low + bound, span - bound)
        model.learn(context, occupied=bool(box[at]))
        while span < 2**24:
            low, span, size = low << 8, span << 8, size + 1
    return low.to_bytes(size)


def plain_decode(data: bytes) -> Bits:
    version, *numbers = HEADER.unpack_from(data)
    assert version == VERSION
    shape, first, extent = numbers[:3], numbers[3:6], numbers[6:]
    payload = iter(data[HEADER.size :])
    bits = np.zeros(shape, np.bool_)
    for at in plain_decode_box(payload, extent) if any(extent) else ():
        bits[tuple(np.add(first, at))] = True
    assert next(payload, None) is None
    return bits


def plain_decode_box(payload: Iterator[int], extent: list[int]) -> set[tuple[int, ...]]:
    model, span, occupied = PlainModel(), 2**32 - 1, set[tuple[int, ...]]()
    code = int.from_bytes(next(payload) for _ in range(4))
    for at in np.ndindex(*extent):
        context = plain_context(occupied, at)
        bound = model.bound(span, context)
        if code < bound:
            span = bound
            occupied.add(at)
        else:
            span, code = span - bound, code - bound
        model.learn(context, occupied=at in occupied)
        while span < 2**24:
            span, code = span << 8, (code << 8) + next(payload)
    assert code == 0
    return occupied


@given(bits=st.one_of(grids, noise()))
def test_any_grid_survives_the_round_trip(bits) -> None:
    assert np.array_equal(decode_occupancy(encode_occupancy(bits), bits.shape), bits)


@every_shape
def test_a_shape_survives_the_round_trip(make) -> None:
    bits = make()
    restored = decode_occupancy(encode_occupancy(bits), bits.shape)
    assert restored.dtype == np.bool_
    assert np.array_equal(restored, bits)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 4, 3), (24, 24, 24)])
def test_an_empty_grid_is_a_header_and_nothing_else(shape) -> None:
    data = encode_occupancy(np.zeros(shape, np.bool_))
    assert len(data) == HEADER.size
    assert not decode_occupancy(data, shape).any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 4, 3), (24, 24, 24)])
def test_a_full_grid_takes_a_handful_of_bytes(shape) -> None:
    data = encode_occupancy(np.ones(shape, np.bool_))
    assert len(data) <= HEADER.size + 32
    assert decode_occupancy(data, shape).all()


@settings(max_examples=20)
@given(bits=noise())
def test_the_compiled_coder_writes_what_exact_arithmetic_says(bits) -> None:
    bits[0, 0, 0] = bits[-1, -1, -1] = True  # The box is then the whole grid.
    assert encode_occupancy(bits)[HEADER.size :] == plain_encode(bits)


@settings(max_examples=20)
@given(bits=noise())
def test_a_decoder_written_from_the_description_reads_what_the_compiled_one_writes(bits) -> None:
    assert np.array_equal(plain_decode(encode_occupancy(bits)), bits)


def test_the_format_has_not_changed() -> None:
    assert HEADER.size == 19
    data = encode_occupancy(checkerboard())
    assert data[: HEADER.size].hex(" ", 2) == GOLDEN_HEADER
    assert encode_occupancy(single())[HEADER.size :].hex() == "00000000"
    exact = ball(), shell(), checkerboard()
    digest = hashlib.sha256(b"".join(encode_occupancy(bits) for bits in exact))
    assert digest.hexdigest() == GOLDEN_DIGEST


# Version; shape 6 5 7; first vertex 0 0 0; extent 6 5 7.
GOLDEN_HEADER = "01 0600 0500 0700 0000 0000 0000 0600 0500 0700"
GOLDEN_DIGEST = "9adadc2c40dd117136485c13b239fac60b542cd7b1a3d9514ecc78b85d68aad9"


def test_an_irregular_body_takes_less_than_general_compression_makes_of_it() -> None:
    bits = lumpy()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0, "lc": 0}]
    general = lzma.compress(np.packbits(bits).tobytes(), lzma.FORMAT_RAW, filters=filters)
    assert len(encode_occupancy(bits)) < 0.7 * len(general)


@pytest.mark.parametrize(("make", "bound"), [(ball, 161), (shell, 236), (lumpy, 202), (single, 23)])
def test_a_known_shape_takes_no_more_bytes_than_it_used_to(make, bound) -> None:
    assert len(encode_occupancy(make())) <= bound


@pytest.mark.parametrize("density", [0.5, 0.1])
def test_noise_grows_only_by_what_learning_costs(density) -> None:
    bits = np.random.default_rng(0).random((24, 24, 24)) < density
    entropy = -density * np.log2(density) - (1 - density) * np.log2(1 - density)
    data = encode_occupancy(bits)
    assert len(data) < 1.2 * entropy * bits.size / 8
    # Long enough codes for carries that run through several bytes.
    assert np.array_equal(decode_occupancy(data, bits.shape), bits)


def test_the_memory_layout_of_the_bits_does_not_matter() -> None:
    bits = np.random.default_rng(1).random((5, 6, 7)) < 0.4
    wide = np.zeros((10, 6, 21), np.bool_)
    wide[::2, :, ::3] = bits
    variants = [np.asfortranarray(bits), wide[::2, :, ::3], bits[::-1].copy()[::-1]]
    assert {encode_occupancy(variant) for variant in variants} == {encode_occupancy(bits)}


@every_shape
def test_every_truncation_is_refused(make) -> None:
    bits = make()
    data = encode_occupancy(bits)
    for length in range(len(data)):
        with pytest.raises(SceneError, match=r"ends early|expected at least|does not decode"):
            decode_occupancy(data[:length], bits.shape)


@pytest.mark.parametrize("make", [*SHAPES, lambda: np.zeros((2, 3, 4), np.bool_)])
@pytest.mark.parametrize("rest", [b"\0", b"\xff" * 9])
def test_trailing_bytes_are_refused(make, rest) -> None:
    bits = make()
    with pytest.raises(SceneError, match="goes on after its end"):
        decode_occupancy(encode_occupancy(bits) + rest, bits.shape)


def flipped(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize("make", [shell, checkerboard])
def test_every_flipped_bit_of_the_code_is_noticed(make) -> None:
    # Not a promise of the format (a wrong end is 0 once in millions), but true of these codes.
    bits = make()
    data = encode_occupancy(bits)
    for bit in range(8 * HEADER.size, 8 * len(data)):
        with pytest.raises(SceneError, match="export it again"):
            decode_occupancy(flipped(data, bit), bits.shape)


# A full box of another extent has a consistent code too, so the single vertex is left out.
@pytest.mark.parametrize("make", [ball, lumpy, checkerboard, opposite_corners])
def test_a_flipped_bit_of_the_header_is_noticed_or_moves_the_box(make) -> None:
    bits = make()
    data = encode_occupancy(bits)
    for bit in range(8 * HEADER.size):
        try:
            damaged = decode_occupancy(flipped(data, bit), bits.shape)
        except SceneError:
            continue
        assert 7 <= bit // 8 < 13, f"bit {bit} is not of the box's first vertex"
        assert damaged.shape == bits.shape
        assert damaged.sum() == bits.sum()


@given(payload=st.binary(max_size=60), shape=shapes, extent=st.tuples(*[st.integers(0, 9)] * 3))
def test_garbage_is_refused_or_decodes_to_a_well_formed_grid(payload, shape, extent) -> None:
    data = HEADER.pack(VERSION, *shape, 0, 0, 0, *extent) + payload
    try:
        bits = decode_occupancy(data, shape)
    except SceneError:
        return
    assert bits.shape == shape
    assert bits.dtype == np.bool_


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_refused_by_name(version) -> None:
    data = bytes([version]) + encode_occupancy(single())[1:]
    with pytest.raises(SceneError, match=rf"version {version}, expected 1"):
        decode_occupancy(data, (7, 5, 6))


@pytest.mark.parametrize("shape", [(7, 5, 5), (6, 5, 7), (8, 5, 6)])
def test_data_of_another_grid_is_refused(shape) -> None:
    with pytest.raises(SceneError, match=r"grid of \[7, 5, 6\], expected"):
        decode_occupancy(encode_occupancy(single()), shape)


@pytest.mark.parametrize("box", [(5, 0, 0, 3, 1, 1), (0, 0, 6, 1, 1, 1), (0, 0, 0, 1, 0, 1)])
def test_a_box_that_leaves_the_grid_or_is_half_empty_is_refused(box) -> None:
    with pytest.raises(SceneError, match="expected one inside"):
        decode_occupancy(HEADER.pack(VERSION, 7, 5, 6, *box) + bytes(4), (7, 5, 6))


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 0), (1, 1, MAX_EXTENT + 1), (1, 1, 1, 1)])
def test_a_shape_that_the_header_cannot_hold_is_refused(shape) -> None:
    with pytest.raises(SceneError, match="expected"):
        encode_occupancy(np.zeros(shape, np.bool_))
    with pytest.raises(SceneError, match="expected"):
        decode_occupancy(encode_occupancy(single()), shape)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_bits_that_are_not_bool_are_refused(dtype) -> None:
    with pytest.raises(SceneError, match="expected bool"):
        encode_occupancy(single().astype(dtype))


def test_every_neighbor_comes_before_the_vertex_it_predicts() -> None:
    assert len(set(NEIGHBORS)) == len(NEIGHBORS)
    assert all(offset > (0, 0, 0) for offset in NEIGHBORS)
