from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import (
    GRAY8,
    GRAY16,
    YUV420P8,
    YUV420P10,
    Bitstream,
    Chroma,
    Codec,
    EncoderChoice,
    HwcodecError,
    Packet,
    Picture,
    PictureGeometry,
    PixelFormat,
    UnsupportedConfig,
)


def test_format_names_follow_the_usual_spelling() -> None:
    names = [known.name for known in (YUV420P8, YUV420P10, GRAY8, GRAY16)]
    assert names == ["yuv420p", "yuv420p10", "gray", "gray16"]


@pytest.mark.parametrize("bit_depth", [0, 7, 9, 32])
def test_an_odd_bit_depth_is_refused_by_number(bit_depth: int) -> None:
    with pytest.raises(UnsupportedConfig, match=f"bit depth is {bit_depth}, expected 8, 10, 12"):
        PixelFormat(Chroma.GRAY, bit_depth)


@given(st.sampled_from([8, 10, 12, 16]), st.integers(1, 99).map(int), st.integers(1, 99).map(int))
def test_chroma_planes_have_half_the_size(
    bit_depth: int, half_rows: int, half_columns: int
) -> None:
    luma, *chroma = PixelFormat(Chroma.YUV420, bit_depth).plane_shapes(
        2 * half_columns, 2 * half_rows
    )
    assert luma == (2 * half_rows, 2 * half_columns)
    assert chroma == [(half_rows, half_columns)] * 2
    assert PixelFormat(Chroma.GRAY, bit_depth).plane_shapes(4, 2) == ((2, 4),)


@pytest.mark.parametrize(("known", "neutral"), [(YUV420P8, 128), (YUV420P10, 512)])
def test_neutral_chroma_is_the_middle_code(known: PixelFormat, neutral: int) -> None:
    plane = known.neutral_plane(2, 3)
    assert plane.dtype == known.dtype
    assert plane.to(torch.int32).unique().tolist() == [neutral]


@pytest.mark.parametrize(("width", "height"), [(63, 64), (64, 63), (0, 64), (64, -2), (1, 1)])
def test_odd_or_empty_pictures_are_refused_with_a_remedy(width: int, height: int) -> None:
    with pytest.raises(UnsupportedConfig, match=f"{width}x{height}, expected even.*pad it"):
        PictureGeometry(YUV420P8, width, height)


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-1), Fraction(1001)])
def test_impossible_frame_rates_are_refused(rate: Fraction) -> None:
    with pytest.raises(UnsupportedConfig, match="frame rate"):
        PictureGeometry(YUV420P8, 64, 64, rate)


@pytest.mark.parametrize("rate", [Fraction(1, 2**33 + 1), Fraction(2**32, 2**32 - 1)])
def test_frame_rates_whose_terms_an_mp4_file_cannot_hold_are_refused(rate: Fraction) -> None:
    with pytest.raises(UnsupportedConfig, match="at most 4294967295; round it"):
        PictureGeometry(YUV420P8, 64, 64, rate)


@pytest.mark.parametrize(("width", "height"), [(65536, 64), (64, 2**33)])
def test_sides_that_an_mp4_file_cannot_hold_are_refused(width: int, height: int) -> None:
    with pytest.raises(UnsupportedConfig, match="of 2 to 65535; pad it"):
        PictureGeometry(YUV420P8, width, height)


def test_values_cannot_be_changed_after_the_fact() -> None:
    with pytest.raises(AttributeError):
        YUV420P8.bit_depth = 10  # type: ignore[misc]


def test_a_picture_prints_its_shapes_and_not_its_codes() -> None:
    picture = Picture((torch.zeros(4, 6, dtype=torch.uint8),), YUV420P8, 3)
    assert repr(picture) == "Picture(pts=3, yuv420p, planes=4x6)"
    assert picture.luma is picture.planes[0]


def test_a_bitstream_adds_up_its_packets() -> None:
    packets = (Packet(b"abc", 0, 0, is_key=True), Packet(b"de", 1, 1, is_key=False))
    stream = Bitstream(Codec.RAW, PictureGeometry(GRAY8, 4, 2, Fraction(25)), b"", packets)
    assert stream.size_bytes == 5
    assert (stream.width, stream.height, stream.frame_rate) == (4, 2, 25)
    assert stream.format is GRAY8
    assert "abc" not in repr(stream)


def test_a_choice_knows_whether_it_is_a_fallback() -> None:
    assert EncoderChoice("h264_nvenc", "libx264", "ffmpeg", Codec.H264, "no driver").is_fallback
    assert not EncoderChoice("raw", "raw", "raw", Codec.RAW, "requested").is_fallback


def test_errors_share_one_root_and_the_bad_values_are_value_errors() -> None:
    assert issubclass(UnsupportedConfig, HwcodecError)
    assert issubclass(UnsupportedConfig, ValueError)
