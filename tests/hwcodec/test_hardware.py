"""What real hardware decodes is what libavcodec decodes: no byte may differ."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from hwcodec import (
    YUV420P8,
    YUV420P10,
    ConstantQp,
    EncoderSettings,
    Lossless,
    PictureGeometry,
    decode,
    decode_all,
    encode,
    registry,
    split_gops,
)
from hwcodec.decoders import HARDWARE
from hwcodec.device_probe import probe_devices
from hwcodec.types import DecodeOptions

CASES = [
    ("libx264", YUV420P8, ConstantQp(24)),
    ("libx265", YUV420P8, ConstantQp(24)),
    ("libx265", YUV420P10, ConstantQp(24)),
    ("libx265", YUV420P8, Lossless()),
    ("libx265", YUV420P10, Lossless()),
]
SIZES = [(192, 128), (320, 256)]


@pytest.fixture(params=HARDWARE)
def device_backend(request: pytest.FixtureRequest, absent: Callable[[str, str], None]) -> object:
    """Each way to the decoding engines in turn."""
    finding = probe_devices().findings[HARDWARE[request.param]]
    if not finding.is_ok:
        absent("nvdec", f"{request.param} does not run on this machine")
    return registry.load(request.param)


def same(found: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    pairs = zip(found, expected, strict=True)
    return all(torch.equal(one.cpu(), other) for one, other in pairs)


@pytest.mark.parametrize("b_frame_count", [0, 4])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1].name}-{case[2]}")
def test_no_byte_of_luma_differs(
    device_backend, case, b_frame_count, make_pictures, make_settings
) -> None:
    name, pixel_format, rate = case
    pictures = make_pictures(17, pixel_format)
    settings = make_settings(name, pixel_format, rate, gop_length=6, b_frame_count=b_frame_count)
    groups = split_gops(encode(pictures, settings))
    found = list(device_backend.decode(groups, DecodeOptions("cuda:0")))
    expected = [picture.luma for group in groups for picture in decode(group)]
    assert same([picture.luma for _, picture in found], expected)
    assert all(picture.luma.is_cuda for _, picture in found)


def test_kept_pictures_stay_as_they_were(device_backend, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(40), make_settings("libx264"))
    kept, copies = [], []
    for _, picture in device_backend.decode([stream], DecodeOptions("cuda:0")):
        kept.append(picture.luma)
        copies.append(picture.luma.clone())
    assert all(map(torch.equal, kept, copies))


def test_groups_of_other_sizes_follow_each_other(device_backend, make_pictures) -> None:
    streams = []
    for width, height in SIZES * 2:
        settings = EncoderSettings(
            "libx264", PictureGeometry(YUV420P8, width, height), ConstantQp(24)
        )
        streams.append(encode(make_pictures(5, width=width, height=height), settings))
    found = list(device_backend.decode(streams, DecodeOptions("cuda:0")))
    expected = [picture.luma for stream in streams for picture in decode(stream)]
    assert same([picture.luma for _, picture in found], expected)


def test_reading_on_a_side_stream_sees_finished_pictures(
    device_backend, make_pictures, make_settings
) -> None:
    stream = encode(make_pictures(30), make_settings("libx264"))
    expected = [int(picture.luma.to(torch.int64).sum()) for picture in decode(stream)]
    side, busy = torch.cuda.Stream(), torch.rand(4096, 4096, device="cuda")
    with torch.cuda.stream(side):
        for _ in range(8):
            busy = busy @ busy
        pictures = device_backend.decode([stream], DecodeOptions("cuda:0"))
        sums = [picture.luma.to(torch.int64).sum() for _, picture in pictures]
        assert [int(total) for total in sums] == expected


def test_several_sessions_agree_with_one(device_backend, make_pictures, make_settings) -> None:
    stream = encode(make_pictures(24), make_settings("libx264", gop_length=4))
    groups = split_gops(replace(stream))
    several = [picture.luma for _, picture in decode_all(groups, device="cuda:0", sessions=4)]
    assert same(several, [picture.luma for picture in decode(stream)])
