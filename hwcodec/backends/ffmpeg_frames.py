"""What a libavcodec decoder must deliver, checked frame by frame and made into tensors.

Nothing here imports PyAV: frames come in as they are and go out as pictures.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hwcodec.errors import BitstreamError
from hwcodec.types import Bitstream, DecodeOptions, Picture, PixelFormat

FULL_RANGE = 2
# FFmpeg calls full-range 4:2:0 at 8 bits yuvj420p for some codecs.
_LAYOUTS = {8: {"yuv420p", "yuvj420p"}, 10: {"yuv420p10le"}}


@dataclass(frozen=True, slots=True)
class DueFrame:
    """A frame that has been fed and not delivered yet; ``clock`` is its number in the session."""

    stream: int
    pts: int
    clock: int


class FrameLedger:
    """Which frames a decoding session owes, in presentation order over all its streams."""

    def __init__(self, first: Bitstream, options: DecodeOptions) -> None:
        self._format, self._geometry, self._options = first.format, first.geometry, options
        self._due: deque[DueFrame] = deque()
        self._next_clock = 0

    def enter(self, number: int, stream: Bitstream) -> int:
        """Note the frames of the next stream; what to add to its time stamps."""
        shift = self._next_clock
        numbers = sorted(packet.pts for packet in stream.packets)
        self._due.extend(DueFrame(number, pts, shift + pts) for pts in numbers)
        self._next_clock = shift + numbers[-1] + 1
        return shift

    def settle(self, frame: Any) -> tuple[int, Picture]:  # noqa: ANN401 -- PyAV's own
        """The picture of a delivered frame, and which stream it belongs to.

        Raises:
            BitstreamError: if it is not the frame that is due, in number, size, range or layout.
        """
        if not self._due:
            raise BitstreamError(
                "decoder delivered more frames than it was given packets; "
                "the stream is damaged, fetch or encode it again"
            )
        due = self._due.popleft()
        self._check(frame, due)
        options = self._options
        wanted = frame.planes if options.with_chroma else frame.planes[:1]
        views = (_view(plane, self._format) for plane in wanted)
        if not options.borrow and options.device == "cpu":
            # numpy copies row by row at memory speed; torch takes five times as long for uint16.
            views = (view.copy() for view in views)
        planes = tuple(torch.from_numpy(view).to(options.device) for view in views)
        return due.stream, Picture(planes, self._format, due.pts)

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

    def _check(self, frame: Any, due: DueFrame) -> None:  # noqa: ANN401 -- PyAV's own
        geometry, layout = self._geometry, frame.format.name
        got = (frame.pts, frame.width, frame.height, frame.color_range)
        expected = (due.clock, geometry.width, geometry.height, FULL_RANGE)
        if got != expected or layout not in _LAYOUTS[self._format.bit_depth] or frame.is_corrupt:
            raise BitstreamError(
                f"decoder delivered (frame, width, height, range) {got} as {layout}"
                f"{', marked corrupt' if frame.is_corrupt else ''}, expected {expected} as "
                f"{self._format.name} (range 2 is full); the stream is damaged or foreign"
            )


def _view(plane: Any, pixel_format: PixelFormat) -> NDArray[Any]:  # noqa: ANN401 -- PyAV's own
    """The plane's codes (rows, columns) where the decoder wrote them; it predicts from them."""
    dtype = np.uint8 if pixel_format.bit_depth == 8 else np.uint16
    return np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width]
