"""PyAV, the only ``import av``: the few things of it that we use, as plain functions.

The wrappers ignore options they do not know, rescale pictures that do not fit and convert ranges
on the way; so callers check all settings first and compare what comes back with what was promised.
"""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# SVT-AV1 reads this once; without it every encoder prints twenty lines to the terminal.
os.environ.setdefault("SVT_LOG", "1")

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.video.frame import PictureType
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "ArgumentError",
    "FFmpegError",
    "InvalidDataError",
    "PictureType",
    "can_decode",
    "elementary_filtered",
    "hardware_devices",
    "new_decoder",
    "new_encoder",
    "open_movie",
    "open_movie_sink",
    "open_sink",
    "open_source",
    "packed_frame",
    "packet_of",
    "rgb_of",
    "video_frame",
]

# FFmpeg's numbers for a matrix that is not stated, or stated not to be known.
_UNSTATED = frozenset({0, 2, 3})
_HIGH_DEFINITION = 720
# Without the last, FFmpeg takes the nearest chroma, which leaves stairs at edges.
_SMOOTH_CHROMA = (
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.ACCURATE_RND
)


def can_decode(name: str) -> bool:
    """Whether this build has the decoder."""
    return name in av.codecs_available


def new_decoder(
    name: str, extradata: bytes, *, thread_count: int | None, device_index: int | None = None
) -> Any:  # noqa: ANN401 -- PyAV's own
    """A decoder, on the processor or on an NVIDIA device with frames that stay there.

    Raises:
        FFmpegError: if the device cannot be opened.
    """
    accelerator = None
    if device_index is not None:
        accelerator = HWAccel(
            "cuda", device=device_index, allow_software_fallback=False, is_hw_owned=True
        )
    context: Any = av.CodecContext.create(name, "r", hwaccel=accelerator)
    context.extradata = extradata
    # Frames in device memory come from one engine; threads would only delay them.
    context.thread_type = "AUTO" if device_index is None else "NONE"
    context.thread_count = thread_count or 0
    return context


def new_encoder(name: str, options: Mapping[str, str]) -> Any:  # noqa: ANN401 -- PyAV's own
    """An encoder that is not open yet.

    Raises:
        FFmpegError, ValueError: if this build has no such encoder.
    """
    context: Any = av.CodecContext.create(name, "w")
    context.options = dict(options)
    return context


def open_sink(sink: str | io.BytesIO, options: Mapping[str, str]) -> Any:  # noqa: ANN401
    """An MP4 file to be written, on disk or in memory."""
    return av.open(sink, "w", format="mp4", options=dict(options))


def open_source(source: io.BytesIO, layout: str) -> Any:  # noqa: ANN401 -- PyAV's own
    """An elementary stream in memory to be read; ``layout`` is FFmpeg's name for it, as ``hevc``.

    Raises:
        FFmpegError: if it is no such stream.
    """
    return av.open(source, "r", format=layout)


def hardware_devices() -> frozenset[str]:
    """FFmpeg's names of the kinds of devices that this build can decode on, present or not."""
    return frozenset(hwdevices_available())


def open_movie(path: Path, device: str | None = None) -> Any:  # noqa: ANN401 -- PyAV's own
    """A file of any form to be read; its video is decoded in the thread that asks for pictures.

    With a ``device``, FFmpeg's name of its kind, hardware decodes and nothing else does.

    Raises:
        FFmpegError, ValueError: if it is no such file, or the device cannot be opened.
    """
    accelerator = None if device is None else HWAccel(device, allow_software_fallback=False)
    # FFmpeg takes what stands before the colon of a relative name for a protocol.
    # A playlist may call itself a video; nothing that it names is fetched.
    only_files = {"protocol_whitelist": "file"}
    container: Any = av.open(str(path.absolute()), "r", options=only_files, hwaccel=accelerator)
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.thread_type = "NONE"
    return container


def open_movie_sink(path: Path) -> Any:  # noqa: ANN401 -- PyAV's own
    """An MP4 file of color video to be written, its index first."""
    return open_sink(str(path.absolute()), {"movflags": "faststart"})


def packed_frame(pixels: NDArray[np.uint8], layout: str) -> Any:  # noqa: ANN401 -- PyAV's own
    """A frame with a copy of the pixels, in the arrangement that PyAV has for the layout."""
    return av.VideoFrame.from_ndarray(pixels, format=layout)


def rgb_of(frame: Any) -> NDArray[np.uint8]:  # noqa: ANN401 -- PyAV's own
    """A picture as sRGB (rows, columns, 3), by the matrix and range it states.

    One that states no matrix is taken for BT.709 from 720 rows on and for BT.601 below, as players
    do it.
    """
    stated = frame.colorspace
    if stated in _UNSTATED:
        stated = Colorspace.ITU709 if frame.height >= _HIGH_DEFINITION else Colorspace.ITU601
    rgb: NDArray[np.uint8] = frame.to_ndarray(
        format="rgb24", src_colorspace=stated, interpolation=_SMOOTH_CHROMA
    )
    return rgb


def video_frame(planes: Sequence[Tensor], layout: str) -> Any:  # noqa: ANN401 -- PyAV's own
    """A frame over the memory of the planes; nothing is copied."""
    return av.VideoFrame.from_dlpack(tuple(planes), format=layout)


def packet_of(data: bytes, times: tuple[int, int], *, is_shared: bool) -> Any:  # noqa: ANN401
    """A packet; ``times`` are its presentation and decoding times, in units of the caller's.

    A shared one keeps the bytes themselves, for decoders without threads only: threads take the
    interpreter's lock to let go of them, so whoever closes a decoder while holding that lock would
    wait for its threads forever. Any other packet has memory of its own.
    """
    if is_shared:
        packet = av.Packet(data)
    else:
        packet = av.Packet(len(data))
        packet.update(data)
    packet.pts, packet.dts = times
    return packet


def elementary_filtered(data: bytes, layout: str, filter_: str) -> bytes:
    """An elementary stream (Annex B) after one of FFmpeg's bitstream filters.

    Raises:
        FFmpegError: if the stream or the filter is refused.
    """
    with open_source(io.BytesIO(data), layout) as container:
        stream = container.streams.video[0]
        context = BitStreamFilterContext(filter_, stream)
        packets = [packet for packet in container.demux(stream) if packet.size]
        return b"".join(bytes(out) for packet in packets for out in context.filter(packet))
