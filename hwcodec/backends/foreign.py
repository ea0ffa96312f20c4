"""Elementary streams of kinds that are no codecs of ours, for comparing with them.

Motion JPEG, VVC, H.264 4:4:4 and grey HEVC: what others pack such data into, and what common
hardware does not decode. One stream is the packets of one closed group, one after another, with
its headers in front (Annex B for all but Motion JPEG). Settings are the caller's, in FFmpeg's
words; only the luma plane carries data.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hwcodec.annexb import START, split_annex_b
from hwcodec.backends import libav
from hwcodec.backends.ffmpeg_frames import FULL_RANGE
from hwcodec.backends.scheduling import ordinary_scheduling
from hwcodec.errors import BackendUnavailable, BitstreamError, UnsupportedConfig

_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
# Fixed as in `Tuning`, since it can change the coded bytes.
_THREADS = 4
# Decoders count the margins that they keep around a picture, and whole coding blocks.
_MARGIN = 256
_H264_MESSAGE = 6


@dataclass(frozen=True, slots=True)
class ForeignFormat:
    """A kind of stream.

    Attributes:
        codec: FFmpeg's name of its decoder and of the elementary stream.
        layout: FFmpeg's name of its pixel format.
        bit_depth: bits of a code.
        chroma_step: how many luma codes share a chroma code along a side; 0: there is no chroma.
    """

    codec: str
    layout: str
    bit_depth: int
    chroma_step: int

    @property
    def dtype(self) -> torch.dtype:
        """Tensor type of a plane: uint8 up to 8 bits, uint16 above."""
        return torch.uint8 if self.bit_depth == 8 else torch.uint16

    def completed(self, luma: Tensor) -> tuple[Tensor, ...]:
        """The luma plane (rows, columns), and chroma planes without color where there are some.

        Raises:
            UnsupportedConfig: if the plane has another type or its sides do not divide.
        """
        rows, columns = luma.shape
        step = self.chroma_step or 1
        if luma.dtype != self.dtype or rows % step or columns % step:
            raise UnsupportedConfig(
                f"luma plane is {tuple(luma.shape)} {luma.dtype}, expected {self.dtype} with sides "
                f"that are multiples of {step} for {self.layout}; quantize and pad it"
            )
        plane = luma.detach().cpu().contiguous()
        if not self.chroma_step:
            return (plane,)
        neutral = torch.full((rows // step, columns // step), 1 << (self.bit_depth - 1))
        chroma = neutral.to(torch.int32).to(self.dtype)
        return (plane, chroma, chroma)


MJPEG = ForeignFormat("mjpeg", "yuvj420p", 8, 2)
VVC = ForeignFormat("vvc", "yuv420p10le", 10, 2)
H264_444 = ForeignFormat("h264", "yuvj444p", 8, 1)
HEVC_GRAY12 = ForeignFormat("hevc", "gray12le", 12, 0)


@dataclass(frozen=True, slots=True)
class ForeignEncoder:
    """An encoder of FFmpeg's by its name, the format it is to write, and its options."""

    name: str
    format: ForeignFormat
    options: Mapping[str, str]


def encode_foreign(lumas: Sequence[Tensor], encoder: ForeignEncoder, frame_rate: Fraction) -> bytes:
    """Code full-range luma planes (rows, columns) of one size as one elementary stream.

    Raises:
        UnsupportedConfig: if there are no planes, or they do not fit the format.
        BackendUnavailable: if this build lacks the encoder, or it refuses or fails.
    """
    if not lumas:
        raise UnsupportedConfig("got no planes, expected at least one to encode")
    packets: list[Any] = []
    try:
        context = _opened(encoder, (lumas[0].shape[1], lumas[0].shape[0]), frame_rate)
        for pts, luma in enumerate(lumas):
            frame = libav.video_frame(encoder.format.completed(luma), encoder.format.layout)
            frame.pts, frame.time_base = pts, 1 / frame_rate
            frame.color_range = FULL_RANGE
            packets += context.encode(frame)
        packets += context.encode(None)
    except (libav.FFmpegError, ValueError) as error:
        if isinstance(error, UnsupportedConfig):
            raise
        raise BackendUnavailable(
            f"{encoder.name} does not encode {encoder.format.layout} here: {error}; "
            "install the version of av that pyproject.toml names"
        ) from error
    data = b"".join(bytes(packet) for packet in packets)
    return _without_messages(data) if encoder.format.codec == "h264" else data


