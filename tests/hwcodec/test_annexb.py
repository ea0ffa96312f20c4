"""Streams survive the way to Annex B and back, byte for byte in everything a decoder reads."""

import io
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import YUV420P8, YUV420P10, BitstreamError, Codec, codec_string, decode, encode
from hwcodec.annexb import (
    START,
    configuration_record,
    packet_units,
    record_units,
    split_annex_b,
    to_annex_b,
    with_lengths,
)
from hwcodec.headers import nal_units, pixel_format

units = st.lists(
    # No start code inside a unit, and no zero at its end: emulation prevention sees to that.
    st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\0", b"\1")),
    max_size=6,
)


@given(units)
def test_units_come_back_from_start_codes(found) -> None:
    assert split_annex_b(b"".join(START + unit for unit in found)) == found
    assert split_annex_b(b"".join(START[1:] + unit for unit in found)) == found
    assert list(nal_units(with_lengths(found))) == found


@pytest.mark.parametrize(
    ("name", "pixel_format_"),
    [("libx264", YUV420P8), ("libx265", YUV420P8), ("libx265", YUV420P10)],
)
def test_a_stream_survives_the_way_to_annex_b_and_back(
    name, pixel_format_, make_pictures, make_settings
) -> None:
    stream = encode(
        make_pictures(7, pixel_format_), make_settings(name, pixel_format_, gop_length=4)
    )
    pieces = [split_annex_b(piece) for piece in to_annex_b(stream)]
    parts = [packet_units(stream.codec, piece) for piece in pieces]
    assert [with_lengths(kept) for kept, _ in parts] == [
        with_lengths([unit for unit in nal_units(packet.data) if _is_slice(stream.codec, unit)])
        for packet in stream.packets
    ]
    assert [is_key for _, is_key in parts] == [packet.is_key for packet in stream.packets]
    record = configuration_record(stream.codec, pieces[0], pixel_format_)
    assert record_units(stream.codec, record) == [
        unit for unit in record_units(stream.codec, stream.extradata) if _is_set(stream.codec, unit)
    ]
    assert codec_string(stream.codec, record) == codec_string(stream.codec, stream.extradata)
    assert pixel_format(stream.codec, record) == pixel_format_


def _is_slice(codec: Codec, unit: bytes) -> bool:
    return 1 <= unit[0] & 31 <= 5 if codec is Codec.H264 else unit[0] >> 1 & 63 < 32


def _is_set(codec: Codec, unit: bytes) -> bool:
    return unit[0] & 31 in {7, 8} if codec is Codec.H264 else unit[0] >> 1 & 63 in {32, 33, 34}


@pytest.mark.parametrize(("name", "container"), [("libx264", "h264"), ("libx265", "hevc")])
def test_any_decoder_reads_the_elementary_stream(
    name, container, make_pictures, make_settings
) -> None:
    av = pytest.importorskip("av")
    stream = encode(make_pictures(6), make_settings(name, gop_length=3))
    data = b"".join(to_annex_b(stream))
    with av.open(io.BytesIO(data), format=container) as file:
        theirs = [torch.from_numpy(f.to_ndarray()[:128].copy()) for f in file.decode(video=0)]
    ours = [picture.luma for picture in decode(stream)]
    assert len(theirs) == 6
    assert all(map(torch.equal, ours, theirs))


def test_av1_passes_unchanged(make_pictures, make_settings) -> None:
    stream = encode(make_pictures(3), make_settings("libsvtav1"))
    assert list(to_annex_b(stream)) == [packet.data for packet in stream.packets]


@pytest.mark.parametrize("name", ["libx264", "libx265"])
def test_a_record_cut_anywhere_is_an_error(name, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(2), make_settings(name))
    whole = record_units(stream.codec, stream.extradata)
    for end in range(len(stream.extradata)):
        try:
            found = record_units(stream.codec, stream.extradata[:end])
        except BitstreamError as error:
            assert "ends inside" in str(error)  # noqa: PT017 -- complete beginnings are no errors
        else:
            assert found == whole


@given(st.sampled_from([Codec.H264, Codec.HEVC]), st.binary(max_size=80))
def test_arbitrary_records_give_units_or_the_one_error(codec, data) -> None:
    try:
        found = record_units(codec, data)
    except BitstreamError:
        return
    assert sum(map(len, found)) <= len(data)


@pytest.mark.parametrize(
    ("codec", "present", "said"),
    [
        (Codec.H264, [b"\x67abc"], "picture"),
        (Codec.H264, [], "sequence and no picture"),
        (Codec.HEVC, [struct.pack("B", 33 << 1) + bytes(20)], "video and no picture"),
    ],
)
def test_missing_parameter_sets_are_named(codec, present, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        configuration_record(codec, present, YUV420P8)
