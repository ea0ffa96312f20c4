"""The vendor's sessions, through a stand-in that recycles surfaces and follows pointers."""

# ruff: noqa: ANN401

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

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
    Lossless,
    PictureGeometry,
    TargetBitrate,
    codec_string,
    decode,
    encode,
    split_gops,
)
from hwcodec.types import DecodeOptions, Tuning

pytest.importorskip("av")
from tests.hwcodec import fake_vendor

MODULES = ("pynv", "nvidia_capabilities", "nvidia_encoding", "nvidia")
CASES = [("libx264", YUV420P8), ("libx265", YUV420P8), ("libx265", YUV420P10)]
each_case = pytest.mark.parametrize(
    ("name", "pixel_format"), CASES, ids=lambda v: v if isinstance(v, str) else v.name
)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stand-in under the vendor's name, and our modules loaded against it."""
    monkeypatch.setitem(sys.modules, "PyNvVideoCodec", fake_vendor)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, f"hwcodec.backends.{name}", raising=False)
    fake_vendor.SESSIONS.clear()
    yield fake_vendor
    for name in MODULES:
        sys.modules.pop(f"hwcodec.backends.{name}", None)


@pytest.fixture
def backend(vendor: ModuleType) -> Any:
    return importlib.import_module("hwcodec.backends.nvidia").NvidiaBackend()


def same(first: Any, second: Any) -> bool:
    one, other = ([p.luma for p in pictures] for pictures in (first, second))
    return len(one) == len(other) and all(map(torch.equal, one, other))


@each_case
def test_every_picture_is_copied_before_its_surface_is_recycled(
    backend, name, pixel_format, make_pictures, make_settings
) -> None:
    stream = encode(
        make_pictures(12, pixel_format), make_settings(name, pixel_format, gop_length=5)
    )
    found = list(backend.decode([stream], DecodeOptions()))
    assert [(number, picture.pts) for number, picture in found] == [(0, i) for i in range(12)]
    assert same([picture for _, picture in found], list(decode(stream)))


@each_case
def test_chroma_is_taken_apart_when_it_is_wanted(
    backend, name, pixel_format, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(2, pixel_format), make_settings(name, pixel_format))
    found = list(backend.decode([stream], DecodeOptions(with_chroma=True)))
    for (_, ours), theirs in zip(found, decode(stream, with_chroma=True), strict=True):
        assert all(map(torch.equal, ours.planes, theirs.planes))


def test_one_decoder_serves_group_after_group(
    backend, vendor, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(11), make_settings("libx264", gop_length=4))
    found = list(backend.decode(split_gops(stream), DecodeOptions()))
    assert [number for number, _ in found] == [0] * 4 + [1] * 4 + [2] * 3
    assert same([picture for _, picture in found], list(decode(stream)))
    assert len(vendor.SESSIONS) == 1
    assert vendor.SESSIONS[0].reconfigured == []


def test_another_size_reconfigures_the_decoder_and_another_codec_replaces_it(
    backend, vendor, make_pictures, make_settings
) -> None:
    def stream(encoder: str, width: int, height: int) -> Any:
        geometry = PictureGeometry(YUV420P8, width, height)
        pictures = make_pictures(4, width=width, height=height)
        return encode(pictures, EncoderSettings(encoder, geometry, ConstantQp(20)))

    streams = [
        stream("libx264", 192, 128),
        stream("libx264", 192, 160),
        stream("libx264", 640, 128),
        stream("libx265", 192, 128),
    ]
    found = list(backend.decode(streams, DecodeOptions()))
    assert [number for number, _ in found] == [n for n in range(4) for _ in range(4)]
    expected = [picture for part in streams for picture in decode(part)]
    assert same([picture for _, picture in found], expected)
    first, second, third = vendor.SESSIONS
    assert (first.limits, first.reconfigured) == ((512, 512), [(192, 160)])
    assert second.limits == (1024, 512)
    assert third.codec == "hevc"


def test_missing_pictures_and_foreign_sizes_are_errors(
    backend, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(4), make_settings("libx264", b_frame_count=0))
    cut = (*stream.packets[:3], replace(stream.packets[3], data=b"\0\0\0\1\x01"))
    with pytest.raises(BitstreamError, match="damaged"):
        list(backend.decode([replace(stream, packets=cut)], DecodeOptions()))
    wider = replace(stream, geometry=replace(stream.geometry, width=256))
    with pytest.raises(BitstreamError, match="surface of"):
        list(backend.decode([wider], DecodeOptions()))


