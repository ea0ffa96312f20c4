"""What a libavcodec decoder delivers, checked frame by frame and made into tensors.

Nothing here imports PyAV: frames come in as they are and go out as pictures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hwcodec.backends.ledger import FrameLedger
from hwcodec.errors import BitstreamError
from hwcodec.surfaces import StreamOrder, planes_of
from hwcodec.types import Bitstream, DecodeOptions, Picture, PixelFormat

FULL_RANGE = 2
DEVICE_LAYOUT = "cuda"
# FFmpeg calls full-range 4:2:0 at 8 bits yuvj420p for some codecs.
_LAYOUTS = {8: {"yuv420p", "yuvj420p"}, 10: {"yuv420p10le"}}
_SURFACES = {8: {"nv12"}, 10: {"p010le"}}

Codes = np.ndarray[Any, np.dtype[Any]]


class FrameReader:
    """Turns the frames of one session, in the memory they come in, into pictures.

    Decoding sweeps the caches, so that Python and torch run ten times slower here than elsewhere
    (measured at 1024x1024: 40 us a frame instead of 4): what is the same for all frames is settled
    once, and a borrowed luma plane takes the shortest way.
    """

    def __init__(self, first: Bitstream, options: DecodeOptions, ledger: FrameLedger) -> None:
        self._options, self._ledger = options, ledger
        self._format = first.geometry.format
        self._width, self._height = first.width, first.height
        self._layouts = _LAYOUTS[self._format.bit_depth]
        self._shapes = first.geometry.plane_shapes[: None if options.with_chroma else 1]
        self._dtype = np.dtype(np.uint8 if self._format.bit_depth == 8 else np.uint16)
        self._is_borrowed = options.borrow and options.device == "cpu"

    def read(self, frame: Any) -> tuple[int, Picture]:  # noqa: ANN401 -- PyAV's own
        """The picture of a delivered frame, and which stream it belongs to.

        Raises:
            BitstreamError: if it is not the frame that is due, in number, size, range or layout.
        """
        due = self._ledger.settle(frame.pts)
        if (
            frame.width != self._width
            or frame.height != self._height
            or frame.color_range != FULL_RANGE
            or frame.is_corrupt
            or (frame.format.name not in self._layouts and not self._is_surface(frame))
        ):
            raise self._foreign(frame)
        if self._is_borrowed and len(self._shapes) == 1:
            planes: tuple[Tensor, ...] = (self._borrowed(frame.planes[0], self._shapes[0]),)
        elif frame.format.name == DEVICE_LAYOUT:
            planes = _device_planes(frame.planes[: len(self._shapes)], self._format)
        else:
            take = self._borrowed if self._is_borrowed else self._owned
            planes = tuple(map(take, frame.planes, self._shapes))
        return due.stream, Picture(planes, self._format, due.pts)

    def _borrowed(self, plane: Any, shape: tuple[int, int]) -> Tensor:  # noqa: ANN401
        """A plane's codes where the decoder wrote them; it predicts from them."""
        return torch.from_numpy(self._codes(plane, shape))

    def _owned(self, plane: Any, shape: tuple[int, int]) -> Tensor:  # noqa: ANN401
        """A plane's codes in memory of their own, or on another device."""
        if self._options.device != "cpu":
            return self._borrowed(plane, shape).to(self._options.device)
        # numpy copies row by row at memory speed; torch takes five times as long for uint16.
        return torch.from_numpy(self._codes(plane, shape).copy())

    def _codes(self, plane: Any, shape: tuple[int, int]) -> Codes:  # noqa: ANN401
        return np.ndarray(shape, self._dtype, plane, 0, (plane.line_size, self._dtype.itemsize))

    def _is_surface(self, frame: Any) -> bool:  # noqa: ANN401
        if frame.format.name != DEVICE_LAYOUT:
            return False
        return frame.sw_format.name in _SURFACES[self._format.bit_depth]

    def _foreign(self, frame: Any) -> BitstreamError:  # noqa: ANN401
        on_device = frame.format.name == DEVICE_LAYOUT
        layout = frame.sw_format.name if on_device else frame.format.name
        got = (frame.width, frame.height, frame.color_range)
        return BitstreamError(
            f"decoder delivered (width, height, range) {got} as {layout}"
            f"{', marked corrupt' if frame.is_corrupt else ''}, expected "
            f"{(self._width, self._height, FULL_RANGE)} as {self._format.name} "
            "(range 2 is full); the stream is damaged or foreign"
        )


def _device_planes(parts: Sequence[Any], pixel_format: PixelFormat) -> tuple[Tensor, ...]:
    """Copies of the parts of a surface in device memory.

    FFmpeg works on the device's default stream, and takes a surface back when its frame is gone;
    the copies are ordered against both.
    """
    # The capsule form, because planes refuse the stream that torch.from_dlpack would pass.
    views = [torch.utils.dlpack.from_dlpack(plane.__dlpack__()) for plane in parts]
    order = StreamOrder(views[0].device, on_default=True)
    order.before_reading()
    rows = [view.reshape(view.shape[0], -1) for view in views]
    planes = planes_of(rows, pixel_format)
    order.after_reading()
    return planes
