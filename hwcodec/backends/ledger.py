"""Which frames a decoding session owes: what went in, in the order in which it must come out."""

from collections import deque
from typing import NamedTuple

from hwcodec.errors import BitstreamError
from hwcodec.types import Bitstream


class DueFrame(NamedTuple):
    """A frame that has been fed and not delivered yet; ``clock`` is its number in the session."""

    stream: int
    pts: int
    clock: int


class FrameLedger:
    """Frames owed in presentation order over all streams of one session."""

    def __init__(self) -> None:
        self._due: deque[DueFrame] = deque()
        self._next_clock = 0

    def enter(self, number: int, stream: Bitstream) -> int:
        """Note the frames of the next stream; what to add to its time stamps."""
        shift = self._next_clock
        numbers = sorted(packet.pts for packet in stream.packets)
        self._due.extend(DueFrame(number, pts, shift + pts) for pts in numbers)
        self._next_clock = shift + numbers[-1] + 1
        return shift

    def settle(self, clock: int | None) -> DueFrame:
        """Take a delivered frame off the list.

        Raises:
            BitstreamError: if another frame is due, or none.
        """
        if not self._due:
            raise BitstreamError(
                "decoder delivered more frames than it was given packets; "
                "the stream is damaged, fetch or encode it again"
            )
        due = self._due.popleft()
        if clock != due.clock:
            raise BitstreamError(
                f"decoder delivered frame {clock}, expected frame {due.clock}; "
                "the stream is damaged, fetch or encode it again"
            )
        return due

    def gave_up(self, reason: object) -> BitstreamError:
        """The error for a decoder that refuses a packet."""
        return BitstreamError(
            f"decoder gave up {self._place()}: {reason}; "
            "the stream is damaged, fetch or encode it again"
        )

    def close(self) -> None:
        """Insist that nothing is owed any more.

        Raises:
            BitstreamError: if frames are missing at the end.
        """
        if self._due:
            raise BitstreamError(
                f"decoder delivered no frame {self._place()}, expected {len(self._due)} more; "
                "the stream is damaged, fetch or encode it again"
            )

    def _place(self) -> str:
        if not self._due:
            return "after the last frame"
        due = self._due[0]
        where = f" of stream {due.stream}" if due.stream else ""
        return f"from frame {due.pts}{where} on"
