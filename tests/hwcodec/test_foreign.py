from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from hwcodec import BackendUnavailable, BitstreamError, UnsupportedConfig
from hwcodec.annexb import split_annex_b
from hwcodec.backends.foreign import (
    H264_444,
    HEVC_GRAY12,
    MJPEG,
    VVC,
    ForeignEncoder,
    ForeignFormat,
    decode_foreign,
    encode_foreign,
    to_mp4,
)
from hwcodec.tracks import read_track

WIDTH, HEIGHT, RATE = 96, 64, Fraction(25)
EXACT_264 = ForeignEncoder("libx264", H264_444, {"qp": "0", "bf": "0"})
_OWN = "lossless=1:bframes=3:b-adapt=0:keyint=50:info=0:log-level=none:frame-threads=1"
EXACT_265 = ForeignEncoder("libx265", HEVC_GRAY12, {"x265-params": _OWN})
JPEG = ForeignEncoder("mjpeg", MJPEG, {"qmin": "2", "qmax": "2"})
every_encoder = pytest.mark.parametrize("encoder", [EXACT_264, EXACT_265, JPEG])


def planes(kind: ForeignFormat, count: int = 5) -> list[Tensor]:
    """Soft blobs that drift; every code depth is used in full."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    top = (1 << kind.bit_depth) - 1
    waves = [0.5 + 0.5 * np.sin(x / 9 + i / 4) * np.cos(y / 7 - i / 5) for i in range(count)]
    return [torch.from_numpy(np.rint(top * w).astype(np.int32)).to(kind.dtype) for w in waves]


def decoded(data: bytes, kind: ForeignFormat, count: int = 5) -> list[Tensor]:
    return list(decode_foreign(data, kind, (WIDTH, HEIGHT), count))


def largest_error(found: Sequence[Tensor], truth: Sequence[Tensor]) -> int:
    pairs = zip(found, truth, strict=True)
    return max(int((a.int() - b.int()).abs().max()) for a, b in pairs)


@every_encoder
def test_planes_come_back_in_order(encoder: ForeignEncoder) -> None:
    truth = planes(encoder.format)
    found = decoded(encode_foreign(truth, encoder, RATE), encoder.format)
    assert largest_error(found, truth) <= (6 if encoder is JPEG else 0)
    assert all(plane.dtype == encoder.format.dtype for plane in found)


@every_encoder
def test_encoding_twice_gives_the_same_bytes(encoder: ForeignEncoder) -> None:
    truth = planes(encoder.format)
    assert encode_foreign(truth, encoder, RATE) == encode_foreign(truth, encoder, RATE)


def test_h264_streams_carry_no_messages() -> None:
    units = split_annex_b(encode_foreign(planes(H264_444), EXACT_264, RATE))
    assert {unit[0] & 31 for unit in units} == {1, 5, 7, 8}


@every_encoder
@pytest.mark.parametrize("size", [(WIDTH - 2, HEIGHT), (16, 16)])
def test_pictures_of_another_size_are_refused(
    encoder: ForeignEncoder, size: tuple[int, int]
) -> None:
    data = encode_foreign(planes(encoder.format), encoder, RATE)
    with pytest.raises(BitstreamError):
        list(decode_foreign(data, encoder.format, size, 5))


def test_large_pictures_are_refused_before_they_are_decoded() -> None:
    large = [torch.zeros(1024, 1024, dtype=torch.uint8)]
    data = encode_foreign(large, EXACT_264, RATE)
    with pytest.raises(BitstreamError, match="decoder gave up"):
        list(decode_foreign(data, H264_444, (16, 16), 1))


@every_encoder
@pytest.mark.parametrize("count", [4, 6])
def test_another_number_of_pictures_is_refused(encoder: ForeignEncoder, count: int) -> None:
    data = encode_foreign(planes(encoder.format), encoder, RATE)
    with pytest.raises(BitstreamError, match=f"expected {count}"):
        decoded(data, encoder.format, count)


@every_encoder
def test_damage_ends_in_a_bitstream_error_or_in_pictures_of_the_size(
    encoder: ForeignEncoder,
) -> None:
    data = encode_foreign(planes(encoder.format), encoder, RATE)
    random = np.random.default_rng(0)
    for _ in range(20):
        bad = bytearray(data)
        for place in random.integers(0, len(data), 8):
            bad[place] ^= 1 << random.integers(0, 8)
        try:
            found = decoded(bytes(bad), encoder.format)
        except BitstreamError:
            continue
        assert [tuple(plane.shape) for plane in found] == [(HEIGHT, WIDTH)] * 5


@pytest.mark.parametrize("kind", [MJPEG, VVC, H264_444, HEVC_GRAY12])
@pytest.mark.parametrize("data", [b"", bytes(1000), b"no stream at all" * 40])
def test_bytes_that_are_no_stream_are_refused(kind: ForeignFormat, data: bytes) -> None:
    with pytest.raises(BitstreamError):
        decoded(data, kind)


def test_planes_that_do_not_fit_the_format_are_refused() -> None:
    wide = [torch.zeros(64, 96, dtype=torch.uint16)]
    odd = [torch.zeros(63, 96, dtype=torch.uint8)]
    with pytest.raises(UnsupportedConfig, match=r"expected torch\.uint8"):
        encode_foreign(wide, EXACT_264, RATE)
    with pytest.raises(UnsupportedConfig, match="multiples of 2"):
        encode_foreign(odd, JPEG, RATE)
    with pytest.raises(UnsupportedConfig, match="no planes"):
        encode_foreign([], JPEG, RATE)


def test_chroma_has_no_color() -> None:
    luma, *chroma = VVC.completed(planes(VVC, 1)[0])
    assert luma.shape == (HEIGHT, WIDTH)
    assert [(tuple(c.shape), int(c[0, 0].int())) for c in chroma] == [((32, 48), 512)] * 2
    assert len(HEVC_GRAY12.completed(planes(HEVC_GRAY12, 1)[0])) == 1


@pytest.mark.parametrize("name", ["libvvenc", "no encoder"])
def test_an_encoder_that_is_not_there_is_unavailable(name: str) -> None:
    with pytest.raises(BackendUnavailable, match=name):
        encode_foreign(planes(VVC), ForeignEncoder(name, VVC, {}), RATE)


@every_encoder
def test_mp4_files_hold_the_same_packets_at_their_times(encoder: ForeignEncoder) -> None:
    kind = encoder.format
    data = encode_foreign(planes(kind), encoder, RATE)
    file = to_mp4(data, kind, (WIDTH, HEIGHT), RATE)
    if kind is MJPEG:
        with pytest.raises(BitstreamError, match="sample entries"):
            read_track(file)
        return
    track = read_track(file)
    assert track.frame_rate == RATE
    assert track.size == (WIDTH, HEIGHT)
    assert sorted(track.frame_numbers()) == list(range(5))
    assert (track.frame_numbers() == tuple(range(5))) == (encoder is EXACT_264)


def test_a_damaged_stream_makes_no_mp4_file() -> None:
    with pytest.raises(BitstreamError):
        to_mp4(bytes(500), HEVC_GRAY12, (WIDTH, HEIGHT), RATE)
