"""A stand-in for PyNvVideoCodec: real H.264 and HEVC by libavcodec, the vendor's habits on top.

Surfaces are recycled with every call, words are taken as they come, sizes have a limit, and
pointers are followed; so what the backend does wrong shows as wrong pixels.
"""

# ruff: noqa: ANN401, N801, N802, N815, N816 -- the names are the vendor's

import ctypes
import enum
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import torch

cudaVideoCodec = SimpleNamespace(H264="h264", HEVC="hevc", AV1="av1")
cudaVideoChromaFormat = SimpleNamespace(**{"Monochrome": 0, "420": 1, "422": 2, "444": 3})
__version__ = "2.2.4"


class NV_ENC_PIC_FLAGS(enum.IntFlag):
    FORCEIDR = 2
    OUTPUT_SPSPPS = 4


class PacketData:
    bsl = bsl_data = pts = 0


class NV_ENC_PIC_PARAMS:
    inputTimeStamp = encodePicFlags = 0


class Frame:
    def __init__(self, surface: torch.Tensor, pts: int) -> None:
        self._surface, self._pts = surface, pts

    def __dlpack__(self, **_: object) -> object:
        return self._surface.__dlpack__()

    def __dlpack_device__(self) -> object:
        return self._surface.__dlpack_device__()

    def getPTS(self) -> int:
        return self._pts


class Decoder:
    def __init__(self, codec: str, limits: tuple[int, int]) -> None:
        self.codec, self.limits, self.reconfigured = codec, limits, []
        self._open()

    def _open(self) -> None:
        self._context: Any = av.CodecContext.create(self.codec, "r")
        self._handed: list[torch.Tensor] = []

    def setReconfigParams(self, width: int, height: int) -> None:
        self.reconfigured.append((width, height))

    def Decode(self, packet: PacketData) -> list[Frame]:
        for surface in self._handed:
            surface.zero_()
        if not packet.bsl:
            frames = self._context.decode(None)
            self._open()
        else:
            coded = av.Packet(ctypes.string_at(packet.bsl_data, packet.bsl))
            coded.pts = packet.pts
            frames = self._context.decode(coded)
        found = [Frame(semi_planar(frame), frame.pts) for frame in frames]
        assert all(tuple(f._surface.shape)[1] <= self.limits[0] for f in found)
        self._handed = [frame._surface for frame in found]
        return found


def semi_planar(frame: Any) -> torch.Tensor:
    is_deep = "10" in frame.format.name
    planes = [
        np.frombuffer(plane, np.uint16 if is_deep else np.uint8).reshape(plane.height, -1)
        for plane in frame.planes
    ]
    luma, *chroma = (p[:, : q.width] for p, q in zip(planes, frame.planes, strict=True))
    pairs = np.stack(chroma, axis=-1).reshape(chroma[0].shape[0], -1)
    whole = np.concatenate((luma, pairs))
    return torch.from_numpy(whole << 6 if is_deep else whole.copy())


class Encoder:
    """Takes surfaces by pointer and codes them with libx264 or libx265, limited range as tagged."""

    def __init__(self, size: tuple[int, int], surface: str, words: dict[str, Any]) -> None:
        self.size, self.surface, self.words = size, surface, words
        self.flags: list[int] = []
        name = "libx264" if words["codec"] == "h264" else "libx265"
        self._context: Any = av.CodecContext.create(name, "w")
        self._context.width, self._context.height = size
        self._context.pix_fmt = "yuv420p" if surface == "NV12" else "yuv420p10le"
        self._context.time_base = Fraction(1, 30)
        self._context.max_b_frames = words["bf"]
        gop = words["gop"]
        quiet = f"log-level=none:bframes={words['bf']}:keyint={gop}:min-keyint={gop}:scenecut=0"
        self._context.options = {
            "g": str(gop), "sc_threshold": "0", "qp": str(words.get("constqp", 20)),
            "x265-params": f"{quiet}:open-gop=0:repeat-headers=1",
        }  # fmt: skip

    def Encode(self, surface: Any, parameters: NV_ENC_PIC_PARAMS) -> list[dict[str, Any]]:
        self.flags.append(parameters.encodePicFlags)
        luma, chroma = (followed(plane.__cuda_array_interface__) for plane in surface.cuda())
        if self.surface == "P010":
            luma, chroma = luma >> 6, chroma >> 6
        planes = [luma[..., 0], chroma[..., 0], chroma[..., 1]]
        tensors = tuple(torch.from_numpy(plane.copy()) for plane in planes)
        frame: Any = av.VideoFrame.from_dlpack(tensors, format=self._context.pix_fmt)
        frame.pts, frame.time_base = parameters.inputTimeStamp, Fraction(1, 30)
        return self._chunks(frame)

    def EndEncode(self) -> list[dict[str, Any]]:
        return self._chunks(None)

    def _chunks(self, frame: Any) -> list[dict[str, Any]]:
        packets = self._context.encode(frame)
        return [{"data": bytes(p), "timestamp": p.pts, "picture_type": 0} for p in packets]


def followed(interface: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The array behind a CUDA array interface, here in the processor's memory."""
    address, _ = interface["data"]
    dtype = np.dtype(interface["typestr"].replace("|", "<"))
    span = sum((n - 1) * s for n, s in zip(interface["shape"], interface["strides"], strict=True))
    memory = np.frombuffer(ctypes.string_at(address, span + dtype.itemsize), np.uint8)
    return np.lib.stride_tricks.as_strided(
        memory.view(dtype), interface["shape"], interface["strides"]
    )


SESSIONS: list[Decoder | Encoder] = []


def CreateDecoder(**words: Any) -> Decoder:
    SESSIONS.append(Decoder(words["codec"], (words["maxwidth"], words["maxheight"])))
    return SESSIONS[-1]


def CreateEncoder(
    width: int, height: int, surface: str, uses_host_memory: bool, **words: Any
) -> Encoder:
    assert not uses_host_memory
    SESSIONS.append(Encoder((width, height), surface, words))
    return SESSIONS[-1]


def GetDecoderCaps(device: int, codec: str, chroma: int, depth: int) -> dict[str, int]:
    """As an H200 is documented: no AV1, no H.264 above 8 bits, HEVC also in 4:4:4."""
    works = chroma == 1 or (codec == "hevc" and chroma == 3)
    works = works and codec != "av1" and (codec, depth) != ("h264", 10)
    size = (4096 if codec == "h264" else 8192) * works
    return {
        "supported": int(works), "num_decoder_engines": 7 * works, "width_max": size,
        "height_max": size, "mb_num_max": (size // 16) ** 2, "width_min": 48, "height_min": 16,
    }  # fmt: skip


def GetEncoderCaps(device: int, codec: str) -> dict[str, int]:
    raise RuntimeError("NvEncOpenEncodeSessionEx returned error 10: no encode device")
