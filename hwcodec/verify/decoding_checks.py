"""Checks that decode: every group alone, and in hardware where there is some.

Each returns what it found, or raises what is wrong.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

import torch

from hwcodec.bitstream import split_gops
from hwcodec.codec import decode
from hwcodec.errors import BitstreamError
from hwcodec.types import Bitstream, Picture
from hwcodec.verify.subject import Subject

HardwareDecoder = Callable[[Bitstream], Iterator[Picture]]


def independence(subject: Subject) -> str:
    """Every group, decoded alone and with one thread, gives the luma of the whole decode.

    Raises:
        BitstreamError: if one does not decode, or differently.
    """
    groups = split_gops(subject.bitstream)
    alone = (picture for group in groups for picture in decode(group, thread_count=1))
    count = _compare(decode(subject.bitstream), alone, "decoded without the groups before")
    return f"{len(groups)} groups decode alone, {count} pictures are equal"


def hardware(subject: Subject, decoder: HardwareDecoder) -> str:
    """A hardware decoder gives the luma that libavcodec gives: the standards leave no freedom.

    Raises:
        BitstreamError: if it does not decode, or differently.
    """
    stream = subject.bitstream
    count = _compare(decode(stream), decoder(stream), "decoded in hardware")
    return f"{count} pictures decoded in hardware are equal"


def _compare(expected: Iterable[Picture], got: Iterable[Picture], how: str) -> int:
    """How many pictures there are, when all are equal."""
    count = 0
    for one, other in zip_longest(expected, got):
        if one is None or other is None:
            raise BitstreamError(
                f"pictures end after frame {count} when {how}, expected as many as in the whole "
                "decode; encode with closed groups"
            )
        wrong = _difference(one, other)
        if wrong:
            raise BitstreamError(
                f"frame {count} differs in {wrong} codes when {how}, expected none; "
                "encode with closed groups"
            )
        count += 1
    return count


def _difference(one: Picture, other: Picture) -> int:
    first, second = one.luma.cpu(), other.luma.cpu()
    if first.shape != second.shape:
        return max(first.numel(), second.numel())
    # Widened, since torch compares few things of type uint16.
    return int(torch.count_nonzero(first.to(torch.int32) != second.to(torch.int32)))
