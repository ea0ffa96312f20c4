from dataclasses import replace

import pytest

from hwcodec import (
    GRAY8,
    YUV420P8,
    YUV420P10,
    ConstantQp,
    ConstantQuality,
    EncoderSettings,
    GopStructure,
    Lossless,
    PictureGeometry,
    PixelFormat,
    RateControl,
    TargetBitrate,
    Tuning,
    UnsupportedConfig,
)
from hwcodec.encoders import BUILTIN, check_settings

GOOD = EncoderSettings("libx265", PictureGeometry(YUV420P8, 64, 64), ConstantQp(20))


def refuse(settings: EncoderSettings, words: str) -> None:
    with pytest.raises(UnsupportedConfig, match=words):
        check_settings(settings, BUILTIN[settings.encoder])


def sized(encoder: str, width: int, height: int) -> EncoderSettings:
    rate: RateControl = Lossless() if encoder == "raw" else ConstantQp(20)
    return EncoderSettings(encoder, PictureGeometry(YUV420P8, width, height), rate)


def test_sound_settings_pass() -> None:
    check_settings(GOOD, BUILTIN["libx265"])


@pytest.mark.parametrize(
    ("encoder", "known"), [("libx264", YUV420P10), ("h264_nvenc", YUV420P10), ("libx265", GRAY8)]
)
def test_a_format_outside_the_profiles_is_refused(encoder: str, known: PixelFormat) -> None:
    settings = EncoderSettings(encoder, PictureGeometry(known, 256, 256), ConstantQp(20))
    refuse(settings, rf"{encoder} got pixel format {known.name}, expected one of \['yuv420p'")


@pytest.mark.parametrize(
    ("encoder", "width", "height"),
    [
        ("libx264", 8, 64),
        ("libx265", 64, 8),
        ("libsvtav1", 62, 64),
        ("h264_nvenc", 144, 64),
        ("hevc_nvenc", 128, 64),
        ("av1_nvenc", 190, 128),
    ],
)
def test_too_small_pictures_are_refused(encoder: str, width: int, height: int) -> None:
    refuse(sized(encoder, width, height), f"{width}x{height}, expected at least")


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "hevc_nvenc"])
@pytest.mark.parametrize(("width", "height"), [(4098, 256), (256, 4098), (4096, 2320)])
def test_too_large_pictures_are_refused(encoder: str, width: int, height: int) -> None:
    refuse(sized(encoder, width, height), "split the channels over several streams")


def test_the_largest_portable_picture_passes() -> None:
    check_settings(sized("libx265", 4096, 2304), BUILTIN["libx265"])


@pytest.mark.parametrize(
    ("encoder", "rate"),
    [
        ("libx264", ConstantQp(0)),
        ("libx264", ConstantQp(52)),
        ("libx265", ConstantQp(-1)),
        ("libsvtav1", ConstantQp(64)),
        ("libx264", ConstantQuality(0.0)),
        ("libx265", ConstantQuality(51.5)),
        ("libx265", TargetBitrate(0)),
        ("libx265", ConstantQuality(float("nan"))),
    ],
)
def test_rates_off_the_scale_are_refused(encoder: str, rate: RateControl) -> None:
    refuse(replace(sized(encoder, 64, 64), rate=rate), "expected a value from")


@pytest.mark.parametrize("rate", [ConstantQp(20), ConstantQuality(20.0), TargetBitrate(10**6)])
def test_the_raw_codec_has_no_quality_scale(rate: RateControl) -> None:
    refuse(replace(sized("raw", 64, 64), rate=rate), "which it does not have")


@pytest.mark.parametrize(
    ("encoder", "known"),
    [("libx264", YUV420P8), ("libsvtav1", YUV420P10), ("h264_nvenc", YUV420P8)],
)
def test_lossless_outside_a_portable_profile_is_refused(encoder: str, known: PixelFormat) -> None:
    settings = EncoderSettings(encoder, PictureGeometry(known, 256, 256), Lossless())
    refuse(settings, "use libx265")


@pytest.mark.parametrize(
    "gop",
    [
        GopStructure(length=0),
        GopStructure(b_frame_count=-1),
        GopStructure(b_frame_count=17),
        GopStructure(reference_count=0),
        GopStructure(intra_ratio=0.1),
        GopStructure(bidirectional_ratio=9.0),
    ],
)
def test_impossible_group_structures_are_refused(gop: GopStructure) -> None:
    refuse(replace(GOOD, gop=gop), r"gop\.")


@pytest.mark.parametrize("preset", ["warp", "p5", "6", ""])
def test_foreign_presets_are_refused_with_the_known_ones(preset: str) -> None:
    refuse(replace(GOOD, tuning=Tuning(preset=preset)), "expected one of .*'medium'")


@pytest.mark.parametrize("count", [0, -1, 65])
def test_impossible_thread_counts_are_refused(count: int) -> None:
    refuse(replace(GOOD, tuning=Tuning(thread_count=count)), "thread_count")


@pytest.mark.parametrize("name", ["open-gop", "keyint", "log-level", "crf", "sao:open-gop", ""])
def test_only_listed_options_pass(name: str) -> None:
    refuse(replace(GOOD, tuning=Tuning(options={name: 1})), "ignore unknown options silently")


@pytest.mark.parametrize("value", [2, -1, "1", 0.5, True, "0:open-gop=1"])
def test_option_values_are_whole_numbers_in_range(value: object) -> None:
    tuning = Tuning(options={"sao": value})  # type: ignore[dict-item]
    refuse(replace(GOOD, tuning=tuning), "expected a whole number from 0 to 1")


def test_av1_cannot_combine_a_bit_rate_with_key_frames_alone() -> None:
    settings = replace(
        sized("libsvtav1", 64, 64), rate=TargetBitrate(10**6), gop=GopStructure(length=1)
    )
    refuse(settings, "cannot combine")


def test_every_hardware_encoder_has_software_of_the_same_standard() -> None:
    hardware = {name: spec for name, spec in BUILTIN.items() if spec.is_hardware}
    assert set(hardware) == {"h264_nvenc", "hevc_nvenc", "av1_nvenc"}
    for spec in hardware.values():
        assert spec.fallback is not None
        assert BUILTIN[spec.fallback].codec is spec.codec
        assert set(spec.formats) <= set(BUILTIN[spec.fallback].formats)
