"""The vendor's own decoding loop, with nothing of ours around it: a yardstick for `nvidia`."""

from collections.abc import Callable, Sequence

import torch

from hwcodec.annexb import to_annex_b
from hwcodec.backends import pynv
from hwcodec.types import Bitstream

_DEFAULT_STREAM = 0


def bare_loop(streams: Sequence[Bitstream], device: torch.device) -> Callable[[int], int]:
    """A function that decodes all streams so many times in one decoder and counts the frames.

    The streams are of one codec and size. Pictures are not touched; wait for the device before
    looking at a clock.

    Raises:
        BitstreamError: if a packet is damaged.
    """
    first = streams[0]
    packets = [data for stream in streams for data in to_annex_b(stream)]
    size = first.width, first.height

    def work(loops: int) -> int:
        decoder = pynv.new_decoder(first.codec, device.index or 0, _DEFAULT_STREAM, size)
        return pynv.count_frames(decoder, packets, loops)

    return work