def test_a_session_the_driver_does_not_grant_is_our_own_error(
    backend, vendor, monkeypatch, make_pictures, make_settings
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("NvEncOpenEncodeSession: out of\n sessions")

    monkeypatch.setattr(vendor, "CreateDecoder", refuse)
    monkeypatch.setattr(vendor, "CreateEncoder", refuse)
    stream = encode(make_pictures(2), make_settings("libx264"))
    with pytest.raises(BackendUnavailable, match=r"no decoder session: .*out of sessions; close"):
        list(backend.decode([stream], DecodeOptions()))
    with pytest.raises(BackendUnavailable, match="no encoder session"):
        backend.encode(make_pictures(2), nvenc("h264_nvenc", make_settings))


def nvenc(encoder: str, make_settings: Any, pixel_format=YUV420P8, **gop: int) -> EncoderSettings:
    made = make_settings("libx265", pixel_format, ConstantQp(12), **gop)
    return replace(made, encoder=encoder)


@pytest.mark.parametrize("b_frame_count", [0, 3])
@pytest.mark.parametrize(
    ("encoder", "pixel_format"),
    [("h264_nvenc", YUV420P8), ("hevc_nvenc", YUV420P8), ("hevc_nvenc", YUV420P10)],
)
def test_what_the_encoder_returns_becomes_a_stream_of_closed_groups(
    backend, vendor, encoder, pixel_format, b_frame_count, make_pictures, make_settings
) -> None:
    pictures = make_pictures(9, pixel_format)
    settings = nvenc(
        encoder, make_settings, pixel_format, gop_length=4, b_frame_count=b_frame_count
    )
    stream = backend.encode(pictures, settings)
    assert [packet.pts for packet in stream.packets if packet.is_key] == [0, 4, 8]
    assert all(packet.dts <= packet.pts for packet in stream.packets)
    # The decoder insists on full range, which the encoder did not write.
    back = list(decode(stream))
    error = torch.stack([
        (sent.luma.to(torch.int32) - got.luma.to(torch.int32)).abs().max()
        for sent, got in zip(pictures, back, strict=True)
    ])  # fmt: skip
    assert int(error.max()) < 0.05 * pixel_format.max_code
    assert codec_string(stream.codec, stream.extradata).startswith(("avc1.64", "hvc1."))
    flags = vendor.SESSIONS[0].flags
    assert [index for index, flag in enumerate(flags) if flag] == [0, 4, 8]
    assert sum(len(group.packets) for group in split_gops(stream)) == 9


def test_an_encoder_that_loses_a_picture_is_noticed(
    backend, vendor, monkeypatch, make_pictures, make_settings
) -> None:
    monkeypatch.setattr(vendor.Encoder, "EndEncode", lambda self: [])
    with pytest.raises(BitstreamError, match="packets, expected 9"):
        backend.encode(make_pictures(9), nvenc("h264_nvenc", make_settings, b_frame_count=3))


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (ConstantQp(23), {"rc": "constqp", "constqp": 23}),
        (ConstantQuality(27.4), {"rc": "vbr", "cq": 27, "bitrate": 0}),
        (TargetBitrate(4_000_000), {"rc": "vbr", "bitrate": 4_000_000}),
        (Lossless(), {"tuning_info": "lossless", "constqp": 0}),
    ],
)
def test_settings_are_said_in_the_vendors_words(vendor, rate, expected, make_settings) -> None:
    words = importlib.import_module("hwcodec.backends.nvidia_encoding").encoder_words
    made = replace(nvenc("hevc_nvenc", make_settings, gop_length=30, b_frame_count=8), rate=rate)
    found = words(replace(made, tuning=Tuning(preset="p7")))
    assert expected.items() <= found.items()
    assert found["preset"] == "P7"
    assert (found["gop"], found["idrperiod"], found["bf"]) == (30, 30, 4)


def test_capabilities_are_read_from_the_vendors_answers(vendor) -> None:
    ask = importlib.import_module("hwcodec.backends.nvidia_capabilities").ask_capabilities
    found = ask()
    rows = [(row["codec"], row["bit_depth"], row["engines"]) for row in found["decoders"]]
    assert rows == [("h264", 8, 7), ("hevc", 8, 7), ("hevc", 10, 7)]
    assert {row["chroma"] for row in found["other_decoders"]} == {"444"}
    assert found["encoders"] == []
    assert all("no encode device" in said for said in found["refused"].values())
    assert found["version"] == "2.2.4"
