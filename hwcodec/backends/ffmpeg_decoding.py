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
# Software decodes this many packets before their frames become pictures. Decoding sweeps the
# caches, so that the first Python after it is slow; in runs that is paid once for several frames.
# Frames held longer than that cost more than it saves, since the decoder then writes to colder
# memory (measured: 2 held frames are free, 4 cost 2 %, 8 cost 4 %). Surfaces of a device come from
# a small pool and are taken at once.
_RUN_LENGTH = 2


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
        self._run_length = 1 if in_hardware else _RUN_LENGTH
        self._has_no_threads = options.thread_count == 1 and not in_hardware
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
        shift = self._ledger.enter(number, stream)
        for start in range(0, len(stream.packets), self._run_length):
            run = stream.packets[start : start + self._run_length]
            # All packets first, for the same reason.
            packets = [
                libav.packet_of(
                    packet.data,
                    (packet.pts + shift, packet.dts + shift),
                    is_shared=self._has_no_threads,
                )
                for packet in run
            ]
            yield from self._pictures(packets)

    def finish(self) -> Iterator[tuple[int, Picture]]:
        """The pictures that the decoder still holds.

        Raises:
            BitstreamError: if some are missing.
        """
        yield from self._pictures([None])
        self._ledger.close()

    def _pictures(self, packets: Iterable[Any]) -> Iterator[tuple[int, Picture]]:
        """The pictures that these packets complete; a bad packet speaks after those before it."""
        frames: list[Any] = []
        failure: libav.FFmpegError | None = None
        for packet in packets:
            try:
                frames += self._context.decode(packet)
            except libav.FFmpegError as error:
                failure = error
                break
        frames.reverse()
        while frames:
            # Taken off the list first: a frame that is kept here would keep its memory.
            yield self._reader.read(frames.pop())
        if failure is not None:
            raise self._ledger.gave_up(failure) from failure
