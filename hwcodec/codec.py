"""Pictures to bitstream and back: validation here, coding in the backends."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby, islice

import torch

from hwcodec.bitstream import check_packets
from hwcodec.decoders import choose_decoder
from hwcodec.encoders import check_settings
from hwcodec.errors import BackendUnavailable, UnsupportedConfig
from hwcodec.parallel import MOST_SESSIONS, decode_in_turn
from hwcodec.registry import encoder_spec, encoding_backend, load
from hwcodec.types import Bitstream, Codec, DecodeOptions, EncoderSettings, Picture, PictureGeometry


def encode(pictures: Iterable[Picture], settings: EncoderSettings) -> Bitstream:
    """Code ``pictures`` into closed groups, after checking every one of them.

    Pictures come in presentation order with ``pts`` 0, 1, 2 ..., luma alone or all planes, on any
    device. Encoding the same pictures with the same settings and library gives the same bytes.

    Raises:
        UnsupportedConfig: if a setting or a picture does not fit; nothing has been encoded then.
        BackendUnavailable: if the encoder does not run here; see ``choose_encoder``.
    """
    spec = encoder_spec(settings.encoder)
    check_settings(settings, spec)
    checked = tuple(pictures)
    _check_pictures(checked, settings.geometry)
    backend, reason = encoding_backend(settings.encoder)
    if backend is None:
        raise BackendUnavailable(
            f"encoder {settings.encoder} does not run on this machine: {reason}; "
            "choose_encoder() finds a replacement"
        )
    # Some encoders change their profile when every picture is to be a key frame, so one picture
    # alone does not ask for that.
    length = settings.gop.length or max(len(checked), 2)
    exact = replace(settings, gop=replace(settings.gop, length=length))
    return load(backend).encode(checked, exact)


def decode(
    bitstream: Bitstream,
    *,
    device: str | torch.device = "cpu",
    thread_count: int | None = None,
    with_chroma: bool = False,
    stop: int | None = None,
    borrow: bool = False,
) -> Iterator[Picture]:
    """Yield the pictures in presentation order, ``pts`` 0 to count - 1, none missing.

    Each picture owns fresh tensors on ``device``. Only luma is delivered unless ``with_chroma``.
    ``stop`` ends before that ``pts``; packets that only later pictures need are not decoded.
    ``borrow`` saves a copy on the processor: planes may then be the decoder's own memory, which
    stays as it is while the picture lives, but which later pictures are predicted from. Read it,
    never write it.

    Raises:
        BitstreamError: if the bytes do not decode to what the bitstream claims; it may come after
            some pictures.
        UnsupportedConfig: if ``thread_count``, ``device`` or ``stop`` is not usable.
        BackendUnavailable: if no decoder is installed.
    """
    _check_thread_count(thread_count)
    options = DecodeOptions(_usable_device(device), thread_count, with_chroma, borrow)
    check_packets(bitstream)
    backend = load(choose_decoder(bitstream.codec, bitstream.geometry, device=device).backend)
    if stop is None:
        return (picture for _, picture in backend.decode([bitstream], options))
    if stop < 1:
        raise UnsupportedConfig(f"stop is {stop}, expected at least 1, or None for all pictures")
    pictures = backend.decode([_beginning(bitstream, stop)], options)
    return (picture for _, picture in islice(pictures, stop))


def decode_all(
    bitstreams: Iterable[Bitstream],
    *,
    device: str | torch.device = "cpu",
    thread_count: int | None = None,
    borrow: bool = False,
    sessions: int = 1,
) -> Iterator[tuple[int, Picture]]:
    """Yield (number of the bitstream, picture) of one bitstream after another, luma alone.

    This is how a sequence plays: the decoder stays open from one bitstream to the next where codec,
    header and size agree, and is opened anew where they do not. Bitstreams are asked for when their
    turn comes. ``pts`` starts at 0 in each. ``borrow`` is explained at ``decode``. ``sessions``
    decodes that many bitstreams at once, each in a thread with a decoder of its own, which is what
    a GPU with several engines wants; ``engine_count()`` tells how many it has.

    Raises:
        BitstreamError: if one of them does not decode to what it claims; it may come after some
            pictures.
        UnsupportedConfig: if ``thread_count``, ``device`` or ``sessions`` is not usable.
        BackendUnavailable: if a decoder is not installed.
    """
    _check_thread_count(thread_count)
    if not 1 <= sessions <= MOST_SESSIONS:
        raise UnsupportedConfig(f"sessions is {sessions}, expected 1 to {MOST_SESSIONS}")
    options = DecodeOptions(_usable_device(device), thread_count, borrow=borrow)
    if sessions == 1:
        return _decode_runs(bitstreams, options)

    def session(streams: Iterable[Bitstream]) -> Iterator[tuple[int, Picture]]:
        return _decode_runs(streams, options)

    return decode_in_turn(bitstreams, session, sessions, torch.device(options.device))


def _decode_runs(
    bitstreams: Iterable[Bitstream], options: DecodeOptions
) -> Iterator[tuple[int, Picture]]:
    """Hand over runs of bitstreams that one backend decodes to that backend."""

    @cache  # Streams of one size follow each other, and asking takes as long as some frames do.
    def backend_of(codec: Codec, geometry: PictureGeometry) -> str:
        return choose_decoder(codec, geometry, device=options.device).backend

    def decoder_of(stream: Bitstream) -> tuple[Codec, str]:
        return stream.codec, backend_of(stream.codec, stream.geometry)

    first = 0
    for (_, backend), run in groupby(map(_checked, bitstreams), key=decoder_of):
        number = -1
        for number, picture in load(backend).decode(run, options):
            yield first + number, picture
        first += number + 1


def _checked(bitstream: Bitstream) -> Bitstream:
    check_packets(bitstream)
    return bitstream


def _beginning(bitstream: Bitstream, end: int) -> Bitstream:
    """The packets up to the last one, in decoding order, that shows a frame before ``end``."""
    needed = max(place for place, packet in enumerate(bitstream.packets) if packet.pts < end)
    return replace(bitstream, packets=bitstream.packets[: needed + 1])


def _check_thread_count(thread_count: int | None) -> None:
    if thread_count is not None and not 1 <= thread_count <= 64:
        raise UnsupportedConfig(
            f"thread_count is {thread_count}, expected 1 to 64, or None for the decoder's choice"
        )


def _usable_device(device: str | torch.device) -> str:
    name = str(device)
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise UnsupportedConfig(
            f"device is {name!r}, which torch cannot use here: {error}; use 'cpu'"
        ) from error
    return name


def _check_pictures(pictures: Sequence[Picture], geometry: PictureGeometry) -> None:
    if not pictures:
        raise UnsupportedConfig("got no pictures, expected at least one to encode")
    plane_count = len(pictures[0].planes)
    for index, picture in enumerate(pictures):
        _check_order(picture, index, plane_count)
        if picture.format != geometry.format:
            raise UnsupportedConfig(
                f"picture {index} is {picture.format.name}, expected {geometry.format.name} as in "
                "the settings; make both agree"
            )
        _check_planes(picture, index, geometry)


def _check_order(picture: Picture, index: int, plane_count: int) -> None:
    if picture.pts != index:
        raise UnsupportedConfig(
            f"picture {index} has pts {picture.pts}, expected {index}; "
            "number pictures from 0 in presentation order"
        )
    if len(picture.planes) != plane_count:
        raise UnsupportedConfig(
            f"picture {index} has {len(picture.planes)} planes, expected {plane_count} like the "
            "first; give every picture luma alone, or every picture all planes"
        )


def _check_planes(picture: Picture, index: int, geometry: PictureGeometry) -> None:
    shapes = geometry.plane_shapes
    if len(picture.planes) not in {1, len(shapes)}:
        raise UnsupportedConfig(
            f"picture {index} has {len(picture.planes)} planes, expected 1 (luma alone) or "
            f"{len(shapes)} for {geometry.format.name}"
        )
    for number, (plane, shape) in enumerate(zip(picture.planes, shapes, strict=False)):
        if tuple(plane.shape) != shape or plane.dtype != geometry.format.dtype:
            raise UnsupportedConfig(
                f"plane {number} of picture {index} is {tuple(plane.shape)} {plane.dtype}, "
                f"expected {shape} {geometry.format.dtype}; encoders would rescale it silently"
            )
        # torch has no maximum for uint16, numpy has.
        highest = int(plane.detach().cpu().numpy().max())
        if highest > geometry.format.max_code:
            raise UnsupportedConfig(
                f"plane {number} of picture {index} holds code {highest}, expected at most "
                f"{geometry.format.max_code} at {geometry.format.bit_depth} bits; clamp the codes"
            )
