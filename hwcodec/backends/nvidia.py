"""PyNvVideoCodec's sessions: NVENC and NVDEC on CUDA tensors that never see the host."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from hwcodec.annexb import to_annex_b
from hwcodec.backends import pynv
from hwcodec.backends.ledger import FrameLedger
from hwcodec.backends.nvidia_encoding import encode_pictures
from hwcodec.device_probe import NVIDIA, probe_devices
from hwcodec.errors import BitstreamError
from hwcodec.surfaces import StreamOrder, planes_of
from hwcodec.types import Bitstream, Capabilities, DecodeOptions, EncoderSettings, Picture

# A decoder is built for sizes up to the next multiple, so that groups of other sizes fit too.
_SIZE_STEP = 512


class NvidiaBackend:
    """The vendor's own encoder and decoder sessions."""

    def capabilities(self) -> Capabilities:
        """What the probe of this machine found."""
        return probe_devices().capabilities(NVIDIA)

    def encode(self, pictures: Sequence[Picture], settings: EncoderSettings) -> Bitstream:
        """Code pictures from device memory into closed groups."""
        return encode_pictures(pictures, settings)

    def decode(
        self, streams: Iterable[Bitstream], options: DecodeOptions
    ) -> Iterator[tuple[int, Picture]]:
        """Yield pictures as the engine delivers them, their planes copied once on the device."""
        session: _Session | None = None
        for number, stream in enumerate(streams):
            if session is None or not session.takes(stream):
                if session is not None:
                    yield from session.finish()
                session = _Session(stream, options)
            elif not session.continues(stream):
                yield from session.finish()
                session.turn_to(stream)
            yield from session.feed(number, stream)
        if session is not None:
            yield from session.finish()


class _Session:
    """One decoder, fed with streams of one codec and depth, reconfigured where sizes differ."""

    def __init__(self, first: Bitstream, options: DecodeOptions) -> None:
        self._current, self._options = first, options
        self._limits = _rounded_up(first.width), _rounded_up(first.height)
        device = torch.device(options.device)
        self._order = StreamOrder(device)
        self._ledger = FrameLedger()
        self._decoder = pynv.new_decoder(
            first.codec, device.index or 0, self._order.handle, self._limits
        )

    def takes(self, stream: Bitstream) -> bool:
        """Whether the decoder can be used for this stream, reconfigured or not."""
        fits = stream.width <= self._limits[0] and stream.height <= self._limits[1]
        now = self._current
        return fits and (stream.codec, stream.format) == (now.codec, now.format)

    def continues(self, stream: Bitstream) -> bool:
        """Whether the stream can follow without draining the decoder first."""
        return stream.geometry == self._current.geometry

    def turn_to(self, stream: Bitstream) -> None:
        """Reconfigure the drained decoder for pictures of another size."""
        self._decoder.setReconfigParams(stream.width, stream.height)
        self._current = stream

    def feed(self, number: int, stream: Bitstream) -> Iterator[tuple[int, Picture]]:
        """Decode the packets of a stream; the last pictures come with the next call."""
        shift = self._ledger.enter(number, stream)
        for packet, data in zip(stream.packets, to_annex_b(stream), strict=True):
            yield from self._pictures(data, packet.pts + shift)

    def finish(self) -> Iterator[tuple[int, Picture]]:
        """The pictures that the decoder still holds.

        Raises:
            BitstreamError: if some are missing.
        """
        yield from self._pictures(b"", 0)
        self._ledger.close()

    def _pictures(self, data: bytes, clock: int) -> Iterator[tuple[int, Picture]]:
        try:
            frames = pynv.decode(self._decoder, data, clock)
        except Exception as error:  # The library's own exceptions derive from nothing narrower.
            raise self._ledger.gave_up(error) from error
        # The next call recycles the surfaces, so all of them are copied before the first is given.
        yield from [self._settle(frame) for frame in frames]

    def _settle(self, frame: Any) -> tuple[int, Picture]:  # noqa: ANN401 -- the vendor's own
        due = self._ledger.settle(int(frame.getPTS()))
        geometry = self._current.geometry
        self._order.before_reading()
        surface = torch.utils.dlpack.from_dlpack(frame)
        expected = (geometry.height * 3 // 2, geometry.width)
        if tuple(surface.shape) != expected or surface.dtype != geometry.format.dtype:
            raise BitstreamError(
                f"decoder delivered a surface of {tuple(surface.shape)} {surface.dtype}, expected "
                f"{expected} {geometry.format.dtype}; the stream is damaged or foreign"
            )
        luma, chroma = surface[: geometry.height], surface[geometry.height :]
        parts = (luma, chroma) if self._options.with_chroma else (luma,)
        planes = planes_of(parts, geometry.format)
        self._order.after_reading()
        return due.stream, Picture(planes, geometry.format, due.pts)


def _rounded_up(size: int) -> int:
    return -(-size // _SIZE_STEP) * _SIZE_STEP
