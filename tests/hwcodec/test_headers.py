import struct
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import (
    GRAY8,
    YUV420P8,
    YUV420P10,
    BitstreamError,
    Chroma,
    Codec,
    PictureGeometry,
    PixelFormat,
    codec_string,
    headers,
)

# Records as FFmpeg's muxer wrote them for streams of libx264, libx265 and SVT-AV1.
AVCC = bytes.fromhex("01640020ffe1001b67640020ace50100081a6e02020280000003008000001e078c188b")
AVCC += bytes.fromhex("01000568e9386f2cfdf8f800")
HVCC_HEAD = bytes.fromhex("01016000000090000000000078f000fcfdf8f800000f03")
AV1C = bytes.fromhex("81050c000a0e0000002ccfffff8d5f3202020308")


def hvcc(*sets: tuple[int, bytes]) -> bytes:
    arrays = b"".join(
        bytes((0xA0 | kind,)) + struct.pack(">HH", 1, len(unit)) + unit for kind, unit in sets
    )
    return HVCC_HEAD[:22] + bytes((len(sets),)) + arrays


def test_codec_strings_follow_the_registrations() -> None:
    assert codec_string(Codec.H264, AVCC) == "avc1.640020"
    assert codec_string(Codec.HEVC, hvcc()) == "hvc1.1.6.L120.90"
    assert codec_string(Codec.AV1, AV1C) == "av01.0.05M.08"
    assert codec_string(Codec.RAW, headers.raw_config(GRAY8, 1)) == "vrfr.1"


def test_av1_strings_tell_ten_bits_and_the_high_tier() -> None:
    assert codec_string(Codec.AV1, bytes((0x81, 0x0D, 0xCC, 0))) == "av01.0.13H.10"


def test_formats_are_read_from_the_records() -> None:
    assert headers.pixel_format(Codec.H264, AVCC) == YUV420P8
    assert headers.pixel_format(Codec.HEVC, hvcc()) == YUV420P8
    assert headers.pixel_format(Codec.AV1, AV1C) == YUV420P8
    assert headers.pixel_format(Codec.AV1, bytes((0x81, 5, 0x4C, 0))) == YUV420P10


def test_a_main_profile_record_means_eight_bits() -> None:
    assert headers.pixel_format(Codec.H264, b"\x01\x4d" + AVCC[2:20]) == YUV420P8


@pytest.mark.parametrize("length", range(7, len(AVCC) - 2))
def test_a_high_profile_record_that_is_cut_anywhere_is_an_error(length: int) -> None:
    with pytest.raises(BitstreamError, match=f"ends after {length} bytes.*fetch it again"):
        headers.pixel_format(Codec.H264, AVCC[:length])


@pytest.mark.parametrize("record", ["01640020ffe000", "01640020ffff00", "01640020ffe1ffff"])
def test_a_high_profile_record_without_its_parameter_sets_is_an_error(record: str) -> None:
    with pytest.raises(BitstreamError, match="expected its parameter sets"):
        headers.pixel_format(Codec.H264, bytes.fromhex(record))


@given(st.binary(min_size=7, max_size=60))
def test_any_record_of_any_profile_is_read_or_a_typed_error(record: bytes) -> None:
    with suppress(BitstreamError):
        headers.pixel_format(Codec.H264, record)


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("chroma", list(Chroma))
def test_raw_records_hold_every_format(chroma: Chroma, depth: int) -> None:
    known = PixelFormat(chroma, depth)
    assert headers.pixel_format(Codec.RAW, headers.raw_config(known, 1)) == known


@pytest.mark.parametrize(
    "record", [b"\2\0\x08\1", b"\1\5\x08\1", b"\1\0\x09\1"], ids=["version", "chroma", "depth"]
)
def test_unknown_raw_records_are_refused(record: bytes) -> None:
    with pytest.raises(BitstreamError, match="damaged or newer"):
        headers.pixel_format(Codec.RAW, record)


