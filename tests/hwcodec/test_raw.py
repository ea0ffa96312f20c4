from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import (
    BitstreamError,
    Chroma,
    EncoderSettings,
    Lossless,
    Picture,
    PictureGeometry,
    PixelFormat,
    decode,
    encode,
)

FORMATS = st.builds(PixelFormat, st.sampled_from(list(Chroma)), st.sampled_from([8, 10, 12, 16]))


def settings(pixel_format: PixelFormat, width: int, height: int) -> EncoderSettings:
    return EncoderSettings("raw", PictureGeometry(pixel_format, width, height), Lossless())


def noise(shape: tuple[int, int], pixel_format: PixelFormat) -> torch.Tensor:
    codes = torch.randint(0, pixel_format.max_code + 1, shape, dtype=torch.int32)
    return codes.to(pixel_format.dtype)


@given(FORMATS, st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_every_code_of_every_format_comes_back(
    pixel_format: PixelFormat, half_width: int, half_height: int, all_planes: bool
) -> None:
    wanted = settings(pixel_format, 2 * half_width, 2 * half_height)
    shapes = wanted.geometry.plane_shapes if all_planes else wanted.geometry.plane_shapes[:1]
    planes = tuple(noise(shape, pixel_format) for shape in shapes)
    stream = encode([Picture(planes, pixel_format, 0)], wanted)
    (back,) = decode(stream, with_chroma=True)
    assert len(back.planes) == len(wanted.geometry.plane_shapes)
    assert all(torch.equal(one, other) for one, other in zip(planes, back.planes, strict=False))


def test_noise_is_stored_and_smoothness_is_deflated() -> None:
    gray = PixelFormat(Chroma.GRAY, 8)
    wanted = settings(gray, 64, 64)
    rough = Picture((noise((64, 64), gray),), gray, 0)
    smooth = Picture((torch.zeros(64, 64, dtype=torch.uint8),), gray, 1)
    first, second = encode([rough, smooth], wanted).packets
    assert first.data[0] == 0
    assert len(first.data) == 64 * 64 + 1
    assert second.data[0] == 1
    assert len(second.data) < 100


def test_every_picture_is_a_key_of_its_own() -> None:
    gray = PixelFormat(Chroma.GRAY, 8)
    pictures = [Picture((noise((4, 4), gray),), gray, index) for index in range(3)]
    stream = encode(pictures, settings(gray, 4, 4))
    assert all(packet.is_key for packet in stream.packets)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1], "expected|due|broken"),
        (lambda data: data + b"\0", "due"),
        (lambda data: b"", "missing"),
        (lambda data: b"\7" + data[1:], "method 07"),
        (lambda data: b"\1" + data[1:], "broken deflate"),
        (lambda data: b"\0" + b"\xff" * 32, "a code above 1023"),
    ],
)
def test_damaged_packets_are_named_by_frame(change, words: str) -> None:
    ten = PixelFormat(Chroma.GRAY, 10)
    codes = torch.arange(16, dtype=torch.int32).reshape(4, 4) * 61
    stream = encode([Picture((codes.to(torch.uint16),), ten, 0)], settings(ten, 4, 4))
    packet = replace(stream.packets[0], data=change(b"\0" + codes.numpy().astype("<u2").tobytes()))
    with pytest.raises(BitstreamError, match=rf"raw packet of frame 0 holds.*({words})"):
        list(decode(replace(stream, packets=(packet,))))


def test_a_deflate_bomb_is_stopped_at_the_size_of_the_picture() -> None:
    import zlib

    gray = PixelFormat(Chroma.GRAY, 8)
    stream = encode([Picture((noise((4, 4), gray),), gray, 0)], settings(gray, 4, 4))
    bomb = replace(stream.packets[0], data=b"\1" + zlib.compress(bytes(10**7)))
    with pytest.raises(BitstreamError, match="17 bytes of codes where 16 were due"):
        list(decode(replace(stream, packets=(bomb,))))


@pytest.mark.parametrize("plane_count", [0, 2, 255])
def test_an_impossible_plane_count_is_an_error(plane_count: int) -> None:
    gray = PixelFormat(Chroma.GRAY, 8)
    stream = encode([Picture((noise((4, 4), gray),), gray, 0)], settings(gray, 4, 4))
    damaged = replace(stream, extradata=stream.extradata[:3] + bytes((plane_count,)))
    with pytest.raises(BitstreamError, match="planes, expected 1 to 1"):
        list(decode(damaged))
