"""Ordinary videos for people, limited range and BT.709, through libx264."""

import errno
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hwcodec.backends import libav
from hwcodec.errors import BackendUnavailable

_LIMITED_RANGE, _BT709 = 1, 1


def write_viewing_video(
    path: Path, frames: Iterable[tuple[NDArray[np.uint8], ...]], frame_rate: Fraction
) -> None:
    """Write limited-range BT.709 planes as H.264 in an MP4 whose index comes first.

    Raises:
        OSError: if the file cannot be written.
        BackendUnavailable: if the encoder fails.
    """
    try:
        # FFmpeg takes what stands before the colon of a relative name for a protocol.
        with libav.open_sink(str(path.absolute()), {"movflags": "faststart"}) as container:
            stream: Any = None
            for pts, planes in enumerate(frames):
                tensors = tuple(torch.from_numpy(plane) for plane in planes)
                frame: Any = libav.video_frame(tensors, "yuv420p")
                stream = stream or _open_viewing_encoder(container, frame, frame_rate)
                frame.pts, frame.time_base = pts, 1 / frame_rate
                frame.color_range, frame.colorspace = _LIMITED_RANGE, _BT709
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except libav.FFmpegError as error:
        if isinstance(error, OSError) and error.errno in {*errno.errorcode}:
            raise
        raise BackendUnavailable(
            f"libx264 cannot write a video here: {error}; write pictures instead"
        ) from error


def _open_viewing_encoder(container: Any, frame: Any, frame_rate: Fraction) -> Any:  # noqa: ANN401
    stream = container.add_stream("libx264", rate=frame_rate, options={"crf": "18"})
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
    context = stream.codec_context
    context.time_base = 1 / frame_rate
    context.color_range = _LIMITED_RANGE
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream
