"""FFmpeg's ways to the hardware, tried on small streams, and the header that NVENC gets wrong."""

from typing import Any

import torch

from hwcodec.backends import libav
from hwcodec.backends.ffmpeg_decoding import decode_streams
from hwcodec.types import (
    YUV420P8,
    YUV420P10,
    Bitstream,
    Codec,
    ConstantQp,
    DecodeOptions,
    EncoderSettings,
    Picture,
    PictureGeometry,
    PixelFormat,
)

# Large enough for every encoder and decoder that hardware has.
_WIDTH, _HEIGHT, _COUNT = 320, 192, 3
_TRIED = (
    ("libx264", Codec.H264, YUV420P8),
    ("libx265", Codec.HEVC, YUV420P8),
    ("libx265", Codec.HEVC, YUV420P10),
    ("libsvtav1", Codec.AV1, YUV420P8),
    ("libsvtav1", Codec.AV1, YUV420P10),
)
_COLOR = "colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1"
_LAYOUTS = {Codec.H264: "h264", Codec.HEVC: "hevc"}


def try_hardware() -> dict[str, Any]:
    """Decoders that give the same luma on the device as on the processor; the rest with reasons.

    Run in a process that may end: the first use of a device is where drivers fail.
    """
    decoders, refused = [], {}
    for encoder, codec, pixel_format in _TRIED:
        try:
            same = _decodes_alike(_small_stream(encoder, pixel_format))
        except Exception as error:  # noqa: BLE001 -- whatever a driver causes is the answer
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        else:
            said = "" if same else "its pictures differ from those decoded on the processor"
        if said:
            refused[f"{codec.value}/{pixel_format.bit_depth}"] = said
        else:
            decoders.append({"codec": codec.value, "bit_depth": pixel_format.bit_depth})
    return {"decoders": decoders, "refused": refused}


def with_full_range(codec: Codec, elementary: bytes) -> bytes:
    """An H.264 or HEVC stream (Annex B) whose headers say full range and BT.709.

    Raises:
        FFmpegError: if the stream is none.
    """
    layout = _LAYOUTS[codec]
    words = f"{layout}_metadata=video_full_range_flag=1:{_COLOR}"
    return libav.elementary_filtered(elementary, layout, words)


def _small_stream(encoder: str, pixel_format: PixelFormat) -> Bitstream:
    from hwcodec.backends.ffmpeg import FfmpegBackend

    ramp = torch.arange(_WIDTH * _HEIGHT, dtype=torch.int32).reshape(_HEIGHT, _WIDTH)
    pictures = [
        Picture(
            ((ramp * (index + 3) % pixel_format.max_code).to(pixel_format.dtype),),
            pixel_format,
            index,
        )
        for index in range(_COUNT)
    ]
    geometry = PictureGeometry(pixel_format, _WIDTH, _HEIGHT)
    return FfmpegBackend().encode(pictures, EncoderSettings(encoder, geometry, ConstantQp(30)))


def _decodes_alike(stream: Bitstream) -> bool:
    there = decode_streams([stream], DecodeOptions("cuda:0"), in_hardware=True)
    here = decode_streams([stream], DecodeOptions(), in_hardware=False)
    pairs = zip(there, here, strict=True)
    return all(torch.equal(one[1].luma.cpu(), other[1].luma) for one, other in pairs)
