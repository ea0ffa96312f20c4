"""Streams that a benchmark measures without a package: codecs, depths and sizes, kept in a folder.

Encoding takes longer than measuring, so a stream that was encoded once is read back. Its file's
name carries a hash of everything that decides its bytes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.provenance import versions
from benchmarks.synthetic import CONTENT, synthetic_pictures
from hwcodec import (
    YUV420P8,
    YUV420P10,
    Bitstream,
    BitstreamError,
    Codec,
    ConstantQp,
    EncoderSettings,
    PictureGeometry,
    Tuning,
    demux,
    encode,
    mux,
    replace_file,
)
from hwcodec.backends.ffmpeg_options import encoder_options

ENCODERS = {Codec.H264: "libx264", Codec.HEVC: "libx265", Codec.AV1: "libsvtav1"}
# Hardware decodes no H.264 of more than 8 bits.
DEPTHS = {Codec.H264: (8,), Codec.HEVC: (8, 10), Codec.AV1: (8, 10)}
LEAST_FRAMES = 40
"""So many that a decoder's filling and draining does not decide the rate."""

_FORMATS = {8: YUV420P8, 10: YUV420P10}
# On each encoder's own scale, about the quality at which atlases are stored.
_QP = {Codec.H264: 22, Codec.HEVC: 24, Codec.AV1: 34}


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What is in a stream, as tables name it."""

    codec: Codec
    bit_depth: int
    width: int
    height: int
    frame_count: int

    @property
    def geometry(self) -> PictureGeometry:
        """Format and size of its pictures.

        Raises:
            UnsupportedConfig: if there are no such pictures.
        """
        return PictureGeometry(_FORMATS[self.bit_depth], self.width, self.height)

    @property
    def name(self) -> str:
        """Short name, such as ``hevc-10bit-2048x2048``."""
        return f"{self.codec.value}-{self.bit_depth}bit-{self.width}x{self.height}"

    @classmethod
    def of(cls, stream: Bitstream, frame_count: int) -> "StreamSpec":
        """What is in this stream; ``frame_count`` may count others that continue it."""
        depth = stream.format.bit_depth
        return cls(stream.codec, depth, stream.width, stream.height, frame_count)


@dataclass(frozen=True, slots=True)
class StoredStream:
    """An encoded stream and the MP4 file that holds it."""

    spec: StreamSpec
    path: Path
    bitstream: Bitstream


def stream_specs(
    codecs: Iterable[Codec],
    depths: Sequence[int],
    sizes: Sequence[tuple[int, int]],
    frame_count: int,
) -> tuple[StreamSpec, ...]:
    """Every combination that exists; H.264 has 8 bits alone."""
    return tuple(
        StreamSpec(codec, depth, *size, frame_count)
        for codec in codecs
        for size in sizes
        for depth in DEPTHS[codec]
        if depth in depths
    )


def encoder_settings(
    spec: StreamSpec, encoder: str | None = None, thread_count: int | None = None
) -> EncoderSettings:
    """Settings as packages are encoded with: one closed group, the usual preset, constant QP."""
    tuning = Tuning() if thread_count is None else Tuning(thread_count=thread_count)
    name, rate = encoder or ENCODERS[spec.codec], ConstantQp(_QP[spec.codec])
    return EncoderSettings(name, spec.geometry, rate, tuning=tuning)


def stored_stream(
    spec: StreamSpec, folder: Path, *, thread_count: int | None = None
) -> StoredStream:
    """The stream of that kind from the folder, encoded and written there if it is missing.

    Raises:
        UnsupportedConfig: if the encoder does not take pictures of that size.
        BackendUnavailable: if the encoder does not run here.
        BitstreamError: if the file in the folder is damaged.
    """
    settings = encoder_settings(spec, thread_count=thread_count)
    path = folder / f"{spec.name}-{spec.frame_count}-{_key(settings)}.mp4"
    if not path.exists():
        pictures = synthetic_pictures(spec.geometry, spec.frame_count)
        replace_file(path, mux(encode(pictures, settings)))
    try:
        bitstream = demux(path.read_bytes())
    except BitstreamError as error:
        raise BitstreamError(f"{path.name}: {error}; delete it and run again") from error
    return StoredStream(spec, path, bitstream)


def _key(settings: EncoderSettings) -> str:
    decides = (repr(settings), repr(encoder_options(settings)), CONTENT, versions()["av"])
    return hashlib.sha256("\n".join(decides).encode()).hexdigest()[:12]
