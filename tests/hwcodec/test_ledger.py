"""Frames that a decoding session owes, and what it is told when they do not come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcodec import YUV420P8, Bitstream, BitstreamError, Codec, Packet, PictureGeometry
from hwcodec.backends.ledger import DueFrame, FrameLedger


def stream_of(*numbers: int) -> Bitstream:
    packets = tuple(Packet(b"x", pts, at, at == 0) for at, pts in enumerate(numbers))
    return Bitstream(Codec.HEVC, PictureGeometry(YUV420P8, 64, 48), b"", packets)


@given(st.lists(st.integers(1, 5).flatmap(lambda n: st.permutations(range(n))), max_size=4))
def test_frames_are_due_in_presentation_order_over_all_streams(orders) -> None:
    ledger = FrameLedger()
    shifts = [ledger.enter(index, stream_of(*order)) for index, order in enumerate(orders)]
    assert shifts == [sum(map(len, orders[:index])) for index in range(len(orders))]
    clocks = range(sum(map(len, orders)))
    expected = [(index, pts) for index, order in enumerate(orders) for pts in sorted(order)]
    assert [(due.stream, due.pts) for due in map(ledger.settle, clocks)] == expected
    ledger.close()


def test_gaps_in_the_numbers_of_a_stream_move_the_next_one_behind_them() -> None:
    ledger = FrameLedger()
    assert [ledger.enter(0, stream_of(0, 4, 2)), ledger.enter(1, stream_of(0))] == [0, 5]
    found = [ledger.settle(clock) for clock in (0, 2, 4, 5)]
    assert found[-1] == DueFrame(stream=1, pts=0, clock=5)


@pytest.mark.parametrize("clock", [1, 3, -1, None])
def test_another_frame_than_the_one_that_is_due_is_refused(clock) -> None:
    ledger = FrameLedger()
    ledger.enter(0, stream_of(0, 1, 2))
    with pytest.raises(BitstreamError, match=f"delivered frame {clock}, expected frame 0"):
        ledger.settle(clock)


def test_a_frame_that_comes_twice_is_refused() -> None:
    ledger = FrameLedger()
    ledger.enter(0, stream_of(0, 1))
    ledger.settle(0)
    with pytest.raises(BitstreamError, match="delivered frame 0, expected frame 1"):
        ledger.settle(0)


def test_more_frames_than_packets_are_refused() -> None:
    ledger = FrameLedger()
    with pytest.raises(BitstreamError, match="more frames than it was given packets"):
        ledger.settle(0)


def test_missing_frames_are_named_by_their_place_in_their_stream() -> None:
    ledger = FrameLedger()
    ledger.enter(0, stream_of(0))
    ledger.enter(1, stream_of(0, 1, 2))
    with pytest.raises(BitstreamError, match=r"no frame from frame 0 on, expected 4 more"):
        ledger.close()
    ledger.settle(0)
    ledger.settle(1)
    with pytest.raises(BitstreamError, match="no frame from frame 1 of stream 1 on, expected 2"):
        ledger.close()


def test_a_decoder_that_gives_up_is_quoted_with_the_place() -> None:
    ledger = FrameLedger()
    assert "gave up after the last frame: no memory;" in str(ledger.gave_up("no memory"))
    ledger.enter(0, stream_of(0))
    assert "gave up from frame 0 on: no memory;" in str(ledger.gave_up("no memory"))
