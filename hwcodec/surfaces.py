"""What hardware sessions hand out and take: semi-planar surfaces, and the order of CUDA streams.

NV12 is a luma plane over one plane of interleaved chroma, 8 bits; P010 is the same with 10-bit
codes in the upper bits of 16.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from hwcodec.types import Picture, PictureGeometry, PixelFormat

_SHIFT = 6  # P010 keeps 10 bits in the upper part of 16.


def surface_name(pixel_format: PixelFormat) -> str:
    """The vendor's name of the surface that carries this format."""
    return "NV12" if pixel_format.bit_depth == 8 else "P010"


def planes_of(parts: Sequence[Tensor], pixel_format: PixelFormat) -> tuple[Tensor, ...]:
    """Planes in tensors of their own: luma, and two of chroma where interleaved chroma is given.

    ``parts`` is the luma part (rows, columns) of a surface, alone or with the chroma part
    (rows / 2, columns), of uint8 or uint16, on any device.
    """
    luma, *rest = parts
    views = [luma]
    for chroma in rest:
        pairs = chroma.reshape(chroma.shape[0], -1, 2)
        views += [pairs[..., 0], pairs[..., 1]]
    return tuple(_own_codes(view, pixel_format) for view in views)


def surface_of(picture: Picture, geometry: PictureGeometry, device: torch.device) -> Tensor:
    """One contiguous surface (rows * 3 / 2, columns) of a picture; missing chroma is neutral."""
    planes = [plane.to(device) for plane in picture.planes]
    shapes = geometry.plane_shapes[len(planes) :]
    planes += [picture.format.neutral_plane(*shape).to(device) for shape in shapes]
    luma, *chroma = (plane.to(torch.int32) for plane in planes)
    whole = torch.cat((luma, torch.stack(chroma, dim=-1).reshape(-1, geometry.width)))
    if picture.format.bit_depth == 8:
        return whole.to(torch.uint8)
    return (whole << _SHIFT).to(torch.uint16)


class StreamOrder:
    """Keeps a session's CUDA stream and the caller's current stream in order, both ways.

    Without it a tensor may be read before the decoder has written it, or overwritten while it is
    still read: wrong pixels and no error. On the processor there is nothing to order.
    """

    def __init__(self, device: torch.device, *, on_default: bool = False) -> None:
        self.device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            # Some libraries work on the default stream whatever they are told.
            self._stream = (
                torch.cuda.default_stream(device) if on_default else torch.cuda.Stream(device)
            )

    @property
    def handle(self) -> int:
        """The session's stream as vendor libraries take it."""
        return 0 if self._stream is None else int(self._stream.cuda_stream)

    def working(self) -> AbstractContextManager[object]:
        """A block whose work on the device goes to this session's stream."""
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def before_reading(self) -> None:
        """Let the caller's stream wait for all that the session has been given so far."""
        if self._stream is not None:
            torch.cuda.current_stream(self.device).wait_stream(self._stream)

    def after_reading(self) -> None:
        """Let the session wait until the caller's stream has read; its surfaces are then free."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self.device))

    def hand_over(self, tensors: Sequence[Tensor]) -> None:
        """Let the caller's stream wait, and keep the tensors' memory until it has read them."""
        if self._stream is None:
            return
        self.before_reading()
        current = torch.cuda.current_stream(self.device)
        for tensor in tensors:
            tensor.record_stream(current)


def _own_codes(view: Tensor, pixel_format: PixelFormat) -> Tensor:
    if pixel_format.bit_depth == 8:
        return view.clone(memory_format=torch.contiguous_format)
    # torch shifts no uint16; as int16 the sign comes down with the shift and is masked off.
    codes = view.contiguous().view(torch.int16) >> _SHIFT
    return (codes & pixel_format.max_code).view(torch.uint16)
