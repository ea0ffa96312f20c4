"""Many bitstreams through one open decoder, and beginnings of one, give what decoding all gives."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hwcodec import (
    YUV420P8,
    YUV420P10,
    Bitstream,
    BitstreamError,
    ConstantQp,
    EncoderSettings,
    Picture,
    PictureGeometry,
    UnsupportedConfig,
    decode,
    decode_all,
    encode,
    split_gops,
)
from hwcodec.parallel import decode_in_turn

THREADS = (1, 4)


def codes(stream: Bitstream, **choices: int) -> list[torch.Tensor]:
    return [picture.luma for picture in decode(stream, **choices)]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


@pytest.mark.parametrize("thread_count", THREADS)
def test_groups_played_one_after_another_are_the_whole_stream(
    software, thread_count, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(11), make_settings(software, gop_length=4))
    played = list(decode_all(split_gops(stream), thread_count=thread_count))
    assert same([picture.luma for _, picture in played], codes(stream))
    places = [(number, picture.pts) for number, picture in played]
    assert places == [(index // 4, index % 4) for index in range(11)]


@pytest.mark.parametrize("thread_count", THREADS)
def test_a_looped_stream_gives_the_same_codes_every_time(
    software, thread_count, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(6), make_settings(software))
    played = [picture.luma for _, picture in decode_all([stream] * 3, thread_count=thread_count)]
    assert same(played, codes(stream) * 3)


def test_streams_of_other_codecs_and_sizes_may_follow_each_other(
    make_pictures, make_settings
) -> None:
    small = EncoderSettings("libx264", PictureGeometry(YUV420P8, 160, 96), ConstantQp(20))
    streams = [
        encode(make_pictures(5), make_settings("libx264")),
        encode(make_pictures(3, width=160, height=96), small),
        encode(make_pictures(2), make_settings("raw")),
        encode(make_pictures(1), make_settings("raw")),
        encode(make_pictures(4), make_settings("libx265")),
    ]
    played = list(decode_all(streams))
    assert [number for number, _ in played] == [0] * 5 + [1] * 3 + [2] * 2 + [3] + [4] * 4
    assert same([picture.luma for _, picture in played], [c for s in streams for c in codes(s)])


def test_another_quantizer_with_another_header_opens_the_decoder_anew(
    software, make_pictures, make_settings
) -> None:
    streams = [
        encode(make_pictures(4), make_settings(software, rate=ConstantQp(qp), b_frame_count=b))
        for qp, b in ((20, 0), (40, 3), (20, 3))
    ]
    played = [picture.luma for _, picture in decode_all(streams)]
    assert same(played, [c for stream in streams for c in codes(stream)])


def test_bitstreams_are_asked_for_when_their_turn_comes(make_pictures, make_settings) -> None:
    stream = encode(make_pictures(2), make_settings("raw"))
    asked = []

    def streams() -> Iterator[Bitstream]:
        for number in range(1000):
            asked.append(number)
            yield stream

    played = decode_all(streams())
    assert asked == []
    next(played)
    assert asked == [0]


def test_nothing_to_play_is_nothing() -> None:
    assert list(decode_all([])) == []


@pytest.mark.parametrize("damage", ["cut", "gap"])
def test_damage_in_a_later_stream_is_named_after_the_pictures_before_it(
    software, damage, make_pictures, make_settings
) -> None:
    good = encode(make_pictures(4), make_settings(software, b_frame_count=0))
    packets = list(good.packets)
    packets[2] = replace(packets[2], data=packets[2].data[:3], pts=9 if damage == "gap" else 2)
    played = decode_all([good, replace(good, packets=tuple(packets))], thread_count=1)
    seen: list[int] = []
    with pytest.raises(BitstreamError, match=r"damaged|without gaps"):
        seen.extend(number for number, _ in played)
    assert seen[:3] == [0, 0, 0]
    assert seen.count(1) < 4


@pytest.mark.parametrize("thread_count", THREADS)
def test_a_beginning_is_the_same_as_in_the_whole(
    software, thread_count, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(13), make_settings(software, gop_length=9, b_frame_count=4))
    whole = codes(stream)
    for stop in range(1, 14):
        assert same(codes(stream, stop=stop, thread_count=thread_count), whole[:stop])
    assert same(codes(stream, stop=99), whole)


def test_packets_behind_the_stop_are_not_even_looked_at(make_pictures, make_settings) -> None:
    for encoder in ("libx264", "raw"):
        stream = encode(make_pictures(6), make_settings(encoder, b_frame_count=0))
        broken = tuple(
            packet if packet.pts < 3 else replace(packet, data=b"\0\0\0\1x")
            for packet in stream.packets
        )
        assert same(codes(replace(stream, packets=broken), stop=3), codes(stream)[:3])


@pytest.mark.parametrize("stop", [0, -1])
def test_a_stop_before_the_first_picture_is_refused(stop, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(2), make_settings("raw"))
    with pytest.raises(UnsupportedConfig, match="at least 1, or None"):
        decode(stream, stop=stop)


@settings(max_examples=12, deadline=None)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=5), leave=st.integers(0, 12))
def test_leaving_at_any_picture_is_harmless(lengths, leave, make_pictures, make_settings) -> None:
    parts = [encode(make_pictures(count), make_settings("libx264")) for count in lengths]
    played = decode_all(parts, thread_count=2)
    taken = [place for place, _ in zip(played, range(leave), strict=False)]
    played.close()  # type: ignore[attr-defined]
    assert len(taken) == min(leave, sum(lengths))


@pytest.mark.parametrize("pixel_format", [YUV420P8, YUV420P10], ids=lambda f: f.name)
def test_borrowed_pictures_hold_the_same_codes_for_as_long_as_they_live(
    pixel_format, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(12, pixel_format), make_settings("libx265", pixel_format))
    kept = list(decode(stream, borrow=True))
    list(decode(stream))  # Somebody else's decoder must not be given their memory.
    assert same([picture.luma for picture in kept], codes(stream))
    assert len({picture.luma.data_ptr() for picture in kept}) == 12


def test_borrowing_copies_nothing_and_owning_does(make_pictures, make_settings) -> None:
    stream = encode(make_pictures(3), make_settings("libx264"))
    # The decoder's rows are longer than the picture's, because its filters read beyond the border.
    assert not any(picture.luma.is_contiguous() for picture in decode(stream, borrow=True))
    assert all(picture.luma.is_contiguous() for picture in decode(stream))


@pytest.mark.parametrize("sessions", [2, 3, 7])
def test_several_sessions_give_what_one_gives_in_the_same_order(
    software, sessions, make_pictures, make_settings
) -> None:
    groups = split_gops(encode(make_pictures(23), make_settings(software, gop_length=4)))
    one = list(decode_all(groups))
    several = list(decode_all(groups, sessions=sessions, thread_count=1))
    places = [(number, picture.pts) for number, picture in one]
    assert [(number, picture.pts) for number, picture in several] == places
    assert same([p.luma for _, p in several], [p.luma for _, p in one])


def test_sessions_ask_for_few_streams_ahead(make_pictures, make_settings, monkeypatch) -> None:
    monkeypatch.setattr("hwcodec.parallel._WAITING_BYTES", 0)
    stream = encode(make_pictures(2), make_settings("raw"))
    asked = []

    def streams() -> Iterator[Bitstream]:
        for number in range(1000):
            asked.append(number)
            yield stream

    played = decode_all(streams(), sessions=3)
    for _ in range(4):
        next(played)
    played.close()  # type: ignore[attr-defined]
    assert len(asked) <= 4 * 3


def test_sessions_wait_for_whoever_takes_the_pictures(
    make_pictures, make_settings, monkeypatch
) -> None:
    monkeypatch.setattr("hwcodec.parallel._WAITING_BYTES", 0)
    stream = encode(make_pictures(40), make_settings("raw"))
    played = decode_all([stream] * 3, sessions=3)
    next(played)
    time.sleep(0.3)
    before = threading.active_count()
    assert len(list(played)) == 3 * 40 - 1
    assert threading.active_count() <= before - 3


@pytest.mark.parametrize("place", [0, 1, 3])
def test_damage_is_raised_in_its_turn_and_the_threads_end(
    place, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(4), make_settings("libx264", b_frame_count=0))
    broken = replace(stream, packets=(replace(stream.packets[0], data=b"\0\0\0\1x"),))
    streams = [stream] * place + [broken] + [stream] * 2
    threads, seen = threading.active_count(), []
    with pytest.raises(BitstreamError):
        seen.extend(number for number, _ in decode_all(streams, sessions=2))
    # The session that meets the damage may still hold pictures of its stream before.
    assert seen[: 4 * (place - 1)] == [number for number in range(place - 1) for _ in range(4)]
    assert len(seen) <= 4 * place
    assert threading.active_count() == threads


def test_streams_shorter_than_the_decoder_is_late_do_not_starve_it(
    make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(1), make_settings("libx264"))
    played = list(decode_all([stream] * 40, sessions=2, thread_count=8))
    assert [number for number, _ in played] == list(range(40))


def test_an_error_of_the_source_is_raised_in_its_turn(make_pictures, make_settings) -> None:
    stream = encode(make_pictures(2), make_settings("raw"))

    def streams() -> Iterator[Bitstream]:
        yield from [stream] * 3
        raise BitstreamError("file is gone")

    seen: list[int] = []
    with pytest.raises(BitstreamError, match="gone"):
        seen.extend(number for number, _ in decode_all(streams(), sessions=2))
    assert seen == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("sessions", [0, 17])
def test_session_counts_out_of_range_are_refused(sessions) -> None:
    with pytest.raises(UnsupportedConfig, match="sessions"):
        decode_all([], sessions=sessions)
    assert list(decode_all([], sessions=2)) == []


def test_a_session_that_ends_too_early_is_an_error_and_no_endless_wait(
    make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(2), make_settings("raw"))

    def lazy(streams: Iterable[Bitstream]) -> Iterator[tuple[int, Picture]]:
        list(streams)
        yield from ()

    with pytest.raises(BitstreamError, match="ended before"):
        list(decode_in_turn([stream], lazy, 2, torch.device("cpu")))
