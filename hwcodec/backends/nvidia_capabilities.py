"""What PyNvVideoCodec reports about the first device."""

from typing import Any

from hwcodec.backends import pynv
from hwcodec.encoders import BUILTIN
from hwcodec.types import Codec


def ask_capabilities() -> dict[str, Any]:
    """What the library reports for the first device; run in a process that may end.

    Sources: ``GetDecoderCaps`` and ``GetEncoderCaps`` of PyNvVideoCodec 2.2.
    """
    decoders = [
        row
        for codec in (Codec.H264, Codec.HEVC, Codec.AV1)
        for chroma in ("Monochrome", "420", "444")
        for depth in (8, 10)
        if (row := _decoder_row(codec, chroma, depth)) is not None
    ]
    encoders, refused = [], {}
    for name in ("h264_nvenc", "hevc_nvenc"):
        try:
            caps = pynv.encoder_limits(BUILTIN[name].codec)
        except Exception as error:  # noqa: BLE001 -- the library's own exceptions
            refused[name] = f"the driver reports no encoder: {' '.join(str(error).split())[:200]}"
            continue
        if caps.get("num_encoder_engines", 1):
            encoders.append(name)
        else:
            refused[name] = "this GPU has no encoding engine (A100, H100 and H200 have none)"
    return {
        "version": pynv.version(),
        "decoders": [row for row in decoders if row["chroma"] == "420"],
        "other_decoders": [row for row in decoders if row["chroma"] != "420"],
        "encoders": encoders,
        "refused": refused,
    }


def _decoder_row(codec: Codec, chroma: str, depth: int) -> dict[str, Any] | None:
    caps = pynv.decoder_limits(codec, chroma, depth)
    # The key's name is not documented; a width tells as much.
    marks = [value for name, value in caps.items() if "supported" in name]
    if not (all(marks) and caps.get("width_max")):
        return None
    return {
        "codec": codec.value,
        "chroma": chroma,
        "bit_depth": depth,
        "engines": caps.get("num_decoder_engines"),
        "max_width": caps.get("width_max"),
        "max_height": caps.get("height_max"),
        "max_blocks": caps.get("mb_num_max"),
    }