def decode_foreign(
    data: bytes, kind: ForeignFormat, size: tuple[int, int], frame_count: int
) -> Iterator[Tensor]:
    """Yield the luma planes (rows, columns) of a stream in order; ``size`` is (width, height).

    Pictures that are larger are refused before memory is taken for them.

    Raises:
        BitstreamError: if it does not hold that many pictures of that size and format; it may come
            after some planes.
        BackendUnavailable: if this build lacks the decoder.
    """
    found = 0
    for frame in _frames(data, kind, size):
        got = (frame.width, frame.height, frame.format.name)
        if got != (*size, kind.layout) or frame.is_corrupt or found == frame_count:
            raise BitstreamError(
                f"{kind.codec} stream delivered picture {found} of (width, height, layout) {got}"
                f"{', marked corrupt' if frame.is_corrupt else ''}, expected {frame_count} of "
                f"{(*size, kind.layout)}; it is damaged, encode it again"
            )
        found += 1
        yield _luma(frame, kind)
    if found != frame_count:
        raise BitstreamError(
            f"{kind.codec} stream delivered {found} pictures, expected {frame_count}; "
            "it is damaged, encode it again"
        )


def to_mp4(data: bytes, kind: ForeignFormat, size: tuple[int, int], frame_rate: Fraction) -> bytes:
    """The same packets in a fragmented MP4 file, as ``ffmpeg -c copy`` would write them.

    Elementary streams carry no times, so a decoder is asked for the order of the pictures.

    Raises:
        BitstreamError: if the stream is damaged.
        BackendUnavailable: if this build lacks the decoder.
    """
    order = [frame.pts for frame in _frames(data, kind, size)]
    if sorted(order) != list(range(len(order))):
        raise BitstreamError(f"{kind.codec} stream lacks pictures: decoded are packets {order}")
    delay = max((index - order.index(index) for index in order), default=0)
    sink = io.BytesIO()
    try:
        with (
            libav.open_source(io.BytesIO(data), kind.codec) as source,
            libav.open_sink(sink, _FRAGMENTS) as target,
        ):
            track = source.streams.video[0]
            copy = target.add_stream_from_template(track, opaque=True)
            if kind.codec == "hevc":
                copy.codec_tag = "hvc1"
            packets = (packet for packet in source.demux(track) if packet.size)
            for index, packet in enumerate(packets):
                packet.stream, packet.time_base = copy, 1 / frame_rate
                packet.pts, packet.dts = order.index(index), index - delay
                packet.duration = 1
                target.mux(packet)
    except (libav.FFmpegError, ValueError) as error:
        raise BitstreamError(
            f"{kind.codec} stream cannot be copied into an MP4 file: {error}; encode it again"
        ) from error
    return sink.getvalue()


def _opened(encoder: ForeignEncoder, size: tuple[int, int], frame_rate: Fraction) -> Any:  # noqa: ANN401
    context = libav.new_encoder(encoder.name, encoder.options)
    context.width, context.height = size
    context.pix_fmt = encoder.format.layout
    context.time_base, context.framerate = 1 / frame_rate, frame_rate
    context.color_range = FULL_RANGE
    context.thread_type, context.thread_count = "FRAME", _THREADS
    with ordinary_scheduling():
        context.open()
    return context


def _frames(data: bytes, kind: ForeignFormat, size: tuple[int, int]) -> Iterator[Any]:
    """Decoded frames in order; the ``pts`` of each is the number of its packet."""
    if not libav.can_decode(kind.codec):
        raise BackendUnavailable(
            f"this build of av has no decoder for {kind.codec}; install the version that "
            "pyproject.toml names"
        )
    context = libav.new_decoder(kind.codec, b"", thread_count=None)
    context.options = {"max_pixels": str((size[0] + _MARGIN) * (size[1] + _MARGIN))}
    try:
        pieces = [*context.parse(data), *context.parse(None)]
        for number, piece in enumerate(pieces):
            packet = libav.packet_of(bytes(piece), (number, number), is_shared=False)
            yield from context.decode(packet)
        yield from context.decode(None)
    except libav.FFmpegError as error:
        raise BitstreamError(
            f"{kind.codec} decoder gave up: {error}; the stream is damaged, encode it again"
        ) from error


def _luma(frame: Any, kind: ForeignFormat) -> Tensor:  # noqa: ANN401 -- PyAV's own
    plane, dtype = frame.planes[0], np.dtype(np.uint8 if kind.bit_depth == 8 else np.uint16)
    shape, strides = (frame.height, frame.width), (plane.line_size, dtype.itemsize)
    codes: np.ndarray[Any, np.dtype[Any]] = np.ndarray(shape, dtype, plane, 0, strides)
    return torch.from_numpy(codes.copy())


def _without_messages(data: bytes) -> bytes:
    """An H.264 stream without the text of all its settings that libx264 puts in front."""
    units = (unit for unit in split_annex_b(data) if unit[0] & 31 != _H264_MESSAGE)
    return b"".join(START + unit for unit in units)
