import io
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import (
    GRAY8,
    YUV420P8,
    Bitstream,
    BitstreamError,
    Codec,
    Packet,
    PictureGeometry,
    boxes,
    decode,
    demux,
    encode,
    mux,
    split_gops,
)
from hwcodec.boxes import children
from hwcodec.headers import raw_config

RATES = st.sampled_from([Fraction(30), Fraction(30000, 1001), Fraction(1, 2), Fraction(1000)])


@st.composite
def streams(draw: st.DrawFn) -> Bitstream:
    """Closed groups with any order inside, as an encoder with B frames makes them."""
    packets: list[Packet] = []
    for size in draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)):
        start = len(packets)
        order = [start, *(start + one for one in draw(st.permutations(range(1, size))))]
        for place, number in enumerate(order):
            data = draw(st.binary(max_size=12))
            packets.append(Packet(data, number, start + place, is_key=place == 0))
    delay = max(index - packet.pts for index, packet in enumerate(packets))
    shifted = tuple(replace(packet, dts=packet.dts - delay) for packet in packets)
    geometry = PictureGeometry(GRAY8, 4, 2, draw(RATES))
    return Bitstream(Codec.RAW, geometry, raw_config(GRAY8, 1), shifted)


@given(streams())
def test_demuxing_undoes_muxing(stream: Bitstream) -> None:
    assert demux(mux(stream)) == stream


@given(streams())
def test_there_is_one_fragment_for_each_closed_group(stream: Bitstream) -> None:
    kinds = [one.kind for one in children(mux(stream))]
    keys = [packet.is_key for packet in stream.packets]
    count = 1 if all(keys) else sum(keys)
    assert kinds == ["ftyp", "moov"] + ["moof", "mdat"] * count


@given(streams())
def test_groups_hold_all_packets_and_count_from_zero(stream: Bitstream) -> None:
    groups = split_gops(stream)
    assert b"".join(one.data for group in groups for one in group.packets) == b"".join(
        one.data for one in stream.packets
    )
    for group in groups:
        assert group.packets[0].is_key
        assert group.packets[0].pts == 0
        assert sorted(one.pts for one in group.packets) == list(range(len(group.packets)))


@given(streams(), st.data())
def test_a_truncated_file_is_an_error_or_visibly_shorter(
    stream: Bitstream, data: st.DataObject
) -> None:
    whole = mux(stream)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with suppress(BitstreamError):
        assert len(demux(cut).packets) < len(stream.packets)


@given(streams(), st.data())
def test_a_flipped_bit_never_escapes_as_another_kind_of_error(
    stream: Bitstream, data: st.DataObject
) -> None:
    whole = bytearray(mux(stream))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(BitstreamError):
        demux(bytes(whole))


@given(st.binary(max_size=300))
def test_garbage_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        demux(data)


def test_an_open_group_cannot_be_cut_out() -> None:
    geometry = PictureGeometry(GRAY8, 4, 2)
    packets = (
        Packet(b"a", 0, 0, is_key=True),
        Packet(b"b", 3, 1, is_key=True),
        Packet(b"c", 1, 2, is_key=False),
        Packet(b"d", 2, 3, is_key=False),
    )
    stream = Bitstream(Codec.RAW, geometry, raw_config(GRAY8, 1), packets)
    with pytest.raises(BitstreamError, match="its group is open"):
        split_gops(stream)


def test_muxing_refuses_what_cannot_be_played() -> None:
    stream = Bitstream(Codec.RAW, PictureGeometry(GRAY8, 4, 2), raw_config(GRAY8, 1), ())
    with pytest.raises(BitstreamError, match="no packets"):
        mux(stream)


@pytest.mark.parametrize("gop_length", [1, 4, None])
@pytest.mark.parametrize("b_frame_count", [0, 4])
def test_other_readers_play_our_files(
    software: str, gop_length: int | None, b_frame_count: int, make_pictures, make_settings
) -> None:
    av = pytest.importorskip("av")
    settings = make_settings(software, gop_length=gop_length, b_frame_count=b_frame_count)
    stream = encode(make_pictures(9), settings)
    with av.open(io.BytesIO(mux(stream))) as container:
        video = container.streams.video[0]
        frames = list(container.decode(video))
        assert (video.width, video.height, video.average_rate) == (192, 128, 30)
        assert video.codec_context.codec_tag in {"avc1", "hvc1", "av01"}
    ours = list(decode(stream))
    # FFmpeg starts reordered fragments late by the delay; the distances are what counts.
    start = frames[0].pts * frames[0].time_base
    assert [(one.pts * one.time_base - start) * 30 for one in frames] == list(range(9))
    for frame, picture in zip(frames, ours, strict=True):
        plane = frame.planes[0]
        rows = bytes(plane)[: plane.line_size * plane.height]
        line = slice(5 * plane.line_size, 5 * plane.line_size + plane.width)
        assert rows[line] == bytes(picture.luma[5].numpy())


