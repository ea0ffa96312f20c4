"""NVENC through PyNvVideoCodec: surfaces in device memory in, packets of closed groups out."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hwcodec.annexb import configuration_record, packet_units, split_annex_b, with_lengths
from hwcodec.backends import pynv
from hwcodec.backends.ffmpeg_hardware import with_full_range
from hwcodec.encoders import BUILTIN
from hwcodec.errors import BitstreamError
from hwcodec.surfaces import StreamOrder, surface_name, surface_of
from hwcodec.types import (
    Bitstream,
    ConstantQp,
    ConstantQuality,
    EncoderSettings,
    Lossless,
    Packet,
    Picture,
    TargetBitrate,
)

# Recalled, not measured: the most B pictures in a row that NVENC takes.
_MOST_B_FRAMES = 4


def encode_pictures(pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
    """Code pictures into closed groups; those in the processor's memory go to the first device.

    Raises:
        BackendUnavailable: if the driver grants no session.
        BitstreamError: if what comes back is no stream of these pictures.
    """
    device = _device_of(pictures)
    order = StreamOrder(device)
    encoder = _open_encoder(settings, device, order)
    length = settings.gop.length or len(pictures)
    chunks: list[dict[str, Any]] = []
    for picture in pictures:
        surface = surface_of(picture, settings.geometry, device)
        order.after_reading()  # The surface was made on the caller's stream.
        chunks += encoder.Encode(
            _Surface(surface, settings.geometry.height),
            pynv.picture_parameters(picture.pts, is_first=picture.pts % length == 0),
        )
        order.before_reading()  # Its memory is used again once the encoder has read it.
    chunks += encoder.EndEncode()
    return _bitstream(chunks, settings, len(pictures))


class _Surface:
    """A surface as the encoder asks for it: its planes with their CUDA array interfaces."""

    def __init__(self, surface: Tensor, height: int) -> None:
        columns = surface.shape[1]
        chroma = surface[height:].reshape(-1, columns // 2, 2)
        self._planes = [_Plane(surface[:height, :, None]), _Plane(chroma)]

    def cuda(self) -> list["_Plane"]:
        """Luma (rows, columns, 1) and chroma (rows / 2, columns / 2, 2)."""
        return self._planes


class _Plane:
    def __init__(self, codes: Tensor) -> None:
        self._codes = codes  # Keeps the memory.
        size = codes.element_size()
        self.__cuda_array_interface__ = {
            "shape": tuple(codes.shape),
            "strides": tuple(stride * size for stride in codes.stride()),
            "data": (codes.data_ptr(), False),
            "typestr": f"|u{size}",
            "version": 3,
        }


def _device_of(pictures: Sequence[Picture]) -> torch.device:
    """Where the pictures lie, or the first device for pictures in the processor's memory."""
    device = pictures[0].luma.device
    if device.type == "cuda" or not torch.cuda.is_available():
        return device
    return torch.device("cuda", 0)


def _open_encoder(settings: EncoderSettings, device: torch.device, order: StreamOrder) -> Any:  # noqa: ANN401
    geometry = settings.geometry
    return pynv.new_encoder(
        (geometry.width, geometry.height),
        surface_name(geometry.format),
        (device.index or 0, order.handle),
        encoder_words(settings),
    )


def encoder_words(settings: EncoderSettings) -> dict[str, str | int]:
    """The settings in the library's own words; it ignores words it does not know."""
    rate = settings.geometry.frame_rate
    gop = settings.gop.length or 1
    words: dict[str, str | int] = {
        "codec": BUILTIN[settings.encoder].codec.value,
        "preset": (settings.tuning.preset or "p5").upper(),
        "tuning_info": "high_quality",
        "gop": gop,
        "idrperiod": gop,
        "bf": min(settings.gop.b_frame_count, _MOST_B_FRAMES),
        "fps_num": rate.numerator,
        "fps_den": rate.denominator,
        "colorspace": "bt709",
        "repeatspspps": 1,
    }
    match settings.rate:
        case ConstantQp(qp=qp):
            words |= {"rc": "constqp", "constqp": qp}
        case ConstantQuality(crf=crf):
            words |= {"rc": "vbr", "cq": round(crf), "bitrate": 0}
        case TargetBitrate(bits_per_second=bits):
            words |= {"rc": "vbr", "bitrate": bits}
        case Lossless():
            words |= {"tuning_info": "lossless", "rc": "constqp", "constqp": 0}
    return words


def _bitstream(
    chunks: Sequence[dict[str, Any]], settings: EncoderSettings, count: int
) -> Bitstream:
    """Packets and configuration record from the encoder's output, in decoding order."""
    codec = BUILTIN[settings.encoder].codec
    if len(chunks) != count:
        raise BitstreamError(
            f"{settings.encoder} returned {len(chunks)} packets, expected {count}; "
            "this build of the encoder is not usable here"
        )
    # The library has no word for full range, so the headers are mended afterwards.
    first = split_annex_b(with_full_range(codec, bytes(chunks[0]["data"])))
    record = configuration_record(codec, first, settings.geometry.format)
    times = [int(chunk["timestamp"]) for chunk in chunks]
    delay = max(place - pts for place, pts in enumerate(times))
    packets = []
    for place, (chunk, pts) in enumerate(zip(chunks, times, strict=True)):
        units, is_key = packet_units(codec, split_annex_b(bytes(chunk["data"])))
        packets.append(Packet(with_lengths(units), pts, place - delay, is_key))
    return Bitstream(codec, settings.geometry, record, tuple(packets))
