"""PyNvVideoCodec, its only import: the few things of it that we use, as plain functions.

Importing it fails with a RuntimeError where there is no driver, and a decoder that meets a CUDA
error ends the whole process; so nothing here runs before `hwcodec.device_probe` has seen it work
in a process of its own. Signatures and words are those of version 2.2.4; it ignores words that it
does not know.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import PyNvVideoCodec

from hwcodec.errors import BackendUnavailable
from hwcodec.types import Codec

_CODECS = {Codec.H264: "H264", Codec.HEVC: "HEVC", Codec.AV1: "AV1"}
_USES_HOST_MEMORY = False


def version() -> str:
    """The library's version, or ``unknown``."""
    return str(getattr(PyNvVideoCodec, "__version__", "unknown"))


def new_decoder(codec: Codec, device_index: int, stream: int, limits: tuple[int, int]) -> Any:  # noqa: ANN401
    """A decoder with surfaces in device memory, for pictures up to ``limits`` (width, height).

    Raises:
        BackendUnavailable: if the driver grants no session.
    """
    try:
        return PyNvVideoCodec.CreateDecoder(
            gpuid=device_index,
            codec=getattr(PyNvVideoCodec.cudaVideoCodec, _CODECS[codec]),
            cudastream=stream,
            usedevicememory=True,
            maxwidth=limits[0],
            maxheight=limits[1],
        )
    except Exception as error:
        raise _refused("decoder", error) from error


def decode(decoder: Any, data: bytes, pts: int) -> list[Any]:  # noqa: ANN401 -- the vendor's own
    """Feed one packet; the surfaces that came out, valid until the next call.

    A packet without bytes ends the stream and lets the decoder deliver what it holds.
    """
    return list(decoder.Decode(_packet(data, pts)))


def count_frames(decoder: Any, packets: Sequence[bytes], loops: int) -> int:  # noqa: ANN401
    """Feed packets that many times over, then the end; how many surfaces came out.

    Nothing happens between two calls of the library: this is as fast as it gets.
    """
    prepared = [_packet(data, pts) for pts, data in enumerate(packets)]
    count = sum(len(decoder.Decode(packet)) for _ in range(loops) for packet in prepared)
    return count + len(decoder.Decode(_packet(b"", 0)))


def _packet(data: bytes, pts: int) -> Any:  # noqa: ANN401 -- the vendor's own
    """A packet over the memory of ``data``, which has to live as long as it."""
    packet = PyNvVideoCodec.PacketData()
    packet.bsl, packet.pts = len(data), pts
    packet.bsl_data = np.frombuffer(data, np.uint8).ctypes.data if data else 0
    return packet


def new_encoder(
    size: tuple[int, int], surface: str, device: tuple[int, int], words: Mapping[str, str | int]
) -> Any:  # noqa: ANN401 -- the vendor's own
    """An encoder of device surfaces of ``size`` (width, height); ``device`` is (index, stream).

    Raises:
        BackendUnavailable: if the driver grants no session.
    """
    place = {"gpu_id": device[0], "cudastream": device[1]}
    try:
        return PyNvVideoCodec.CreateEncoder(*size, surface, _USES_HOST_MEMORY, **place, **words)
    except Exception as error:
        raise _refused("encoder", error) from error


def picture_parameters(pts: int, *, is_first: bool) -> Any:  # noqa: ANN401 -- the vendor's own
    """The time of a picture, and for the first of a group the wish for a key picture."""
    parameters, flags = PyNvVideoCodec.NV_ENC_PIC_PARAMS(), PyNvVideoCodec.NV_ENC_PIC_FLAGS
    parameters.inputTimeStamp = pts
    parameters.encodePicFlags = int(flags.FORCEIDR) | int(flags.OUTPUT_SPSPPS) if is_first else 0
    return parameters


def decoder_limits(codec: Codec, chroma: str, bit_depth: int) -> dict[str, int]:
    """``GetDecoderCaps`` of the first device; ``chroma`` is Monochrome, 420, 422 or 444."""
    return dict(
        PyNvVideoCodec.GetDecoderCaps(
            0,
            getattr(PyNvVideoCodec.cudaVideoCodec, _CODECS[codec]),
            getattr(PyNvVideoCodec.cudaVideoChromaFormat, chroma),
            bit_depth,
        )
    )


def encoder_limits(codec: Codec) -> dict[str, int]:
    """``GetEncoderCaps`` of the first device; the library raises where there is no encoder."""
    return dict(PyNvVideoCodec.GetEncoderCaps(0, codec.value))


def _refused(session: str, error: Exception) -> BackendUnavailable:
    said = " ".join(str(error).split())[:300]
    return BackendUnavailable(
        f"the NVIDIA driver granted no {session} session: {said}; close other sessions, update the "
        "driver, or use the software codec"
    )
