"""Whether a decoder is right on a device: every byte, in every order, for as long as it is kept.

Decoders of these standards are exact, so what libavcodec gives on the processor is the truth and
the tolerance is zero. Each check takes the function that decodes, so that it can be tried with any.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from benchmarks.gpu_parts import Outcome, combined, guarded
from benchmarks.synthetic import synthetic_pictures
from hwcodec import (
    YUV420P8,
    YUV420P10,
    Bitstream,
    ConstantQp,
    EncoderSettings,
    GopStructure,
    Lossless,
    PictureGeometry,
    PixelFormat,
    decode_all,
    encode,
    split_gops,
)
from hwcodec.surfaces import StreamOrder
from hwcodec.types import Picture

# Decodes bitstreams one after another; each picture with the number of its bitstream.
Decode = Callable[[Sequence[Bitstream]], Iterator[tuple[int, Picture]]]
# Why a decoder does not take a stream, or None.
Refusal = Callable[[Bitstream], str | None]

_QP = 26
_SIZE = (320, 192)
_ODD_SIZE = (322, 198)
_LARGER = (704, 416)


@dataclass(frozen=True, slots=True)
class Case:
    """Streams to be compared under one name; played one after another."""

    name: str
    streams: tuple[Bitstream, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """What the ordering check needs of a device; on the processor all of it is nothing."""

    side: Callable[[], AbstractContextManager[object]]
    keep_busy: Callable[[], None]
    finish: Callable[[], None]


def exactness_cases(frame_count: int = 18) -> Iterator[Case]:
    """Every codec and depth, with and without B pictures, lossless, in groups, and resized."""
    for encoder, pixel_format in (
        ("libx264", YUV420P8),
        ("libx265", YUV420P8),
        ("libx265", YUV420P10),
        ("libsvtav1", YUV420P8),
        ("libsvtav1", YUV420P10),
    ):
        name = f"{encoder} {pixel_format.bit_depth} bits"
        plain = _settings(encoder, pixel_format)
        for count in (8, 0):
            settings = replace(plain, gop=GopStructure(b_frame_count=count))
            yield Case(f"{name}, {count} B pictures", (_stream(settings, frame_count),))
        groups = _stream(replace(plain, gop=GopStructure(length=5)), frame_count)
        yield Case(f"{name}, groups of 5 and a rest", tuple(split_gops(groups)))
        odd = _settings(encoder, pixel_format, _ODD_SIZE)
        yield Case(f"{name}, odd size", (_stream(odd, 7),))
        sizes = [_stream(_settings(encoder, pixel_format, s), 5) for s in (_SIZE, _LARGER, _SIZE)]
        yield Case(f"{name}, another size in between", tuple(sizes))
        if encoder == "libx265":
            lossless = replace(plain, rate=Lossless())
            yield Case(f"{name}, lossless", (_stream(lossless, frame_count),))


def check_exactness(cases: Iterable[Case], decode: Decode, refusal: Refusal) -> Outcome:
    """Count the bytes in which luma differs from libavcodec's; none is expected.

    Streams that the decoder refuses are noted with its reason.
    """
    outcomes = {case.name: guarded(_exactness(case, decode, refusal)) for case in cases}
    whole = combined(outcomes)
    refused = [name for name, outcome in outcomes.items() if "refused" in outcome.data]
    compared = len(outcomes) - len(refused)
    if whole.is_ok and compared:
        said = f"{compared} cases without a differing byte, {len(refused)} refused"
        return replace(whole, said=said)
    return whole if compared else replace(whole, is_ok=False, said="every case was refused")


def check_ordering(decode: Decode, stream: Bitstream, device: Device) -> Outcome:
    """Read pictures on another stream than the device's own while it is busy.

    With our ordering every picture must be right. Without it some should be wrong; where none is,
    this check could not have failed, and says so.
    """
    expected = reference([stream])
    ordered = _wrong_on_the_side(decode, stream, expected, device)
    with unordered():
        loose = _wrong_on_the_side(decode, stream, expected, device)
    proof = f"{loose} without" if loose else "none without either, so this proves little"
    return Outcome(
        is_ok=ordered == 0,
        said=f"{ordered} of {len(expected)} pictures wrong with ordering, {proof}",
        data={"wrong_with_ordering": ordered, "wrong_without": loose, "pictures": len(expected)},
    )


def check_lifetime(decode: Decode, streams: Sequence[Bitstream]) -> Outcome:
    """Keep every decoded tensor while decoding goes on; later none may have changed."""
    kept: list[Tensor] = []
    clones: list[Tensor] = []
    for _, picture in decode(streams):
        kept.append(picture.luma)
        clones.append(picture.luma.clone())
    changed = sum(differing_bytes(now, then) > 0 for now, then in zip(kept, clones, strict=True))
    return Outcome(
        is_ok=bool(kept) and changed == 0,
        said=f"{changed} of {len(kept)} kept pictures changed later",
        data={"changed": changed, "pictures": len(kept)},
    )


def reference(streams: Sequence[Bitstream]) -> list[Tensor]:
    """Luma of every picture as libavcodec gives it on the processor."""
    return [picture.luma for _, picture in decode_all(streams)]


def differing_bytes(one: Tensor, other: Tensor) -> int:
    """In how many bytes two planes differ; all of them where shape or type do.

    Planes of different devices are compared on the processor.
    """
    if one.shape != other.shape or one.dtype != other.dtype:
        return max(one.numel() * one.element_size(), other.numel() * other.element_size())
    parts = (plane.cpu().contiguous().view(torch.uint8) for plane in (one, other))
    return int(torch.ne(*parts).sum())


@contextmanager
def unordered() -> Iterator[None]:
    """Take all ordering of streams out of the decoders, to see whether it is needed."""
    names = ("before_reading", "after_reading", "hand_over")
    whole = {name: getattr(StreamOrder, name) for name in names}
    try:
        for name in names:
            setattr(StreamOrder, name, lambda *_: None)
        yield
    finally:
        for name, method in whole.items():
            setattr(StreamOrder, name, method)


def _exactness(case: Case, decode: Decode, refusal: Refusal) -> Callable[[], Outcome]:
    def work() -> Outcome:
        if reason := next(filter(None, map(refusal, case.streams)), None):
            return Outcome(is_ok=True, said=f"refused: {reason}", data={"refused": reason})
        expected = reference(case.streams)
        found = [picture.luma for _, picture in decode(case.streams)]
        pairs = zip(found, expected, strict=True)
        differing = sum(differing_bytes(one, other) for one, other in pairs)
        total = sum(plane.numel() * plane.element_size() for plane in expected)
        return Outcome(
            is_ok=differing == 0,
            said=f"{differing} of {total} bytes differ",
            data={"differing_bytes": differing, "bytes": total, "pictures": len(expected)},
        )

    return work


def _wrong_on_the_side(
    decode: Decode, stream: Bitstream, expected: Sequence[Tensor], device: Device
) -> int:
    """How many pictures are wrong when another stream reads them as soon as they are handed out."""
    copies: list[Tensor] = []
    with device.side():
        device.keep_busy()
        for _, picture in decode([stream]):
            copies.append(picture.luma.clone())
            device.keep_busy()
        device.finish()
    pairs = zip(copies, expected, strict=True)
    return sum(differing_bytes(one, other) > 0 for one, other in pairs)


def _settings(
    encoder: str, pixel_format: PixelFormat, size: tuple[int, int] = _SIZE
) -> EncoderSettings:
    return EncoderSettings(encoder, PictureGeometry(pixel_format, *size), ConstantQp(_QP))


def _stream(settings: EncoderSettings, frame_count: int) -> Bitstream:
    return encode(synthetic_pictures(settings.geometry, frame_count), settings)


def by_name(decoders: Mapping[str, Decode], check: Callable[[str, Decode], Outcome]) -> Outcome:
    """One check for each decoder, together."""
    return combined({name: guarded(partial(check, name, one)) for name, one in decoders.items()})
