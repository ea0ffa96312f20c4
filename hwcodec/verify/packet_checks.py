"""Checks of what the packets hold and of where groups of pictures begin.

Each returns what it found, or raises what is wrong.
"""

from itertools import pairwise

from hwcodec.errors import BitstreamError
from hwcodec.types import Codec
from hwcodec.verify.subject import Subject

_INSTANT = {
    Codec.H264: "an IDR picture",
    Codec.HEVC: "an IDR picture (IDR_W_RADL or IDR_N_LP)",
    Codec.AV1: "a shown key frame behind a sequence header",
}
_LEADING = {"RASL", "RADL"}
_CLOSED = "encode with closed groups (x264 and x265: open-gop=0, and fixed key distances)"


def packets(subject: Subject) -> str:
    """Every packet is one picture of known units that refer to known parameter sets.

    Raises:
        BitstreamError: if not.
    """
    known = subject.config.pictures.keys()
    for index, picture in enumerate(subject.pictures):
        if picture.strays:
            raise BitstreamError(
                f"packet {index} holds {picture.strays[0]}, expected slices and messages alone; "
                "parameter sets belong into the configuration record, so mux the stream again"
            )
        if len(picture.kinds) != 1:
            raise BitstreamError(
                f"packet {index} holds {len(picture.kinds)} pictures, expected exactly one; "
                "the file is damaged or was cut by hand, mux the stream again"
            )
        if picture.picture_sets - known:
            raise BitstreamError(
                f"packet {index} refers to picture parameter sets "
                f"{sorted(picture.picture_sets)}, expected {sorted(known)}; "
                "packets of another stream were mixed in, encode it again"
            )
        if set(picture.sequences) - {subject.parameters}:
            raise BitstreamError(
                f"packet {index} changes the sequence header, expected that of the configuration "
                "record; write pictures of another format to a stream of their own"
            )
    return f"{len(subject.pictures)} packets of one picture each"


def closed_groups(subject: Subject) -> str:
    """Decoding can start at every key packet, and nothing in a group is shown before its key.

    Raises:
        BitstreamError: if not.
    """
    samples = subject.track.samples
    if not samples[0].is_key:
        raise BitstreamError(f"first packet is not marked as key, expected one; {_CLOSED}")
    for index in range(len(samples)):
        _check_key(subject, index)
    starts = [index for index, sample in enumerate(samples) if sample.is_key]
    edges = [*starts, len(samples)]
    _check_order(subject.track.frame_numbers(), edges)
    cut = [start for start in subject.track.fragment_starts if start not in set(starts)]
    if cut:
        raise BitstreamError(
            f"a fragment starts at packet {cut[0]}, which is not key, expected every fragment to "
            "start a group; mux again with a fragment per group (-movflags frag_keyframe)"
        )
    lengths = [end - start for start, end in pairwise(edges)]
    return f"{len(starts)} closed groups of {min(lengths)} to {max(lengths)} pictures"


def _check_key(subject: Subject, index: int) -> None:
    picture, codec = subject.pictures[index], subject.parameters.codec
    (kind,) = picture.kinds
    is_key = subject.track.samples[index].is_key
    if kind in _LEADING or kind == "CRA":
        raise BitstreamError(
            f"packet {index} holds a {kind} picture: its group is open, expected {_INSTANT[codec]} "
            f"at the start and nothing shown before it; {_CLOSED}"
        )
    if is_key and not picture.is_instant:
        raise BitstreamError(
            f"packet {index} is marked as key and holds a picture of type {kind}: its group is "
            f"open, expected {_INSTANT[codec]}; {_CLOSED}"
        )
    if picture.is_instant and not is_key:
        raise BitstreamError(
            f"packet {index} holds {_INSTANT[codec]} and is not marked as key, expected the mark; "
            "players cannot find it, so mux the stream again"
        )


def _check_order(numbers: tuple[int, ...], edges: list[int]) -> None:
    for start, end in pairwise(edges):
        strangers = [number for number in numbers[start:end] if not start <= number < end]
        if strangers or numbers[start] != start:
            where = strangers[0] if strangers else min(numbers[start:end])
            raise BitstreamError(
                f"group of packets {start} to {end - 1} shows frame {where}, expected its key "
                f"packet to show frame {start} and the others those up to {end - 1}: B pictures "
                f"reach across its edge; {_CLOSED}"
            )
