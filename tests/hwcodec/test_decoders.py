"""Which decoder runs is a choice with a reason, and never changes behind anybody's back."""

import logging
from dataclasses import replace

import pytest

from hwcodec import (
    YUV420P8,
    YUV420P10,
    BackendUnavailable,
    Codec,
    PictureGeometry,
    UnsupportedConfig,
    choose_decoder,
    decode,
    decode_all,
    decoders,
    encode,
    engine_count,
    registry,
)
from hwcodec.decoders import usual_sessions
from hwcodec.device_probe import DRIVER, FFMPEG, NVIDIA, DeviceProbe, Finding
from hwcodec.parallel import MOST_SESSIONS
from hwcodec.types import Capabilities

SMALL = PictureGeometry(YUV420P8, 256, 256)
ROW = {"codec": "h264", "bit_depth": 8, "engines": 7, "max_width": 4096, "max_blocks": 65536}


def machine(monkeypatch: pytest.MonkeyPatch, ffmpeg: Finding, nvidia: Finding) -> None:
    """A machine whose probe found this."""
    found = DeviceProbe({DRIVER: Finding(is_ok=True), FFMPEG: ffmpeg, NVIDIA: nvidia})
    monkeypatch.setattr(decoders, "probe_devices", lambda: found)
    monkeypatch.delenv(decoders.ORDER_VARIABLE, raising=False)
    decoders._warn.cache_clear()


GOOD_FFMPEG = Finding(
    is_ok=True,
    data={"decoders": [{"codec": "h264", "bit_depth": 8}], "refused": {"av1/8": "no engine"}},
)
GOOD_NVIDIA = Finding(is_ok=True, data={"decoders": [ROW]})
BROKEN = Finding(is_ok=False, said="the process that asked ended with code 1")


def test_on_the_processor_software_decodes() -> None:
    choice = choose_decoder(Codec.HEVC, SMALL)
    assert (choice.device, choice.backend, choice.is_hardware) == ("cpu", "ffmpeg", False)
    assert "software" in choice.reason


def test_raw_pictures_need_no_decoder() -> None:
    assert choose_decoder(Codec.RAW, SMALL, device="cuda").backend == "raw"


def test_on_a_device_hardware_comes_first(monkeypatch) -> None:
    machine(monkeypatch, GOOD_FFMPEG, GOOD_NVIDIA)
    choice = choose_decoder(Codec.H264, SMALL, device="cuda:0")
    assert (choice.backend, choice.is_hardware) == ("ffmpeg-cuda", True)
    assert engine_count(Codec.H264, device="cuda") == 7
    assert engine_count(Codec.H264) == 1


@pytest.mark.parametrize(("engines", "sessions"), [(1, 1), (7, 7), (40, MOST_SESSIONS)])
def test_there_are_as_many_sessions_as_engines_up_to_the_most(
    monkeypatch, engines, sessions
) -> None:
    monkeypatch.setattr(decoders, "engine_count", lambda *_, **__: engines)
    assert usual_sessions(Codec.HEVC, device="cuda") == sessions


def test_the_second_library_serves_where_the_first_does_not(monkeypatch) -> None:
    machine(monkeypatch, BROKEN, GOOD_NVIDIA)
    choice = choose_decoder(Codec.H264, SMALL, device="cuda")
    assert choice.backend == "nvidia"
    assert "ended with code 1" in choice.reason


@pytest.mark.parametrize(
    ("codec", "geometry", "said"),
    [
        (Codec.AV1, SMALL, "no engine"),
        (Codec.HEVC, PictureGeometry(YUV420P10, 256, 256), "decodes no hevc at 10 bits"),
        (Codec.H264, PictureGeometry(YUV420P8, 8192, 64), "4096 width"),
        (Codec.H264, PictureGeometry(YUV420P8, 4096, 8192), "65536 16x16 blocks"),
    ],
)
def test_what_the_hardware_refuses_is_decoded_in_software_and_said_once(
    monkeypatch, caplog, codec, geometry, said
) -> None:
    machine(monkeypatch, GOOD_FFMPEG, GOOD_NVIDIA)
    with caplog.at_level(logging.WARNING, "hwcodec"):
        choices = {choose_decoder(codec, geometry, device="cuda") for _ in range(3)}
    (choice,) = choices
    assert choice.backend == "ffmpeg"
    assert said in choice.reason
    assert len(caplog.records) == 1
    assert said in caplog.text


def test_the_order_can_be_stated(monkeypatch) -> None:
    machine(monkeypatch, GOOD_FFMPEG, GOOD_NVIDIA)
    for stated, expected in (
        ("nvidia,ffmpeg-cuda", "nvidia"),
        ("ffmpeg", "ffmpeg"),
        (" ,ffmpeg-cuda", "ffmpeg-cuda"),
        ("", "ffmpeg-cuda"),
    ):
        monkeypatch.setenv(decoders.ORDER_VARIABLE, stated)
        assert choose_decoder(Codec.H264, SMALL, device="cuda").backend == expected
    assert choose_decoder(Codec.H264, SMALL).backend == "ffmpeg"


def test_a_stated_order_without_a_way_out_is_an_error_with_every_reason(monkeypatch) -> None:
    machine(monkeypatch, GOOD_FFMPEG, BROKEN)
    monkeypatch.setenv(decoders.ORDER_VARIABLE, "nvidia")
    with pytest.raises(BackendUnavailable, match="nvidia: the process that asked"):
        choose_decoder(Codec.H264, SMALL, device="cuda")
    monkeypatch.setenv(decoders.ORDER_VARIABLE, "nvidia,magic")
    with pytest.raises(UnsupportedConfig, match="magic"):
        choose_decoder(Codec.H264, SMALL)


def test_without_any_decoder_the_library_is_named(monkeypatch) -> None:
    nothing = Capabilities("ffmpeg", (), (), {})
    monkeypatch.setattr(decoders, "capabilities", lambda name: nothing)
    with pytest.raises(BackendUnavailable, match=r"no hevc decoder.*install PyAV"):
        choose_decoder(Codec.HEVC, SMALL)


def test_the_chosen_backend_is_the_one_that_decodes(
    monkeypatch, make_pictures, make_settings
) -> None:
    asked: list[str] = []
    software = registry.load("ffmpeg")

    def loading(name: str) -> object:
        asked.append(name)
        return software

    monkeypatch.setattr("hwcodec.codec.load", loading)
    chosen = {"device": "cpu", "backend": "ffmpeg-cuda", "reason": "stated by the test"}
    monkeypatch.setattr(
        "hwcodec.codec.choose_decoder", lambda *_, **__: decoders.DecoderChoice(**chosen)
    )
    stream = encode(make_pictures(2), replace(make_settings("libx264")))
    asked.clear()
    assert len(list(decode(stream))) == 2
    assert len(list(decode_all([stream, stream]))) == 4
    assert asked == ["ffmpeg-cuda", "ffmpeg-cuda"]
