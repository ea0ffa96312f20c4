"""Decoding sessions of libavcodec, on the processor and through NVDEC."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from hwcodec.backends import libav
from hwcodec.backends.ffmpeg_frames import FrameReader
from hwcodec.backends.ledger import FrameLedger
from hwcodec.types import Bitstream, Codec, DecodeOptions, Picture

DECODERS = {Codec.H264: "h264", Codec.HEVC: "hevc", Codec.AV1: "libdav1d"}
# With a device FFmpeg's own AV1 decoder is asked, which does nothing but drive hardware.
DEVICE_DECODERS = {**DECODERS, Codec.AV1: "av1"}


def decode_streams(
    streams: Iterable[Bitstream], options: DecodeOptions, *, in_hardware: bool
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
            session = _Session(stream, options, in_hardware=in_hardware)
        yield from session.feed(number, stream)
    if session is not None:
        yield from session.finish()


class _Session:
    """One open decoder, fed with streams that continue each other."""

    def __init__(self, first: Bitstream, options: DecodeOptions, *, in_hardware: bool) -> None:
        self._first = first
        self._ledger = FrameLedger()
        self._reader = FrameReader(first, options, self._ledger)
        names = DEVICE_DECODERS if in_hardware else DECODERS
        self._context: Any = libav.new_decoder(
            names[first.codec],
            first.extradata,
            thread_count=options.thread_count,
            device_index=(torch.device(options.device).index or 0) if in_hardware else None,
        )

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
            times = packet.pts + shift, packet.dts + shift
            yield from self._pictures(libav.packet_of(packet.data, times, time_base))

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
        except libav.FFmpegError as error:
            raise self._ledger.gave_up(error) from error
        for frame in frames:
            yield self._reader.read(frame)
