"""Groups of one, two and three pictures at either depth, and decoders that run side by side."""

from dataclasses import replace
from itertools import zip_longest

import pytest
import torch

from hwcodec import (
    YUV420P10,
    Chroma,
    ConstantQp,
    Lossless,
    PixelFormat,
    decode,
    demux,
    encode,
    mux,
    split_gops,
)

EXACT = [("libx265", 8), ("libx265", 10), ("libsvtav1", 8), ("raw", 10), ("raw", 12)]


def codes(pictures: object) -> list[torch.Tensor]:
    return [picture.luma.to(torch.int32) for picture in pictures]  # type: ignore[attr-defined]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


@pytest.mark.parametrize("gop_length", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(("name", "bit_depth"), EXACT)
def test_short_groups_keep_every_code_through_a_file(
    name, bit_depth, count, gop_length, make_pictures, make_settings
) -> None:
    pixel_format = PixelFormat(Chroma.YUV420, bit_depth)
    pictures = make_pictures(count, pixel_format)
    settings = make_settings(name, pixel_format, Lossless(), gop_length)
    stream = encode(pictures, settings)
    again = demux(mux(stream))
    assert again == stream
    distance = 1 if name == "raw" else gop_length
    keys = [packet.pts for packet in again.packets if packet.is_key]
    assert keys == list(range(0, count, distance))
    assert equal(codes(decode(again)), codes(pictures))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("name", ["libx265", "libsvtav1"])
def test_ten_bits_stay_close_in_the_shortest_streams(
    name, count, make_pictures, make_settings
) -> None:
    pictures = make_pictures(count, YUV420P10)
    stream = encode(pictures, make_settings(name, YUV420P10, ConstantQp(12)))
    for sent, got in zip(codes(pictures), codes(decode(stream)), strict=True):
        assert (sent - got).abs().float().mean() < 4
        assert got.max() > 255


@pytest.mark.parametrize("b_frame_count", [1, 2, 16])
def test_more_b_frames_than_a_group_has_pictures_lose_none(
    software, b_frame_count, make_pictures, make_settings
) -> None:
    pictures = make_pictures(7)
    settings = make_settings(software, gop_length=3, b_frame_count=b_frame_count)
    stream = encode(pictures, settings)
    assert [len(group.packets) for group in split_gops(stream)] == [3, 3, 1]
    back = codes(decode(stream))
    for index, (sent, got) in enumerate(zip(codes(pictures), back, strict=True)):
        # A picture that came out of order would be nearer to another one.
        errors = [float((other - got).square().float().mean()) for other in codes(pictures)]
        assert errors[index] == min(errors)
        assert (sent - got).abs().float().mean() < 6


def test_the_thread_count_of_x265_changes_no_byte(make_pictures, make_settings) -> None:
    pictures, settings = make_pictures(6), make_settings("libx265", gop_length=4)
    made = [
        encode(pictures, replace(settings, tuning=replace(settings.tuning, thread_count=count)))
        for count in (1, 2, 7)
    ]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("thread_count", [1, 3, 64])
def test_the_number_of_decoding_threads_loses_no_picture_of_a_short_stream(
    software, thread_count, make_pictures, make_settings
) -> None:
    # Decoders that work on several pictures at once deliver late; the last ones must come too.
    stream = encode(make_pictures(3), make_settings(software))
    pictures = list(decode(stream, thread_count=thread_count))
    assert [picture.pts for picture in pictures] == [0, 1, 2]
    assert equal(codes(pictures), codes(decode(stream)))


def test_decoders_side_by_side_do_not_disturb_each_other(
    encoder, make_pictures, make_settings
) -> None:
    first = encode(make_pictures(5), make_settings(encoder))
    second = encode(tuple(reversed_in_time(make_pictures(4))), make_settings(encoder))
    alone = codes(decode(first)), codes(decode(second))
    together: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for pair in zip_longest(decode(first), decode(second)):
        for found, picture in zip(together, pair, strict=True):
            found.extend(codes([picture] if picture else []))
    assert equal(together[0], alone[0])
    assert equal(together[1], alone[1])


def reversed_in_time(pictures):  # noqa: ANN201
    return (replace(one, pts=index) for index, one in enumerate(reversed(pictures)))


@pytest.mark.parametrize("gop_length", [2, 3])
def test_any_closed_group_may_be_decoded_after_any_other(
    software, gop_length, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(6), make_settings(software, gop_length=gop_length))
    groups, whole = split_gops(stream), codes(decode(stream))
    # The groups in reverse order as one stream, as a player that loops backward feeds them.
    packets = []
    for place, group in enumerate(reversed(groups)):
        start = place * gop_length
        packets += [replace(one, pts=one.pts + start, dts=one.dts + start) for one in group.packets]
    backward = codes(decode(replace(stream, packets=tuple(packets))))
    starts = range(6 - gop_length, -1, -gop_length)
    expected = [one for start in starts for one in whole[start : start + gop_length]]
    assert equal(backward, expected)
