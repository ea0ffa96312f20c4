"""PyAV: libx264, libx265, SVT-AV1, dav1d and NVENC through one library (the only ``import av``).

The wrappers ignore options they do not know, rescale pictures that do not fit and convert ranges
on the way; so only checked settings arrive here, planes are handed over as they are, and what
comes back is compared with what was promised.
"""

import errno
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

# SVT-AV1 reads this once; without it every encoder prints twenty lines to the terminal.
os.environ.setdefault("SVT_LOG", "1")

import av
import numpy as np
import torch
from av.error import FFmpegError
from numpy.typing import NDArray
from torch import Tensor

from hwcodec.backends.ffmpeg_frames import FULL_RANGE, FrameLedger
from hwcodec.backends.ffmpeg_options import encoder_options
from hwcodec.bitstream import demux
from hwcodec.encoders import BUILTIN
from hwcodec.errors import BackendUnavailable, BitstreamError, UnsupportedConfig
from hwcodec.headers import (
    hevc_level,
    with_hevc_level,
    with_sequence_header,
    without_user_data,
)
from hwcodec.types import (
    Bitstream,
    Capabilities,
    Codec,
    DecodeOptions,
    EncoderSettings,
    Lossless,
    Picture,
)

_DECODERS = {Codec.H264: "h264", Codec.HEVC: "hevc", Codec.AV1: "libdav1d"}
_LIMITED_RANGE, _BT709 = 1, 1
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


class FfmpegBackend:
    """Encoders and decoders of the FFmpeg build inside PyAV."""

    def capabilities(self) -> Capabilities:
        """What really opens; each encoder is tried once per process."""
        names = [name for name, spec in BUILTIN.items() if spec.backend == "ffmpeg"]
        tried = {name: _refusal(name) for name in names}
        return Capabilities(
            "ffmpeg",
            tuple(name for name, reason in tried.items() if reason is None),
            tuple(codec for codec, name in _DECODERS.items() if name in av.codecs_available),
            {name: reason for name, reason in tried.items() if reason is not None},
        )

    def encode(self, pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
        """Code pictures into an MP4 in memory and take its packets."""
        sink = io.BytesIO()
        try:
            with av.open(sink, "w", format="mp4", options=_FRAGMENTS) as container:
                stream = _open_encoder(container, settings)
                coded = [stream.encode(_frame(picture, settings)) for picture in pictures]
                coded.append(stream.encode(None))
                container.mux(_in_decoding_order([packet for some in coded for packet in some]))
        except (av.error.ArgumentError, av.error.InvalidDataError) as error:
            raise UnsupportedConfig(
                f"{settings.encoder} refuses these settings: {error}; "
                "use the default preset and options, or another encoder"
            ) from error
        except FFmpegError as error:
            raise BackendUnavailable(
                f"{settings.encoder} failed while encoding: {error}; use another encoder"
            ) from error
        return _tidy(demux(sink.getvalue()), settings, len(pictures))

    def decode(
        self, streams: Iterable[Bitstream], options: DecodeOptions
    ) -> Iterator[tuple[int, Picture]]:
        """Yield pictures as they leave the decoder, their planes copied once or borrowed.

        A stream that continues the one before, with the same header and size, goes on in the same
        open decoder: nothing is drained or built anew at its start.
        """
        session: _Session | None = None
        for number, stream in enumerate(streams):
            if session is None or not session.takes(stream):
                if session is not None:
                    yield from session.finish()
                session = _Session(stream, options)
            yield from session.feed(number, stream)
        if session is not None:
            yield from session.finish()


@cache
def _refusal(encoder: str) -> str | None:
    """Why an encoder does not open, or None; a missing driver is a normal answer."""
    try:
        context: Any = av.CodecContext.create(encoder, "w")
        context.width = context.height = 256
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, 30)
        if encoder == "libx265":
            context.options = {"x265-params": "log-level=none"}
        context.open()
    except (FFmpegError, ValueError) as error:
        return f"FFmpeg cannot open it ({_why(encoder)}{type(error).__name__}: {error})"
    return None


def _why(encoder: str) -> str:
    if not BUILTIN[encoder].is_hardware:
        return ""
    return "it needs an NVIDIA driver and a GPU with an encoder, which A100, H100 and H200 lack; "


def _open_encoder(container: Any, settings: EncoderSettings) -> Any:  # noqa: ANN401 -- PyAV's own
    geometry = settings.geometry
    rate = geometry.frame_rate
    stream = container.add_stream(settings.encoder, rate=rate, options=encoder_options(settings))
    stream.width, stream.height = geometry.width, geometry.height
    stream.pix_fmt = _pixel_layout(settings)
    context = stream.codec_context
    context.time_base = Fraction(rate.denominator, rate.numerator)
    context.color_range = FULL_RANGE
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    # PyAV's default is slice threading, which costs bytes.
    context.thread_type, context.thread_count = "FRAME", settings.tuning.thread_count
    if BUILTIN[settings.encoder].codec is Codec.HEVC:
        context.codec_tag = "hvc1"
    return stream


def _pixel_layout(settings: EncoderSettings) -> str:
    if settings.geometry.format.bit_depth == 8:
        return "yuv420p"
    return "p010le" if BUILTIN[settings.encoder].is_hardware else "yuv420p10le"


