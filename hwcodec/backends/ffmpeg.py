"""FFmpeg's codecs through PyAV: libx264, libx265, SVT-AV1, dav1d, NVENC and NVDEC.

Only checked settings arrive here, planes are handed over as they are, and what comes back is
compared with what was promised.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import torch
from torch import Tensor

from hwcodec.backends import libav
from hwcodec.backends.ffmpeg_decoding import DECODERS, decode_streams
from hwcodec.backends.ffmpeg_frames import FULL_RANGE
from hwcodec.backends.ffmpeg_options import encoder_options
from hwcodec.backends.scheduling import ordinary_scheduling
from hwcodec.bitstream import demux
from hwcodec.device_probe import FFMPEG, driver_refusal, probe_devices
from hwcodec.encoders import BUILTIN
from hwcodec.errors import BackendUnavailable, BitstreamError, UnsupportedConfig
from hwcodec.headers import (
    hevc_level,
    with_hevc_level,
    with_sequence_header,
    without_user_data,
)
from hwcodec.syntax.records import read_config
from hwcodec.types import (
    Bitstream,
    Capabilities,
    Codec,
    DecodeOptions,
    EncoderSettings,
    Lossless,
    Picture,
)

_BT709 = 1
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


class FfmpegBackend:
    """Encoders and decoders of the FFmpeg build inside PyAV."""

    def capabilities(self) -> Capabilities:
        """What really opens; each encoder is tried once per process."""
        names = [name for name, spec in BUILTIN.items() if "ffmpeg" in spec.backends]
        tried = {name: _refusal(name) for name in names}
        return Capabilities(
            "ffmpeg",
            tuple(name for name, reason in tried.items() if reason is None),
            tuple(codec for codec, name in DECODERS.items() if libav.can_decode(name)),
            {name: reason for name, reason in tried.items() if reason is not None},
        )

    def encode(self, pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
        """Code pictures into an MP4 in memory and take its packets."""
        sink = io.BytesIO()
        try:
            with libav.open_sink(sink, _FRAGMENTS) as container:
                stream = _open_encoder(container, settings)
                with ordinary_scheduling():
                    container.start_encoding()
                whole = _completed(pictures, settings)
                coded = [stream.encode(_frame(picture, settings)) for picture in whole]
                coded.append(stream.encode(None))
                container.mux(_in_decoding_order([packet for some in coded for packet in some]))
        except (libav.ArgumentError, libav.InvalidDataError) as error:
            raise UnsupportedConfig(
                f"{settings.encoder} refuses these settings: {error}; "
                "use the default preset and options, or another encoder"
            ) from error
        except libav.FFmpegError as error:
            raise BackendUnavailable(
                f"{settings.encoder} failed while encoding: {error}; use another encoder"
            ) from error
        return _tidy(demux(sink.getvalue()), settings, len(pictures))

    def decode(
        self, streams: Iterable[Bitstream], options: DecodeOptions
    ) -> Iterator[tuple[int, Picture]]:
        """Yield pictures as they leave the decoder, their planes copied once or borrowed."""
        return decode_streams(streams, options, in_hardware=False)


class FfmpegCudaBackend:
    """NVDEC through FFmpeg: pictures are decoded on the device and stay there."""

    def capabilities(self) -> Capabilities:
        """What the probe of this machine found."""
        return replace(probe_devices().capabilities(FFMPEG), backend="ffmpeg-cuda", encodes=())

    def encode(self, pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
        """Refuse: encoders are the business of `FfmpegBackend`.

        Raises:
            BackendUnavailable: always.
        """
        raise BackendUnavailable(
            f"ffmpeg-cuda only decodes, so it cannot run {settings.encoder} on {len(pictures)} "
            "pictures; the ffmpeg backend does"
        )

    def decode(
        self, streams: Iterable[Bitstream], options: DecodeOptions
    ) -> Iterator[tuple[int, Picture]]:
        """Yield pictures in tensors of their own on the device."""
        return decode_streams(streams, options, in_hardware=True)


@cache
def _refusal(encoder: str) -> str | None:
    """Why an encoder does not open, or None; a missing driver is a normal answer."""
    if BUILTIN[encoder].is_hardware and (missing := driver_refusal()):
        return missing
    try:
        quiet = {"x265-params": "log-level=none"} if encoder == "libx265" else {}
        context = libav.new_encoder(encoder, quiet)
        context.width = context.height = 256
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, 30)
        with ordinary_scheduling():
            context.open()
    except (libav.FFmpegError, ValueError) as error:
        return f"FFmpeg cannot open it ({_why(encoder)}{type(error).__name__}: {error})"
    return None


def _why(encoder: str) -> str:
    if not BUILTIN[encoder].is_hardware:
        return ""
    return "it needs a GPU with an encoding engine, which A100, H100 and H200 lack; "


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


def _completed(pictures: Sequence[Picture], settings: EncoderSettings) -> Iterator[Picture]:
    """Pictures with every plane; chroma that is missing is neutral, and the same memory for all.

    Encoders only read it. Made for each picture, it held up a fast encoder by a fifth of its time.
    """
    shapes = settings.geometry.plane_shapes[len(pictures[0].planes) :]
    neutral = [settings.geometry.format.neutral_plane(*shape) for shape in shapes]
    for picture in pictures:
        yield replace(picture, planes=(*picture.planes, *neutral))


def _frame(picture: Picture, settings: EncoderSettings) -> Any:  # noqa: ANN401 -- PyAV's own
    planes = [plane.detach().cpu().contiguous() for plane in picture.planes]
    layout = _pixel_layout(settings)
    arranged = _semi_planar(planes) if layout == "p010le" else tuple(planes)
    frame = libav.video_frame(arranged, layout)
    frame.pts = picture.pts
    frame.time_base = 1 / settings.geometry.frame_rate
    frame.color_range = FULL_RANGE
    if settings.gop.length == 1:
        frame.pict_type = libav.PictureType.I
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
            kept = read_config(Codec.HEVC, bitstream.extradata).parameters.buffering.picture_count
            level = hevc_level(settings.geometry, kept or 1)
            return replace(bitstream, extradata=with_hevc_level(bitstream.extradata, level))
        case Codec.AV1:
            header = with_sequence_header(bitstream.extradata, bitstream.packets[0].data)
            return replace(bitstream, extradata=header)
    return bitstream
