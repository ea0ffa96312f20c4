"""Several sessions at once, tried with sessions that decode nothing and can be told to fail."""

import threading
import time
from collections.abc import Iterable, Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import GRAY8, Bitstream, BitstreamError, Codec, Packet, Picture, PictureGeometry
from hwcodec.parallel import decode_in_turn

CPU = torch.device("cpu")
GEOMETRY = PictureGeometry(GRAY8, 2, 2)


def stream_of(name: int, length: int) -> Bitstream:
    packets = tuple(Packet(b"x", pts, pts, pts == 0) for pts in range(length))
    return Bitstream(Codec.RAW, GEOMETRY, bytes((name,)), packets)


def session(streams: Iterable[Bitstream]) -> Iterator[tuple[int, Picture]]:
    """Pictures whose codes are the name of their stream; a stream named 99 is damaged."""
    for index, stream in enumerate(streams):
        name = stream.extradata[0]
        if name == 99:
            raise BitstreamError("damaged")
        for packet in stream.packets:
            luma = torch.full((2, 2), name, dtype=torch.uint8)
            yield index, Picture((luma,), GRAY8, packet.pts)


def played(found: Iterable[tuple[int, Picture]]) -> list[tuple[int, int, int]]:
    return [(number, int(one.luma[0, 0]), one.pts) for number, one in found]


def workers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "hwcodec-session"]


@given(st.lists(st.integers(1, 6), max_size=7), st.integers(1, 5))
def test_pictures_come_in_order_whatever_the_number_of_sessions(lengths, count) -> None:
    streams = (stream_of(name, length) for name, length in enumerate(lengths))
    expected = [(name, name, pts) for name, length in enumerate(lengths) for pts in range(length)]
    assert played(decode_in_turn(streams, session, count, CPU)) == expected
    assert not workers()


def test_streams_go_to_the_sessions_in_turn() -> None:
    fed: list[list[int]] = []

    def noting(streams: Iterable[Bitstream]) -> Iterator[tuple[int, Picture]]:
        mine: list[int] = []
        fed.append(mine)
        for stream in streams:
            mine.append(stream.extradata[0])
            yield from session([stream])

    found = decode_in_turn((stream_of(name, 2) for name in range(8)), noting, 3, CPU)
    assert len(played(found)) == 16
    assert sorted(fed) == [[0, 3, 6], [1, 4, 7], [2, 5]]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_damage_is_raised_behind_the_pictures_before_it(place, count) -> None:
    names = [99 if index == place else index for index in range(4)]
    found = decode_in_turn((stream_of(name, 2) for name in names), session, count, CPU)
    seen: list[int] = []
    with pytest.raises(BitstreamError, match="damaged"):
        seen.extend(number for number, _ in found)
    assert seen == [number for number in range(place) for _ in range(2)]
    assert not workers()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_an_error_of_the_source_waits_for_its_turn(count) -> None:
    def source() -> Iterator[Bitstream]:
        yield stream_of(0, 2)
        yield stream_of(1, 2)
        raise OSError("unplugged")

    found = decode_in_turn(source(), session, count, CPU)
    seen: list[tuple[int, int]] = []
    with pytest.raises(OSError, match="unplugged"):
        seen.extend((number, picture.pts) for number, picture in found)
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not workers()


def test_sessions_stop_when_nobody_takes_their_pictures(monkeypatch) -> None:
    monkeypatch.setattr("hwcodec.parallel._WAITING_BYTES", 0)
    asked: list[int] = []

    def endless() -> Iterator[Bitstream]:
        for name in range(90):
            asked.append(name)
            yield stream_of(name, 5)

    found = decode_in_turn(endless(), session, 2, CPU)
    next(found)
    time.sleep(0.05)
    found.close()
    assert not workers()
    # Two pictures may wait for each session, so neither is beyond its first stream.
    assert asked in ([0], [0, 1])