@pytest.mark.parametrize("record", [bytes((0x81, 5, 0x1C, 0)), bytes((0x81, 5, 0, 0))])
def test_gray_and_444_streams_are_refused(record: bytes) -> None:
    with pytest.raises(BitstreamError, match="expected 4:2:0"):
        headers.pixel_format(Codec.AV1, record)


@pytest.mark.parametrize("codec", list(Codec))
def test_records_that_are_too_short_are_refused(codec: Codec) -> None:
    for read in (codec_string, headers.pixel_format):
        with pytest.raises(BitstreamError, match="expected at least"):
            read(codec, b"\1")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
def test_nal_units_come_apart_as_they_were_joined(units: list[bytes]) -> None:
    joined = b"".join(struct.pack(">I", len(unit)) + unit for unit in units)
    assert list(headers.nal_units(joined)) == units


@pytest.mark.parametrize("data", [b"\0\0", b"\0\0\0\5abc", b"\0\0\0\0", b"\xff\xff\xff\xffa"])
def test_broken_nal_lengths_are_errors(data: bytes) -> None:
    with pytest.raises(BitstreamError, match="truncated"):
        list(headers.nal_units(data))


def test_only_user_data_messages_are_removed() -> None:
    units = [b"\x06\x05text", b"\x06\x06recovery", b"\x65picture"]
    packet = b"".join(struct.pack(">I", len(unit)) + unit for unit in units)
    assert list(headers.nal_units(headers.without_user_data(packet))) == units[1:]


@given(st.binary(max_size=200))
def test_escaping_undoes_unescaping_and_leaves_no_start_code(plain: bytes) -> None:
    escaped = headers._escape(plain)
    assert headers._unescape(escaped) == plain
    assert not any(code in escaped for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


@given(st.sampled_from([153, 156, 180, 183, 186]), st.binary(min_size=4, max_size=30))
def test_the_level_is_patched_in_the_record_and_both_parameter_sets(
    level: int, tail: bytes
) -> None:
    profile = bytes.fromhex("0160000000900000000000")
    video = b"\x40\x01\x0c\x01\xff\xff" + profile + b"\xff" + tail
    sequence = b"\x42\x01\x01" + profile + b"\xff" + tail
    picture = b"\x44\x01" + tail
    record = hvcc((32, headers._escape(video)), (33, headers._escape(sequence)), (34, picture))
    patched = headers.with_hevc_level(record, level)
    expected = hvcc(
        (32, headers._escape(video[:17] + bytes((level,)) + video[18:])),
        (33, headers._escape(sequence[:14] + bytes((level,)) + sequence[15:])),
        (34, picture),
    )
    assert patched[12] == level
    assert patched[13:] == expected[13:]


@pytest.mark.parametrize(
    ("width", "height", "rate", "level"),
    [
        (256, 256, 30, 153),
        (2048, 2048, 60, 153),
        (4096, 2176, 60, 153),
        (4096, 2176, 120, 156),
        (4096, 2304, 30, 180),
        (4096, 2304, 200, 183),
        (4096, 2304, 1000, 186),
    ],
)
def test_lossless_levels_start_at_5_1_and_follow_size_and_rate(
    width: int, height: int, rate: int, level: int
) -> None:
    geometry = PictureGeometry(YUV420P8, width, height, Fraction(rate))
    assert headers.hevc_level(geometry) == level


def test_the_av1_record_takes_over_the_sequence_header_of_the_stream() -> None:
    sequence = b"\x0a\x03abc"
    packet = b"\x12\x00" + sequence + b"\x32\x01z"
    assert headers.with_sequence_header(AV1C, packet) == AV1C[:4] + sequence
    assert headers.with_sequence_header(AV1C, b"\x12\x00\x32\x01z") == AV1C


@pytest.mark.parametrize("packet", [b"\x0a", b"\x0a" + b"\xff" * 9])
def test_av1_units_without_a_size_are_errors(packet: bytes) -> None:
    with pytest.raises(BitstreamError, match="no readable size"):
        headers.with_sequence_header(AV1C, packet)


def test_geometry_can_be_swapped_without_touching_the_rest() -> None:
    geometry = PictureGeometry(YUV420P8, 64, 64)
    assert replace(geometry, width=32).height == 64
