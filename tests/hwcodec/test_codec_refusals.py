"""What is refused before anything is encoded, and what is damaged when it arrives."""

from dataclasses import replace

import pytest
import torch

from hwcodec import (
    YUV420P8,
    YUV420P10,
    BitstreamError,
    ConstantQp,
    EncoderSettings,
    PictureGeometry,
    UnsupportedConfig,
    decode,
    encode,
)


def refuse(pictures: object, settings: EncoderSettings, words: str) -> None:
    with pytest.raises(UnsupportedConfig, match=words):
        encode(pictures, settings)  # type: ignore[arg-type]


def test_no_pictures_are_refused(make_settings) -> None:
    refuse([], make_settings("raw"), "got no pictures")


def test_frame_numbers_count_from_zero(make_pictures, make_settings) -> None:
    refuse(make_pictures(3)[1:], make_settings("raw"), "picture 0 has pts 1, expected 0")
    first = make_pictures(1)[0]
    refuse([first, first], make_settings("raw"), "picture 1 has pts 0, expected 1")


def test_a_picture_of_another_size_is_refused_not_rescaled(
    encoder, make_pictures, make_settings
) -> None:
    pictures = [*make_pictures(1), replace(make_pictures(2, width=64)[1])]
    refuse(pictures, make_settings(encoder), r"plane 0 of picture 1 is \(128, 64\)")


def test_a_picture_of_another_type_is_refused(make_pictures, make_settings) -> None:
    (picture,) = make_pictures(1)
    floats = replace(picture, planes=(picture.luma.float(),))
    refuse([floats], make_settings("raw"), r"torch.float32, expected \(128, 192\) torch.uint8")


def test_a_picture_of_another_format_is_refused(make_pictures, make_settings) -> None:
    refuse(make_pictures(1, YUV420P10), make_settings("raw"), "is yuv420p10, expected yuv420p")


def test_codes_beyond_the_bit_depth_are_refused(make_pictures, make_settings) -> None:
    (picture,) = make_pictures(1, YUV420P10)
    high = replace(
        picture, planes=(torch.full((128, 192), 1024, dtype=torch.int32).to(torch.uint16),)
    )
    refuse([high], make_settings("raw", YUV420P10), "holds code 1024, expected at most 1023")


def test_mixed_plane_counts_are_refused(make_pictures, make_settings) -> None:
    first, second = make_pictures(2)
    half = torch.zeros(64, 96, dtype=torch.uint8)
    refuse(
        [first, replace(second, planes=(second.luma, half, half))],
        make_settings("raw"),
        "picture 1 has 3 planes, expected 1 like the first",
    )
    refuse([replace(first, planes=(first.luma, half))], make_settings("raw"), "2 planes")


def test_settings_are_checked_before_pictures_are_touched(make_settings) -> None:
    def untouched() -> object:
        pytest.fail("pictures were read")
        yield

    refuse(untouched(), make_settings("libx264", rate=ConstantQp(99)), "expected a value from")


def test_an_unknown_encoder_is_refused(make_pictures, make_settings) -> None:
    refuse(make_pictures(1), replace(make_settings("raw"), encoder="mpeg2"), "expected one of")


@pytest.mark.parametrize("count", [0, 65])
def test_impossible_decoder_threads_are_refused(count: int, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(1), make_settings("raw"))
    with pytest.raises(UnsupportedConfig, match="thread_count"):
        decode(stream, thread_count=count)


def test_an_unusable_device_is_refused_before_decoding(make_pictures, make_settings) -> None:
    stream = encode(make_pictures(1), make_settings("raw"))
    with pytest.raises(UnsupportedConfig, match=r"'cuda:99'.*use 'cpu'"):
        decode(stream, device="cuda:99")


def test_a_truncated_packet_is_an_error_and_not_a_picture(
    software: str, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(1), make_settings(software))
    packet = stream.packets[0]
    cut = replace(stream, packets=(replace(packet, data=packet.data[: len(packet.data) // 2]),))
    with pytest.raises(BitstreamError):
        list(decode(cut))


def test_a_wrong_picture_size_is_an_error(software: str, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(3), make_settings(software))
    claimed = replace(stream, geometry=PictureGeometry(YUV420P8, 256, 128))
    with pytest.raises(BitstreamError, match="256"):
        list(decode(claimed))


def test_a_wrong_bit_depth_is_an_error(software: str, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(3), make_settings(software))
    claimed = replace(stream, geometry=PictureGeometry(YUV420P10, 192, 128))
    with pytest.raises(BitstreamError, match="yuv420p10"):
        list(decode(claimed))


def test_garbage_is_an_error(software: str, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(2), make_settings(software))
    packets = tuple(replace(packet, data=bytes(range(256))) for packet in stream.packets)
    with pytest.raises(BitstreamError):
        list(decode(replace(stream, packets=packets)))


def test_a_missing_packet_is_noticed_before_decoding(encoder, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(4), make_settings(encoder))
    gap = replace(stream, packets=tuple(one for one in stream.packets if one.pts != 1))
    with pytest.raises(BitstreamError, match="without gaps"):
        decode(gap)


def test_a_stream_that_does_not_start_with_a_key_is_refused(make_pictures, make_settings) -> None:
    stream = encode(make_pictures(2), make_settings("raw"))
    first = replace(stream.packets[0], is_key=False)
    with pytest.raises(BitstreamError, match="no key frame"):
        decode(replace(stream, packets=(first, *stream.packets[1:])))
    with pytest.raises(BitstreamError, match="no packets"):
        decode(replace(stream, packets=()))


def test_a_limited_range_stream_is_refused(make_pictures, make_settings, monkeypatch) -> None:
    ffmpeg = pytest.importorskip("hwcodec.backends.ffmpeg")
    monkeypatch.setattr(ffmpeg, "FULL_RANGE", 1)
    stream = encode(make_pictures(2), make_settings("libx264"))
    monkeypatch.undo()
    with pytest.raises(BitstreamError, match="range 2 is full"):
        list(decode(stream))
