from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from hwcodec import (
    YUV420P8,
    YUV420P10,
    BackendUnavailable,
    BitstreamError,
    ConstantQp,
    ConstantQuality,
    EncoderSettings,
    GopStructure,
    Lossless,
    Picture,
    PictureGeometry,
    TargetBitrate,
    Tuning,
    UnsupportedConfig,
    encode,
)
from hwcodec.backends.ffmpeg_options import encoder_options

av = pytest.importorskip("av")
ffmpeg = pytest.importorskip("hwcodec.backends.ffmpeg")

GEOMETRY = PictureGeometry(YUV420P8, 256, 256)


def options(encoder: str, rate=ConstantQp(20), **changes: int) -> dict[str, str]:  # noqa: B008
    settings = EncoderSettings(encoder, GEOMETRY, rate, GopStructure(length=12, **changes))
    return encoder_options(settings)


def inner(text: str) -> dict[str, str]:
    return dict(part.split("=") for part in text.split(":"))


def test_x264_closes_its_groups_and_forgets_the_eye() -> None:
    made = options("libx264")
    assert made["g"] == made["keyint_min"] == "12"
    assert made["sc_threshold"] == "0"
    assert made["tune"] == "psnr"
    assert made["profile"] == "high"
    assert inner(made["x264-params"])["open-gop"] == "0"


def test_x265_closes_its_groups_and_does_not_depend_on_threads() -> None:
    params = inner(options("libx265")["x265-params"])
    assert params["keyint"] == params["min-keyint"] == "12"
    assert params["scenecut"] == params["open-gop"] == params["info"] == "0"
    assert params["frame-threads"] == "1"


def test_av1_closes_its_groups_and_orders_pictures_as_told() -> None:
    made = options("libsvtav1")
    assert made["g"] == "12"
    assert inner(made["svtav1-params"])["irefresh-type"] == "2"
    assert inner(made["svtav1-params"])["pred-struct"] == "2"
    low_delay = options("libsvtav1", b_frame_count=0)
    assert inner(low_delay["svtav1-params"])["pred-struct"] == "1"


@pytest.mark.parametrize("encoder", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_nvenc_closes_its_groups(encoder: str) -> None:
    made = options(encoder)
    assert (made["g"], made["forced-idr"], made["no-scenecut"]) == ("12", "1", "1")
    assert (made["rc"], made["qp"]) == ("constqp", "20")


@pytest.mark.parametrize(
    ("encoder", "rate", "expected"),
    [
        ("libx264", ConstantQuality(23.5), {"crf": "23.5"}),
        ("libx264", TargetBitrate(5000), {"b": "5000"}),
        ("libx265", ConstantQuality(30.0), {"crf": "30"}),
        ("libsvtav1", ConstantQp(33), {"qp": "33"}),
        ("hevc_nvenc", ConstantQuality(30.0), {"rc": "vbr", "cq": "30"}),
        ("hevc_nvenc", TargetBitrate(5000), {"rc": "vbr", "b": "5000"}),
        ("hevc_nvenc", Lossless(), {"tune": "lossless"}),
    ],
)
def test_each_rate_control_has_its_own_spelling(
    encoder: str, rate, expected: dict[str, str]
) -> None:
    assert expected.items() <= options(encoder, rate).items()


def test_exact_rates_are_told_inside_the_parameters() -> None:
    assert inner(options("libx265", ConstantQp(7))["x265-params"])["qp"] == "7"
    assert inner(options("libx265", Lossless())["x265-params"])["lossless"] == "1"
    assert inner(options("libsvtav1", Lossless())["svtav1-params"])["lossless"] == "1"
    assert "crf" not in options("libx265", Lossless())


def test_options_and_presets_are_passed_on() -> None:
    tuning = Tuning("slow", 3, {"subme": 9})
    settings = EncoderSettings("libx264", GEOMETRY, ConstantQp(20), tuning=tuning)
    made = encoder_options(settings)
    assert made["preset"] == "slow"
    assert inner(made["x264-params"])["subme"] == "9"


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "h264_nvenc"])
def test_key_frames_alone_never_ask_for_an_intra_profile(encoder: str) -> None:
    settings = EncoderSettings(encoder, GEOMETRY, ConstantQp(20), GopStructure(length=1))
    made = encoder_options(settings)
    distance = made.get("g") or inner(made["x265-params"])["keyint"]
    assert distance == "2"
    assert made["forced-idr"] == "1"