@pytest.mark.parametrize("name", ["libx264", "libx265"])
@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "cmaf+frag_keyframe+empty_moov"])
def test_files_of_another_writer_are_read(
    flags: str, name: str, make_pictures, make_settings
) -> None:
    av = pytest.importorskip("av")
    stream = encode(make_pictures(9), make_settings(name, gop_length=4))
    sink = io.BytesIO()
    with (
        av.open(io.BytesIO(mux(stream))) as source,
        av.open(sink, "w", format="mp4", options={"movflags": flags}) as target,
    ):
        copy = target.add_stream_from_template(source.streams.video[0])
        copy.codec_context.codec_tag = source.streams.video[0].codec_context.codec_tag
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    again = demux(sink.getvalue())
    assert again.packets == stream.packets
    assert again.geometry == stream.geometry


def test_an_ordinary_movie_file_is_refused_with_a_reason(make_pictures, make_settings) -> None:
    av = pytest.importorskip("av")
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as target:
        video = target.add_stream("mpeg4", rate=30)
        video.width, video.height = 64, 64
        target.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        target.mux(video.encode(None))
    with pytest.raises(BitstreamError):
        demux(sink.getvalue())


@given(stream=streams(), limit=st.sampled_from([20, 100, 500]))
def test_a_stream_with_boxes_of_long_sizes_reads_back(stream: Bitstream, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes, "LARGEST_SHORT_SIZE", limit)
        whole = mux(stream)
    assert demux(whole) == stream
    assert b"\0\0\0\1" in whole


def test_other_readers_find_the_packets_behind_a_long_size(
    make_pictures, make_settings, monkeypatch
) -> None:
    av = pytest.importorskip("av")
    stream = encode(make_pictures(5), make_settings("libx264", gop_length=3))
    plain = mux(stream)
    # Larger than every box of the header, smaller than the pictures.
    monkeypatch.setattr(boxes, "LARGEST_SHORT_SIZE", plain.index(b"moof"))
    assert len(mux(stream)) > len(plain)
    with av.open(io.BytesIO(mux(stream))) as container:
        taken = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert taken == [packet.data for packet in stream.packets]


@pytest.mark.parametrize("rate", [Fraction(1, 2**32 - 1), Fraction(2**32 - 1, 2**32 - 2)])
def test_the_largest_terms_of_a_frame_rate_fit_the_file(rate: Fraction) -> None:
    geometry = PictureGeometry(GRAY8, 4, 2, rate)
    packets = tuple(Packet(b"x", number, number, is_key=number == 0) for number in range(3))
    stream = Bitstream(Codec.RAW, geometry, raw_config(GRAY8, 1), packets)
    assert demux(mux(stream)) == stream


def test_time_offsets_beyond_their_field_are_refused_with_a_remedy() -> None:
    geometry = PictureGeometry(GRAY8, 4, 2, Fraction(1, 2**31))
    packets = tuple(
        Packet(b"x", number, place - 1, is_key=place == 0) for place, number in enumerate((0, 2, 1))
    )
    stream = Bitstream(Codec.RAW, geometry, raw_config(GRAY8, 1), packets)
    with pytest.raises(BitstreamError, match="frame rate of smaller numbers"):
        mux(stream)


def test_uneven_times_are_refused() -> None:
    packets = tuple(Packet(b"x", number, number, is_key=number == 0) for number in range(3))
    geometry = PictureGeometry(YUV420P8, 4, 2, Fraction(30000, 1001))
    whole = mux(Bitstream(Codec.RAW, geometry, raw_config(YUV420P8, 1), packets))
    run = whole.rindex(b"trun")
    # Turns "no time offsets" into "one offset for each packet, read from what follows".
    broken = whole[: run + 6] + bytes((whole[run + 6] | 8,)) + whole[run + 7 :]
    with pytest.raises(BitstreamError):
        demux(broken)
