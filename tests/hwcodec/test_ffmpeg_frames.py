"""PyAV's packets and frames on their way in and out, and the range flag that NVENC forgets."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import (
    YUV420P8,
    YUV420P10,
    Bitstream,
    BitstreamError,
    Codec,
    Packet,
    PictureGeometry,
    encode,
)
from hwcodec.annexb import split_annex_b, to_annex_b
from hwcodec.backends.ffmpeg_frames import FrameReader
from hwcodec.backends.ledger import FrameLedger
from hwcodec.syntax import h264, hevc
from hwcodec.types import DecodeOptions

libav = pytest.importorskip("hwcodec.backends.libav", reason="PyAV is not installed")
with_full_range = pytest.importorskip("hwcodec.backends.ffmpeg_hardware").with_full_range


@given(st.binary(min_size=1, max_size=300), st.integers(-9, 99), st.integers(-9, 99))
def test_a_packet_holds_its_bytes_and_times_and_shares_them_only_on_request(data, pts, dts) -> None:
    for is_shared in (False, True):
        source = bytearray(data)
        packet = libav.packet_of(source, (pts, dts), is_shared=is_shared)
        source[:] = bytes(len(source))
        assert bytes(packet) == (bytes(len(source)) if is_shared else data)
        assert (packet.pts, packet.dts) == (pts, dts)


def test_a_decoder_that_a_build_lacks_is_not_there() -> None:
    assert libav.can_decode("hevc")
    assert not libav.can_decode("no-such-decoder")


@pytest.fixture(scope="module")
def limited(make_pictures, make_settings) -> dict[Codec, bytes]:
    """An elementary stream of each kind whose headers say limited range."""
    found = {}
    for name in ("libx264", "libx265"):
        stream = encode(make_pictures(3), make_settings(name))
        data = b"".join(to_annex_b(stream))
        layout = stream.codec.value
        words = f"{layout}_metadata=video_full_range_flag=0"
        found[stream.codec] = libav.elementary_filtered(data, layout, words)
    return found


def sets_of(codec: Codec, data: bytes) -> list[bool | None]:
    """What each sequence parameter set of an elementary stream says about the range."""
    units = split_annex_b(data)
    if codec is Codec.H264:
        found = [h264.sequence_parameters(one) for one in units if one[0] & 31 == h264.SPS]
    else:
        found = [hevc.sequence_parameters(one) for one in units if one[0] >> 1 == hevc.SPS]
    return [parameters.is_full_range for _, parameters in found]


def slices_of(codec: Codec, data: bytes) -> list[bytes]:
    units = split_annex_b(data)
    if codec is Codec.H264:
        return [one for one in units if one[0] & 31 in {1, 5}]
    return [one for one in units if one[0] >> 1 < 32]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.HEVC], ids=lambda codec: codec.value)
def test_the_range_flag_is_set_and_no_slice_is_touched(codec, limited) -> None:
    before = limited[codec]
    after = with_full_range(codec, before)
    assert set(sets_of(codec, before)) == {False}
    assert set(sets_of(codec, after)) == {True}
    assert slices_of(codec, after) == slices_of(codec, before)
    assert len(slices_of(codec, after)) >= 3


@pytest.mark.parametrize("codec", [Codec.H264, Codec.HEVC], ids=lambda codec: codec.value)
def test_setting_the_range_twice_changes_nothing_more(codec, limited) -> None:
    once = with_full_range(codec, limited[codec])
    assert with_full_range(codec, once) == once


@dataclass
class Frame:
    """What the reader looks at in a frame of PyAV."""

    planes: list[np.ndarray]
    pts: int = 0
    width: int = 4
    height: int = 2
    color_range: int = 2
    is_corrupt: bool = False
    layout: str = "yuv420p"
    format: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        self.format = SimpleNamespace(name=self.layout)


class Codes(np.ndarray):
    """An array that says its visible size, as planes of frames do."""

    @property
    def width(self) -> int:
        return int(self.shape[1]) - 3

    @property
    def height(self) -> int:
        return int(self.shape[0])

    @property
    def line_size(self) -> int:
        return int(self.strides[0])


def padded(codes: list[list[int]], dtype: type) -> np.ndarray:
    return np.pad(np.array(codes, dtype), ((0, 0), (0, 3)), constant_values=99).view(Codes)


def planes(dtype: type = np.uint8) -> list[np.ndarray]:
    luma = padded([[1, 2, 3, 4], [5, 6, 7, 8]], dtype)
    return [luma, padded([[10, 11]], dtype), padded([[20, 21]], dtype)]


def reader(pixel_format=YUV420P8, **options: bool) -> FrameReader:
    stream = Bitstream(
        Codec.HEVC, PictureGeometry(pixel_format, 4, 2), b"", (Packet(b"x", 0, 0, is_key=True),)
    )
    ledger = FrameLedger()
    ledger.enter(0, stream)
    return FrameReader(stream, DecodeOptions(**options), ledger)


@pytest.mark.parametrize(
    ("pixel_format", "dtype", "layout"),
    [
        (YUV420P8, np.uint8, "yuv420p"),
        (YUV420P8, np.uint8, "yuvj420p"),
        (YUV420P10, np.uint16, "yuv420p10le"),
    ],
)
@pytest.mark.parametrize("with_chroma", [False, True])
def test_padding_stays_behind_and_chroma_comes_on_request(
    pixel_format, dtype, layout, with_chroma
) -> None:
    frame = Frame(planes(dtype), layout=layout)
    number, picture = reader(pixel_format, with_chroma=with_chroma).read(frame)
    expected = [[[1, 2, 3, 4], [5, 6, 7, 8]], [[10, 11]], [[20, 21]]]
    found = [plane.to(torch.int32).tolist() for plane in picture.planes]
    assert (number, picture.pts) == (0, 0)
    assert found == (expected if with_chroma else expected[:1])
    assert picture.luma.dtype is pixel_format.dtype


@pytest.mark.parametrize("borrow", [False, True])
def test_only_borrowed_pictures_share_memory_with_the_decoder(borrow) -> None:
    frame = Frame(planes())
    _, picture = reader(borrow=borrow).read(frame)
    frame.planes[0][:] = 0
    assert bool(picture.luma.any()) is not borrow


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 6}, r"\(6, 2, 2\) as yuv420p, expected \(4, 2, 2\)"),
        ({"height": 4}, r"\(4, 4, 2\)"),
        ({"color_range": 1}, r"\(4, 2, 1\)"),
        ({"layout": "yuv422p"}, "as yuv422p, expected"),
        ({"layout": "yuv420p10le"}, "as yuv420p10le, expected"),
        ({"is_corrupt": True}, "as yuv420p, marked corrupt, expected"),
        ({"pts": 1}, "delivered frame 1, expected frame 0"),
        ({"pts": None}, "delivered frame None"),
    ],
)
def test_a_frame_that_is_not_what_was_promised_is_refused(change, said) -> None:
    with pytest.raises(BitstreamError, match=said):
        reader().read(Frame(planes(), **change))
