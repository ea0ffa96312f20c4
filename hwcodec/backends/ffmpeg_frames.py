"""What a libavcodec decoder delivers, checked frame by frame and made into tensors.

Nothing here imports PyAV: frames come in as they are and go out as pictures.
"""

from collections.abc import Sequence
from typing import Any

import torch
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
    """Turns the frames of one session, in the memory they come in, into pictures.

    Decoding sweeps the caches, so that Python runs several times slower here than elsewhere: what
    is the same for all frames is settled once, and borrowed planes take the shortest way.
    """

    def __init__(self, first: Bitstream, options: DecodeOptions, ledger: FrameLedger) -> None:
        self._geometry, self._options, self._ledger = first.geometry, options, ledger
        self._format = first.geometry.format
        self._plane_count = len(first.geometry.plane_shapes) if options.with_chroma else 1
        self._is_borrowed = options.borrow and options.device == "cpu"

    def read(self, frame: Any) -> tuple[int, Picture]:  # noqa: ANN401 -- PyAV's own
        """The picture of a delivered frame, and which stream it belongs to.

        Raises:
            BitstreamError: if it is not the frame that is due, in number, size, range or layout.
        """
        due = self._ledger.settle(frame.pts)
        _check(frame, self._geometry)
        wanted = frame.planes[: self._plane_count]
        if self._is_borrowed:
            planes = tuple(_borrowed(plane, self._format.dtype) for plane in wanted)
        elif frame.format.name == DEVICE_LAYOUT:
            planes = _device_planes(wanted, self._format)
        else:
            planes = tuple(self._owned(plane) for plane in wanted)
        return due.stream, Picture(planes, self._format, due.pts)

    def _owned(self, plane: Any) -> Tensor:  # noqa: ANN401 -- PyAV's own
        """A plane's codes in memory of their own, or on another device."""
        device = self._options.device
        if device != "cpu":
            return _borrowed(plane, self._format.dtype).to(device)
        # numpy copies row by row at memory speed; torch takes five times as long for uint16.
        return torch.from_numpy(_borrowed(plane, self._format.dtype).numpy().copy())


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


def _borrowed(plane: Any, dtype: torch.dtype) -> Tensor:  # noqa: ANN401 -- PyAV's own
    """The plane's codes (rows, columns) where the decoder wrote them; it predicts from them."""
    codes = torch.frombuffer(plane, dtype=dtype)
    stride = plane.line_size // dtype.itemsize
    return codes.as_strided((plane.height, plane.width), (stride, 1))


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
