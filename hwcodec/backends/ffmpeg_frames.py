"""What a libavcodec decoder delivers, checked frame by frame and made into tensors.

Nothing here imports PyAV: frames come in as they are and go out as pictures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwcodec.backends.ledger import FrameLedger
from hwcodec.errors import BitstreamError
from hwcodec.surfaces import StreamOrder, planes_of
from hwcodec.types import Bitstream, DecodeOptions, Picture, PictureGeometry, PixelFormat

FULL_RANGE = 2
DEVICE_LAYOUT = "cuda"
# FFmpeg calls full-range 4:2:0 at 8 bits yuvj420p for some codecs.
_LAYOUTS = {8: {"yuv420p", "yuvj420p"}, 10: {"yuv420p10le"}}
_SURFACES = {8: {"nv12"}, 10: {"p010le"}}


class FrameReader:
    """Turns the frames of one session, in the memory they come in, into pictures."""

    def __init__(self, first: Bitstream, options: DecodeOptions, ledger: FrameLedger) -> None:
        self._geometry, self._options, self._ledger = first.geometry, options, ledger

    def read(self, frame: Any) -> tuple[int, Picture]:  # noqa: ANN401 -- PyAV's own
        """The picture of a delivered frame, and which stream it belongs to.

        Raises:
            BitstreamError: if it is not the frame that is due, in number, size, range or layout.
        """
        due = self._ledger.settle(frame.pts)
        _check(frame, self._geometry)
        wanted = frame.planes if self._options.with_chroma else frame.planes[:1]
        if frame.format.name == DEVICE_LAYOUT:
            planes = _device_planes(wanted, self._geometry.format)
        else:
            planes = self._host_planes(wanted)
        return due.stream, Picture(planes, self._geometry.format, due.pts)

    def _host_planes(self, parts: Sequence[Any]) -> tuple[Tensor, ...]:
        options = self._options
        views = [_view(plane, self._geometry.format) for plane in parts]
        if not options.borrow and options.device == "cpu":
            # numpy copies row by row at memory speed; torch takes five times as long for uint16.
            views = [view.copy() for view in views]
        return tuple(torch.from_numpy(view).to(options.device) for view in views)


def _check(frame: Any, geometry: PictureGeometry) -> None:  # noqa: ANN401 -- PyAV's own
    depth = geometry.format.bit_depth
    on_device = frame.format.name == DEVICE_LAYOUT
    layout = frame.sw_format.name if on_device else frame.format.name
    known = (_SURFACES if on_device else _LAYOUTS)[depth]
    got = (frame.width, frame.height, frame.color_range)
    expected = (geometry.width, geometry.height, FULL_RANGE)
    if got != expected or layout not in known or frame.is_corrupt:
        raise BitstreamError(
            f"decoder delivered (width, height, range) {got} as {layout}"
            f"{', marked corrupt' if frame.is_corrupt else ''}, expected {expected} as "
            f"{geometry.format.name} (range 2 is full); the stream is damaged or foreign"
        )


def _view(plane: Any, pixel_format: PixelFormat) -> NDArray[Any]:  # noqa: ANN401 -- PyAV's own
    """The plane's codes (rows, columns) where the decoder wrote them; it predicts from them."""
    dtype = np.uint8 if pixel_format.bit_depth == 8 else np.uint16
    return np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width]


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