def _frame(picture: Picture, settings: EncoderSettings) -> Any:  # noqa: ANN401 -- PyAV's own
    planes = [plane.detach().cpu().contiguous() for plane in picture.planes]
    shapes = settings.geometry.plane_shapes[len(planes) :]
    planes += [picture.format.neutral_plane(*shape) for shape in shapes]
    layout = _pixel_layout(settings)
    arranged = _semi_planar(planes) if layout == "p010le" else tuple(planes)
    frame = av.VideoFrame.from_dlpack(arranged, format=layout)
    frame.pts = picture.pts
    frame.time_base = 1 / settings.geometry.frame_rate
    frame.color_range = FULL_RANGE
    if settings.gop.length == 1:
        frame.pict_type = av.video.frame.PictureType.I
    return frame


def _semi_planar(planes: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """10-bit planes as P010: chroma interleaved, codes in the upper bits."""
    luma, *chroma = (plane.to(torch.int32) << 6 for plane in planes)
    return luma.to(torch.uint16), torch.stack(chroma, dim=-1).to(torch.uint16)


def _in_decoding_order(packets: list[Any]) -> list[Any]:
    """Packets with decoding times of our own making.

    libx265 leaves them uninitialized when there are fewer pictures than it delays.
    """
    delay = max((index - packet.pts for index, packet in enumerate(packets)), default=0)
    for index, packet in enumerate(packets):
        packet.dts = index - delay
    return packets


def _tidy(bitstream: Bitstream, settings: EncoderSettings, count: int) -> Bitstream:
    """Check the coded stream against the settings and mend its headers."""
    if len(bitstream.packets) != count or bitstream.format != settings.geometry.format:
        raise BitstreamError(
            f"{settings.encoder} returned {len(bitstream.packets)} packets of "
            f"{bitstream.format.name}, expected {count} of {settings.geometry.format.name}; "
            "this build of the encoder is not usable here"
        )
    bitstream = replace(bitstream, geometry=settings.geometry)
    match bitstream.codec:
        case Codec.H264:
            cleaned = (
                replace(packet, data=without_user_data(packet.data)) for packet in bitstream.packets
            )
            return replace(bitstream, packets=tuple(cleaned))
        case Codec.HEVC if isinstance(settings.rate, Lossless):
            level = hevc_level(settings.geometry)
            return replace(bitstream, extradata=with_hevc_level(bitstream.extradata, level))
        case Codec.AV1:
            header = with_sequence_header(bitstream.extradata, bitstream.packets[0].data)
            return replace(bitstream, extradata=header)
    return bitstream


class _Session:
    """One open decoder, fed with streams that continue each other."""

    def __init__(self, first: Bitstream, options: DecodeOptions) -> None:
        self._first = first
        self._ledger = FrameLedger(first, options)
        self._context: Any = av.CodecContext.create(_DECODERS[first.codec], "r")
        self._context.extradata = first.extradata
        self._context.thread_type = "AUTO"
        self._context.thread_count = options.thread_count or 0

    def takes(self, stream: Bitstream) -> bool:
        """Whether the open decoder can go on with this stream."""
        first = self._first
        return (stream.codec, stream.geometry, stream.extradata) == (
            first.codec,
            first.geometry,
            first.extradata,
        )

    def feed(self, number: int, stream: Bitstream) -> Iterator[tuple[int, Picture]]:
        """Decode the packets of a stream; the last pictures come with the next call."""
        shift, time_base = self._ledger.enter(number, stream), 1 / stream.frame_rate
        for packet in stream.packets:
            coded = _packet(packet.data)
            coded.pts, coded.dts = packet.pts + shift, packet.dts + shift
            coded.time_base = time_base
            yield from self._pictures(coded)

    def finish(self) -> Iterator[tuple[int, Picture]]:
        """The pictures that the decoder still holds.

        Raises:
            BitstreamError: if some are missing.
        """
        yield from self._pictures(None)
        self._ledger.close()

    def _pictures(self, packet: Any) -> Iterator[tuple[int, Picture]]:  # noqa: ANN401
        try:
            frames = self._context.decode(packet)
        except FFmpegError as error:
            raise self._ledger.gave_up(error) from error
        for frame in frames:
            yield self._ledger.settle(frame)


def _packet(data: bytes) -> Any:  # noqa: ANN401 -- PyAV's own
    """A packet with memory of its own.

    One made from bytes keeps them, and decoder threads take the interpreter's lock to let go of
    them: whoever closes a decoder while holding that lock would wait for its threads forever.
    """
    packet = av.Packet(len(data))
    packet.update(data)
    return packet


def write_viewing_video(
    path: Path, frames: Iterable[tuple[NDArray[np.uint8], ...]], frame_rate: Fraction
) -> None:
    """Write limited-range BT.709 planes as H.264 in an MP4 whose index comes first.

    Raises:
        OSError: if the file cannot be written.
        BackendUnavailable: if the encoder fails.
    """
    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
            stream: Any = None
            for pts, planes in enumerate(frames):
                tensors = tuple(torch.from_numpy(plane) for plane in planes)
                frame: Any = av.VideoFrame.from_dlpack(tensors, format="yuv420p")
                stream = stream or _open_viewing_encoder(container, frame, frame_rate)
                frame.pts, frame.time_base = pts, 1 / frame_rate
                frame.color_range, frame.colorspace = _LIMITED_RANGE, _BT709
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except FFmpegError as error:
        if isinstance(error, OSError) and error.errno in {*errno.errorcode}:
            raise
        raise BackendUnavailable(
            f"libx264 cannot write a video here: {error}; write pictures instead"
        ) from error


def _open_viewing_encoder(container: Any, frame: Any, frame_rate: Fraction) -> Any:  # noqa: ANN401
    stream = container.add_stream("libx264", rate=frame_rate, options={"crf": "18"})
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
    context = stream.codec_context
    context.time_base = 1 / frame_rate
    context.color_range = _LIMITED_RANGE
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream
