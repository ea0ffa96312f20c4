"""Coded frames of a group as blobs: round trip, kinds, and damage."""

import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from torch import Tensor

from benchmarks.baselines.cube_codec import CodedFrame, CubeCodec, CubeScale
from benchmarks.baselines.cube_stream import GroupShape, GroupWriter, read_group
from benchmarks.rd.symbols import join_chunks, split_chunks
from hwcodec import HwcodecError
from render.errors import RenderError, SceneError
from tests.benchmarks.baselines.groups import EMPTY, ball_mapping, noise, smooth_values, warp_of

CHANNELS, FRAMES = 5, 4


def codec() -> CubeCodec:
    return CubeCodec(warp_of(ball_mapping(hole=4.0)), CubeScale(-EMPTY, 2.5, 60))


def moving_values() -> Iterator[Tensor]:
    mapping = ball_mapping(hole=4.0)
    for number in range(FRAMES):
        values = smooth_values(mapping, channels=CHANNELS, phase=0.3 * number)
        yield values + 0.02 * noise(mapping, channels=CHANNELS, seed=number)


def coded_frames(*, is_predicted: bool) -> list[CodedFrame]:
    own, frames = codec(), []
    previous: Tensor | None = None
    generator = np.random.default_rng(3)
    for values in moving_values():
        if previous is None or not is_predicted:
            frame = own.alone(values)
            previous = own.values(frame)
        else:
            motion = generator.integers(-20, 21, (own.layout.count, 3)).astype(np.int32)
            frame = own.against(values, previous, motion)
            previous = own.values(frame, previous)
        frames.append(frame)
    return frames


def written(frames: list[CodedFrame]) -> GroupWriter:
    writer = GroupWriter()
    for frame in frames:
        writer.add(frame)
    return writer


def shape_of(*, is_predicted: bool, frames: int = FRAMES) -> GroupShape:
    return GroupShape(frames, codec().layout.count, CHANNELS, is_predicted)


@pytest.mark.parametrize("is_predicted", [True, False])
def test_frames_come_back_from_their_blobs(is_predicted) -> None:
    frames = coded_frames(is_predicted=is_predicted)
    shape = shape_of(is_predicted=is_predicted)
    blobs = written(frames).blobs()
    assert set(blobs) == set(shape.blob_kinds)
    found = list(read_group(shape, blobs))
    assert len(found) == FRAMES
    for frame, other in zip(frames, found, strict=True):
        assert frame.is_alone == other.is_alone
        for name in ("kept", "levels", "motion", "basis"):
            assert np.array_equal(getattr(frame, name), getattr(other, name)), name


def test_a_group_of_one_frame_needs_nothing_for_predicted_ones() -> None:
    frames = coded_frames(is_predicted=True)[:1]
    shape = shape_of(is_predicted=True, frames=1)
    assert shape.blob_kinds == ("tables", "cubes", "texels")
    (found,) = read_group(shape, written(frames).blobs())
    assert np.array_equal(found.levels, frames[0].levels)


def test_the_same_frames_give_the_same_bytes() -> None:
    frames = coded_frames(is_predicted=True)
    assert written(frames).blobs() == written(frames).blobs()


def test_prediction_and_coding_save_bytes() -> None:
    sizes = []
    for is_predicted in (True, False):
        writer = written(coded_frames(is_predicted=is_predicted))
        sizes.append(sum(map(len, writer.blobs().values())))
        coded = sum(
            len(data) for name, data in writer.blobs().items() if name in {"tables", "texels"}
        )
        assert 0.8 * coded < writer.run_length_bytes < 2 * coded
    assert sizes[0] < sizes[1]


def test_a_group_too_large_to_hold_is_refused_before_it_is_read() -> None:
    with pytest.raises(SceneError, match="levels, expected at most"):
        GroupShape(1, 1 << 20, 13, is_predicted=False)


def damaged(blobs: dict[str, bytes], kind: str, how: str) -> dict[str, bytes]:
    """Blobs of which one is cut, longer, or has a byte changed inside a chunk."""
    data = blobs[kind]
    if how == "cut":
        data = data[:-1]
    elif how == "longer":
        data += bytes(5)
    elif how == "empty":
        data = b""
    else:
        place = int(how)
        data = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
    return {**blobs, kind: data}


@pytest.mark.parametrize("kind", ["tables", "cubes", "texels", "motion", "components"])
@pytest.mark.parametrize("how", ["cut", "longer", "empty", "0"])
def test_a_blob_of_another_length_is_refused(kind, how) -> None:
    blobs = written(coded_frames(is_predicted=True)).blobs()
    with pytest.raises(SceneError):
        list(read_group(shape_of(is_predicted=True), damaged(blobs, kind, how)))


@pytest.mark.parametrize("kind", ["tables", "cubes", "texels", "motion", "components"])
def test_changed_bytes_give_an_error_of_ours_or_other_values(kind) -> None:
    own = codec()
    blobs = written(coded_frames(is_predicted=True)).blobs()
    places = np.linspace(4, len(blobs[kind]) - 1, 12).astype(int)
    for place in places.tolist():
        previous: Tensor | None = None
        try:
            for frame in read_group(shape_of(is_predicted=True), damaged(blobs, kind, str(place))):
                previous = own.values(frame, None if frame.is_alone else previous)
                assert previous.isfinite().all()
        except (HwcodecError, RenderError):
            continue


def replaced(data: bytes, count: int, number: int, chunk: bytes) -> bytes:
    chunks = split_chunks(data, count)
    chunks[number] = chunk
    return join_chunks(chunks)


def test_components_that_are_not_finite_or_of_another_size_are_refused() -> None:
    blobs = written(coded_frames(is_predicted=True)).blobs()
    shape = shape_of(is_predicted=True)
    side = CHANNELS - 1
    bad = np.full((side, side), np.inf, "<f2").tobytes()
    for chunk, message in (
        (bad, "not finite"),
        (bad[:-2], "components take 30 bytes, expected 32"),
    ):
        data = replaced(blobs["components"], FRAMES - 1, 1, chunk)
        with pytest.raises(SceneError, match=message):
            list(read_group(shape, {**blobs, "components": data}))


def test_a_wrong_number_of_low_bits_is_refused() -> None:
    blobs = written(coded_frames(is_predicted=True)).blobs()
    data = replaced(blobs["tables"], 4, 0, bytes(23))
    with pytest.raises(SceneError, match="23 numbers of low bits, expected 24"):
        list(read_group(shape_of(is_predicted=True), {**blobs, "tables": data}))


def test_tables_that_inflate_without_end_are_refused() -> None:
    blobs = written(coded_frames(is_predicted=True)).blobs()
    data = replaced(blobs["tables"], 4, 1, zlib.compress(bytes(1 << 24)))
    with pytest.raises(SceneError, match="inflates to"):
        list(read_group(shape_of(is_predicted=True), {**blobs, "tables": data}))