def test_ten_bits_for_hardware_lie_in_the_upper_bits() -> None:
    planes = [torch.full((4, 4), 513, dtype=torch.int32).to(torch.uint16)]
    planes += [torch.full((2, 2), code, dtype=torch.int32).to(torch.uint16) for code in (512, 3)]
    luma, chroma = ffmpeg._semi_planar(planes)
    assert luma.to(torch.int32).unique().tolist() == [513 * 64]
    assert chroma.shape == (2, 2, 2)
    assert chroma.to(torch.int32)[0, 0].tolist() == [512 * 64, 3 * 64]


@pytest.mark.parametrize(
    ("known", "encoder", "layout"),
    [
        (YUV420P8, "libx265", "yuv420p"),
        (YUV420P10, "libx265", "yuv420p10le"),
        (YUV420P8, "hevc_nvenc", "yuv420p"),
        (YUV420P10, "hevc_nvenc", "p010le"),
    ],
)
def test_frames_are_tagged_full_range_and_numbered(known, encoder: str, layout: str) -> None:
    geometry = PictureGeometry(known, 64, 32, Fraction(25))
    settings = EncoderSettings(encoder, geometry, ConstantQp(20))
    picture = Picture((torch.zeros(32, 64, dtype=torch.int32).to(known.dtype),), known, 5)
    (whole,) = ffmpeg._completed([picture], settings)
    frame = ffmpeg._frame(whole, settings)
    assert frame.format.name == layout
    assert (frame.width, frame.height, frame.pts) == (64, 32, 5)
    assert frame.time_base == Fraction(1, 25)
    assert frame.color_range == 2


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1"])
def test_pictures_without_chroma_share_neutral_planes_that_no_encoder_writes(
    encoder: str, monkeypatch, make_pictures, make_settings
) -> None:
    shared: list[Picture] = []
    complete = ffmpeg._completed

    def watched(pictures, settings):  # noqa: ANN202
        for picture in complete(pictures, settings):
            shared.append(picture)
            yield picture

    monkeypatch.setattr(ffmpeg, "_completed", watched)
    encode(make_pictures(4), make_settings(encoder))
    assert len({picture.planes[1].data_ptr() for picture in shared}) == 1
    assert all((plane == 128).all() for plane in shared[0].planes[1:])


def test_garbage_decoding_times_of_an_encoder_are_replaced() -> None:
    packets = []
    for number in (0, 2, 1):
        packet = av.Packet(b"x")
        packet.pts, packet.dts = number, -(10**12)
        packets.append(packet)
    assert [packet.dts for packet in ffmpeg._in_decoding_order(packets)] == [-1, 0, 1]


def test_an_encoder_that_loses_a_picture_is_not_trusted(make_pictures, make_settings) -> None:
    settings = make_settings("libx264")
    stream = encode(make_pictures(3), settings)
    with pytest.raises(BitstreamError, match="returned 3 packets"):
        ffmpeg._tidy(stream, settings, 4)
    with pytest.raises(BitstreamError, match="yuv420p10"):
        ffmpeg._tidy(stream, make_settings("libx265", YUV420P10), 3)


@pytest.mark.parametrize(
    ("raised", "expected", "words"),
    [
        (av.error.ArgumentError(22, "bad"), UnsupportedConfig, "refuses these settings"),
        (av.error.PermissionError(1, "no"), BackendUnavailable, "failed while encoding"),
    ],
)
def test_failures_of_the_library_become_our_errors(
    raised, expected, words: str, make_pictures, make_settings, monkeypatch
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(ffmpeg, "_open_encoder", fail)
    with pytest.raises(expected, match=words):
        encode(make_pictures(1), make_settings("libx264"))


def test_an_absent_encoder_is_a_normal_answer() -> None:
    for name in ("h264_nvenc", "hevc_nvenc", "av1_nvenc"):
        reason = ffmpeg._refusal(name)
        assert reason is None or "NVIDIA driver" in reason or "encoding engine" in reason


def test_one_decoder_serves_a_stream_of_either_depth(make_pictures, make_settings) -> None:
    for known in (YUV420P8, YUV420P10):
        stream = encode(make_pictures(2, known), make_settings("libsvtav1", known))
        assert replace(stream).format == known


@pytest.mark.parametrize("preset", ["ultrafast", "superfast", "veryfast", "medium"])
@pytest.mark.parametrize("b_frame_count", [0, 5, 8, 16])
def test_every_fast_preset_of_x265_takes_every_run_of_b_pictures(
    preset, b_frame_count, make_pictures, make_settings
) -> None:
    settings = make_settings("libx265", b_frame_count=b_frame_count)
    stream = encode(make_pictures(3), replace(settings, tuning=Tuning(preset=preset)))
    assert len(stream.packets) == 3
