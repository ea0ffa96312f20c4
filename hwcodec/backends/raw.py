"""Lossless identity codec: codes stored as they are, deflated when that helps.

Always available. It makes every pipeline testable anywhere, and as a codec it stands for
"quantization only". FORMAT.md, "Raw pictures", describes the bytes.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from hwcodec.errors import BitstreamError
from hwcodec.headers import raw_config
from hwcodec.types import (
    Bitstream,
    Capabilities,
    Codec,
    DecodeOptions,
    EncoderSettings,
    Packet,
    Picture,
    PictureGeometry,
)

_STORED, _DEFLATED = 0, 1
_LEVEL = 6


class RawBackend:
    """Codes in, the same codes out; needs nothing but the standard library."""

    def capabilities(self) -> Capabilities:
        """The raw encoder and decoder, always."""
        return Capabilities("raw", ("raw",), (Codec.RAW,), {})

    def encode(self, pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
        """Every picture becomes a key packet of its own."""
        geometry = settings.geometry
        packets = tuple(
            Packet(_pack(picture.planes), index, index, is_key=True)
            for index, picture in enumerate(pictures)
        )
        extradata = raw_config(geometry.format, len(pictures[0].planes))
        return Bitstream(Codec.RAW, geometry, extradata, packets)

    def decode(
        self, streams: Iterable[Bitstream], options: DecodeOptions
    ) -> Iterator[tuple[int, Picture]]:
        """Yield the stored codes; chroma that was never stored comes back neutral."""
        for number, stream in enumerate(streams):
            for picture in _pictures(stream, options):
                yield number, picture


def _pictures(bitstream: Bitstream, options: DecodeOptions) -> Iterator[Picture]:
    geometry = bitstream.geometry
    plane_count = bitstream.extradata[3]
    if not 1 <= plane_count <= len(geometry.plane_shapes):
        raise BitstreamError(
            f"raw configuration says {plane_count} planes, expected 1 to "
            f"{len(geometry.plane_shapes)}; the stream header is damaged"
        )
    for packet in sorted(bitstream.packets, key=lambda packet: packet.pts):
        planes = _unpack(packet, geometry, plane_count)
        wanted = _with_chroma(planes, geometry) if options.with_chroma else planes[:1]
        moved = tuple(plane.to(options.device) for plane in wanted)
        yield Picture(moved, geometry.format, packet.pts)


def _pack(planes: Sequence[Tensor]) -> bytes:
    codes = b"".join(_little_endian(plane) for plane in planes)
    small = zlib.compress(codes, _LEVEL)
    return bytes((_DEFLATED,)) + small if len(small) < len(codes) else bytes((_STORED,)) + codes


def _little_endian(plane: Tensor) -> bytes:
    array = plane.detach().cpu().contiguous().numpy()
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _unpack(packet: Packet, geometry: PictureGeometry, plane_count: int) -> list[Tensor]:
    shapes = geometry.plane_shapes[:plane_count]
    code_bytes = 1 if geometry.format.bit_depth == 8 else 2
    counts = [rows * columns for rows, columns in shapes]
    codes = _codes(packet, sum(counts) * code_bytes)
    flat = np.frombuffer(codes, dtype=np.dtype(f"<u{code_bytes}")).astype(f"=u{code_bytes}")
    if int(flat.max()) > geometry.format.max_code:
        raise _damaged(packet, f"a code above {geometry.format.max_code}")
    parts = np.split(flat, np.cumsum(counts)[:-1])
    return [
        torch.from_numpy(part.reshape(shape).copy())
        for part, shape in zip(parts, shapes, strict=True)
    ]


def _codes(packet: Packet, size_bytes: int) -> bytes:
    method, body = packet.data[:1], packet.data[1:]
    if method == bytes((_DEFLATED,)):
        try:
            # One byte more than expected is enough to notice that there is too much.
            body = zlib.decompressobj().decompress(body, size_bytes + 1)
        except zlib.error as error:
            raise _damaged(packet, f"broken deflate data ({error})") from error
    elif method != bytes((_STORED,)):
        raise _damaged(packet, f"method {method.hex() or 'missing'}")
    if len(body) != size_bytes:
        raise _damaged(packet, f"{len(body)} bytes of codes where {size_bytes} were due")
    return body


def _damaged(packet: Packet, what: str) -> BitstreamError:
    return BitstreamError(
        f"raw packet of frame {packet.pts} holds {what}; it is truncated or damaged, "
        "fetch or encode it again"
    )


def _with_chroma(planes: list[Tensor], geometry: PictureGeometry) -> list[Tensor]:
    missing = geometry.plane_shapes[len(planes) :]
    return planes + [geometry.format.neutral_plane(*shape) for shape in missing]
